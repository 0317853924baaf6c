"""
Where a compiled description is kept between processes: one SQLite file, and the lock beside it.

Anything that goes wrong with the file is a ``StorageError`` that says what to do; what is in it can
always be made again from the description.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from picloud.faults import Fault
from picloud.records import Node

#: Seconds to wait for another process: that writes (SQLite), that compiles (the lock).
BUSY_S = 15.0
LOCK_S = 120.0

TABLES = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nodes (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, serial TEXT, mac TEXT, rack TEXT NOT NULL, port INTEGER,
    node TEXT NOT NULL, view TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nodes_by_key ON nodes (key);
CREATE INDEX IF NOT EXISTS nodes_by_serial ON nodes (serial);
CREATE INDEX IF NOT EXISTS nodes_by_mac ON nodes (mac);
CREATE INDEX IF NOT EXISTS nodes_by_port ON nodes (rack, port);
CREATE TABLE IF NOT EXISTS files (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cache (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


class StorageError(Exception):
    """The database cannot be used. The text names the file, the reason and what to do."""


class State(NamedTuple):
    """
    What was compiled last.

    tried
        Fingerprint of the files that were compiled last, good or bad.
    good
        Fingerprint of the files that the views come from; empty when there never were good ones.
    compiled_at
        When the views were made, seconds since 1970.
    tried_at
        When the last try was made.
    nodes, racks
        How many there are in the views.
    faults
        What was wrong with the last try.
    rejoin, rollout
        The policies of rejoin and of rollouts of the description in force, as plain data.
    """

    tried: str = ""
    good: str = ""
    compiled_at: float = 0.0
    tried_at: float = 0.0
    nodes: int = 0
    racks: int = 0
    faults: tuple[Fault, ...] = ()
    rejoin: Mapping[str, Any] | None = None
    rollout: Mapping[str, Any] | None = None

    @classmethod
    def from_rows(cls, rows: Mapping[str, str]) -> State:
        """Make a state of the rows that ``rows`` gave."""
        values = {name: json.loads(value) for name, value in rows.items() if name in cls._fields}
        values["faults"] = tuple(Fault(*fault) for fault in values.get("faults", ()))
        return cls(**values)

    def rows(self) -> list[tuple[str, str]]:
        """Return the state as rows to keep."""
        return [(name, json.dumps(value)) for name, value in self._asdict().items()]


class Database:
    """
    The file itself. Safe for several threads and processes, also after a fork.

    path
        The file; its folder is made with mode 0700, the file with 0600.
    version
        What wrote it. A file of another version is emptied.
    """

    def __init__(self, path: Path, version: str) -> None:
        self.path = path
        self.version = version
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner = (0, 0, 0)

    def view(self, node_id: str) -> tuple[State, dict[str, Any] | None]:
        """Return the state and a node's view (None for an unknown node), of one moment."""
        with self._transaction("DEFERRED") as db:
            state = _state(db)
            row = db.execute("SELECT view FROM nodes WHERE id = ?", (node_id,)).fetchone()
        return state, json.loads(row[0]) if row else None

    def node(self, node_id: str) -> Node | None:
        """Return a node by id, or None."""
        with self._transaction("DEFERRED") as db:
            row = db.execute("SELECT node FROM nodes WHERE id = ?", (node_id,)).fetchone()
        return _node(row[0]) if row else None

    def ids(self) -> set[str]:
        """Return the ids of all nodes."""
        with self._transaction("DEFERRED") as db:
            return {node for (node,) in db.execute("SELECT id FROM nodes")}

    def nodes(self) -> list[Node]:
        """Return all nodes."""
        with self._transaction("DEFERRED") as db:
            return [_node(text) for (text,) in db.execute("SELECT node FROM nodes")]

    def find(self, serial: str = "", mac: str = "", port: tuple[str, int] = ("", 0)) -> str | None:
        """Return the id of the node with this serial, MAC address, or rack and switch port."""
        where = " OR ".join(("serial = ?", "mac = ?", "(rack = ? AND port = ?)"))
        query = f"SELECT id FROM nodes WHERE {where} LIMIT 1"
        with self._transaction("DEFERRED") as db:
            row = db.execute(query, (serial, mac, *port)).fetchone()
        return row[0] if row else None

    def state(self) -> State:
        """Return the state."""
        with self._transaction("DEFERRED") as db:
            return _state(db)

    def files(self) -> list[tuple[str, str, Any]]:
        """Return name, digest and data of the files that the views were made from."""
        with self._transaction("DEFERRED") as db:
            rows = db.execute("SELECT name, digest, data FROM files ORDER BY name").fetchall()
        return [(name, digest, json.loads(data)) for name, digest, data in rows]

    def digests(self) -> dict[str, str]:
        """Return the digest of each file that the views were made from."""
        with self._transaction("DEFERRED") as db:
            return dict(db.execute("SELECT name, digest FROM files"))

    def keys(self) -> set[str]:
        """Return the keys of racks whose views are kept."""
        with self._transaction("DEFERRED") as db:
            return {key for (key,) in db.execute("SELECT DISTINCT key FROM nodes")}

    def cache(self) -> dict[str, bytes]:
        """Return the whole cache."""
        with self._transaction("DEFERRED") as db:
            return dict(db.execute("SELECT key, value FROM cache"))

    def keep_failure(self, state: State, cache: Mapping[str, bytes]) -> None:
        """Keep the state of a try that failed, and what it found out; the views stay."""
        with self._transaction("IMMEDIATE") as db:
            db.executemany("REPLACE INTO state VALUES (?, ?)", state.rows())
            db.executemany("REPLACE INTO cache VALUES (?, ?)", cache.items())

    def claim(self, name: str, value: str) -> bool:
        """Note a value under a name; return whether no process had noted the same before."""
        with self._transaction("IMMEDIATE") as db:
            row = db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
            if row and json.loads(row[0]) == value:
                return False
            db.execute("REPLACE INTO state VALUES (?, ?)", (name, json.dumps(value)))
            return True

    def keep(
        self,
        state: State,
        *,
        nodes: Mapping[str, Sequence[tuple[Node, Any]]],
        keys: set[str],
        files: Mapping[str, tuple[str, Any]],
        names: set[str],
        cache: Mapping[str, bytes],
        used: set[str],
    ) -> None:
        """
        Keep a good compilation, all of it or nothing.

        state
            What to say of it.
        nodes
            Nodes and their views, of the racks that changed, by the rack's key.
        keys
            The keys of all racks; nodes of other keys go.
        files
            Digest and data by name, of the files that changed.
        names
            The names of all files; other files go.
        cache
            New entries of the cache.
        used
            The keys of the cache that this compilation asked for; others go.
        """
        with self._transaction("IMMEDIATE") as db:
            _drop_others(db, "nodes", "key", keys)
            db.executemany(
                "REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (_row(key, node, view) for key, racks in nodes.items() for node, view in racks),
            )
            _drop_others(db, "files", "name", names)
            db.executemany(
                "REPLACE INTO files VALUES (?, ?, ?)",
                ((name, digest, _text(data)) for name, (digest, data) in files.items()),
            )
            db.executemany("REPLACE INTO cache VALUES (?, ?)", cache.items())
            _drop_others(db, "cache", "key", used | set(cache))
            db.executemany("REPLACE INTO state VALUES (?, ?)", state.rows())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time compile; others wait here until it has finished."""
        with self._explained():
            self._make_folder()
            handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + LOCK_S
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        remedy = f"see what holds it: fuser {self.path}.lock"
                        raise StorageError(
                            f"{self.path}.lock is held for more than {LOCK_S:.0f} s; {remedy}"
                        ) from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Remove a file that is broken; the next use makes a new one."""
        with self._guard:
            self._close()
            with self._explained():
                for ending in ("", "-wal", "-shm", "-journal"):
                    Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def _make_folder(self) -> None:
        if not self.path.parent.is_dir():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _close(self) -> None:
        if self._connection is not None and self._owner[0] == os.getpid():
            self._connection.close()
        # A connection that came through a fork is left alone: closing it would take the locks
        # of the process it belongs to (sqlite.org/howtocorrupt.html, 2.6).
        self._connection = None

    def _identity(self) -> tuple[int, int, int]:
        found = os.stat(self.path)
        return os.getpid(), found.st_dev, found.st_ino

    def _open(self) -> sqlite3.Connection:
        with contextlib.suppress(FileNotFoundError):
            if self._connection is not None and self._owner == self._identity():
                return self._connection
        self._close()
        self._make_folder()
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        made = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = NORMAL")
            if _version(made) != self.version:
                self._fill(made)
        except BaseException:
            made.close()
            raise
        self._connection, self._owner = made, self._identity()
        return made

    def _fill(self, made: sqlite3.Connection) -> None:
        """Make the tables; what an older version left is dropped, for it may mean other things."""
        made.execute("BEGIN IMMEDIATE")
        try:
            if _version(made) != self.version:  # another process may have been first
                for table in ("state", "nodes", "files", "cache"):
                    made.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in TABLES.split(";"):
                    made.execute(statement)
                text = json.dumps(self.version)
                made.execute("INSERT INTO state VALUES ('version', ?)", (text,))
            made.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                made.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        with self._guard, self._explained():
            db = self._open()
            db.execute(f"BEGIN {kind}")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                self._close()
                raise

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the system and SQLite raise into a ``StorageError`` with a remedy."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                remedy = "make room on the disk"
            else:
                remedy = "see that the disk has room and that the master may write there"
            raise StorageError(f"{self.path} cannot be used: {error}; {remedy}") from error
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise Corrupt(f"{self.path} is damaged: {error}; it is made again") from error
        except OSError as error:
            remedy = "correct its owner and mode, or make room on the disk"
            reason = error.strerror or error
            raise StorageError(f"{self.path} cannot be used: {reason}; {remedy}") from error


