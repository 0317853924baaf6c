"""One seed on two boards."""

from contextlib import suppress

import pytest

from lab import boards
from lab.description import Node
from tests.integration.attacker import knock
from tests.integration.head import Head, describe
from tests.integration.pi import Pi


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Start a master with the engine."""
    head = Head(describe(tmp_path_factory.mktemp("copies") / "cloud"))
    head.start()
    yield head
    head.kill()


@pytest.fixture
def make(head):
    """Return what makes Pis; all of them end with the test."""
    made = []

    def one(serial, seed, model="pi2b"):
        pi = Pi(
            boards.make("test", Node("any", "rack1", model, None, None, serial, 1024)), head.port
        )
        made.append(pi)
        pi.first_boot(seed)
        pi.start()
        return pi

    yield one
    for pi in made:
        with suppress(OSError):
            pi.kill()


def test_a_seed_used_on_two_boards(head, make, tmp_path):
    """The first is converged; when the copy starts, neither is let in any more."""
    seed = head.card(tmp_path, node="pi0")
    make("00000000e0000001", seed)
    head.step("pi0", "converged", seconds=90)
    card = head.ledger.cards.in_use("pi0")
    make("00000000e00000ff", seed)
    row = head.step("pi0", "quarantined", seconds=90)
    assert row.kind == "copy of a card"
    for serial in ("00000000e0000001", "00000000e00000ff"):
        assert serial in row.reason
    assert "salt-run card.prepare node=pi0" in row.reason
    assert head.keys.accepted("pi0") is None
    assert head.ledger.cards.get(card.card).state == "revoked"
    knock(head.port, ("pi0", (seed / "minion.pub").read_text()))
    assert "was revoked" in head.refused("pi0").reason
    assert head.keys.accepted("pi0") is None
    assert "copy of a card" in str(head.run("rejoin.status")) or "copy" in head.log
