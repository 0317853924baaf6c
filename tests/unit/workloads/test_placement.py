"""The plan: nothing above capacity, nothing against a condition, stable, and reasons in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from picloud.cloud import Cloud
from picloud.workloads.fleet import lanes
from picloud.workloads.placement import Plan, plan

from .world import cloud, made

TWO = {"r1": ["small"] * 3, "r2": ["small"] * 3}


def foretell(
    racks: Mapping[str, list[str]], work: Mapping[str, Mapping[str, object]], **more: object
) -> tuple[Cloud, Plan]:
    found = cloud(racks, {}, **more)
    return found, plan(found, made(work))


def racks_of(found: Cloud, where: Mapping[str, int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node, count in where.items():
        counts[found.nodes[node].rack] += count
    return counts


def test_replicas_are_spread_over_racks_and_nodes() -> None:
    found, made_plan = foretell(TWO, {"web": {"replicas": 4}})
    where = made_plan.where["web"]
    assert set(where.values()) == {1}
    assert racks_of(found, where) == {"r1": 2, "r2": 2}
    assert made_plan.wanted == {"web": 4}
    assert [change.new for change in made_plan.changes] == [1, 1, 1, 1]


def test_the_node_with_least_to_spare_is_taken_first() -> None:
    _, made_plan = foretell({"r1": ["large", "small"]}, {"web": {"resources": {"memory_mb": 64}}})
    assert made_plan.where["web"] == {"n1": 1}


def test_a_global_workload_runs_once_on_every_node_that_it_may_run_on() -> None:
    racks = {"r1": ["large", "small"], "r2": ["small"]}
    _, made_plan = foretell(racks, {"web": {"mode": "global", "placement": {"models": ["small"]}}})
    assert made_plan.where["web"] == {"n1": 1, "n2": 1}
    assert made_plan.wanted["web"] == 2


def test_a_job_needs_room_for_what_runs_at_the_same_time() -> None:
    work = {"job": {"mode": "job", "replicas": 100, "max_concurrent": 3}}
    _, made_plan = foretell(TWO, work)
    assert sum(made_plan.where["job"].values()) == 3
    assert not made_plan.misfits


def test_conditions_rule_nodes_out() -> None:
    racks = {"r1": ["small", "large"], "r2": ["small"], "b-r3": ["small"]}
    found, made_plan = foretell(
        racks,
        {
            "model": {"placement": {"models": ["large"]}},
            "rack": {"placement": {"racks": ["r2"]}},
            "arch": {"mode": "global", "placement": {"archs": ["arm64"]}},
            "site": {"placement": {"sites": ["b"]}},
        },
        managers=("n0", "n3"),
    )
    assert made_plan.where == {
        "model": {"n1": 1},
        "rack": {"n2": 1},
        "arch": {"n1": 1},
        "site": {"n3": 1},
    }
    assert found.nodes["n3"].site == "b"


def test_a_site_without_a_manager_gets_nothing() -> None:
    racks = {"r1": ["small"], "b-r2": ["small"]}
    _, made_plan = foretell(racks, {"web": {"mode": "global"}})
    assert made_plan.where["web"] == {"n0": 1}
    _, made_plan = foretell(racks, {"web": {}}, managers=())
    assert [(one.site, one.reason) for one in made_plan.misfits] == [
        ("", "no site has a swarm, because no node with Docker has the role swarm-manager")
    ]


@pytest.mark.parametrize(("spread", "expected"), [("rack", (4, 2)), ("site", (3, 3))])
def test_sites_share_replicas_by_their_racks_or_evenly(
    spread: str, expected: tuple[int, int]
) -> None:
    racks = {"r1": ["small"] * 4, "r2": ["small"] * 4, "b-r3": ["small"] * 4}
    found, made_plan = foretell(
        racks, {"web": {"replicas": 6, "placement": {"spread": spread}}}, managers=("n0", "n8")
    )
    counts = Counter(found.nodes[node].site for node in made_plan.where["web"])
    assert (counts["a"], counts["b"]) == expected


def test_two_that_publish_one_port_are_on_different_nodes() -> None:
    port = [{"published": 80}]
    _, made_plan = foretell(
        {"r1": ["small"] * 4},
        {"one": {"replicas": 2, "publish": port}, "two": {"replicas": 2, "publish": port}},
    )
    assert not made_plan.misfits
    assert not set(made_plan.where["one"]) & set(made_plan.where["two"])


@pytest.mark.parametrize(
    ("work", "placed", "words"),
    [
        (
            {"replicas": 3, "resources": {"memory_mb": 200}},
            2,
            "of 2 nodes of its swarm it may run on 2; memory is short on 2 nodes: a replica takes"
            " 200 MB, and n0 has most left, 56 MB, so 144 MB are missing",
        ),
        (
            {"replicas": 2, "resources": {"cpus": 1.5}},
            0,
            "CPU is short on 2 nodes: a replica takes 1.5 CPU, and n0 has most left, 1 CPU, so"
            " 0.5 CPU are missing",
        ),
        (
            {"replicas": 3, "resources": {"mbps": 60}},
            2,
            "network is short on 2 nodes: a replica takes 60 Mb/s, and n0 has most left, 40 Mb/s,"
            " so 20 Mb/s are missing",
        ),
        (
            {"replicas": 3, "placement": {"max_per_node": 1}},
            2,
            "2 nodes may take no more than 1",
        ),
        (
            {"replicas": 3, "resources": {"uplink_mbps": 40}},
            2,
            "the uplink of a is short: each replica takes 40 Mb/s of it, 20 Mb/s are left, so"
            " 20 Mb/s are missing",
        ),
        (
            {"placement": {"models": ["large"]}},
            0,
            "of 2 nodes at a none is left (placement.models: 2 ruled out)",
        ),
    ],
)
def test_what_does_not_fit_is_explained(
    work: Mapping[str, object], placed: int, words: str
) -> None:
    _, made_plan = foretell({"r1": ["small"] * 2}, {"web": work}, uplink=100)
    (misfit,) = made_plan.misfits
    assert (misfit.workload, misfit.placed) == ("web", placed)
    assert misfit.reason.endswith(words)


def test_a_global_workload_names_the_nodes_that_lack_room() -> None:
    work = {
        "big": {"resources": {"memory_mb": 250}, "placement": {"models": ["small"]}},
        "all": {"mode": "global", "resources": {"memory_mb": 300}},
    }
    _, made_plan = foretell({"r1": ["large", "small"]}, work)
    (misfit,) = made_plan.misfits
    assert (misfit.workload, misfit.wanted, misfit.placed) == ("all", 2, 1)
    assert "memory is short on 1 node: a replica takes 300 MB" in misfit.reason


def test_what_runs_stays_when_more_comes() -> None:
    found = cloud(TWO, {})
    before = plan(found, made({"web": {"replicas": 3}}))
    both = made({"web": {"replicas": 4}, "api": {"replicas": 2, "resources": {"memory_mb": 128}}})
    after = plan(found, both, before.where)
    assert all(after.where["web"][node] >= count for node, count in before.where["web"].items())
    assert {change.workload for change in after.changes if change.old} == set()
    fewer = plan(found, made({"web": {"replicas": 2}}), before.where)
    assert set(fewer.where["web"]) < set(before.where["web"])
    assert [(one.old, one.new) for one in fewer.changes] == [(1, 0)]
    none = plan(found, {}, before.where)
    assert len(none.changes) == 3


def test_replicas_move_only_when_that_makes_room() -> None:
    racks = {"r1": ["small", "large"]}
    work = made(
        {
            "light": {"resources": {"memory_mb": 200}},
            "heavy": {"resources": {"memory_mb": 900}},
        }
    )
    found = cloud(racks, {})
    made_plan = plan(found, work, {"light": {"n1": 1}})
    assert made_plan.where == {"light": {"n0": 1}, "heavy": {"n1": 1}}


def test_nodes_are_packed_where_spreading_leaves_no_room() -> None:
    # One of "a" in each rack would leave 128 MB in r2, too little for both of "b".
    work = {
        "a": {"replicas": 2, "resources": {"memory_mb": 128}},
        "b": {
            "replicas": 2,
            "resources": {"memory_mb": 120},
            "placement": {"racks": ["r2"]},
        },
    }
    _, made_plan = foretell({"r1": ["small"], "r2": ["small"]}, work)
    assert made_plan.where == {"a": {"n0": 2}, "b": {"n1": 2}}
    assert not made_plan.misfits


def test_lanes_keep_workloads_apart() -> None:
    work = made(
        {
            "a": {"placement": {"anti_affinity": ["b", "c"]}},
            "b": {"placement": {"anti_affinity": ["c"]}},
            "c": {},
            "d": {},
        }
    )
    found = lanes(work)
    assert sorted(found) == ["a", "b", "c"]
    assert sorted(found.values()) == [0, 1, 2]


def test_a_blocked_version_does_not_run_on_its_architecture() -> None:
    image = {
        "tag": "1.7.0",
        "archs": ["armel", "arm64"],
        "blocked": [{"tag": "1.7*", "archs": ["armel"], "reason": "it crashes", "use": "1.8"}],
    }
    found = cloud({"r1": ["small", "large"]}, {}, more={"container_images": {"any": image}})
    assert plan(found, made({"web": {"mode": "global"}})).where["web"] == {"n1": 1}


FIRST = {"order": "start-first"}
HOST_PORT = [{"published": 9000}]


@pytest.mark.parametrize(
    ("work", "fits"),
    [
        ({"replicas": 2, "publish": HOST_PORT}, True),
        ({"replicas": 2, "publish": HOST_PORT, "update": FIRST}, False),
        ({"replicas": 2, "publish": HOST_PORT, "rollback": FIRST}, False),
        ({"replicas": 1, "publish": HOST_PORT, "update": FIRST}, True),
        ({"replicas": 2, "resources": {"mbps": 95}, "update": FIRST}, False),
        ({"replicas": 2, "resources": {"mbps": 45}, "update": FIRST}, True),
        ({"replicas": 3, "resources": {"mbps": 45}, "update": {**FIRST, "parallelism": 2}}, False),
        ({"replicas": 2, "resources": {"mbps": 45}, "update": {**FIRST, "parallelism": 9}}, True),
        ({"replicas": 3, "resources": {"mbps": 45}, "update": {**FIRST, "parallelism": 0}}, False),
        ({"replicas": 2, "resources": {"mbps": 45}, "update": {**FIRST, "parallelism": 0}}, True),
        ({"mode": "global", "resources": {"mbps": 95}, "update": FIRST}, False),
        ({"mode": "global", "resources": {"mbps": 45}, "update": FIRST}, True),
        ({"mode": "global", "publish": HOST_PORT, "update": FIRST}, False),
        ({"mode": "global", "publish": HOST_PORT}, True),
    ],
)
def test_start_first_wants_room_for_both(work: Mapping[str, object], fits: bool) -> None:
    found, made_plan = foretell({"r1": ["small"] * 2}, {"web": work})
    assert bool(made_plan.misfits) is not fits
    # What is there for a moment only is in no page.
    assert made_plan.wanted["web"] == work.get("replicas", 2)
    if fits:
        assert sum(made_plan.where["web"].values()) == made_plan.wanted["web"]
        again = plan(found, made({"web": work}), made_plan.where)
        assert again.changes == ()
    else:
        assert "start-first" in made_plan.misfits[0].reason


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (
            {"replicas": 2, "publish": HOST_PORT, "update": FIRST},
            "2 nodes may take no more than 1; 1 of 3 are there because update.order is start-first:"
            " so many new replicas start before as many old ones end",
        ),
        (
            {"mode": "global", "publish": HOST_PORT, "update": FIRST, "rollback": FIRST},
            "port 9000/tcp is taken on 2 nodes; a replica counts twice because update.order and"
            " rollback.order are start-first: on each node the new one starts before the old ends",
        ),
    ],
)
def test_start_first_is_named_as_the_reason(work: Mapping[str, object], words: str) -> None:
    _, made_plan = foretell({"r1": ["small"] * 2}, {"web": work})
    (misfit,) = made_plan.misfits
    assert misfit.reason.endswith(words)


def test_who_takes_most_of_what_is_short_is_named() -> None:
    work = {
        "x": {"replicas": 2, "resources": {"mbps": 95}},
        "web": {"resources": {"mbps": 10}},
        "alone": {"resources": {"mbps": 101}},
    }
    _, made_plan = foretell({"r1": ["small"] * 2}, work)
    reasons = {one.workload: one.reason for one in made_plan.misfits}
    assert reasons["web"].endswith("5 Mb/s are missing; x takes 190 of 200 Mb/s there")
    # Nobody is to blame where a replica is too large for an empty node.
    assert reasons["alone"].endswith("Mb/s are missing")


def test_an_uplink_and_nodes_that_are_short_are_both_named() -> None:
    work = {
        "x": {"resources": {"uplink_mbps": 70, "memory_mb": 250}},
        "web": {"replicas": 3, "resources": {"uplink_mbps": 20, "memory_mb": 200}},
    }
    _, made_plan = foretell({"r1": ["small"] * 3}, work, uplink=100)
    (misfit,) = made_plan.misfits
    assert (misfit.wanted, misfit.placed) == (3, 1)
    assert misfit.reason.endswith(
        "; the uplink of a is short: each replica takes 20 Mb/s of it, 10 Mb/s are left, so 30 Mb/s"
        " are missing; x takes 70 of its 100 Mb/s; memory is short on 3 nodes: a replica takes 200"
        " MB, and n1 has most left, 56 MB, so 144 MB are missing"
    )


TEN_AND_ONE = {"r1": ["small"] * 10, "b-r2": ["small"]}


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ({"replicas": 10, "placement": {"max_per_node": 1}}, (9, 1)),
        ({"replicas": 10, "resources": {"memory_mb": 200}}, (9, 1)),
        ({"replicas": 10}, (5, 5)),
        ({"replicas": 10, "resources": {"uplink_mbps": 5}}, (5, 5)),
        ({"replicas": 9, "placement": {"max_per_node": 1}, "update": FIRST}, (9, 0)),
        ({"replicas": 3, "placement": {"max_per_node": 2}, "update": FIRST}, (2, 1)),
        ({"mode": "job", "replicas": 10, "placement": {"max_per_node": 1}}, (5, 1)),
        ({"mode": "job", "replicas": 9, "max_concurrent": 3}, (2, 1)),
    ],
)
def test_what_one_site_has_no_room_for_goes_to_others(
    work: Mapping[str, object], expected: tuple[int, int]
) -> None:
    found, made_plan = foretell(TEN_AND_ONE, {"web": work}, managers=("n0", "n10"), uplink=100)
    counts: Counter[str] = Counter()
    for node, count in made_plan.where["web"].items():
        counts[found.nodes[node].site] += count
    assert (counts["a"], counts["b"]) == expected
