"""
The steps of a rollout: what follows from how its nodes are, as pure functions.

A step changes a rollout, some of its members, and what is asked of them, all at once; it is
recorded in one transaction. Nothing else is remembered, so a master that is killed goes on with the
step that it had recorded last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from picloud.ledger.rejoins import Rejoin
from picloud.ledger.rollouts import Member, Rollout
from picloud.rejoin import steps as rejoin
from picloud.rollout.health import arrived, failed, named, unhealthy
from picloud.rollout.types import ENDS, Fact, Look, Move, State, Step, Wish

#: Seconds in which nodes answer when they are looked at once more, and until one that has not is
#: asked again: a highstate in test mode takes a Pi 1 more than a minute.
CHECK_S, AGAIN_S = 900.0, 180.0
#: Seconds for which a node that is not done yet is left in peace.
BUSY_S = 15.0
#: Seconds by which the master's clock may go back before anything is made of it.
CLOCK_S = 5.0
#: Seconds in which a node that has no connection may come back: its minion may just restart.
AWAY_S = 60.0
Follow = Callable[[Look, Member, Fact], Member]

#: Steps that take too long some time.
LIMITED = (Step.CONVERGING, Step.CHECKING, Step.RETURNING)
#: States of nodes that something was asked of.
UNDER_WAY = (State.CONVERGING, State.CONVERGED, State.ASKED)
#: Why a node that has no card yet is passed.
NEVER_HERE = "was never here"
#: The kind of a way back that a rollout began.
KIND = "rollout"


def step(look: Look, nonce: str) -> Move | None:
    """
    Return the next step of a rollout; None while there is nothing to do.

    look
        The rollout and all that its next step follows from.
    nonce
        A new number for the next question.

    .. code-block:: python

        move = step(Look(rollout, members, facts, time.time()), secrets.token_hex(16))
    """
    at = Step(look.rollout.step)
    if at in ENDS:
        return None
    if look.seconds < -CLOCK_S:
        return _clamped(look)
    if look.hold and at in LIMITED and look.seconds > AGAIN_S:
        # No highstate can be compiled, so nobody gets ready: the time for it begins anew.
        return Move(replace(look.rollout, step_at=look.now))
    if at is Step.RETURNING:
        return _returning(look)
    if look.stops:
        return _back(look, look.members, look.stops)
    forward = {Step.NEXT: _next, Step.CONVERGING: _converging, Step.CHECKING: _checking}
    return _soaking(look, nonce) if at is Step.SOAKING else forward[at](look)


def sent(row: Rejoin, part: str, now: float) -> Rejoin:
    """
    Return the row of a node that is sent on its way because of a rollout.

    row, part, now
        Its row of rejoin, the part whose settings changed, and the time in seconds since 1970.
    """
    row = rejoin.begin(row.node, row, now)
    changes = {"kind": KIND, "reason": f"its settings of {part} changed", "tries": 0}
    return rejoin.move(row, rejoin.Step.WAITING, now, verified=False, aside=False, **changes)


def _at(rollout: Rollout, to: Step, now: float, reason: str = "") -> Rollout:
    ended = now if to in ENDS else 0.0
    return replace(rollout, step=str(to), step_at=now, reason=reason, ended_at=ended)


def _to(member: Member, state: State, reason: str = "") -> Member:
    return replace(member, state=str(state), reason=reason)


def _clamped(look: Look) -> Move:
    """The master's clock went back: times on record say nothing, the step takes its time anew."""
    # Long ago, but not never: what was asked of a node was asked.
    members = [replace(one, at=1.0) for one in look.members if one.at > look.now]
    return Move(replace(look.rollout, step_at=look.now), tuple(members))


def _next(look: Look) -> Move | None:
    """Begin the wave that is next."""
    rollout = look.rollout
    paused = "is paused; to go on: salt-run rollout.start"
    if reason := paused if rollout.wish == Wish.PAUSE else look.hold:
        return None if rollout.reason == reason else Move(replace(rollout, reason=reason))
    begun = [replace(_to(one, State.CONVERGING), at=0.0, pin=one.new) for one in look.wave]
    return Move(_at(rollout, Step.CONVERGING, look.now), tuple(begun))


