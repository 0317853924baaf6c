"""
What nodes answer: gathered for a moment, in case that two have the same key, and decided about.
"""

import logging
import random
import time
from collections import deque
from dataclasses import dataclass, field

import picloud_salt
from picloud.identity import Evidence, decide, fingerprint
from picloud.rejoin import steps
from picloud.rejoin.schedule import BROKEN
from picloud.rejoin.steps import Step
from picloud.rejoin.verify import problems

from picloud_rejoin import bus as buses
from picloud_rejoin import proof
from picloud_rejoin.history import AskFirst

log = logging.getLogger(__name__)

#: Answers kept until they are worked on; those of more nodes are asked for again.
KEPT = 20000
#: How often a question that was answered is asked again because somebody could not answer it.
DOUBTS = 8
#: Why a node waits that was being converged when the master ended.
CUT_OFF = "the master ended while it was being converged"
#: Seconds until the question is asked again, or modules are sent again, for one node.
PACES_S = {buses.SYNC: 1.0, buses.EVIDENCE: 5.0}


@dataclass
class Doubt:
    """
    A question that somebody could not answer.

    nonce
        What the answer has to carry.
    times
        How often it was asked again, or modules were sent.
    at
        When each was last done, by what was answered.
    """

    nonce: str
    times: int = 0
    at: dict = field(default_factory=dict)

    def next(self, function, now, is_open):
        """
        Tell whether to go on after an answer that was none.

        function
            What was answered: that modules are there, or else that they are missing.
        now, is_open
            The time, and whether nobody has answered yet.
        """
        first = function == buses.SYNC and not self.at
        if now - self.at.get(function, 0.0) < PACES_S[function]:
            return False
        if not is_open and (first or self.times >= DOUBTS):
            return False
        self.at[function] = now
        self.times += 1
        return True


@dataclass
class Gathered:
    """
    What answered to one question.

    at
        When the first answer came.
    public
        The key that signed them.
    fresh
        Whether no highstate was ever applied to the card.
    boards
        The boards that it came from.
    """

    at: float
    public: str
    fresh: bool
    boards: list = field(default_factory=list)


