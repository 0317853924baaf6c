"""One command at a time for a lab or a node of it; the kernel frees what a dead one had."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.settings import Settings

#: Where the locks are; not with the rest of a lab, which ``down`` removes while it has one.
LOCKS = Path("/run/lock/picloud-lab")


@contextmanager
def whole(settings: Settings) -> Iterator[None]:
    """
    Keep all other commands from a lab that is made or removed.

    settings
        The lab. Raises LabError when another command works on it, or on a node of it.

    Example: ``with lock.whole(settings): teardown.down(settings)``
    """
    with _held(settings, "lab", fcntl.LOCK_EX, f"the lab {settings.name}"):
        yield


@contextmanager
def nodes(settings: Settings, names: Iterable[str]) -> Iterator[None]:
    """
    Keep other commands from some nodes of a lab, and from the lab as a whole.

    settings, names
        The lab, and the ids of the nodes. Raises LabError when another command works on one of
        them, or makes or removes the lab.

    Example: ``with lock.nodes(settings, ["pi2", "pi3"]): ...``
    """
    with ExitStack() as stack:
        stack.enter_context(_held(settings, "lab", fcntl.LOCK_SH, f"the lab {settings.name}"))
        for name in sorted(set(names)):
            stack.enter_context(_held(settings, f"node-{name}", fcntl.LOCK_EX, name))
        yield


@contextmanager
def _held(settings: Settings, name: str, kind: int, what: str) -> Iterator[None]:
    path = LOCKS / settings.name / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                f"another command works on {what}{_holder(handle.fileno())}",
                "wait until it is done, then run this again",
            ) from None
        yield


def _holder(file: int) -> str:
    """Which process has a file locked, in brackets; nothing where the kernel does not tell."""
    inode = str(os.fstat(file).st_ino)
    try:
        fields = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
        process = next(
            one[4] for one in fields if one[1] == "FLOCK" and one[5].rpartition(":")[2] == inode
        )
        words = Path("/proc", process, "cmdline").read_text("utf-8", "replace").split("\0")
    except (OSError, StopIteration):
        return ""
    # What follows the name of the program says which command it is: "swap pi3".
    said = " ".join(words).strip()
    return f" (process {process}: {said[-60:]})"
