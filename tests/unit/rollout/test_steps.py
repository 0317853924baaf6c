"""What follows from how the nodes of a rollout are."""

from dataclasses import replace

import pytest
from picloud.rejoin import steps as rejoin
from picloud.rollout.types import State, Step

from tests.unit.rollout.world import World


def two_waves(**more):
    return World([["a"], ["b", "c"]], **more)


def test_healthy_waves_follow_each_other_to_the_end():
    world = two_waves()
    world.wave()
    assert world.rollout.step == Step.NEXT
    assert world.pins() == {"a": "new", "b": "old", "c": "old"}
    world.wave()
    assert world.rollout.step == Step.DONE
    assert world.rollout.ended_at == world.now
    assert set(world.states().values()) == {State.HEALTHY}
    assert world.log == [("a", "new"), ("b", "new"), ("c", "new")]
    assert world.step() is None


def test_a_canary_that_fails_is_put_back_and_nobody_else_sees_the_change():
    world = two_waves(ill={"a": "services are down: docker"})
    world.settle()
    world.converge()
    assert world.settle() == Step.RETURNING
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.pins() == {"a": "old", "b": "old", "c": "old"}
    assert world.states() == {"a": State.RETURNED, "b": State.WAITING, "c": State.WAITING}
    assert world.rollout.reason == (
        "wave 1 (wave 0): 1 of 1 node failed, 100 % have to be healthy: a: try 1 failed: services"
        " are down: docker; put back: 1 of 1"
    )


def test_it_is_told_what_failed_in_the_highstate():
    world = two_waves(ill={"a": "states would change again: docker-engine"})
    world.details = "docker-engine: apt-get failed"
    world.settle()
    world.converge()
    world.settle()
    assert (
        "would change again: docker-engine; docker-engine: apt-get failed" in world.rollout.reason
    )


def test_the_failed_wave_goes_back_and_those_before_it_stay():
    world = two_waves(ill={"b": "states fail: docker-daemon"})
    world.wave()
    world.settle()
    world.converge("b")
    assert world.settle() == Step.RETURNING
    assert world.rows["c"].step == "waiting"
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.pins() == {"a": "new", "b": "old", "c": "old"}
    assert world.log[-2:] == [("b", "old"), ("c", "old")]


def test_a_node_that_is_still_being_converged_is_put_back_after_that():
    world = two_waves(ill={"b": "fails"})
    world.wave()
    world.settle()
    world.rows["c"] = rejoin.dispatched(world.rows["c"], "x", rejoin.Policy(), world.now)
    world.converge("b")
    assert world.settle() == Step.RETURNING
    assert ("c", "old") not in world.log
    world.converge()
    world.settle()
    assert ("c", "old") in world.log
    assert world.rollout.step == Step.RETURNING
    world.converge()
    assert world.settle() == Step.STOPPED


@pytest.mark.parametrize(("percent", "step"), [(75, Step.SOAKING), (76, Step.RETURNING)])
def test_a_declared_share_has_to_be_healthy(percent, step):
    nodes = ["b", "c", "d", "e"]
    world = World([["a"], nodes], {"healthy_percent": percent}, ill={"c": "fails"})
    world.wave()
    world.settle()
    world.converge()
    assert world.settle() == step


def test_of_the_canaries_all_have_to_be_healthy():
    world = World([["a", "b"], ["c"]], {"healthy_percent": 1}, ill={"b": "fails"})
    world.settle()
    world.converge()
    assert world.settle() == Step.RETURNING


def test_a_wave_that_does_not_stay_well_is_put_back():
    world = two_waves()
    world.settle()
    world.converge()
    world.settle()
    world.now += 61
    world.settle()
    world.answer(problems=["services are down: docker"])
    assert world.settle() == Step.RETURNING
    assert "a: was not well any more after a while: services are down" in world.rollout.reason


def test_a_wave_that_does_not_answer_is_asked_again_and_then_put_back():
    world = two_waves()
    world.settle()
    world.converge()
    world.settle()
    world.now += 61
    world.settle()
    world.now += 181
    assert world.step().ask == ("a",)
    world.now += 800
    assert world.settle() == Step.RETURNING
    assert "did not answer" in world.rollout.reason


