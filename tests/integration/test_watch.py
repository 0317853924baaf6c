"""
The ``picloud`` runner as people use it: a real master, real minions, ``salt-run`` in a shell.

The master has the shipped configuration but states of its own: a highstate of the shipped ones
would configure the machine that runs the tests.
"""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

STATES = {
    "top.sls": "base: {'*': [demo]}",
    "demo.sls": """
good: test.nop
{% if grains.id == "pi1" %}
docker-package: test.fail_without_changes
docker-service: {test.nop: [{require: [{test: docker-package}]}]}
{% endif %}
""",
    "drift.sls": "will-change: test.succeed_with_changes",
    "check.sls": """
sound:
  salt.runner: [{name: picloud.validate}, {path: {{ pillar.path }}}]
""",
}


class Shell:
    """``salt-run`` in a shell."""

    def __init__(self, config_dir):
        self.config_dir = str(config_dir)

    def command(self, *args):
        return [str(Path(sys.executable).parent / "salt-run"), "-c", self.config_dir, *args]

    def run(self, *args):
        """Run it in a pipe; return exit status, standard output and standard error."""
        done = subprocess.run(
            self.command(*args), capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def data(self, *args):
        """Run it for a script; return the data."""
        status, out, err = self.run(*args, "--out=json")
        assert status == 0, err
        return json.loads(out)

    def terminal(self, *args):
        """Run it in a terminal of 100 columns; return what is on the screen."""
        leader, follower = pty.openpty()
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
        env.pop("NO_COLOR", None)
        with subprocess.Popen(
            self.command(*args), stdout=follower, stderr=subprocess.DEVNULL, env=env
        ) as process:
            os.close(follower)
            shown = b""
            try:
                while chunk := os.read(leader, 65536):
                    shown += chunk
            except OSError:  # Linux says EIO when the last writer closed a terminal
                pass
            process.wait(timeout=60)
        os.close(leader)
        return shown.decode()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, repo):
    """Return the folder of a copy of the shipped description for this module alone."""
    folder = tmp_path_factory.mktemp("watched") / "cloud"
    shutil.copytree(repo / "pillar" / "cloud", folder)
    return folder


@pytest.fixture(scope="module")
def watched(salt_factories, repo, cloud, tmp_path_factory):
    """Start a master with the shipped configuration and harmless states."""
    states = tmp_path_factory.mktemp("states")
    for name, text in STATES.items():
        (states / name).write_text(text)
    text = (repo / "master" / "master.d" / "picloud.conf").read_text()
    config = yaml.safe_load(
        text.replace("/srv/picloud/pillar/cloud", str(cloud)).replace("/srv/picloud", str(repo))
    )
    config["file_roots"] = {"base": [str(states)]}
    del config["engines"]  # no cards were issued for these nodes, so rejoin would hold them
    factory = salt_factories.salt_master_daemon("watched", overrides={**config, "fips_mode": False})
    with factory.started():
        yield factory


@pytest.fixture(scope="module")
def shell(watched):
    return Shell(watched.config_dir)


@pytest.fixture(scope="module")
def nothing_yet(shell):
    """Return what the runner says before any node exists."""
    return shell.run("picloud.status"), shell.run("picloud.rack", "rack1")


@pytest.fixture(scope="module")
def nodes(watched, nothing_yet):
    """Start two nodes and give each a highstate: pi0 is sound, pi1 is not."""
    overrides = {"autoload_dynamic_modules": False, "fips_mode": False}
    minions = [watched.salt_minion_daemon(name, overrides=overrides) for name in ("pi0", "pi1")]
    with minions[0].started(), minions[1].started():
        watched.salt_cli().run("state.highstate", minion_tgt="pi*")
        yield minions


@pytest.fixture
def broken(cloud):
    """Break the description for one test."""
    path = cloud / "racks" / "rack1.sls"
    text = path.read_text()
    path.write_text(text.replace("id: pi1,", "id: pi0,"))
    yield
    path.write_text(text)


def test_a_new_master_says_that_no_node_ever_came(nothing_yet):
    for status, out, _ in nothing_yet:
        assert status == 0
        assert "no card with this name has ever asked to be let in" in out


def test_the_table_names_the_failed_states(shell, nodes):
    status, out, _ = shell.run("picloud.nodes", "rack=rack1")
    lines = {line.split()[1]: line for line in out.splitlines() if line.startswith(("●", "▲", "○"))}
    assert status == 0
    assert "converged: 1 states as described" in lines["pi0"]
    assert "1 of 3 states failed" in lines["pi1"]
    assert "docker-package; not run because of them: 1" in lines["pi1"]
    assert "no card" in lines["pi2"]


