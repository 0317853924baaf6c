"""
What does it mean that a node started, and what is to be done about it?

Cards carry identity, slots carry roles: the key says which node it is, the board is a fact about
it. Board, MAC and port are claims of the key's holder; they may stop a node, or name one for a
spare card that was issued here, and never let a key in.
"""

from __future__ import annotations

from picloud.identity.types import (
    Action,
    Board,
    CardRecord,
    CardState,
    Decision,
    Evidence,
    History,
    Kind,
    Seen,
)
from picloud.records import Node
from picloud.register import Described


def decide(evidence: Evidence, cloud: Described, history: History) -> Decision:
    """
    Decide about a node that started.

    evidence
        What it said of itself, signed with the key that the master accepts for it.
    cloud
        The description; its ``rejoin`` policy counts.
    history
        Cards, boards and nodes on record.

    The first line that fits decides: no card of ours, retired or revoked card, two boards with one
    key, spare card, card of another node, node not described, retired board, wrong model, wrong
    slot, board of another node; then it is told from card and board what came back.

    .. code-block:: python

        decide(Evidence("pi3", fingerprint, Board(serial="10000000a3c1d2e4")), cloud, history).kind
    """
    card = history.card(evidence.fingerprint)
    name = evidence.id
    if card is None:
        return _hold(
            Kind.STRANGER,
            name,
            f"the key of {name!a} was accepted by hand, no card was issued for it; prepare one:"
            f" salt-run card.prepare node={name}",
        )
    if card.state in (CardState.RETIRED, CardState.REVOKED):
        reason = f"{card.card} is {card.state} and its key was accepted again by hand"
        return Decision(Kind.RETURNED, Action.STOP, card.node, reason)
    if any(_differ(evidence.board, other) for other in evidence.others):
        boards = ", ".join(_call(board) for board in (evidence.board, *evidence.others))
        return Decision(
            Kind.COPY,
            Action.STOP,
            card.node,
            f"{card.card} runs on several boards at once: {boards}; none of them is let in any"
            f" more. Prepare a new card: salt-run card.prepare node={card.node or name}",
        )
    if card.spare and card.node is None:
        return _spare(evidence, card, cloud, history)
    if card.spare and name == card.card:
        reason = f"{name} was told that it is {card.node}; it is told again"
        return Decision(Kind.SPARE, Action.BIND, card.node, reason)
    if card.node != name:
        reason = f"{card.card} is the card of {card.node}, and its key was accepted for {name!a}"
        return Decision(Kind.STRANGER, Action.STOP, None, reason)
    node = cloud.node(name)
    if node is None:
        return _hold(
            Kind.STRANGER,
            name,
            f"{name} is not in the description any more; add it to a rack in pillar/cloud/racks, or"
            f" revoke its card: salt-run card.revoke card={card.card}",
        )
    return _fits(evidence, node, cloud, history) or _came(evidence, card, node, cloud, history)


def _fits(evidence: Evidence, node: Node, cloud: Described, history: History) -> Decision | None:
    """What forbids that this board is the node's; None when nothing does."""
    board = evidence.board
    if board.serial and history.retired(board.serial):
        return _hold(
            Kind.RETURNED,
            node.id,
            f"board {board.serial} was taken out of service; use another, or take it back:"
            f" salt-run rejoin.release node={node.id}",
        )
    if wrong := _wrong_model(board, node):
        return _hold(
            Kind.WRONG_MODEL, node.id, f"{wrong}; put the right board in, or edit the description"
        )
    if evidence.port and node.port is not None and evidence.port != (node.rack, node.port):
        rack, port = evidence.port
        there = cloud.by_port.get(evidence.port)
        whose = f", where {there} belongs" if there else ""
        return _hold(
            Kind.WRONG_SLOT,
            node.id,
            f"{node.id} is plugged into port {port} of {rack}{whose}; it is described at port"
            f" {node.port} of {node.rack}: replug it, or edit the description",
        )
    return None