def looked_at(world):
    """A world whose first wave is looked at once more."""
    world.settle()
    world.converge()
    world.settle()
    world.now += 61
    assert world.settle() == Step.CHECKING
    return world


def test_a_node_that_is_not_done_yet_is_asked_again_and_then_left_to_run_once_more():
    world = looked_at(World([["a", "b"], ["c"]]))
    world.answer("a", busy=["web: updating"])
    assert world.step() is None
    world.answer("b")
    world.now += 14
    assert world.step() is None
    world.now += 2
    assert world.step().ask == ("a",)
    world.answer("a", busy=["web: updating"])
    world.now += 31
    world.step()
    world.answer("a")
    assert world.settle() == Step.SOAKING
    assert world.states() == {"a": "converged", "b": "healthy", "c": "waiting"}
    world.now += 61
    assert world.settle() == Step.CHECKING
    world.answer("a")
    assert world.settle() == Step.CONVERGING
    assert world.states() == {"a": "healthy", "b": "healthy", "c": "converging"}


def test_a_node_that_is_never_done_is_put_back():
    world = looked_at(two_waves())
    for _ in range(33):
        assert world.rollout.step == Step.CHECKING
        world.answer("a", busy=["web: updating"])
        world.now += 31
        world.step()
    assert world.rollout.step == Step.RETURNING
    assert "a: is not done yet: web: updating" in world.rollout.reason


def test_a_node_that_was_not_done_and_is_ill_then_is_put_back():
    world = looked_at(two_waves())
    world.answer("a", busy=["web: updating"])
    world.now += 31
    world.step()
    world.answer("a", problems=["web: 1 of 2 tasks run"])
    assert world.settle() == Step.RETURNING


def test_nodes_that_are_not_there_do_not_count_and_are_converged_when_they_come_back():
    world = two_waves(away={"b"})
    world.wave()
    world.settle()
    world.now += 61
    world.settle()
    assert world.states()["b"] == State.AWAY
    assert world.rows["b"].verified is False
    assert world.pins()["b"] == "new"
    world.converge()
    assert world.settle() == Step.SOAKING


def test_a_node_that_comes_back_within_a_minute_is_taken_along():
    world = two_waves(away={"a"})
    world.settle()
    world.now += 30
    assert world.settle() == Step.CONVERGING
    world.away.clear()
    world.settle()
    assert world.log == [("a", "new")]


def test_without_a_canary_nothing_begins():
    world = two_waves(away={"a"})
    world.settle()
    world.now += 61
    world.settle()
    world.now += 61
    assert world.settle() == Step.STOPPED
    assert "no canary can be asked: a: has no connection" in world.rollout.reason
    assert set(world.pins().values()) == {"old"}


def test_a_later_wave_of_which_nobody_is_there_is_passed():
    world = World([["a"], ["b"], ["c"]], away={"b"})
    world.wave()
    world.settle()
    world.now += 61
    assert world.settle() == Step.CONVERGING
    assert world.rollout.wave == 2


def test_a_node_that_was_set_aside_before_is_left_alone_also_on_the_way_back():
    world = World([["a"], ["b", "c"]], ill={"c": "fails"})
    aside = rejoin.failed(world.rows["b"], "its fan is broken", rejoin.Policy(tries=1), 1.0, 0.0)
    world.rows["b"] = aside = replace(aside, verified=False)
    world.wave()
    world.settle()
    assert world.states()["b"] == State.AWAY
    world.converge()
    world.settle()
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.rows["b"] == aside
    assert world.pins() == {"a": "new", "b": "old", "c": "old"}


def test_a_node_that_failed_so_often_that_it_was_set_aside_is_put_back():
    world = two_waves(ill={"a": "fails"}, policy={"tries": 5})
    world.settle()
    world.converge()
    assert world.settle() == Step.CONVERGING
    world.converge()
    assert world.rows["a"].step == "quarantined"
    world.settle()
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.rows["a"].step == "converged"


def test_a_node_that_an_admin_holds_does_not_count():
    world = two_waves()
    world.wave()
    world.settle()
    world.rows["b"] = rejoin.held_by_hand(world.rows["b"], "look", world.now)
    world.converge("c")
    assert world.settle() == Step.SOAKING
    assert world.states()["b"] == State.AWAY


