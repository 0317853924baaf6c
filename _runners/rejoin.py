"""
Nodes on their way back: who is where, why, and what an admin may do about it.

What is asked for here is written into the ledger; the engine ``rejoin`` does it.
"""

import re
import time

import picloud_salt
import picloud_watch
from picloud.formats import MAC
from picloud.identity import CardState, Kind
from picloud.ledger import Hint
from picloud.ledger.decisions import KEPT
from picloud.rejoin import lobby as lobbies
from picloud.rejoin import pages
from picloud.rejoin.schedule import BROKEN, Waiting, pick
from picloud.rejoin.steps import Step
from picloud.rejoin.words import REASON, plain
from picloud.workloads import fleet
from picloud_pages import page
from picloud_rejoin.keys import KeyStore

__func_alias__ = {"status_": "status"}

#: What an admin may confirm: a board that the node did not have before.
CONFIRMED = (Kind.NEW_BOARD, Kind.CARD_AND_BOARD, Kind.MOVED)


@page
def status_(node=None, all=False):
    """
    List the nodes that are on their way back, or need a look.

    node
        Only this one, wherever it is.
    all
        Those that are converged as well.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.status
        salt-run rejoin.status node=pi3
        salt-run rejoin.status all=true --out=json
    """
    ledger, now = _ledger(), time.time()
    if node is not None:
        name = _known(ledger, node)
        rows = [row for row in [ledger.rejoins.get(name)] if row is not None]
    else:
        rows = ledger.rejoins.all() if all else ledger.rejoins.at(set(Step) - {Step.CONVERGED})
    waits = _waits(ledger, now) if any(row.step == Step.WAITING for row in rows) else {}
    data = pages.status(rows, now, waits)
    return data | {"notices": picloud_watch.unheard(ledger, now)}


@page
def history(node, most=50):
    """
    Show what happened in a slot: each decision in words, its cards and its boards.

    node
        The node's id, or that of a spare card in the lobby.
    most
        How many decisions, the last ones; that many are kept at most: 200.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.history node=pi3
    """
    ledger = _ledger()
    if not 1 <= (number := _number(most)) <= KEPT:
        raise picloud_watch.NoAnswerError(
            f'"{plain(most, 20)}" is no number of decisions; say most=1 to {KEPT}'
        )
    decisions, cards = ledger.decisions.of(str(node), number), ledger.cards.list(str(node))
    name = str(node) if decisions or cards else _known(ledger, node)
    return pages.history(name, decisions, cards, ledger.boards.of(name))


