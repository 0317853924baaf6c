"""
When the engine last did something that it does for all nodes.
"""

from __future__ import annotations

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import marks
from picloud.ledger.upsert import upsert


class Marks:
    """Times in seconds since 1970, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def at(self, name: str) -> float:
        """Return a time; 0 for what was never done."""
        with self._database.read() as connection:
            found = connection.execute(sa.select(marks.c.at).where(marks.c.name == name)).scalar()
        return found or 0.0

    def put(self, name: str, at: float) -> None:
        """Record a time."""
        with self._database.write() as connection:
            upsert(connection, marks, [{"name": name, "at": at}], ("at",))
