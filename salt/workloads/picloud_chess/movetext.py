"""
Where the moves of a game stand in its text.

pgn-extract plays a game when it has read all of it, so the line that it names for a move is the
last one.
"""

from __future__ import annotations

import re

_RESULTS = ("1-0", "0-1", "1/2-1/2")
#: A tag, a comment, the brackets of variations, a glyph such as $6, or a word.
_PARTS = re.compile(r"^\[.*|\{[^}]*\}?|[()]|\$\d+|[^\s(){}.$]+", re.MULTILINE)
_MOVE = re.compile(r"[KQRBNPa-h].*[1-8]|[O0]-[O0]")
_NAMED = re.compile(r"(\d+)(\.\.\.|\.)\s*(\S+)")


def line_of(move: str, pgn: str, fen: str) -> int | None:
    """
    Return the line on which a move of the main line stands; None when that cannot be told.

    move
        The move with its number, as pgn-extract names it: ``4. Bxh6``, ``4... Nf6``.
    pgn
        The game without comments to the end of a line, see ``notation.clean``.
    fen
        The position that the game starts from, in normal form.

    >>> line_of("1... Ke4", "1. e4 {Ke4}\\nKe4 *", "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1")
    2
    """
    named = _NAMED.fullmatch(move)
    if not named:
        return None
    _, side, *_, first = fen.split()
    half = 2 * (int(named[1]) - int(first)) + (named[2] == "...") - (side == "b")
    found = _main_line(pgn)
    if not 0 <= half < len(found) or _bare(found[half][0]) != _bare(named[3]):
        return None
    return found[half][1]


def _main_line(pgn: str) -> list[tuple[str, int]]:
    """The moves of the main line, each with its line."""
    found = []
    depth = 0
    for part in _PARTS.finditer(pgn):
        word = part[0]
        depth += {"(": 1, ")": -1}.get(word, 0)
        if not depth and word not in _RESULTS and _MOVE.match(word):
            found.append((word, pgn.count("\n", 0, part.start()) + 1))
    return found


def _bare(move: str) -> str:
    """A move without what people add to it."""
    return move.rstrip("+#!?").replace("0", "O")
