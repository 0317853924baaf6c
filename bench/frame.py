"""
What every bench needs: a figure to print, and medians of CPU time taken in turns.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

#: How the addresses of the benches' labs begin: another subnet than the user's and the tests'.
SUBNET = "10.83."


class Figure(NamedTuple):
    """
    One measured figure; ``str()`` gives its line.

    name
        The name that requirements and ``docs/performance.md`` use.
    value
        The figure itself.
    unit
        ``x`` for a ratio, otherwise ``MB``, ``s``, ``ms``, ``bytes``.
    baseline
        What it was measured against, with the baseline's own figure.
    """

    name: str
    value: float
    unit: str
    baseline: str

    def __str__(self) -> str:
        value = f"{self.value:.0f}" if abs(self.value) >= 1000 else f"{self.value:.3g}"
        return f"{self.name}\t{value}\t{self.unit}\t{self.baseline}"


def cpu_medians(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """
    Return the median CPU seconds of each call, the calls taken in turns so that a noisy machine
    disturbs all sides alike.

    calls
        What to measure. Each is called once before anything is measured.
    rounds
        How many times each call is measured.
    """
    for call in calls:
        call()
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for taken, call in zip(seconds, calls, strict=True):
            gc.collect()
            start = time.process_time()
            call()
            taken.append(time.process_time() - start)
    return [statistics.median(taken) for taken in seconds]
