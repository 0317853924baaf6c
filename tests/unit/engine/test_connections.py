"""A card whose connection is seen to be gone is not waited for; one that cannot be seen is."""

import pytest
from picloud.identity import CardState, fingerprint
from picloud.ledger import CardRow
from picloud_rejoin.connections import Connections

from tests.unit.engine.test_way_back import OWN, Head

PUBLIC = "another"


@pytest.fixture
def head(tmp_path, monkeypatch):
    """A head that sees connections by the addresses in the nodes' grains."""
    head = Head(tmp_path, monkeypatch)
    head.there, head.looked_up = {"pi0", "pi1"}, []

    def connected(opts, told):
        head.looked_up.append(set(told))
        return head.there & set(told)

    monkeypatch.setattr(
        "picloud_jobs.grains", lambda opts, names: {name: ({}, 1) for name in names}
    )
    monkeypatch.setattr("picloud_jobs.connected", connected)
    head.card("pi0")
    head.engine.keys.offered = lambda name: [PUBLIC]
    head.engine.keys.forget_denied = lambda name, public: None
    new = CardRow("card-1", "pi0", False, fingerprint(PUBLIC), CardState.ISSUED, public=PUBLIC)
    head.ledger.cards.add([new])
    return head


def let_in_after(head):
    """Seconds until a new card of pi0 is let in."""
    event = {"id": "pi0", "act": "denied", "pub": PUBLIC}
    head.engine.round([("salt/auth", event)])
    for seconds in range(9):
        if head.engine.keys.store["pi0"] == PUBLIC:
            return seconds
        head.rounds(1)
    return None


@pytest.mark.parametrize(
    ("seen", "there", "seconds"),
    [
        pytest.param({"pi0"}, set(), 1, id="it was seen and is gone"),
        pytest.param(set(), set(), 4, id="it could never be seen"),
        pytest.param({"pi0"}, {"pi0"}, 4, id="it is connected and says nothing"),
    ],
)
def test_how_long_the_present_card_is_waited_for(head, seen, there, seconds):
    head.there = seen
    head.up("pi0", OWN["pi0"])
    head.rounds(1)
    head.there = there
    assert let_in_after(head) == seconds


def test_who_was_there_before_the_engine_is_looked_up_in_a_sweep(head):
    head.up("pi0", OWN["pi0"])
    head.engine.connections = Connections(head.engine.opts)
    head.rounds(61)
    head.there.clear()
    assert let_in_after(head) == 1


def test_who_was_seen_is_not_looked_up_again(head):
    head.up("pi0", OWN["pi0"])
    head.rounds(61)
    head.looked_up.clear()
    head.rounds(61)
    assert not any(head.looked_up)


@pytest.mark.parametrize("said", [None, {}], ids=["no cache", "no grains"])
def test_a_master_that_cannot_tell_waits(head, monkeypatch, said):
    head.up("pi0", OWN["pi0"])
    head.rounds(1)
    monkeypatch.setattr("picloud_jobs.grains", lambda opts, names: said or {})
    monkeypatch.setattr(
        "picloud_jobs.connected", lambda opts, told: None if said is None else set()
    )
    assert let_in_after(head) == 4
