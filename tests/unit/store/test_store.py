"""The compiled store: once per change, last good in force, shared by processes."""

import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
from picloud import load
from picloud import store as store_module
from picloud.store import Store

BROKEN = "  left/2: {id: pi12"


@pytest.fixture
def renders():
    """A renderer that remembers what it was asked for."""

    def _render(path):
        _render.seen.append(path.name)
        return load.plain(path)

    _render.seen = []
    return _render


def test_a_node_gets_its_own_view(store):
    view, faults = store.view("pi11")
    assert faults == ()
    assert view["node"]["id"] == "pi11"
    assert view["node"]["slot"] == "rack1/left/1"
    assert view["rack"]["neighbours"] == {"pi11": "10.0.1.1", "pi12": "10.0.1.2"}


def test_nothing_of_another_rack_is_in_a_view(store):
    view, _ = store.view("pi11")
    assert "pi21" not in str(view)
    assert "10.0.2." not in str(view)


@pytest.mark.parametrize("name", ["nobody", "", "*", "pi1?", "pi11\n", "pi11' OR '1'='1"])
def test_an_unknown_node_gets_nothing(store, name):
    assert store.view(name) == (None, ())


def test_a_view_may_be_changed_by_who_got_it(store):
    store.view("pi11")[0]["node"]["id"] = "other"
    assert store.view("pi11")[0]["node"]["id"] == "pi11"


def test_files_are_read_once_per_change(root, database, renders, edit):
    store = Store(root, database, renders)
    for _ in range(3):
        store.view("pi11")
    assert sorted(renders.seen) == ["common.sls", "rack1.sls", "rack2.sls"]
    edit(root / "racks" / "rack1.sls", "10.0.1.1", "10.0.1.9")
    assert store.view("pi11")[0]["node"]["address"] == "10.0.1.9"
    assert renders.seen[3:] == ["rack1.sls"]


def test_another_process_finds_it_compiled(root, database, renders):
    Store(root, database).view("pi11")
    assert Store(root, database, renders).view("pi22")[0]["node"]["id"] == "pi22"
    assert renders.seen == []


def test_only_changed_racks_are_made_again(root, database, edit, monkeypatch):
    Store(root, database).view("pi11")
    made = []
    view = store_module.Cloud.view
    monkeypatch.setattr(
        store_module.Cloud, "view", lambda self, node: made.append(node) or view(self, node)
    )
    edit(root / "racks" / "rack1.sls", "10.0.1.1", "10.0.1.9")
    store = Store(root, database)
    assert store.view("pi11")[0]["node"]["address"] == "10.0.1.9"
    assert store.view("pi21")[0]["node"]["address"] == "10.0.2.1"
    assert sorted(made) == ["pi11", "pi12"]


def test_a_change_of_what_all_share_reaches_all(store, root, edit):
    assert store.view("pi11")[0]["base"]["swap_mb"] == 64
    edit(root / "common.sls", "swap_mb: 64", "swap_mb: 128")
    assert [store.view(node)[0]["base"]["swap_mb"] for node in ("pi11", "pi22")] == [128, 128]


def test_a_node_that_moves_keeps_one_view(store, root, edit):
    store.view("pi11")
    edit(root / "racks" / "rack1.sls", "      left/2: {id: pi12, address: 10.0.1.2}\n", "")
    edit(root / "racks" / "rack2.sls", "id: pi22", "id: pi12")
    assert store.view("pi12")[0]["rack"]["name"] == "rack2"
    assert store.view("pi22") == (None, ())


def test_links_in_a_loop_and_pipes_hang_nothing(store, root):
    for name in ("one", "two"):
        (root / name).symlink_to(root)
    os.mkfifo(root / "pipe.sls")
    (root / "self.sls").symlink_to("self.sls")
    rules = {(fault.file, fault.rule) for fault in store.cloud()[1] if "/" not in fault.file}
    assert rules == {("pipe.sls", "unreadable-file"), ("self.sls", "unreadable-file")}
    (root / "self.sls").unlink()
    (root / "pipe.sls").unlink()
    assert store.cloud()[1] == ()


def test_files_that_come_and_go_count(store, root):
    store.view("pi11")
    (root / "racks" / "rack2.sls").unlink()
    assert store.view("pi21") == (None, ())
    assert store.state()["nodes"] == 2


