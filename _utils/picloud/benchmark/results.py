"""
What results say: the middle of several tries, the change since the last time, and what else has
changed since, so that only like is compared with like.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from picloud.benchmark.measures import MEASURES

#: Facts without which two results cannot be compared: the programs, and how they are used.
SAME = ("method", "size_mb", "sysbench", "iperf3")


#: Tries of each of two runs without which nothing can be said of chance.
LEAST = 3


class Result(NamedTuple):
    """
    One measure of one node.

    node, at, name
        Which node, when (seconds since 1970; all of one run have the same), and which measure.
    model
        The model of its board.
    samples
        The number of each try.
    facts
        Versions, board and card: what may be the reason for another number.
    """

    node: str
    at: float
    name: str
    model: str
    samples: Sequence[float]
    facts: Mapping[str, str]

    @property
    def value(self) -> float:
        """The middle of all tries: one that was disturbed does not count."""
        return median(self.samples)


class Change(NamedTuple):
    """A value against an earlier one: by how much of it, and whether it is more than chance."""

    ratio: float
    real: bool


def alike(one: Result, other: Result) -> bool:
    """
    Return whether two results were measured in the same way, and may be compared.

    one, other
        The two.
    """
    return all(one.facts.get(key) == other.facts.get(key) for key in SAME)


def change(now: Result, before: Result | None) -> Change | None:
    """
    Return how a result differs from an earlier one; None where they cannot be compared.

    now, before
        The two.

    A change is real when no try of one reaches any of the other, of three at least.

    >>> old = Result("pi3", 1.0, "memory", "pi1b", [100, 104, 108], {})
    >>> change(old._replace(samples=[130, 131, 150]), old)
    Change(ratio=0.25961538461538464, real=True)
    """
    if before is None or not alike(now, before):
        return None
    enough = min(len(now.samples), len(before.samples)) >= LEAST
    apart = min(now.samples) > max(before.samples) or max(now.samples) < min(before.samples)
    return Change(now.value / before.value - 1, enough and apart)


def series(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    """
    Return results by node and measure, the oldest first.

    results
        In any order.
    """
    found: dict[tuple[str, str], list[Result]] = {}
    for one in sorted(results, key=lambda one: one.at):
        found.setdefault((one.node, one.name), []).append(one)
    return found


def by_model(results: Iterable[Result]) -> list[Result]:
    """
    Return the results of models in the place of those of nodes.

    results
        Those of nodes.

    Each node counts with its last result so far, so a model has a new one whenever one of its
    nodes has. ``samples`` are the values of its nodes; ``node`` is the model.
    """
    last: dict[tuple[str, str], dict[str, Result]] = {}
    found: dict[tuple[str, str, float], Result] = {}
    for one in sorted(results, key=lambda one: one.at):
        mine = last.setdefault((one.model, one.name), {})
        mine[one.node] = one
        samples = [other.value for other in mine.values() if alike(one, other)]
        facts = {key: one.facts[key] for key in SAME if key in one.facts}
        found[one.model, one.name, one.at] = Result(
            one.model, one.at, one.name, one.model, samples, facts
        )
    return list(found.values())


def others(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """
    Return in words which facts have changed.

    now, before
        The facts of two results.

    >>> others({"card": "c2", "kernel": "6.1"}, {"card": "c1", "kernel": "6.1"})
    ['card c1, now c2']
    """
    names = sorted({*now, *before} - {"load"})
    return [
        f"{name} {before.get(name, '-')}, now {now.get(name, '-')}"
        for name in names
        if now.get(name) != before.get(name)
    ]


def by_name(name: str) -> list[tuple[int, str]]:
    """
    Return by what names are put in order: numbers in them by what they count.

    name
        A node or a model.

    >>> sorted(["pi10", "pi9"], key=by_name)
    ['pi9', 'pi10']
    """
    words = re.split(r"(\d+)", name)
    return [(int(word), "") if word.isdigit() else (0, word) for word in words]


def line(one: Result) -> str:
    """
    Return a result as one line of JSON, for other programs.

    one
        The result.
    """
    return json.dumps(data(one), sort_keys=True)


def data(one: Result) -> dict[str, Any]:
    """
    Return a result as plain data.

    one
        The result.
    """
    return {
        "node": one.node,
        "model": one.model,
        "at": one.at,
        "name": one.name,
        "unit": MEASURES[one.name].unit,
        "value": one.value,
        "samples": list(one.samples),
        "versions": dict(one.facts),
    }
