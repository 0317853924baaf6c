"""The engine at its version, pinned and held; or gone. Each case in both modes."""

from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError

from _modules import dockerdaemon
from _modules import dockerengine as dockerengine_mod
from _states import dockerengine

RULE = {"version": "1.7.0-1*", "archs": ["armhf"], "reason": "it broke", "use": "1.7.1-1"}


class Node:
    """A node's packages, as dpkg would have them."""

    def __init__(self):
        self.facts = {}
        self.offered = ["20.10.24-1+b6", "1.7.0-1"]

    def set(self, name, version, held=False):
        self.facts[name] = {"version": version, "held": held, "known": version is not None}

    def packages(self, names, status=""):
        none = {"version": None, "held": False, "known": False}
        return {name: self.facts.get(name, none) for name in names}

    def install(self, name, version, also=()):
        self.set(name, version, True)
        for item in also:
            self.set(item, "1")

    def hold(self, name):
        self.facts[name] = {**self.facts[name], "held": True}

    def purge(self, names, data_root=""):
        self.facts = {}


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def configure_loader_modules(node, files):
    def spec(function, effect):
        return create_autospec(function, side_effect=effect)

    mocks = {
        "dockerengine.packages": spec(dockerengine_mod.packages, node.packages),
        "dockerengine.install": spec(dockerengine_mod.install, node.install),
        "dockerengine.hold": spec(dockerengine_mod.hold, node.hold),
        "dockerengine.purge": spec(dockerengine_mod.purge, node.purge),
        "dockerengine.candidates": spec(dockerengine_mod.candidates, lambda name: node.offered),
        "dockerengine.blocked": dockerengine_mod.blocked,
        "dockerengine.refusal": dockerengine_mod.refusal,
        "dockerengine.choose": dockerengine_mod.choose,
        "dockerengine.pin": dockerengine_mod.pin,
        "dockerengine.leftovers": create_autospec(dockerengine_mod.leftovers, return_value=[]),
        "dockerdaemon.is_running": create_autospec(dockerdaemon.is_running, return_value=False),
        "dockerdaemon.contents": create_autospec(dockerdaemon.contents, return_value={"images": 2}),
    }
    with patch.object(dockerengine_mod, "candidates", mocks["dockerengine.candidates"]):
        yield {
            dockerengine: {"__opts__": {"test": False}, "__salt__": {**files, **mocks}},
            dockerengine_mod: {"__grains__": {"osarch": "armhf"}, "__salt__": {}},
        }


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(dockerengine.__opts__, {"test": request.param}):
        yield request.param


@pytest.fixture
def pin(tmp_path):
    return tmp_path / "docker.pref"


def installed(pin, version="20.10.24-1*", **more):
    arguments = {"blocked": [RULE], "also": ["ca-certificates"], "pin_file": str(pin)}
    return dockerengine.installed("docker.io", version, **{**arguments, **more})


def test_a_bare_node_gets_it_once(node, pin, testmode):
    ret = installed(pin)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]["docker.io"] == {"old": "", "new": "20.10.24-1+b6"}
    assert set(ret["changes"]) == {"docker.io", "ca-certificates", "held", "pin"}
    assert pin.exists() is not testmode
    assert ("docker.io" in node.facts) is not testmode
    if not testmode:
        assert installed(pin)["changes"] == {}


@pytest.mark.parametrize("old", ["26.1.5-1", "18.09.1-1"])
def test_another_version_is_changed_to_the_pinned_one(node, pin, testmode, old):
    node.set("docker.io", old)
    node.set("ca-certificates", "1")
    ret = installed(pin)
    assert ret["changes"]["docker.io"] == {"old": old, "new": "20.10.24-1+b6"}
    assert (node.facts["docker.io"]["version"] == old) is testmode


def test_a_version_that_fits_is_held_and_not_installed_again(node, pin, testmode):
    node.set("docker.io", "20.10.24-1+b5")
    node.set("ca-certificates", "1")
    ret = installed(pin)
    assert set(ret["changes"]) == {"held", "pin"}
    assert not dockerengine.__salt__["dockerengine.install"].called
    assert node.facts["docker.io"]["held"] is not testmode


def test_a_blocked_version_is_refused_in_both_modes(node, pin, testmode):
    ret = installed(pin, "1.7.0-1")
    assert ret["result"] is False
    assert ret["comment"] == "docker.io 1.7.0-1 is blocked on armhf: it broke; use 1.7.1-1."
    assert ret["changes"] == {}
    assert not pin.exists()


def test_an_installed_version_that_is_blocked_is_left(node, pin, testmode):
    node.set("docker.io", "1.7.0-1")
    node.offered = ["1.7.1-1", "1.7.0-1"]
    ret = installed(pin, "1.7*")
    assert ret["changes"]["docker.io"] == {"old": "1.7.0-1", "new": "1.7.1-1"}


def test_a_node_without_lists_tells_the_pattern_in_test_mode(node, pin):
    node.offered = []
    with patch.dict(dockerengine.__opts__, {"test": True}):
        ret = installed(pin)
    assert ret["result"] is None
    assert ret["changes"]["docker.io"]["new"] == "20.10.24-1*"


def test_a_failure_carries_only_what_happened(node, pin):
    broken = create_autospec(dockerengine_mod.install, side_effect=CommandExecutionError("E: full"))
    with patch.dict(dockerengine.__salt__, {"dockerengine.install": broken}):
        ret = installed(pin)
    assert ret["result"] is False
    assert set(ret["changes"]) == {"pin"}
    assert ret["comment"] == "E: full"


def absent(tmp_path):
    return dockerengine.absent(
        "docker.io",
        packages=["docker.io", "runc"],
        config_file=str(tmp_path / "daemon.json"),
        pin_file=str(tmp_path / "docker.pref"),
        data_root=str(tmp_path / "data"),
    )


def test_absent_takes_all_and_says_so(node, tmp_path, testmode):
    node.set("docker.io", "20.10.24-1", True)
    (tmp_path / "daemon.json").write_text("{}")
    running = create_autospec(dockerdaemon.is_running, return_value=True)
    with patch.dict(dockerengine.__salt__, {"dockerdaemon.is_running": running}):
        ret = absent(tmp_path)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]["containers and images"]["old"] == {"images": 2}
    assert set(ret["changes"]) >= {"docker.io", str(tmp_path / "daemon.json")}
    assert "volumes" in ret["comment"]
    assert (tmp_path / "daemon.json").exists() is testmode
    if not testmode:
        assert absent(tmp_path)["changes"] == {}


def test_absent_of_nothing_is_no_change(tmp_path, testmode):
    ret = absent(tmp_path)
    assert ret["result"] is True
    assert ret["changes"] == {}


def test_absent_that_fails_says_why(node, tmp_path):
    node.set("docker.io", "1")
    broken = create_autospec(dockerengine_mod.purge, side_effect=CommandExecutionError("locked"))
    with patch.dict(dockerengine.__salt__, {"dockerengine.purge": broken}):
        ret = absent(tmp_path)
    assert ret == {"name": "docker.io", "result": False, "changes": {}, "comment": "locked"}
