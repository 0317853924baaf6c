"""What holds of every plan: no node is too full, no condition broken, nothing moves in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st
from picloud.workloads.fleet import shares
from picloud.workloads.model import Workload
from picloud.workloads.placement import plan

from .world import BOARDS, cloud, made


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
        "update": st.sampled_from([{"order": "start-first", "parallelism": n} for n in (0, 1, 3)]),
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


# Two ways to place them that place as much: what runs everywhere stays where it runs as well.
@example(
    [
        {"replicas": 4, "resources": {"cpus": 1.0}},
        {"mode": "global"},
        {
            "mode": "global",
            "resources": {"cpus": 1.0},
            "placement": {"anti_affinity": ["w0"]},
        },
    ],
    {},
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
        lack = sum(one.wanted - one.placed for one in found.misfits if one.workload == name)
        # What starts first may have no room where all that stays has some.
        assert missing <= lack if one.update.order == "start-first" else missing == lack
    for node, amounts in used.items():
        board = BOARDS[WORLD.nodes[node].model]
        most = (board["cpus"], board["ram_mb"], board["nic_mbps"])
        assert all(have <= limit + 1e-6 for have, limit in zip(amounts, most, strict=True))
    assert max(ports.values(), default=0) <= 1
    assert max(uplink.values(), default=0) <= 100
    assert plan(WORLD, work, current) == found
    if any("start-first" in (one.update.order, one.rollback.order) for one in work.values()):
        # Where the room beside them is kept is not known of those that run already.
        return
    again = plan(WORLD, work, found.where)
    assert again.where == found.where
    assert again.changes == ()


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
