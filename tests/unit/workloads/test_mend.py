"""What is put right between two highstates, and which replicas are dealt out anew."""

from __future__ import annotations

from typing import Any

import pytest
from picloud.workloads import mend
from picloud.workloads.fleet import swarms
from picloud.workloads.seen import Seen, read
from picloud.workloads.tasks import tasks

from .world import cloud

NOW = 1795255200.0
EARLY, MADE, BACK = "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z", "2026-11-21T09:50:00Z"
#: Just now: neither a service that was changed then nor a node that came then is at rest.
FRESH = "2026-11-21T09:59:50Z"
#: n0 and n1 are in rack r1, n2 in r2, n3 in r3, each with the lane of its place.
RACKS = {"r1": ["small", "small"], "r2": ["small"], "r3": ["small"]}


def seen(
    where: str = "n0 n1 n2",
    *,
    back: str = "n3",
    back_at: str = BACK,
    nodes: Any = (),
    more: Any = (),
    **service: Any,
) -> Seen:
    """Three replicas on nodes, while one node was lost and is back."""
    states = dict(nodes)
    placed = [
        {"service": "web", "slot": slot, "node": f"i-{name}", "state": "running"}
        for slot, name in enumerate(where.split(), 1)
    ]
    known = [
        {"id": f"i-{name}", "hostname": name, "state": "ready", "availability": "active"}
        | {"at": back_at if name == back else EARLY}
        | states.get(name, {})
        for name in ("n0", "n1", "n2", "n3")
    ]
    running = {"wanted": len(placed), "running": len(placed), "at": MADE, "mode": "replicated"}
    answer = {
        "nodes": known,
        "services": {"web": {"image": "any:1", **running, **service}},
        "missing": (),
        "tasks": [*placed, *more],
    }
    return read(answer, Seen)


def crowded(one: Seen, **web: Any) -> list[str]:
    made = cloud(RACKS, {"web": {"replicas": 3, **web}})
    work = made.common.workloads
    known = swarms(made, work)
    return mend.crowded(work, tasks(made, work, known), known["a"], one, NOW)


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (seen(), ["web"]),
        (seen("n0 n0 n2", back="n1"), ["web"]),
        # Nothing is gained: each rack has its share, or one replica more than the others.
        (seen("n0 n2 n3", back="n1"), []),
        (seen("n0 n2", back="n3"), []),
        (seen("n0 n1 n2 n3", back="n3"), []),
        # It was there all the time, or nobody was lost since it was dealt out.
        (seen(back_at=EARLY), []),
        (seen(back_at=MADE), []),
        (seen(back_at=FRESH), []),
        (seen(back_at=""), []),
        # It is not there, or is to be empty.
        (seen(nodes={"n3": {"state": "down"}}), []),
        (seen(nodes={"n3": {"availability": "drain"}}), []),
        # The service has not come to rest.
        (seen(at=FRESH), []),
        (seen(running=2), []),
        (seen(update="updating"), []),
        (seen(update="rollback_completed"), []),
        (seen(update="completed"), ["web"]),
        (seen(mode="global"), []),
        # What is left of tasks on a lost node, and what ended, takes nobody's place.
        (
            seen(
                "n0 n2",
                more=[
                    {"service": "web", "node": "i-n1", "state": "running", "desired": "shutdown"},
                    {"service": "web", "node": "i-n1", "state": "failed"},
                    {"service": "other", "node": "i-n1", "state": "running"},
                ],
            ),
            [],
        ),
    ],
)
def test_replicas_are_dealt_out_anew_where_a_node_that_is_back_has_none(
    one: Seen, found: list[str]
) -> None:
    assert crowded(one) == found


@pytest.mark.parametrize(
    ("web", "found"),
    [
        ({"placement": {"rebalance_s": 0}}, []),
        ({"placement": {"rebalance_s": 3500}}, ["web"]),
        ({"placement": {"rebalance_s": 3700}}, []),
        ({"placement": {"racks": ["r1", "r2"]}}, []),
        ({"placement": {"sites": ["a"]}}, ["web"]),
    ],
)
def test_where_and_how_often_is_up_to_the_description(web: Any, found: list[str]) -> None:
    assert crowded(seen(), **web) == found


