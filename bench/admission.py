"""
What it costs the master to let a prepared card in, against ``auto_accept``, and with many keys.

CPU seconds of the whole tree of processes, for the same number of sign-ins by Salt's own channel; a
sign-in is the request that a new minion sends first.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.frame import Figure
from tests.integration.attacker import key_pair, knock
from tests.integration.head import Head, describe

SIGN_INS, ROUNDS, KEYS = 100, 5, 10_000


def cpu(head: Head) -> float:
    """CPU seconds that a master and all its processes have taken so far."""
    tree = psutil.Process(head.pid)
    total = 0.0
    for process in (tree, *tree.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def sign_in(head: Head, names: list[str], public: str) -> float:
    """CPU seconds of one sign-in, all of them let in; what the master does in idle is taken off."""
    before = cpu(head)
    time.sleep(3)
    idle = (cpu(head) - before) / 3
    before, began = cpu(head), time.monotonic()
    answers = knock(head.port, *((name, public) for name in names))
    time.sleep(2)  # the engine looks at what it heard
    taken = cpu(head) - before - idle * (time.monotonic() - began)
    if refused := [name for name, answer in answers if answer is not True]:
        raise RuntimeError(f"not let in: {refused[:3]}")
    return taken / len(names)


def measured(head: Head, prepared: bool, public: str) -> float:
    """Median CPU seconds of a sign-in, each round with names that were never seen."""
    rounds = []
    for number in range(ROUNDS + 1):
        names = [f"new-{number}-{one}" for one in range(SIGN_INS)]
        if prepared:
            for name in names:
                head.keys.accept(name, public)
        rounds.append(sign_in(head, names, public))
    return statistics.median(rounds[1:])


def figures() -> Iterator[Figure]:
    """Yield ``admission_vs_auto_accept`` and ``admission_10000_vs_0_keys``."""
    _, public = key_pair()
    with tempfile.TemporaryDirectory() as folder:
        description = describe(Path(folder, "cloud"))
        ours, stock = Head(description), Head(description, auto_accept=True, engines=[])
        taken = {}
        for name, head in (("stock", stock), ("ours", ours)):
            head.start(engine=head is ours)
            try:
                taken[name] = measured(head, head is ours, public)
                if head is ours:
                    for number in range(KEYS):
                        head.keys.accept(f"other-{number}", public)
                    taken["many"] = measured(head, True, public)
            finally:
                head.kill()
    yield Figure(
        "admission_vs_auto_accept",
        taken["ours"] / taken["stock"],
        "x",
        f"auto_accept: {taken['stock'] * 1000:.1f} ms CPU",
    )
    yield Figure(
        "admission_10000_vs_0_keys",
        taken["many"] / taken["ours"],
        "x",
        f"few keys: {taken['ours'] * 1000:.1f} ms CPU",
    )
