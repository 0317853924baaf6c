"""Groups of files: written at once, what was there kept, all or nothing."""

from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.modules import cmdmod

from _modules import pifile as module
from _states import pifile


@pytest.fixture
def run_all():
    return create_autospec(
        cmdmod.run_all, return_value={"retcode": 0, "stdout": "", "stderr": "", "pid": 1}
    )


@pytest.fixture
def configure_loader_modules(run_all):
    names = ("look", "put", "originals", "write", "restore", "test", "run", "is_due", "set_due")
    salt = {f"pifile.{name}": getattr(module, name) for name in names}
    return {
        module: {"__salt__": {"cmd.run_all": run_all}, "__grains__": {"kernel": "Linux"}},
        pifile: {"__opts__": {"test": False}, "__salt__": salt},
    }


@pytest.fixture
def tree(tmp_path):
    """A folder with a file, a link, and room for a new file; and where originals go."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "hosts").write_text("127.0.0.1 localhost\n")
    (etc / "hosts").chmod(0o640)
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    return etc


@pytest.fixture
def keep(tmp_path):
    return str(tmp_path / "originals")


@pytest.fixture
def files(tree):
    return {
        str(tree / "hosts"): {"contents": "127.0.0.1 localhost pi3\n"},
        str(tree / "localtime"): {"link": "/usr/share/zoneinfo/Europe/London"},
        str(tree / "conf.d/new"): {"contents": "a=1\n", "mode": "0600"},
    }


def state_of(folder):
    return {str(path): module.look(path) for path in folder.rglob("*") if not path.is_dir()}


def test_look_at_nothing_file_and_link(tree):
    assert module.look(tree / "none") == {}
    assert module.look(tree / "hosts/none") == {}
    assert module.look(tree / "hosts") == {"contents": "127.0.0.1 localhost\n", "mode": "0640"}
    assert module.look(tree / "localtime") == {"link": "/usr/share/zoneinfo/Etc/UTC"}
    with pytest.raises(CommandExecutionError, match="neither a file nor a link"):
        module.look(tree)


def test_bytes_that_are_no_text_survive(tree):
    (tree / "odd").write_bytes(b"\xff\xfe\r\n")
    module.put(tree / "copy", module.look(tree / "odd"))
    assert (tree / "copy").read_bytes() == b"\xff\xfe\r\n"


def test_files_are_written_and_then_as_wanted(tree, files, keep):
    ret = pifile.managed("group", files, keep=keep)
    assert ret["result"] is True
    assert set(ret["changes"]) == set(files)
    assert ret["changes"][str(tree / "conf.d/new")] == {"diff": "@@ -0,0 +1 @@\n+a=1"}
    assert state_of(tree) == {path: {"mode": "0644", **what} for path, what in files.items()} | {
        str(tree / "localtime"): files[str(tree / "localtime")]
    }
    again = pifile.managed("group", files, keep=keep)
    assert (again["result"], again["changes"]) == (True, {})


def test_absent_puts_everything_back(tree, files, keep):
    before = state_of(tree)
    pifile.managed("group", files, keep=keep)
    ret = pifile.absent("group", keep=keep)
    assert set(ret["changes"]) == set(files)
    assert state_of(tree) == before
    again = pifile.absent("group", keep=keep)
    assert (again["result"], again["changes"]) == (True, {})


def test_a_file_that_leaves_the_group_is_put_back(tree, files, keep):
    pifile.managed("group", files, keep=keep)
    path = str(tree / "hosts")
    left = {name: what for name, what in files.items() if name != path}
    ret = pifile.managed("group", left, keep=keep)
    assert set(ret["changes"]) == {path}
    assert module.look(path)["contents"] == "127.0.0.1 localhost\n"
    assert not pifile.managed("group", left, keep=keep)["changes"]


def test_drift_is_undone_and_the_first_original_is_kept(tree, files, keep):
    before = state_of(tree)
    pifile.managed("group", files, keep=keep)
    (tree / "hosts").write_text("garbage\n")
    assert set(pifile.managed("group", files, keep=keep)["changes"]) == {str(tree / "hosts")}
    pifile.absent("group", keep=keep)
    assert state_of(tree) == before


def test_test_mode_touches_nothing(tree, files, keep, run_all):
    before = state_of(tree.parent)
    with patch.dict(pifile.__opts__, {"test": True}):
        ret = pifile.managed("group", files, apply=[["reload"]], keep=keep)
    assert ret["result"] is None
    assert set(ret["changes"]) == set(files)
    assert state_of(tree.parent) == before
    assert not run_all.called


def test_test_mode_of_absent_touches_nothing(tree, files, keep):
    pifile.managed("group", files, keep=keep)
    before = state_of(tree.parent)
    with patch.dict(pifile.__opts__, {"test": True}):
        ret = pifile.absent("group", keep=keep)
    assert (ret["result"], set(ret["changes"])) == (None, set(files))
    assert state_of(tree.parent) == before


def test_commands_run_after_a_change_only(tree, files, keep, run_all):
    apply = [["sshd", "-t"], ["systemctl", "reload", "ssh.service"]]
    pifile.managed("group", files, apply=apply, keep=keep)
    assert [call.args[0] for call in run_all.call_args_list] == apply
    run_all.reset_mock()
    pifile.managed("group", files, apply=apply, keep=keep)
    assert not run_all.called


def test_a_failed_command_puts_all_back_and_the_next_run_tries_again(tree, files, keep, run_all):
    before = state_of(tree)
    run_all.return_value = {"retcode": 255, "stdout": "", "stderr": "bad line 3", "pid": 1}
    ret = pifile.managed("group", files, apply=[["sshd", "-t"]], keep=keep)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "`sshd -t` ended with 255: bad line 3" in ret["comment"]
    assert state_of(tree) == before
    run_all.return_value = {"retcode": 0, "stdout": "", "stderr": "", "pid": 1}
    assert pifile.managed("group", files, apply=[["sshd", "-t"]], keep=keep)["changes"]
    pifile.absent("group", keep=keep)
    assert state_of(tree) == before


def test_a_run_killed_before_the_files_are_in_use_is_made_good(tree, files, keep, run_all):
    run_all.side_effect = SystemExit  # what a job that is killed does not live to catch
    with pytest.raises(SystemExit):
        pifile.managed("group", files, apply=[["reload"]], keep=keep)
    run_all.side_effect = None
    run_all.reset_mock()
    before = state_of(tree.parent)
    with patch.dict(pifile.__opts__, {"test": True}):
        plan = pifile.managed("group", files, apply=[["reload"]], keep=keep)
    assert (plan["result"], set(plan["changes"])) == (None, {"apply"})
    assert state_of(tree.parent) == before
    assert not run_all.called
    ret = pifile.managed("group", files, apply=[["reload"]], keep=keep)
    assert (ret["result"], set(ret["changes"])) == (True, {"apply"})
    assert [call.args[0] for call in run_all.call_args_list] == [["reload"]]
    assert not pifile.managed("group", files, apply=[["reload"]], keep=keep)["changes"]


def test_files_that_were_put_back_are_in_use_again(tree, files, keep, run_all):
    good = {"retcode": 0, "stdout": "", "stderr": "", "pid": 1}
    bad = {**good, "retcode": 1}
    path = str(tree / "hosts")
    seen = []

    def use(command, **_):
        seen.append(module.look(path)["contents"])
        return bad if "pi3" in seen[-1] else good

    run_all.side_effect = use
    ret = pifile.managed("group", {path: files[path]}, apply=[["restart"]], keep=keep)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert seen == ["127.0.0.1 localhost pi3\n", "127.0.0.1 localhost\n"]
    assert not module.is_due("group", keep)


def test_what_cannot_be_used_again_stays_due(tree, files, keep, run_all):
    run_all.return_value = {"retcode": 1, "stdout": "", "stderr": "", "pid": 1}
    assert pifile.managed("group", files, apply=[["x"]], keep=keep)["result"] is False
    assert module.is_due("group", keep)
    run_all.return_value = {"retcode": 0, "stdout": "", "stderr": "", "pid": 1}
    assert set(pifile.absent("group", apply=[["x"]], keep=keep)["changes"]) == {"apply"}
    assert not pifile.absent("group", apply=[["x"]], keep=keep)["changes"]


def test_a_check_sees_the_file_before_it_is_in_place(tree, files, keep, run_all):
    seen = []

    def look(command, **_):
        seen.append((command[0], Path(command[1]).read_text()))
        return {"retcode": 1, "stdout": "no good", "stderr": "", "pid": 1}

    run_all.side_effect = look
    path = str(tree / "hosts")
    before = state_of(tree)
    ret = pifile.managed("group", {path: files[path]}, check=["lint", "{file}"], keep=keep)
    assert seen == [("lint", "127.0.0.1 localhost pi3\n")]
    assert (ret["result"], ret["changes"]) == (False, {})
    assert f"{path} is refused" in ret["comment"]
    assert "no good" in ret["comment"]
    assert state_of(tree) == before


def test_a_full_disk_puts_back_what_was_written(tree, files, keep, monkeypatch):
    before = state_of(tree)
    real, count = module.put, iter(range(9))

    def put(path, what):
        if str(path).startswith(str(tree)) and next(count) == 1:
            raise CommandExecutionError("No space left on device")
        return real(path, what)

    monkeypatch.setattr(module, "put", put)
    ret = pifile.managed("group", files, keep=keep)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "No space left" in ret["comment"]
    assert state_of(tree) == before


def test_two_groups_cannot_have_the_same_file(tree, files, keep):
    pifile.managed("group", files, keep=keep)
    ret = pifile.managed("other", {str(tree / "hosts"): {"contents": "x\n"}}, keep=keep)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "belongs to group" in ret["comment"]
    with pytest.raises(SaltInvocationError, match="belongs to group"):
        module.write("other", {str(tree / "hosts"): {}}, keep)


def test_nothing_where_nothing_should_be(tree, keep):
    path = str(tree / "hosts")
    ret = pifile.managed("group", {path: {}}, keep=keep)
    assert ret["changes"][path] == {"diff": "@@ -1 +0,0 @@\n-127.0.0.1 localhost"}
    assert module.look(path) == {}
    pifile.absent("group", keep=keep)
    assert module.look(path)["mode"] == "0640"


def test_a_damaged_record_is_named(tree, files, keep):
    pifile.managed("group", files, keep=keep)
    (tree.parent / "originals/index.json").write_text("{")
    ret = pifile.managed("group", files, keep=keep)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "index.json" in ret["comment"]
