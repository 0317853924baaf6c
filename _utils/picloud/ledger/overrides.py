"""
What admins have said by hand of workloads and nodes, and what is so until they take it back.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import drains, scales
from picloud.ledger.upsert import upsert


class Scale(NamedTuple):
    """How many replicas a workload has whatever is described: who said so, and when."""

    workload: str
    replicas: int
    by: str
    at: float


class Drain(NamedTuple):
    """A node that runs no tasks of its swarm: who said so, and when."""

    node: str
    by: str
    at: float


class Overrides:
    """Scales by workload, drains by node."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def scales(self) -> dict[str, Scale]:
        """Return all scales, by workload."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(scales).order_by(scales.c.workload))
            return {row.workload: Scale(*row) for row in rows}

    def scale(self, one: Scale) -> None:
        """Record a scale, in the place of an older one."""
        with self._database.write() as connection:
            upsert(connection, scales, [one._asdict()], ("replicas", "by", "at"))

    def unscale(self, workload: str) -> None:
        """Forget the scale of a workload."""
        with self._database.write() as connection:
            connection.execute(scales.delete().where(scales.c.workload == workload))

    def drains(self) -> dict[str, Drain]:
        """Return all drains, by node."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(drains).order_by(drains.c.node))
            return {row.node: Drain(*row) for row in rows}

    def drain(self, one: Drain) -> None:
        """Record a drain, in the place of an older one."""
        with self._database.write() as connection:
            upsert(connection, drains, [one._asdict()], ("by", "at"))

    def undrain(self, node: str) -> None:
        """Forget the drain of a node."""
        with self._database.write() as connection:
            connection.execute(drains.delete().where(drains.c.node == node))
