"""
Lay settings over settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def deep(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return ``below`` with ``above`` laid over it: mappings merge, anything else is replaced.

    >>> deep({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}})
    {'a': {'b': 1, 'c': [2]}}
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = deep(old, value)
        else:
            result[key] = value
    return result
