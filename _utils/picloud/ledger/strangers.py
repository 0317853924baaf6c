"""
Who knocked and was not let in. Bounded: whoever floods the master with names fills no disk.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import strangers
from picloud.ledger.upsert import upsert

#: Most names that are kept.
KEPT = 1000


class Stranger(NamedTuple):
    """Somebody who knocked: name offered (at most 64 characters), key, why not, how often."""

    name: str
    fingerprint: str
    reason: str
    times: int
    first_at: float
    at: float


class Strangers:
    """Those who knocked last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def saw(self, one: Stranger) -> bool:
        """
        Record a knock; the oldest names go when there are too many.

        Returns whether this is news: a new name or key, or another reason.
        """
        row = {**one._asdict(), "name": one.name[:64]}
        here = (strangers.c.name == row["name"]) & (strangers.c.fingerprint == one.fingerprint)
        old = (
            sa.select(strangers.c.at).order_by(strangers.c.at.desc()).offset(KEPT).limit(1)
        ).scalar_subquery()
        with self._database.write() as connection:
            before = connection.execute(sa.select(strangers.c.reason).where(here)).scalar()
            upsert(connection, strangers, [row], ("reason", "at"), add=("times",))
            connection.execute(strangers.delete().where(strangers.c.at <= old))
        return before != one.reason

    def list(self) -> list[Stranger]:
        """Return who knocked, the last first."""
        query = sa.select(strangers).order_by(strangers.c.at.desc())
        with self._database.read() as connection:
            return [Stranger(**row._mapping) for row in connection.execute(query)]
