"""What the runner ``rejoin`` shows, as data and as text."""

import json

import pytest
from picloud import tables
from picloud.identity import CardState
from picloud.ledger import BoardRow, CardRow, DecisionRow, Rejoin
from picloud.ledger.strangers import Stranger
from picloud.rejoin import pages, steps
from picloud.rejoin.lobby import Guest
from picloud.rejoin.steps import Step

NOW = 1000.0


def row(node, step, **more):
    return Rejoin(node, step, **{"kind": "new card", "reason": "why", "step_at": NOW - 5, **more})


def card(name, state, board=None):
    return CardRow(name, "pi3", False, name * 4, state, board, reason="so")


def lines(data, **more):
    return tables.render({**data, "notices": []}, **more).splitlines()


def test_every_step_has_its_place_and_those_that_need_an_admin_come_first():
    assert set(pages.ORDER) == set(Step)
    rows = [row(f"pi{number}", step) for number, step in enumerate(Step)]
    page = pages.status(rows, NOW, {})
    assert [cells[2] for cells in page["rows"]] == list(pages.ORDER)
    assert set(page["counts"].values()) == {1}
    json.dumps(page)


@pytest.mark.parametrize(
    ("one", "cells"),
    [
        (
            row("pi3", "converging", tries=1, seconds={"asked": 2.4, "waiting": 3.0}),
            ["pi3", "new card", "converging", "1", "5", "10", "why"],
        ),
        (row("pi3", "held", kind=""), ["pi3", "-", "held", "0", "-", "0", "why"]),
        (
            row("pi3", "converged", seconds={"asked": 1.0}),
            ["pi3", "new card", "converged", "0", "-", "1", "why"],
        ),
    ],
)
def test_the_row_of_a_node(one, cells):
    page = pages.status([one], NOW, {})
    assert page["rows"] == [cells]
    assert page["nodes"]["pi3"]["took"] == pages.took(one, NOW)
    assert page["summary"] == f"1 {one.step}"


@pytest.mark.parametrize(
    ("reason", "waits", "said"),
    [
        pytest.param("try 1 failed", "next try in 9 s", "try 1 failed; next try in 9 s", id="both"),
        pytest.param("", "rack is full", "rack is full", id="no reason on record"),
        pytest.param("is broken", "is broken", "is broken", id="the reason on record is the same"),
    ],
)
def test_a_node_that_waits_says_what_for(reason, waits, said):
    rows = [row("pi3", "waiting", reason=reason), row("pi4", "asked", reason="why")]
    page = pages.status(rows, NOW, {"pi3": waits})
    assert {cells[0]: cells[-1] for cells in page["rows"]} == {"pi3": said, "pi4": "why"}
    nodes = page["nodes"]
    assert (nodes["pi3"]["waits"], nodes["pi3"]["reason"]) == (waits, reason)
    assert nodes["pi4"]["waits"] is None


def test_a_piped_page_has_a_line_for_each_node_and_no_colour():
    rows = [row("pi3", "waiting", reason="long " * 60), row("pi4", "held")]
    text = lines(pages.status(rows, NOW, {}))
    assert [line.split()[0] for line in text[:3]] == ["node", "pi4", "pi3"]
    assert text[-1] == "1 held, 1 waiting"
    assert "\x1b" not in "".join(text)


def test_a_terminal_folds_the_last_column_only():
    rows = [row("pi3", "waiting", reason="long " * 60)]
    text = lines(pages.status(rows, NOW, {}), width=80)
    assert len(text) > 4
    assert max(map(len, text)) <= 80


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (pages.status([], NOW, {}), "No node is on its way back, and none needs a look."),
        (pages.lobby([], NOW), "Nobody waits in the lobby."),
        (pages.strangers([], NOW), "Nobody was refused."),
        (pages.history("pi3", [], [], None), "Cards of pi3: none.\nIts board: none."),
    ],
)
def test_nothing_to_show_is_said_in_words(page, said):
    assert lines(page) == said.splitlines()


