"""
Checks of what nodes and roles keep.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from picloud import kept
from picloud.checks.context import Known, RackIndex, Seat
from picloud.faults import OTHER, Path, Problem

#: Where no data are that belong to the node and not to its card: the kernel's own trees, what
#: packages bring, and what makes a card itself (its keys, its record, its backups).
CLOSED = (
    "/bin",
    "/boot",
    "/dev",
    "/etc/machine-id",
    "/etc/picloud",
    "/etc/salt",
    "/etc/ssh",
    "/lib",
    "/opt/picloud",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
    "/usr/share",
    "/var/cache",
    "/var/lib/dpkg",
    "/var/lib/docker/overlay2",
    "/var/lib/picloud",
    "/var/lib/systemd",
    "/var/run",
    "/var/tmp",
)


def roles(known: Known) -> Iterator[Problem]:
    """What roles keep is data."""
    for name, role in known.common.roles.items():
        yield from _data(("roles", name, "keep"), role.keep)


def nodes(index: RackIndex) -> Iterator[Problem]:
    """What nodes keep is data, and each path is kept once, those of the roles with them."""
    seen: set[object] = set()
    for seat in index.seats:
        path = (*seat.path, "keep")
        yield from _data(path, seat.declared.keep)
        shared = kept.paths(index.known.common, seat.node.roles, ())
        kind = (seat.declared.keep, shared)
        if kind not in seen or seat.declared.keep:
            yield from _once(index, seat, path)
        seen.add(kind)


def _data(path: Path, declared: Sequence[str]) -> Iterator[Problem]:
    for place, text in enumerate(declared):
        where = (*path, place)
        if posixpath.normpath(text) != text:
            problem = f'"{text}" has . or .. in it'
            yield Problem(where, "kept-path", problem, f'write "{posixpath.normpath(text)}"')
            continue
        closed = next((one for one in CLOSED if _within(text, one) or _within(one, text)), None)
        if closed is None:
            continue
        if _within(text, closed):
            problem = f'"{text}" is in {closed}, which the card or the system brings itself'
            advice = "keep the folder with the data, such as /srv/data"
        else:
            problem = f'"{text}" holds {closed}, which the card or the system brings itself'
            advice = "keep the folders in it that hold data"
        yield Problem(where, "kept-path", problem, advice)


def _once(index: RackIndex, seat: Seat, path: Path) -> Iterator[Problem]:
    """Yield a problem for a path that lies in another one of the same node."""
    declared: list[tuple[Path, str]] = []
    for role in seat.node.roles:
        for place, text in enumerate(index.known.common.roles[role].keep):
            declared.append((("roles", role, "keep", place), text))
    declared += [((*path, place), text) for place, text in enumerate(seat.declared.keep)]
    for number, (where, text) in enumerate(declared):
        before = declared[:number]
        near = [one for one in before if _within(text, one[1]) or _within(one[1], text)]
        for other, first in near[:1]:
            same = "is kept already" if text == first else f'and "{first}" lie in each other'
            problem = f'"{text}" {same} ({seat.node.id}), see {OTHER}'
            yield Problem(where, "kept-twice", problem, "name the outer one only", other=other)


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}/")


CHECKS = (nodes,)
