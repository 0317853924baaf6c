"""
Answers for people: as text for a terminal, and as a plain page.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from picloud_chess.answer import shown
from picloud_chess.positions import START, white_to_move
from picloud_chess.request import DEEPEST, DEPTH, LEAST

Answer = Mapping[str, Any]

#: Moves of a position that a terminal shows, and moves of a line.
MOST_MOVES, MOST_OF_LINE = 8, 8

_SIGNS = {"inaccuracy": "?!", "mistake": "?", "blunder": "??", "": ""}
_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left}"
    "tr:nth-child(even){background:#eee}pre{line-height:1.1}textarea,input[name=fen]{width:100%}"
    ".error{color:#a00}"
)


def text(answer: Answer) -> str:
    """
    Return an answer as lines for a terminal.

    answer
        What the front gave.
    """
    if answer["kind"] == "game":
        lines = _game(answer)
    elif answer["over"]:
        lines = [*board(answer["fen"]), "", f"The game is over: {answer['over']}."]
    else:
        lines = _position(answer)
    return "\n".join([*lines, "", took(answer["work"])])


def board(fen: str) -> list[str]:
    """
    Return a position as lines, from white's side.

    >>> board("4k3/8/8/8/8/8/4P3/4K3 w - - 0 1")[0]
    '8  . . . . k . . .'
    """
    ranks = []
    for number, rank in zip(range(8, 0, -1), fen.split(maxsplit=1)[0].split("/"), strict=True):
        squares = "".join("." * int(sign) if sign.isdigit() else sign for sign in rank)
        ranks.append(f"{number}  {' '.join(squares)}")
    return [*ranks, "   a b c d e f g h"]


def took(work: Answer) -> str:
    """
    Return in one sentence who did how much.

    >>> took({"seconds": 2.04, "searched": 12000, "nodes": [{"node": "pi1", "parts": 3}]})
    '12,000 positions searched in 2.0 s by 1 node: pi1 3 parts'
    """
    nodes = work["nodes"]
    who = ", ".join(
        f"{one['node']} {one['parts']} part{'s' if one['parts'] != 1 else ''}" for one in nodes
    )
    count = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    return f"{work['searched']:,} positions searched in {work['seconds']:.1f} s by {count}: {who}"


def _position(answer: Answer) -> list[str]:
    side = "White" if white_to_move(answer["fen"]) else "Black"
    best, moves = answer["best"], answer["moves"]
    rows = [_row(move) for move in moves[:MOST_MOVES]]
    more = len(moves) - len(rows)
    return [
        *board(answer["fen"]),
        "",
        f"{side} to move. Best: {best['move']} ({shown(best['score'])}), "
        f"{answer['depth']} half moves deep. Scores are as white sees them.",
        "",
        *table(("move", "score", "then"), rows),
        *([f"and {more} more"] if more else []),
    ]


def _row(move: Answer) -> tuple[str, str, str]:
    return move["move"], shown(move["score"]), " ".join(move["line"][1:MOST_OF_LINE])


def _game(answer: Answer) -> list[str]:
    tags = answer["tags"]
    players = f"{tags.get('White', 'White')} - {tags.get('Black', 'Black')}"
    sums = [
        f"{side.capitalize()} lost {one['average_loss']} centipawns a move; inaccuracies: "
        f"{one['inaccuracy']}, mistakes: {one['mistake']}, blunders: {one['blunder']}."
        for side, one in answer["sides"].items()
    ]
    return [
        f"{players} {tags.get('Result', '')}".rstrip(),
        "",
        *table(("move", "score", "lost", "better"), [_played(move) for move in answer["moves"]]),
        "",
        *sums,
        f"{answer['depth']} half moves deep. Scores are as white sees them.",
    ]


def _played(move: Answer) -> tuple[str, str, str, str]:
    dots = "." if move["side"] == "white" else "..."
    name = f"{move['number']}{dots} {move['move']}{_SIGNS[move['mark']]}"
    better = " ".join(move["line"][:MOST_OF_LINE]) if move["mark"] else ""
    return name, shown(move["score"]), str(move["loss"] or ""), better


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """
    Return rows as lines with aligned columns.

    >>> table(("move", "score"), [("e4", "+0.30")])
    ['move  score', 'e4    +0.30']
    """
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]


def form(fen: str = START, error: str = "") -> str:
    """
    Return the page that asks for a position or a game.

    fen
        The position that it proposes.
    error
        Why the last question had no answer.
    """
    said = f'<p class="error">{html.escape(error)}</p>' if error else ""
    depth = (
        f'<p><label>Half moves deep: <input name="depth" type="number" min="{LEAST}" '
        f'max="{DEEPEST}" value="{DEPTH}"></label> <button>Analyse</button></p>'
    )
    return _page(
        "Chess analysis",
        f"{said}"
        '<form action="/analysis"><h2>A position</h2>'
        f'<p><input name="fen" aria-label="FEN" value="{html.escape(fen)}"></p>{depth}</form>'
        '<form action="/analysis" method="post"><h2>A game</h2>'
        f'<p><textarea name="pgn" aria-label="PGN" rows="10"></textarea></p>{depth}</form>',
    )


def page(answer: Answer) -> str:
    """
    Return an answer as a page.

    answer
        What the front answers.
    """
    if answer["kind"] == "game":
        body = _table(("move", "score", "lost", "better"), map(_played, answer["moves"]))
    else:
        body = f"<pre>{html.escape(chr(10).join(board(answer['fen'])))}</pre>"
        rows = map(_row, answer["moves"])
        over = f"<p>The game is over: {answer['over']}.</p>"
        body += over if answer["over"] else _table(("move", "score", "then"), rows)
    notes = f"<p>{html.escape(took(answer['work']))}. Scores are as white sees them.</p>"
    return _page("Chess analysis", f'{body}{notes}<p><a href="/">Ask again</a></p>')


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{body}</html>\n"
    )
