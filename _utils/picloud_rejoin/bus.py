"""
The master's bus: what is heard there as hints, and what is told there to whoever listens.

Nothing heard is believed: a minion can put any event on the bus (``events`` in its request), under
any tag. An event only says where to look.
"""

import logging
import time

import picloud_salt
import salt.utils.event
from picloud.identity import fingerprint
from picloud.ledger import Hint

log = logging.getLogger(__name__)

#: Where the public hooks are: ``picloud/rejoin/<what>/<node>``.
PREFIX = "picloud/rejoin"
#: Most events that are taken at once.
MOST = 5000
#: Longest names and keys that are looked at; a PEM of 8192 bits has 1,400 characters.
LONGEST_NAME, LONGEST_KEY = 64, 4096
EVIDENCE, VERIFY = "pirejoin.evidence", "pirejoin.verify"
SYNC = "saltutil.sync_all"
#: Brings nodes our modules, in one job. ``SYNC`` would do it too, but it asks the master for a list
#: of files for each of the 18 kinds of modules that Salt knows.
BRING = [f"saltutil.sync_{kind.removeprefix('_')}" for kind in picloud_salt.SYNCED]


class Bus:
    """
    The master's bus.

    opts
        The master's options.
    """

    def __init__(self, opts):
        self._heard = salt.utils.event.get_master_event(opts, opts["sock_dir"], listen=True)
        self._told = salt.utils.event.get_master_event(opts, opts["sock_dir"], listen=False)

    def drain(self, wait):
        """
        Return the events that are there, as ``(tag, data)``; waits for the first one.

        wait
            Seconds to wait when there is none.
        """
        found = []
        event = self._heard.get_event(wait=wait, full=True, auto_reconnect=True)
        while event is not None:
            found.append((str(event.get("tag", "")), event.get("data")))
            if len(found) >= MOST:
                break
            event = self._heard.get_event_noblock()
            event = None if event is None else {"tag": event["tag"], "data": event["data"]}
        return found

    def tell(self, what, node, **data):
        """Fire a public event."""
        self._told.fire_event({"node": node, **data}, f"{PREFIX}/{what}/{node}")

    def rollout_ended(self, rollout):
        """Tell how a rollout ended: done, stopped or aborted."""
        data = {"rollout": rollout.number, "part": rollout.part, "reason": rollout.reason}
        self._told.fire_event(data, f"picloud/rollout/{rollout.step}")

    def go(self, token):
        """Ask for a batch to be converged: all that the event says is the batch's token."""
        self._told.fire_event({"batch": token}, f"{PREFIX}/go")


def hint(tag, data):
    """
    Return the hint in an event, None for one that is of no interest.

    tag, data
        The event.

    >>> hint("salt/minion/pi3/start", {"id": "pi3"}).node
    'pi3'
    """
    now = time.time()
    name = data.get("id") if isinstance(data, dict) else None
    if not isinstance(name, str) or not name:
        return None
    if tag == "salt/auth" and data.get("act") in ("denied", "pend", "reject"):
        public = data.get("pub")
        if isinstance(public, str) and len(public) <= LONGEST_KEY:
            return Hint("offer", name[:LONGEST_NAME], now, fingerprint(public), {"id": name[:512]})
    elif tag == f"salt/minion/{name}/start" and len(name) <= LONGEST_NAME:
        return Hint("start", name, now)
    return None


def answer(tag, data):
    """
    Return ``(node, function, answer)`` of a job's return that may be one of ours, else None.

    tag, data
        The event.
    """
    if not tag.startswith("salt/job/") or "/ret/" not in tag or not isinstance(data, dict):
        return None
    name, function = data.get("id"), data.get("fun")
    if function == BRING:
        function = SYNC
    if not isinstance(name, str) or function not in (EVIDENCE, VERIFY, SYNC):
        return None
    return name, function, data.get("return")
