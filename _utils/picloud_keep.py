"""
What a master holds for its nodes: repositories of BorgBackup, one per node, and what it knows of
them. Nodes only ever append (``master/keep``); what is deleted, the master deletes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from picloud import keep
from picloud.keep import Found, Seen
from picloud_watch import NoAnswerError

#: As in ``master/keep/sshd_config``.
PORT = 4507
#: Who owns the repositories, as ``master/keep`` has it.
USER = "picloud-keep"
#: Borg waits so many seconds for a node that is writing.
LOCK_S = 600


def repositories(opts: Mapping[str, Any]) -> str:
    """
    Return the folder of the repositories, one per node.

    opts
        The master's options; ``picloud_keep: {repositories: ...}`` where it is another one.
    """
    return str(_options(opts).get("repositories") or "/var/lib/picloud-keep")


def way(opts: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what a node has to know to reach its archives: ``port``, ``repositories``, ``host_key``.

    opts
        The master's options; ``picloud_keep: {port: ..., host_key: <file>}`` where they differ.

    ``host_key`` is None as long as the sshd of kept data has not been started.
    """
    file = _options(opts).get("host_key") or "/etc/picloud/keep/ssh_host_ed25519_key.pub"
    try:
        words = Path(file).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        words = []
    return {
        "port": int(_options(opts).get("port") or PORT),
        "repositories": repositories(opts),
        "host_key": " ".join(words[:2]) or None,
    }


@dataclass(frozen=True)
class Look:
    """
    What the master knows of a node's archives.

    known
        Archives that are there, by id.
    gone
        Those that the node has deleted.
    size
        Bytes that the repository takes.
    """

    known: Mapping[str, Seen]
    gone: tuple[Seen, ...]
    size: int

    @property
    def newest(self) -> Seen | None:
        """The newest archive."""
        return max(self.known.values(), key=lambda seen: (seen.at, seen.name), default=None)


class Repositories:
    """
    The repositories of a master.

    opts
        The master's options.

    Methods raise ``NoAnswerError`` with Borg's own words when a repository cannot be used.
    """

    def __init__(self, opts: Mapping[str, Any]) -> None:
        self.folder = Path(repositories(opts))
        root = Path(opts.get("root_dir") or "/", "var", "lib", "picloud", "keep")
        self._records = Path(_options(opts).get("records") or root)

    def nodes(self) -> list[str]:
        """Return the ids of nodes that have a repository, sorted."""
        return sorted(
            path.parent.name
            for path in self.folder.glob("*/config")
            if keep.NODE.fullmatch(path.parent.name)
        )

    def look(self, node: str) -> Look:
        """Look at the archives of a node, and note what is new."""
        with self._locked(node):
            return self._look(node)

    def _look(self, node: str) -> Look:
        known, looked_at = self._recorded(node)
        now = time.time()
        found = self._found(node)
        gone = keep.gone(known, found)
        known = keep.merge(known, found, looked_at, now)
        self._record(node, known, now)
        there = {one.id: known[one.id] for one in found}
        return Look(there, tuple(gone), _size(self.folder / node))

    def prune(self, node: str, policy: Mapping[str, int]) -> tuple[Look, list[str]]:
        """
        Delete archives that need not stay, and free their room. Returns what is there now, and the
        names of the deleted.

        node
            Whose archives.
        policy
            See ``picloud.keep.surplus``.

        Where the node has deleted archives itself nothing is freed: an admin looks first.
        """
        with self._locked(node):
            look = self._look(node)
            surplus = keep.surplus(look.known, policy)
            if look.gone or not surplus:
                return look, []
            names = [look.known[key].name for key in surplus]
            dropping = {key: look.known[key]._replace(dropping=True) for key in surplus}
            # Noted first: what is gone after a power cut is then known to be the master's doing.
            self._record(node, {**look.known, **dropping}, time.time())
            self._borg(node, "delete", f"::{names[0]}", *names[1:])
            self._borg(node, "compact")
            return self._look(node), names

    def accept(self, node: str) -> list[str]:
        """Forget archives that the node has deleted, so that room is freed again; their names."""
        with self._locked(node):
            known, looked_at = self._recorded(node)
            found = self._found(node)
            listed = {one.id for one in found}
            self._record(node, {k: seen for k, seen in known.items() if k in listed}, looked_at)
        return [seen.name for seen in keep.gone(known, found)]

    def _found(self, node: str) -> list[Found]:
        said = self._borg(node, "list", "--json")
        return [
            Found(one["id"], one["name"], _seconds(one["time"]))
            for one in json.loads(said)["archives"]
        ]

    def _borg(self, node: str, *arguments: str) -> str:
        """Run Borg as the owner of the repositories: what a node wrote is never read as root."""
        borg = ["borg", "--lock-wait", str(LOCK_S), *arguments]
        try:
            done = subprocess.run(
                ["runuser", "-u", USER, "--", *borg],
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LC_ALL": "C.UTF-8",
                    "TZ": "UTC",
                    "BORG_REPO": str(self.folder / node),
                    "BORG_BASE_DIR": str(self.folder / ".borg"),
                    "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
                    "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
                },
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as err:
            raise NoAnswerError(f"{node}: cannot run borg: {err}") from err
        # 1 is a warning of Borg, or runuser that knows no such user.
        if done.returncode > 1 or done.stderr.startswith("runuser:"):
            said = " ".join(done.stderr.strip().splitlines()[-3:]) or "no word"
            raise NoAnswerError(f"{node}: borg {arguments[0]} failed: {said}")
        return done.stdout

    @contextlib.contextmanager
    def _locked(self, node: str) -> Iterator[None]:
        """Let one process at a time read and write the record of a node."""
        path = self._records / f"{node}.lock"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = path.open("w")
        except OSError as err:
            raise NoAnswerError(f"{path} cannot be opened: {err}") from err
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _recorded(self, node: str) -> tuple[dict[str, Seen], float]:
        path = self._records / f"{node}.json"
        try:
            return keep.recorded(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}, 0.0
        except (OSError, ValueError, TypeError) as err:
            raise NoAnswerError(f"{path} cannot be read: {err}; restore it or remove it") from err

    def _record(self, node: str, known: Mapping[str, Seen], looked_at: float) -> None:
        path = self._records / f"{node}.json"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            new.write_text(json.dumps(keep.record(known, looked_at)), encoding="utf-8")
            new.replace(path)
        except OSError as err:
            raise NoAnswerError(f"{path} cannot be written: {err}") from err


def _options(opts: Mapping[str, Any]) -> Mapping[str, Any]:
    options = opts.get("picloud_keep")
    return options if isinstance(options, Mapping) else {}


def _seconds(text: str) -> float:
    """Seconds since 1970 of a time as Borg prints it, in UTC and without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _size(folder: Path) -> int:
    return sum(
        os.stat(os.path.join(root, name)).st_size
        for root, _, names in os.walk(folder / "data")
        for name in names
    )
