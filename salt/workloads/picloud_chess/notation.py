"""
Games and moves as people write them, read and written by pgn-extract, which knows the rules.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from picloud_chess.answer import Game
from picloud_chess.movetext import line_of
from picloud_chess.positions import START, InputError, normal
from picloud_chess.request import MOST_PLIES

PROGRAM = "/usr/games/pgn-extract"
#: Main line only; each game in one line.
_OPTIONS = ("-s", "-C", "-N", "-V", "-w", "10000000")
_RESULTS = ("1-0", "0-1", "1/2-1/2", "*")
_TAG = re.compile(r'^\[(\w+) "(.*)"\]$')
_ILLEGAL = re.compile(r"Failed to make move (.+) in the game")
_UNREADABLE = re.compile(r"Unknown character (.)")
_REFUSED = re.compile(r"Null moves.*|Missing (?:end|closing|escaped).*|.* variation\.|Unknown.*")
_LINE = re.compile(r"Line number: (\d+)")
#: Tags of a game that the answer repeats.
_TAGS = ("Event", "Site", "Date", "White", "Black", "Result")


class NotationError(Exception):
    """pgn-extract failed by itself."""


def game(pgn: str) -> Game:
    """
    Return the one game that a PGN holds.

    pgn
        The text. Raises InputError with the reason when there is no game, more than one, a move
        that the rules forbid, or something else than a game.
    """
    text = clean(pgn)
    start = read(text)[0].get("FEN")
    fen = START if start is None else normal(start)
    written, complaint = _run(text, "-Wuci", "--seven")
    reason = trouble(complaint, text, fen)
    if reason:
        raise InputError(f"the PGN cannot be played: {reason}")
    tags, lines = read(written)
    if len(lines) > 1:
        raise InputError(f"the PGN holds {len(lines)} games; give one")
    moves = _moves(lines[0]) if lines else ()
    if not moves:
        raise InputError("the PGN holds no moves")
    if len(moves) > MOST_PLIES:
        raise InputError(f"the game has {len(moves)} half moves; at most {MOST_PLIES} are analysed")
    (said,) = lines_of([(fen, moves)])
    told = {name: tags[name] for name in _TAGS if tags.get(name, "?").strip("?.")}
    return Game(told, fen, moves, said)


def lines_of(lines: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[str, ...]]:
    """
    Return lines of moves as people write them.

    lines
        Of each line the position that it starts from, and its moves as engines write them.

    .. code-block:: python

        lines_of([(positions.START, ["g1f3"])]) == [("Nf3",)]
    """
    full = [(fen, moves) for fen, moves in lines if moves]
    text = "\n\n".join(f'[FEN "{fen}"]\n\n{" ".join(moves)} *' for fen, moves in full)
    if not full:
        return [() for _ in lines]
    written, complaint = _run(text + "\n", "-Wsan", "--nomovenumbers", "--notags")
    found = [_moves(line) for line in written.splitlines() if line.strip()]
    if [len(one) for one in found] != [len(moves) for _, moves in full]:
        raise NotationError(f"pgn-extract cannot write a line: {trouble(complaint)}")
    rest = iter(found)
    return [next(rest) if moves else () for _, moves in lines]


def clean(pgn: str) -> str:
    """
    Return a PGN without what pgn-extract does not know: comments up to the end of a line, lines
    that begin with ``%``, and control characters. A game without a result gets one.

    pgn
        The text.

    >>> clean("1. e4 ; best by test\\n% not for us\\ne5 {a; b} 2. f4")
    '1. e4 \\n\\ne5 {a; b} 2. f4 *\\n'
    """
    kept = []
    depth = 0
    for line in pgn.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        text = "" if line.startswith("%") and not depth else line
        if not text.startswith("["):
            text, depth = _uncommented(text, depth)
        kept.append("".join(sign if sign.isprintable() else " " for sign in text))
    whole = "\n".join(kept).rstrip()  # lines keep their numbers
    ended = whole.endswith(_RESULTS) or not whole
    return f"{whole}\n" if ended else f"{whole} *\n"


def _uncommented(line: str, depth: int) -> tuple[str, int]:
    """A line without its comment to the end, and how many braces are open after it."""
    for place, sign in enumerate(line):
        if sign == "{":
            depth = 1
        elif sign == "}":
            depth = 0
        elif sign == ";" and not depth:
            return line[:place], 0
    return line, depth


def trouble(complaint: str, pgn: str = "", fen: str = START) -> str:
    """
    Return in words why pgn-extract refuses a game; nothing when it does not.

    complaint
        What it wrote to its standard error.
    pgn, fen
        The game that it was given, and the position that this starts from: they tell the line of
        a move.

    >>> trouble("Failed to make move 1... Ke5 in the game:\\n", "1. e4\\nKe5\\n*")
    'line 2: 1... Ke5 is not a legal move'
    """
    lines = [line.strip() for line in complaint.splitlines()]
    numbers = [found[1] for line in lines if (found := _LINE.search(line))]
    where = f"line {numbers[0]}: " if numbers else ""
    for line in lines:
        if found := _UNREADABLE.search(line):
            sign = f'"{found[1]}"' if found[1].isascii() else "a letter beyond ASCII"
            return f"{where}{sign} is not part of a game"
        if found := _ILLEGAL.search(line):
            number = line_of(found[1], pgn, fen)
            return f"{f'line {number}: ' if number else ''}{found[1]} is not a legal move"
        if found := _REFUSED.search(line):
            return f"{where}{found[0][0].lower()}{found[0][1:].rstrip('.')}"
    return ""


def read(written: str) -> tuple[dict[str, str], list[str]]:
    """
    Return the tags and the lines of moves that pgn-extract wrote.

    written
        Its standard output.

    >>> read('[White "A"]\\n\\ne2e4 *\\n')
    ({'White': 'A'}, ['e2e4 *'])
    """
    tags, lines = {}, []
    for line in written.splitlines():
        if found := _TAG.match(line):
            tags[found[1]] = re.sub(r"\\(.)", r"\1", found[2])
        elif line.strip():
            lines.append(line)
    return tags, lines


def _moves(line: str) -> tuple[str, ...]:
    return tuple(word for word in line.split() if word not in _RESULTS)


def _run(text: str, *options: str) -> tuple[str, str]:
    try:
        done = subprocess.run(
            [PROGRAM, *_OPTIONS, *options],
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise NotationError(f"{PROGRAM} cannot be used: {err}") from err
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
