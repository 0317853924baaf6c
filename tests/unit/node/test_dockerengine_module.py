"""What is installed is read from dpkg's own file; what to install is chosen and may be refused."""

from unittest.mock import create_autospec

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.modules import cmdmod

from _modules import dockerdaemon, dockerengine

STATUS = """\
Package: docker.io
Status: {status}
Priority: optional
Version: 20.10.24+dfsg1-1+deb12u1+b6
Description: Linux container runtime
 Version: not this line

Package: docker.io-doc
Status: install ok installed
Version: 1

Package: runc
Status: deinstall ok config-files
Version: 1.1.5"""
RULE = {"version": "1.7.0-1*", "archs": ["armel", "armhf"], "reason": "it broke", "use": "1.7.1-1"}
MADISON = """\
 docker.io | 1.7.1-1 | http://deb.debian.org/debian bookworm/main armhf Packages
 docker.io | 1.7.0-1+b1 | http://deb.debian.org/debian bookworm/main armhf Packages
 docker.io | 1.6.2-1 | http://deb.debian.org/debian bookworm/main armhf Packages
 docker.io | 1.6.2-1 | http://deb.debian.org/debian bookworm/main Sources
"""


@pytest.fixture
def run():
    answer = {"retcode": 0, "stdout": MADISON, "stderr": ""}
    return create_autospec(cmdmod.run_all, return_value=answer)


@pytest.fixture
def configure_loader_modules(run, files):
    salt = {
        **files,
        "cmd.run_all": run,
        "dockerdaemon.is_running": create_autospec(dockerdaemon.is_running, return_value=True),
        "dockerdaemon.stop_containers": create_autospec(dockerdaemon.stop_containers),
    }
    grains = {"os_family": "Debian", "osarch": "armhf"}
    return {dockerengine: {"__salt__": salt, "__grains__": grains}}


def commands(run):
    return [call.args[0] for call in run.call_args_list]


@pytest.fixture
def status(tmp_path):
    def write(text):
        path = tmp_path / "status"
        path.write_text(STATUS.format(status=text))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("install ok installed", ("20.10.24+dfsg1-1+deb12u1+b6", False, True)),
        ("hold ok installed", ("20.10.24+dfsg1-1+deb12u1+b6", True, True)),
        ("hold ok not-installed", (None, True, False)),
        ("install reinstreq half-installed", (None, False, True)),
    ],
)
def test_packages(status, text, fact):
    found = dockerengine.packages(["docker.io"], status(text))
    assert found == {"docker.io": dict(zip(("version", "held", "known"), fact, strict=True))}


def test_the_last_package_and_one_that_is_not_there(status):
    found = dockerengine.packages(["runc", "docker"], status("install ok installed"))
    assert found["runc"] == {"version": None, "held": False, "known": True}
    assert found["docker"] == {"version": None, "held": False, "known": False}


def test_a_status_file_that_cannot_be_read(tmp_path):
    with pytest.raises(CommandExecutionError, match="Cannot read"):
        dockerengine.packages(["runc"], str(tmp_path / "none"))


def test_the_blocked_version_is_refused_with_why_and_what_to_use():
    with pytest.raises(CommandExecutionError) as err:
        dockerengine.choose("docker.io", "1.7.0-1", [RULE])
    assert str(err.value) == "docker.io 1.7.0-1 is blocked on armhf: it broke; use 1.7.1-1."


def test_a_pattern_skips_what_is_blocked():
    assert dockerengine.choose("docker.io", "1.7*", [RULE]) == "1.7.1-1"
    with pytest.raises(CommandExecutionError, match=r"1\.7\.0-1\+b1 is blocked on armhf"):
        dockerengine.choose("docker.io", "1.7.0*", [RULE])


def test_another_architecture_may_have_it():
    assert dockerengine.blocked("1.7.0-1", [RULE], arch="amd64") is None


def test_no_rules_and_bad_rules():
    assert dockerengine.blocked("1.7.0-1", None) is None
    with pytest.raises(SaltInvocationError, match="not a rule"):
        dockerengine.blocked("1.7.0-1", ["1.7.0-1"])


def test_what_apt_does_not_offer_is_told_with_what_it_offers(run):
    with pytest.raises(CommandExecutionError, match=r"offers 1\.7\.1-1, 1\.7\.0-1\+b1, 1\.6\.2-1"):
        dockerengine.choose("docker.io", "26.*", refresh=True)
    assert ["apt-get", "update", "-q"] in commands(run)


def test_the_pin_bars_what_is_blocked_here():
    text = dockerengine.pin("docker.io", "1.7*", [RULE])
    assert text.index("Pin: version 1.7.0-1*\nPin-Priority: -1") < text.index("Pin: version 1.7*\n")
    assert "Pin-Priority: 1001" in text


def test_install_takes_the_version_and_holds_it(run):
    dockerengine.install("docker.io", "1.6.2-1", ["ca-certificates"])
    install, hold = commands(run)
    assert install[-2:] == ["docker.io=1.6.2-1", "ca-certificates"]
    assert "--allow-downgrades" in install
    assert hold == ["apt-mark", "hold", "docker.io"]


def test_a_failure_of_apt_is_told_in_its_words(run):
    run.return_value = {"retcode": 100, "stdout": "Reading...", "stderr": "E: no space left"}
    with pytest.raises(CommandExecutionError, match="failed: E: no space left"):
        dockerengine.install("docker.io", "1.6.2-1")


def test_purge_keeps_the_volumes(run, tmp_path, monkeypatch):
    data = tmp_path / "docker"
    (data / "volumes/home").mkdir(parents=True)
    (data / "overlay2/abc").mkdir(parents=True)
    (data / "nuke-graph-directory.sh").write_text("#!/bin/sh\n")
    fact = {"version": "1", "held": True, "known": True}
    here = create_autospec(dockerengine.packages, return_value={"docker.io": fact})
    monkeypatch.setattr(dockerengine, "packages", here)
    dockerengine.purge(["docker.io"], str(data))
    assert [entry.name for entry in data.iterdir()] == ["volumes"]
    assert [command[1] for command in commands(run)] == ["unhold", "remove", "purge"]
    assert dockerengine.__salt__["dockerdaemon.stop_containers"].called