def test_what_cannot_be_put_back_says_so():
    world = two_waves(ill={"a": "fails"}, lost={"a": "states fail: docker-engine"})
    world.settle()
    world.converge()
    world.settle()
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.states()["a"] == State.STUCK
    assert world.rollout.reason.endswith(
        "put back: 0 of 1; not put back: a: try 1 failed: states fail: docker-engine"
    )


def test_nothing_is_put_back_to_what_is_blocked_by_now():
    world = two_waves(ill={"a": "fails"}, barred="docker 1 is blocked on armhf")
    world.settle()
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.pins()["a"] == "new"
    assert "not put back: a: docker 1 is blocked on armhf" in world.rollout.reason


def test_a_part_that_is_one_way_stays_as_it_is():
    world = two_waves(ill={"a": "fails"}, policy={"one_way": ("docker",)})
    world.settle()
    world.converge()
    assert world.settle() == Step.STOPPED
    assert world.pins()["a"] == "new"
    assert "nodes stay as they are, docker is one_way" in world.rollout.reason


def test_pause_ends_the_wave_and_begins_no_other_until_it_goes_on():
    world = two_waves()
    world.settle()
    world.rollout = replace(world.rollout, wish="pause")
    world.converge()
    assert world.settle() == Step.SOAKING
    world.now += 61
    world.settle()
    world.answer()
    assert world.settle() == Step.NEXT
    assert "is paused" in world.rollout.reason
    assert world.pins() == {"a": "new", "b": "old", "c": "old"}
    world.rollout = replace(world.rollout, wish="")
    assert world.settle() == Step.CONVERGING
    assert world.rollout.reason == ""


def test_abort_puts_all_waves_back():
    world = two_waves()
    world.wave()
    world.settle()
    world.rollout = replace(world.rollout, wish="abort")
    world.converge()
    assert world.settle() == Step.RETURNING
    world.converge()
    assert world.settle() == Step.ABORTED
    assert set(world.pins().values()) == {"old"}
    assert "put back: 3 of 3" in world.rollout.reason


def test_abandon_leaves_all_as_it_is():
    world = two_waves()
    world.wave()
    world.rollout = replace(world.rollout, wish="abandon")
    assert world.settle() == Step.ABORTED
    assert world.pins() == {"a": "new", "b": "old", "c": "old"}


def test_abort_before_anything_began():
    world = two_waves()
    world.rollout = replace(world.rollout, wish="abort")
    assert world.settle() == Step.ABORTED
    assert world.log == []


def test_a_broken_description_holds_the_next_wave():
    world = two_waves(hold="waits until the description is mended")
    assert world.settle() == Step.NEXT
    assert world.rollout.reason == "waits until the description is mended"
    world.hold = ""
    assert world.settle() == Step.CONVERGING


def test_a_change_that_is_blocked_meanwhile_goes_back_everywhere():
    world = two_waves()
    world.wave()
    world.refused = "docker 2 is blocked on armhf"
    assert world.settle() == Step.RETURNING
    world.converge()
    assert world.settle() == Step.STOPPED
    assert set(world.pins().values()) == {"old"}


def test_a_wave_that_takes_too_long_is_put_back():
    world = two_waves()
    world.settle()
    world.now += 1001
    assert world.settle() == Step.RETURNING
    assert "was not ready within 1000 s" in world.rollout.reason


def test_a_clock_that_goes_back_begins_the_step_anew_and_loses_nothing():
    world = two_waves()
    world.settle()
    world.now -= 900
    world.settle()
    world.converge()
    assert world.settle() == Step.SOAKING
    world.now -= 50
    world.settle()
    world.now += 61
    assert world.settle() == Step.CHECKING


def test_while_the_description_is_broken_no_time_runs_out():
    world = two_waves()
    world.settle()
    world.hold = "waits until the description is mended"
    for _ in range(20):
        world.now += 190
        assert world.settle() == Step.CONVERGING
    world.hold = ""
    world.converge()
    assert world.settle() == Step.SOAKING
    world.now += 61
    world.settle()
    world.hold = "waits until the description is mended"
    for _ in range(20):
        world.now += 190
        assert world.settle() == Step.CHECKING
