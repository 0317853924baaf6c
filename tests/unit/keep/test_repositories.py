"""What the master knows of archives, and what it dares to delete; Borg is stood in for."""

import json
import subprocess
from datetime import UTC, datetime

import picloud_keep
import pytest
from picloud_keep import Repositories
from picloud_watch import NoAnswerError

KEEPS_ONE = {"hours": 0, "days": 0, "weeks": 0, "months": 0}


class Borg:
    """Archives of one node; each deletes and lists as Borg does."""

    def __init__(self):
        self.archives = {}
        self.asked = []
        self.fails = ""

    def add(self, name, at):
        self.archives[name] = datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()

    def __call__(self, command, *, env, **options):
        assert command[:6] == ["runuser", "-u", "picloud-keep", "--", "borg", "--lock-wait"]
        assert env["TZ"] == "UTC"
        what, rest = command[7], command[8:]
        self.asked.append(what)
        if what == self.fails:
            return subprocess.CompletedProcess(command, 2, "", "some\nreason")
        if what == "delete":
            for name in (rest[0].removeprefix("::"), *rest[1:]):
                del self.archives[name]
        found = [{"id": f"id-{n}", "name": n, "time": t} for n, t in self.archives.items()]
        return subprocess.CompletedProcess(command, 0, json.dumps({"archives": found}), "")


@pytest.fixture
def borg(monkeypatch):
    borg = Borg()
    monkeypatch.setattr(picloud_keep.subprocess, "run", borg)
    return borg


@pytest.fixture
def held(tmp_path):
    options = {"repositories": str(tmp_path / "held"), "records": str(tmp_path / "records")}
    (tmp_path / "held" / "pi3" / "data" / "0").mkdir(parents=True)
    (tmp_path / "held" / "pi3" / "config").touch()
    (tmp_path / "held" / "pi3" / "data" / "0" / "1").write_text("12345")
    return Repositories({"picloud_keep": options})


def test_repositories_are_those_of_nodes(held):
    for name in (".borg", "lost+found", "PI3"):
        (held.folder / name).mkdir()
        (held.folder / name / "config").touch()
    assert held.nodes() == ["pi3"]


def test_a_look_says_what_is_there(held, borg):
    borg.add("one", 1000)
    borg.add("two", 2000)
    look = held.look("pi3")
    assert (look.newest.name, look.newest.at, look.size, look.gone) == ("two", 2000.0, 5, ())


def test_what_need_not_stay_is_deleted_and_its_room_freed(held, borg):
    borg.add("one", 1000)
    borg.add("two", 2000)
    look, deleted = held.prune("pi3", KEEPS_ONE)
    assert deleted == ["one"]
    assert borg.asked == ["list", "delete", "compact", "list"]
    assert [seen.name for seen in look.known.values()] == ["two"]
    assert held.look("pi3").gone == ()


def test_nothing_is_freed_when_all_may_stay(held, borg):
    borg.add("one", 1000)
    assert held.prune("pi3", KEEPS_ONE)[1] == []
    assert borg.asked == ["list"]


def test_where_a_node_deleted_something_nothing_is_freed_until_it_is_accepted(held, borg):
    for name, at in (("one", 1000), ("two", 2000), ("three", 3000)):
        borg.add(name, at)
    held.look("pi3")
    del borg.archives["one"]
    look, deleted = held.prune("pi3", KEEPS_ONE)
    assert ([seen.name for seen in look.gone], deleted) == (["one"], [])
    assert "delete" not in borg.asked
    assert held.accept("pi3") == ["one"]
    assert held.prune("pi3", KEEPS_ONE)[1] == ["two"]


def test_what_comes_back_is_gone_no_more(held, borg):
    borg.add("one", 1000)
    held.look("pi3")
    kept = dict(borg.archives)
    borg.archives.clear()
    assert held.look("pi3").gone
    borg.archives = kept
    assert held.look("pi3").gone == ()


@pytest.mark.parametrize("fails", ["delete", "compact"])
def test_a_prune_that_was_broken_off_is_no_theft(held, borg, fails):
    borg.add("one", 1000)
    borg.add("two", 2000)
    borg.fails = fails
    with pytest.raises(NoAnswerError, match=f"pi3: borg {fails} failed: some reason"):
        held.prune("pi3", KEEPS_ONE)
    borg.fails = ""
    look, _ = held.prune("pi3", KEEPS_ONE)
    assert (list(borg.archives), look.gone) == (["two"], ())


def test_a_record_that_cannot_be_read_is_named(held, borg, tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "pi3.json").write_text("{")
    with pytest.raises(NoAnswerError, match=r"pi3\.json cannot be read"):
        held.look("pi3")


def test_the_way_has_the_host_key_once_there_is_one(tmp_path):
    file = tmp_path / "key.pub"
    opts = {"picloud_keep": {"host_key": str(file)}}
    assert picloud_keep.way(opts)["host_key"] is None
    file.write_text("ssh-ed25519 AAAA picloud-keep\n")
    assert picloud_keep.way(opts) == {
        "port": 4507,
        "repositories": "/var/lib/picloud-keep",
        "host_key": "ssh-ed25519 AAAA",
    }
