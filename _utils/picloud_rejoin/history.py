"""
What is on record and who answers now, as ``identity.decide`` asks for it.
"""

import time
from dataclasses import dataclass, field

from picloud.identity import Seen

#: Seconds for which the result of a probe is good.
FRESH_S = 15.0


class AskFirst(Exception):
    """Whether a node answers is not known; ``args[0]`` is to be probed before it is decided."""


@dataclass
class Probe:
    """
    A question whether a node still answers.

    nonce
        What the answer has to carry.
    since, until
        When it was asked, and when silence is an answer.
    board
        The serial of the board that answered; None until then.
    alive
        True or False when it is known.
    """

    nonce: str
    since: float
    until: float
    board: str | None = None
    alive: bool | None = None


@dataclass
class Probes:
    """The questions of now, by node."""

    asked: dict = field(default_factory=dict)

    def alive(self, node, now=None):
        """Return whether a node answers: True, False, or None when nobody knows yet."""
        now = time.time() if now is None else now
        probe = self.asked.get(node)
        if probe is None or now > probe.until + FRESH_S:
            return None
        if probe.alive is None and now >= probe.until:
            probe.alive = False
        return probe.alive

    def waiting(self, node, now):
        """Tell whether a node was asked and may still answer."""
        probe = self.asked.get(node)
        return probe is not None and probe.alive is None and now < probe.until

    def ask(self, node, nonce, now, limit):
        """Record that a node was asked."""
        self.asked[node] = Probe(nonce, now, now + limit)

    def answered(self, node, nonce, board):
        """Record an answer; tell whether it was one."""
        probe = self.asked.get(node)
        if probe is None or probe.nonce != nonce:
            return False
        probe.alive, probe.board = True, board
        return True


class LedgerHistory:
    """
    The ledger and the probes together, see :class:`picloud.identity.History`.

    ledger, probes
        What is on record, and who answered.
    """

    def __init__(self, ledger, probes):
        self._ledger, self._probes = ledger, probes

    def card(self, fingerprint):
        """Return the card with this key."""
        return self._ledger.cards.by_fingerprint(fingerprint)

    def in_use(self, node):
        """Return the card that has a node's place now."""
        return self._ledger.cards.in_use(node)

    def last(self, node):
        """Return the node as it was last seen; a probe that was answered knows better."""
        row = self._ledger.rejoins.get(node)
        probe = self._probes.asked.get(node)
        if row is None or not row.card:
            return None
        answered = probe.board if probe is not None and probe.alive else None
        return Seen(row.card, row.serial or None, row.verified, answered)

    def owner(self, serial):
        """Return the node that a board was learned for."""
        found = self._ledger.boards.get(serial)
        return found.node if found else None

    def board(self, node):
        """Return the serial of the board that was learned for a node."""
        found = self._ledger.boards.of(node)
        return found.serial if found else None

    def retired(self, serial):
        """Return whether a board was taken out of service."""
        found = self._ledger.boards.get(serial)
        return bool(found and found.retired)

    def alive(self, node):
        """Return whether a node answers now; AskFirst when it has to be asked."""
        if self._ledger.cards.in_use(node) is None:
            return False
        alive = self._probes.alive(node)
        if alive is None:
            raise AskFirst(node)
        return alive
