"""
What a node gets that becomes a manager of a site: what that site has of its workloads, for any of
its managers may lead the swarm.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from picloud.ledger.rollouts import Member
from picloud.records import Node
from picloud.rollout.guarded import WORKLOADS, has
from picloud.rollout.types import State


def peers(nodes: Mapping[str, Node], pinned: Collection[str]) -> dict[str, str]:
    """
    Return a node of each site of which is on record what it has of the workloads there: one that
    manages, else one that did until now.

    nodes
        The described nodes by id.
    pinned
        Ids of nodes that something is on record of.
    """
    known = [nodes[name] for name in sorted(pinned) if name in nodes]
    known.sort(key=lambda node: has(node, WORKLOADS))
    return {node.site: node.id for node in known}


def joined(peer: Member, node: str) -> Member:
    """
    Return the member that a new manager is of a rollout that is under way.

    peer
        A member from the same site.
    node
        The new manager's id.

    It gets what its peer is to have now. A wave that has begun does not wait for it.

    >>> joined(Member("pi0", 1, "a", "b", "waiting", "a"), "pi3").state
    'waiting'
    """
    reason = "became a manager when the wave of its site had begun"
    if peer.state == State.WAITING:
        state, reason = State.WAITING, ""
    else:
        state = State.RETURNED if peer.pin == peer.old else State.AWAY
    return replace(peer, node=node, state=str(state), at=0.0, reason=reason)
