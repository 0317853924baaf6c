"""
The steps of a node on its way back: what follows from what, as pure functions on its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from picloud.identity import Action, Decision, Kind
from picloud.ledger.rejoins import Rejoin
from picloud.policy import Rejoin as Policy
from picloud.rejoin.schedule import backoff


class Step(StrEnum):
    """Where a node is on its way back."""

    ADMITTED = "admitted"
    """Its key was let in; its minion has not started yet."""
    ASKED = "asked"
    """It was asked which board and card it is."""
    WAITING = "waiting"
    """It is to be converged, as soon as limits allow."""
    CONVERGING = "converging"
    """The highstate and its verification are under way."""
    CONVERGED = "converged"
    """It is verified to be what the description says."""
    LOBBY = "lobby"
    """A spare card that belongs to no node yet."""
    BOUND = "bound"
    """A spare card that was told which node it is."""
    HELD = "held"
    """An admin has to look at it."""
    QUARANTINED = "quarantined"
    """It failed too often, or its key was taken; nothing is done until an admin releases it."""


#: Steps in which something is under way.
UNDER_WAY = (Step.ADMITTED, Step.ASKED, Step.WAITING, Step.CONVERGING, Step.BOUND)
#: Steps that end a way back.
ENDS = (Step.CONVERGED, Step.LOBBY, Step.HELD, Step.QUARANTINED)
#: The kind of a node that an admin holds.
BY_HAND = "held by hand"


def move(row: Rejoin, step: Step, now: float, **changes: Any) -> Rejoin:
    """
    Return a row at another step; the seconds of the step it leaves are kept.

    row, step, now
        The row, where it goes, and the time in seconds since 1970.
    changes
        Other fields of the row; ``limit_at`` and ``not_before`` are cleared where not given.
    """
    seconds = dict(row.seconds)
    if row.step in UNDER_WAY and row.step_at:
        seconds[row.step] = round(seconds.get(row.step, 0.0) + now - row.step_at, 2)
    changes = {"limit_at": None, "not_before": 0.0, "seconds": seconds} | changes
    return replace(row, step=str(step), step_at=now, **changes)


def begin(node: str, before: Rejoin | None, now: float) -> Rejoin:
    """Return the row of a node whose way back begins; what it ran on and its failures stay."""
    row = before or Rejoin(node, "")
    return replace(row, since=now, step="", step_at=now, seconds={})


def admitted(row: Rejoin, kind: str, reason: str, policy: Policy, now: float) -> Rejoin:
    """Its key was let in: a new card starts with no failures."""
    limit = now + policy.limits_s.start
    changes = {"kind": kind, "reason": reason, "tries": 0, "verified": False, "aside": False}
    return move(row, Step.ADMITTED, now, limit_at=limit, **changes)


def asked(row: Rejoin, nonce: str, policy: Policy, now: float) -> Rejoin:
    """It was asked for evidence."""
    return move(row, Step.ASKED, now, nonce=nonce, limit_at=now + policy.limits_s.evidence)


def decided(row: Rejoin, decision: Decision, card: str, serial: str, now: float) -> Rejoin:
    """What a decision makes of it. One set aside stays so until something about it changed."""
    said = {"kind": str(decision.kind), "reason": decision.reason, "card": card, "serial": serial}
    if decision.action is Action.LEAVE:
        return move(row, Step.CONVERGED, now, verified=True, aside=False, tries=0, **said)
    if decision.action is Action.CONVERGE:
        if row.aside and decision.kind is Kind.RESTART:
            again = "; started again since"
            reason = f"{row.reason.removesuffix(again)}{again}"
            return move(row, Step.QUARANTINED, now, card=card, serial=serial, reason=reason)
        tries = row.tries if decision.kind is Kind.RESTART else 0
        return move(row, Step.WAITING, now, verified=False, aside=False, tries=tries, **said)
    step = {Action.LOBBY: Step.LOBBY, Action.BIND: Step.BOUND, Action.HOLD: Step.HELD}
    return move(row, step.get(decision.action, Step.QUARANTINED), now, verified=False, **said)


def dispatched(row: Rejoin, nonce: str, policy: Policy, now: float) -> Rejoin:
    """It is being converged."""
    return move(row, Step.CONVERGING, now, nonce=nonce, limit_at=now + policy.limits_s.converge)


def verified(
    row: Rejoin, problems: Sequence[str], policy: Policy, now: float, jitter: float
) -> Rejoin:
    """What a verification makes of it."""
    if problems:
        return failed(row, "; ".join(problems), policy, now, jitter)
    reason = f"is verified, after {row.tries} tries that failed" if row.tries else row.reason
    return move(row, Step.CONVERGED, now, verified=True, tries=0, reason=reason)


def postponed(row: Rejoin, why: str, now: float, seconds: float) -> Rejoin:
    """It waits for something that is not its fault: no try is counted."""
    return move(row, Step.WAITING, now, reason=why, not_before=now + seconds)


def failed(row: Rejoin, why: str, policy: Policy, now: float, jitter: float) -> Rejoin:
    """It failed: tried again later, or set aside when it failed too often."""
    tries = row.tries + 1
    if tries >= policy.tries:
        reason = f"failed {tries} times: {why}; then: salt-run rejoin.release node={row.node}"
        return move(row, Step.QUARANTINED, now, tries=tries, reason=reason, aside=True)
    wait = backoff(policy, tries, jitter)
    reason = f"try {tries} failed: {why}"
    return move(row, Step.WAITING, now, tries=tries, reason=reason, not_before=now + wait)


def released(row: Rejoin, kind: str, reason: str, now: float) -> Rejoin:
    """What happened to another node lets it go on."""
    return move(row, Step.WAITING, now, kind=kind, reason=reason, tries=0, aside=False)


def freed(row: Rejoin) -> Rejoin:
    """An admin wants it looked at anew: what failed before does not count any more."""
    kind = "" if row.kind == BY_HAND else row.kind
    reason = "is looked at anew, as an admin asked"
    return replace(row, kind=kind, reason=reason, tries=0, aside=False, verified=False)


def held_by_hand(row: Rejoin, reason: str, now: float) -> Rejoin:
    """An admin wants it left alone until it is released."""
    said = f"held by hand{': ' if reason else ''}{reason}"
    command = f"let it go: salt-run rejoin.release node={row.node}"
    return move(row, Step.HELD, now, kind=BY_HAND, reason=f"{said}; {command}")


def clamped(row: Rejoin, policy: Policy, now: float) -> Rejoin:
    """
    A row whose times are to come: the master's clock went back since. It begins its step anew.

    row, policy, now
        The row, the description's ``rejoin``, and the time.
    """
    limits = policy.limits_s
    most = {
        Step.ADMITTED: limits.start,
        Step.ASKED: limits.evidence,
        Step.CONVERGING: limits.converge,
    }
    limit = None if row.limit_at is None else now + most.get(Step(row.step), limits.start)
    return replace(row, since=min(row.since, now), step_at=now, not_before=0.0, limit_at=limit)


def overdue(row: Rejoin, policy: Policy, now: float, jitter: float) -> Rejoin:
    """What becomes of it when its step has taken too long; one still asked is asked again."""
    if row.step == Step.ADMITTED:
        reason = (
            f"was let in and has not started for {policy.limits_s.start} s; look at its console, it"
            " goes on by itself when it starts"
        )
        return move(row, Step.HELD, now, reason=reason)
    if row.step == Step.ASKED:
        limit = policy.limits_s.evidence
        if now < row.step_at + limit * policy.tries:
            return replace(row, limit_at=now + limit)
        reason = (
            f"was asked {policy.tries} times who it is, and said nothing for"
            f" {now - row.step_at:.0f} s; look at its console, it goes on when it starts"
        )
        return move(row, Step.HELD, now, reason=reason)
    limit = policy.limits_s.converge
    return failed(row, f"was not converged within {limit} s", policy, now, jitter)
