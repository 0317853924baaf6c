"""
The engine of rejoin: hears, records, decides, and moves each node one step.

All that must not be lost is in the ledger before anything is done about it; what is only in memory
(questions under way) is asked again after a restart. Decisions are in ``picloud.identity``, steps
in ``picloud.rejoin.steps``; here they meet the master's keys, bus and jobs.
"""

import logging
import random
import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum

import picloud_jobs
from picloud import database
from picloud.identity import Offer, Verdict, admit, fingerprint, shut_out
from picloud.ledger import DecisionRow, StorageError
from picloud.ledger.strangers import Stranger
from picloud.rejoin import steps
from picloud.rejoin.schedule import Waiting, pick
from picloud.rejoin.steps import Step
from picloud_rollout import Rollouts

from picloud_rejoin import bus as buses
from picloud_rejoin.acts import Acts
from picloud_rejoin.answers import Answers
from picloud_rejoin.checks import Checks
from picloud_rejoin.connections import Connections
from picloud_rejoin.history import LedgerHistory, Probes
from picloud_rejoin.sweep import LISTENED, catch_up, sweep

log = logging.getLogger(__name__)

#: The ledger, or the compiled description, cannot be read or written now.
UNUSABLE = (StorageError, database.StorageError)
#: Hints looked at in one round.
ROUND = 1000
#: Seconds until a batch that nobody claimed is asked for again.
UNCLAIMED_S = 30.0
#: Seconds between two questions to one node, however often it is said to have started.
PACE_S = 5.0
#: Seconds by which the master's clock may go back before anything is made of it.
CLOCK_S = 5.0
#: The time of a fetched pillar is known in whole seconds.
FETCH_S = 1.0
#: Hints kept in memory while the ledger cannot be written; those of more nodes come again.
KEPT = 20000


class Look(Enum):
    """When to look at a node."""

    NOW = 1
    LATER = 2
    NEVER = 3


