"""Who begins a swarm, who joins, and when nothing is done, with the reason."""

import pytest
from picloud.swarms import Member, plan

A, B, C = (Member(f"m{n}", f"10.80.{n}.1", True) for n in (1, 2, 3))
W = Member("w1", "10.80.1.9", False)
ALL = (A, B, C, W)

OFF = {"state": "inactive", "role": None, "cluster": None, "managers": []}
LEADS = {"state": "active", "role": "manager", "cluster": "c1", "managers": ["10.80.1.1:2377"]}
OTHER = {**LEADS, "cluster": "c2"}
WORKS = {"state": "active", "role": "worker", "cluster": None, "managers": ["10.80.1.1:2377"]}
STRAY = {**WORKS, "managers": ["192.0.2.1:2377"]}
LOST = {**OFF, "state": "error"}


@pytest.mark.parametrize(
    ("answers", "recorded", "begin", "via", "join"),
    [
        pytest.param({"m1": OFF, "m2": OFF, "w1": OFF}, None, "m1", None, {}, id="the first day"),
        pytest.param({"m2": OFF, "w1": OFF}, None, "m2", None, {}, id="the first manager is away"),
        pytest.param(
            {"m1": LEADS, "m2": OFF, "w1": OFF},
            "c1",
            None,
            "m1",
            {"m2": "manager", "w1": "worker"},
            id="others join",
        ),
        pytest.param({"m1": LEADS, "w1": WORKS}, "c1", None, "m1", {}, id="all are in"),
        pytest.param(
            {"m1": OFF, "m2": LEADS}, "c1", None, "m2", {"m1": "manager"}, id="a new card"
        ),
        pytest.param({"m1": LEADS, "w1": OFF}, None, None, "m1", {"w1": "worker"}, id="unrecorded"),
        pytest.param({"m1": LEADS, "w1": STRAY}, "c1", None, "m1", {"w1": "worker"}, id="astray"),
        pytest.param({"m1": LEADS, "w1": LOST}, "c1", None, "m1", {"w1": "worker"}, id="forgotten"),
        pytest.param(
            {"m1": OTHER, "m2": LEADS}, "c1", None, "m2", {"m1": "manager"}, id="another swarm"
        ),
    ],
)
def test_what_is_done(answers, recorded, begin, via, join):
    found = plan("glasgow", ALL, answers, list(answers), recorded)
    assert (found.begin, found.via, dict(found.join)) == (begin, via, join)
    assert found.refused == {}
    assert found.cluster == ("c1" if via else recorded)


@pytest.mark.parametrize(
    ("described", "answers", "recorded", "why"),
    [
        pytest.param((W,), {"w1": OFF}, None, "no node of glasgow has the role", id="no manager"),
        pytest.param(ALL, {"m1": None, "w1": OFF}, None, "no manager of glasgow is", id="silent"),
        pytest.param(
            ALL,
            {"m1": OFF, "w1": WORKS},
            "c1",
            "salt-run swarm.recover site=glasgow",
            id="all gone",
        ),
        pytest.param(
            ALL, {"m1": LEADS, "m2": OTHER, "w1": OFF}, None, "are in different swarms", id="two"
        ),
        pytest.param(ALL, {"m1": LEADS, "w1": None}, "c1", "w1 does not say", id="no answer"),
    ],
)
def test_when_nothing_is_done(described, answers, recorded, why):
    found = plan("glasgow", described, answers, ["w1"], recorded)
    assert (found.begin, dict(found.join)) == (None, {})
    assert why in found.refused["w1"]


def test_a_second_swarm_is_never_begun_once_one_is_on_record():
    found = plan("glasgow", ALL, dict.fromkeys(("m1", "m2", "m3"), OFF), ["m1", "m2"], "c1")
    assert found.begin is None
    assert set(found.refused) == {"m1", "m2"}


def test_who_has_no_part_in_it_is_named():
    found = plan("glasgow", ALL, {"m1": LEADS}, ["m1", "pi9"], "c1")
    assert found.refused == {"pi9": "pi9 has no part swarm, so it is in no swarm"}
    assert dict(found.join) == {}
