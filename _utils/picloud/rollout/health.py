"""
Is a node well, and is a wave healthy enough? In words, if not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from picloud.ledger.rejoins import Rejoin
from picloud.ledger.rollouts import Member
from picloud.rejoin.steps import ENDS
from picloud.rejoin.steps import Step as Rejoining
from picloud.rollout.policy import Rollout as Policy
from picloud.rollout.types import Look, State

#: Nodes whose reason is told when a rollout stops.
NAMED = 3


def arrived(row: Rejoin, since: float) -> bool:
    """
    Tell whether a node was verified after a time: it is what its settings say.

    row, since
        Its row of rejoin, and the time in seconds since 1970.
    """
    return row.step == Rejoining.CONVERGED and row.verified and row.step_at >= since


def failed(row: Rejoin, policy: Policy) -> bool:
    """
    Tell whether a node failed on its way.

    row, policy
        Its row of rejoin, and the policy of the rollout.
    """
    stands = row.step in ENDS and row.step != Rejoining.CONVERGED
    return stands or row.tries >= policy.tries


def checked(member: Member, problems: Sequence[str], busy: Sequence[str], now: float) -> Member:
    """
    Return what becomes of a node that was looked at once more.

    member, problems
        The node, and what is wrong with it.
    busy
        What of the change is still under way there: then it is asked again after a while, and once
        that is over it is left to run once more.
    now
        The time, in seconds since 1970.
    """
    if problems:
        reason = f"was not well any more after a while: {'; '.join(problems)}"
        return replace(member, state=str(State.FAILED), reason=reason)
    if busy:
        reason = f"is not done yet: {'; '.join(busy)}"
        return replace(member, state=str(State.CONVERGED), at=now, reason=reason)
    after = State.CONVERGED if member.reason else State.HEALTHY
    return replace(member, state=str(after), reason="")


def unhealthy(look: Look, wave: Sequence[Member]) -> str:
    """
    Return why a wave is not healthy enough, in words; nothing as long as it may be.

    look, wave
        The rollout, and the members of its present wave as they are by now. Nodes that are not
        there do not count, but one canary has to be there.
    """
    there = [one for one in wave if one.state != State.AWAY]
    ill = [one for one in there if one.state == State.FAILED]
    canaries = look.rollout.wave == 0
    name = f"wave {look.rollout.wave + 1} ({look.rollout.waves[look.rollout.wave]})"
    if canaries and not there:
        return f"{name}: no canary can be asked: {named(wave)}"
    percent = 100 if canaries else look.policy.healthy_percent
    if len(ill) <= len(there) * (100 - percent) // 100:
        return ""
    count = f"{len(ill)} of {len(there)} node{'' if len(there) == 1 else 's'} failed"
    return f"{name}: {count}, {percent} % have to be healthy: {named(ill)}"


def named(members: Sequence[Member]) -> str:
    """
    Return the reasons of some nodes, and how many more there are.

    members
        The nodes.
    """
    said = "; ".join(f"{one.node}: {one.reason}" for one in members[:NAMED])
    return said + (f"; and {len(members) - NAMED} more" if len(members) > NAMED else "")
