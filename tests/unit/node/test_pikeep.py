"""A new card is given back what its node keeps, once, and nothing is written over."""

import json
import os
from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.modules import cmdmod

from _modules import pikeep as pikeep_mod
from _states import pikeep

NO_REPOSITORY = "Repository /var/lib/picloud-keep/pi3 does not exist."
HOST_KEY = "ssh-ed25519 AAAA"


class Borg:
    """Borg as far as the module asks it: archives by name, each with files by absolute path."""

    def __init__(self):
        self.archives = {}
        self.asked = []
        self.error = ""
        self.breaks_off = False
        self.env = {}

    def __call__(self, cmd, **options):
        assert cmd[:3] == ["borg", "--lock-wait", "600"]
        what, *rest = cmd[3:]
        self.asked.append(what)
        self.env = options["env"]
        if self.error:
            return {"retcode": 2, "stdout": "", "stderr": self.error}
        return {"retcode": 0, "stdout": getattr(self, what)(*rest), "stderr": ""}

    def list(self, first, *rest):
        if first == "--json":
            found = [{"name": name, "time": f"{name}.0"} for name in self.archives]
            return json.dumps({"archives": found})
        _, archive, path = rest
        inside = self.archives[archive.removeprefix("::")]
        wanted = [text for name, text in inside.items() if within(name, f"/{path}")]
        return "".join(f"- {len(text)}\n" for text in wanted)

    def extract(self, archive, path):
        for name, text in self.archives[archive.removeprefix("::")].items():
            if within(name, f"/{path}"):
                os.makedirs(os.path.dirname(name), exist_ok=True)
                with open(name, "w", encoding="utf-8") as handle:
                    handle.write(text)
                if self.breaks_off:
                    raise KeyboardInterrupt
        return ""

    def init(self, *options):
        return ""


def within(name, path):
    return name == path or name.startswith(f"{path}/")


@pytest.fixture
def borg():
    return Borg()


@pytest.fixture
def places(tmp_path):
    """Return the files of the module, made for a card that is new."""
    (tmp_path / "machine-id").write_text("0123\n")
    (tmp_path / "environment").write_text(
        '# Written by Salt\nBORG_REPO="ssh://picloud-keep/x/pi3"\nBORG_RSH="ssh -F /a b"\n'
    )
    return tmp_path


@pytest.fixture
def configure_loader_modules(files, borg, places):
    run_all = create_autospec(cmdmod.run_all, side_effect=borg)
    own = {
        "pikeep.record": lambda: pikeep_mod.record(*own_places(places)),
        "pikeep.give_back": lambda paths: pikeep_mod.give_back(paths, *own_places(places)),
    }
    with patch.object(pikeep_mod, "ENVIRONMENT", str(places / "environment")):
        yield {
            pikeep_mod: {"__salt__": {**files, "cmd.run_all": run_all}},
            pikeep: {"__opts__": {"test": False}, "__salt__": own},
        }


def own_places(places):
    return str(places / "keep.json"), str(places / "machine-id")


@pytest.fixture
def data(places):
    return str(places / "srv" / "data")


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(pikeep.__opts__, {"test": request.param}):
        yield request.param


def test_a_new_card_is_given_the_newest_archive(borg, data):
    borg.archives = {"old": {f"{data}/file": "old"}, "new": {f"{data}/file": "new!"}}
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert ret["result"] is True
    assert ret["changes"] == {data: "1 entries, 4 bytes given back from new"}
    with open(f"{data}/file", encoding="utf-8") as handle:
        assert handle.read() == "new!"
    assert borg.env["BORG_RSH"] == "ssh -F /a b"


def test_it_is_given_once(borg, data):
    borg.archives = {"one": {f"{data}/file": "x"}}
    pikeep.restored("x", [data], HOST_KEY)
    os.remove(f"{data}/file")
    borg.asked.clear()
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert (ret["result"], ret["changes"], borg.asked) == (True, {}, [])
    assert not os.path.exists(f"{data}/file")


def test_test_mode_asks_nobody_and_changes_nothing(borg, data, places, testmode):
    borg.archives = {"one": {f"{data}/file": "x"}}
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert ret["result"] is (None if testmode else True)
    assert list(ret["changes"]) == [data]
    assert bool(borg.asked) is not testmode
    assert (places / "keep.json").exists() is not testmode


def test_where_the_master_has_nothing_the_data_that_are_there_count(borg, data):
    os.makedirs(data)
    with open(f"{data}/file", "w", encoding="utf-8") as handle:
        handle.write("mine")
    borg.archives = {"one": {"/srv/other": "x"}}
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert ret["changes"] == {data: "the master had nothing of it"}
    assert os.listdir(data) == ["file"]


def test_the_repository_of_a_node_is_made_when_there_is_none(borg, data):
    borg.error = NO_REPOSITORY
    asked = borg.asked

    def forgive(what, **options):
        answer = Borg.__call__(borg, what, **options)
        borg.error = ""
        return answer

    with patch.dict(pikeep_mod.__salt__, {"cmd.run_all": forgive}):
        assert pikeep.restored("x", [data], HOST_KEY)["result"] is True
    assert asked == ["list", "init"]


