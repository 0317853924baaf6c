"""
Keys that are to be let in: recorded first, put among the accepted keys after that.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from picloud.identity import CardState
from picloud.ledger.database import Database, StorageError
from picloud.ledger.tables import admissions, cards
from picloud.ledger.upsert import upsert


class Pending(NamedTuple):
    """A key to be let in for a node, in the place of the key of another card."""

    node: str
    card: str
    public: str
    replaces: str | None
    at: float


class Admissions:
    """Admissions that are recorded and may not have been applied yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, new: Pending) -> None:
        """
        Record an admission, and with it that its card is in use and the one before is retired.

        All in one transaction: after it, applying is only a matter of repeating it. Raises
        StorageError for a card that was revoked or replaced since it was decided: decide again.
        """
        state = sa.select(cards.c.state).where(cards.c.card == new.card).with_for_update()
        with self._database.write() as connection:
            found = connection.execute(state).scalar()
            if found not in (CardState.ISSUED, CardState.IN_USE):
                raise StorageError(f"{new.card} is {found or 'not on record'} meanwhile")
            if new.replaces is not None:
                _mark(connection, new.replaces, CardState.RETIRED, f"replaced by {new.card}", new)
            _mark(connection, new.card, CardState.IN_USE, f"let in as {new.node}", new)
            connection.execute(cards.update().where(cards.c.card == new.card).values(node=new.node))
            upsert(
                connection,
                admissions,
                [new._asdict()],
                ("card", "public", "replaces", "at"),
            )

    def waiting(self) -> list[Pending]:
        """Return what is not known to be applied."""
        with self._database.read() as connection:
            return [Pending(*row) for row in connection.execute(sa.select(admissions))]

    def applied(self, done: Pending) -> None:
        """Strike an admission off."""
        with self._database.write() as connection:
            connection.execute(
                admissions.delete().where(
                    admissions.c.node == done.node, admissions.c.card == done.card
                )
            )


def _mark(
    connection: sa.Connection, card: str, state: CardState, reason: str, new: Pending
) -> None:
    connection.execute(
        cards.update()
        .where(cards.c.card == card)
        .values(state=str(state), changed_at=new.at, reason=reason)
    )
