"""
Is a node what the description says? Read from the report that it signed after its highstate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from picloud.policy import Rejoin
from picloud.records import Node
from picloud.rejoin.words import plain

#: Names of each sort that a problem lists, and characters of each.
NAMED, NAME_CHARS = 3, 80
#: How the states of a manager begin that keep one service of its site each: an image that does not
#: start is not the manager's fault, and ``workload.status`` tells it.
SERVICE = "swarm-service-"
#: How the states begin that only say that a part's change waits for a rollout (``salt/sync.sls``).
WAITING = "waiting-"


def problems(report: Mapping[str, Any], node: Node, policy: Rejoin, now: float) -> list[str]:
    """
    Return what keeps a node from being converged, in words; nothing when it is verified.

    What the node said is cut and written on one line: its signature tells who said it, not that it
    is true or short.

    report
        The signed report of ``pirejoin.verify``: ``highstate`` with ``error``, ``failed`` and
        ``would``, ``services``, ``disk_free_mb``, ``disk_writable``, ``board`` and ``at``.
    node
        The node as described.
    policy
        The description's ``rejoin``.
    now
        The master's time when the report came, in seconds since 1970.

    .. code-block:: python

        problems(report, cloud.node("pi3"), cloud.rejoin, time.time()) == []
    """
    found: list[str] = []
    highstate = _mapping(report.get("highstate"))
    failed, would = _own(highstate.get("failed")), _own(highstate.get("would"))
    if highstate.get("error"):
        found.append(f"the highstate does not run: {plain(highstate['error'])}")
    elif not isinstance(highstate.get("states"), int) or highstate["states"] < 1:
        found.append("the highstate has no states")
    if failed:
        found.append(f"states fail: {_listed(failed)}")
    if would:
        found.append(f"states would change again: {_listed(would)}")
    services = _mapping(report.get("services"))
    if down := sorted(str(name) for name, up in services.items() if up is not True):
        found.append(f"services are down: {_listed(down)}")
    model = _mapping(report.get("board")).get("model")
    if model and model != node.model:
        found.append(f"it is a {plain(model, NAME_CHARS)}, not a {node.model}")
    free = _number(report.get("disk_free_mb"))
    if free is None or free < policy.disk_free_mb:
        left = "an unknown number of" if free is None else f"{free:.0f}"
        found.append(f"its card has {left} MB left, {policy.disk_free_mb} are needed")
    if report.get("disk_writable") is not True:
        found.append("its card cannot be written")
    at = _number(report.get("at"))
    if at is None or abs(now - at) > policy.clock_s:
        off = "not known" if at is None else f"{at - now:+.0f} s off"
        found.append(f"its clock is {off}, at most {policy.clock_s} s are allowed")
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    """A number that can be compared and written out; JSON may say NaN, true, or 1e300."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and abs(value) < 1e15 else None


def _own(value: object) -> list[str]:
    """Names of states that are about the node itself."""
    names = [str(name) for name in value] if isinstance(value, list) else []
    return [name for name in names if not name.startswith((SERVICE, WAITING))]


def _listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(plain(name, NAME_CHARS) for name in names[:NAMED]) + more
