"""Which step follows which: what a decision, a verification and the clock make of a node."""

from dataclasses import replace

import pytest
from picloud.identity import Action, Decision, Kind
from picloud.ledger import Rejoin
from picloud.policy import Rejoin as Policy
from picloud.rejoin import steps
from picloud.rejoin.steps import Step

POLICY = Policy.model_validate(
    {"tries": 3, "backoff_s": 20, "limits_s": {"start": 600, "evidence": 100, "converge": 3600}}
)
ROW = Rejoin("pi3", Step.ASKED, "new card", since=900.0, step_at=1000.0, nonce="n")


@pytest.mark.parametrize(
    ("step", "now", "after", "says"),
    [
        pytest.param(Step.ADMITTED, 1600.0, Step.HELD, "has not started for 600 s", id="silent"),
        pytest.param(Step.ASKED, 1100.0, Step.ASKED, "", id="asked a second time"),
        pytest.param(Step.ASKED, 1299.0, Step.ASKED, "", id="asked a third time"),
        pytest.param(Step.ASKED, 1300.0, Step.HELD, "asked 3 times who it is, and", id="dumb"),
        pytest.param(Step.CONVERGING, 4600.0, Step.WAITING, "not converged within 3600", id="slow"),
    ],
)
def test_a_step_that_takes_too_long(step, now, after, says):
    late = steps.overdue(replace(ROW, step=step), POLICY, now, 0.0)
    assert late.step == after
    assert says in late.reason
    if after == Step.ASKED:
        assert (late.nonce, late.limit_at, late.step_at) == ("n", now + 100, 1000.0)
    else:
        assert late.limit_at is None


def test_one_that_fails_is_tried_again_later_and_later_and_then_set_aside():
    row = replace(ROW, step=Step.CONVERGING)
    waits = []
    for tries in (1, 2):
        row = steps.failed(row, "states fail: x", POLICY, 2000.0, 0.0)
        assert (row.step, row.tries, row.aside) == (Step.WAITING, tries, False)
        waits.append(row.not_before - 2000.0)
    row = steps.failed(row, "states fail: x", POLICY, 2000.0, 0.0)
    assert (row.step, row.aside) == (Step.QUARANTINED, True)
    assert "salt-run rejoin.release node=pi3" in row.reason
    assert waits == [20.0, 40.0]


@pytest.mark.parametrize(
    ("action", "kind", "aside", "after"),
    [
        pytest.param(Action.LEAVE, Kind.RESTART, False, Step.CONVERGED, id="nothing to do"),
        pytest.param(Action.CONVERGE, Kind.NEW_CARD, False, Step.WAITING, id="converge"),
        pytest.param(Action.CONVERGE, Kind.RESTART, True, Step.QUARANTINED, id="still set aside"),
        pytest.param(Action.CONVERGE, Kind.NEW_CARD, True, Step.WAITING, id="a new card frees it"),
        pytest.param(Action.LOBBY, Kind.SPARE, False, Step.LOBBY, id="lobby"),
        pytest.param(Action.BIND, Kind.SPARE, False, Step.BOUND, id="bound"),
        pytest.param(Action.HOLD, Kind.WRONG_MODEL, False, Step.HELD, id="held"),
        pytest.param(Action.STOP, Kind.COPY, False, Step.QUARANTINED, id="stopped"),
    ],
)
def test_what_a_decision_makes_of_a_node(action, kind, aside, after):
    row = replace(ROW, aside=aside, tries=2, reason="failed before")
    new = steps.decided(row, Decision(kind, action, "pi3", "why"), "card-1", "serial", 1010.0)
    assert (new.step, new.card, new.serial) == (after, "card-1", "serial")
    assert new.seconds == {"asked": 10.0}
    assert new.aside is (after == Step.QUARANTINED and aside)
    assert new.verified is (after == Step.CONVERGED)


def test_a_way_back_that_begins_keeps_what_it_ran_on_and_nothing_of_the_last_one():
    row = replace(ROW, card="card-1", serial="s", tries=2, seconds={"asked": 3.0})
    new = steps.begin("pi3", row, 2000.0)
    assert (new.card, new.serial, new.tries, new.seconds) == ("card-1", "s", 2, {})
    assert (new.since, new.step_at) == (2000.0, 2000.0)
