"""
Positions as text: what a FEN must hold before an engine may see it.

An engine trusts its input; Stockfish ends with a crash when a king is missing. What needs the rules
of movement, such as a king that could be taken, is found by the engine afterwards.
"""

from __future__ import annotations

START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
#: What may stand for the first position of a game.
START_WORD = "startpos"
_PIECES = "pnbrqk"
_FILES = "abcdefgh"
#: Each right to castle, with the squares of the king and the rook that it needs.
_CASTLING = {"K": ("e1", "h1"), "Q": ("e1", "a1"), "k": ("e8", "h8"), "q": ("e8", "a8")}
#: More than any real game; it keeps the numbers within what an engine reads.
_MOST_MOVES = 5000

Board = dict[str, str]


class InputError(ValueError):
    """What a user gave cannot be analysed; the text says why, and is shown to the user."""


def normal(fen: str) -> str:
    """
    Return a position in the usual form, all six fields.

    fen
        The position. The numbers of moves may be left out; ``startpos`` is the first position.

    Raises InputError, which names everything that is wrong.

    >>> normal("4k3/8/8/8/8/8/4P3/4K3  w - -")
    '4k3/8/8/8/8/8/4P3/4K3 w - - 0 1'
    """
    if fen.strip().lower() == START_WORD:
        return START
    fields = fen.split()
    if len(fields) == 4:
        fields += ["0", "1"]
    if len(fields) != 6:
        raise InputError(
            f"the FEN has {len(fields)} fields instead of 6: pieces, side to move (w or b), "
            "castling, en passant, and the two numbers of moves"
        )
    placed, side, castling, passant, half, full = fields
    board, faults = _board(placed)
    known = None if faults else board
    faults = faults or _pieces(board)
    if side not in ("w", "b"):
        faults.append(f'the side to move is "{_short(side)}" instead of w or b')
    faults += _castling(castling, known)
    faults += _passant(passant, side, known)
    faults += _number("half moves since a capture", half, 0)
    faults += _number("number of the move", full, 1)
    if faults:
        raise InputError("the FEN cannot be a position: " + "; ".join(faults))
    return " ".join((placed, side, castling, passant, str(int(half)), str(int(full))))


def white_to_move(fen: str) -> bool:
    """Say whether white moves in a position in normal form."""
    return fen.split()[1] == "w"


def other_side(fen: str) -> str:
    """
    Return a position in normal form with the other side to move.

    >>> other_side("4k3/8/8/8/8/8/4P3/4K3 w - - 0 1")
    '4k3/8/8/8/8/8/4P3/4K3 b - - 0 1'
    """
    placed, side, castling, _passant, half, full = fen.split()
    return " ".join((placed, "b" if side == "w" else "w", castling, "-", half, full))


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:20] + "..."


def _board(placed: str) -> tuple[Board, list[str]]:
    """The pieces by square, and what is wrong with how they are written."""
    ranks = placed.split("/")
    if len(ranks) != 8:
        return {}, [f"it has {len(ranks)} ranks instead of 8"]
    board: Board = {}
    faults = []
    for number, rank in zip(range(8, 0, -1), ranks, strict=True):
        column = 0
        for sign in rank:
            if sign in "12345678":
                column += int(sign)
            elif sign.lower() in _PIECES:
                if column < 8:
                    board[f"{_FILES[column]}{number}"] = sign
                column += 1
            else:
                faults.append(f'rank {number} holds "{sign}", which is no piece')
                break
        else:
            if column != 8:
                faults.append(f"rank {number} has {column} squares instead of 8")
    return board, faults


def _pieces(board: Board) -> list[str]:
    """What is wrong with the pieces themselves. These limits keep an engine within its own."""
    faults = []
    for side, signs in (("white", _PIECES.upper()), ("black", _PIECES)):
        there = [piece for piece in board.values() if piece in signs]
        pawns, kings = there.count(signs[0]), there.count(signs[5])
        if kings != 1:
            faults.append(f"{side} has {kings} kings instead of 1")
        usual = dict(zip(signs[1:5], (2, 2, 2, 1), strict=True))
        promoted = sum(max(0, there.count(sign) - most) for sign, most in usual.items())
        if pawns > 8:
            faults.append(f"{side} has {pawns} pawns")
        elif promoted > 8 - pawns:
            faults.append(f"{side} has more pieces than its pawns could become")
    if any(piece in "Pp" and square[1] in "18" for square, piece in board.items()):
        faults.append("a pawn stands on the first or the last rank")
    return faults


def _castling(castling: str, board: Board | None) -> list[str]:
    if castling == "-":
        return []
    if len(set(castling)) != len(castling) or not set(castling) <= set(_CASTLING):
        return [f'castling is "{_short(castling)}" instead of - or some of KQkq']
    if board is None:
        return []
    faults = []
    for right in castling:
        king, rook = _CASTLING[right]
        signs = ("K", "R") if right.isupper() else ("k", "r")
        if (board.get(king), board.get(rook)) != signs:
            faults.append(f"castling {right} needs a king on {king} and a rook on {rook}")
    return faults


def _passant(square: str, side: str, board: Board | None) -> list[str]:
    if square == "-":
        return []
    rank = "6" if side == "w" else "3"
    if len(square) != 2 or square[0] not in _FILES or square[1] != rank:
        return [f'en passant is "{_short(square)}" instead of - or a square of rank {rank}']
    pawn = square[0] + ("5" if side == "w" else "4")
    start = square[0] + ("7" if side == "w" else "2")
    sign = "p" if side == "w" else "P"
    if board is None:
        return []
    if board.get(pawn) != sign or square in board or start in board:
        return [f"en passant on {square} needs a pawn that has just passed it"]
    return []


def _number(what: str, text: str, least: int) -> list[str]:
    if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= _MOST_MOVES:
        return []
    return [f'the {what} is "{_short(text)}" instead of {least} to {_MOST_MOVES}']
