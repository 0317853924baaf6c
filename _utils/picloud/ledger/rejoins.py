"""
How far each node is on its way back, and the batches of nodes that are converged together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import batches, rejoins
from picloud.ledger.upsert import upsert


@dataclass(frozen=True, slots=True)
class Rejoin:
    """
    One node on its way back. Times are seconds since 1970.

    step
        A :class:`picloud.rejoin.steps.Step`.
    kind, reason
        What happened, and the last decision in words.
    card, serial
        What it runs on, as last verified.
    verified
        Whether it was verified to be what the description says since it last came back.
    aside
        Whether it failed too often, and waits for an admin or for another card or board.
    tries
        How often it failed.
    nonce
        What its next report has to carry.
    since, step_at
        When this way back began, and when the present step did.
    not_before, limit_at
        When it may go on, and when the present step has taken too long; None: never.
    seconds
        How long each step took.
    """

    node: str
    step: str
    kind: str = ""
    reason: str = ""
    card: str = ""
    serial: str = ""
    verified: bool = False
    aside: bool = False
    tries: int = 0
    nonce: str = ""
    since: float = 0.0
    step_at: float = 0.0
    not_before: float = 0.0
    limit_at: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)


#: What of a row may change.
FIELDS = tuple(name for name in Rejoin.__slots__ if name != "node")


class Rejoins:
    """The nodes on record, one row each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, node: str) -> Rejoin | None:
        """Return a node's row."""
        found = self._many(rejoins.c.node == node)
        return found[0] if found else None

    def of(self, nodes: Collection[str]) -> dict[str, Rejoin]:
        """Return the rows of some nodes, by node."""
        return {row.node: row for row in self._many(rejoins.c.node.in_(list(nodes)))}

    def all(self) -> list[Rejoin]:
        """Return every node's row."""
        return self._many(sa.true())

    def at(self, steps: Collection[str]) -> list[Rejoin]:
        """Return the nodes that are at one of some steps, the longest there first."""
        return self._many(rejoins.c.step.in_(list(steps)))

    def late(self, now: float) -> list[Rejoin]:
        """Return the nodes whose step has taken too long."""
        return self._many(rejoins.c.limit_at <= now)

    def put(self, rows: Sequence[Rejoin]) -> None:
        """Record nodes, in one transaction."""
        with self._database.write() as connection:
            upsert(connection, rejoins, [asdict(row) for row in rows], FIELDS)

    def forget(self, node: str) -> None:
        """Take a row off the record, as that of a spare card that is a node now."""
        with self._database.write() as connection:
            connection.execute(rejoins.delete().where(rejoins.c.node == node))

    def _many(self, condition: sa.ColumnElement[bool]) -> list[Rejoin]:
        query = sa.select(rejoins).where(condition).order_by(rejoins.c.step_at)
        with self._database.read() as connection:
            return [Rejoin(**row._mapping) for row in connection.execute(query)]


class Batches:
    """Batches of nodes to converge; a token nobody can guess stands for one, once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: str, nonce: str, nodes: Sequence[str], at: float) -> None:
        """Record a batch, and drop those of more than a day ago."""
        row: dict[str, Any] = {"token": token, "nonce": nonce, "nodes": list(nodes)}
        with self._database.write() as connection:
            connection.execute(batches.delete().where(batches.c.made_at < at - 86400))
            connection.execute(batches.insert().values(**row, made_at=at, claimed=False))

    def unclaimed(self, before: float) -> dict[str, str]:
        """Return the nonce by the token of batches made before a time that nobody has claimed."""
        query = sa.select(batches.c.token, batches.c.nonce)
        query = query.where(~batches.c.claimed, batches.c.made_at < before)
        with self._database.read() as connection:
            return {row.token: row.nonce for row in connection.execute(query)}

    def waits(self, token: str) -> bool:
        """Return whether a token stands for a batch that nobody has claimed."""
        query = sa.select(batches.c.token).where(batches.c.token == token, ~batches.c.claimed)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def claim(self, token: str) -> tuple[list[str], str] | None:
        """Return nodes and nonce of a batch; None for one that is unknown or was claimed before."""
        mine = batches.update().where(batches.c.token == token, ~batches.c.claimed)
        with self._database.write() as connection:
            if connection.execute(mine.values(claimed=True)).rowcount != 1:
                return None
            found = connection.execute(
                sa.select(batches.c.nodes, batches.c.nonce).where(batches.c.token == token)
            ).one()
        return list(found.nodes), found.nonce
