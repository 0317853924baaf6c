"""
Versions that are blocked: no rollout brings one, and none goes back to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from picloud.checks.settings import overlap


def blocked(part: str, wanted: Mapping[str, Any], described: Mapping[str, Any], arch: str) -> str:
    """
    Return why settings of a part may not be had by a node, in words; nothing when they may.

    part
        The part. Only ``docker`` has versions that are blocked.
    wanted
        The settings.
    described
        What the description says of the part now: its block list counts, not the one in ``wanted``,
        which may be older.
    arch
        Debian's name of the node's architecture.

    >>> rule = {"version": "1.7.0-1*", "archs": ["armhf"], "reason": "it breaks", "use": "1.7.1-1"}
    >>> blocked("docker", {"version": "1.7.0-1"}, {"blocked": [rule]}, "armhf")
    'docker 1.7.0-1 is blocked on armhf: it breaks; use 1.7.1-1'
    """
    version = str(wanted.get("version", ""))
    for rule in described.get("blocked", ()) if part == "docker" else ():
        if arch in rule["archs"] and overlap(version, rule["version"]):
            return f"{part} {version} is blocked on {arch}: {rule['reason']}; use {rule['use']}"
    return ""
