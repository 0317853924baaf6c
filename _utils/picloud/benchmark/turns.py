"""
Which nodes are measured, and when: only those that are as described, few of a rack at the same
time, and with a neighbour that is not measured itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: The state of a node that may be measured.
CONVERGED = "converged"
#: The part that a node needs for it.
PART = "docker"

Row = Mapping[str, Any]


class Peer(NamedTuple):
    """The neighbour that a node measures its network with: its id and its address."""

    node: str
    address: str


class Turn(NamedTuple):
    """Nodes that are measured at the same time, by id, each with its neighbour if it has one."""

    nodes: Mapping[str, Peer | None]


def fit(rows: Mapping[str, Row]) -> tuple[list[str], dict[str, str]]:
    """
    Return the nodes that may be measured, and why others may not.

    rows
        What is known of each, see ``picloud.watch.row``, by id.

    >>> fit({"pi3": {"state": "drifted", "reason": "2 states failed", "connected": True}})
    ([], {'pi3': 'it is not as described: drifted, 2 states failed'})
    """
    good, left = [], {}
    for name, row in rows.items():
        parts = (row.get("seen") or {}).get("parts")
        if row["state"] != CONVERGED:
            left[name] = f"it is not as described: {row['state']}, {row['reason']}"
        elif row.get("connected") is False:
            left[name] = "it is not connected to the master"
        elif parts is not None and PART not in parts:
            left[name] = f"it has no part {PART}"
        else:
            good.append(name)
    return good, left


def turns(
    wanted: Sequence[str], good: Sequence[str], rows: Mapping[str, Row], per_rack: int
) -> list[Turn]:
    """
    Return in which order nodes are measured.

    wanted
        Nodes to measure.
    good
        All nodes that may be, see ``fit``: those are neighbours.
    rows
        What is known of each, by id.
    per_rack
        How many of one rack at the same time.

    A neighbour is the next node of the same rack that is not measured at that time, and serves one
    node only.

    >>> rows = {n: {"rack": "r1", "seen": {"address": [f"10.0.0.{n}"]}} for n in "12"}
    >>> [dict(turn.nodes) for turn in turns(["1"], ["1", "2"], rows, 1)]
    [{'1': Peer(node='2', address='10.0.0.2')}]
    """
    racks: dict[str, list[str]] = {}
    for name in wanted:
        racks.setdefault(rows[name]["rack"], []).append(name)
    found = []
    for first in range(0, max(map(len, racks.values()), default=0), per_rack):
        nodes: dict[str, Peer | None] = {}
        for rack, names in racks.items():
            able = [name for name in good if rows[name]["rack"] == rack]
            nodes |= _paired(names[first : first + per_rack], able, rows)
        found.append(Turn(nodes))
    return found


def _paired(
    now: Sequence[str], able: Sequence[str], rows: Mapping[str, Row]
) -> dict[str, Peer | None]:
    free = [name for name in able if name not in now and address(rows[name])]
    found: dict[str, Peer | None] = {}
    for name in now:
        place = able.index(name)
        after = [one for one in (*able[place:], *able[:place]) if one in free][:1]
        found[name] = Peer(after[0], address(rows[after[0]]) or "") if after else None
        free = [one for one in free if one not in after]
    return found


def address(row: Row) -> str | None:
    """
    Return the address at which a node is reached by its neighbours: the declared one, if it has it.

    >>> address({"declared": {"address": "10.0.0.2"}, "seen": {"address": ["10.0.0.2"]}})
    '10.0.0.2'
    """
    declared = (row.get("declared") or {}).get("address")
    seen = (row.get("seen") or {}).get("address") or []
    if declared and (not seen or declared in seen):
        return str(declared)
    return str(seen[0]) if seen else None
