"""
What a rollout is made of: its steps, the states of its nodes, what is known of them, what to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from picloud.ledger.rejoins import Rejoin
from picloud.ledger.rollouts import Member, Rollout
from picloud.rollout.policy import Rollout as Policy


class Step(StrEnum):
    """Where a rollout is."""

    NEXT = "next wave"
    """The next wave begins as soon as nothing speaks against it."""
    CONVERGING = "converging"
    """Nodes of the wave are being converged and verified."""
    SOAKING = "soaking"
    """The wave is converged, and left to run for a while."""
    CHECKING = "checking"
    """Its nodes are verified once more."""
    RETURNING = "going back"
    """Nodes are put back to what they had."""
    DONE = "done"
    """All waves are healthy."""
    STOPPED = "stopped"
    """It stopped by itself."""
    ABORTED = "aborted"
    """An admin stopped it."""


ENDS = (Step.DONE, Step.STOPPED, Step.ABORTED)


class State(StrEnum):
    """Where a node of a rollout is."""

    WAITING = "waiting"
    """Its wave has not begun: it has what it had."""
    CONVERGING = "converging"
    """It gets the change, and is converged and verified."""
    CONVERGED = "converged"
    """It is verified to be what the description says."""
    ASKED = "asked"
    """It was asked once more after the wave was left to run."""
    HEALTHY = "healthy"
    """It was still well then."""
    FAILED = "failed"
    """It did not get well."""
    AWAY = "away"
    """It could not be asked; it gets the change when it comes back. It does not count."""
    LEFT = "left"
    """The rollout ended while it was being converged or looked at."""
    RETURNING = "going back"
    """It is being put back to what it had."""
    RETURNED = "back"
    """It has what it had before."""
    STUCK = "stuck"
    """It could not be put back."""


class Wish(StrEnum):
    """What an admin asks of a rollout."""

    NONE = ""
    PAUSE = "pause"
    """No further wave begins."""
    ABORT = "abort"
    """It ends, and nodes are put back to what they had."""
    ABANDON = "abandon"
    """It ends, and nodes stay as they are."""


@dataclass(frozen=True, slots=True)
class Fact:
    """
    What the master knows of a node now.

    there
        Whether it has an accepted key and a connection.
    row
        Its row of rejoin.
    """

    there: bool
    row: Rejoin | None


def _nothing(_member: Member) -> str:
    return ""


@dataclass(frozen=True)
class Look:
    """
    A rollout and all that its next step follows from.

    rollout
        The rollout, with what was asked of it.
    members
        The members of its present wave; of all waves up to it when :attr:`whole` says so.
    facts
        What is known of these members, by node.
    now
        The time, in seconds since 1970.
    hold
        Why the next wave has to wait, such as a broken description; empty: nothing.
    refused
        Why the change may not go on at all, such as a version blocked meanwhile; empty: nothing.
    barred
        Tells why what a member had may not be put back, such as a version blocked meanwhile.
    details
        Tells what failed in the last highstate of a member.
    """

    rollout: Rollout
    members: Sequence[Member]
    facts: Mapping[str, Fact]
    now: float
    hold: str = ""
    refused: str = ""
    barred: Callable[[Member], str] = _nothing
    details: Callable[[Member], str] = _nothing

    @cached_property
    def policy(self) -> Policy:
        """The policy under which it began."""
        return Policy.model_validate_json(json.dumps(self.rollout.policy))

    @cached_property
    def wave(self) -> list[Member]:
        """The members of its present wave."""
        return [one for one in self.members if one.wave == self.rollout.wave]

    @property
    def seconds(self) -> float:
        """Seconds since the present step began."""
        return self.now - self.rollout.step_at

    @property
    def is_late(self) -> bool:
        """Whether the present step has taken too long."""
        return self.seconds > self.policy.limit_s

    @property
    def stops(self) -> str:
        """Why it has to stop whatever its nodes are; empty: it has not."""
        by_hand = self.rollout.wish in (Wish.ABORT, Wish.ABANDON)
        return "was aborted by hand" if by_hand else self.refused

    @property
    def whole(self) -> bool:
        """Whether the next step looks at the members of all waves that have begun."""
        return bool(self.stops) or self.rollout.step == Step.RETURNING


@dataclass(frozen=True, slots=True)
class Move:
    """
    What a step does.

    rollout, members
        The rollout as it is now, and its members that changed.
    send
        Nodes to be converged now.
    doubt
        Nodes that are to be converged when they come back, whatever they come back with.
    ask
        Nodes to be verified now, with ``rollout.nonce``.
    """

    rollout: Rollout
    members: tuple[Member, ...] = ()
    send: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