@page
def lobby():
    """
    List the spare cards that wait: what is known of their boards, and how to make each a node.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.lobby
    """
    ledger, now = _ledger(), time.time()
    found = lobbies.guests(ledger.rejoins.at([Step.LOBBY]), ledger, _cloud())
    return pages.lobby(found, now) | {"notices": picloud_watch.unheard(ledger, now)}


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
    Look at a node anew, now: one that waits for its next try, is held, or was set aside.

    node
        The node's id, or that of a spare card in the lobby.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.retry node=pi3
    """
    ledger = _ledger()
    name = _with_key(_known(ledger, node))
    return _asked(ledger, Hint("retry", name, time.time()), f"{name} is looked at anew")


@page
def release(node):
    """
    Take a node from hold or quarantine and let it try again; its board is in service again.

    node
        The node's id.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.release node=pi3
    """
    ledger = _ledger()
    name = _known(ledger, node)
    row = ledger.rejoins.get(name)
    if row is None or row.step not in (Step.HELD, Step.QUARANTINED):
        at = row.step if row is not None else "not on its way back"
        raise picloud_watch.NoAnswerError(
            f"{name} is {at}; only what is held or quarantined can be released. To look at it"
            f" anew: salt-run rejoin.retry node={name}"
        )
    _with_key(name)
    if row.serial:
        ledger.boards.retire(row.serial, False, "")
    return _asked(ledger, Hint("release", name, time.time()), f"{name} is released")


@page
def hold(node, reason=""):
    """
    Leave a node alone until it is released: it keeps its key, and nothing is done about it.

    node
        The node's id.
    reason
        Why, for the record.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.hold node=pi3 reason='its fan is broken'
    """
    ledger = _ledger()
    name = _known(ledger, node)
    hint = Hint("hold", name, time.time(), data={"reason": plain(reason, REASON)})
    return _asked(ledger, hint, f"{name} is held")


@page
def adopt(node, card=None):
    """
    Say yes where the master asks: make a card a node, or let a node keep another board.

    node
        The node's id.
    card
        A spare card, as ``salt-run rejoin.lobby`` shows it, or a card that was issued for the
        node; left out, the board that a held node came with is confirmed.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.adopt card=card-0123456789ab node=pi3
        salt-run rejoin.adopt node=pi3
    """
    ledger, cloud, name = _ledger(), _cloud(), str(node)
    if cloud.node(name) is None:
        picloud_watch.refuse(name, cloud.nodes, "node")
    if card is None:
        row = ledger.rejoins.get(name)
        if row is None or row.step != Step.HELD or row.kind not in CONFIRMED:
            at = f"is {row.step}: {row.reason}" if row is not None else "has not come back"
            raise picloud_watch.NoAnswerError(f"No board waits to be confirmed; {name} {at}")
        hint = Hint("adopt", name, time.time())
        return _asked(ledger, hint, f"{name} keeps board {row.serial}")
    found = ledger.cards.get(str(card))
    if found is None:
        waiting = [row.node for row in ledger.rejoins.at([Step.LOBBY])]
        picloud_watch.refuse(str(card), waiting, "card in the lobby")
    if found.state is not CardState.ISSUED or found.node not in (None, name):
        whose = f", and was made for {found.node}" if found.node else ""
        raise picloud_watch.NoAnswerError(
            f"{found.card} is {found.state}{whose}; prepare another one:"
            f" salt-run card.prepare node={name}"
        )
    if found.node is None and ledger.rejoins.get(found.card) is None:
        raise picloud_watch.NoAnswerError(
            f"{found.card} was prepared, and no Pi was seen with it yet; put it into one, then see:"
            " salt-run rejoin.lobby"
        )
    hint = Hint("adopt", found.card, time.time(), data={"node": name})
    return _asked(ledger, hint, f"{found.card} becomes {name}")


@page
def retire_board(serial, reason="taken out by hand"):
    """
    Take a board out of service: no node is let run on it any more. One that does is held when the
    engine sweeps next; it keeps its key.

    serial
        Its serial; ``rejoin.release`` of the node that is held because of it takes it back.
    reason
        Why, for the record.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.retire_board serial=10000000a3c1d2e4 reason='network port is dead'
    """
    ledger = _ledger()
    if not ledger.boards.retire(str(serial), True, plain(reason, REASON)):
        raise picloud_watch.NoAnswerError(f'No board "{plain(serial, 40)}" was ever seen.')
    row = ledger.boards.get(str(serial))
    held = f"; {row.node} is held as soon as the engine sweeps" if row.node else ""
    return _said(f"board {serial} is out of service{held}")


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
    cloud, mac = _cloud(), str(mac).lower().replace("-", ":")
    if not re.fullmatch(MAC, mac):
        raise picloud_watch.NoAnswerError(
            f'"{plain(mac, 40)}" is no MAC address; write six pairs of hex digits with colons'
        )
    found = cloud.racks.get(str(rack))
    if found is None:
        picloud_watch.refuse(str(rack), cloud.racks, "rack")
    most = cloud.common.switches[cloud.common.designs[found.design].switch].ports
    if not 1 <= (number := _number(port)) <= most:
        raise picloud_watch.NoAnswerError(f"The switch of {rack} has ports 1 to {most}.")
    ledger, now = _ledger(), time.time()
    ledger.boards.plugged(mac, str(rack), number, now)
    guests = lobbies.guests(ledger.rejoins.at([Step.LOBBY]), ledger, cloud)
    ledger.journal.put([Hint("start", one.card, now) for one in guests if one.mac == mac])
    return _said(f"{mac} is at port {number} of {rack}")


def go(token):
    """
    Converge a batch of nodes, for the reactor: runs ``orch.rejoin`` if the batch waits for it.

    token
        What the engine's event said. Events may come from anybody: for a token that stands for no
        batch nothing is done, and that costs next to nothing.

    CLI Example:

    .. code-block:: bash

        salt-run rejoin.go token=nobody-can-guess-it
    """
    batches = _ledger().batches
    claimed = batches.claim(str(token)) if batches.waits(str(token)) else None
    if claimed is None:
        return "No such batch waits."
    nodes, nonce = claimed
    cloud, _faults = picloud_salt.store(__opts__).register()
    found = [cloud.node(name) for name in nodes] if cloud is not None else []
    members = [node.id for node in found if node is not None and fleet.PART in node.parts]
    pillar = {"rejoin": {"nodes": nodes, "members": members, "nonce": nonce}}
    return __salt__["state.orchestrate"](mods="orch.rejoin", pillar=pillar)


def _ledger():
    return picloud_salt.ledger(__opts__)


def _waits(ledger, now):
    """For each node that waits to be converged: what for, as the engine sees it."""
    rows = ledger.rejoins.at([Step.WAITING])
    cloud, faults = picloud_salt.store(__opts__).register()
    if faults:
        return dict.fromkeys((row.node for row in rows), BROKEN)
    waiting = [Waiting(row.node, row.since, row.not_before) for row in rows]
    running = [row.node for row in ledger.rejoins.at([Step.CONVERGING])]
    go, why = pick(waiting, running, cloud, now)
    return why | dict.fromkeys(go, "goes on as soon as the engine looks")


def _cloud():
    """The description in force."""
    cloud, faults = picloud_salt.store(__opts__).cloud()
    if cloud is None:
        raise picloud_watch.NoAnswerError("\n".join(map(str, faults)))
    return cloud


def _known(ledger, node):
    """A name that is described or on record, or a message with the one probably meant."""
    name, cloud = str(node), _cloud()
    if cloud.node(name) is None and ledger.rejoins.get(name) is None:
        picloud_watch.refuse(
            name, [*cloud.nodes, *(row.node for row in ledger.rejoins.all())], "node"
        )
    return name


def _with_key(name):
    """The name, when there is a key by which it could be asked anything."""
    if KeyStore(__opts__).accepted(name) is None:
        raise picloud_watch.NoAnswerError(
            f"{name} has no accepted key, so nobody can be asked; prepare a card for it:"
            f" salt-run card.prepare node={name}"
        )
    return name


def _number(text):
    """A whole number that was asked for."""
    try:
        return int(text)
    except (TypeError, ValueError, OverflowError):
        raise picloud_watch.NoAnswerError(f'"{plain(text, 40)}" is no number') from None


def _asked(ledger, hint, text):
    """Leave a request for the engine, and say what comes of it."""
    ledger.journal.put([hint])
    node = hint.data.get("node", hint.node)
    message = f"{text}, as soon as the engine looks; see: salt-run rejoin.status node={node}"
    return _said(message) | {"node": node}


def _said(text):
    return {"show": "message", "message": text}
