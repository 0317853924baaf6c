"""
Prepare cards for the nodes of the description.
"""

import logging
from pathlib import Path

import picloud_salt
import salt.crypt
import salt.key
from picloud import cards
from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)


class _Keys:
    """The master's key store, as :mod:`picloud.cards` wants it."""

    def __init__(self, opts):
        self._opts = opts
        self._cache = salt.key.Key(opts).cache

    def known(self, node):
        found = []
        if key := self._cache.fetch("keys", node):
            found.append((key["state"], key["pub"]))
        found.extend(("denied", pub) for pub in self._cache.fetch("denied_keys", node) or ())
        return found

    def accept(self, node, public):
        self._cache.store("keys", node, {"state": "accepted", "pub": public})

    def generate(self):
        return salt.crypt.gen_keys(self._opts["keysize"])

    def master(self):
        return salt.crypt.MasterKeys(self._opts, autocreate=False).get_pub_str()


def prepare(node, directory=None):
    """
    Make the seed of a new card: key pair, master's public key and card id.

    The key is accepted in advance only for a node that is in the description and never had a key.
    Copy the folder ``picloud-seed`` to the card's boot partition, then delete the folder.

    node
        Id of the node; several with commas or as a list.
    directory
        Where the seeds go, ``<directory>/<node>/picloud-seed``, mode 0700. Default:
        ``picloud/seeds`` in the master's cache folder.

    CLI Example:

    .. code-block:: bash

        salt-run card.prepare node=pi3
        salt-run card.prepare node=pi0,pi1 directory=/root/cards
    """
    names = [name.strip() for name in node.split(",")] if isinstance(node, str) else list(node)
    folder = Path(directory or Path(__opts__["cachedir"], "picloud", "seeds"))
    store, keys, made = picloud_salt.store(__opts__), _Keys(__opts__), {}
    for name in names:
        view, faults = store.view(name)
        for fault in faults:
            log.warning("The description has a fault, the last good one is used: %s", fault)
        try:
            card = cards.prepare(name, view or {}, keys, folder)
        except (cards.CardError, OSError) as err:
            raise CommandExecutionError(f"No card for {name}: {err}") from err
        made[name] = {"card": card.card, "seed": str(card.seed), "key": card.reason}
    return {"cards": made, "warning": cards.WARNING}
