"""Whatever happens, in whatever order: no wave begins before the last one is healthy."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from picloud.rejoin import steps as rejoin
from picloud.rollout.types import ENDS, State, Step

from tests.unit.rollout.world import World

NODES = ["a", "b", "c", "d", "e"]
GOOD = (State.HEALTHY, State.AWAY)
HAPPENS = st.one_of(
    st.tuples(st.sampled_from(["well", "fails", "starts", "away", "back", "held", "gone"]),
              st.sampled_from(NODES)),
    st.tuples(st.just("time"), st.sampled_from([1, 61, 200, 1100, -500])),
    st.tuples(st.just("answer"), st.sampled_from(["well", "ill", "busy"])),
    st.tuples(st.just("wish"), st.sampled_from(["", "pause", "abort", "abandon"])),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("killed"), st.none()),
)  # fmt: skip


def happen(world, what, about):
    """Something happens to the world."""
    row = world.rows.get(about) if isinstance(about, str) else None
    if what in ("well", "fails") and row is not None and row.step in rejoin.UNDER_WAY:
        world.now += 1
        problems = ["it fails"] if what == "fails" else []
        world.rows[about] = rejoin.verified(row, problems, rejoin.Policy(), world.now, 0.0)
    elif what == "starts" and row is not None:
        world.rows[about] = rejoin.dispatched(row, "other", rejoin.Policy(), world.now)
    elif what == "away":
        world.away.add(about)
    elif what == "back":
        world.away.discard(about)
    elif what == "held" and row is not None:
        world.rows[about] = rejoin.held_by_hand(row, "", world.now)
    elif what == "gone":
        world.rows.pop(about, None)
    elif what == "time":
        world.now += about
    elif what == "answer":
        said = {"well": {}, "ill": {"problems": ["ill"]}, "busy": {"busy": ["updating"]}}
        world.answer(**said[about])
    elif what == "wish" and world.rollout.step not in ENDS:
        world.rollout = replace(world.rollout, wish=about)
    elif what == "hold":
        world.hold = "broken" if about else ""


def state(world):
    return world.rollout, dict(world.members), dict(world.rows)


@settings(max_examples=400, deadline=None)
@given(st.lists(HAPPENS, max_size=60), st.sampled_from([1, 60, 100]))
def test_no_wave_begins_before_the_last_one_is_healthy(happenings, percent):
    world = World([["a"], ["b", "c"], ["d", "e"]], {"healthy_percent": percent})
    wave, began = 0, []
    for what, about in happenings:
        happen(world, what, about)
        before = state(world)
        move = world.step()
        if what == "killed":
            # The master dies before it has recorded the step: it takes the same one again.
            world.rollout, world.members, world.rows = before
            assert world.step() == move
        wave = check(world, before, wave, began)
        if before[0].step in ENDS:
            assert move is None


def check(world, before, wave, began):
    """What must be so after every step; the wave that it is at."""
    old, was, _ = before
    new = world.rollout
    assert new.wave in (wave, wave + 1)
    if new.wave == wave + 1:
        members = [one for one in world.members.values() if one.wave == wave]
        assert {one.state for one in members} <= {*GOOD, State.FAILED}
        there = [one for one in members if one.state != State.AWAY]
        failed = [one for one in there if one.state == State.FAILED]
        percent = 100 if wave == 0 else new.policy["healthy_percent"]
        assert len(failed) <= len(there) * (100 - percent) / 100
        assert wave or there
    if old.step == Step.NEXT and new.step == Step.CONVERGING:
        assert new.wave not in began, "a wave began twice"
        began.append(new.wave)
        assert (old.wish, world.hold) == ("", "")
    for node, one in world.members.items():
        assert one.pin in (one.old, one.new)
        if one.wave > new.wave:
            assert (one.state, one.pin) == (State.WAITING, one.old)
        if one.state in (State.RETURNING, State.RETURNED, State.WAITING):
            assert one.pin == one.old
        if was[node].state == State.WAITING and one.state != State.WAITING:
            assert one.wave == new.wave
    if new.step == Step.DONE:
        assert began == list(range(len(new.waves)))
    if new.step in (Step.STOPPED, Step.RETURNING):
        assert new.reason
    return new.wave


@settings(max_examples=100, deadline=None)
@given(st.lists(HAPPENS, max_size=40))
def test_every_rollout_ends_when_nothing_more_happens(happenings):
    world = World([["a"], ["b", "c"], ["d", "e"]])
    for what, about in happenings:
        happen(world, what, about)
        world.step()
    world.hold = ""
    world.rollout = replace(world.rollout, wish=world.rollout.wish.replace("pause", ""))
    for _ in range(40):
        world.settle()
        world.converge()
        world.now += 1100
        world.answer()
    assert world.rollout.step in ENDS
    assert not {State.CONVERGING, State.ASKED, State.RETURNING} & set(world.states().values())
