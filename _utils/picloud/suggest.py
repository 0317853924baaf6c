"""
Find what was probably meant by a name that is not known.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: What other tools and older descriptions call our keys.
SYNONYMS = {
    "arch": "archs",
    "architecture": "arch",
    "board": "serial",
    "cmd": "args",
    "environment": "env",
    "ether": "mac",
    "host": "id",
    "hostname": "id",
    "hwaddr": "mac",
    "ip": "address",
    "ipv4": "address",
    "ip_address": "address",
    "mac_address": "mac",
    "ports": "publish",
    "memory": "ram_mb",
    "minion": "salt_minion",
    "name": "id",
    "ram": "ram_mb",
    "role": "roles",
    "salt": "salt_minion",
    "serial_number": "serial",
    "swap": "swap_mb",
    "switch_port": "port",
    "tz": "timezone",
    "type": "model",
    "volumes": "mounts",
}


def closest(word: object, known: Iterable[str]) -> str | None:
    """
    Return the known name that comes closest to ``word``, or None when none is close.

    >>> closest("adress", ["address", "mac"])
    'address'
    """
    text, names = str(word), sorted(set(known))
    folded = {name.lower().replace("-", "_"): name for name in names}
    same = folded.get(text.lower().replace("-", "_"))
    if same:
        return same
    if SYNONYMS.get(text.lower()) in names:
        return SYNONYMS[text.lower()]
    found = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    return found[0] if found else None


def remedy(word: object, known: Iterable[str], what: str) -> str:
    """
    Say what to do about an unknown name: the closest one, or the ones there are.

    >>> remedy("adress", ["address", "mac"], "keys")
    'did you mean "address"?'
    >>> remedy("colour", ["address", "mac"], "keys")
    'known keys: address, mac'
    """
    names = sorted(set(known))
    near = closest(word, names)
    if near:
        return f'did you mean "{near}"?'
    if not names:
        return f"there are no {what} yet: add it, or leave this out"
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"known {what}: {shown}"