@pytest.mark.parametrize(
    ("web", "found"),
    [
        ({"resources": {"memory_mb": 256}}, ["web"]),
        ({"resources": {"memory_mb": 200}}, ["web"]),
        ({"resources": {"mbps": 100}}, ["web"]),
    ],
)
def test_a_node_without_room_gets_none(web: Any, found: list[str]) -> None:
    assert crowded(seen(), **web) == found
    other = {"service": "db", "slot": 1, "node": "i-n3", "state": "running"}
    made = cloud(
        RACKS, {"web": {"replicas": 3, **web}, "db": {"resources": {"memory_mb": 99, "mbps": 9}}}
    )
    work = made.common.workloads
    known = swarms(made, work)
    one = seen(more=[other])
    assert mend.crowded(work, tasks(made, work, known), known["a"], one, NOW) == []


def test_a_service_that_the_swarm_does_not_have_is_not_dealt_out() -> None:
    assert crowded(seen().model_copy(update={"services": {}})) == []


CHANGED = {"changes": {"replicas": ["5", "3"]}}


@pytest.mark.parametrize(
    ("service", "more", "found"),
    [
        ({}, {}, []),
        (CHANGED, {}, ["web: replicas is 5, not 3"]),
        (CHANGED | {"update": "updating"}, {}, ["web: replicas is 5, not 3"]),
        ({"described": False}, {}, ["web: it is described no more"]),
        ({}, {"missing": ("db",)}, ["db: the swarm has no such service yet"]),
        ({}, {"members": ("n1", "n2")}, ["node n1", "node n2"]),
        # Somebody's own update failed, or somebody took the description's back.
        (CHANGED | {"update": "paused"}, {}, ["web: replicas is 5, not 3"]),
        *(
            (CHANGED | {"update": one, "previous": "any:0"}, {}, ["web: replicas is 5, not 3"])
            for one in ("rollback_started", "rollback_paused", "rollback_completed")
        ),
        # On purpose: Swarm went back to what worked, an image is refused, nobody can tell.
        *(
            (CHANGED | {"update": one}, {}, [])
            for one in ("rollback_started", "rollback_paused", "rollback_completed")
        ),
        (CHANGED, {"refused": {"web": "was not built"}}, []),
        ({}, {"missing": ("db",), "refused": {"db": "was not built"}}, []),
        (CHANGED | {"error": "there is no network x"}, {}, []),
    ],
)
def test_what_somebody_changed_is_named(service: Any, more: Any, found: list[str]) -> None:
    assert mend.differences(seen(**service).model_copy(update=more)).words == found


@pytest.mark.parametrize(
    ("service", "more", "left"),
    [
        (CHANGED, {}, {}),
        ({"update": "rollback_completed"}, {}, {}),
        (
            CHANGED | {"update": "rollback_completed"},
            {},
            {"web": f"replicas is 5, not 3; {mend.TRIED_AGAIN}"},
        ),
        ({}, {"refused": {"web": "it was not built"}}, {"web": "it was not built"}),
        (
            {"error": "there is no network x"},
            {},
            {"web": "nobody can tell whether it is as described: there is no network x"},
        ),
    ],
)
def test_what_is_left_as_it_is_has_a_reason(service: Any, more: Any, left: Any) -> None:
    assert mend.differences(seen(**service).model_copy(update=more)).left == left


@pytest.mark.parametrize(
    ("task", "service", "found"),
    [
        ({}, {}, ["web"]),
        ({"state": "ready"}, {"update": "rollback_started"}, ["web"]),
        ({"state": "running"}, {}, []),
        ({"state": "shutdown"}, {}, []),
        ({"desired": "running"}, {}, []),
        ({"node": "i-n2"}, {}, []),
        ({"at": EARLY}, {}, []),
        ({}, {"update": "completed"}, []),
        ({"service": "gone"}, {}, []),
    ],
)
def test_an_update_that_waits_for_a_lost_node_is_found(
    task: dict[str, str], service: dict[str, str], found: list[str]
) -> None:
    lost = {"service": "web", "slot": 1, "node": "i-n3", "state": "preparing"}
    lost |= {"desired": "shutdown", "at": BACK, **task}
    one = seen(nodes={"n3": {"state": "down"}}, more=[lost], **{"update": "updating", **service})
    assert mend.stuck(one) == found
