"""The page of ``salt-run workload.status``, as data and as text."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from picloud import tables
from picloud.workloads import status
from picloud.workloads.overrides import Overrides
from picloud.workloads.seen import Seen, Service, read

from .world import cloud

NOW = 1795255200.0
AT = "2026-11-21T09:58:00.5Z"
WORK = {
    "web": {"replicas": 3},
    "all": {"mode": "global"},
    "once": {"mode": "job", "replicas": 2},
}
CLOUD = cloud({"r1": ["small"] * 2, "r2": ["small"] * 2}, WORK)
SERVICE = {"image": "picloud/any:1@sha256:aa", "mode": "replicated", "wanted": 3, "running": 3}


def task(service: str, slot: int, node: int | None, state: str = "running", **more: Any) -> Any:
    where = "" if node is None else f"i{node}"
    told = {"service": service, "slot": slot, "node": where, "state": state, "at": AT}
    return {**told, **more}


def seen(services: dict[str, Any], *tasks: Any, missing: Any = (), **nodes: Any) -> Seen:
    known = [
        {"id": f"i{n}", "hostname": f"n{n}", "state": "ready", "availability": "active"}
        | nodes.get(f"n{n}", {})
        for n in range(4)
    ]
    answer = {"nodes": known, "services": services, "missing": missing, "tasks": tasks}
    return read(answer, Seen)


def shown(one: Seen, said: Overrides = Overrides(), only: str | None = None) -> Any:  # noqa: B008
    page = status.page(CLOUD, {"a": one}, said, NOW, only=only)
    assert json.loads(json.dumps(page)) == page
    return page, tables.render(page).splitlines()


ALL = {
    "web": SERVICE,
    "all": {"image": "picloud/any:1", "mode": "global", "wanted": 4, "running": 4},
    "once": {
        **{"image": "picloud/any:1", "mode": "replicated-job", "wanted": 2, "running": 0},
        "complete": 2,
    },
}
TASKS = [
    *(task("web", slot, slot - 1) for slot in (1, 2, 3)),
    *(task("all", 0, node) for node in range(4)),
    *(task("once", slot, slot, "complete") for slot in (1, 2)),
]


def test_all_is_well() -> None:
    page, lines = shown(seen(ALL, *TASKS))
    assert page["retcode"] == 0
    assert [re.split(" {2,}", line) for line in lines[:4]] == [
        ["workload", "site", "image", "mode", "tasks", "as described", "where", "last fault"],
        ["web", "a", "picloud/any:1", "replicated", "3 of 3", "yes", "r1: n0 n1; r2: n2", "-"],
        ["all", "a", "picloud/any:1", "global", "4 of 4", "yes", "r1: n0 n1; r2: n2 n3", "-"],
        ["once", "a", "picloud/any:1", "replicated-job", "2 of 2 done", "yes", "-", "-"],
    ]
    assert lines[-1] == "3 workloads: all run as described."
    assert page["workloads"]["web"]["a"]["nodes"] == {"n0": 1, "n1": 1, "n2": 1}


def test_what_somebody_changed_and_what_failed_is_said() -> None:
    web = {**SERVICE, "running": 2, "changes": {"replicas": ["2", "3"], "env.KEY": ["", ""]}}
    failed = task("web", 3, 1, "failed", error="task: non-zero exit (1)")
    page, _ = shown(seen({**ALL, "web": web}, *TASKS[:2], failed, *TASKS[3:]))
    row = page["workloads"]["web"]["a"]
    assert row["drift"] == "no: replicas is 2, not 3, env.KEY differs"
    assert row["fault"] == "n1, 1 min ago: task: non-zero exit (1)"
    assert row["bad"] == f"{row['drift']}; 2 of 3 tasks run"
    assert page["summary"] == "3 workloads: 1 does not run as described."
    assert page["retcode"] == 1


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (None, "no: the swarm has no such service yet"),
        ({}, ""),
        ({"described": False}, "no: it is described no more"),
        ({"error": "networks: there is no back"}, "not known: networks: there is no back"),
        (
            {"changes": {f"f{n}": ["1", "2"] for n in range(5)}},
            "no: f0 is 1, not 2, f1 is 1, not 2, f2 is 1, not 2 and 2 more",
        ),
    ],
)
def test_how_a_service_differs(service: dict[str, Any] | None, said: str) -> None:
    one = None if service is None else Service.model_validate({**SERVICE, **service})
    assert status.drift(one) == said


def test_a_service_that_is_refused_says_why() -> None:
    why = "picloud/any:2 was not built"
    web = Service.model_validate(SERVICE)
    assert status.drift(web, why) == f"no: stays as it is: {why}"
    assert status.drift(None, why) == f"no: is not started: {why}"
    one = read({**seen(ALL).model_dump(), "refused": {"web": why}}, Seen)
    page, _ = shown(one)
    assert page["workloads"]["web"]["a"]["bad"] == f"no: stays as it is: {why}"


def test_what_waits_for_images_is_told_once_and_a_missing_task_is_not_as_described() -> None:
    why = {name: f"picloud/{name}:2 was not built: salt-run image.build any" for name in ("x", "y")}
    short = {**seen({**ALL, "web": {**SERVICE, "running": 2}}).model_dump(), "refused": why}
    page, lines = shown(read(short | {"missing": ["x", "y"]}, Seen))
    assert "Not built yet, so 2 wait: salt-run image.build any" in page["notices"]
    (web,) = [re.split(" {2,}", line) for line in lines if line.startswith("web ")]
    assert web[5] == "no: 2 of 3 tasks run"


def test_what_failed_last_and_what_a_task_waits_for() -> None:
    waits = task("web", 3, None, "pending", error="no suitable node (3 nodes not available)")
    failed = task("web", 2, 1, "failed", error="exit", at="2026-11-21T10:00:00Z")
    page, _ = shown(seen({**ALL, "web": {**SERVICE, "running": 2}}, waits, failed))
    row = page["workloads"]["web"]["a"]
    assert row["fault"] == "n1, 0 s ago: exit; waits: no suitable node (3 nodes not available)"


def test_what_is_said_by_hand_is_no_drift() -> None:
    page, lines = shown(
        seen({**ALL, "web": {**SERVICE, "wanted": 3}}, *TASKS, n3={"availability": "drain"}),
        Overrides({"web": 5}, ["n3"]),
    )
    assert page["workloads"]["web"]["a"]["drift"] == ""
    assert "scaled to 5 by hand, 3 described" in lines[1]
    assert lines[-1] == "  Drained until workload.undrain: n3"
    assert (page["scaled"], page["drained"], page["retcode"]) == ({"web": 5}, ["n3"], 0)


def test_nodes_that_are_down_or_drained_by_somebody_else_are_named() -> None:
    _, lines = shown(
        seen(ALL, *TASKS, n2={"state": "down"}, n3={"availability": "drain"}),
    )
    assert lines[-2:] == [
        "  a: down: n2",
        "  a: n3 is on drain, and nobody said so here",
    ]


def test_what_ran_on_a_node_that_is_down_does_not_run() -> None:
    lost = task("web", 3, 2, desired="shutdown")
    page, _ = shown(seen({**ALL, "web": {**SERVICE, "running": 2}}, lost, *TASKS[:2]))
    row = page["workloads"]["web"]["a"]
    assert (row["nodes"], row["bad"]) == ({"n0": 1, "n1": 1}, "2 of 3 tasks run")


def test_missing_forgotten_and_unknown_services() -> None:
    one = seen({"old": {**SERVICE, "described": False}, "all": ALL["all"]}, missing=["web"])
    page, _ = shown(one)
    found = {
        name: row["a" if name != "once" else "-"]["drift"]
        for name, row in page["workloads"].items()
    }
    assert found == {
        "web": "no: the swarm has no such service yet",
        "all": "",
        "once": "no: no manager was told of it yet",
        "old": "no: it is described no more",
    }


def test_one_scaled_to_nothing_is_as_wanted() -> None:
    page, _ = shown(seen({key: ALL[key] for key in ("all", "once")}), Overrides({"web": 0}))
    assert page["workloads"]["web"]["-"]["bad"] == ""
    assert page["retcode"] == 0


def test_one_workload_has_a_row_for_each_task() -> None:
    old = task("web", 1, 3, "failed", error="exit (1)", at="2026-11-21T09:00:00Z")
    gone = task("web", 2, 3, "shutdown")
    page, lines = shown(seen(ALL, *TASKS, old, gone), only="web")
    assert lines == [
        "task   node  rack  state    since      fault",
        "web.1  n0    r1    running  1 min ago  -",
        "web.1  n3    r2    failed   1 h ago    exit (1)",
        "web.2  n1    r1    running  1 min ago  -",
        "web.3  n2    r2    running  1 min ago  -",
        "",
        "web at a: 3 of 3 tasks run, image picloud/any:1; as described: yes",
    ]
    assert list(page["workloads"]) == ["web"]


@pytest.mark.parametrize(
    ("update", "changed", "bad"),
    [
        ("updating", False, False),
        ("paused", False, True),
        ("rollback_completed", True, True),
    ],
)
def test_an_update_that_is_not_through_is_named(update: str, changed: bool, bad: bool) -> None:
    changes = {"image": ["any:0", "any:1"]} if changed else {}
    web = {**SERVICE, "update": update, "message": "due to failure", "changes": changes}
    page, lines = shown(seen({**ALL, "web": web}, *TASKS))
    assert f"  web at a: update {update.replace('_', ' ')}: due to failure" in lines
    assert page["retcode"] == int(bad)


@pytest.mark.parametrize("update", ["completed", "rollback_completed"])
def test_what_runs_as_described_is_well_whatever_was_tried_before(update: str) -> None:
    web = {**SERVICE, "update": update, "message": "due to failure"}
    page, lines = shown(seen({**ALL, "web": web}, *TASKS))
    assert (page["retcode"], page["notices"]) == (0, [])
    assert lines[-1] == "3 workloads: all run as described."


@pytest.mark.parametrize("only", [None, "web"])
def test_what_can_be_done_is_said_while_something_is_wrong(only: str | None) -> None:
    failed = task("web", 3, 1, "failed", error="task: non-zero exit (1)")
    words = "web at a: it ended by itself on n1; what it said: salt-run workload.logs workload=web"
    web = {**SERVICE, "running": 2}
    page, _ = shown(seen({**ALL, "web": web}, *TASKS[:2], failed, *TASKS[3:]), only=only)
    assert page["notices"] == [words]
    page, _ = shown(seen(ALL, failed, *TASKS), only=only)
    assert page["notices"] == []


def test_a_description_without_workloads() -> None:
    page = status.page(cloud({"r1": ["small"]}, {}), {}, Overrides(), NOW)
    assert "The description has no workloads yet" in page["summary"]


def test_what_runs_at_a_site_that_does_not_answer_is_not_known() -> None:
    both = cloud({"r1": ["small"], "b-r2": ["small"]}, {"web": {}, "db": {}}, managers=("n0", "n1"))
    one = seen({"web": {**SERVICE, "wanted": 1, "running": 1}}, task("web", 1, 0))
    page = status.page(both, {"a": one}, Overrides(), NOW, silent={"b": ["web", "db"]})
    rows = {(row["workload"], row["site"]): row["bad"] for row in _rows(page)}
    why = "not known: no manager of b answers"
    assert rows == {("web", "a"): "", ("web", "b"): why, ("db", "b"): why}
    assert page["retcode"] == 1
    page = status.page(both, {"a": one}, Overrides(), NOW, only="db", silent={"b": ["web", "db"]})
    assert [row["bad"] for row in _rows(page)] == [why]


def _rows(page: Any) -> list[Any]:
    return [row for sites in page["workloads"].values() for row in sites.values()]


def test_a_card_that_is_no_more_is_not_shown_by_its_id() -> None:
    failed = task("web", 1, None, "failed", error="non-zero exit (255)") | {"node": "tvx9ko1k5ax3"}
    one = seen({"web": SERVICE}, *TASKS[:3], failed)
    page = status.page(CLOUD, {"a": one}, Overrides(), NOW)
    assert page["workloads"]["web"]["a"]["fault"].startswith("a card before, 1 min ago: non-zero")
    only = status.page(CLOUD, {"a": one}, Overrides(), NOW, only="web")
    assert "tvx9ko1k5ax3" not in tables.render(only)