class Corrupt(StorageError):
    """The file holds something else than what was written; it is to be removed."""


def peek(path: Path | str, node_id: str) -> dict[str, Any] | None:
    """
    Return the view of a node, or None, without the store: nothing is compiled, made or emptied.

    path
        The file.
    node_id
        The node.

    Raises ``sqlite3.Error`` or ``ValueError`` when there is no such file, or none of this version.
    """
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        row = db.execute("SELECT view FROM nodes WHERE id = ?", (node_id,)).fetchone()
    return dict(json.loads(row[0])) if row else None


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _row(key: str, node: Node, view: Any) -> tuple[Any, ...]:
    said = (node.serial, node.mac, node.rack, node.port)
    return (node.id, key, *said, _text(node), _text(view))


def _node(text: str) -> Node:
    """Return a node as it was kept; what many nodes share is in memory once."""
    values = (
        tuple(map(sys.intern, value)) if isinstance(value, list) else value
        for value in json.loads(text)
    )
    return Node._make(sys.intern(value) if isinstance(value, str) else value for value in values)


def _state(db: sqlite3.Connection) -> State:
    return State.from_rows(dict(db.execute("SELECT name, value FROM state")))


def _version(db: sqlite3.Connection) -> str:
    made = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone()
    row = made and db.execute("SELECT value FROM state WHERE name = 'version'").fetchone()
    return str(json.loads(row[0])) if row else ""


def _drop_others(db: sqlite3.Connection, table: str, column: str, wanted: set[str]) -> None:
    """Delete the rows of a table whose column is none of those wanted."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (name TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute("DELETE FROM wanted")
    db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((name,) for name in wanted))
    db.execute(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT name FROM wanted)")