def test_scripts_get_the_same_as_data(shell, nodes):
    data = shell.data("picloud.nodes", "state=drifted")
    assert list(data["nodes"]) == ["pi1"]
    assert data["counts"] == {
        "converged": 1,
        "drifted": 1,
        "rejoining": 0,
        "silent": 0,
        "unknown": 54,
        "lobby": 0,
        "held": 0,
        "quarantined": 0,
    }
    failed = data["nodes"]["pi1"]["highstate"]["failed"]
    assert [state["id"] for state in failed] == ["docker-package"]
    assert "outputter" not in data
    rack = shell.data("picloud.rack", "rack1")["racks"]["rack1"]
    assert [node["id"] for node in rack["towers"]["left"]] == [f"pi{n}" for n in range(7)]


def test_one_node_in_full(shell, nodes):
    _, out, _ = shell.run("picloud.node", "pi1")
    assert "failed  docker-package  test.fail_without_changes in demo: Failure!" in out
    assert "10.80.1.2" in out


def test_a_picture_has_colours_on_a_terminal_only(shell, nodes):
    _, piped, _ = shell.run("picloud.rack", "rack1")
    shown = shell.terminal("picloud.rack", "rack1")
    assert "\x1b[" not in piped
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    pictures = [
        [line.rstrip() for line in text.splitlines() if "██" in line] for text in (piped, plain)
    ]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 8


def test_all_racks(shell, nodes):
    _, out, _ = shell.run("picloud.rack")
    assert [f"rack{n}  glasgow" in out for n in range(1, 5)] == [True] * 4


def test_a_ping_asks_the_nodes(shell, nodes):
    data = shell.data("picloud.nodes", "rack=rack1", "ping=true")
    assert [name for name, node in data["nodes"].items() if node["connected"]] == ["pi0", "pi1"]


def test_a_test_run_shows_what_would_change(shell, watched, nodes):
    top = Path(watched.config["file_roots"]["base"][-1]) / "top.sls"
    before = top.read_text()
    try:
        top.write_text("base: {'*': [demo, drift]}")
        watched.salt_cli().run("state.highstate", "test=true", minion_tgt="pi0")
        node = shell.data("picloud.node", "pi0")["node"]
    finally:
        top.write_text(before)
        watched.salt_cli().run("state.highstate", minion_tgt="pi0")
    assert node["state"] == "drifted"
    assert [state["id"] for state in node["highstate"]["would_change"]] == ["will-change"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["picloud.node", "pi03"], 'There is no node "pi03"; did you mean "pi3"?'),
        (["picloud.nodes", "state=drifed"], 'There is no state "drifed"; did you mean "drifted"?'),
        (["picloud.validate", "path=/nowhere"], "There is no folder /nowhere"),
        (["picloud.import", "source=/nowhere", "format=cvs"], 'did you mean "csv"?'),
    ],
)
def test_what_cannot_be_answered_is_said_and_fails(shell, args, message):
    status, out, _ = shell.run(*args)
    assert status == 1
    assert message in out
    assert "Traceback" not in out


def test_a_sound_description(shell, cloud):
    assert shell.run("picloud.validate")[:2] == (
        0,
        f"{cloud} is sound: 56 nodes in 4 racks at 1 site.\n",
    )


def test_faults_fail_in_a_shell_and_in_an_orchestration(shell, broken, cloud):
    status, out, _ = shell.run("picloud.validate")
    assert status == 1
    assert out.splitlines()[0].startswith("racks/rack1.sls:")
    status, out, _ = shell.run(
        "state.orchestrate", "check", f"pillar={{path: {cloud}}}", "--out=json"
    )
    assert status == 1
    (state,) = next(iter(json.loads(out)["data"].values())).values()
    assert state["result"] is False


def test_a_broken_description_is_told_and_the_last_good_one_shown(shell, nodes, broken):
    status, out, _ = shell.run("picloud.status")
    assert status == 0
    assert "The description is broken" in out
    assert "racks/rack1.sls:" in out
    assert "56 nodes in 4 racks" in out
    _, out, _ = shell.run("picloud.nodes")
    assert "what is shown is the last good one" in out


def test_an_import_goes_to_a_file_and_its_faults_to_the_terminal(shell, tmp_path):
    source = tmp_path / "hosts.csv"
    source.write_text(
        "hostname,mac,model\npi1,b8:27:eb:00:00:01,pi4b\npi2,00:00:00:00:00:00,pi4b\n"
    )
    status, out, err = shell.run("picloud.import", f"source={source}", "format=csv")
    assert status == 1
    assert "hosts.csv:3:" in err
    assert yaml.safe_load(out)["racks"]
