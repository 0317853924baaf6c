"""What is special about SQLite: its file, and a disk without room."""

import os
import stat

import pytest
import sqlalchemy as sa
from picloud.ledger import Hint, Ledger, StorageError


def test_the_file_is_for_its_owner_only(tmp_path):
    Ledger(f"sqlite:///{tmp_path}/new/ledger.db").cards.list()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "ledger.db").stat().st_mode) == 0o600


def test_a_link_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "ledger.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="cannot be made"):
        Ledger(f"sqlite:///{tmp_path}/ledger.db").cards.list()


def test_what_is_no_database_is_named_with_what_to_write():
    with pytest.raises(StorageError, match="'nonsense' is no database; write sqlite:////path"):
        Ledger("nonsense")


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
