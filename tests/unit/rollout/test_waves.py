"""In which order nodes get a change."""

import pytest
from picloud.rollout.policy import Rollout as Policy
from picloud.rollout.waves import ABSENT, CANARIES, sites, waves

from tests.unit.cards.office import tiny


def node(name, rack="rack1", site="glasgow", model="pi2b"):
    return tiny().node("pi0")._replace(id=name, rack=rack, site=site, model=model)


NODES = [
    node("a1"),
    node("a2"),
    node("a3", model="pi1b"),
    node("b1", "rack2"),
    node("b2", "rack2"),
    node("c1", "rack3", "london"),
    node("c2", "rack4", "london"),
    node("d1", "rack5", "paris"),
]
ALL = {one.id for one in NODES}


def named(policy=None, keyed=ALL):
    return [(name, " ".join(nodes)) for name, nodes in waves(NODES, Policy(**policy or {}), keyed)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            {},
            [
                (CANARIES, "a1 a3"),
                ("rack1", "a2"),
                ("rack2", "b1 b2"),
                ("site london", "c1 c2"),
                ("site paris", "d1"),
            ],
        ),
        (
            {"canaries": ("b2",)},
            [
                (CANARIES, "b2"),
                ("rack2", "b1"),
                ("rack1", "a1 a2 a3"),
                ("site london", "c1 c2"),
                ("site paris", "d1"),
            ],
        ),
        (
            {"canaries": ("c2", "elsewhere"), "at_once": 2},
            [
                (CANARIES, "c2"),
                ("rack3", "c1"),
                ("site glasgow (1)", "a1 a2"),
                ("site glasgow (2)", "a3 b1"),
                ("site glasgow (3)", "b2"),
                ("site paris", "d1"),
            ],
        ),
        (
            {"canaries": ("a1", "b1", "c1"), "at_once": 1},
            [
                (CANARIES, "a1 b1 c1"),
                ("rack1 (1)", "a2"),
                ("rack1 (2)", "a3"),
                ("rack2", "b2"),
                ("site london", "c2"),
                ("site paris", "d1"),
            ],
        ),
    ],
)
def test_canaries_then_racks_then_sites(policy, expected):
    assert named(policy) == expected


def test_nodes_without_a_key_come_last_and_are_no_canaries():
    assert named(keyed={"a2", "b1"}) == [
        (CANARIES, "a2"),
        ("rack2", "b1"),
        (ABSENT, "a1 a3 b2 c1 c2 d1"),
    ]


def test_without_any_key_there_is_nobody_to_begin_with():
    assert [name for name, _ in named(keyed=())] == [ABSENT]


@pytest.mark.parametrize(
    ("first", "keyed", "expected"),
    [
        (
            [],
            ALL,
            [
                ("site glasgow", "a1 a2 a3 b1 b2"),
                ("site london", "c1 c2"),
                ("site paris", "d1"),
            ],
        ),
        (
            ["paris", "nowhere"],
            {"a2", "d1"},
            [
                ("site paris", "d1"),
                ("site glasgow", "a1 a2 a3 b1 b2"),
                (ABSENT, "c1 c2"),
            ],
        ),
        ([], set(), [(ABSENT, "a1 a2 a3 b1 b2 c1 c2 d1")]),
    ],
)
def test_workloads_go_site_by_site_with_all_managers_of_it(first, keyed, expected):
    found = [(name, " ".join(nodes)) for name, nodes in sites(NODES, first, keyed)]
    assert found == expected