def test_what_a_stranger_calls_itself_cannot_steer_the_terminal():
    one = Stranger("pi3\n\x1b[2J", "a" * 64, "no card\nof ours", 3, 0.0, NOW - 60)
    page = pages.strangers([one], NOW)
    assert page["rows"] == [["pi3\\n\\x1b[2J", "a" * 12, "3", "1 min ago", "no card\nof ours"]]
    text = lines(page)
    assert "\x1b" not in "".join(text)
    assert [line.split()[0] for line in text if line] == ["name", "pi3\\n\\x1b[2J", "1"]
    assert page["strangers"][0]["fingerprint"] == "a" * 64


def test_history_names_each_decision_and_every_card_and_board():
    decisions = [
        DecisionRow("pi3", 86400.0, "new card", "admit", "issued for pi3", "card-2", None),
        DecisionRow("pi3", 0.0, "first join", "converge", "joins", "card-1", "aa"),
    ]
    cards = [card("card-1", CardState.RETIRED, "aa"), card("card-2", CardState.IN_USE, "bb")]
    page = pages.history("pi3", decisions, cards, BoardRow("bb", None, None, "pi3", False, "", 0.0))
    assert page["rows"][0] == [
        "1970-01-02 00:00:00Z",
        "new card",
        "admit",
        "card-2",
        "-",
        "issued for pi3",
    ]
    assert page["summary"] == (
        "Cards of pi3: card-1 (retired), card-2 (in use).\nIts board: bb; seen there before: aa."
    )
    assert (page["board"], page["boards_before"]) == ("bb", ["aa"])
    assert page["cards"]["card-1"] == {"state": "retired", "reason": "so", "board": "aa"}
    json.dumps(page)


@pytest.mark.parametrize(
    ("guest", "said"),
    [
        (
            Guest("card-1", 0.0, "in use elsewhere", node="pi3", fits=("pi4", "pi5")),
            "salt-run rejoin.adopt card=card-1 node=pi3",
        ),
        (
            Guest("card-1", 0.0, "not known", fits=("pi4",)),
            "salt-run rejoin.adopt card=card-1 node=pi4",
        ),
        (
            Guest("card-1", 0.0, "not known", fits=("pi4", "pi5")),
            "salt-run rejoin.adopt card=card-1 node=<id>  (could be pi4, pi5)",
        ),
        (
            Guest("card-1", 0.0, "not known", fits=tuple(f"pi{n}" for n in range(9))),
            "salt-run rejoin.adopt card=card-1 node=<id>"
            "  (could be pi0, pi1, pi2, pi3, pi4 and 4 more)",
        ),
        (
            Guest("card-1", 0.0, "not known"),
            "salt-run rejoin.adopt card=card-1 node=<id>"
            "  (no node without a card has such a board)",
        ),
    ],
)
def test_the_lobby_says_what_to_type(guest, said):
    page = pages.lobby([guest], NOW)
    assert page["rows"][0][-1] == said
    assert page["cards"]["card-1"]["command"] == guest.command
    assert page["summary"] == "1 card in the lobby"


def test_the_lobby_shows_what_is_known_of_the_board():
    guest = Guest("card-1", NOW - 90, "why", "aa", "bb:cc", "pi1b", ("rack1", 4), "pi3")
    assert pages.lobby([guest], NOW)["rows"][0][:-1] == [
        "card-1",
        "aa",
        "pi1b",
        "bb:cc",
        "rack1 port 4",
        "1 min",
        "why",
    ]


def test_a_node_held_by_hand_says_how_it_is_let_go_and_then_counts_anew():
    before = row("pi3", "converging", tries=2, aside=True, verified=True)
    held = steps.held_by_hand(before, "its fan", NOW)
    assert (held.step, held.kind) == (Step.HELD, steps.BY_HAND)
    assert held.reason.startswith("held by hand: its fan; let it go: ")
    assert held.reason.endswith("salt-run rejoin.release node=pi3")
    assert steps.held_by_hand(before, "", NOW).reason.startswith("held by hand; ")
    free = steps.freed(held)
    assert (free.kind, free.tries, free.aside, free.verified) == ("", 0, False, False)
    assert steps.freed(before).kind == "new card"