class Engine:
    """
    The engine of one master.

    opts
        The master's options.
    ledger, store, keys, bus, jobs
        Where things are recorded; the compiled description; key store, bus and jobs of the master.
    """

    def __init__(self, opts, *, ledger, store, keys, bus, jobs):
        self.opts, self.ledger, self.store = opts, ledger, store
        self.keys, self.bus, self.jobs = keys, bus, jobs
        self.cloud = None
        self.probes = Probes()
        self.connections = Connections(opts)
        self.history = LedgerHistory(ledger, self.probes)
        self.acts = Acts(self)
        self.answers = Answers(self)
        self.checks = Checks(self)
        self.rollouts = Rollouts(self)
        self._heard = {}
        self._swept = self._went = self._storage_said = self._clock = 0.0
        self.broken = False
        #: When each address that knocks too often was named.
        self.limited = {}

    @property
    def policy(self):
        """The description's ``rejoin``."""
        return self.cloud.rejoin

    def run(self):
        """Work for ever."""
        while not self.retried(self.resume):
            pass
        while True:
            self.round(self.bus.drain(wait=0.25))

    def round(self, events):
        """
        Take in some events and do what is to be done now.

        events
            What :meth:`Bus.drain` returned.
        """
        for tag, data in events:
            if (hint := buses.hint(tag, data)) is not None:
                key = (hint.kind, hint.node, hint.fingerprint)
                if key in self._heard or len(self._heard) < KEPT:
                    self._heard[key] = hint
            elif (found := buses.answer(tag, data)) is not None:
                self.answers.take(*found)
        self.retried(self._work)

    def resume(self):
        """Take up what was under way when the engine ended."""
        if self._compiled():
            self._watch_clock(time.time())
        busy = self.ledger.rejoins.at([Step.CONVERGING])
        self.checks.resume(busy)
        if busy:
            log.info("Rejoin goes on with %d nodes", len(busy))
        catch_up(self, time.time())

    def retried(self, work):
        """
        Work as far as the ledger can be written; what could not be recorded is not done.

        Returns whether all was done.
        """
        try:
            work()
            return True
        except UNUSABLE as err:
            now = time.time()
            if now - self._storage_said > 60:
                self._storage_said = now
                log.error("Rejoin lets nobody in and goes on by itself when it can: %s", err)
            time.sleep(1)
            return False

    @contextmanager
    def alone(self, name):
        """What is wrong with one name never stops the others; nothing is done for that one."""
        try:
            yield
        except UNUSABLE:
            raise
        except Exception:
            log.exception("Rejoin leaves %a out, this is a fault of the engine", name[:64])

    def _compiled(self):
        cloud, faults = self.store.register()
        if bool(faults) != self.broken:
            self.broken = bool(faults)
            if faults:
                log.warning("Rejoin converges nobody until this is mended: %s", faults[0])
        self.cloud = cloud or self.cloud
        return self.cloud is not None

    def _watch_clock(self, now):
        """Times on record that are to come say nothing: a Pi that is the master has no clock."""
        if now > self._clock - CLOCK_S and self._clock:
            self._clock = now
            return
        ahead = [row for row in self.ledger.rejoins.all() if row.step_at > now + CLOCK_S]
        if ahead or self._clock:
            log.warning("The clock went back; %d nodes begin their step anew", len(ahead))
            self.ledger.rejoins.put([steps.clamped(row, self.policy, now) for row in ahead])
            if self.ledger.marks.at(LISTENED) > now:
                self.ledger.marks.put(LISTENED, 0.0)
            self.probes.asked.clear()
            self.checks.forget()
            self._swept = 0.0
        self._clock = now

    def _work(self):
        if self._heard:
            self.ledger.journal.put(list(self._heard.values()))
            self._heard.clear()
        if not self._compiled():
            return
        now = time.time()
        self._watch_clock(now)
        self.acts.apply_admissions()
        while hints := self.ledger.journal.waiting(ROUND):
            again = self._look(hints, now)
            self.ledger.journal.done([hint for hint in hints if hint not in again])
            if again or len(hints) < ROUND:
                break
        self.answers.work(now)
        self.checks.work(now)
        self._overdue(now)
        self.rollouts.work(now)
        self._dispatch(now)
        self.connections.look(now)
        if now - self._swept > self.policy.sweep_s:
            self._swept = now
            sweep(self, now)

    def _look(self, hints, now):
        """Look at what hints point to; return those to be looked at again."""
        again, starts = [], []
        for hint in hints:
            with self.alone(hint.node):
                if hint.kind == "offer":
                    if not self._offered(hint, now):
                        again.append(hint)
                elif hint.kind == "start" and hint.data.get("again") and self._repeated(hint.node):
                    continue
                elif hint.kind == "start":
                    look = Look.NOW if hint.data.get("again") else self._worth(hint.node, now)
                    if look is Look.NOW:
                        starts.append(hint.node)
                    elif look is Look.LATER:
                        again.append(hint)
                elif self.acts.asked_for(hint, now):
                    starts.append(hint.node)
        self._started(starts, now)
        return again

    def _offered(self, hint, now):
        """Decide about an offered key; False when it has to be looked at again."""
        name = str(hint.data.get("id", hint.node))
        public = next(
            (one for one in self.keys.offered(name) if fingerprint(one) == hint.fingerprint), None
        )
        if public is None:
            # Forged, settled meanwhile, or a stranger's key has the one place for refused keys.
            self._make_room(name)
            if self.cloud.node(name) is not None and self.keys.rejected(name):
                # Whose key it is only the event says: one line for all of them.
                self._refuse(name, replace(hint, fingerprint=""), shut_out(name), now)
            return True
        alive = self.probes.alive(name, now)
        admission = admit(Offer(name, hint.fingerprint, alive), self.ledger.cards, self.cloud)
        if admission.verdict is Verdict.ASK:
            if not self.probes.waiting(name, now):
                self.probe(name, now)
            return False
        if admission.verdict is Verdict.ADMIT:
            began = self.probes.asked.pop(name).since if name in self.probes.asked else now
            self.acts.let_in(name, public, admission, began, now)
        else:
            self._refuse(name, hint, admission, now)
            self.keys.forget_denied(name, public)
        return True

    def _make_room(self, name):
        """Take strangers' keys off the list of refused ones; what they offered is on record."""
        for public in self.keys.denied(name):
            if self.ledger.cards.by_fingerprint(fingerprint(public)) is None:
                self.keys.forget_denied(name, public)

    def _refuse(self, name, hint, admission, now):
        seen = Stranger(hint.node, hint.fingerprint, admission.reason, hint.times, now, now)
        if self.ledger.strangers.saw(seen):
            log.warning("Rejoin refuses %a: %s", name[:64], admission.reason)
            if self.cloud.node(name) is not None:
                row = DecisionRow(
                    name, now, str(admission.kind), "refuse", admission.reason, admission.card
                )
                self.ledger.decisions.add(row)
            self.bus.tell("refused", hint.node, kind=str(admission.kind), reason=admission.reason)

    def _repeated(self, name):
        """Ask a node the same again that was asked already; its time limit stays."""
        row = self.ledger.rejoins.get(name)
        if row is None or row.step != Step.ASKED or self.keys.accepted(name) is None:
            return False
        self.jobs.send([name], buses.EVIDENCE, row.nonce)
        return True

    def _worth(self, name, now):
        """Tell whether to look at a node that is said to have started: that may be said often."""
        row = self.ledger.rejoins.get(name)
        if row is None:
            return Look.NOW
        fetched = picloud_jobs.fetched(self.opts, [name]).get(name, 0.0)
        if 0 < fetched < row.step_at - FETCH_S:
            return Look.NEVER  # what started since fetched its pillar, and this one did not
        if row.step == Step.ASKED and now < row.step_at + PACE_S:
            return Look.LATER
        return Look.NOW

    def _started(self, names, now):
        """Ask nodes that started who they are."""
        rows = []
        for name in names:
            row = self.ledger.rejoins.get(name)
            if row is not None and row.kind == steps.BY_HAND:
                continue
            if self.cloud.node(name) is None:
                card = self.ledger.cards.get(name) or self.ledger.cards.in_use(name)
                if card is None:
                    continue
                if card.spare and card.node not in (None, name):
                    self.jobs.send([name], "pirejoin.become", card.node)
                    continue
            if self.keys.accepted(name) is None:
                continue
            if row is not None and row.step == Step.CONVERGING:
                # Its minion or its power went away in the middle, or an event only says so.
                if not self.probes.waiting(name, now):
                    self.probe(name, now)
                continue
            if row is None or row.step not in (Step.ADMITTED, Step.BOUND, Step.ASKED):
                row = steps.begin(name, row, now)
            rows.append(row)
        self.ask(rows, now)

    def ask(self, rows, now):
        """
        Ask nodes who they are.

        rows, now
            Their rows, and the time in seconds since 1970.
        """
        if not rows:
            return
        nonce = secrets.token_hex(16)
        self.ledger.rejoins.put([steps.asked(row, nonce, self.policy, now) for row in rows])
        self.jobs.send([row.node for row in rows], buses.EVIDENCE, nonce)

    def bring(self, nodes):
        """
        Bring our modules to nodes that have none, or old ones; then they can say who they are.

        nodes
            Their ids.
        """
        self.jobs.send(nodes, buses.BRING, *(["base"] for _ in buses.BRING))

    def probe(self, node, now):
        """Ask whether a node still answers; one whose connection went away is silent at once."""
        nonce = secrets.token_hex(16)
        limit = 0 if self.connections.gone(node) else self.policy.limits_s.alive
        self.probes.ask(node, nonce, now, limit)
        if self.keys.accepted(node) is not None:
            self.jobs.send([node], buses.EVIDENCE, nonce)

    def _overdue(self, now):
        """Nodes whose step has taken too long; a slow one is asked once more."""
        again = {}
        for row in self.ledger.rejoins.late(now):
            late = steps.overdue(row, self.policy, now, random.random())
            self.ledger.rejoins.put([late])
            if late.step == Step.ASKED:
                again.setdefault(late.nonce, []).append(late.node)
            else:
                self.acts.told(late, now)
        for nonce, nodes in again.items():
            self.jobs.send(nodes, buses.EVIDENCE, nonce)

    def _dispatch(self, now):
        """Send nodes that wait on their way, as many as may go."""
        if now - self._went > UNCLAIMED_S / 6:
            self._went = now
            for token in self.ledger.batches.unclaimed(now - UNCLAIMED_S):
                self.bus.go(token)
        if self.broken:
            return  # a highstate would fail with that reason
        rows = {row.node: row for row in self.ledger.rejoins.at([Step.WAITING])}
        if not rows:
            return
        waiting = [Waiting(row.node, row.since, row.not_before) for row in rows.values()]
        running = [row.node for row in self.ledger.rejoins.at([Step.CONVERGING])]
        go, _why = pick(waiting, running, self.cloud, now)
        if not go:
            return
        token, nonce = secrets.token_urlsafe(24), secrets.token_hex(16)
        self.ledger.batches.add(token, nonce, go, now)
        self.ledger.rejoins.put(
            [steps.dispatched(rows[name], nonce, self.policy, now) for name in go]
        )
        # Whoever converges them may be killed, or may not reach them.
        self.checks.expect(go, now)
        self.bus.go(token)
