"""
Prepare cards for the nodes of the description.
"""

import logging
from pathlib import Path

import picloud_salt
import salt.crypt
import salt.key
from picloud import cards

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

    The key is accepted in advance only for a described node that has no key.
    Copy the folder ``picloud-seed`` to the card's boot partition, then delete the folder.

    node
        Id of the node; several with commas or as a list.
    directory
        Where the seeds go, ``<directory>/<node>/picloud-seed``, mode 0700. Default:
        ``picloud/seeds`` in the master's cache folder. A node's folder that is there already must
        be the caller's alone.

    A card that cannot be made is a message and exit status 1; in an orchestration the state fails.

    CLI Example:

    .. code-block:: bash

        salt-run card.prepare node=pi3
        salt-run card.prepare node=pi0,pi1 directory=/root/cards
    """
    names = node.split(",") if isinstance(node, str) else node
    names = [str(name).strip() for name in (names if isinstance(names, list) else [names])]
    folder = Path(directory or Path(__opts__["cachedir"], "picloud", "seeds"))
    store, keys, made = picloud_salt.store(__opts__), _Keys(__opts__), {}
    for name in names:
        view, faults = store.view(name)
        for fault in faults:
            log.warning("The description has a fault, the last good one is used: %s", fault)
        try:
            card = cards.prepare(name, view or {}, keys, folder)
        except (cards.CardError, OSError) as err:
            return _refusal(f"No card for {name}: {err}", made)
        made[name] = {"card": card.card, "seed": str(card.seed), "key": card.reason}
    return {"cards": made, "warning": cards.WARNING}


def _refusal(text, made):
    """Answer with a message and exit status 1, as the ``picloud`` runner does."""
    if made:
        text += f"\nMade before that, and good: {', '.join(card['seed'] for card in made.values())}"
    __context__["retcode"] = 1
    data = {"show": "message", "message": text, "retcode": 1, "cards": made}
    return data if __opts__.get("output") else {**data, "outputter": "picloud"}
