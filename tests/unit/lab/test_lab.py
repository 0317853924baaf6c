"""The parts of the lab that need no engine: choosing nodes, reading returns, archives, errors."""

import dataclasses
import io
import json
import re
import sys
import tarfile

import pytest

from lab import __main__ as program
from lab import archives, console, converge, description, host, hostapt, images, shell, wheels
from lab.converge import Outcome
from lab.errors import LabError


@pytest.fixture(scope="module")
def site(repo):
    return description.read(repo)


def test_the_shipped_description_is_one_site_of_56(site):
    assert (site.name, len(site.nodes), site.gateway) == ("glasgow", 56, "10.80.0.1")
    assert (site.master_address, site.cache_port) == ("10.80.0.2", 3142)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ("1", "pi0"),
        ("2", "pi0 pi1"),
        ("3", "pi0 pi14 pi28"),
        ("4", "pi0 pi14 pi28 pi1"),
        ("6", "pi0 pi14 pi28 pi1 pi2 pi3"),
        ("pi7,pi3", "pi7 pi3"),
    ],
)
def test_nodes_are_chosen_by_number_or_id(site, wanted, ids):
    assert [node.id for node in description.choose(site, wanted)] == ids.split()


# Nodes in the order of the description, managers in capitals.
@pytest.mark.parametrize(
    ("described", "count", "taken"),
    [
        ("a b c", 2, "a b"),  # no swarm
        ("a B c", 1, "B"),
        ("a B c", 3, "B a c"),
        ("A B C d e", 2, "A d"),  # of two managers, either would be missed
        ("A B C d e", 3, "A B C"),
        ("A b C d E", 4, "A C E b"),
        ("A B C D E f", 4, "A B C f"),
        ("A B C D E f", 5, "A B C D E"),
        ("A B C", 2, "A B"),  # no other node
        ("A B C D E", 4, "A B C D"),
        ("a", 1, "a"),
    ],
)
def test_a_number_of_nodes_has_a_swarm_that_may_lose_one(site, described, count, taken):
    def node(name):
        return dataclasses.replace(site.nodes[0], id=name)

    names = described.split()
    managers = frozenset(filter(str.isupper, names))
    made = dataclasses.replace(site, nodes=tuple(map(node, names)), managers=managers)
    assert [one.id for one in description.surviving(made, count)] == taken.split()


@pytest.mark.parametrize(
    ("wanted", "racks"),
    [("1", [1]), ("3", [1]), ("4", [1]), ("pi14,pi2,pi28,pi30", [3]), ("all", [1, 2, 3, 4])],
)
def test_racks_with_more_than_one_node_are_drawn(site, wanted, racks):
    found = description.peopled(description.choose(site, wanted))
    assert found == [f"rack{number}" for number in racks]


def test_the_shipped_site_has_three_managers(site):
    assert site.managers == {"pi0", "pi14", "pi28"}


def test_all_means_all(site):
    assert description.choose(site, "all") == site.nodes


@pytest.mark.parametrize("wanted", ["0", "57", "pi99", "", "pi1,nobody"])
def test_a_wrong_choice_says_what_there_is(site, wanted):
    with pytest.raises(LabError, match="NODES"):
        description.choose(site, wanted)


def test_faults_of_the_description_are_shown(repo, tmp_path):
    copy = tmp_path / "pillar/cloud"
    copy.mkdir(parents=True)
    (copy / "cloud.sls").write_text("cloud: {name: x, domian: y}\n")
    with pytest.raises(LabError) as caught:
        description.read(tmp_path)
    assert "cloud.sls:1" in caught.value.what
    assert 'did you mean "domain"' in caught.value.what


def test_masters_can_decrypt_a_description(repo):
    assert "gnupg" in images.LAB_PACKAGES
    assert host.TOOLS["gpg"] == "gnupg"
    assert re.search(r"^apt-get install .*\bgnupg\b", (repo / "docs/install.md").read_text(), re.M)


def test_masters_of_labs_have_what_a_registry_needs(repo):
    described = (repo / "salt/registry/map.jinja").read_text("utf-8")
    packages = re.findall(r"^packages: \[(.+)\]$", described, re.M)[0].split(", ")
    assert "docker-registry" in packages
    installed = (repo / "lab/image/Dockerfile").read_text("utf-8").split()
    assert set(packages) <= set(installed)


def test_a_return_is_counted():
    states = {
        "a_|-one_|-one_|-x": {"__id__": "one", "result": True, "changes": {"a": 1}},
        "a_|-two_|-two_|-x": {"__id__": "two", "result": False, "changes": {}, "comment": "no\nno"},
        "a_|-three_|-three_|-x": {"__id__": "three", "result": True, "changes": {}},
    }
    assert Outcome.of("pi0", states) == Outcome("pi0", 3, 1, ["two: no"])


