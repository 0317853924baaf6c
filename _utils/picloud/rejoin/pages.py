"""
What ``salt-run rejoin`` and ``salt-run card`` show: tables as data, each cell in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from picloud.ledger import BoardRow, CardRow, DecisionRow, Rejoin
from picloud.ledger.strangers import Stranger
from picloud.rejoin.lobby import Guest
from picloud.rejoin.steps import UNDER_WAY, Step
from picloud.rejoin.words import plain
from picloud.status import ago, span

Table = dict[str, Any]

#: Those that need an admin first, then those under way in the order of their steps.
ORDER = (
    Step.QUARANTINED,
    Step.HELD,
    Step.LOBBY,
    Step.ADMITTED,
    Step.BOUND,
    Step.ASKED,
    Step.WAITING,
    Step.CONVERGING,
    Step.CONVERGED,
)
#: Nodes that a lobby page names for a card that could be one of several.
NAMED = 5


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], summary: str) -> Table:
    """
    Return a page that is one table.

    heads, rows
        Names of the columns, and the cells.
    summary
        The line below it.

    >>> table(["card"], [["card-1"]], "1 card")["rows"]
    [['card-1']]
    """
    return {
        "show": "table",
        "heads": list(heads),
        "rows": [list(row) for row in rows],
        "summary": summary,
    }


def status(rows: Sequence[Rejoin], now: float, waits: Mapping[str, str]) -> Table:
    """
    Return the table of nodes on their way back, those that need an admin first.

    rows
        The rows to show.
    now
        The time, in seconds since 1970.
    waits
        For nodes that wait to be converged: what for.

    .. code-block:: python

        status(ledger.rejoins.all(), time.time(), {})["nodes"]["pi3"]["step"]
    """
    listed = sorted(rows, key=lambda row: (ORDER.index(Step(row.step)), row.node))
    cells = (
        (
            row.node,
            row.kind or "-",
            row.step,
            str(row.tries),
            f"{now - row.step_at:.0f}" if row.step in UNDER_WAY else "-",
            f"{took(row, now):.0f}",
            "; ".join(dict.fromkeys(filter(None, (row.reason, waits.get(row.node))))),
        )
        for row in listed
    )
    heads = ("node", "decision", "step", "tries", "s here", "s in all", "reason")
    counts = {str(step): sum(row.step == step for row in rows) for step in ORDER}
    said = ", ".join(f"{number} {step}" for step, number in counts.items() if number)
    page = table(heads, cells, said or "No node is on its way back, and none needs a look.")
    nodes = {row.node: rejoin(row, now) | {"waits": waits.get(row.node)} for row in listed}
    return page | {"nodes": nodes, "counts": counts}


def took(row: Rejoin, now: float) -> float:
    """
    Return the seconds that a way back took so far, the present step with them.

    row, now
        The node's row, and the time in seconds since 1970.
    """
    return sum(row.seconds.values()) + (now - row.step_at if row.step in UNDER_WAY else 0.0)


def rejoin(row: Rejoin, now: float) -> dict[str, Any]:
    """
    Return a row as plain data, for scripts.

    row, now
        The node's row, and the time in seconds since 1970.
    """
    names = ("kind", "step", "reason", "card", "serial", "tries", "since", "step_at", "seconds")
    return {name: getattr(row, name) for name in names} | {"took": round(took(row, now), 2)}


def history(
    node: str,
    decisions: Sequence[DecisionRow],
    cards: Sequence[CardRow],
    board: BoardRow | None,
) -> Table:
    """
    Return a slot's history: each decision with its time, its cards and its boards.

    node
        The node's id.
    decisions, cards, board
        What is on record, the latest decision first; the board it has now.

    .. code-block:: python

        history("pi3", ledger.decisions.of("pi3", 50), ledger.cards.list("pi3"), None)
    """
    rows = [
        (when(one.at), one.kind, one.action, one.card or "-", one.serial or "-", one.reason)
        for one in decisions
    ]
    heads = ("when", "decision", "done", "card", "board", "reason")
    named = ", ".join(f"{card.card} ({card.stands})" for card in cards) or "none"
    serial = board.serial if board is not None else None
    serials = [*(one.serial for one in decisions), *(card.board for card in cards)]
    before = [one for one in dict.fromkeys(serials) if one and one != serial]
    said = (serial or "none") + (f"; seen there before: {', '.join(before)}" if before else "")
    page = table(heads, rows, f"Cards of {node}: {named}.\nIts board: {said}.")
    return page | {
        "node": node,
        "decisions": [one._asdict() for one in decisions],
        "cards": {
            card.card: {"state": str(card.stands), "reason": card.reason, "board": card.board}
            for card in cards
        },
        "board": serial,
        "boards_before": before,
    }


def when(at: float) -> str:
    """
    Return a time for people, of UTC as all logs of a cloud in several places.

    at
        Seconds since 1970.

    >>> when(0.0)
    '1970-01-01 00:00:00Z'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%SZ}"


def lobby(guests: Sequence[Guest], now: float) -> Table:
    """
    Return the spare cards that wait, each with the command that would make it a node.

    guests
        The cards, as :func:`picloud.rejoin.lobby.guests` finds them.
    now
        The time, in seconds since 1970.

    .. code-block:: python

        lobby(guests(rows, ledger, cloud), time.time())["cards"]["card-0123456789ab"]["command"]
    """
    cells = (
        (
            one.card,
            one.serial or "-",
            one.model or "-",
            one.mac or "-",
            f"{one.port[0]} port {one.port[1]}" if one.port else "-",
            span(now - one.since),
            one.reason,
            one.command + _choice(one),
        )
        for one in guests
    )
    heads = ("card", "board", "model", "mac", "switch", "waits", "why", "to adopt it")
    count = f"{len(guests)} card" + ("" if len(guests) == 1 else "s") + " in the lobby"
    page = table(heads, cells, count if guests else "Nobody waits in the lobby.")
    return page | {"cards": {one.card: one._asdict() | {"command": one.command} for one in guests}}


def _choice(one: Guest) -> str:
    """Which ids an admin may choose from, where that is not said in the command."""
    if one.node or len(one.fits) == 1:
        return ""
    if not one.fits:
        return "  (no node without a card has such a board)"
    more = f" and {len(one.fits) - NAMED} more" if len(one.fits) > NAMED else ""
    return f"  (could be {', '.join(one.fits[:NAMED])}{more})"


def strangers(found: Sequence[Stranger], now: float) -> Table:
    """
    Return who knocked and was not let in, the last first.

    found
        What is on record.
    now
        The time, in seconds since 1970.
    """
    cells = (
        (_ascii(one.name), one.fingerprint[:12], str(one.times), ago(one.at, now), one.reason)
        for one in found
    )
    summary = f"{len(found)} refused" if found else "Nobody was refused."
    page = table(("name", "key", "times", "last", "why not"), cells, summary)
    return page | {"strangers": [one._asdict() for one in found]}


def _ascii(name: str) -> str:
    """A name that a stranger chose, without letters that only look like others."""
    return plain(name.encode("unicode_escape").decode())
