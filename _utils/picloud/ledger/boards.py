"""
Boards that were seen, the node each belongs to, and the switch port where each is plugged in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import boards, ports
from picloud.ledger.upsert import upsert


class BoardRow(NamedTuple):
    """A board; ``node`` is None for one that belongs to no node."""

    serial: str
    mac: str | None
    model: str | None
    node: str | None
    retired: bool
    reason: str
    seen_at: float


class Boards:
    """The boards on record. A board belongs to one node, a node has one board."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, serial: str) -> BoardRow | None:
        """Return a board by its serial."""
        return self._one(boards.c.serial == serial)

    def of(self, node: str) -> BoardRow | None:
        """Return the board of a node."""
        return self._one(boards.c.node == node)

    def saw(self, serial: str, mac: str | None, model: str | None, at: float) -> None:
        """Record that a board was seen."""
        row = {"serial": serial, "mac": mac, "model": model, "seen_at": at}
        with self._database.write() as connection:
            upsert(
                connection,
                boards,
                [{**row, "node": None, "retired": False, "reason": ""}],
                ("mac", "model", "seen_at"),
            )

    def learn(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Give boards to nodes, in one step; who had one of them before has it no more."""
        wanted = [(serial, node) for serial, node in pairs if serial]
        with self._database.write() as connection:
            taken = boards.c.serial.in_([serial for serial, _ in wanted])
            had = boards.c.node.in_([node for _, node in wanted])
            connection.execute(boards.update().where(taken | had).values(node=None))
            for serial, node in wanted:
                connection.execute(
                    boards.update().where(boards.c.serial == serial).values(node=node)
                )

    def retire(self, serial: str, retired: bool, reason: str) -> bool:
        """Take a board out of service, or back; False when no such board was seen."""
        query = boards.update().where(boards.c.serial == serial)
        with self._database.write() as connection:
            done = connection.execute(query.values(retired=retired, reason=reason))
        return done.rowcount > 0

    def retired(self) -> frozenset[str]:
        """Return the serials of all boards that are out of service."""
        query = sa.select(boards.c.serial).where(boards.c.retired)
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def plugged(self, mac: str, rack: str, port: int, at: float) -> None:
        """Record where a switch sees a board."""
        row = {"mac": mac.lower(), "rack": rack, "port": port, "seen_at": at}
        with self._database.write() as connection:
            upsert(connection, ports, [row], ("rack", "port", "seen_at"))

    def port(self, mac: str | None) -> tuple[str, int] | None:
        """Return rack and port of a board, None when no switch told."""
        if mac is None:
            return None
        query = sa.select(ports.c.rack, ports.c.port).where(ports.c.mac == mac.lower())
        with self._database.read() as connection:
            found = connection.execute(query).first()
        return None if found is None else (found.rack, found.port)

    def _one(self, condition: sa.ColumnElement[bool]) -> BoardRow | None:
        with self._database.read() as connection:
            found: Any = connection.execute(sa.select(boards).where(condition)).first()
        return None if found is None else BoardRow(*found)
