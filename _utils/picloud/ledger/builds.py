"""
Container images that were built, and by which digests they are known.
"""

from __future__ import annotations

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.tables import builds
from picloud.ledger.upsert import upsert
from picloud.workloads.seal import Build

_CHANGES = ("platforms", "packages", "described", "packaged", "at")


class Builds:
    """Builds by name, tag and digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, build: Build) -> None:
        """Record a build; the same bytes built again are the same build, made later."""
        with self._database.write() as connection:
            upsert(connection, builds, [build._asdict()], _CHANGES)

    def all(self) -> list[Build]:
        """Return all builds, the newest first."""
        query = sa.select(builds).order_by(builds.c.at.desc())
        with self._database.read() as connection:
            return [Build(*row) for row in connection.execute(query)]

    def newest(self, name: str, tag: str) -> Build | None:
        """Return the newest build of a name and tag."""
        query = (
            sa.select(builds)
            .where(builds.c.name == name, builds.c.tag == tag)
            .order_by(builds.c.at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Build(*row) if row else None

    def get(self, name: str, tag: str, digest: str) -> Build | None:
        """Return a build; None when it is forgotten."""
        mine = (builds.c.name == name) & (builds.c.tag == tag) & (builds.c.digest == digest)
        with self._database.read() as connection:
            row = connection.execute(sa.select(builds).where(mine)).first()
        return Build(*row) if row else None

    def heads(self) -> dict[tuple[str, str], str]:
        """Return the digest of the newest build by name and tag."""
        query = sa.select(builds.c.name, builds.c.tag, builds.c.digest).order_by(builds.c.at)
        with self._database.read() as connection:
            return {(row.name, row.tag): row.digest for row in connection.execute(query)}

    def forget(self, gone: list[Build]) -> None:
        """Forget builds that the registry has no more."""
        with self._database.write() as connection:
            for one in gone:
                connection.execute(
                    builds.delete().where(
                        builds.c.name == one.name,
                        builds.c.tag == one.tag,
                        builds.c.digest == one.digest,
                    )
                )
