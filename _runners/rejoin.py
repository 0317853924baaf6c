"""
Nodes on their way back: who is where, why, and what an admin may do about it.

What is asked for here is written into the ledger; the engine ``rejoin`` does it.
"""

import time

import picloud_salt
import picloud_watch
from picloud.ledger import Hint
from picloud.rejoin import pages, steps
from picloud.rejoin.steps import Step
from picloud_pages import page

__func_alias__ = {"status_": "status"}


@page
def status_(node=None, all=False):
    """
    List the nodes that are on their way back, or need a look.

    node
        Only this one.
    all
        Those that are converged as well.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.status
        salt-run rejoin.status all=true --out=json
    """
    ledger = _ledger()
    if node is not None:
        return pages.status([_row(ledger, node)], time.time())
    rows = ledger.rejoins.all() if all else ledger.rejoins.at(set(Step) - {Step.CONVERGED})
    return pages.status(rows, time.time())


@page
def history(node, most=50):
    """
    Show what happened in a slot: each decision in words, its cards and its board.

    node
        The node's id.
    most
        How many decisions.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.history pi3
    """
    ledger, name = _ledger(), str(node)
    decisions, cards = ledger.decisions.of(name, int(most)), ledger.cards.list(name)
    if not decisions and not cards:
        cloud, _ = picloud_salt.store(__opts__).cloud()
        if cloud is None or cloud.node(name) is None:
            picloud_watch.refuse(name, cloud.nodes if cloud else (), "node")
    return pages.history(name, decisions, cards, ledger.boards.of(name), time.time())


@page
def lobby():
    """
    List the spare cards that wait, each with the command that would make it a node.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.lobby
    """
    return pages.lobby(_ledger().rejoins.at([Step.LOBBY]), time.time())


@page
def refused():
    """
    List who knocked and was not let in, and why.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.refused
    """
    return pages.strangers(_ledger().strangers.list(), time.time())


@page
def retry(node):
    """
    Let a node try again now: one that waits, is held, or was set aside.

    node
        The node's id.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.retry pi3
    """
    ledger = _ledger()
    row, now = _row(ledger, node), time.time()
    ledger.rejoins.put([steps.released(row, now)])
    return _said(f"{row.node} is tried again; see: salt-run rejoin.status node={row.node}")


@page
def release(node):
    """
    Take a node from hold or quarantine, and its board back into service, and let it try again.

    node
        The node's id.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.release pi3
    """
    ledger = _ledger()
    row, now = _row(ledger, node), time.time()
    if row.step not in (Step.HELD, Step.QUARANTINED):
        raise picloud_watch.NoAnswerError(f"{row.node} is {row.step}; there is nothing to release.")
    if row.serial:
        ledger.boards.retire(row.serial, False, "")
    ledger.rejoins.put([steps.released(row, now)])
    return _said(f"{row.node} is released; see: salt-run rejoin.status node={row.node}")


@page
def hold(node, reason="held by hand"):
    """
    Leave a node alone until it is released: it keeps its key, and nothing is done about it.

    node
        The node's id.
    reason
        Why, for the record.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.hold pi3 reason='its fan is broken'
    """
    ledger = _ledger()
    row, now = _row(ledger, node), time.time()
    held = steps.move(row, Step.HELD, now, kind=steps.BY_HAND, reason=str(reason))
    ledger.rejoins.put([held])
    return _said(f"{row.node} is held; let it go with: salt-run rejoin.release {row.node}")


@page
def adopt(node, card=None):
    """
    Say yes where the engine asks: make a spare card a node, or let a node keep another board.

    node
        The node's id.
    card
        The spare card, as ``salt-run rejoin.lobby`` shows it.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.adopt card=card-0123456789ab node=pi3
        salt-run rejoin.adopt node=pi3
    """
    ledger, now, name = _ledger(), time.time(), str(node)
    cloud, _ = picloud_salt.store(__opts__).cloud()
    if cloud is None or cloud.node(name) is None:
        picloud_watch.refuse(name, cloud.nodes if cloud else (), "node")
    if card is None:
        row = _row(ledger, name)
        if row.step != Step.HELD:
            raise picloud_watch.NoAnswerError(f"{name} is {row.step}; it asks for nothing.")
        ledger.journal.put([Hint("adopt", name, now)])
        return _said(f"{name} may keep board {row.serial}")
    row = ledger.cards.get(str(card))
    if row is None or not row.spare or row.node is not None:
        waiting = [one.node for one in ledger.rejoins.at([Step.LOBBY])]
        picloud_watch.refuse(str(card), waiting, "spare card in the lobby")
    ledger.journal.put([Hint("adopt", row.card, now, data={"node": name})])
    return _said(f"{row.card} becomes {name}; see: salt-run rejoin.status node={name}")


@page
def retire_board(serial, reason="retired by hand"):
    """
    Take a board out of service: no node is let run on it any more.

    serial
        Its serial.
    reason
        Why, for the record.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.retire_board 10000000a3c1d2e4 reason='network port is dead'
    """
    if not _ledger().boards.retire(str(serial), True, str(reason)):
        raise picloud_watch.NoAnswerError(f"No board {serial} was ever seen.")
    return _said(f"board {serial} is out of service")


@page
def port(mac, rack, port):
    """
    Tell where a switch sees a board, from whatever asks your switches. A spare card is known by it.

    mac
        MAC address of the board.
    rack, port
        Name of the rack, and port of its switch.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.port mac=b8:27:eb:c1:d2:e4 rack=rack1 port=3
    """
    cloud, _ = picloud_salt.store(__opts__).cloud()
    if cloud is None or str(rack) not in cloud.racks:
        picloud_watch.refuse(str(rack), cloud.racks if cloud else (), "rack")
    ledger = _ledger()
    ledger.boards.plugged(str(mac), str(rack), int(port), time.time())
    for row in ledger.rejoins.at([Step.LOBBY]):
        ledger.journal.put([Hint("start", row.node, time.time())])
    return _said(f"{mac} is at port {port} of {rack}")


def batch(token):
    """
    Claim a batch of nodes, for the orchestration that converges it. Nothing when it was claimed.

    token
        What the engine's event said.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.batch token=nobody-can-guess-it
    """
    found = _ledger().batches.claim(str(token))
    return {"nodes": found[0], "nonce": found[1]} if found else {}


def _ledger():
    return picloud_salt.ledger(__opts__)


def _row(ledger, node):
    """The row of a node, or a message that names those there are."""
    row = ledger.rejoins.get(str(node))
    if row is None:
        known = [one.node for one in ledger.rejoins.all()]
        picloud_watch.refuse(str(node), known, "node that came back")
    return row


def _said(text):
    return {"show": "message", "message": text}
