"""A full disk: nobody is let in that cannot be recorded, and it goes on when there is room."""

import subprocess

import pytest
from picloud.identity import fingerprint

from tests.integration.attacker import knock
from tests.integration.head import Head, describe


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """Return a small file system of its own."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def head(tmp_path_factory, disk):
    """Start a master whose ledger is on the small file system."""
    description = describe(tmp_path_factory.mktemp("trouble") / "cloud")
    head = Head(description, picloud_database=f"sqlite:///{disk}/ledger.db")
    head.start()
    yield head
    head.kill()
    head.ledger.database.close()


def _fill(path):
    done = subprocess.run(["dd", "if=/dev/zero", f"of={path}"], capture_output=True, check=False)
    assert b"No space left" in done.stderr


def test_a_full_disk_lets_nobody_in(head, disk, tmp_path):
    """What cannot be recorded is not done; when there is room it goes on by itself."""
    present = (head.card(tmp_path / "first", node="pi2") / "minion.pub").read_text()
    new = (head.card(tmp_path / "second", node="pi2") / "minion.pub").read_text()
    filler = disk / "filler"
    _fill(filler)

    def refused():
        knock(head.port, ("pi2", new))
        return "Rejoin lets nobody in and goes on by itself" in head.log

    head.wait(refused)
    assert fingerprint(head.keys.accepted("pi2")) == fingerprint(present)
    assert head.ledger.cards.in_use("pi2").fingerprint == fingerprint(present)
    engine = head.engine().pid
    filler.unlink()
    head.wait(lambda: fingerprint(head.keys.accepted("pi2")) == fingerprint(new))
    assert head.ledger.cards.in_use("pi2").fingerprint == fingerprint(new)
    assert head.engine().pid == engine
