"""
Every decision, in words, with what it was about: the history of a slot.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import decisions


class DecisionRow(NamedTuple):
    """A decision; ``action`` is that of an admission or of a decision about a started node."""

    node: str
    at: float
    kind: str
    action: str
    reason: str
    card: str | None = None
    serial: str | None = None


#: Decisions kept for each node: years of swaps, and a bound for one that flaps.
KEPT = 200

_FIELDS = [decisions.c[name] for name in DecisionRow._fields]


class Decisions:
    """Decisions on record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: DecisionRow) -> None:
        """
        Record a decision; one that says the same as the last one only takes its place.

        So a node that flaps, or is said to, does not push out what happened to its slot. The oldest
        go when there are too many.
        """
        old = (
            sa.select(decisions.c.id)
            .where(decisions.c.node == row.node)
            .order_by(decisions.c.id.desc())
            .offset(KEPT)
        )
        with self._database.write() as connection:
            last = connection.execute(
                sa.select(decisions.c.id, *_FIELDS)
                .where(decisions.c.node == row.node)
                .order_by(decisions.c.id.desc())
                .limit(1)
            ).first()
            if last is not None and DecisionRow(*last[1:])._replace(at=row.at) == row:
                connection.execute(decisions.delete().where(decisions.c.id == last.id))
            connection.execute(decisions.insert().values(**row._asdict()))
            connection.execute(decisions.delete().where(decisions.c.id.in_(old)))

    def of(self, node: str, most: int = KEPT) -> list[DecisionRow]:
        """Return a node's decisions, the latest first."""
        query = (
            sa.select(*_FIELDS)
            .where(decisions.c.node == node)
            .order_by(decisions.c.id.desc())
            .limit(most)
        )
        with self._database.read() as connection:
            return [DecisionRow(*row) for row in connection.execute(query)]
