"""Which nodes are measured, when, and with which neighbour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picloud.benchmark.turns import address, fit, turns


def row(rack="r1", number=1, state="converged", **more):
    seen = {"address": [f"10.0.0.{number}"], "parts": ["base", "docker"]}
    return {"rack": rack, "state": state, "reason": "so", "connected": True, "seen": seen} | more


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (row(), None),
        (row(connected=None), None),
        (row(seen={}), None),
        (row(state="drifted"), "it is not as described: drifted, so"),
        (row(state="rejoining"), "it is not as described: rejoining, so"),
        (row(state="quarantined"), "it is not as described: quarantined, so"),
        (row(connected=False), "it is not connected to the master"),
        (row(seen={"parts": ["base"]}), "it has no part docker"),
    ],
)
def test_only_what_is_as_described_is_measured(one, why):
    assert fit({"pi3": one}) == ((["pi3"], {}) if why is None else ([], {"pi3": why}))


def plan(rows, wanted=None, per_rack=1):
    found = turns(wanted or list(rows), list(rows), rows, per_rack)
    return [
        {node: peer.node if peer else None for node, peer in turn.nodes.items()} for turn in found
    ]


def test_one_of_each_rack_at_a_time():
    rows = {"a": row("r1", 1), "b": row("r1", 2), "c": row("r2", 3), "d": row("r2", 4)}
    assert plan(rows) == [{"a": "b", "c": "d"}, {"b": "a", "d": "c"}]


def test_a_node_that_was_not_asked_for_may_be_the_neighbour():
    rows = {"a": row(number=1), "b": row(number=2), "c": row(number=3)}
    assert plan(rows, ["c"]) == [{"c": "a"}]


def test_a_node_alone_in_its_rack_has_no_neighbour():
    assert plan({"a": row("r1", 1), "b": row("r2", 2)}) == [{"a": None, "b": None}]


def test_a_node_without_an_address_is_no_neighbour():
    assert plan({"a": row(number=1), "b": row(seen={})}, ["a"]) == [{"a": None}]


@given(
    racks=st.lists(st.integers(0, 3), max_size=20),
    per_rack=st.integers(1, 4),
    picks=st.sets(st.integers(0, 19)),
)
def test_everybody_is_measured_once_and_disturbed_by_nobody(racks, per_rack, picks):
    rows = {f"n{at}": row(f"r{rack}", at) for at, rack in enumerate(racks)}
    wanted = [name for name in rows if int(name[1:]) in picks]
    found = turns(wanted, list(rows), rows, per_rack)
    assert sorted(name for turn in found for name in turn.nodes) == sorted(wanted)
    for turn in found:
        peers = [peer.node for peer in turn.nodes.values() if peer]
        assert len(set(peers)) == len(peers)
        assert not set(peers) & set(turn.nodes)
        for node, peer in turn.nodes.items():
            assert peer is None or rows[peer.node]["rack"] == rows[node]["rack"]
        for rack in {rows[node]["rack"] for node in turn.nodes}:
            assert sum(rows[node]["rack"] == rack for node in turn.nodes) <= per_rack


@pytest.mark.parametrize(
    ("declared", "seen", "expected"),
    [
        ("10.0.0.2", ["10.0.0.2", "10.9.0.1"], "10.0.0.2"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", ["10.9.0.1"], "10.9.0.1"),
        (None, ["10.9.0.1"], "10.9.0.1"),
        (None, [], None),
    ],
)
def test_the_address_of_a_neighbour(declared, seen, expected):
    assert address({"declared": {"address": declared}, "seen": {"address": seen}}) == expected
