"""
Bounds on what strangers may leave on a master.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

#: Seconds for which the key of a stranger waits for somebody to accept it by hand.
KEEP_S = 86400.0
#: Most keys of strangers that wait.
MOST = 1000

_SOURCE = re.compile(r"^src=(\S+) ", re.MULTILINE)


def surplus(since: Mapping[str, float], now: float, most: int = MOST) -> list[str]:
    """
    Return the names whose keys waited long enough, and the oldest ones when there are too many.

    since
        When the key of each name was offered, in seconds since 1970.
    now
        The time, in seconds since 1970.
    most
        How many may go on waiting.

    Example: ``surplus({"a": 0.0, "b": 90000.0}, 90001.0) == ["a"]``
    """
    oldest_first = sorted(since, key=lambda name: (since[name], name))
    too_many = max(0, len(oldest_first) - most)
    late = [name for name in oldest_first[too_many:] if since[name] < now - KEEP_S]
    return oldest_first[:too_many] + late


def limited(listing: str) -> list[str]:
    """
    Return the addresses that the packet filter has held up.

    listing
        What ``/proc/net/xt_recent/picloud-limit`` says.

    Example: ``limited("src=10.80.1.7 ttl: 64 last_seen: 42 oldest_pkt: 1 42\\n") == ["10.80.1.7"]``
    """
    found = []
    for text in _SOURCE.findall(listing):
        try:
            found.append(str(ipaddress.ip_address(text)))
        except ValueError:
            continue
    return found
