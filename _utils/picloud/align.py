"""
Find the source line of every line of a rendered text.

Templates repeat, skip and fill in lines. Each rendered line is matched with the source lines that
could have made it (the same text, or the text around ``{{ }}`` and ``{% %}``), and the cheapest way
through them wins: forward is cheap, back (a loop) costs more, a vague match costs more than a close
one. Used only when there is a fault to place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

_TAG = re.compile(r"{{.*?}}|{%.*?%}|{#.*?#}")
_OPEN = re.compile(r"({{|{%|{#)(?!.*(}}|%}|#}))")
#: Candidates kept for each rendered line.
_WIDTH = 24


class _Pattern(NamedTuple):
    line: int
    regex: re.Pattern[str]
    #: Length of the text that is not filled in: the more, the closer a match.
    fixed: int


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
    exact: dict[str, list[int]] = defaultdict(list)
    patterns: list[_Pattern] = []
    for number, text in enumerate(sources, 1):
        if _TAG.search(text) or _OPEN.search(text):
            fixed = _TAG.split(text)
            regex = re.compile("(?s:.*)".join(map(re.escape, fixed)).strip())
            patterns.append(_Pattern(number, regex, sum(len(part.strip()) for part in fixed)))
        else:
            exact[text.strip()].append(number)
    ways = [_Way(0.0, 0, None)]
    for text in lines:
        ways = _step(ways, text.strip(), exact, patterns)
    best: _Way | None = min(ways)
    found = []
    while best is not None and best.before is not None:
        found.append(max(1, best.line))
        best = best.before
    return found[::-1]


def _shift(sources: list[str], lines: list[str]) -> int:
    """Return how many lines renderers took off the top, such as the first ``#!`` line."""
    first = next((line for line in lines if line.strip()), None)
    if first is None or first not in sources:
        return 0
    return sources.index(first) - lines.index(first)


def _step(
    ways: list[_Way], text: str, exact: dict[str, list[int]], patterns: list[_Pattern]
) -> list[_Way]:
    costs: dict[int, float] = {}
    for line in exact.get(text, ()):
        costs[line] = 0.0
    for pattern in patterns:
        if pattern.regex.fullmatch(text):
            costs[pattern.line] = 0.3 + 3.0 / (1 + pattern.fixed) if text else 0.2
    if not costs:
        return [_Way(way.cost + 4.0, way.line, way) for way in ways]
    steps = []
    for line, cost in costs.items():
        before = min(ways, key=lambda way: way.cost + _jump(way.line, line))
        total = before.cost + _jump(before.line, line) + cost
        steps.append(_Way(total, line, before))
    steps.sort(key=lambda way: way.cost)
    return steps[:_WIDTH]


def _jump(old: int, new: int) -> float:
    if new > old:
        return min(0.05 * (new - old - 1), 3.0)
    return 1.0 + min(0.02 * (old - new), 3.0)
