"""What is special about SQLite: its file, and a disk without room."""

import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from picloud.ledger import Hint, Ledger, Rejoin, StorageError, tables
from picloud.ledger.admissions import Pending

#: The tables of version 1 as they were made, with one card: never to be changed.
VERSION_1 = Path(__file__).resolve().parents[2] / "data" / "ledger-1.sql"


def test_the_file_is_for_its_owner_only(tmp_path):
    Ledger(f"sqlite:///{tmp_path}/new/ledger.db").cards.list()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "ledger.db").stat().st_mode) == 0o600


def test_a_link_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "ledger.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="cannot be made"):
        Ledger(f"sqlite:///{tmp_path}/ledger.db").cards.list()


@pytest.mark.parametrize("url", ["nonsense", "mysql://head/ledger"])
def test_what_is_no_database_is_named_with_what_to_write(url):
    with pytest.raises(StorageError, match=f"'{url}' is no database; write sqlite:////path"):
        Ledger(url)


def test_a_password_is_never_said():
    with pytest.raises(StorageError, match=r"mysql://jane:\*\*\*@head/x") as said:
        Ledger("mysql://jane:secret@head/x")
    assert "secret" not in str(said.value)


def test_without_the_driver_of_postgresql_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageError, match=r"psycopg.*; install it where Salt is: pip install"):
        Ledger("postgresql+psycopg://jane@head/ledger").cards.list()


def test_a_ledger_that_another_one_locks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("picloud.ledger.database.BUSY_S", 0.1)
    url = f"sqlite:///{tmp_path}/ledger.db"
    one, other = Ledger(url), Ledger(url)
    other.cards.list()
    with one.database.write(), pytest.raises(StorageError, match="database is locked"):
        other.journal.put([Hint("start", "pi0", 1.0)])
    other.journal.put([Hint("start", "pi0", 1.0)])


def test_the_first_ledger_ever_made_can_be_used(tmp_path):
    with sqlite3.connect(tmp_path / "ledger.db") as made:
        made.executescript(VERSION_1.read_text())
    made.close()
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    row = ledger.cards.in_use("pi3")
    assert (row.card, row.made_by) == ("card-0123456789ab", "jane")
    ledger.admissions.record(Pending("pi3", row.card, row.public, None, 5.0))
    ledger.journal.put([Hint("start", "pi3", 1.0)])
    with ledger.database.read() as connection:
        found = sa.inspect(connection)
        for name, table in tables.metadata.tables.items():
            there = {column["name"] for column in found.get_columns(name)}
            assert there == {column.name for column in table.columns}, name


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"this is not SQLite at all, " * 100)
    with pytest.raises(StorageError, match=r"ledger\.db cannot be used: .*not a database"):
        Ledger(f"sqlite:///{tmp_path}/ledger.db").cards.list()


def test_a_full_disk_leaves_what_was_there_and_goes_on_when_there_is_room(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.journal.put([Hint("start", "pi0", 1.0)])

    def pages(limit):
        with ledger.database.read() as connection:
            return connection.execute(sa.text(f"pragma max_page_count = {limit}")).scalar()

    used = os.path.getsize(tmp_path / "ledger.db") // 4096
    pages(max(used, 1))
    many = [Hint("start", f"node-{number}", 2.0, data={"x": "y" * 500}) for number in range(2000)]
    with pytest.raises(StorageError, match="full"):
        ledger.journal.put(many)
    assert [hint.node for hint in ledger.journal.waiting(9)] == ["pi0"]
    pages(1000000)
    ledger.journal.put(many)
    assert len(ledger.journal.waiting(9999)) == 2001


def put_away(folder):
    """Move the files of a ledger that is in use, as whoever restores a backup may do."""
    (folder / "before").mkdir()
    for path in folder.glob("ledger.db*"):
        path.rename(folder / "before" / path.name)


def nodes(ledger):
    return sorted(row.node for row in ledger.rejoins.all())


def test_a_backup_put_in_place_is_used_at_once_by_who_had_the_other_one_open(tmp_path, caplog):
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger(url)
    ledger.rejoins.put([Rejoin("pi0", "converged")])
    with sqlite3.connect(tmp_path / "ledger.db") as one, sqlite3.connect(tmp_path / "copy") as copy:
        one.backup(copy)
    one.close()
    copy.close()
    ledger.rejoins.put([Rejoin("pi1", "converged")])
    put_away(tmp_path)
    (tmp_path / "copy").rename(tmp_path / "ledger.db")
    assert nodes(ledger) == ["pi0"]
    ledger.rejoins.put([Rejoin("pi2", "converged")])
    assert nodes(Ledger(url)) == ["pi0", "pi2"]
    assert [record.message for record in caplog.records if "was replaced" in record.message] == [
        f"The ledger {url} was replaced; the new one is used"
    ]


def test_a_ledger_taken_away_is_missed_and_goes_on_when_it_is_back(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.rejoins.put([Rejoin("pi0", "converged")])
    put_away(tmp_path)
    with pytest.raises(StorageError, match="was taken away while it was in use; put it back"):
        ledger.rejoins.put([Rejoin("pi1", "converged")])
    assert not (tmp_path / "ledger.db").exists()
    for path in (tmp_path / "before").iterdir():
        path.rename(tmp_path / path.name)
    ledger.rejoins.put([Rejoin("pi2", "converged")])
    assert nodes(ledger) == ["pi0", "pi2"]


def test_a_link_put_in_the_place_of_a_ledger_in_use_is_refused(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.rejoins.put([Rejoin("pi0", "converged")])
    put_away(tmp_path)
    (tmp_path / "ledger.db").symlink_to(tmp_path / "before" / "ledger.db")
    with pytest.raises(StorageError, match="cannot be made"):
        ledger.rejoins.all()
