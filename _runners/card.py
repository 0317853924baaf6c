"""
Prepare cards for the nodes of the description, and keep the record of them.
"""

import getpass
import logging
import os
import time
from dataclasses import asdict
from pathlib import Path

import picloud_salt
import picloud_watch
from picloud import cards
from picloud.identity import CardState
from picloud.ledger import StorageError
from picloud.rejoin import pages
from picloud.rejoin.words import REASON, plain
from picloud.status import ago
from picloud_pages import page
from picloud_rejoin.keys import KeyStore

log = logging.getLogger(__name__)

__func_alias__ = {"list_": "list"}

#: What a page calls the times of a card, which are spans there.
HEADS = {"made_at": "made", "changed_at": "changed"}


@page
def prepare(node=None, count=1, directory=None, spare=False):
    """
    Make the seeds of new cards: key pair, master's public key and card id.

    A node that has no key is let in with the first of them at once; one that has a key keeps it,
    and a new card gets in when the present one answers no more. Copy each folder ``picloud-seed``
    to the boot partition of one card, then delete the folder.

    node
        Id of the node; several with commas or as a list.
    count
        How many cards for each. Seeds made before that are still in the directory count.
    directory
        Where the seeds go, ``<directory>/<node>/<card>/picloud-seed``, mode 0700. Default:
        ``picloud/seeds`` in the master's cache folder. A node's folder that is there already must
        be the caller's alone.
    spare
        Make cards for any node: a spare learns which one it is from the board it is put into.

    A card that cannot be made is a message and exit status 1; in an orchestration the state fails.

    CLI Example:

    .. code-block:: bash

        salt-run card.prepare node=pi3
        salt-run card.prepare node=pi0,pi1 directory=/root/cards
        salt-run card.prepare spare=true count=14
    """
    names = node.split(",") if isinstance(node, str) else node
    names = names if isinstance(names, list) else [names]
    wanted = isinstance(spare, bool) and spare == (node is None) and names
    if not wanted or not isinstance(count, int) or not 0 < count <= 1000:
        return _message("Say node=<id> or spare=true, and count=1 to 1000.")
    if directory is not None and (not isinstance(directory, str) or "\0" in directory):
        return _message(f"{directory!r} is no directory; write its path: directory=/root/cards")
    names = [None] if spare else [str(name).strip() for name in names]
    cloud, faults = picloud_salt.store(__opts__).cloud()
    if cloud is None:
        return _message(
            "\n".join(["No card can be made without a description:", *map(str, faults)])
        )
    for fault in faults:
        log.warning("The description has a fault, the last good one is used: %s", fault)
    office = cards.Office(
        cloud=cloud,
        ledger=picloud_salt.ledger(__opts__),
        keys=KeyStore(__opts__),
        folder=Path(directory or Path(__opts__["cachedir"], "picloud", "seeds")),
        by=os.environ.get("SUDO_USER") or getpass.getuser(),
        at=time.time(),
        modules=picloud_salt.modules(),
    )
    made = {}
    for name in names:
        try:
            for card in office.prepare(name, count):
                said = {"node": card.node, "seed": str(card.seed), "key": card.reason}
                made[card.card] = said
        except (cards.CardError, StorageError, OSError) as err:
            text = f"No card for {'a spare' if name is None else name}: {err}"
            if made:
                good = ", ".join(card["seed"] for card in made.values())
                text += f"\nMade before that, and good: {good}"
            return _message(text, cards=made)
    return {"cards": made, "warning": cards.WARNING}


@page
def list_(node=None, state=None):
    """
    List the cards on record.

    node
        Only cards of this node.
    state
        Only cards that are ``issued`` (no board was seen with it yet), ``in use``, ``retired`` or
        ``revoked``.

    CLI Example:

    .. code-block:: bash

        salt-run card.list
        salt-run card.list node=pi3
    """
    known = [str(one) for one in CardState]
    if state is not None and state not in known:
        picloud_watch.refuse(state, known, "state")
    ledger, now = picloud_salt.ledger(__opts__), time.time()
    node = None if node is None else str(node)
    found = ledger.cards.list(node)
    if node is not None and not found:
        _described(ledger, node)
    rows = [row for row in found if state in (None, str(row.stands))]
    cells = (
        (
            row.card,
            row.node or "a spare",
            str(row.stands),
            ago(row.made_at, now),
            row.made_by,
            row.board or "-",
            row.reason,
        )
        for row in rows
    )
    heads = ("card", "node", "state", "made", "by", "board", "reason")
    count = f"{len(rows)} card" + ("" if len(rows) == 1 else "s")
    return pages.table(heads, cells, count) | {"cards": {row.card: _shown(row) for row in rows}}


@page
def show(card):
    """
    Show one card: for which node, made when and by whom, and what became of it.

    card
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-run card.show card-0123456789ab
    """
    row, now = _row(picloud_salt.ledger(__opts__), card), time.time()
    told = _shown(row) | {"made_at": ago(row.made_at, now), "changed_at": ago(row.changed_at, now)}
    cells = [
        (HEADS.get(name, name), str(value)) for name, value in told.items() if value is not None
    ]
    return pages.table(("what", row.card), cells, row.public) | {"card": _shown(row)}


@page
def revoke(card, reason="revoked by hand"):
    """
    Take a card out for good: its key goes from the master, and never gets in again.

    All nodes get a new session key, so that the card cannot listen any more either.

    card
        Its id.
    reason
        Why, for the record.

    CLI Example:

    .. code-block:: bash

        salt-run card.revoke card=card-0123456789ab reason=stolen
    """
    ledger = picloud_salt.ledger(__opts__)
    row = _row(ledger, card)
    # Recorded first: a key that is off the record cannot come back, whatever happens next.
    before = row.state is CardState.REVOKED
    if not before:
        ledger.cards.mark(row.card, CardState.REVOKED, time.time(), plain(reason, REASON))
    keys = KeyStore(__opts__)
    gone = [name for name in (row.node, row.card) if name and keys.remove(name, row.public)]
    keys.rotate()
    text = f"{row.card} " + (f"was revoked before: {row.reason}" if before else "is revoked")
    text += f"; the key of {gone[0]} is gone" if gone else ""
    return {"show": "message", "message": text, "card": row.card, "keys_removed": gone}


def _row(ledger, card):
    """A card on record, or a message that names those there are."""
    row = ledger.cards.get(str(card))
    return row or picloud_watch.refuse(card, [one.card for one in ledger.cards.list()], "card")


def _described(ledger, node):
    """A message for a node that is not in the description and has no card."""
    cloud, _ = picloud_salt.store(__opts__).cloud()
    known = {one.node for one in ledger.cards.list() if one.node} | set(
        cloud.nodes if cloud else ()
    )
    if node not in known:
        picloud_watch.refuse(node, sorted(known), "node")


def _shown(row):
    """A card as data, without its key."""
    data = asdict(row) | {"state": str(row.stands)}
    return {name: value for name, value in data.items() if name not in ("public", "card")}


def _message(text, **more):
    """A message, with exit status 1."""
    return {"show": "message", "message": text, "retcode": 1, **more}
