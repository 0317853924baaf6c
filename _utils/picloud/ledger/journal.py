"""
What was heard on the bus and is still to be looked at. Hints, not facts: see docs/rejoin.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import journal
from picloud.ledger.upsert import upsert


@dataclass(frozen=True, slots=True)
class Hint:
    """
    Look at this node.

    kind
        ``offer`` (a key that is not accepted), ``start``, or ``report`` (a signed answer).
    node, fingerprint
        Whom it is about; the fingerprint of the offered key, or the nonce of a report.
    data
        What came with it, small.
    at, times
        When it came last, in seconds since 1970, and how often since it was last looked at.
    """

    kind: str
    node: str
    at: float
    fingerprint: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    times: int = 1


_KEY = (journal.c.kind, journal.c.node, journal.c.fingerprint)


class Journal:
    """Hints that wait, one for each kind, node and key; those that repeat are counted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, hints: Sequence[Hint]) -> None:
        """Record hints in one transaction; the latest of those that repeat counts."""
        merged: dict[tuple[str, str, str], dict[str, Any]] = {}
        for hint in hints:
            key = (hint.kind, hint.node, hint.fingerprint)
            before = merged.get(key, {}).get("times", 0)
            merged[key] = {**asdict(hint), "times": before + hint.times}
        with self._database.write() as connection:
            upsert(connection, journal, list(merged.values()), ("data", "at"), add=("times",))

    def waiting(self, most: int) -> list[Hint]:
        """Return hints that nobody looked at yet, the oldest first."""
        query = sa.select(journal).order_by(journal.c.at).limit(most)
        with self._database.read() as connection:
            return [
                Hint(row.kind, row.node, row.at, row.fingerprint, row.data, row.times)
                for row in connection.execute(query)
            ]

    def done(self, hints: Sequence[Hint]) -> None:
        """Strike hints off; one that came again meanwhile stays."""
        if not hints:
            return
        names = ("kind", "node", "fingerprint", "times")
        where = sa.and_(
            *(column == sa.bindparam(f"b_{column.name}") for column in (*_KEY, journal.c.times))
        )
        with self._database.write() as connection:
            connection.execute(
                journal.delete().where(where),
                [{f"b_{name}": getattr(hint, name) for name in names} for hint in hints],
            )
