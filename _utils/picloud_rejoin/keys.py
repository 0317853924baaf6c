"""
The master's key store, read and written one minion id at a time.

Salt's own ``key`` runner lists all keys for one, and gives every node a new session when one key is
deleted; at 10,000 nodes both are too much for a swap. The banks and their form are those of
salt/key.py and salt/master.py of Salt 3008: ``keys`` holds ``{"state", "pub"}``, ``denied_keys`` a
list of public halves.
"""

import salt.crypt
import salt.key
from picloud.identity import fingerprint
from salt.utils.verify import valid_id

#: Longest id that can have a key: its name is that of a file.
LONGEST = 255


class KeyStore:
    """
    The key store of a master.

    opts
        The master's options.
    """

    def __init__(self, opts):
        self._opts = opts
        self._cache = salt.key.Key(opts).cache

    def known(self, name):
        """Return state and public half of every key of a minion id."""
        found = []
        if key := self._fetch("keys", name):
            found.append((key["state"], key["pub"]))
        return found + [("denied", public) for public in self.denied(name)]

    def accepted(self, name):
        """Return the accepted public half of a minion id, None when there is none."""
        key = self._fetch("keys", name)
        return key["pub"] if key and key.get("state") == "accepted" else None

    def offered(self, name):
        """Return the public halves that are offered under a minion id and not accepted."""
        key = self._fetch("keys", name)
        waiting = [key["pub"]] if key and key.get("state") == "pending" else []
        return waiting + self.denied(name)

    def denied(self, name):
        """Return the public halves that are refused under a minion id."""
        return list(self._fetch("denied_keys", name) or ())

    def rejected(self, name):
        """
        Tell whether the key of a minion id was rejected.

        Salt 3008.3 then refuses whatever is offered under that id, and keeps none of it: no card
        gets in before the rejected key is taken away (``salt-key -d``) or replaced.
        """
        key = self._fetch("keys", name)
        return bool(key) and key.get("state") == "rejected"

    def accept(self, name, public):
        """Accept exactly this key for a minion id, in the place of any other."""
        self._cache.store("keys", name, {"state": "accepted", "pub": public})
        self.forget_denied(name, public)

    def remove(self, name, public):
        """Take exactly this key from a minion id; tell whether it was accepted or waiting."""
        self.forget_denied(name, public)
        key = self._fetch("keys", name)
        if not key or fingerprint(key["pub"]) != fingerprint(public):
            return False
        self._cache.flush("keys", name)
        return True

    def stored_at(self, name):
        """Return when a minion id got its key, in seconds since 1970; None without one."""
        if len(name) > LONGEST or not valid_id(self._opts, name):
            return None
        return self._cache.updated("keys", name)

    def forget_waiting(self, name):
        """Take the key that waits under a minion id off the list; return it, None without one."""
        key = self._fetch("keys", name)
        if not key or key.get("state") != "pending":
            return None
        self._cache.flush("keys", name)
        return key["pub"]

    def names(self):
        """Return ids of accepted keys, of keys that wait, and of keys that are denied."""
        found = salt.key.get_key(self._opts).list_keys()
        return {
            "accepted": set(found.get("minions", ())),
            "offered": {*found.get("minions_pre", ()), *found.get("minions_denied", ())},
        }

    def generate(self):
        """Return a new key pair: private and public half."""
        return salt.crypt.gen_keys(self._opts["keysize"])

    def master(self):
        """Return the master's public key."""
        return salt.crypt.MasterKeys(self._opts, autocreate=False).get_pub_str()

    def rotate(self):
        """Give all nodes a new session key, so that who was put out cannot listen any more."""
        salt.crypt.dropfile(self._opts["cachedir"], self._opts["user"])

    def forget_denied(self, name, public):
        """
        Take exactly this key from those refused under a minion id.

        Salt 3008.3 keeps one refused key for each id, the first: while a stranger's is there, that
        of a card issued here is not kept.
        """
        denied = self.denied(name)
        left = [other for other in denied if fingerprint(other) != fingerprint(public)]
        if left == denied:
            return
        if left:
            self._cache.store("denied_keys", name, left)
        else:
            self._cache.flush("denied_keys", name)

    def _fetch(self, bank, name):
        """Look a key up; ids that come from the bus may be such as no key can have."""
        if len(name) > LONGEST or not valid_id(self._opts, name):
            return None
        return self._cache.fetch(bank, name)
