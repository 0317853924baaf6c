"""
Cards that were issued, and what became of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from picloud.identity import CardRecord, CardState
from picloud.ledger.database import Database
from picloud.ledger.tables import admissions, cards


@dataclass(frozen=True, slots=True)
class CardRow(CardRecord):
    """A card with all that is on record; ``public`` is PEM text, times are seconds since 1970."""

    public: str = ""
    reason: str = ""
    image: str | None = None
    made_at: float = 0.0
    made_by: str = ""
    changed_at: float = 0.0

    @property
    def stands(self) -> CardState:
        """
        What people are told of its state.

        A card whose key was accepted in advance has its node's place from the start, but it is
        only in use when a board was seen with it.
        """
        unseen = self.state is CardState.IN_USE and self.board is None
        return CardState.ISSUED if unseen else self.state


class CardShelf:
    """The cards on record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: Iterable[CardRow]) -> None:
        """Record cards, all or none."""
        with self._database.write() as connection:
            connection.execute(cards.insert(), [asdict(card) for card in new])

    def get(self, card: str) -> CardRow | None:
        """Return a card by its id."""
        return self._one(cards.c.card == card)

    def by_fingerprint(self, fingerprint: str) -> CardRow | None:
        """Return the card that has a key."""
        return self._one(cards.c.fingerprint == fingerprint)

    def in_use(self, node: str) -> CardRow | None:
        """Return the card that has a node's place now."""
        return self._one(cards.c.node == node, cards.c.state == str(CardState.IN_USE))

    def revoked(self, since: float) -> list[CardRow]:
        """Return the cards that were revoked after a time, the first one first."""
        query = (
            sa.select(cards)
            .where(cards.c.state == str(CardState.REVOKED), cards.c.changed_at > since)
            .order_by(cards.c.changed_at)
        )
        with self._database.read() as connection:
            return [_row(found) for found in connection.execute(query)]

    def list(self, node: str | None = None, state: str | None = None) -> list[CardRow]:
        """Return cards, the oldest first."""
        query = sa.select(cards).order_by(cards.c.made_at, cards.c.card)
        if node is not None:
            query = query.where(cards.c.node == node)
        if state is not None:
            query = query.where(cards.c.state == state)
        with self._database.read() as connection:
            return [_row(found) for found in connection.execute(query)]

    def mark(self, card: str, state: CardState, at: float, reason: str) -> None:
        """Put a card into another state; with one that is out, nobody is let in any more."""
        changed = {"state": str(state), "changed_at": at, "reason": reason}
        with self._database.write() as connection:
            connection.execute(cards.update().where(cards.c.card == card).values(changed))
            if state in (CardState.RETIRED, CardState.REVOKED):
                connection.execute(admissions.delete().where(admissions.c.card == card))

    def runs_on(self, card: str, board: str) -> None:
        """Record the board that a card runs on."""
        with self._database.write() as connection:
            connection.execute(cards.update().where(cards.c.card == card).values(board=board))

    def forget(self, names: Iterable[str]) -> None:
        """Take cards off the record that could not be made after all."""
        with self._database.write() as connection:
            connection.execute(cards.delete().where(cards.c.card.in_(list(names))))

    def _one(self, *conditions: sa.ColumnElement[bool]) -> CardRow | None:
        with self._database.read() as connection:
            found = connection.execute(sa.select(cards).where(*conditions)).first()
        return None if found is None else _row(found)


def _row(found: sa.Row[Any]) -> CardRow:
    values = dict(found._mapping)
    return CardRow(**{**values, "state": CardState(values["state"])})
