"""Which texts are positions that an engine may see, and what is said of the others."""

import pytest
from picloud_chess.positions import START, InputError, normal, other_side, white_to_move

KINGS = "4k3/8/8/8/8/8/8/4K3"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("startpos", START),
        (" StartPos ", START),
        (START, START),
        (f"{KINGS}  b - -", f"{KINGS} b - - 0 1"),
        (f"{KINGS} w - - 007 0012", f"{KINGS} w - - 7 12"),
        (
            "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq e6 0 2",
            "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq e6 0 2",
        ),
        ("QQQQQQQQ/8/8/8/8/8/7k/K7 b - -", "QQQQQQQQ/8/8/8/8/8/7k/K7 b - - 0 1"),
    ],
)
def test_a_position_is_written_in_full(given, wanted):
    assert normal(given) == wanted
    assert normal(wanted) == wanted


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "has 0 fields instead of 6"),
        (KINGS, "has 1 fields instead of 6"),
        (f"{KINGS} w - - 0", "has 5 fields instead of 6"),
        ("4k3/8/8/8/8/8/4K3 w - -", "it has 7 ranks instead of 8"),
        ("4k3/8/8/8/8/8/7/4K3 w - -", "rank 2 has 7 squares instead of 8"),
        ("4k3/8/8/8/8/8/88/4K3 w - -", "rank 2 has 16 squares instead of 8"),
        ("4k3/8/8/8/8/8/xx6/4K3 w - -", 'rank 2 holds "x", which is no piece'),
        ("4k3/8/8/8/8/8/٣5/4K3 w - -", 'rank 2 holds "٣", which is no piece'),
        ("8/8/8/8/8/8/8/4K3 w - -", "black has 0 kings instead of 1"),
        ("4k3/8/8/8/8/8/8/3KK3 w - -", "white has 2 kings instead of 1"),
        ("4k2P/8/8/8/8/8/8/4K3 w - -", "a pawn stands on the first or the last rank"),
        ("4k3/8/8/8/8/P7/PPPPPPPP/4K3 w - -", "white has 9 pawns"),
        ("4k3/8/8/8/8/QQ6/PPPPPPPP/4K3 w - -", "white has more pieces than its pawns could"),
        ("4k3/8/8/8/QQQQQQQQ/QQ6/8/4K3 w - -", "white has more pieces than its pawns could"),
        (f"{KINGS} x - -", 'the side to move is "x" instead of w or b'),
        (f"{KINGS} w KK -", 'castling is "KK" instead of - or some of KQkq'),
        (f"{KINGS} w HAha -", 'castling is "HAha" instead of - or some of KQkq'),
        (f"{KINGS} w K -", "castling K needs a king on e1 and a rook on h1"),
        (f"{KINGS} w - e9", 'en passant is "e9" instead of - or a square of rank 6'),
        (f"{KINGS} b - e6", 'en passant is "e6" instead of - or a square of rank 3'),
        (f"{KINGS} w - e6", "en passant on e6 needs a pawn that has just passed it"),
        (f"{KINGS} w - - -1 1", 'half moves since a capture is "-1" instead of 0 to 5000'),
        (f"{KINGS} w - - 0 0", 'number of the move is "0" instead of 1 to 5000'),
        (f"{KINGS} w - - 0 99999999999", 'number of the move is "99999999999" instead of 1'),
        (f"{KINGS} w - - ² 1", 'half moves since a capture is "²" instead of 0'),
    ],
)
def test_what_is_no_position_is_refused_with_the_reason(given, reason):
    with pytest.raises(InputError) as caught:
        normal(given)
    assert reason in str(caught.value)


def test_all_faults_are_named_together():
    with pytest.raises(InputError) as caught:
        normal("8/8/8/8/8/8/8/8 x KQ e4 a b")
    said = str(caught.value)
    for part in ("white has 0", "black has 0", "side to move", "castling K", "en passant"):
        assert part in said
    assert "half moves" in said
    assert "number of the move" in said


def test_long_rubbish_is_cut():
    with pytest.raises(InputError) as caught:
        normal(f"{KINGS} {'w' * 5000} - -")
    assert len(str(caught.value)) < 200


def test_the_other_side_moves_without_en_passant():
    fen = "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq e6 0 2"
    assert other_side(fen) == "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 2"
    assert white_to_move(fen)
    assert not white_to_move(other_side(fen))
