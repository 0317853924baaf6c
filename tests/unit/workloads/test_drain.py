"""When a node is empty, and what went nowhere."""

from __future__ import annotations

import pytest
from picloud.workloads import drain
from picloud.workloads.seen import Seen, read

NODES = [
    {"id": f"i{number}", "hostname": name, "state": "ready", "availability": "active"}
    for number, name in enumerate(("pi0", "pi1", "pi1"))
]
FULL = "no suitable node (insufficient resources on 2 nodes)"


def seen(*tasks: tuple[str, int, str, str, str]) -> Seen:
    keys = ("service", "slot", "node", "state", "error")
    told = [dict(zip(keys, task, strict=True)) for task in tasks]
    return read({"nodes": NODES, "services": {}, "missing": [], "tasks": told}, Seen)


@pytest.mark.parametrize(
    ("tasks", "left", "waits", "settled"),
    [
        ([], "", "", True),
        ([("web", 1, "i0", "running", "")], "", "", True),
        ([("web", 1, "i1", "running", "")], "web.1 (running)", "", False),
        ([("web", 2, "i2", "preparing", "")], "web.2 (preparing)", "", False),
        ([("all", 0, "i1", "starting", "")], "all (starting)", "", False),
        ([("web", 1, "i1", "shutdown", ""), ("web", 1, "i0", "running", "")], "", "", True),
        ([("web", 1, "i1", "failed", "exit (1)")], "", "", True),
        ([("web", 1, "", "pending", "")], "", "web.1 (pending)", False),
        ([("web", 1, "", "pending", FULL)], "", f"web.1 ({FULL})", True),
        ([("db", 1, "", "pending", "")], "", "", True),
    ],
)
def test_a_node_is_empty_once_nothing_lives_on_it(
    tasks: list[tuple[str, int, str, str, str]], left: str, waits: str, settled: bool
) -> None:
    found = seen(*tasks)
    assert drain.named(drain.left(found, "pi1")) == left
    assert drain.named(drain.waiting(found, {"web"})) == waits
    assert drain.settled(found, "pi1", {"web"}) is settled


def test_tasks_that_are_to_end_do_not_wait() -> None:
    task = {"service": "web", "slot": 1, "state": "pending", "desired": "shutdown"}
    found = read({"nodes": NODES, "services": {}, "missing": [], "tasks": [task]}, Seen)
    assert drain.waiting(found, {"web"}) == []
