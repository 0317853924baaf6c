"""
The settings that nodes have of guarded parts, and the rollouts that change them.

A *pin* is what a node gets of a part, whatever is described. Settings are kept once, by digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from picloud.ledger.database import Database
from picloud.ledger.rejoins import FIELDS, Rejoin
from picloud.ledger.tables import part_settings, pins, rejoins, rollout_nodes, rollouts, version
from picloud.ledger.upsert import upsert

Settings = Mapping[str, Any]

#: How many rollouts that ended stay on record.
KEPT = 100


@dataclass(frozen=True, slots=True)
class Rollout:
    """
    A rollout of a part. Times are seconds since 1970.

    number
        Its number; 0 until it is recorded.
    step
        A :class:`picloud.rollout.steps.Step`.
    wave, waves
        Which wave it is at, counted from 0, and the names of all.
    wish
        What an admin asked for: empty, ``pause``, ``abort``, or ``abandon``.
    reason
        The last decision in words.
    nonce
        What reports of the present check carry.
    policy
        The description's ``rollout`` when it began, as plain data.
    began_at, step_at, ended_at
        When it began, when its present step did, and when it ended (0: it has not).
    """

    number: int
    part: str
    step: str
    waves: tuple[str, ...]
    policy: Mapping[str, Any]
    wave: int = 0
    wish: str = ""
    reason: str = ""
    nonce: str = ""
    began_by: str = ""
    began_at: float = 0.0
    step_at: float = 0.0
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Member:
    """
    A node of a rollout.

    wave
        The wave that it is in, counted from 0.
    old, new
        Digests of the settings that it had, and gets.
    state
        A :class:`picloud.rollout.steps.State`.
    at
        When what its state says was asked of it; 0: that is still to be done.
    reason
        Why it is in that state.
    pin
        Digest of the settings that it is to have now.
    """

    node: str
    wave: int
    old: str
    new: str
    state: str
    pin: str
    at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """What begins a rollout: its nodes, and the settings that their digests stand for."""

    rollout: Rollout
    members: Sequence[Member]
    settings: Mapping[str, Settings] = field(default_factory=dict)


_MEMBER = tuple(name for name in Member.__slots__ if name != "node")


def digest(settings: Settings) -> str:
    """
    Return what settings are kept under: the same for the same settings.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Rollouts:
    """Pins by node and part, rollouts by number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pinned(self, node: str, parts: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the settings that a node is to have, of those of some parts that are pinned."""
        query = (
            sa.select(pins.c.part, part_settings.c.settings)
            .join(part_settings, part_settings.c.digest == pins.c.digest)
            .where(pins.c.node == node, pins.c.part.in_(list(parts)))
        )
        with self._database.read() as connection:
            return {row.part: dict(row.settings) for row in connection.execute(query)}

    def pins(self, part: str | None = None) -> dict[tuple[str, str], str]:
        """Return the digest of every pin by node and part, or of those of one part."""
        query = sa.select(pins.c.node, pins.c.part, pins.c.digest)
        if part is not None:
            query = query.where(pins.c.part == part)
        with self._database.read() as connection:
            return {(row.node, row.part): row.digest for row in connection.execute(query)}

    def settings(self, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return settings by digest."""
        query = sa.select(part_settings).where(part_settings.c.digest.in_(sorted(set(digests))))
        with self._database.read() as connection:
            return {row.digest: dict(row.settings) for row in connection.execute(query)}

    def in_use(self, part: str) -> list[dict[str, Any]]:
        """Return the settings of a part that nodes have, get now, or may be put back to."""
        here = sa.select(pins.c.digest).where(pins.c.part == part)
        live = sa.select(rollouts.c.number).where(
            rollouts.c.part == part, rollouts.c.ended_at == 0.0
        )
        moved = [
            sa.select(column).where(rollout_nodes.c.rollout.in_(live))
            for column in (rollout_nodes.c.old, rollout_nodes.c.new)
        ]
        query = sa.select(part_settings).where(part_settings.c.digest.in_(sa.union(here, *moved)))
        with self._database.read() as connection:
            return [dict(row.settings) for row in connection.execute(query)]

    def pin(self, found: Sequence[tuple[str, str, Settings]]) -> None:
        """Pin nodes, parts and settings; a pin that is there already stays as it is."""
        kept = {digest(settings): settings for _, _, settings in found}
        rows = [
            {"node": node, "part": part, "digest": digest(settings)}
            for node, part, settings in found
        ]
        with self._database.write() as connection:
            _keep(connection, kept)
            upsert(connection, pins, rows, ("node",))

    def unpin(self, found: Collection[tuple[str, str]]) -> None:
        """Forget pins, and settings that nobody has any more."""
        with self._database.write() as connection:
            for node, part in found:
                mine = (pins.c.node == node) & (pins.c.part == part)
                connection.execute(pins.delete().where(mine))
            _clear(connection)

    def begin(self, start: Start) -> int | None:
        """
        Record a rollout in one transaction, and return its number.

        start
            The rollout, its members and their settings.

        Returns None when a rollout of that part is under way, or what a member has is not what it
        was thought to have: then nothing is recorded.
        """
        live = sa.select(rollouts.c.number).where(
            rollouts.c.part == start.rollout.part, rollouts.c.ended_at == 0.0
        )
        with self._database.write() as connection:
            # Two admins at once: the second one waits here (SQLite's transaction is a lock itself).
            connection.execute(sa.select(version.c.number).with_for_update())
            if connection.execute(live).first() is not None:
                return None
            query = sa.select(pins.c.node, pins.c.digest).where(pins.c.part == start.rollout.part)
            has = {row.node: row.digest for row in connection.execute(query)}
            if any(has.get(one.node) != one.old for one in start.members):
                return None
            _forget_old(connection)
            values = asdict(start.rollout)
            del values["number"]
            made = connection.execute(rollouts.insert().values(**values))
            number = int((made.inserted_primary_key or (0,))[0])
            _keep(connection, start.settings)
            connection.execute(
                rollout_nodes.insert(), [{"rollout": number, **asdict(m)} for m in start.members]
            )
        return number

    def get(self, number: int) -> Rollout | None:
        """Return a rollout."""
        found = self._many(rollouts.c.number == number)
        return found[0] if found else None

    def live(self) -> list[Rollout]:
        """Return the rollouts that have not ended."""
        return self._many(rollouts.c.ended_at == 0.0)

    def last(self, most: int) -> list[Rollout]:
        """Return the rollouts of late, the last one first."""
        return self._many(sa.true(), most)

    def members(
        self, number: int, wave: int | None = None, upto: int | None = None
    ) -> list[Member]:
        """Return the members of a rollout: of all waves, of one, or of all up to one."""
        found = rollout_nodes.c.rollout == number
        if wave is not None:
            found &= rollout_nodes.c.wave == wave
        if upto is not None:
            found &= rollout_nodes.c.wave <= upto
        columns = [rollout_nodes.c[name] for name in ("node", *_MEMBER)]
        query = sa.select(*columns).where(found)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(rollout_nodes.c.wave, rollout_nodes.c.node))
            return [Member(**row._mapping) for row in rows]

    def wish(self, number: int, wish: str) -> bool:
        """Record what an admin asks of a rollout; False when it has ended already."""
        live = (rollouts.c.number == number) & (rollouts.c.ended_at == 0.0)
        with self._database.write() as connection:
            done = connection.execute(rollouts.update().where(live).values(wish=wish))
            return done.rowcount == 1

    def put(
        self, rollout: Rollout, members: Sequence[Member] = (), ways: Sequence[Rejoin] = ()
    ) -> None:
        """
        Record a step in one transaction; what an admin asks for meanwhile stays asked for.

        rollout, members
            The rollout as it is now, and its members that changed; their pins follow.
        ways
            Rows of nodes that are sent on their way because of it.
        """
        values = asdict(rollout)
        number = values.pop("number")
        del values["wish"]
        rows = [{"rollout": number, **asdict(one)} for one in members]
        pinned = [{"node": m.node, "part": rollout.part, "digest": m.pin} for m in members]
        with self._database.write() as connection:
            mine = rollouts.c.number == number
            connection.execute(rollouts.update().where(mine).values(**values))
            upsert(connection, rollout_nodes, rows, _MEMBER)
            upsert(connection, pins, pinned, ("digest",))
            upsert(connection, rejoins, [asdict(row) for row in ways], FIELDS)

    def _many(self, condition: sa.ColumnElement[bool], most: int | None = None) -> list[Rollout]:
        query = sa.select(rollouts).where(condition).order_by(rollouts.c.number.desc()).limit(most)
        with self._database.read() as connection:
            rows = connection.execute(query)
            return [Rollout(**{**row._mapping, "waves": tuple(row.waves)}) for row in rows]


def _keep(connection: sa.Connection, found: Mapping[str, Settings]) -> None:
    rows = [{"digest": name, "settings": dict(settings)} for name, settings in found.items()]
    upsert(connection, part_settings, rows, ("settings",))


def _forget_old(connection: sa.Connection) -> None:
    """Drop rollouts that ended long ago, and what only they knew of."""
    query = sa.select(rollouts.c.number).where(rollouts.c.ended_at > 0.0)
    ended = list(connection.execute(query.order_by(rollouts.c.number.desc())).scalars())
    old = ended[KEPT - 1 :]
    if not old:
        return
    connection.execute(rollout_nodes.delete().where(rollout_nodes.c.rollout.in_(old)))
    connection.execute(rollouts.delete().where(rollouts.c.number.in_(old)))
    _clear(connection)


def _clear(connection: sa.Connection) -> None:
    """Drop settings that no pin and no rollout names."""
    named = (pins.c.digest, rollout_nodes.c.old, rollout_nodes.c.new)
    used = sa.union(*(sa.select(column) for column in named))
    connection.execute(part_settings.delete().where(part_settings.c.digest.not_in(used)))
