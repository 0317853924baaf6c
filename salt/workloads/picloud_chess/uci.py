"""
What an engine says, by the Universal Chess Interface: scores, and the lines of a search.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

#: Centipawns at which a game is decided; more than that makes no move better or worse.
DECIDED = 1000

_MOVE = re.compile(r"[a-h][1-8][a-h][1-8][nbrq]?")
_PERFT = re.compile(rf"({_MOVE.pattern}): 1")


class Score(NamedTuple):
    """
    How good a position is for the side to move.

    cp
        In centipawns; None where a mate is forced.
    mate
        Moves to a mate: negative when the side to move is mated, 0 when it already is.
    """

    cp: int | None = None
    mate: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """
        What scores are compared by: greater is better.

        >>> Score(mate=2).rank > Score(mate=3).rank > Score(cp=900).rank > Score(mate=-1).rank
        True
        """
        if self.mate is None:
            return (1, self.cp or 0)
        return (2, -self.mate) if self.mate > 0 else (0, -self.mate)

    @property
    def value(self) -> int:
        """
        Centipawns, cut off where the game is decided.

        >>> Score(cp=-20).value, Score(mate=3).value, Score(mate=0).value
        (-20, 1000, -1000)
        """
        if self.mate is None:
            return max(-DECIDED, min(DECIDED, self.cp or 0))
        return DECIDED if self.mate > 0 else -DECIDED

    @property
    def before(self) -> Score:
        """
        The score one move before, for the other side: that of the move that led here.

        >>> Score(cp=20).before, Score(mate=0).before, Score(mate=2).before
        (Score(cp=-20, mate=None), Score(cp=None, mate=1), Score(cp=None, mate=-2))
        """
        if self.mate is None:
            return Score(cp=-(self.cp or 0))
        return Score(mate=-self.mate if self.mate > 0 else 1 - self.mate)

    def for_white(self, white: bool) -> dict[str, int]:
        """
        Return the score as white sees it.

        white
            Whether white is to move.

        >>> Score(cp=30).for_white(False)
        {'cp': -30}
        """
        sign = 1 if white else -1
        if self.mate is None:
            return {"cp": sign * (self.cp or 0)}
        return {"mate": sign * self.mate}


class Found(NamedTuple):
    """
    What a search found.

    score
        For the side to move.
    line
        The moves that both sides would make.
    depth
        How deep it went, in half moves.
    searched
        How many positions were looked at.
    """

    score: Score
    line: tuple[str, ...]
    depth: int
    searched: int


def is_move(text: str) -> bool:
    """
    Say whether a text is a move as engines write it.

    >>> is_move("e7e8q"), is_move("O-O")
    (True, False)
    """
    return _MOVE.fullmatch(text) is not None


def info(line: str) -> Found | None:
    """
    Return what a line ``info ... score ... pv ...`` says, or None for any other line.

    line
        A line of the engine. Bounds (``lowerbound``, ``upperbound``) are not results.

    >>> info("info depth 9 seldepth 12 score cp -25 nodes 70 pv e7e5 g1f3").line
    ('e7e5', 'g1f3')
    """
    words = line.split()
    if not words or words[0] != "info" or "score" not in words or "string" in words:
        return None
    if "lowerbound" in words or "upperbound" in words:
        return None
    try:
        place = words.index("score")
        kind, number = words[place + 1], int(words[place + 2])
        depth = int(words[words.index("depth") + 1])
        searched = int(words[words.index("nodes") + 1]) if "nodes" in words else 0
    except (ValueError, IndexError):
        return None
    if kind not in ("cp", "mate"):
        return None
    score = Score(cp=number) if kind == "cp" else Score(mate=number)
    moves = tuple(words[words.index("pv") + 1 :]) if "pv" in words else ()
    return Found(score, moves, depth, searched) if all(map(is_move, moves)) else None


def counted_move(line: str) -> str | None:
    """
    Return the move of a line of ``go perft 1``, or None for any other line.

    >>> counted_move("g1f3: 1")
    'g1f3'
    """
    found = _PERFT.fullmatch(line.strip())
    return found[1] if found else None


def checkers(line: str) -> bool | None:
    """
    Say whether the side to move is in check, by a line of ``d``; None for any other line.

    >>> checkers("Checkers: e4 "), checkers("Checkers: ")
    (True, False)
    """
    head, colon, rest = line.partition(":")
    return bool(rest.strip()) if colon and head == "Checkers" else None


def score_of(data: Any) -> Score:
    """
    Return a score of plain data.

    data
        ``{"cp": 30}`` or ``{"mate": -2}``. Raises ValueError for anything else.
    """
    if isinstance(data, dict) and len(data) == 1:
        ((kind, number),) = data.items()
        if kind in Score._fields and type(number) is int:
            return Score(**{kind: number})
    raise ValueError(f"{data!r} is no score")
