"""Who may be converged now, and what the others wait for."""

import pytest
from picloud.rejoin.schedule import Waiting, pick

from tests.unit.cards.office import tiny

FREE = {"rack": 9, "hub": 9, "site": 9}
NOW = 100.0


def described(**limits):
    """Return one rack with two nodes on its first hub and one on the other, and some limits."""
    rejoin = f"rejoin: {{at_once: {FREE | limits}}}".replace("'", "")
    return tiny(**{"base: {swap_mb: 1024}": f"base: {{swap_mb: 1024}}\n{rejoin}"})


def test_everybody_goes_who_waits_the_longest_first():
    waiting = [Waiting("pi1", 20.0), Waiting("pi0", 20.0), Waiting("pi2", 10.0)]
    assert pick(waiting, [], described(), NOW) == (["pi2", "pi0", "pi1"], {})


@pytest.mark.parametrize(
    ("limits", "running", "go", "why"),
    [
        pytest.param(
            {"rack": 2},
            ["pi0"],
            ["pi1"],
            {"pi2": "rack rack1 has 2 at work, and rejoin.at_once.rack is 2"},
            id="rack",
        ),
        pytest.param(
            {"hub": 1},
            ["pi0"],
            ["pi2"],
            {"pi1": "hub 1 of rack1 has 1 at work, and rejoin.at_once.hub is 1"},
            id="another hub has room",
        ),
        pytest.param(
            {"site": 1},
            ["pi0"],
            [],
            {
                "pi1": "site lab has 1 at work, and rejoin.at_once.site is 1",
                "pi2": "site lab has 1 at work, and rejoin.at_once.site is 1",
            },
            id="site",
        ),
        pytest.param({"rack": 2}, ["gone"], ["pi1", "pi2"], {}, id="who is gone takes no room"),
    ],
)
def test_who_has_no_room_yet_waits_for_it_and_says_so(limits, running, go, why):
    waiting = [Waiting("pi1", 1.0), Waiting("pi2", 2.0)]
    assert pick(waiting, running, described(**limits), NOW) == (go, why)


def test_a_time_that_has_not_come_and_a_node_that_is_gone():
    waiting = [Waiting("pi0", 1.0, NOW + 9.4), Waiting("pi1", 1.0, NOW), Waiting("pi9", 1.0)]
    go, why = pick(waiting, [], described(), NOW)
    assert go == ["pi1"]
    assert why == {"pi0": "next try in 9 s", "pi9": "is not in the description any more"}
