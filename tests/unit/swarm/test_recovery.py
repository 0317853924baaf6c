"""How a swarm stands, and how one that lost its managers is brought back."""

import pytest
from picloud.swarms import recovery, standing

MANAGERS = ("m1", "m2", "m3")
OFF = {"state": "inactive", "role": None, "cluster": None}
LEADS = {"state": "active", "role": "manager", "cluster": "c1", "leads": True}
FOLLOWS = {**LEADS, "leads": False}
# What Docker Engine 20.10 says of itself: no cluster while nobody leads, and not even its role
# after it was started again.
ALONE = {
    "state": "active",
    "role": "manager",
    "cluster": None,
    "leads": False,
    "error": "no leader",
}
WAITS = {"state": "pending", "role": "worker", "cluster": None, "leads": False}
WORKS = {"state": "active", "role": "worker", "cluster": None, "leads": False}


@pytest.mark.parametrize(
    ("answers", "recorded", "expected", "words"),
    [
        pytest.param(
            {"m1": FOLLOWS, "m2": LEADS, "m3": FOLLOWS},
            "c1",
            ("m2", True, ()),
            "the swarm of glasgow works, m2 leads it",
            id="well",
        ),
        pytest.param(
            {"m1": LEADS, "m2": None, "m3": OFF},
            "c1",
            ("m1", True, ()),
            "the swarm of glasgow works, m1 leads it: no answer from m2; in no swarm: m3",
            id="one is new and one is off",
        ),
        pytest.param(
            {"m1": FOLLOWS, "m2": None, "m3": FOLLOWS},
            "c1",
            (None, True, ()),
            "works, a manager that does not answer leads it: no answer from m2",
            id="who leads is silent",
        ),
        pytest.param(
            {"m1": ALONE, "m2": None, "m3": None},
            "c1",
            (None, False, ("m1",)),
            "have lost their majority: no answer from m2, m3; its data is still on m1",
            id="two are off",
        ),
        pytest.param(
            {"m1": WAITS, "m2": ALONE, "m3": OFF},
            "c1",
            (None, False, ("m2", "m1")),
            "have lost their majority: in no swarm: m3; its data is still on m2, m1",
            id="one was started again",
        ),
        pytest.param(
            {"m1": OFF, "m2": None, "m3": OFF},
            "c1",
            (None, False, ()),
            "no manager of the swarm of glasgow has its data any more",
            id="all cards are new",
        ),
        pytest.param(
            {},
            "c1",
            (None, False, ()),
            "no manager of the swarm of glasgow answers, it may be well: no answer from m1, m2, m3",
            id="all are silent",
        ),
        pytest.param(
            {"m1": OFF},
            "c1",
            (None, False, ()),
            "answers, it may be well: no answer from m2, m3; in no swarm: m1",
            id="one is new and the others are silent",
        ),
        pytest.param(
            {"m1": OFF, "m2": None, "m3": None},
            None,
            (None, False, ()),
            "glasgow has no swarm yet: no answer from m2, m3; in no swarm: m1",
            id="before the first day",
        ),
    ],
)
def test_how_it_stands(answers, recorded, expected, words):
    found = standing("glasgow", MANAGERS, answers, recorded)
    assert (found.leads, found.works, found.survivors) == expected
    assert words in found.words


@pytest.mark.parametrize(
    ("answers", "recorded", "lost", "unheard"),
    [
        pytest.param({}, "c1", False, True, id="all are silent"),
        pytest.param({}, None, False, False, id="none begun"),
        pytest.param({"m1": OFF}, "c1", False, True, id="the silent ones may be the majority"),
        pytest.param({"m1": OFF, "m3": OFF}, "c1", True, False, id="the silent one may not"),
        pytest.param({"m1": ALONE}, "c1", True, False, id="one says that nobody leads"),
        pytest.param({"m1": LEADS}, "c1", False, False, id="works"),
    ],
)
def test_a_swarm_is_lost_when_a_manager_says_so(answers, recorded, lost, unheard):
    found = standing("glasgow", MANAGERS, answers, recorded)
    assert (found.lost, found.unheard) == (lost, unheard)


@pytest.mark.parametrize(
    ("answers", "recorded", "why"),
    [
        pytest.param({"m1": LEADS, "w1": WORKS}, "c1", "nothing to recover: the swarm", id="works"),
        pytest.param({"m1": OFF, "w1": OFF}, None, "glasgow has no swarm yet", id="none begun"),
        pytest.param({"w1": WORKS}, "c1", "Let one of them answer first", id="all are silent"),
    ],
)
def test_when_nothing_is_recovered(answers, recorded, why):
    found = recovery("glasgow", MANAGERS, answers, recorded)
    assert why in found.refused
    assert (found.survivor, found.leave) == (None, ())


def test_a_survivor_goes_on_and_other_managers_join_it_anew():
    answers = {"m1": None, "m2": ALONE, "m3": WAITS, "w1": WORKS, "w2": None}
    found = recovery("glasgow", MANAGERS, answers, "c1")
    # Workers know the survivor and come back by themselves.
    assert (found.refused, found.survivor, found.leave) == ("", "m2", ("m3",))
    assert "Make sure that m1 cannot come back" in found.words[1]


def test_without_a_survivor_all_leave_and_a_new_one_is_begun():
    answers = {"m1": OFF, "m2": OFF, "m3": OFF, "w1": WORKS, "w2": WAITS, "w3": OFF, "w4": None}
    found = recovery("glasgow", MANAGERS, answers, "c1")
    assert (found.refused, found.survivor, found.leave) == ("", None, ("w1", "w2"))
    assert "A new swarm is begun" in found.words[-1]


def test_what_is_no_manager_any_more_does_not_survive():
    answers = {"m1": OFF, "m2": None, "m3": OFF, "w1": ALONE}
    assert recovery("glasgow", MANAGERS, answers, "c1").survivor is None
