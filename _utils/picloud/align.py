"""
Find the source line of every line of a rendered text.

Templates repeat, skip and fill in lines. Each rendered line is matched with the source lines that
could have made it (the same text, or the text around ``{{ }}`` and ``{% %}``), and the cheapest way
through them wins: forward is cheap, back (a loop) costs more, a vague match costs more than a close
one. Used only when there is a fault to place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

_TAG = re.compile(r"{{.*?}}|{%.*?%}|{#.*?#}")
_OPEN = re.compile(r"({{|{%|{#)(?!.*(}}|%}|#}))")
#: Candidates kept for each rendered line.
_WIDTH = 12


class _Kind(NamedTuple):
    """Source lines of the same text, and how close a match with them is (the less, the closer)."""

    regex: re.Pattern[str]
    cost: float
    lines: list[int]


class _Way(NamedTuple):
    cost: float
    line: int
    before: _Way | None


def align(source: str, rendered: str) -> list[int]:
    """
    Return the source line (from 1) of each rendered line.

    source
        The file as written.
    rendered
        The text that it became.

    >>> align("a:\\n{% for i in x -%}\\n  {{ i }}: 1\\n{% endfor %}", "a:\\n  p: 1\\n  q: 1\\n")
    [1, 3, 3, 4]
    """
    sources, lines = source.split("\n"), rendered.split("\n")
    if sources == lines or not _TAG.search(source):
        shift = _shift(sources, lines)
        return [min(max(1, place + shift), len(sources)) for place in range(1, len(lines) + 1)]
    kinds: dict[str, _Kind] = {}
    for number, text in enumerate(sources, 1):
        key = text.strip()
        if key not in kinds:
            kinds[key] = _kind(key)
        kinds[key].lines.append(number)
    ways = [_Way(0.0, 0, None)]
    fitting: dict[str, list[_Kind]] = {}
    for text in lines:
        key = text.strip()
        if key not in fitting:
            fitting[key] = [kind for kind in kinds.values() if kind.regex.fullmatch(key)]
        ways = _step(ways, fitting[key])
    best: _Way | None = min(ways)
    found = []
    while best is not None and best.before is not None:
        found.append(max(1, best.line))
        best = best.before
    return found[::-1]


def _kind(text: str) -> _Kind:
    if not (_TAG.search(text) or _OPEN.search(text)):
        return _Kind(re.compile(re.escape(text)), 0.0, [])
    fixed = _TAG.split(text)
    size = sum(len(part.strip()) for part in fixed)
    if not size and "{{" not in text:
        return _Kind(re.compile(""), 0.2, [])  # statements alone leave an empty line
    regex = re.compile("(?s:.*)".join(map(re.escape, fixed)))
    return _Kind(regex, 0.3 + 3.0 / (1 + size), [])


def _shift(sources: list[str], lines: list[str]) -> int:
    """Return how many lines renderers took off the top, such as the first ``#!`` line."""
    first = next((line for line in lines if line.strip()), None)
    if first is None or first not in sources:
        return 0
    return sources.index(first) - lines.index(first)


def _step(ways: list[_Way], kinds: list[_Kind]) -> list[_Way]:
    costs = {line: kind.cost for kind in kinds for line in _near(kind.lines, ways)}
    if not costs:
        return [_Way(way.cost + 4.0, way.line, way) for way in ways]
    steps = []
    for line, cost in costs.items():
        before = min(ways, key=lambda way: way.cost + _jump(way.line, line))
        total = before.cost + _jump(before.line, line) + cost
        steps.append(_Way(total, line, before))
    steps.sort(key=lambda way: way.cost)
    return steps[:_WIDTH]


def _near(lines: list[int], ways: list[_Way]) -> Iterable[int]:
    """Return of many equal lines those just after and just before where the ways stand."""
    if len(lines) <= _WIDTH:
        return lines
    found = set(lines[:2])
    for way in ways:
        place = bisect_right(lines, way.line)
        found.update(lines[max(0, place - 2) : place + 2])
    return found


def _jump(old: int, new: int) -> float:
    if new > old:
        return min(0.05 * (new - old - 1), 3.0)
    return 1.0 + min(0.02 * (old - new), 3.0)
