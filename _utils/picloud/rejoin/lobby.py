"""
The lobby: spare cards that wait, what is known of their boards, and which node each could be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from picloud.cloud import Cloud
from picloud.identity import Board, CardState, History
from picloud.identity.decision import owner_of
from picloud.ledger import BoardRow, Ledger, Rejoin
from picloud.records import Node


class Guest(NamedTuple):
    """
    A spare card that waits.

    card, since, reason
        Its id, when it came into the lobby (seconds since 1970), and why it is there.
    serial, mac, model, port
        What it said of its board, and rack and port where a switch sees that; None: not known.
    node
        The described node whose board or port it has; None when nothing names one.
    fits
        Nodes without a card that its board could be.
    """

    card: str
    since: float
    reason: str
    serial: str | None = None
    mac: str | None = None
    model: str | None = None
    port: tuple[str, int] | None = None
    node: str | None = None
    fits: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What to type to make it a node; ``<id>`` where the admin has to choose."""
        only = self.fits[0] if len(self.fits) == 1 else "<id>"
        return f"salt-run rejoin.adopt card={self.card} node={self.node or only}"


def guests(rows: Sequence[Rejoin], ledger: Ledger, cloud: Cloud) -> list[Guest]:
    """
    Return the spare cards that wait, the longest there first.

    rows
        The rows of the ledger that are at the step ``lobby``.
    ledger, cloud
        Boards and ports on record, and the description.

    .. code-block:: python

        guests(ledger.rejoins.at([Step.LOBBY]), ledger, cloud)
    """
    if not rows:
        return []
    taken = {card.node for card in ledger.cards.list(state=CardState.IN_USE)}
    free = [node for node in cloud.nodes.values() if node.id not in taken]
    return [_guest(row, ledger, cloud, free) for row in rows if not _out(row, ledger)]


def _out(row: Rejoin, ledger: Ledger) -> bool:
    """Tell whether a card was revoked, and the engine has not swept its row away yet."""
    card = ledger.cards.get(row.node)
    return card is not None and card.state is not CardState.ISSUED


def _guest(row: Rejoin, ledger: Ledger, cloud: Cloud, free: Sequence[Node]) -> Guest:
    seen = ledger.boards.get(row.serial) if row.serial else None
    mac, model = (seen.mac, seen.model) if seen else (None, None)
    board, port = Board(serial=row.serial or None, mac=mac, model=model), ledger.boards.port(mac)
    named = owner_of(board, None, cloud, cast(History, _Learned(seen)))
    return Guest(
        card=row.node,
        since=row.step_at,
        reason=row.reason.partition("; to make it a node: ")[0],
        serial=board.serial,
        mac=mac,
        model=model,
        port=port,
        node=named or (cloud.by_port.get(port) if port else None),
        fits=tuple(node.id for node in free if model in (None, node.model)),
    )


@dataclass(frozen=True, slots=True)
class _Learned:
    """As much of a history as tells whose board it is."""

    board: BoardRow | None

    def owner(self, serial: str) -> str | None:
        return self.board.node if self.board else None
