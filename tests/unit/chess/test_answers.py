"""What is made of the parts' results, and how it is shown."""

import pytest
from picloud_chess import answer, notation, pages, request
from picloud_chess.answer import Game
from picloud_chess.positions import START, InputError
from picloud_chess.tasks import Look, Result
from picloud_chess.uci import Found, Score

BLACK = START.replace(" w ", " b ")
WORK = {"seconds": 2.04, "searched": 12000, "nodes": [{"node": "pi1", "parts": 1, "seconds": 2}]}


def found(*line, **score):
    return Found(Score(**score), line, 9, 100)


@pytest.mark.parametrize(("fen", "sign"), [(START, 1), (BLACK, -1)])
def test_the_best_move_comes_first_and_white_sees_the_scores(fen, sign):
    founds = {
        "e2e4": found("e7e5", cp=-30),
        "d2d4": found("e7e5", mate=-1),
        "a2a3": found("e7e5", mate=1),
        "h2h3": found("e7e5", cp=40),
    }
    said = {move: (move[2:], "x") for move in founds}
    made = answer.position(fen, 9, founds, said)
    assert [move["uci"] for move in made["moves"]] == ["d2d4", "e2e4", "h2h3", "a2a3"]
    assert made["best"] == made["moves"][0]
    assert made["best"]["move"] == "d4"
    assert [move["score"] for move in made["moves"]] == [
        {"mate": 2 * sign},
        {"cp": 30 * sign},
        {"cp": -40 * sign},
        {"mate": -1 * sign},
    ]


@pytest.mark.parametrize(
    ("look", "wanted"),
    [
        (Look(("e2e4",), False, False), ""),
        (Look(("e1e2",), True, False), ""),
        (Look((), True, False), "checkmate"),
        (Look((), False, False), "stalemate"),
    ],
)
def test_a_game_ends_when_there_is_no_move(look, wanted):
    assert answer.ended(look) == wanted


def test_a_position_in_which_the_king_could_be_taken_is_refused():
    with pytest.raises(InputError, match="could take the king"):
        answer.ended(Look((), False, True))


def test_each_move_of_a_game_says_what_it_lost():
    played = Game({"White": "A"}, START, ("e2e4", "f7f6", "d2d4"), ("e4", "f6", "d4"))
    founds = [
        found("e2e4", cp=30),  # white to move
        found("e7e5", cp=-20),  # black to move
        found("b1c3", cp=150),
        found("a7a6", cp=-40),
    ]
    said = [("e4",), ("e5", "Nf3"), ("Nc3",), ("a6",)]
    made = answer.game(played, 9, founds, said)
    rows = [(m["number"], m["side"], m["move"], m["loss"], m["mark"]) for m in made["moves"]]
    assert rows == [
        (1, "white", "e4", 0, ""),
        (1, "black", "f6", 130, "mistake"),
        (2, "white", "d4", 110, "mistake"),
    ]
    assert [move["score"] for move in made["moves"]] == [{"cp": 20}, {"cp": 150}, {"cp": 40}]
    assert [move["best"] for move in made["moves"]] == [None, "e5", "Nc3"]
    assert made["sides"] == {
        "white": {"average_loss": 55, "blunder": 0, "mistake": 1, "inaccuracy": 0},
        "black": {"average_loss": 130, "blunder": 0, "mistake": 1, "inaccuracy": 0},
    }


def test_a_mate_is_no_loss_and_allowing_one_is_a_blunder():
    fen = BLACK.replace(" 0 1", " 0 7")
    played = Game({}, fen, ("g7g5", "d1h5"), ("g5", "Qh5#"))
    founds = [found("e7e5", cp=0), found("c2c4", cp=900), found(mate=0)]
    made = answer.game(played, 9, founds, [("e5",), ("c4",), ()])
    assert [(m["number"], m["side"], m["loss"], m["mark"]) for m in made["moves"]] == [
        (7, "black", 900, "blunder"),
        (8, "white", 0, ""),
    ]
    shown = pages.text({**made, "work": WORK})
    assert "7... g5??" in shown
    assert "8. Qh5#" in shown


