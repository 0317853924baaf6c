"""
The swarm of each site, and tokens that wait for nodes that are to join one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import swarm_members, swarm_tokens, swarm_watch, swarms
from picloud.ledger.upsert import upsert


class Swarm(NamedTuple):
    """
    The swarm of a site.

    manager
        The manager that nodes join through: the one that begins it, and later the one that led it
        when it was last asked.
    cluster
        Its id; None until it was begun.
    at
        When that was so, in seconds since 1970.
    """

    site: str
    manager: str
    cluster: str | None
    at: float


class Token(NamedTuple):
    """A join token, sealed for one node: nobody else can open it."""

    node: str
    role: str
    token: str
    at: float


class Watched(NamedTuple):
    """
    What the last look at the swarm of a site found.

    lost_at
        When it was first seen not to work, in seconds since 1970; None while it works.
    words
        How it stands.
    """

    site: str
    lost_at: float | None = None
    words: str = ""


class Swarms:
    """Swarms and what was seen of them by site, tokens by node."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, site: str) -> Swarm | None:
        """Return the swarm of a site."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(swarms).where(swarms.c.site == site)).first()
        return Swarm(*row) if row else None

    def begin(self, site: str, node: str, at: float) -> Swarm:
        """Record that a node begins the swarm of a site, unless one is on record; return that."""
        with self._database.write() as connection:
            row = connection.execute(sa.select(swarms).where(swarms.c.site == site)).first()
            if row is not None:
                return Swarm(*row)
            new = Swarm(site, node, None, at)
            connection.execute(swarms.insert().values(_columns(new)))
        return new

    def put(self, swarm: Swarm) -> None:
        """Record the swarm of a site, in the place of what was recorded."""
        with self._database.write() as connection:
            upsert(connection, swarms, [_columns(swarm)], ("began_by", "cluster", "at"))

    def forget(self, site: str) -> None:
        """Forget the swarm of a site: the next one may be begun."""
        with self._database.write() as connection:
            connection.execute(swarms.delete().where(swarms.c.site == site))
            connection.execute(swarm_members.delete().where(swarm_members.c.site == site))

    def members(self, site: str) -> dict[str, str]:
        """Return the ids that the nodes of a site have in its swarm, as far as they are known."""
        query = sa.select(swarm_members.c.node, swarm_members.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query.where(swarm_members.c.site == site)).all()
        return {row.node: row.id for row in rows}

    def know(self, site: str, ids: Mapping[str, str]) -> list[str]:
        """
        Record the ids that nodes of a site say they have; one that is another node's already stays
        that one's. Returns the nodes that said such a thing.
        """
        refused = []
        with self._database.write() as connection:
            query = sa.select(swarm_members.c.id, swarm_members.c.node)
            taken = {row.id: row.node for row in connection.execute(query)}
            for node, number in ids.items():
                if taken.setdefault(number, node) != node:
                    refused.append(node)
                    continue
                row = {"node": node, "site": site, "id": number}
                upsert(connection, swarm_members, [row], ("site", "id"))
        return refused

    def watched(self) -> dict[str, Watched]:
        """Return what the last look at each swarm found, by site."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(swarm_watch)).all()
        return {row.site: Watched(*row) for row in rows}

    def watch(self, seen: Watched) -> None:
        """Record what a look at the swarm of a site found."""
        with self._database.write() as connection:
            upsert(connection, swarm_watch, [seen._asdict()], ("lost_at", "words"))

    def give(self, token: Token) -> None:
        """Record a token for a node, in the place of an older one."""
        with self._database.write() as connection:
            upsert(connection, swarm_tokens, [token._asdict()], ("role", "token", "at"))

    def token(self, node: str) -> Token | None:
        """Return the token that waits for a node."""
        query = sa.select(swarm_tokens).where(swarm_tokens.c.node == node)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Token(*row) if row else None

    def taken(self, nodes: list[str]) -> None:
        """Forget the tokens of nodes that are in their swarm."""
        with self._database.write() as connection:
            connection.execute(swarm_tokens.delete().where(swarm_tokens.c.node.in_(nodes)))


def _columns(swarm: Swarm) -> dict[str, object]:
    return dict(zip(swarms.c.keys(), swarm, strict=True))