def test_the_last_good_description_stays_in_force(store, root, edit):
    good = store.view("pi12")[0]
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    view, faults = store.view("pi12")
    assert view == good
    assert any(fault.file == "racks/rack1.sls" for fault in faults)
    cloud, again = store.cloud()
    assert again == faults
    assert sorted(cloud.nodes) == ["pi11", "pi12", "pi21", "pi22"]


def test_the_last_good_description_survives_a_restart(root, database, edit):
    good = Store(root, database).view("pi12")[0]
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    later = Store(root, database)
    assert later.view("pi12")[0] == good
    assert later.cloud()[0].view("pi12") == good


def test_a_broken_description_is_compiled_once(root, database, renders, edit):
    store = Store(root, database, renders)
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    assert store.view("pi11") == (None, store.view("pi12")[1])
    assert renders.seen.count("common.sls") == 1  # the broken one is read again for its lines


def test_mending_the_description_ends_the_faults(store, root, edit):
    store.view("pi11")
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    state = store.state()
    assert state["faults"]
    assert state["compiled_at"] < state["broken_since"] <= time.time()
    edit(root / "racks" / "rack1.sls", "idd:", "id:")
    assert store.view("pi11")[1] == ()
    assert store.state()["broken_since"] == 0


def test_broken_since_is_when_it_broke_first(store, root, edit):
    store.view("pi11")
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    since = store.state()["broken_since"]
    edit(root / "racks" / "rack1.sls", "idd:", "iddd:")
    assert store.state()["broken_since"] == since


def test_faults_keep_their_form(store, root, edit):
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    (first, *_) = store.view("pi11")[1]
    assert first.file == "racks/rack1.sls"
    assert first.rule
    assert str(first).startswith("racks/rack1.sls:9: racks.rack1.nodes.left/2")


def test_state_says_how_it_stands(store):
    state = store.state()
    assert (state["nodes"], state["racks"], state["faults"]) == (4, 2, ())
    assert state["storage"] == ""
    assert state["fingerprint"] == store.fingerprint()


def test_the_whole_cloud_is_there(store):
    cloud, faults = store.cloud()
    assert faults == ()
    assert cloud.view("pi11") == store.view("pi11")[0]


def test_a_missing_folder_is_a_fault_with_a_remedy(tmp_path, database):
    view, (fault,) = Store(tmp_path / "nowhere", database).view("pi11")
    assert view is None
    assert fault.rule == "no-description"
    assert str(tmp_path / "nowhere") in str(fault)


def test_a_check_that_crashes_is_a_fault_and_not_half_a_pillar(store, root, edit, monkeypatch):
    good = store.view("pi11")[0]
    edit(root / "common.sls", "swap_mb: 64", "swap_mb: 65")
    monkeypatch.setattr(store_module, "build", lambda *_: 1 / 0)
    view, (fault,) = store.view("pi11")
    assert view == good
    assert fault.rule == "internal-error"
    assert "ZeroDivisionError" in str(fault)


def test_reported_once_by_all_processes(root, database, edit):
    first, second = Store(root, database), Store(root, database)
    assert [first.first_to_report(), first.first_to_report()] == [True, False]
    assert second.first_to_report() is False
    edit(root / "common.sls", "swap_mb: 64", "swap_mb: 65")
    assert [second.first_to_report(), first.first_to_report()] == [True, False]


def test_what_is_kept_is_for_the_owner_only(store, database):
    store.view("pi11")
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    for file in database.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_file_edited_while_compiling_is_compiled_again(root, database, edit):
    def render(path):
        text = load.plain(path)
        if path.name == "rack2.sls" and not render.done:
            render.done = True  # after rack1 was read: the compilation holds its old text
            edit(root / "racks" / "rack1.sls", "10.0.1.1", "10.0.1.9")
        return text

    render.done = False
    store = Store(root, database, render)
    assert store.view("pi11")[0]["node"]["address"] == "10.0.1.9"


def test_an_edit_of_the_same_size_within_a_tick_is_seen(store, root):
    file = root / "racks" / "rack1.sls"
    text = file.read_text()
    for last in range(3, 10):
        file.write_text(text.replace("10.0.1.1}", f"10.0.1.{last}}}"))
        assert store.view("pi11")[0]["node"]["address"] == f"10.0.1.{last}"


