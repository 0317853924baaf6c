"""What a manager says is read without belief."""

from __future__ import annotations

from typing import Any

import pytest
from picloud.workloads.seen import LONGEST, Logs, Seen, read, seconds

GOOD: dict[str, Any] = {
    "nodes": [{"id": "i0", "hostname": "pi0", "state": "ready", "availability": "active"}],
    "services": {
        "web": {
            "image": "picloud/web:1",
            "mode": "replicated",
            "wanted": 1,
            "running": 1,
            "changes": {"replicas": ["1", "3"]},
            "later": "a field of a later version",
        }
    },
    "missing": ["db"],
    "tasks": [
        {"service": "web", "slot": 1, "node": "i0", "state": "running", "desired": "running"}
    ],
}


def test_a_good_answer() -> None:
    seen = read(GOOD, Seen)
    assert seen.names() == {"i0": "pi0"}
    assert seen.services["web"].changes == {"replicas": ("1", "3")}
    assert seen.tasks[0].seconds == 0.0


def test_digests_are_of_what_runs_and_of_what_swarm_would_go_back_to() -> None:
    long = f"{'a' * 255}/{'b' * 255}:1@sha256:{'0' * 64}"
    db = GOOD["services"]["web"] | {"image": long, "previous": "head:5000/web:0@sha256:1"}
    seen = read({**GOOD, "services": {**GOOD["services"], "db": db}}, Seen)
    assert seen.digests() == {f"sha256:{'0' * 64}", "sha256:1"}


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        (None, "all of it"),
        ("'swarmwork.look' is not available.", "all of it"),
        ([], "all of it"),
        ({}, "nodes"),
        ({**GOOD, "nodes": "pi0"}, "nodes"),
        ({**GOOD, "nodes": [{"id": "i0"}]}, "nodes.0.hostname"),
        ({**GOOD, "services": {"web": None}}, "services.web"),
        ({**GOOD, "missing": ["x"] * 5001}, "missing"),
        ({**GOOD, "tasks": [{"service": "web", "state": "running", "slot": -1}]}, "tasks.0.slot"),
        ({**GOOD, "tasks": [{"service": "web", "state": "running", "slot": 10**12}]}, "slot"),
    ],
)
def test_what_no_manager_says_is_refused(answer: Any, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        read(answer, Seen)


def test_no_text_steers_a_terminal_or_is_long() -> None:
    nasty = "pi0\n\x1b[2J\u202e" + "x" * 10_000
    answer = {**GOOD, "nodes": [{**GOOD["nodes"][0], "hostname": nasty}], "missing": [nasty]}
    seen = read(answer, Seen)
    for text in (seen.nodes[0].hostname, seen.missing[0]):
        assert text.startswith("pi0\\n\\x1b[2J\\u202e")
        assert len(text) == 300
    line = {"at": "t", "node": nasty, "task": "web.1", "text": "a\tb\r\x1b[31m" + "y" * 5000}
    logs = read({"lines": [line], "trouble": [nasty]}, Logs)
    assert logs.lines[0].text.startswith("a       b\\r\\x1b[31m")
    assert len(logs.lines[0].text) == LONGEST
    with pytest.raises(ValueError, match="trouble"):
        read({"lines": [line], "trouble": ["x"] * 101}, Logs)


def test_of_two_entries_of_a_node_the_one_that_is_there_counts() -> None:
    entries = [
        {"id": "old", "hostname": "pi0", "state": "down", "availability": "active"},
        {"id": "new", "hostname": "pi0", "state": "ready", "availability": "drain"},
        {"id": "dead", "hostname": "pi1", "state": "down", "availability": "active"},
    ]
    seen = read({**GOOD, "nodes": entries}, Seen)
    found = [seen.node(name) for name in ("pi0", "pi1", "pi2")]
    assert [one and one.id for one in found] == ["new", "dead", None]
    assert seen.ids("pi0") == {"old", "new"}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21T10:00:00.123456789Z", 1795255200.123456),
        ("2026-11-21T11:00:00+01:00", 1795255200.0),
        ("2026-11-21T10:00:00", 1795255200.0),
        ("", 0.0),
        ("0001-01-01T00:00:00Z", -62135596800.0),
        ("now", 0.0),
    ],
)
def test_times_as_docker_writes_them(text: str, at: float) -> None:
    assert seconds(text) == pytest.approx(at)
