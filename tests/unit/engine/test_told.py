"""What the public hooks say of a node that waits for an admin: once, and again when it changes."""

import pytest
from cryptography.hazmat.primitives import serialization
from picloud.identity import CardState, fingerprint
from picloud.ledger import CardRow, Hint

from tests.unit.engine.test_way_back import NEW, OWN, Head, key_pair

SPARE = "card-0123456789ab"


@pytest.fixture
def head(tmp_path, monkeypatch):
    """Return an engine that lets an admin confirm boards, with a node and a spare card."""
    head = Head(tmp_path, monkeypatch, {"boards": "confirm"})
    head.card("pi0")
    private, public = key_pair(SPARE)
    row = CardRow(SPARE, None, True, fingerprint(public), CardState.ISSUED, public=public)
    head.ledger.cards.add([row])
    head.engine.keys.store[SPARE] = public
    head.private[SPARE] = serialization.load_pem_private_key(private.encode(), None)
    return head


def told(head):
    """Return what was told since this was last asked."""
    said = [one for one in head.engine.bus.told if one[0] != "go"]
    head.engine.bus.told.clear()
    return said


def test_a_spare_that_starts_again_and_again_is_told_once(head):
    assert head.comes(SPARE, NEW).step == "lobby"
    assert told(head) == [("lobby", SPARE)]
    for _ in range(3):
        assert head.comes(SPARE, NEW).step == "lobby"
    assert told(head) == []
    assert head.comes(SPARE, "00000000e0000088").step == "lobby"
    assert told(head) == [("lobby", SPARE)]


def test_a_node_held_for_the_same_reason_is_told_once(head):
    head.up("pi0", OWN["pi0"])
    assert told(head) == [("converged", "pi0")]
    for _ in range(3):
        assert head.comes("pi0", NEW).step == "held"
    assert told(head) == [("held", "pi0")]
    assert head.comes("pi0", OWN["pi0"]).step == "converging"
    assert head.comes("pi0", NEW).step == "converging"  # it is verified first
    head.answer("pi0", "pirejoin.verify", OWN["pi0"])
    assert head.comes("pi0", NEW).step == "held"
    assert told(head) == [("converged", "pi0"), ("held", "pi0")]


def test_who_is_looked_at_anew_by_hand_is_told_again(head):
    head.up("pi0", OWN["pi0"])
    head.comes("pi0", NEW)
    told(head)
    head.ledger.journal.put([Hint("retry", "pi0", head.now)])
    head.engine.round([])
    head.answer("pi0", "pirejoin.evidence", NEW)
    head.rounds(8)
    assert head.row("pi0").step == "held"
    assert told(head) == [("held", "pi0")]


def test_each_restart_of_a_good_node_is_told(head):
    head.up("pi0", OWN["pi0"])
    for _ in range(2):
        assert head.comes("pi0", OWN["pi0"]).step == "converged"
    assert told(head) == [("converged", "pi0")] * 3
