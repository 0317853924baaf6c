"""
Who may be converged now: limits per rack, hub and site, and the time between two tries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from picloud.policy import Rejoin
from picloud.records import Node
from picloud.register import Described

#: What all nodes wait for while the description has faults: a highstate would fail.
BROKEN = "waits until the description is mended: salt-run picloud.validate"


class Waiting(NamedTuple):
    """A node that waits to be converged: since when, and not before when (seconds since 1970)."""

    node: str
    since: float
    not_before: float = 0.0


Place = tuple[str, str]


def pick(
    waiting: Sequence[Waiting], running: Collection[str], cloud: Described, now: float
) -> tuple[list[str], dict[str, str]]:
    """
    Choose the nodes that may be converged now, longest waiting first.

    waiting
        The nodes that wait.
    running
        Ids of the nodes that are being converged.
    cloud
        The description; ``rejoin.at_once`` limits each rack, hub and site.
    now
        The time, in seconds since 1970.

    Returns the ids that may go, and for each other one why not yet.

    .. code-block:: python

        go, why = pick([Waiting("pi3", 0.0)], [], cloud, time.time())
    """
    most = cloud.rejoin.at_once
    limits = {"rack": most.rack, "hub": most.hub, "site": most.site}
    busy: Counter[Place] = Counter()
    for name in running:
        if (node := cloud.node(name)) is not None:
            busy.update(_places(node))
    go: list[str] = []
    why: dict[str, str] = {}
    for one in sorted(waiting, key=lambda one: (one.since, one.node)):
        node = cloud.node(one.node)
        if node is None:
            why[one.node] = "is not in the description any more"
            continue
        if one.not_before > now:
            why[one.node] = f"next try in {one.not_before - now:.0f} s"
            continue
        full = [place for place in _places(node) if busy[place] >= limits[place[0]]]
        if full:
            kind, name = full[0]
            why[one.node] = (
                f"{kind} {name} has {busy[full[0]]} at work, and rejoin.at_once.{kind} is"
                f" {limits[kind]}"
            )
            continue
        busy.update(_places(node))
        go.append(one.node)
    return go, why


def backoff(policy: Rejoin, tries: int, jitter: float) -> float:
    """
    Return the seconds to wait after a failure.

    policy
        The description's ``rejoin``.
    tries
        How many tries failed, 1 or more.
    jitter
        A random number from 0 to 1: up to half of the wait is added, so that nodes that failed
        together do not come back together.

    >>> backoff(Rejoin(), 1, 0.0), backoff(Rejoin(), 3, 0.0), backoff(Rejoin(), 99, 0.0)
    (20.0, 80.0, 600.0)
    """
    wait = min(policy.backoff_s * 2.0 ** min(tries - 1, 30), float(policy.backoff_max_s))
    return wait * (1 + jitter / 2)


def _places(node: Node) -> Iterator[Place]:
    """What a node shares with others: its rack, its hub, its site."""
    yield ("rack", node.rack)
    if node.hub is not None:
        yield ("hub", f"{node.hub} of {node.rack}")
    yield ("site", node.site)
