"""Decisions that the truth table has no place for: the same card again, copies, policy."""

import pytest
from picloud.identity import Board, CardState, Evidence, Offer, Seen, admit, decide, fingerprint

from tests.unit.cards.office import tiny
from tests.unit.identity.world import World

A, B, C = "00000000e0000001", "00000000e0000002", "00000000e00000cc"


@pytest.fixture
def world():
    """Return a world in which pi0, pi1 and pi2 run on their boards."""
    made = World()
    for node, serial in (("pi0", A), ("pi1", B), ("pi2", C)):
        made.runs(node, f"{node}'s card", serial)
    return made


def came(world, node, serial, **more):
    evidence = Evidence(node, f"key of {node}'s card", Board(serial, **more))
    return decide(evidence, world.cloud, world)


def said(decision):
    return str(decision.kind), str(decision.action)


def test_a_restart_is_left_alone(world):
    assert said(came(world, "pi0", A)) == ("restart", "leave")


def test_a_restart_before_it_was_converged_goes_on(world):
    world.seen["pi0"] = Seen("pi0's card", A, False)
    assert said(came(world, "pi0", A)) == ("restart", "converge")


def test_the_first_join_learns_the_board(world):
    del world.seen["pi2"], world.owners[C]
    decision = came(world, "pi2", C)
    assert said(decision) == ("first join", "converge")
    assert decision.learn == ((C, "pi2"),)


def test_a_new_board_is_learned(world):
    decision = came(world, "pi2", "00000000e00000dd")
    assert said(decision) == ("new board", "converge")
    assert decision.learn == (("00000000e00000dd", "pi2"),)


def test_a_new_board_waits_for_a_yes_where_the_policy_says_so(world):
    world.cloud = tiny(**{"cloud: {name": "rejoin: {boards: confirm}\ncloud: {name"})
    decision = came(world, "pi2", "00000000e00000dd")
    assert said(decision) == ("new board", "hold")
    assert "salt-run rejoin.adopt node=pi2" in decision.reason


def test_a_declared_serial_that_is_another_now_is_named(world):
    decision = came(world, "pi0", "00000000e00000dd")
    assert said(decision) == ("new board", "converge")
    assert "still declares board 00000000e0000001 for pi0" in decision.notes[0]


def test_the_last_eight_digits_of_a_serial_are_enough(world):
    world.seen["pi0"] = Seen("pi0's card", A[-8:], True)
    assert said(came(world, "pi0", A)) == ("restart", "leave")


def test_exchanged_boards_are_told_from_both_sides(world):
    world.up = {"pi0", "pi1"}
    world.seen["pi1"] = Seen("pi1's card", B, True, now=A)
    first = came(world, "pi0", B)
    assert said(first) == ("boards exchanged", "converge")
    assert set(first.learn) == {(B, "pi0"), (A, "pi1")}
    world.owners |= {B: "pi0", A: "pi1"}
    world.seen["pi0"] = Seen("pi0's card", B, False)
    world.seen["pi1"] = Seen("pi1's card", B, True)
    assert said(came(world, "pi1", A)) == ("boards exchanged", "converge")


def test_a_board_on_which_another_node_runs_at_this_moment_is_a_lie(world):
    world.up = {"pi1"}
    world.seen["pi1"] = Seen("pi1's card", B, True, now=B)
    decision = came(world, "pi2", B)
    assert said(decision) == ("copy of a card", "hold")
    assert decision.learn == ()


def test_two_boards_with_one_key_stop_the_card(world):
    evidence = Evidence("pi0", "key of pi0's card", Board(A), others=(Board(C),))
    decision = decide(evidence, world.cloud, world)
    assert said(decision) == ("copy of a card", "stop")
    assert "salt-run card.prepare node=pi0" in decision.reason


def test_one_board_that_answered_twice_is_no_copy(world):
    evidence = Evidence("pi0", "key of pi0's card", Board(A), others=(Board(A),))
    assert said(decide(evidence, world.cloud, world)) == ("restart", "leave")


@pytest.mark.parametrize(
    ("board", "words"),
    [
        ({"model": "pi4b"}, "pi0 is a pi2b, this board is a pi4b"),
        ({"ram_mb": 512}, "pi0 needs 1024 MB, this board has 512 MB"),
    ],
)
def test_a_board_that_cannot_be_the_node_is_held(world, board, words):
    decision = came(world, "pi0", A, **board)
    assert said(decision) == ("wrong model", "hold")
    assert words in decision.reason


def test_a_key_accepted_by_hand_is_named(world):
    decision = decide(Evidence("pi0", "some key", Board(A)), world.cloud, world)
    assert said(decision) == ("stranger", "hold")


@pytest.mark.parametrize("state", [CardState.RETIRED, CardState.REVOKED])
def test_a_card_that_is_out_and_was_accepted_by_hand_is_stopped(world, state):
    world.change("pi0's card", state=state)
    assert said(came(world, "pi0", A)) == ("retired card or board", "stop")


def test_a_key_accepted_for_another_node_is_stopped(world):
    decision = decide(Evidence("pi1", "key of pi0's card", Board(B)), world.cloud, world)
    assert said(decision) == ("stranger", "stop")


def test_a_board_without_a_serial_cannot_be_told_from_others(world):
    decision = came(world, "pi0", None)
    assert said(decision) == ("restart", "leave")
    assert decision.learn == ()


def test_a_node_taken_from_the_description_is_not_let_in(world):
    world.issue("card of pi99", "pi99")
    admission = admit(Offer("pi99", "key of card of pi99", False), world, world.cloud)
    assert (admission.verdict, admission.kind) == ("refuse", "stranger")


def test_nobody_gets_in_where_the_policy_says_so(world):
    world.cloud = tiny(**{"cloud: {name": "rejoin: {admit: nobody}\ncloud: {name"})
    world.issue("another", "pi0")
    admission = admit(Offer("pi0", "key of another", False), world, world.cloud)
    assert admission.verdict == "refuse"
    assert "salt-run rejoin.adopt card=another node=pi0" in admission.reason


def test_a_key_taken_off_by_hand_stays_out(world):
    admission = admit(Offer("pi0", "key of pi0's card", False), world, world.cloud)
    assert admission.verdict == "refuse"
    assert "taken off the master by hand" in admission.reason


@pytest.mark.parametrize("name", ["*", "pi0\npi1", "../pi0", "x" * 300, "pi0 ", ""])
def test_odd_ids_are_refused_and_cannot_steer_a_terminal(world, name):
    world.issue("another", "pi0")
    for key in ("no key of ours", "key of another"):
        admission = admit(Offer(name, key, False), world, world.cloud)
        assert admission.verdict == "refuse"
        assert "\n" not in admission.reason


def test_a_fingerprint_does_not_depend_on_line_ends():
    assert fingerprint("a\r\nb\r\n") == fingerprint("a\nb")
    assert fingerprint("a\nb") != fingerprint("a\nc")