def _converging(look: Look) -> Move | None:
    """Converge the nodes of a wave."""
    changed, send, doubt = _moved(look, State.CONVERGING, _forward)
    wave = [changed.get(one.node, one) for one in look.wave]
    if found := unhealthy(look, wave):
        return _back(look, wave, found)
    if any(one.state == State.CONVERGING for one in wave):
        return Move(look.rollout, tuple(changed.values()), send, doubt) if changed else None
    if any(one.state == State.CONVERGED for one in wave):
        rollout = _at(look.rollout, Step.SOAKING, look.now)
    else:
        rollout = _passed(look)
    return Move(rollout, tuple(changed.values()), (), doubt)


def _moved(
    look: Look, state: State, follow: Follow
) -> tuple[dict[str, Member], tuple[str, ...], tuple[str, ...]]:
    """What becomes of members in a state: those that changed, are sent, and are in doubt."""
    changed: dict[str, Member] = {}
    send, doubt = [], []
    members = look.members if state is State.RETURNING else look.wave
    for one in members:
        if one.state != state:
            continue
        new = follow(look, one, look.facts[one.node])
        if new == one and look.is_late:
            over = State.STUCK if state is State.RETURNING else State.FAILED
            new = _to(one, over, f"was not ready within {look.policy.limit_s} s")
        if new == one:
            continue
        changed[one.node] = new
        if new.state == state:
            send.append(one.node)
        elif not one.at:
            doubt.append(one.node)
    return changed, tuple(send), tuple(doubt)


def _forward(look: Look, one: Member, fact: Fact) -> Member:
    """A node whose wave has begun: sent on its way when nothing else is done with it, arrived."""
    row = fact.row
    if one.at:
        if row is None or row.kind == rejoin.BY_HAND:
            reason = row.reason if row is not None else "was taken off the record by hand"
            return _to(one, State.AWAY, reason)
        if arrived(row, one.at):
            return _to(one, State.CONVERGED)
        return _to(one, State.FAILED, _why(look, one, row)) if failed(row, look.policy) else one
    return _begun(look, one, fact, State.AWAY)


def _begun(look: Look, one: Member, fact: Fact, otherwise: State) -> Member:
    """A node that is to be sent on its way: it is, or it waits, or it cannot be."""
    row = fact.row
    if row is None:
        return _to(one, otherwise, NEVER_HERE)
    if not fact.there:
        return one if look.seconds < AWAY_S else _to(one, otherwise, "has no connection")
    retried = row.aside and otherwise is State.RETURNED
    if row.step in (rejoin.Step.CONVERGED, rejoin.Step.WAITING) or retried:
        return replace(one, at=look.now)
    if row.step in rejoin.UNDER_WAY:
        return one
    return _to(one, otherwise, f"is {row.step}: {row.reason}")


def _why(look: Look, one: Member, row: Rejoin) -> str:
    """Why a node failed: what its verification found, and what went wrong before that."""
    return "; ".join(filter(None, (row.reason, look.details(one))))


def _passed(look: Look) -> Rollout:
    """A wave is over, and was healthy enough."""
    if look.rollout.wave + 1 == len(look.rollout.waves):
        return _at(look.rollout, Step.DONE, look.now)
    return replace(_at(look.rollout, Step.NEXT, look.now), wave=look.rollout.wave + 1)


def _soaking(look: Look, nonce: str) -> Move | None:
    """Let a wave run, then look at it once more."""
    if look.seconds < look.policy.soak_s:
        return None
    asked = [
        replace(_to(one, State.ASKED), at=look.now)
        for one in look.wave
        if one.state == State.CONVERGED
    ]
    rollout = replace(_at(look.rollout, Step.CHECKING, look.now), nonce=nonce)
    return Move(rollout, tuple(asked), ask=tuple(one.node for one in asked))


