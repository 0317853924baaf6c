"""
What a decision about identity is made of, and what it looks like.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CardState(StrEnum):
    """Where a card is in its life."""

    ISSUED = "issued"
    """Prepared, never seen."""
    IN_USE = "in use"
    """Its key is the one that the master accepts for its node."""
    RETIRED = "retired"
    """Another card has its place."""
    REVOKED = "revoked"
    """An admin, or the discovery of a copy, took it out for good."""


class Kind(StrEnum):
    """What happened, as far as it can be told."""

    FIRST = "first join"
    RESTART = "restart"
    NEW_CARD = "new card"
    NEW_BOARD = "new board"
    CARD_AND_BOARD = "card and board"
    MOVED = "card moved to another board"
    EXCHANGED = "boards exchanged"
    COPY = "copy of a card"
    RETURNED = "retired card or board"
    WRONG_SLOT = "wrong slot"
    WRONG_MODEL = "wrong model"
    STRANGER = "stranger"
    SPARE = "spare card"


class Verdict(StrEnum):
    """What becomes of an offered key."""

    ADMIT = "admit"
    ASK = "ask"
    """First find out whether the node's present card still answers, then ask again."""
    REFUSE = "refuse"


class Action(StrEnum):
    """What is to be done about a node that started."""

    LEAVE = "leave"
    """It is what it should be."""
    CONVERGE = "converge"
    """Apply the highstate and verify it."""
    BIND = "bind"
    """A spare card becomes the card of a node."""
    LOBBY = "lobby"
    """A spare card waits until somebody says which node it is."""
    HOLD = "hold"
    """An admin has to look; the node keeps its key and gets nothing done."""
    STOP = "stop"
    """Its key goes, and the card is revoked."""
    REFUSE = "refuse"
    """The report counts for nothing."""


@dataclass(frozen=True, slots=True)
class CardRecord:
    """
    A card that was issued here.

    ``node`` is None for a spare that is not bound yet; ``board`` is the serial it last ran on.
    """

    card: str
    node: str | None
    spare: bool
    fingerprint: str
    state: CardState
    board: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """
    A key that the master does not accept yet, taken from the master's own lists.

    ``id`` is what the minion calls itself. ``old_alive`` says whether the card that has the place
    now still answers; None when nobody asked.
    """

    id: str
    fingerprint: str
    old_alive: bool | None = None


class Cards(Protocol):
    """The cards on record."""

    def by_fingerprint(self, fingerprint: str) -> CardRecord | None:
        """The card with this key."""

    def in_use(self, node: str) -> CardRecord | None:
        """The card that has a node's place now."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of an offered key; ``replaces`` is the card whose key goes."""

    verdict: Verdict
    kind: Kind
    reason: str
    node: str | None = None
    card: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """A board, in its own words. ``model`` is a name of the description's ``boards``."""

    serial: str | None = None
    mac: str | None = None
    model: str | None = None
    ram_mb: int | None = None
    cid: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What a started node says of itself, signed with its key.

    ``id`` and ``fingerprint`` are verified, all else is a claim of the key's holder. ``others`` are
    further boards that answered with the same key. ``port`` is where a switch sees the board: rack
    and port. ``fresh`` says that no highstate was ever applied to the card.
    """

    id: str
    fingerprint: str
    board: Board
    others: tuple[Board, ...] = ()
    port: tuple[str, int] | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A node as it was last seen: its card, its board, and whether it was verified since.

    ``now`` is the board from which it answered a moment ago, where it was asked.
    """

    card: str
    serial: str | None
    converged: bool
    now: str | None = None


class History(Protocol):
    """What is on record."""

    def card(self, fingerprint: str) -> CardRecord | None:
        """The card with this key."""

    def in_use(self, node: str) -> CardRecord | None:
        """The card that has a node's place now."""

    def last(self, node: str) -> Seen | None:
        """The node as it was last seen."""

    def owner(self, serial: str) -> str | None:
        """The node that a board was learned for."""

    def board(self, node: str) -> str | None:
        """The serial of the board that was learned for a node."""

    def retired(self, serial: str) -> bool:
        """Whether a board was taken out of service."""

    def alive(self, node: str) -> bool:
        """Whether a node answers now; ``last(node).now`` then says on which board."""


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What it means, and what is to be done.

    ``learn`` names boards and the node each belongs to from now on.
    """

    kind: Kind
    action: Action
    node: str | None
    reason: str
    learn: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def fingerprint(public: str) -> str:
    """
    Return the SHA-256 of a public key's text, as it is compared everywhere.

    public
        PEM text; spaces at the ends and the kind of line ends do not count.

    >>> fingerprint("key\\r\\n") == fingerprint(" key ")
    True
    """
    text = "\n".join(line.strip() for line in public.strip().splitlines())
    return hashlib.sha256(text.encode()).hexdigest()
