"""
What the engine does about a decision: keys in and out, boards learned, nodes told.

Each act is recorded first and can be repeated: after a crash the ledger says what is still to be
done.
"""

import logging
import time
from dataclasses import replace

from picloud.identity import Action, CardState, Decision, Kind, fingerprint
from picloud.ledger import DecisionRow, Hint
from picloud.ledger.admissions import Pending
from picloud.ledger.rejoins import Rejoin
from picloud.rejoin import steps
from picloud.rejoin.steps import Step

log = logging.getLogger(__name__)

#: Seconds for which a key that was let in is looked at: a request takes the master far less.
SETTLE_S = 3.0
#: Steps that are told to whoever listens, and under which name.
HOOKS = {
    Step.CONVERGED: "converged",
    Step.QUARANTINED: "quarantined",
    Step.HELD: "held",
    Step.LOBBY: "lobby",
}
#: Steps that an admin has to end: told again only when there is something else to say.
WAIT_FOR_ADMIN = (Step.LOBBY, Step.HELD, Step.QUARANTINED)


class Acts:
    """
    The acts of an engine.

    engine
        The engine, for its ledger, keys, bus and jobs.
    """

    def __init__(self, engine):
        self._engine = engine
        self._ledger, self._keys = engine.ledger, engine.keys

    def apply_admissions(self):
        """
        Put keys that were admitted among the accepted ones; strike off the list those that stay.

        Salt 3008.3 takes the present key off before it writes the new one. Whoever knocks under
        that name in between makes the master write that key as a pending one, and the new one is
        lost: so it is looked at again until nobody can be in between any more.
        """
        now = time.time()
        for pending in self._ledger.admissions.waiting():
            accepted = self._keys.accepted(pending.node)
            if accepted is None or fingerprint(accepted) != fingerprint(pending.public):
                self._keys.accept(pending.node, pending.public)
            elif not 0 <= now - pending.at < SETTLE_S:
                self._ledger.admissions.applied(pending)

    def let_in(self, name, public, admission, began, now):
        """
        Let a key in: recorded, accepted, told.

        name, public, admission
            The id it was offered under, the key, and the decision about it.
        began, now
            When it was first looked at, and now.
        """
        node = admission.node or name
        if admission.node is not None:
            new = Pending(node, admission.card, public, admission.replaces, now)
            self._ledger.admissions.record(new)
        else:
            self._keys.accept(name, public)  # a spare goes by its own id until it is bound
        self._enter(node, admission, began, now)
        self._decided(
            DecisionRow(node, now, str(admission.kind), "admit", admission.reason, admission.card)
        )
        self.apply_admissions()
        self._engine.bus.tell("admitted", node, kind=str(admission.kind), reason=admission.reason)

    def _enter(self, node, decided, began, now):
        """A node's way back begins; one held by hand has its new key, and goes no further."""
        before = self._ledger.rejoins.get(node)
        if before is not None and before.kind == steps.BY_HAND:
            return
        row = steps.begin(node, before, began)
        row = steps.admitted(row, str(decided.kind), decided.reason, self._engine.policy, now)
        self._ledger.rejoins.put([row])

    def carry_out(self, row, evidence, decision, now):
        """
        Do what was decided about a node that started.

        row, evidence, decision, now
            Its row, what it said, what was decided, and the time.
        """
        card = self._ledger.cards.by_fingerprint(evidence.fingerprint)
        board, name = evidence.board, evidence.id
        if board.serial:
            self._ledger.boards.saw(board.serial, board.mac, board.model, now)
        if decision.learn:
            self._ledger.boards.learn(decision.learn)
        if card is not None and board.serial:
            self._ledger.cards.runs_on(card.card, board.serial)
        if decision.action is Action.STOP:
            self._stop(card, name, decision.reason, now)
        if card is not None and card.spare and card.node == name:
            # The name that it had in the lobby.
            self._keys.remove(card.card, card.public)
            self._ledger.rejoins.forget(card.card)
        known = card.card if card is not None else ""
        new = steps.decided(row, decision, known, board.serial or "", now)
        self._ledger.rejoins.put([new])
        if row.aside and new.step == Step.QUARANTINED and decision.kind is Kind.RESTART:
            return  # it is on record why it was set aside
        self._record(name, decision, known, board.serial, now)
        if decision.action is Action.BIND and card.node is None:
            self._bind(card, decision, now)
        elif decision.action is Action.BIND:
            self._engine.jobs.send([name], "pirejoin.become", card.node)
        if decision.action is Action.CONVERGE and decision.learn:
            self._look_again(decision, name, now)
        # While it is asked again, its row keeps what was said of it the last time.
        if new.step not in WAIT_FOR_ADMIN or (new.kind, new.reason) != (row.kind, row.reason):
            self.told(new, now, decision.reason)

    def told(self, row, now, on_record=""):
        """
        Tell the end of a way back to whoever listens, and record it.

        row, now
            The node's row, and the time.
        on_record
            A reason that is on record already.
        """
        if row.step not in HOOKS:
            if row.tries:
                log.warning("Rejoin of %s: %s", row.node, row.reason)
            return
        what = HOOKS[row.step]
        level = logging.INFO if row.step == Step.CONVERGED else logging.WARNING
        log.log(level, "Rejoin of %s: %s: %s", row.node, what, row.reason)
        verified = row.step == Step.CONVERGED and str(Step.CONVERGING) in row.seconds
        if verified:
            self._engine.connections.expect([row.node])
        if verified or (row.step == Step.QUARANTINED and row.reason != on_record):
            reason = row.reason if row.step == Step.QUARANTINED else _took(row)
            self._decided(DecisionRow(row.node, now, row.kind, what, reason, row.card or None))
        self._engine.bus.tell(what, row.node, kind=row.kind, reason=row.reason)

    def asked_for(self, hint, now):
        """
        Do what an admin asked for with the runner ``rejoin``; tell whether the node is looked at
        again because of it.

        hint, now
            ``hold``, ``retry``, ``release`` or ``adopt``, with its ``data``, and the time.
        """
        if hint.kind == "adopt":
            self._adopt(hint, now)
            return False
        row = self._ledger.rejoins.get(hint.node)
        if hint.kind == "hold":
            row = row or steps.begin(hint.node, None, now)
            row = steps.held_by_hand(row, str(hint.data.get("reason", "")), now)
            self._ledger.rejoins.put([row])
            self._decided(DecisionRow(row.node, now, row.kind, "hold", row.reason))
            self.told(row, now)
            return False
        if row is not None:
            freed = steps.freed(row)
            self._ledger.rejoins.put([freed])
            self._decided(DecisionRow(row.node, now, row.kind, hint.kind, freed.reason))
        return True

    def _adopt(self, hint, now):
        """Make a spare card a node, or let a node keep the board that it came with."""
        row = self._ledger.rejoins.get(hint.node)
        node = hint.data.get("node")
        card = self._ledger.cards.get(hint.node)
        if card is not None and card.state is CardState.ISSUED and self._engine.cloud.node(node):
            reason = f"{card.card} was made {node} by hand"
            learn = ((row.serial, node),) if row is not None and row.serial else ()
            decision = Decision(Kind.SPARE, Action.BIND, node, reason, learn)
            self._ledger.boards.learn(learn)
            if row is not None:
                serial = row.serial
                self._ledger.rejoins.put([steps.decided(row, decision, card.card, serial, now)])
            self._record(node, decision, card.card, None, now)
            self._bind(card, decision, now)
        elif row is not None and row.step == Step.HELD:
            self._ledger.boards.learn([(row.serial, row.node)])
            reason = f"{row.node} may keep board {row.serial}, as an admin said"
            decision = Decision(Kind(row.kind), Action.CONVERGE, row.node, reason)
            new = steps.decided(row, decision, row.card, row.serial, now)
            self._ledger.rejoins.put([new])
            self._record(row.node, decision, row.card, row.serial, now)

    def _bind(self, card, decision, now):
        """Make a spare card the card of a node."""
        node = decision.node
        present = self._ledger.cards.in_use(node)
        replaces = present.card if present is not None else None
        self._ledger.admissions.record(Pending(node, card.card, card.public, replaces, now))
        self._enter(node, decision, now, now)
        self.apply_admissions()
        self._engine.jobs.send([card.card], "pirejoin.become", node)
        self._engine.bus.tell("admitted", node, kind=str(decision.kind), reason=decision.reason)

    def _stop(self, card, name, reason, now):
        """Take a card's key away for good; a spare that is being bound goes by two names."""
        public, names = self._keys.accepted(name), {name}
        if card is not None:
            self._ledger.cards.mark(card.card, CardState.REVOKED, now, reason)
            public, names = card.public, names | {card.card, card.node or name}
        removed = [one for one in sorted(names) if public and self._keys.remove(one, public)]
        if removed:
            self._keys.rotate()

    def _look_again(self, decision, name, now):
        """Nodes held because their board is another one's: it may be free now, or theirs."""
        learned = {node: serial for serial, node in decision.learn}
        for row in self._ledger.rejoins.at([Step.HELD]):
            if row.node == name or row.kind != Kind.MOVED:
                continue
            if decision.kind is Kind.EXCHANGED and learned.get(row.node) == row.serial:
                new = steps.released(row, str(decision.kind), decision.reason, now)
                self._ledger.rejoins.put([new])
                theirs = replace(decision, node=row.node)
                self._record(row.node, theirs, row.card, row.serial, now)
            else:
                self._ledger.journal.put([Hint("start", row.node, now, data={"again": True})])

    def _record(self, name, decision, card, serial, now):
        reason = "; ".join((decision.reason, *decision.notes))
        action = str(decision.action)
        kind = str(decision.kind)
        self._decided(DecisionRow(name, now, kind, action, reason, card or None, serial))

    def _decided(self, row):
        self._ledger.decisions.add(row)
        log.info("Rejoin of %s: %s, %s: %s", row.node, row.kind, row.action, row.reason)


def _took(row: Rejoin) -> str:
    """How long each step took, in words."""
    steps_of = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in row.seconds.items())
    return f"{row.node} is verified" + (f" ({steps_of})" if steps_of else "")
