"""The record of parts and modules: written before a part is applied, kept while it is undone."""

import shutil
from unittest.mock import create_autospec, patch

import picloud_salt
import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.modules import saltutil

from _grains import picloud
from _modules import pinode as pinode_mod
from _states import pinode


@pytest.fixture
def refresh():
    return create_autospec(saltutil.refresh_grains)


@pytest.fixture
def configure_loader_modules(tmp_path, files, refresh):
    opts = {
        "picloud_etc": str(tmp_path / "etc"),
        "picloud_run": str(tmp_path / "run"),
        "extension_modules": str(tmp_path / "extmods"),
    }
    names = ("parts", "record_parts", "forget_part")
    names += ("modules_digest", "record_modules", "synced_digest")
    own = {f"pinode.{name}": getattr(pinode_mod, name) for name in names}
    salt = {**files, "saltutil.refresh_grains": refresh}
    return {
        pinode_mod: {"__opts__": opts, "__salt__": salt, "__grains__": {"kernel": "Linux"}},
        pinode: {"__opts__": {"test": False}, "__salt__": own},
        picloud: {"__opts__": opts},
    }


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(pinode.__opts__, {"test": request.param}):
        yield request.param


def test_nothing_is_recorded_at_first():
    assert pinode_mod.parts() == []
    assert pinode_mod.modules_digest() == ""
    empty = {"parts": [], "modules_digest": "", "reboot_needed": []}
    assert picloud.picloud() == {"picloud": empty}


def test_parts_keep_their_order(testmode, refresh):
    pinode_mod.record_parts(["base", "docker"])
    refresh.reset_mock()
    ret = pinode.parts_recorded("x", ["boot", "docker", "base"])
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]["parts"]["new"] == ["base", "docker", "boot"]
    assert ("boot" in pinode_mod.parts()) is not testmode
    assert refresh.called is not testmode


def test_known_parts_are_no_change(testmode, refresh):
    pinode_mod.record_parts(["base"])
    refresh.reset_mock()
    ret = pinode.parts_recorded("x", ["base"])
    assert ret["result"] is True
    assert ret["changes"] == {}
    assert not refresh.called


def test_a_part_is_forgotten_alone(testmode):
    pinode_mod.record_parts(["base", "docker"])
    ret = pinode.part_forgotten("docker")
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"parts": {"old": ["base", "docker"], "new": ["base"]}}
    assert pinode_mod.parts() == (["base", "docker"] if testmode else ["base"])


def test_an_unknown_part_is_no_change(testmode):
    ret = pinode.part_forgotten("docker")
    assert ret["result"] is True
    assert ret["changes"] == {}


def test_a_part_that_waits_for_a_rollout_is_named_and_nothing_is_done(testmode):
    ret = pinode.part_waits("docker")
    assert (ret["result"], ret["changes"]) == (None, {})
    assert "salt-run rollout.plan part=docker" in ret["comment"]


@pytest.fixture
def master(tmp_path):
    """A checkout with modules, which the node has in its cache."""
    for name in ("modules/a.py", "modules/b/c.py", "states/a.py", "grains/pi.py"):
        for path in (tmp_path / "checkout" / f"_{name}", tmp_path / "extmods" / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {name}\n")
    return tmp_path / "checkout"


def test_the_digest_of_modules(testmode, master):
    digest = picloud_salt.modules_digest(master)
    ret = pinode.modules_recorded("x", digest)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"modules_digest": {"old": "", "new": digest}}
    assert pinode_mod.modules_digest() == ("" if testmode else digest)


@pytest.mark.parametrize(
    "harm",
    [
        lambda cache: (cache / "modules/a.py").unlink(),
        lambda cache: (cache / "states/a.py").write_text("# old\n"),
        lambda cache: (cache / "grains/gone.py").write_text(""),
        shutil.rmtree,
    ],
    ids=["missing", "old", "too many", "none"],
)
@pytest.mark.usefixtures("testmode")
def test_modules_that_are_not_the_masters_are_not_recorded(master, tmp_path, harm):
    harm(tmp_path / "extmods")
    ret = pinode.modules_recorded("x", picloud_salt.modules_digest(master))
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "apply the highstate again" in ret["comment"]
    assert pinode_mod.modules_digest() == ""


def test_what_the_caches_of_python_hold_does_not_count(master, tmp_path):
    (tmp_path / "extmods/modules/__pycache__").mkdir()
    (tmp_path / "extmods/modules/__pycache__/a.cpython-311.pyc").write_bytes(b"x")
    assert pinode_mod.synced_digest() == picloud_salt.modules_digest(master)


def test_master_and_node_mean_the_same_folders():
    assert pinode_mod.SYNCED == picloud_salt.SYNCED


def test_the_same_digest_is_no_change(testmode):
    pinode_mod.record_modules("abc")
    assert pinode.modules_recorded("x", "abc")["changes"] == {}


@pytest.mark.parametrize("name", ["", "a b", "a\nb", 7])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(SaltInvocationError):
        pinode_mod.record_parts([name])


def test_a_disk_that_is_full_fails_without_changes(testmode):
    full = create_autospec(pinode_mod.record_parts, side_effect=CommandExecutionError("full"))
    with patch.dict(pinode.__salt__, {"pinode.record_parts": full}):
        ret = pinode.parts_recorded("x", ["base"])
    if not testmode:
        assert ret == {"name": "x", "result": False, "changes": {}, "comment": "full"}


def test_the_grain_says_why_a_reboot_is_needed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/reboot-needed").write_text("boot: config.txt changed\n")
    pinode_mod.record_parts(["base"])
    pinode_mod.record_modules("abc")
    assert picloud.picloud()["picloud"] == {
        "parts": ["base"],
        "modules_digest": "abc",
        "reboot_needed": ["boot: config.txt changed"],
    }