def _came(
    evidence: Evidence, card: CardRecord, node: Node, cloud: Described, history: History
) -> Decision:
    """The decision on a node whose card is its own and whose board may be."""
    serial, last = evidence.board.serial, history.last(node.id)
    owner = owner_of(evidence.board, node.id, cloud, history)
    if owner is not None and owner != node.id:
        found = _foreign(evidence, node, owner, cloud, history)
        if found is not None:
            return found
    learn = ((serial, node.id),) if serial else ()
    notes: tuple[str, ...] = ()
    if not serial:
        notes = ("its board says no serial, so boards cannot be told apart",)
    same_card = last is not None and last.card == card.card
    before = _board_before(node, last, history)
    same_board = serial is None or before is None or _same(serial, before)
    if last is None and same_board:
        reason = f"{node.id} joins for the first time, with {card.card} on {_call(evidence.board)}"
        return Decision(Kind.FIRST, Action.CONVERGE, node.id, reason, learn, notes)
    if same_card and same_board:
        if last is not None and last.converged and not evidence.fresh:
            reason = f"{node.id} was started again: same card, same board; nothing to do"
            return Decision(Kind.RESTART, Action.LEAVE, node.id, reason, learn, notes)
        if evidence.fresh and last is not None and last.converged:
            reason = f"{node.id} has the seed of {card.card} on a card that was written anew"
            return Decision(Kind.NEW_CARD, Action.CONVERGE, node.id, reason, learn, notes)
        reason = f"{node.id} was started again before it was converged"
        return Decision(Kind.RESTART, Action.CONVERGE, node.id, reason, learn, notes)
    if same_board:
        reason = f"{node.id} has a new card, {card.card}"
        return Decision(Kind.NEW_CARD, Action.CONVERGE, node.id, reason, learn, notes)
    taken = history.owner(before) if before else None
    if same_card and taken not in (None, node.id) and history.owner(serial or "") == node.id:
        # The other one came first, and both boards were learned then.
        reason = f"{node.id} and {taken} exchanged their boards"
        return Decision(Kind.EXCHANGED, Action.CONVERGE, node.id, reason, learn, notes)
    kind = Kind.NEW_BOARD if same_card else Kind.CARD_AND_BOARD
    reason = f"{node.id} has another board, {_call(evidence.board)} instead of {before}"
    reason += "" if same_card else f", and a new card, {card.card}"
    if cloud.rejoin.boards == "confirm":
        return _hold(kind, node.id, f"{reason}; confirm it: salt-run rejoin.adopt node={node.id}")
    if node.serial and serial and not _same(node.serial, serial):
        notes += (f"the description still declares board {node.serial} for {node.id}: edit it",)
    return Decision(kind, Action.CONVERGE, node.id, reason, learn, notes)


def _foreign(
    evidence: Evidence, node: Node, owner: str, cloud: Described, history: History
) -> Decision | None:
    """
    The decision on a card that runs on the board of another node; None when that one has left it.
    """
    alive = history.alive(owner)
    board, other = evidence.board, history.last(owner)
    there = (other.now or other.serial) if other is not None else None
    here = not there or _same(there, board.serial or "")
    if alive and here:
        return _hold(
            Kind.COPY,
            node.id,
            f"{node.id} claims {_call(board)}, on which {owner} runs at this moment: one of the two"
            f" lies or is a copy; look at both, then: salt-run rejoin.release node={node.id}",
        )
    if there and not here:
        theirs = owner_of(Board(serial=there), owner, cloud, history)
        if theirs == node.id:
            reason = f"{node.id} and {owner} exchanged their boards"
            notes = tuple(
                f"the description still declares board {said} for {name}: edit it"
                for name, said in ((node.id, node.serial), (owner, _serial(cloud, owner)))
                if said
            )
            learn = ((board.serial or "", node.id), (there, owner))
            return Decision(Kind.EXCHANGED, Action.CONVERGE, node.id, reason, learn, notes)
        return None
    return _hold(
        Kind.MOVED,
        node.id,
        f"the card of {node.id} runs on {_call(board)}, the board of {owner}; it waits for {owner}"
        f" to come with another board, or let it stay: salt-run rejoin.adopt node={node.id}",
    )


