"""
What a user asks, read from an address or from what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from picloud_chess.positions import InputError, normal

#: How deep is searched, in half moves: least, usual, and at most. Each half move more takes about
#: one and a half times as long.
LEAST, DEPTH, DEEPEST = 2, 12, 22
#: Most bytes and half moves of a game.
LONGEST_PGN, MOST_PLIES = 64 * 1024, 400
_KNOWN = ("fen", "pgn", "depth")


class Question(NamedTuple):
    """
    What is asked: about a position in normal form, or about a game, and how deep to search.
    """

    fen: str
    pgn: str
    depth: int


def question(fields: Mapping[str, Sequence[str]]) -> Question:
    """
    Return the question of a form or an address.

    fields
        The values of each field: ``fen`` or ``pgn``, and ``depth``. Raises InputError, which names
        everything that is wrong.

    >>> question({"fen": ["startpos"], "depth": ["9"]}).depth
    9
    """
    faults = [f'there is no field "{name[:20]}"' for name in fields if name not in _KNOWN]
    faults += [f"{name} is given {len(one)} times" for name, one in fields.items() if len(one) > 1]
    fen = " ".join(fields.get("fen", ())).strip()
    pgn = "\n".join(fields.get("pgn", ())).rstrip()
    if bool(fen) == bool(pgn):
        faults.append(
            "both a FEN and a PGN are given"
            if fen
            else "give a position (fen=, such as startpos) or a game (pgn=)"
        )
    if len(pgn.encode()) > LONGEST_PGN:
        faults.append(f"the PGN is longer than {LONGEST_PGN // 1024} KiB")
    said = " ".join(fields.get("depth", ())).strip() or str(DEPTH)
    good = said.isascii() and said.isdigit() and len(said) < 4 and LEAST <= int(said) <= DEEPEST
    if not good:
        faults.append(f'the depth is "{said[:20]}" instead of {LEAST} to {DEEPEST}')
    if fen and len(fen) <= 200:
        try:
            fen = normal(fen)
        except InputError as err:
            faults.append(str(err))
    elif fen:
        faults.append("the FEN is longer than 200 characters")
    if faults:
        raise InputError("; ".join(faults))
    return Question(fen, pgn, int(said))


def fields(kind: str, query: str, body: str) -> Mapping[str, Sequence[str]]:
    """
    Return the fields of a question.

    kind
        The type of the body: a form, or else a PGN.
    query
        What stands after ``?`` in the address.
    body
        What was sent; nothing for GET. Raises InputError for a flood of fields.

    >>> fields("text/plain", "depth=9", "1. e4 *")
    {'depth': ['9'], 'pgn': ['1. e4 *']}
    """
    form = kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    try:
        given = parse_qs(query, keep_blank_values=True, max_num_fields=10)
        sent = parse_qs(body if form else "", keep_blank_values=True, max_num_fields=10)
    except ValueError as err:
        raise InputError("there are more than 10 fields") from err
    if not form and body.strip():
        sent = {"pgn": [body]}
    return {name: given.get(name, []) + sent.get(name, []) for name in (*given, *sent)}