def test_two_answers_differ_only_in_who_worked():
    one, two = Result("pi1", 1, found(cp=1)), Result("pi2", 2, found(cp=1))
    assert answer.work([one, one], 2)["nodes"] != answer.work([one, two], 2)["nodes"]
    assert answer.work([one, two], 2)["searched"] == 200


def test_an_answer_for_a_terminal_shows_the_best_moves():
    founds = {f"a2a{n}": found("b7b5", cp=-n) for n in range(1, 9)}
    founds |= {f"b2b{n}": found("b7b5", cp=n) for n in range(1, 9)}
    made = answer.position(START, 9, founds, {move: (move, *founds[move].line) for move in founds})
    shown = pages.text({**made, "work": WORK}).splitlines()
    assert shown[0] == "8  r n b q k b n r"
    assert shown[10].startswith("White to move. Best: a2a8 (+0.08), 9 half moves deep.")
    assert shown[12:14] == ["move  score  then", "a2a8  +0.08  b7b5"]
    assert "and 8 more" in shown
    assert shown[-1] == "12,000 positions searched in 2.0 s by 1 node: pi1 1 part"


def test_a_page_escapes_what_users_wrote():
    nasty = '<script>alert(1)</script>&"'
    played = Game({"White": nasty}, START, ("e2e4",), (nasty,))
    made = answer.game(played, 9, [found("d2d4", cp=900), found(cp=900)], [(nasty,), ()])
    shown = pages.page({**made, "work": WORK}) + pages.form(fen=nasty, error=nasty)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_page_of_a_finished_game_says_how_it_ended():
    made = {**answer.over(START, "stalemate"), "work": WORK}
    assert "The game is over: stalemate." in pages.page(made)
    assert "The game is over: stalemate." in pages.text(made)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"fen": ["startpos"]}, request.Question(START, "", request.DEPTH)),
        ({"fen": ["startpos"], "depth": [""]}, request.Question(START, "", request.DEPTH)),
        ({"pgn": ["\n1. e4 "], "depth": ["5"]}, request.Question("", "\n1. e4", 5)),
    ],
)
def test_a_question_is_read(fields, wanted):
    assert request.question(fields) == wanted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "give a position (fen=, such as startpos) or a game (pgn=)"),
        ({"fen": [""], "pgn": [" "]}, "give a position"),
        ({"fen": ["startpos"], "pgn": ["1. e4"]}, "both a FEN and a PGN are given"),
        ({"fen": ["startpos"], "depth": ["1"]}, 'the depth is "1" instead of 2 to 22'),
        ({"fen": ["startpos"], "depth": ["23"]}, 'the depth is "23" instead of 2 to 22'),
        ({"fen": ["startpos"], "depth": ["many"]}, 'the depth is "many" instead of 2 to 22'),
        ({"fen": ["startpos"], "dept": ["9"]}, 'there is no field "dept"'),
        ({"fen": ["startpos", "startpos"]}, "fen is given 2 times"),
        ({"fen": ["9" * 500]}, "the FEN is longer than 200 characters"),
        ({"pgn": ["1. e4 " * 20000]}, "the PGN is longer than 64 KiB"),
        ({"fen": ["x"], "depth": ["y"]}, 'the depth is "y" instead of 2 to 22; the FEN has 1'),
    ],
)
def test_a_bad_question_is_refused_with_the_reason(fields, reason):
    with pytest.raises(InputError) as caught:
        request.question(fields)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "query", "body", "wanted"),
    [
        ("", "fen=startpos&depth=9", "", {"fen": ["startpos"], "depth": ["9"]}),
        ("application/x-www-form-urlencoded", "", "pgn=1.+e4&depth=", {"pgn": ["1. e4"]}),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", "", "fen=a", {"fen": ["a"]}),
        ("application/x-chess-pgn", "depth=9", "1. e4", {"depth": ["9"], "pgn": ["1. e4"]}),
        ("", "fen=a", "fen=b", {"fen": ["a"], "pgn": ["fen=b"]}),
        ("application/x-www-form-urlencoded", "fen=a", "fen=b", {"fen": ["a", "b"]}),
    ],
)
def test_fields_come_from_the_address_and_from_what_was_sent(kind, query, body, wanted):
    fields = request.fields(kind, query, body)
    assert {name: given for name, given in fields.items() if given != [""]} == wanted


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded"])
def test_a_flood_of_fields_is_refused(kind):
    flood = "&".join(f"a{n}=1" for n in range(50))
    with pytest.raises(InputError, match="more than 10 fields"):
        request.fields(kind, "" if kind else flood, flood)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("1. e4", "1. e4 *\n"),
        ("1. e4 1/2-1/2\n\n", "1. e4 1/2-1/2\n"),
        ("", "\n"),
        ("\n\n1. e4", "\n\n1. e4 *\n"),
        ("1. e4 {a ; b} e5 ; c {d\n2. d4 *", "1. e4 {a ; b} e5 \n2. d4 *\n"),
        ("1. e4 {a\n% b ; c\n} e5 *", "1. e4 {a\n% b ; c\n} e5 *\n"),
        ("% a\r\n1. e4\x00\x1b[0m *", "\n1. e4  [0m *\n"),
        ('[Site "a;b"]\n\n1. e4 *', '[Site "a;b"]\n\n1. e4 *\n'),
    ],
)
def test_a_game_is_cleaned_of_what_pgn_extract_does_not_know(given, wanted):
    assert notation.clean(given) == wanted


