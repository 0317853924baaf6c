"""
The parts that an analysis is split into, and their results, as they go through the queue.

A position is split by its moves and a game by its positions. Each part is searched by one engine
with one thread and an empty memory, to a fixed depth, so that it gives the same result wherever and
however often it is done: a worker that is lost costs time and changes no answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from picloud_chess.positions import InputError, normal
from picloud_chess.uci import Found, is_move, score_of

Kind = Literal["look", "search"]


@dataclass(frozen=True)
class Task:
    """
    One part of an analysis.

    kind
        ``look``: which moves there are, and whether the position is possible at all; ``search``.
    fen
        The position that it starts from, in normal form.
    moves
        Moves that were made since.
    depth
        How deep, in half moves.
    """

    kind: Kind
    fen: str
    moves: tuple[str, ...] = ()
    depth: int = 0

    @property
    def key(self) -> str:
        """The name of the part and its result: the same for the same work."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def text(self) -> str:
        """The part as JSON."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Look:
    """
    What an engine says of a position at sight.

    moves
        The moves that there are.
    check
        Whether the side to move is in check.
    takes_king
        Whether it could take the king: then there can be no such position.
    """

    moves: tuple[str, ...]
    check: bool
    takes_king: bool


@dataclass(frozen=True)
class Result:
    """
    The result of one part.

    node
        The node on which it was found.
    seconds
        How long it took.
    found
        What was found, by the kind of the part.
    error
        Or why nothing was found.
    """

    node: str
    seconds: float = 0.0
    found: Look | Found | None = None
    error: str = ""

    @property
    def text(self) -> str:
        """The result as JSON."""
        data: dict[str, Any] = {"node": self.node, "seconds": round(self.seconds, 3)}
        if self.error:
            data["error"] = self.error
        elif isinstance(self.found, Look):
            data["look"] = asdict(self.found)
        elif self.found is not None:
            score = {key: val for key, val in self.found.score._asdict().items() if val is not None}
            data["found"] = {**self.found._asdict(), "score": score}
        return json.dumps(data, separators=(",", ":"))


def look(fen: str) -> Task:
    """Return the part that tells the moves of a position in normal form."""
    return Task("look", fen)


def of_position(fen: str, moves: Sequence[str], depth: int) -> list[Task]:
    """
    Return the parts of a position: what comes after each of its moves.

    fen
        The position in normal form.
    moves
        The moves that there are.
    depth
        How deep to search, the move itself included; at least 2.

    >>> [(task.moves, task.depth) for task in of_position("...", ["e2e4", "d2d4"], 9)]
    [(('e2e4',), 8), (('d2d4',), 8)]
    """
    return [Task("search", fen, (move,), depth - 1) for move in moves]


def of_game(fen: str, moves: Sequence[str], depth: int) -> list[Task]:
    """
    Return the parts of a game: one for each of its positions, that after the last move too.

    fen
        The position that it starts from, in normal form.
    moves
        The moves that were made.
    depth
        How deep to search.

    >>> [len(task.moves) for task in of_game("...", ["e2e4", "e7e5"], 9)]
    [0, 1, 2]
    """
    return [Task("search", fen, tuple(moves[:count]), depth) for count in range(len(moves) + 1)]


def task_of(text: str) -> Task:
    """
    Return a part of its JSON.

    text
        What :attr:`Task.text` gave. Raises ValueError when it is anything else: nothing goes to an
        engine that was not checked.
    """
    try:
        data = json.loads(text)
        task = Task(
            data["kind"],
            normal(data["fen"]),
            tuple(data["moves"]),
            data["depth"],
        )
    except (KeyError, TypeError, AttributeError, InputError, json.JSONDecodeError) as err:
        raise ValueError(f"not a task: {err}") from err
    if task.kind not in ("look", "search") or type(task.depth) is not int:
        raise ValueError("not a task: unknown kind or depth")
    if not all(isinstance(move, str) and is_move(move) for move in task.moves):
        raise ValueError("not a task: a move is not written as engines write it")
    return task


def result_of(text: str) -> Result:
    """
    Return a result of its JSON.

    text
        What :attr:`Result.text` gave. Raises ValueError when it is anything else.
    """
    try:
        data = json.loads(text)
        node, seconds = str(data["node"]), float(data["seconds"])
        if "error" in data:
            return Result(node, seconds, error=str(data["error"]))
        if "look" in data:
            seen = data["look"]
            moves = tuple(seen["moves"])
            return Result(node, seconds, Look(moves, seen["check"], seen["takes_king"]))
        made = data["found"]
        found = Found(score_of(made["score"]), tuple(made["line"]), made["depth"], made["searched"])
        return Result(node, seconds, found)
    except (KeyError, TypeError, json.JSONDecodeError) as err:
        raise ValueError(f"not a result: {err}") from err