def test_other_code_does_not_trust_what_is_kept(root, database, renders, monkeypatch):
    Store(root, database).view("pi11")
    monkeypatch.setattr(store_module, "code_version", lambda: "other")
    assert Store(root, database, renders).view("pi11")[0]["node"]["id"] == "pi11"
    assert len(renders.seen) == 3


def test_another_folder_does_not_trust_what_is_kept(root, database, tmp_path):
    Store(root, database).view("pi11")
    copy = tmp_path / "copy"
    root.rename(copy)
    (copy / "racks" / "rack1.sls").unlink()
    assert Store(copy, database).view("pi11") == (None, ())


def test_two_processes_at_once_compile_once(root, database, tmp_path):
    seen = tmp_path / "seen"
    program = f"""
import sys, time
sys.path.insert(0, {str(store_module.Path(store_module.__file__).parent.parent)!r})
from pathlib import Path
from picloud import load
from picloud.store import Store
def render(path):
    with open({str(seen)!r}, "a") as handle:
        handle.write(path.name + "\\n")
    time.sleep(0.05)
    return load.plain(path)
view, faults = Store(Path({str(root)!r}), Path({str(database)!r}), render).view("pi22")
assert view["node"]["id"] == "pi22" and not faults, (view, faults)
"""
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert sorted(seen.read_text().split()) == ["common.sls", "rack1.sls", "rack2.sls"]


def test_a_child_after_a_fork_uses_its_own_connection(store):
    store.view("pi11")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if store.view("pi22")[0]["node"]["id"] == "pi22" else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert store.view("pi21")[0]["node"]["id"] == "pi21"


def test_a_removed_database_is_made_again(store, database):
    store.view("pi11")
    for file in database.parent.iterdir():
        file.unlink()
    assert store.view("pi11")[0]["node"]["id"] == "pi11"
    assert database.exists()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough" * 100, b"SQLite", b""]
)
def test_a_damaged_database_is_made_again(root, database, content):
    Store(root, database).view("pi11")
    for file in database.parent.iterdir():
        file.unlink()
    database.write_bytes(content)
    store = Store(root, database)
    assert store.view("pi11")[0]["node"]["id"] == "pi11"
    assert store.state()["storage"] == ""


def test_rows_that_make_no_sense_are_made_again(root, database):
    Store(root, database).view("pi11")
    with sqlite3.connect(database) as other:
        other.execute("UPDATE state SET value = '[' WHERE name = 'tried'")
    other.close()
    assert Store(root, database).view("pi11")[0]["node"]["id"] == "pi11"


def test_without_rights_it_serves_from_memory_and_says_so(root, tmp_path, caplog, edit):
    blocker = tmp_path / "file"
    blocker.write_text("")
    store = Store(root, blocker / "picloud" / "description.db")
    assert store.view("pi11")[0]["node"]["id"] == "pi11"
    assert store.view("nobody") == (None, ())
    assert len([r for r in caplog.records if "from memory" in r.message]) == 1
    state = store.state()
    assert state["nodes"] == 4
    assert "description.db cannot be used" in state["storage"]
    edit(root / "racks" / "rack1.sls", BROKEN, BROKEN.replace("id:", "idd:"))
    view, faults = store.view("pi12")
    assert view["node"]["id"] == "pi12"
    assert faults
    assert store.cloud()[0].view("pi12") == view


def test_a_full_disk_is_survived(store, root, edit, monkeypatch, caplog):
    store.view("pi11")
    database = store._database

    def full(*_, **__):
        with database._explained():
            raise sqlite3.OperationalError("database or disk is full")

    compiled = []
    build = store_module.build
    monkeypatch.setattr(store_module, "build", lambda *a: compiled.append(1) or build(*a))
    with monkeypatch.context() as patch:
        patch.setattr(database, "keep", full)
        edit(root / "racks" / "rack1.sls", "10.0.1.1", "10.0.1.9")
        assert store.view("pi11")[0]["node"]["address"] == "10.0.1.9"
        assert "make room on the disk" in store.state()["storage"]
        del compiled[:]
        assert store.view("pi12")[0]["node"]["id"] == "pi12"
        assert compiled == []  # served from memory, and the disk is not tried at every call
    monkeypatch.setattr(store, "_again", 0.0)
    assert store.view("pi11")[0]["node"]["address"] == "10.0.1.9"
    assert store.state()["storage"] == ""
    assert any("can be used again" in record.message for record in caplog.records)
