"""
The compiled description, shared by all processes of a master.

A description is compiled once per change: the first process that notices the change (by names,
times and sizes of the files) does it under a lock, the others wait for it and read what it kept. A
view is one row of a database, so it costs the same for 14 nodes and for 10,000, but for one look at
the time of each file. While the description is broken the last good one stays in force, and every
answer carries the faults.

Where the database cannot be used (no room, no rights), each process compiles for itself and serves
from memory; ``state()["storage"]`` says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import multiprocessing
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from picloud import load
from picloud.cloud import Cloud, build
from picloud.database import Corrupt, Database, State, StorageError
from picloud.faults import DescriptionError, Fault
from picloud.folder import walk
from picloud.policy import Rejoin
from picloud.register import Described, Register
from picloud.rollout.policy import Rollout

log = logging.getLogger(__name__)

View = dict[str, Any]
#: A file: its path, when its content and its entry changed (ns), its size and its number.
Entry = tuple[str, int, int, int, int]

FORK = multiprocessing.get_context("fork")
#: How often a compilation starts again because a file changed under it.
TRIES = 3
#: Seconds until a database that could not be used is tried again.
AGAIN_S = 10.0
#: Coarsest step of file times in seconds (the kernel's tick is 1 to 10 ms): what was written less
#: than this ago may change once more without its time showing it.
TICK_S = 0.02


@dataclass
class _Memory:
    """What a process keeps when the database cannot be used."""

    state: State = field(default_factory=State)
    cloud: Cloud | None = None
    cache: dict[str, bytes] = field(default_factory=dict)


class _Cache:
    """The cache of one compilation: what was kept, what was asked for, what is new."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept = kept
        self.used: set[str] = set()
        self.new: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return what is known under a key."""
        self.used.add(key)
        return self.new.get(key) or self.kept.get(key)

    def __setitem__(self, key: str, value: bytes) -> None:
        self.new[key] = value


class Store:
    """
    The compiled description of one folder.

    root
        The folder of the description.
    database
        The file to keep it in, ``<cachedir>/picloud/description.db``. Made when it is missing,
        with mode 0600 in a folder of mode 0700.
    render
        What turns a file into YAML text; ``load.plain`` renders nothing.
    apart
        Whether to compile in a process of its own: what it took stays with a process that lives
        long, and is a lot at 10,000 nodes.

    .. code-block:: python

        store = Store(Path("pillar/cloud"), Path("/var/cache/salt/master/picloud/description.db"))
        view, faults = store.view("pi3")
    """

    def __init__(
        self,
        root: Path,
        database: Path,
        render: load.Render = load.plain,
        *,
        apart: bool = False,
    ) -> None:
        self.root = Path(root)
        self._apart = apart
        self.render = render
        self.storage = ""
        self._version = f"{code_version()} {self.root.resolve()}"
        self._database = Database(Path(database), self._version)
        self._memory = _Memory()
        self._again = 0.0
        self._reported = ""
        self._entries: list[Entry] = []
        self._fingerprint = ""
        self._register: tuple[float, Register] | None = None
        self._guard = threading.RLock()

    def view(self, node_id: str) -> tuple[View | None, tuple[Fault, ...]]:
        """
        Return what a node may see, and what is wrong with the description.

        node_id
            The minion id. An unknown node has no view (None).

        With faults the view is that of the last good description; None when there never was one.
        """
        with self._guard:
            found = self.fingerprint()
            try:
                state, view = self._repaired(lambda: self._database.view(node_id))
                if state.tried != found:
                    self._repaired(self._refresh)
                    state, view = self._repaired(lambda: self._database.view(node_id))
                self._recovered()
                return view, state.faults
            except StorageError as error:
                memory = self._from_memory(found, error)
                view = memory.cloud.view(node_id) if memory.cloud else None
                return view or None, memory.state.faults

    def cloud(self) -> tuple[Cloud | None, tuple[Fault, ...]]:
        """
        Return the whole cloud, as of the last good description, and what is wrong with the files.

        Made again from what is kept, which is quick; but it costs with the number of nodes.
        """
        with self._guard:
            found = self.fingerprint()
            try:
                state = self._repaired(self._current)
                self._recovered()
                return self._last_good(), state.faults
            except StorageError as error:
                memory = self._from_memory(found, error)
                return memory.cloud, memory.state.faults

    def register(self) -> tuple[Described | None, tuple[Fault, ...]]:
        """
        Return what to look nodes up in, as of the last good description (None if there was none),
        and what is wrong with the files.

        It costs the same for 14 nodes and for 10,000: a node is in memory once it was asked for.
        """
        with self._guard:
            found = self.fingerprint()
            try:
                state = self._repaired(self._current)
                self._recovered()
            except StorageError as error:
                memory = self._from_memory(found, error)
                return memory.cloud, memory.state.faults
            if not state.good:
                return None, state.faults
            if self._register is None or self._register[0] != state.compiled_at:
                rejoin = Rejoin.model_validate(state.rejoin)
                # As JSON: what was a tuple is a list by now.
                rollout = Rollout.model_validate_json(json.dumps(state.rollout))
                made = Register(self._database, rejoin, rollout)
                self._register = state.compiled_at, made
            return self._register[1], state.faults

    def state(self) -> dict[str, Any]:
        """
        Return how the description stands.

        ``fingerprint`` of the files as they are, ``compiled_at`` (seconds since 1970) of the
        description in force (0 when there never was one), ``nodes`` and ``racks`` in it,
        ``faults``, since when there are some (``broken_since``, 0 when there are none), and
        ``storage``: why the database is not used, empty when it is.
        """
        with self._guard:
            found = self.fingerprint()
            try:
                state = self._repaired(self._current)
                self._recovered()
            except StorageError as error:
                state = self._from_memory(found, error).state
            return {
                "fingerprint": found,
                "compiled_at": state.compiled_at,
                "nodes": state.nodes,
                "racks": state.racks,
                "faults": state.faults,
                "broken_since": state.tried_at if state.faults else 0.0,
                "storage": self.storage,
            }

    def first_to_report(self) -> bool:
        """
        Return True for the first caller, of all processes, since the files last changed.

        For what is said once about a broken description, and not once for every node.
        """
        with self._guard:
            found = self.fingerprint()
            if self._reported == found:
                return False
            self._reported = found
            try:
                return bool(self._repaired(lambda: self._database.claim("reported", found)))
            except StorageError:
                return True

    def fingerprint(self) -> str:
        """Return what tells a changed description from an unchanged one, without reading files."""
        return self._scan()[0]

    def _scan(self) -> tuple[str, float]:
        """Return the fingerprint of the files and when the youngest of them was written."""
        entries: list[Entry] = []
        for name in walk(str(self.root)):
            path = f"{self.root}/{name}"
            with contextlib.suppress(OSError):
                try:
                    of = os.stat(path)
                except OSError:
                    of = os.lstat(path)
                entries.append((path, of.st_mtime_ns, of.st_ctime_ns, of.st_size, of.st_ino))
        entries.sort()
        if entries != self._entries or not self._fingerprint:
            text = f"{self._version}\n{entries}"
            self._fingerprint = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
            self._entries = entries
        youngest = max((max(entry[1], entry[2]) for entry in entries), default=0)
        return self._fingerprint, youngest / 1e9

    def _settled(self) -> str:
        """Return the fingerprint, once the files are old enough for it to be sure."""
        found, youngest = self._scan()
        while -1.0 < time.time() - youngest < TICK_S:
            time.sleep(TICK_S)
            found, youngest = self._scan()
        return found

    def _current(self) -> State:
        state = self._database.state()
        return state if state.tried == self.fingerprint() else self._refresh()

    def _refresh(self) -> State:
        """Compile unless another process just did; return the state then."""
        if self._apart:
            child = FORK.Process(target=self._refresh_here)
            child.start()
            child.join()
            state = self._database.state()
            if state.tried == self.fingerprint():
                return state
        return self._refresh_here()

    def _refresh_here(self) -> State:
        with self._database.locked():
            state = self._database.state()
            for _ in range(TRIES):
                found = self._settled()
                if state.tried == found:
                    break
                state = self._compile(found, state)
            return state

    def _compile(self, found: str, before: State) -> State:
        """Compile the files as they are and keep the result; return the state after it."""
        cache = _Cache(self._database.cache())
        source, cloud, faults = self._build(cache)
        now = time.time()
        if cloud is None:
            since = before.tried_at if before.faults else now
            state = before._replace(tried=found, tried_at=since, faults=faults)
            self._database.keep_failure(state, cache.new)
            return state
        kept_files, kept_keys = self._database.digests(), self._database.keys()
        files = {
            file.name: (file.digest, dict(file.data))
            for file in source.files
            if kept_files.get(file.name) != file.digest
        }
        nodes = {
            rack.key: [(node, cloud.view(node.id)) for node in rack.nodes.values()]
            for rack in cloud.racks.values()
            if rack.key not in kept_keys
        }
        state = _state_of(cloud, found, now)
        self._database.keep(
            state,
            nodes=nodes,
            keys={rack.key for rack in cloud.racks.values()},
            files=files,
            names={file.name for file in source.files},
            cache=cache.new,
            used=cache.used,
        )
        return state

    def _build(self, cache: load.Cache) -> tuple[load.Source, Cloud | None, tuple[Fault, ...]]:
        """Read and check the files; return faults rather than raise them."""
        source = load.Source((), load.Texts({}))
        if not self.root.is_dir():
            problem = f"there is no description in {self.root}"
            remedy = "correct the path of the ext_pillar picloud, or copy an example there"
            return source, None, (Fault("", 0, "", "no-description", problem, remedy),)
        try:
            source = load.read(self.root, self.render, cache)
            return source, build(source, cache), ()
        except DescriptionError as error:
            return source, None, error.faults
        except Exception as error:
            log.exception("The description in %s could not be checked", self.root)
            problem = f"the check itself failed: {type(error).__name__}: {error}"
            remedy = "undo the last change, and report this with the traceback in the log"
            return source, None, (Fault("", 0, "", "internal-error", problem, remedy),)

    def _last_good(self) -> Cloud | None:
        """Return the cloud that the kept views came from."""
        kept = self._database.files()
        if not kept:
            return None
        files = tuple(load.SourceFile(name, digest, data) for name, digest, data in kept)
        return build(load.Source(files, load.Texts({})), _Cache(self._database.cache()))

    def _repaired(self, use: Any) -> Any:
        """Use the database; when it is damaged make a new one and use that."""
        if self.storage and time.monotonic() < self._again:
            raise StorageError(self.storage)
        try:
            return use()
        except Corrupt as error:
            log.warning("%s", error)
            with self._database.locked():
                try:
                    self._database.state()
                except Corrupt:
                    self._database.remove()
            return use()

    def _from_memory(self, found: str, error: StorageError) -> _Memory:
        """Serve without the database: compile for this process alone."""
        if time.monotonic() >= self._again:
            self._again = time.monotonic() + AGAIN_S
        if self.storage != str(error):
            self.storage = str(error)
            log.error("%s. Until then this process serves the description from memory", error)
        memory = self._memory
        if memory.state.tried == found:
            return memory
        if memory.cloud is None:
            with contextlib.suppress(StorageError, DescriptionError):
                memory.cloud = self._last_good()
        found = self._settled()
        cache = _Cache(memory.cache)
        _, cloud, faults = self._build(cache)
        memory.cache.update(cache.new)
        now = time.time()
        if cloud is None:
            since = memory.state.tried_at if memory.state.faults else now
            memory.state = memory.state._replace(tried=found, tried_at=since, faults=faults)
        else:
            memory.cloud = cloud
            memory.state = _state_of(cloud, found, now)
        return memory

    def _recovered(self) -> None:
        if self.storage:
            log.warning("%s can be used again", self._database.path)
            self.storage = ""
            self._memory = _Memory()


def _state_of(cloud: Cloud, found: str, now: float) -> State:
    """Return the state after a good compilation of files with this fingerprint."""
    policies = (cloud.rejoin.model_dump(mode="json"), cloud.rollout.model_dump(mode="json"))
    return State(found, found, now, now, len(cloud.nodes), len(cloud.racks), (), *policies)


def code_version() -> str:
    """Return a digest of this package's code: what another version compiled is not trusted."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