class Answers:
    """
    The answers to an engine's questions. In memory only: after a restart the questions are asked
    again.

    engine
        The engine.
    """

    def __init__(self, engine):
        self._engine = engine
        self._heard = deque()
        self._answers = {}
        self._decided = {}
        self._doubts = {}

    def take(self, node, function, answer):
        """
        Keep an answer until it is worked on.

        node, function, answer
            What :func:`picloud_rejoin.bus.answer` returned.
        """
        if len(self._heard) < KEPT:
            self._heard.append((node, function, answer))

    def work(self, now):
        """
        Take in what was answered, and decide about nodes whose answers are in.

        now
            The time, in seconds since 1970.

        What cannot be recorded is worked on again the next time.
        """
        wrong = []
        while self._heard:
            node, function, answer = self._heard[0]
            with self._engine.alone(node):
                if (why := self._taken(node, function, answer)) is not None:
                    wrong.append(why)
            self._heard.popleft()
        if wrong:
            log.warning("Rejoin does not count %d reports, such as: %s", len(wrong), wrong[0])
        self._settle(now)

    def _taken(self, node, function, answer):
        """Take in an answer, which counts only when the node's key signed it; else return why."""
        if function == buses.SYNC or (function == buses.EVIDENCE and isinstance(answer, str)):
            self._without_modules(node, function)
            return None
        public = self._engine.keys.accepted(node) if proof.nonce(answer) else None
        if public is None:
            return None
        try:
            report = proof.check(answer, public, node)
        except proof.ProofError as err:
            return str(err)
        board = proof.board(report)
        if function == buses.VERIFY:
            if not self._engine.rollouts.verified(node, report, time.time()):
                self._verified(node, public, board, report)
        elif self._decided.get(node, ("",))[0] == report["nonce"]:
            self._second(node, public, board)
        elif self._engine.probes.answered(node, report["nonce"], board.serial):
            self._engine.checks.restarted(node, report.get("minion_s"), time.time())
        elif not self._old_modules(node, report):
            found = self._answers.setdefault(
                (node, report["nonce"]), Gathered(time.time(), public, bool(report.get("fresh")))
            )
            if board not in found.boards and len(found.boards) < 8:
                found.boards.append(board)
        return None

    def _old_modules(self, node, report):
        """
        Tell whether a new card reports with modules of another day; they are brought, once.
        """
        if not report.get("fresh") or report.get("modules") == picloud_salt.modules_digest():
            return False
        doubt = self._doubts.get(node)
        if doubt is not None and doubt.nonce == report["nonce"]:
            return False
        self._without_modules(node, buses.EVIDENCE)
        return True

    def _without_modules(self, node, function):
        """
        A card whose seed had no modules of ours has none: bring them, then ask again.

        When the node itself has answered, it may be a copy on its first day. Such an answer is not
        signed and may be forged, so all it leads to is the same question: not often, and only a few
        times for one that was answered.
        """

        row, now = self._engine.ledger.rejoins.get(node), time.time()
        if row is None:
            return
        nonce = row.nonce if row.step == Step.ASKED else self._decided.get(node, ("",))[0]
        doubt = self._doubts.get(node)
        if doubt is None or doubt.nonce != nonce:
            doubt = self._doubts[node] = Doubt(nonce)
        if not nonce or not doubt.next(function, now, row.step == Step.ASKED):
            return
        if function == buses.SYNC:
            self._engine.jobs.send([node], buses.EVIDENCE, nonce)
        else:
            self._engine.bring([node])

    def _settle(self, now):
        """Decide about nodes whose answers are in."""
        for (node, nonce), found in list(self._answers.items()):
            if 0 <= now - found.at < self._engine.policy.gather_s:
                continue
            row = self._engine.ledger.rejoins.get(node)
            if row is None or row.step != Step.ASKED or row.nonce != nonce:
                del self._answers[node, nonce]
                continue
            done = True
            with self._engine.alone(node):
                done = self._settled(row, found, now)
            if done:
                del self._answers[node, nonce]

    def _settled(self, row, found, now):
        """Decide about one node; False when another one has to be asked first."""
        first, *others = found.boards
        port = self._engine.ledger.boards.port(first.mac)
        key = fingerprint(found.public)
        evidence = Evidence(row.node, key, first, tuple(others), port, found.fresh)
        try:
            decision = decide(evidence, self._engine.cloud, self._engine.history)
        except AskFirst as ask:
            if not self._engine.probes.waiting(ask.args[0], now):
                self._engine.probe(ask.args[0], now)
            return False
        had = self._engine.ledger.boards.of(row.node)
        self._engine.acts.carry_out(row, evidence, decision, now)
        self._decided[row.node] = (row.nonce, first, had)
        return True

    def _second(self, node, public, board):
        """Another answer to a question that was decided: a second board with the same key?"""
        row, (nonce, first, had) = self._engine.ledger.rejoins.get(node), self._decided[node]
        if row is not None and board.serial and board.serial != first.serial:
            self._settled(row, Gathered(0.0, public, False, [first, board]), time.time())
            if had is not None:
                # The copy may have answered first, and its board was taken for the node's new one.
                self._engine.ledger.boards.learn([(had.serial, node)])
            self._decided[node] = (nonce, first, had)

    def _verified(self, node, public, board, report):
        """Take in the verification of a node that is being converged."""
        row, now = self._engine.ledger.rejoins.get(node), time.time()
        if row is None or row.nonce != report["nonce"]:
            return
        if row.step != Step.CONVERGING:
            return
        if row.serial and board.serial and board.serial != row.serial:
            # Its card was put into another board meanwhile, or runs in two: it is asked anew.
            self._engine.ask([steps.begin(node, row, now)], now)
            return
        described = self._engine.cloud.node(node)
        if described is None:
            return
        found = problems(report, described, self._engine.policy, now)
        if found and self._engine.broken and (report.get("highstate") or {}).get("error"):
            row = steps.postponed(row, BROKEN, now, self._engine.policy.backoff_s)
        elif found and self._engine.checks.cut_off(row):
            row = steps.postponed(row, CUT_OFF, now, self._engine.policy.backoff_s)
        else:
            row = steps.verified(row, found, self._engine.policy, now, random.random())
        self._engine.ledger.rejoins.put([row])
        self._engine.acts.told(row, now)
