"""Salt's side of a lab: wait for nodes, apply the highstate, keep what was applied."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import shell
from lab.cluster import execute
from lab.errors import LabError
from lab.settings import Settings

BATCH = 14


@dataclass
class Outcome:
    """What a highstate did on one node."""

    node: str
    states: int = 0
    changes: int = 0
    failed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, node: str, returned: Any) -> "Outcome":
        """Read a minion's return: a dict of states, or a list of reasons."""
        if isinstance(returned, dict) and isinstance(returned.get("ret"), dict):
            returned = returned["ret"]
        if not isinstance(returned, dict):
            reasons = returned if isinstance(returned, list) else [returned]
            return cls(node, failed=[str(reason) for reason in reasons])
        found = cls(node)
        for tag, state in returned.items():
            if not isinstance(state, dict):
                continue
            found.states += 1
            found.changes += bool(state.get("changes"))
            if state.get("result") is False:
                name = state.get("__id__") or tag
                comment = str(state.get("comment")).strip() or "no reason given"
                found.failed.append(f"{name}: {comment.splitlines()[0]}")
        return found


def answering(settings: Settings, names: Sequence[str], seconds: int = 10) -> set[str]:
    """Which of the nodes answer ``test.ping``."""
    if not names:
        return set()
    command = [
        "docker",
        "exec",
        settings.head,
        "salt",
        "--out=json",
        "--out-indent=-1",
        f"--timeout={seconds}",
        "--list",
        ",".join(names),
        "test.ping",
    ]
    found = set()
    for document in _documents(command, "test.ping"):
        found |= {name for name, value in document.items() if value is True}
    return found & set(names)


def _documents(command: Sequence[str], what: str) -> Iterator[dict[str, Any]]:
    for line in shell.lines(command, what=what):
        try:
            document = json.loads(line)
        except ValueError:
            shell.note(line)
            continue
        if isinstance(document, dict):
            yield document


def wait_for(
    settings: Settings, names: Sequence[str], seconds: float, seen: Callable[[int], None]
) -> None:
    """Wait until all nodes answer; LabError names those that do not."""
    deadline, missing = time.monotonic() + seconds, set(names)
    while missing:
        missing -= answering(settings, sorted(missing))
        seen(len(names) - len(missing))
        if missing and time.monotonic() > deadline:
            silent = sorted(missing)
            raise LabError(
                f"{len(silent)} of {len(names)} nodes are silent: {', '.join(silent[:8])}",
                f"see: make logs NODE={silent[0]}; and the keys: make shell, salt-key -L",
            )
        if missing:
            time.sleep(1)


def highstate(settings: Settings, names: Sequence[str]) -> Iterator[Outcome]:
    """
    Apply the highstate, at most BATCH nodes at a time; yield each as it returns.

    A node that did not return is asked once more: ``queue`` lets a run that is under way end first.
    """
    for begin in range(0, len(names), BATCH):
        left = set(names[begin : begin + BATCH])
        for _ in range(2):
            for name, returned in _apply(settings, sorted(left)):
                if name in left:
                    left.discard(name)
                    yield Outcome.of(name, returned)
        for name in sorted(left):
            yield Outcome(name, failed=["no return from this node"])


def _apply(settings: Settings, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if not names:
        return
    command = ["docker", "exec", settings.head, "salt", "--out=json", "--out-indent=-1"]
    command += ["--timeout=120", "--list", ",".join(names), "state.highstate", "queue=True"]
    for document in _documents(command, "state.highstate"):
        for name, returned in document.items():
            if returned is not False and not str(returned).startswith("Minion did not return"):
                yield name, returned


def fingerprint(checkout: Path) -> str:
    """Digest of all that a highstate is made from, and of nothing else in the checkout."""
    total = hashlib.sha256()
    for top in ("pillar", "salt", "_modules", "_states", "_grains", "_pillar", "_utils"):
        for path in sorted((checkout / top).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                total.update(f"{path.relative_to(checkout)}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _notes(settings: Settings) -> Path:
    return settings.state / "converged.json"


def converged(settings: Settings) -> dict[str, str]:
    """Nodes with the fingerprint that was applied to them last, without a failure."""
    try:
        found: dict[str, str] = json.loads(_notes(settings).read_text())
    except (OSError, ValueError):
        return {}
    return found


def remember(settings: Settings, names: Sequence[str], applied: str) -> None:
    """Note that these nodes are what the fingerprint says."""
    known = converged(settings) | dict.fromkeys(names, applied)
    _notes(settings).write_text(json.dumps(known))


def forget(settings: Settings, names: Sequence[str]) -> None:
    """Note that nobody knows what these nodes are: their cards are empty."""
    known = converged(settings)
    _notes(settings).write_text(json.dumps({n: d for n, d in known.items() if n not in names}))


def memory(settings: Settings, names: Sequence[str]) -> float:
    """
    Memory per node in MB, from the control groups of the nodes' containers.

    Counted is what a node cannot give back without swap: anonymous, shared and kernel memory of
    everything in it. Page cache is left out: the kernel drops it when somebody needs the room.
    """
    identities = shell.run(
        ["docker", "inspect", "--format", "{{.Id}}", *(settings.container(name) for name in names)],
        what="docker inspect failed",
    ).split()
    found = [used for used in map(_used, identities) if used]
    return sum(found) / len(found) / 2**20 if found else 0.0


def _used(identity: str) -> int:
    root = Path("/sys/fs/cgroup")
    old = root / "memory/docker" / identity
    if old.is_dir():
        stat = _pairs(old / "memory.stat")
        kernel = int((old / "memory.kmem.usage_in_bytes").read_text())
        return stat["total_rss"] + stat["total_shmem"] + kernel
    for new in (root / f"system.slice/docker-{identity}.scope", root / "docker" / identity):
        if new.is_dir():
            stat = _pairs(new / "memory.stat")
            return stat["anon"] + stat["shmem"] + stat.get("kernel", stat.get("slab", 0))
    return 0


def _pairs(path: Path) -> dict[str, int]:
    return {name: int(value) for name, value in map(str.split, path.read_text().splitlines())}


def rack(settings: Settings, name: str) -> str:
    """The drawing of a rack by the product's own runner."""
    return execute(
        settings.head, "salt-run", "picloud.rack", name, what="picloud.rack failed", timeout=120
    )