def test_a_return_that_is_a_reason_is_a_failure():
    assert Outcome.of("pi0", ["Pillar failed"]).failed == ["Pillar failed"]
    assert Outcome.of("pi0", False).failed == ["False"]


def test_the_fingerprint_sees_what_nodes_get_and_nothing_else(tmp_path):
    (tmp_path / "pillar").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "pillar/a.sls").write_text("a: 1\n")
    first = converge.fingerprint(tmp_path)
    (tmp_path / "docs/x.md").write_text("x")
    (tmp_path / "pillar/__pycache__").mkdir()
    (tmp_path / "pillar/__pycache__/x.pyc").write_text("x")
    assert converge.fingerprint(tmp_path) == first
    (tmp_path / "pillar/a.sls").write_text("a: 2\n")
    assert converge.fingerprint(tmp_path) != first


def test_an_archive_is_what_docker_load_reads_and_always_the_same():
    data = archives.loadable(b"\x7fELF program", "amd64")
    assert data == archives.loadable(b"\x7fELF program", "amd64")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))
        layer = archive.extractfile(manifest["Layers"][0]).read()
    assert manifest["RepoTags"] == ["picloud/busybox:1.35"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{manifest['Layers'][0].split('/')[0]}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert files.extractfile("bin/busybox").read() == b"\x7fELF program"
        assert files.getmember("bin/sh").linkname == "busybox"


def test_a_wheelhouse_holds_all_that_salt_needs_but_no_tools():
    found = wheels.closure(wheels.NODE)
    assert {"salt", "saltext-dockermod", "docker", "pyzmq", "msgpack"} <= set(found)
    assert not {"pytest", "ruff", "mypy", "timelib"} & set(found)


def test_the_hosts_mirror_is_used_for_the_described_one(monkeypatch):
    known = ("http://near/debian", "http://near/debian-security")
    monkeypatch.setattr(hostapt, "_uris", lambda suite: known)
    line = "deb http://deb.debian.org/debian-security bookworm-security main"
    near = "deb http://near/debian-security bookworm-security main"
    assert hostapt.at_host(line, "bookworm") == near
    assert hostapt.mirror("http://near/debian/", "bookworm") == "http://near/debian"


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        (
            "let it go: salt-run rejoin.release node=pi7.",
            'let it go: make run ARGS="rejoin.release node=pi7".',
        ),
        (
            "then: salt-run rejoin.adopt card=card-01 node=<id>; or not",
            'then: make run ARGS="rejoin.adopt card=card-01 node=<id>"; or not',
        ),
        ("see: salt-run rejoin.status, and wait", 'see: make run ARGS="rejoin.status", and wait'),
        ("salt-run needs a function", "salt-run needs a function"),
    ],
)
def test_commands_are_named_as_they_are_typed_in_the_lab(said, typed):
    assert console.here(said) == typed


def test_a_program_that_fails_says_its_own_words(tmp_path):
    shell.log_to(tmp_path / "lab.log")
    program = "import sys; print('starting'); sys.exit('Error: no room on disk')"
    with pytest.raises(LabError, match="it broke: Error: no room on disk"):
        shell.run([sys.executable, "-c", program], what="it broke")
    log = (tmp_path / "lab.log").read_text()
    assert "no room on disk" in log
    assert "exit status 1" in log


@pytest.mark.parametrize(
    ("commands", "there", "kept"),
    [
        (["down"], False, True),
        (["down", "down"], False, True),
        (["down", "up"], False, False),
        (["up"], True, True),
        (["clean"], False, False),
    ],
)
def test_the_log_stays_until_another_lab_is_made(tmp_path, monkeypatch, commands, there, kept):
    monkeypatch.setattr("lab.settings.STATE", tmp_path / "state")
    for module in ("lab.settings", "lab.host"):
        monkeypatch.setattr(f"{module}.LOGS", tmp_path / "logs")
    monkeypatch.setattr("lab.lock.LOCKS", tmp_path / "locks")
    for name in ("require_root", "engine_answers"):
        monkeypatch.setattr(f"lab.host.{name}", lambda: True)
    monkeypatch.setattr("lab.teardown.down", lambda _: [])
    monkeypatch.setattr("lab.images.remove_all", lambda: None)
    monkeypatch.setattr(program.up, "run", lambda *_: None)
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    log.write_text("of before\n")
    if there:
        (tmp_path / "state" / "a").mkdir(parents=True)
    for command in commands:
        assert program.main(["--name", "a", "--checkout", str(tmp_path), command]) == 0
    assert (log.exists() and "of before" in log.read_text()) is kept


def test_a_program_that_is_missing_is_named():
    with pytest.raises(LabError, match="no-such-program is not installed"):
        shell.run(["no-such-program"], what="it broke")
