"""The plan: nothing above capacity, nothing against a condition, stable, and reasons in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picloud.cloud import Cloud
from picloud.workloads.fleet import lanes, shares
from picloud.workloads.model import Workload
from picloud.workloads.placement import Plan, plan

from .world import BOARDS, cloud

TWO = {"r1": ["small"] * 3, "r2": ["small"] * 3}


def made(work: Mapping[str, Mapping[str, object]]) -> dict[str, Workload]:
    """Workloads as validated, whether they fit or not."""
    return {name: Workload.model_validate({"image": "any", **said}) for name, said in work.items()}


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


@given(st.integers(0, 1000), st.dictionaries(st.text("abc", min_size=1), st.integers(0, 9)))
@settings(deadline=None)
def test_shares_add_up_and_are_fair(count: int, weights: dict[str, int]) -> None:
    found = shares(count, weights)
    total = sum(weights.values())
    assert sum(found.values()) == (count if total else 0)
    for name, share in found.items():
        assert abs(share - count * weights[name] / total) < 1


WORK = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["replicated", "global", "job"]),
        "replicas": st.integers(0, 12),
        "resources": st.fixed_dictionaries(
            {},
            optional={
                "cpus": st.sampled_from([0.01, 0.3, 1.0, 3.0]),
                "memory_mb": st.sampled_from([8, 100, 200, 700]),
                "mbps": st.sampled_from([0, 30, 90]),
                "uplink_mbps": st.sampled_from([0, 10]),
            },
        ),
        "placement": st.fixed_dictionaries(
            {},
            optional={
                "models": st.sampled_from([[], ["small"], ["large"]]),
                "racks": st.sampled_from([[], ["r1"], ["r1", "b-r3"]]),
                "sites": st.sampled_from([[], ["a"], ["b"]]),
                "spread": st.sampled_from(["rack", "site"]),
                "max_per_node": st.integers(1, 3),
                "anti_affinity": st.sampled_from([[], ["w0"], ["w1", "w2"]]),
            },
        ),
        "publish": st.sampled_from([[], [{"published": 80}]]),
    },
)
WORLD = cloud(
    {"r1": ["small"] * 4, "r2": ["small", "large"], "b-r3": ["large", "small", "small"]},
    {},
    uplink=100,
    managers=("n0", "n6"),
)


def first_fit(work: Mapping[str, Workload]) -> float:
    """What the first node that has room would take, one replica after the other, at site a."""
    free = {}
    for node in (node for node in WORLD.nodes.values() if node.site == "a"):
        board = BOARDS[node.model]
        free[node.id] = [board["cpus"] * 1000, board["ram_mb"]]
    placed = 0.0
    usual = [sum(room[place] for room in free.values()) / len(free) for place in (0, 1)]
    for one in work.values():
        needs = [round(one.resources.cpus * 1000), one.resources.memory_mb]
        for _ in range(one.replicas or 1):
            for room in free.values():
                if all(have >= need for have, need in zip(room, needs, strict=True)):
                    room[0] -= needs[0]
                    room[1] -= needs[1]
                    placed += max(need / most for need, most in zip(needs, usual, strict=True))
                    break
    return placed


CURRENT = st.dictionaries(
    st.sampled_from(["w0", "w1", "w2", "gone"]),
    st.dictionaries(st.sampled_from([*WORLD.nodes, "lost"]), st.integers(0, 3), max_size=4),
)


@given(st.lists(WORK, min_size=1, max_size=6), CURRENT)
@settings(deadline=None, max_examples=200)
def test_no_plan_breaks_a_rule(
    described: list[dict[str, object]], current: dict[str, dict[str, int]]
) -> None:
    work = made({f"w{number}": said for number, said in enumerate(described)})
    found = plan(WORLD, work, current)
    for change in found.changes:
        assert change.old == current.get(change.workload, {}).get(change.node, 0)
        assert change.new == found.where.get(change.workload, {}).get(change.node, 0)
    used: dict[str, list[float]] = {node: [0, 0, 0] for node in WORLD.nodes}
    uplink: Counter[str] = Counter()
    ports: Counter[str] = Counter()
    for name, where in found.where.items():
        one = work[name]
        place = one.placement
        for node, count in where.items():
            host = WORLD.nodes[node]
            assert not place.models or host.model in place.models
            assert not place.racks or host.rack in place.racks
            assert not place.sites or host.site in place.sites
            assert count <= (place.max_per_node or count)
            ports[node] += count if one.publish else 0
            needs = (one.resources.cpus, one.resources.memory_mb, one.resources.mbps)
            for number, need in enumerate(needs):
                used[node][number] += need * count
            uplink[host.site] += one.resources.uplink_mbps * count
            for other in place.anti_affinity:
                assert other == name or node not in found.where.get(other, {})
        missing = found.wanted[name] - sum(where.values())
        assert missing == sum(
            one.wanted - one.placed for one in found.misfits if one.workload == name
        )
    for node, amounts in used.items():
        board = BOARDS[WORLD.nodes[node].model]
        most = (board["cpus"], board["ram_mb"], board["nic_mbps"])
        assert all(have <= limit + 1e-6 for have, limit in zip(amounts, most, strict=True))
    assert max(ports.values(), default=0) <= 1
    assert max(uplink.values(), default=0) <= 100
    again = plan(WORLD, work, found.where)
    assert again.where == found.where
    assert again.changes == ()
    assert plan(WORLD, work, current) == found


@given(
    st.lists(
        st.tuples(st.sampled_from([0.3, 0.9, 2.5]), st.sampled_from([60, 150, 600])),
        min_size=3,
        max_size=12,
    ),
    st.integers(1, 4),
)
@settings(deadline=None)
def test_no_plan_is_worse_than_first_fit(sizes: list[tuple[float, int]], replicas: int) -> None:
    work = made(
        {
            f"w{number}": {
                "replicas": replicas,
                "resources": {"cpus": cpus, "memory_mb": memory},
                "placement": {"sites": ["a"]},
            }
            for number, (cpus, memory) in enumerate(sizes)
        }
    )
    found = plan(WORLD, work)
    free = [BOARDS[node.model] for node in WORLD.nodes.values() if node.site == "a"]
    usual = [sum(board[key] for board in free) / len(free) for key in ("cpus", "ram_mb")]
    placed = sum(
        sum(where.values())
        * max(work[name].resources.cpus / usual[0], work[name].resources.memory_mb / usual[1])
        for name, where in found.where.items()
    )
    assert placed >= first_fit(work) * 0.999


def test_a_blocked_version_does_not_run_on_its_architecture() -> None:
    image = {
        "tag": "1.7.0",
        "archs": ["armel", "arm64"],
        "blocked": [{"tag": "1.7*", "archs": ["armel"], "reason": "it crashes", "use": "1.8"}],
    }
    found = cloud({"r1": ["small", "large"]}, {}, more={"container_images": {"any": image}})
    assert plan(found, made({"web": {"mode": "global"}})).where["web"] == {"n1": 1}