def _checking(look: Look) -> Move | None:
    """Wait for the answers of a wave, and decide about it."""
    changed: dict[str, Member] = {}
    ask = []
    for one in look.wave:
        if not _open(one):
            continue
        if look.seconds > (look.policy.limit_s if one.reason else CHECK_S):
            reason = one.reason or "did not answer after a while"
            changed[one.node] = _to(one, State.FAILED, reason)
        elif look.now - one.at > (AGAIN_S if one.state == State.ASKED else BUSY_S):
            changed[one.node] = replace(one, state=str(State.ASKED), at=look.now)
            ask.append(one.node)
    wave = [changed.get(one.node, one) for one in look.wave]
    if found := unhealthy(look, wave):
        return _back(look, wave, found)
    if any(map(_open, wave)):
        return Move(look.rollout, tuple(changed.values()), ask=tuple(ask)) if changed else None
    if any(one.state == State.CONVERGED for one in wave):
        # Only now is all of the change there: from here on it runs for a while.
        return Move(_at(look.rollout, Step.SOAKING, look.now), tuple(changed.values()))
    return Move(_passed(look), tuple(changed.values()))


def _open(one: Member) -> bool:
    """Whether a node that was looked at has not answered, or was not done then."""
    return one.state == State.ASKED or (one.state == State.CONVERGED and one.reason != "")


def _back(look: Look, members: Sequence[Member], reason: str) -> Move:
    """Put members back to what they had, where that is possible."""
    wish, part = look.rollout.wish, look.rollout.part
    end = Step.ABORTED if wish in (Wish.ABORT, Wish.ABANDON) else Step.STOPPED
    reached = [one for one in members if one.state != State.WAITING]
    stay = "" if wish == Wish.ABANDON else f", {part} is one_way"
    if reached and (wish == Wish.ABANDON or part in look.policy.one_way):
        said = f"{reason}; nodes stay as they are{stay}"
        left = [_to(m, State.LEFT, m.reason) for m in reached if m.state in UNDER_WAY]
        doubt = tuple(one.node for one in left if not one.at)
        return Move(_at(look.rollout, end, look.now, said), tuple(left), doubt=doubt)
    if not reached:
        return Move(_at(look.rollout, end, look.now, reason))
    changed = tuple(_turned(look, one) for one in reached)
    return Move(_at(look.rollout, Step.RETURNING, look.now, reason), changed)


def _turned(look: Look, one: Member) -> Member:
    """A node whose wave goes back."""
    if barred := look.barred(one):
        return _to(one, State.STUCK, barred)
    row = look.facts[one.node].row
    if one.state == State.AWAY and row is not None and row.aside:
        # It was set aside before its wave began: that is for an admin to end.
        return replace(_to(one, State.RETURNED, one.reason), pin=one.old)
    return replace(one, state=str(State.RETURNING), at=0.0, pin=one.old)


def _returning(look: Look) -> Move | None:
    """Converge nodes that are put back."""
    changed, send, doubt = _moved(look, State.RETURNING, _homeward)
    members = [changed.get(one.node, one) for one in look.members]
    if any(one.state == State.RETURNING for one in members):
        return Move(look.rollout, tuple(changed.values()), send, doubt) if changed else None
    end = Step.ABORTED if look.rollout.wish == Wish.ABORT else Step.STOPPED
    reason = f"{look.rollout.reason}; {_home(members)}"
    rollout = _at(look.rollout, end, look.now, reason)
    return Move(rollout, tuple(changed.values()), (), doubt)


def _homeward(look: Look, one: Member, fact: Fact) -> Member:
    """A node that is put back: sent on its way when nothing else is done with it, arrived."""
    row = fact.row
    if not one.at:
        return _begun(look, one, fact, State.RETURNED)
    if row is None or row.kind == rejoin.BY_HAND or arrived(row, one.at):
        return _to(one, State.RETURNED)
    return _to(one, State.STUCK, _why(look, one, row)) if failed(row, look.policy) else one


def _home(members: Sequence[Member]) -> str:
    """What became of nodes that were to be put back, in words."""
    back = [one for one in members if one.state == State.RETURNED]
    stuck = [one for one in members if one.state == State.STUCK]
    count = len(back) + len(stuck)
    said = f"put back: {len(back)} of {count}"
    return f"{said}; not put back: {named(stuck)}" if stuck else said
