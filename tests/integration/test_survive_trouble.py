"""A full disk, and a node that fails for ever beside a good one: the others go on."""

import subprocess
from contextlib import suppress

import pytest
from picloud.identity import fingerprint

from lab import boards
from lab.description import Node
from tests.integration.attacker import knock
from tests.integration.head import Head, describe
from tests.integration.pi import Pi


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """Return a small file system of its own."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs here")
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


@pytest.fixture
def make(head):
    """Return what makes Pis; all of them end with the test."""
    made = []

    def one(serial, seed):
        node = Node("any", "rack1", "pi2b", None, None, serial, 1024)
        pi = Pi(boards.make("test", node), head.port)
        made.append(pi)
        pi.first_boot(seed)
        return pi

    yield one
    for pi in made:
        with suppress(OSError):
            pi.kill()


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


def test_a_node_that_fails_for_ever_is_set_aside_and_the_other_converges(head, make, tmp_path):
    bad = make("00000000e0000001", head.card(tmp_path, node="pi0"))
    good = make("00000000e0000002", head.card(tmp_path, node="pi1"))
    (bad.root / "etc/picloud/card.json").unlink()
    (bad.root / "etc/picloud").rmdir()
    (bad.root / "etc/picloud").write_text("no folder any more")
    bad.start()
    good.start()
    head.step("pi1", "converged", seconds=120)
    row = head.step("pi0", "quarantined", seconds=180)
    assert "failed 3 times" in row.reason
    assert "its card cannot be written" in row.reason
    assert "salt-run rejoin.release node=pi0" in row.reason
    assert head.ledger.rejoins.get("pi1").step == "converged"
