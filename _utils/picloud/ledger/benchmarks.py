"""
What the benchmark has measured on nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from picloud.benchmark.results import Result
from picloud.ledger.database import Database
from picloud.ledger.tables import measured


class Benchmarks:
    """Results by node, time and measure; they are kept for ever, as they are for comparing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, results: Iterable[Result]) -> None:
        """Record results, all or none."""
        rows = [one._asdict() for one in results]
        if rows:
            with self._database.write() as connection:
                connection.execute(measured.insert(), rows)

    def all(self, nodes: Collection[str] | None = None) -> list[Result]:
        """Return the results of some nodes, or of all that ever had any; the oldest first."""
        query = sa.select(measured).order_by(measured.c.at)
        if nodes is not None:
            query = query.where(measured.c.node.in_(nodes))
        with self._database.read() as connection:
            return [Result(*row) for row in connection.execute(query)]