@pytest.mark.parametrize("there", ["file", "link", "folder with a file", "folder with a link"])
def test_data_on_both_sides_stop_it_and_nothing_is_written(borg, data, there):
    if there.startswith("folder"):
        os.makedirs(f"{data}/deep")
        place = f"{data}/deep/thing"
    else:
        os.makedirs(os.path.dirname(data))
        place = data
    if "link" in there:
        os.symlink("/nowhere", place)
    else:
        with open(place, "w", encoding="utf-8") as handle:
            handle.write("mine")
    borg.archives = {"one": {f"{data}/file": "theirs"}}
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert f"pikeep.restore {data}" in ret["comment"]
    assert f"pikeep.leave {data}" in ret["comment"]
    assert "extract" not in borg.asked


@pytest.mark.parametrize("there", ["nothing", "empty", "empty folders", "lost+found"])
def test_what_is_empty_is_filled(borg, data, there):
    if there != "nothing":
        deep = {"empty folders": f"{data}/a/b", "lost+found": f"{data}/lost+found"}
        os.makedirs(deep.get(there, data))
    if there == "lost+found":
        with open(f"{data}/lost+found/#12", "w", encoding="utf-8"):
            pass
    borg.archives = {"one": {f"{data}/file": "x"}}
    assert pikeep.restored("x", [data], HOST_KEY)["result"] is True
    assert os.path.exists(f"{data}/file")


def test_other_paths_are_given_back_beside_an_undecided_one(borg, data, places):
    os.makedirs(data)
    with open(f"{data}/file", "w", encoding="utf-8") as handle:
        handle.write("mine")
    other = str(places / "srv" / "other")
    borg.archives = {"one": {f"{data}/file": "theirs", f"{other}/file": "x"}}
    assert pikeep.restored("x", [data, other], HOST_KEY)["result"] is False
    assert os.path.exists(f"{other}/file")
    assert list(pikeep_mod.record(*own_places(places))) == [other]


def test_what_was_broken_off_is_taken_up_again(borg, data, places):
    borg.archives = {"one": {f"{data}/a": "x", f"{data}/b": "y"}}
    borg.breaks_off = True
    with pytest.raises(KeyboardInterrupt):
        pikeep.restored("x", [data], HOST_KEY)
    assert os.listdir(data) == ["a"]
    assert pikeep_mod.record(*own_places(places))[data]["done"] is False
    borg.breaks_off = False
    assert pikeep.restored("x", [data], HOST_KEY)["result"] is True
    assert sorted(os.listdir(data)) == ["a", "b"]


def test_the_record_of_another_installation_does_not_count(borg, data, places):
    borg.archives = {"one": {f"{data}/file": "x"}}
    pikeep.restored("x", [data], HOST_KEY)
    (places / "machine-id").write_text("4567\n")
    assert pikeep_mod.record(*own_places(places)) == {}


def test_a_damaged_record_is_named(places, data):
    (places / "keep.json").write_text("{")
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert ret["result"] is False
    assert "keep.json is damaged" in ret["comment"]


def test_a_master_that_does_not_answer_is_a_failure_with_its_reason(borg, data, places):
    borg.error = "Remote: ssh: connect to host head port 4507: Connection refused\nexit 2"
    ret = pikeep.restored("x", [data], HOST_KEY)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "Connection refused" in ret["comment"]
    assert not (places / "keep.json").exists()


def test_a_master_without_kept_data_is_said(data, borg):
    ret = pikeep.restored("x", [data], None)
    assert ret["result"] is False
    assert "picloud-keep-sshd" in ret["comment"]
    assert borg.asked == []


def test_a_person_may_leave_what_is_there(borg, data, places):
    os.makedirs(data)
    with open(f"{data}/file", "w", encoding="utf-8") as handle:
        handle.write("mine")
    borg.archives = {"one": {f"{data}/file": "theirs"}}
    pikeep_mod.leave(data, *own_places(places))
    assert pikeep.restored("x", [data], HOST_KEY)["changes"] == {}
    with open(f"{data}/file", encoding="utf-8") as handle:
        assert handle.read() == "mine"


def test_a_person_may_take_any_archive(borg, data, places):
    borg.archives = {"old": {f"{data}/file": "old"}, "new": {f"{data}/file": "new"}}
    note = pikeep_mod.restore(data, "old", *own_places(places))
    assert (note["archive"], note["done"]) == ("old", True)
    with open(f"{data}/file", encoding="utf-8") as handle:
        assert handle.read() == "old"


def test_nothing_to_restore_is_an_error(borg, data, places):
    with pytest.raises(SaltInvocationError, match="any archive"):
        pikeep_mod.restore(data, None, *own_places(places))


def test_without_the_part_nothing_is_asked(places, data):
    (places / "environment").unlink()
    with pytest.raises(CommandExecutionError, match="the part keep is not applied here"):
        pikeep_mod.archives()
