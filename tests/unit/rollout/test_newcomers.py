"""What a node gets that becomes a manager of a site."""

import pytest
from picloud.ledger.rollouts import Member
from picloud.rollout.newcomers import joined, peers

from tests.unit.cards.office import tiny

MANAGES = {"roles": ("swarm-manager",), "parts": ("docker", "swarm")}


@pytest.mark.parametrize(
    ("state", "pin", "expected"),
    [
        ("waiting", "old", "waiting"),
        ("converging", "new", "away"),
        ("healthy", "new", "away"),
        ("away", "new", "away"),
        ("going back", "old", "back"),
        ("back", "old", "back"),
        ("stuck", "new", "away"),
    ],
)
def test_a_new_manager_gets_what_its_peer_is_to_have(state, pin, expected):
    peer = Member("pi0", 2, "old", "new", state, pin, at=7.0, reason="it is slow")
    member = joined(peer, "pi3")
    assert (member.node, member.wave, member.old, member.new) == ("pi3", 2, "old", "new")
    assert (member.state, member.pin, member.at) == (expected, pin, 0.0)
    assert bool(member.reason) == (expected != "waiting")


@pytest.mark.parametrize(
    ("managers", "pinned", "expected"),
    [
        ((), (), {}),
        (("pi0",), ("pi0",), {"lab": "pi0"}),
        (("pi0",), ("pi0", "pi2"), {"lab": "pi0"}),
        (("pi2",), ("pi0", "pi2"), {"lab": "pi2"}),
        (("pi2",), ("pi0",), {"lab": "pi0"}),
        (("pi2",), ("gone",), {}),
    ],
)
def test_a_manager_is_asked_before_one_that_was_one(managers, pinned, expected):
    nodes = {
        name: node._replace(**MANAGES) if name in managers else node
        for name, node in tiny().nodes.items()
    }
    assert peers(nodes, pinned) == expected
