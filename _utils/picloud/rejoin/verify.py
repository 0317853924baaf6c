"""
Is a node what the description says? Read from the report that it signed after its highstate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from picloud.policy import Rejoin
from picloud.records import Node


def problems(report: Mapping[str, Any], node: Node, policy: Rejoin, now: float) -> list[str]:
    """
    Return what keeps a node from being converged, in words; nothing when it is verified.

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
    failed, would = _names(highstate.get("failed")), _names(highstate.get("would"))
    if highstate.get("error"):
        found.append(f"the highstate does not run: {str(highstate['error'])[:300]}")
    elif not isinstance(highstate.get("states"), int) or highstate["states"] < 1:
        found.append("the highstate has no states")
    if failed:
        found.append(f"states fail: {', '.join(failed[:3])}{_more(failed)}")
    if would:
        found.append(f"states would change again: {', '.join(would[:3])}{_more(would)}")
    services = _mapping(report.get("services"))
    if down := sorted(name for name, up in services.items() if up is not True):
        found.append(f"services are down: {', '.join(map(str, down))}")
    model = _mapping(report.get("board")).get("model")
    if model and model != node.model:
        found.append(f"it is a {model}, not a {node.model}")
    free = report.get("disk_free_mb")
    if not isinstance(free, int | float) or free < policy.disk_free_mb:
        found.append(f"its card has {free} MB left, {policy.disk_free_mb} are needed")
    if report.get("disk_writable") is not True:
        found.append("its card cannot be written")
    at = report.get("at")
    if not isinstance(at, int | float) or abs(now - at) > policy.clock_s:
        off = f"{at - now:+.0f} s off" if isinstance(at, int | float) else "not known"
        found.append(f"its clock is {off}, at most {policy.clock_s} s are allowed")
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _more(names: list[str]) -> str:
    return f" and {len(names) - 3} more" if len(names) > 3 else ""
