"""
The answer to a question: what all parts found, put together. Scores are as white sees them.

Everything but ``work`` follows from the question alone, so two answers to one question differ only
in who did it and how long it took.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from picloud_chess.positions import InputError, white_to_move
from picloud_chess.tasks import Look, Result
from picloud_chess.uci import Found

#: From how many centipawns lost a move gets which mark.
MARKS = ((300, "blunder"), (100, "mistake"), (50, "inaccuracy"))

Answer = dict[str, Any]


class Game(NamedTuple):
    """
    A game as read: its tags, first position, and moves as engines and as people write them.
    """

    tags: Mapping[str, str]
    fen: str
    moves: tuple[str, ...]
    said: tuple[str, ...]


def work(results: Iterable[Result], seconds: float) -> dict[str, Any]:
    """
    Return who did how much.

    results
        All parts' results.
    seconds
        How long the question took.

    >>> work([Result("pi1", 1.5), Result("pi1", 0.5), Result("pi2", 1)], 2)["nodes"]
    [{'node': 'pi1', 'parts': 2, 'seconds': 2.0}, {'node': 'pi2', 'parts': 1, 'seconds': 1.0}]
    """
    parts: Counter[str] = Counter()
    busy: Counter[str] = Counter()
    searched = 0
    for result in results:
        parts[result.node] += 1
        busy[result.node] += round(result.seconds * 1000)
        searched += result.found.searched if isinstance(result.found, Found) else 0
    nodes = [
        {"node": node, "parts": parts[node], "seconds": busy[node] / 1000} for node in sorted(parts)
    ]
    return {"seconds": round(seconds, 3), "searched": searched, "nodes": nodes}


def ended(look: Look) -> str:
    """
    Say how a game has ended at a position: ``checkmate``, ``stalemate``, or not at all.

    look
        What an engine says of it. Raises InputError where there can be no such position.
    """
    if look.takes_king:
        raise InputError("the FEN cannot be a position: the side to move could take the king")
    if look.moves:
        return ""
    return "checkmate" if look.check else "stalemate"


def over(fen: str, how: str) -> Answer:
    """
    Return the answer for a position in which the game has ended.

    fen
        The position.
    how
        ``checkmate`` or ``stalemate``.
    """
    return {"kind": "position", "fen": fen, "over": how, "best": None, "moves": []}


def position(
    fen: str, depth: int, founds: Mapping[str, Found], said: Mapping[str, Sequence[str]]
) -> Answer:
    """
    Return the answer for a position: all moves, the best first.

    fen
        The position in normal form.
    depth
        How deep each move was searched.
    founds
        What was found after each move.
    said
        The line of each move as people write it, the move itself first.
    """
    white = white_to_move(fen)
    scores = {move: found.score.before for move, found in founds.items()}
    order = sorted(scores, key=lambda move: scores[move].rank, reverse=True)
    moves = [
        {
            "move": said[move][0],
            "uci": move,
            "score": scores[move].for_white(white),
            "line": list(said[move]),
        }
        for move in order
    ]
    return {
        "kind": "position",
        "fen": fen,
        "depth": depth,
        "over": "",
        "best": moves[0],
        "moves": moves,
    }


def game(
    played: Game, depth: int, founds: Sequence[Found], said: Sequence[Sequence[str]]
) -> Answer:
    """
    Return the answer for a game: each move with its score, what was better, and what it lost.

    played
        The game.
    depth
        How deep each position was searched.
    founds
        What was found in each position, that after the last move too.
    said
        The lines of the positions, as people write them.
    """
    first = white_to_move(played.fen)
    number = int(played.fen.split()[5])
    moves = []
    for ply, (uci, move) in enumerate(zip(played.moves, played.said, strict=True)):
        white = first is (ply % 2 == 0)
        before, after = founds[ply], founds[ply + 1]
        best = before.line[:1] == (uci,)
        loss = 0 if best else max(0, before.score.value + after.score.value)
        moves.append(
            {
                "number": number + (ply + (not first)) // 2,
                "side": "white" if white else "black",
                "move": move,
                "uci": uci,
                "score": after.score.for_white(not white),
                "loss": loss,
                "mark": next((mark for least, mark in MARKS if loss >= least), ""),
                "best": None if best else said[ply][0],
                "line": list(said[ply]),
            }
        )
    return {
        "kind": "game",
        "tags": dict(played.tags),
        "fen": played.fen,
        "depth": depth,
        "moves": moves,
        "sides": {side: _sum(moves, side) for side in ("white", "black")},
    }


def _sum(moves: Sequence[Answer], side: str) -> dict[str, Any]:
    mine = [move for move in moves if move["side"] == side]
    marks = Counter(move["mark"] for move in mine)
    average = sum(move["loss"] for move in mine) / len(mine) if mine else 0
    return {"average_loss": round(average), **{mark: marks[mark] for _, mark in MARKS}}


def shown(score: Mapping[str, int]) -> str:
    """
    Return a score as people write it, as white sees it.

    score
        Of an answer.

    >>> shown({"cp": -35}), shown({"mate": 3}), shown({"cp": 0}), shown({"mate": 0})
    ('-0.35', '#3', '0.00', '#')
    """
    if "mate" in score:
        return f"#{score['mate'] or ''}"
    return f"{score['cp'] / 100:+.2f}" if score["cp"] else "0.00"