def _spare(evidence: Evidence, card: CardRecord, cloud: Described, history: History) -> Decision:
    """The decision on a spare card: which node does its board, or its port, name?"""
    board = evidence.board
    by_board = owner_of(board, None, cloud, history)
    by_port = cloud.by_port.get(evidence.port) if evidence.port else None
    name = by_board or by_port
    if board.serial and history.retired(board.serial):
        why = f"board {board.serial} was taken out of service"
    elif name is None:
        why = f"{_call(board)} is not known for any slot"
    elif by_board and by_port and by_board != by_port:
        why = f"its board is that of {by_board}, its switch port that of {by_port}"
    elif (node := cloud.node(name)) is None:
        why = f"its board is that of {name}, which is not described any more"
    elif wrong := _wrong_model(board, node):
        why = wrong
    elif history.alive(name):
        why = f"it would be {name}, which answers with another card"
    elif cloud.rejoin.admit == "nobody":
        why = f"it would be {name}, but the description lets nobody in by itself"
    else:
        by = "board" if by_board else "switch port"
        learn = ((board.serial, name),) if board.serial else ()
        reason = f"{card.card} becomes {name}, known by its {by}"
        return Decision(Kind.SPARE, Action.BIND, name, reason, learn)
    command = f"salt-run rejoin.adopt card={card.card} node={name or '<id>'}"
    return Decision(Kind.SPARE, Action.LOBBY, None, f"{why}; to make it a node: {command}")


def owner_of(board: Board, node: str | None, cloud: Described, history: History) -> str | None:
    """
    Return the node that a board belongs to; None for a board nobody knows.

    board
        The board.
    node
        Who asks: what the description declares for it wins over what was learned.
    cloud, history
        What is declared, and what was learned.

    .. code-block:: python

        owner_of(Board(serial="10000000a3c1d2e4"), "pi3", cloud, history)
    """
    declared = _declared(board, cloud)
    if declared is not None and declared == node:
        return declared
    learned = history.owner(board.serial) if board.serial else None
    if learned is not None and cloud.node(learned) is None:
        learned = None  # it was renamed, or is not described any more
    return learned or declared


def _declared(board: Board, cloud: Described) -> str | None:
    if board.serial:
        for said in (board.serial, board.serial[-8:]):
            if (found := cloud.by_serial.get(said)) is not None:
                return found
    return cloud.by_mac.get(board.mac.lower()) if board.mac else None


def _board_before(node: Node, last: Seen | None, history: History) -> str | None:
    """
    The board a node had: on which it was verified, else as learned, else as declared.

    One that is held was last seen on a board that is not its own yet.
    """
    verified = last.serial if last is not None and last.converged else None
    return verified or history.board(node.id) or node.serial


def _serial(cloud: Described, name: str) -> str | None:
    node = cloud.node(name)
    return node.serial if node else None


def _same(one: str, other: str) -> bool:
    """Serials have 16 digits in the device tree, old tools and boxes show the last 8."""
    one, other = one.lower(), other.lower()
    return one == other if len(one) == len(other) else one[-8:] == other[-8:]


def _differ(one: Board, other: Board) -> bool:
    return (one.serial, one.mac) != (other.serial, other.mac)


def _wrong_model(board: Board, node: Node) -> str:
    """Why a board cannot be what a node needs; empty when it can."""
    if board.model and board.model != node.model:
        return f"{node.id} is a {node.model}, this board is a {board.model}"
    if board.ram_mb and board.ram_mb < node.ram_mb:
        return f"{node.id} needs {node.ram_mb} MB, this board has {board.ram_mb} MB"
    return ""


def _call(board: Board) -> str:
    if board.serial:
        return f"board {board.serial}"
    return f"the board with MAC {board.mac}" if board.mac else "a board without a serial"


def _hold(kind: Kind, node: str, reason: str) -> Decision:
    return Decision(kind, Action.HOLD, node, reason)
