"""
Opening the ledger's database, its versions, and transactions.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from picloud.ledger import tables

log = logging.getLogger(__name__)

#: Steps from one version of the tables to the next; entry n leads from version n + 1 to n + 2. The
#: first version is made from ``tables`` as they are, so a step is only for databases older than it.
MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (
    tables.marks.create,
    tables.swarms.create,
    tables.swarm_tokens.create,
    tables.scales.create,
    tables.drains.create,
    tables.builds.create,
    tables.part_settings.create,
    tables.pins.create,
    tables.rollouts.create,
    tables.rollout_nodes.create,
    tables.measured.create,
    tables.swarm_watch.create,
    tables.swarm_members.create,
)
#: Seconds that a writer waits for another one (the engine and a runner may write at once).
BUSY_S = 20
#: A PostgreSQL whose machine is gone is noticed after so long, not after hours: parameters of libpq
#: (documentation of PostgreSQL, 34.1.2); what the URL says of them wins.
GONE = {
    "connect_timeout": BUSY_S,
    "tcp_user_timeout": BUSY_S * 1000,
    "keepalives_idle": BUSY_S // 2,
    "keepalives_interval": BUSY_S // 4,
    "keepalives_count": 2,
}
#: Number of PostgreSQL's advisory lock while tables are made: any that nobody else takes there.
_LOCK = 0x7069636C
#: Marks a connection that only reads.
_READS = {"picloud_reads": True}


class StorageError(Exception):
    """The ledger cannot be read or written; the text says why and what to do."""


class Database:
    """
    A connection to the ledger's tables.

    url
        See :class:`picloud.ledger.Ledger`.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = sa.make_url(url)
        except sa.exc.ArgumentError as err:
            raise StorageError(_no_database(url)) from err
        if self.url.get_backend_name() not in ("sqlite", "postgresql"):
            raise StorageError(_no_database(self._place()))
        self._engine: sa.Engine | None = None
        self._file: tuple[int, int] | None = None
        self._guard = threading.Lock()

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction; StorageError when it did not come about."""
        with self._told(), self._opened().begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with; it waits for no writer."""
        with self._told(), self._opened().connect() as connection:
            yield connection.execution_options(**_READS)

    def close(self) -> None:
        """Close all connections, as before a fork."""
        with self._guard:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as err:
            reason = str(getattr(err, "orig", None) or err).strip() or type(err).__name__
            first = reason.splitlines()[0]
            raise StorageError(f"the ledger {self._place()} cannot be used: {first}") from err

    def _place(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def _opened(self) -> sa.Engine:
        with self._guard:
            if self._engine is not None and self._replaced():
                log.warning("The ledger %s was replaced; the new one is used", self._place())
                self._engine.dispose()
                self._engine = None
            if self._engine is None:
                engine = self._make()
                with engine.begin() as connection:
                    _migrate(connection)
                self._engine = engine
            return self._engine

    def _replaced(self) -> bool:
        """
        Whether another file is in the place of the one that is open, as after a restore.

        Without this look a process goes on in the old file, and others in the new one.
        """
        if self._file is None:
            return False
        path = self.url.database or ""
        try:
            found = os.lstat(path)
        except FileNotFoundError as err:
            raise StorageError(
                f"the ledger {path} was taken away while it was in use; put it back, or restart"
                " salt-master to begin an empty one"
            ) from err
        except OSError as err:
            raise StorageError(f"the ledger {path} cannot be used: {err.strerror}") from err
        return (found.st_dev, found.st_ino) != self._file

    def _make(self) -> sa.Engine:
        if not self.sqlite:
            try:
                said = {name: str(value) for name, value in GONE.items()} | dict(self.url.query)
                return sa.create_engine(self.url.set(query=said), pool_pre_ping=True)
            except ImportError as err:
                raise StorageError(
                    f"the ledger {self._place()} cannot be used: {err}; install it where Salt is:"
                    " pip install 'psycopg[binary]'"
                ) from err
        path = Path(self.url.database or "")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            found = os.fstat(handle)
            os.close(handle)
        except OSError as err:
            raise StorageError(f"the ledger {path} cannot be made: {err.strerror}") from err
        self._file = found.st_dev, found.st_ino
        engine = sa.create_engine(self.url, connect_args={"timeout": BUSY_S})

        @sa.event.listens_for(engine, "connect")
        def _settings(connection, _record):  # type: ignore[no-untyped-def]
            # Transactions begin where we say so, at once for writing: two writers then wait for
            # each other and do not fail (documentation of SQLAlchemy, dialects/sqlite, pysqlite).
            connection.isolation_level = None
            connection.execute("PRAGMA journal_mode=WAL")
            # FULL: what was committed before a key is let in survives a power cut.
            connection.execute("PRAGMA synchronous=FULL")

        @sa.event.listens_for(engine, "begin")
        def _begin(connection):  # type: ignore[no-untyped-def]
            reads = connection.get_execution_options().items() >= _READS.items()
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

        return engine


def _no_database(url: str) -> str:
    return (
        f"{url!r} is no database; write sqlite:////path/to/file or"
        " postgresql+psycopg://user@host/name in the master's option picloud_database"
    )


def _migrate(connection: sa.Connection) -> None:
    """Bring the tables to the present version, or refuse those of a newer one."""
    latest = len(MIGRATIONS) + 1
    if connection.dialect.name == "postgresql":
        # Engine and runner may be the first ones at once; SQLite's transaction is a lock itself.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if not sa.inspect(connection).has_table("version"):
        tables.metadata.create_all(connection)
        connection.execute(tables.version.insert().values(number=latest))
        return
    number = connection.execute(sa.select(tables.version.c.number)).scalar_one()
    if number > latest:
        raise StorageError(
            f"the ledger is of version {number}, this program knows versions up to {latest};"
            " update the checkout, or restore the ledger of before"
        )
    for step in MIGRATIONS[number - 1 :]:
        step(connection)
    connection.execute(tables.version.update().values(number=latest))