@pytest.mark.parametrize(
    ("complaint", "wanted"),
    [
        ("", ""),
        ("Missing result.\n", ""),
        ("Processing stdin\n1 game matched out of 1.\n", ""),
        (
            "Failed to make move 4. Bxh6 in the game:\nFile a: Line number: 6\n",
            "4. Bxh6 is not a legal move",
        ),
        (
            "File stdin: Line number: 2\nUnknown character l (Hex: 6c).\nhello\n",
            'line 2: "l" is not part of a game',
        ),
        ("Unknown character \ufffd (Hex: c3).\n", "a letter beyond ASCII is not part of a game"),
        ("Unknown move text P-K4.\n", "unknown move text P-K4"),
        ("Missing end of a nested comment.\n", "missing end of a nested comment"),
    ],
)
def test_what_pgn_extract_complains_of_is_said_in_words(complaint, wanted):
    assert notation.trouble(complaint) == wanted


KINGS = "4k3/8/8/8/8/8/8/4K3"
LINES = """
[Site "Ke3"]

1. e4 {2. Ke3
2. Ke3} e5 $1 (1... Kd5
2. Ke3) 2.Ke3! Nf6
3. 0-0 e.p. Ke3
4. e8=Q+ Ke3 1-0
5. Ke3
"""


@pytest.mark.parametrize(
    ("move", "fen", "wanted"),
    [
        ("2. Ke3", START, "line 6: "),
        ("2... Nf6", START, "line 6: "),
        ("3. O-O", START, "line 7: "),
        ("3... Ke3", START, "line 7: "),
        ("4. e8=Q", START, "line 8: "),
        ("12. Ke3", f"{KINGS} w - - 0 11", "line 6: "),
        ("12... Ke3", f"{KINGS} b - - 0 11", "line 6: "),
        ("2. Kd3", START, ""),
        ("99. Ke3", START, ""),
        ("Ke3", START, ""),
    ],
)
def test_the_line_of_a_move_is_that_on_which_it_stands(move, fen, wanted):
    complaint = f"Failed to make move {move} in the game:\nFile stdin: Line number: 9\n"
    said = notation.trouble(complaint, LINES, fen)
    assert said == f"{wanted}{move} is not a legal move"
