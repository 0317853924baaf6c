"""
What the master accepts and has on record, compared with the cards, the boards and the description
of now: for what changed behind a node that runs, and so will not say anything itself.
"""

import logging
import os
import random

import picloud_jobs
from picloud.identity import (
    Action,
    Board,
    CardState,
    Decision,
    Evidence,
    Kind,
    decide,
    fingerprint,
)
from picloud.ledger import DecisionRow, Hint
from picloud.rejoin import steps
from picloud.rejoin.steps import Step
from picloud.rejoin.words import plain

from picloud_rejoin.history import LedgerHistory

log = logging.getLogger(__name__)

#: Up to when revoked cards were looked at, and keys that were accepted.
REVOKED, KEYS = "revoked", "keys"
#: States of cards that nobody is let in with.
OUT = (CardState.RETIRED, CardState.REVOKED)
#: Seconds that may pass from the time of a revocation until it is in the ledger.
OVERLAP_S = 60.0
#: Most keys, names and spares looked at in one sweep; the others have their turn later.
MOST_KEYS, MOST_NAMES, MOST_GUESTS = 500, 500, 200
#: Seconds after which a spare is asked again because its node seems to be gone.
GUESS_S = 300.0
#: Steps in which a node that has no key is not what the record says.
STANDING = (Step.WAITING, Step.CONVERGING, Step.CONVERGED)
#: Steps in which it is still to be found out with which card it is back.
COMING = (Step.ADMITTED, Step.BOUND, Step.ASKED)
#: More nodes without a key than this, and more than half of all: the key store is to blame.
LOST = 10


class _Recorded(LedgerHistory):
    """A history that asks nobody: who holds no connection to the master is taken for gone."""

    def __init__(self, engine):
        super().__init__(engine.ledger, engine.probes)
        self._opts = engine.opts
        self.guessed = False

    def alive(self, node):
        """Return whether a node seems to answer; a master that cannot tell says yes."""
        if self._ledger.cards.in_use(node) is None:
            return False
        there = picloud_jobs.connected(self._opts, picloud_jobs.grains(self._opts, [node]))
        alive = there is None or node in there
        self.guessed = self.guessed or not alive
        return alive


def audit(engine, rows, accepted, now):
    """
    Let record and key store follow what was revoked, taken out of service, or edited.

    engine
        The engine.
    rows, accepted
        All rows of the ledger, and the ids that have an accepted key.
    now
        The time, in seconds since 1970.

    Returns hints for the journal: spare cards that would leave the lobby now.
    """
    _keys(engine, now)
    _revoked(engine, now)
    gone = _undescribed(engine, [row.node for row in rows])
    for name in gone - accepted:
        if engine.keys.accepted(name) is None:
            log.info("Rejoin forgets %s: it is not described, and has no key", name)
            engine.ledger.rejoins.forget(name)
    standing = [row for row in rows if row.step in STANDING]
    _lost(engine, [row for row in standing if row.node not in accepted], len(standing), now)
    retired = engine.ledger.boards.retired()
    for row in standing:
        if row.node in accepted and (row.serial in retired or row.node in gone):
            with engine.alone(row.node):
                _held(engine, row.node, now)
    return _guests(engine, [row for row in rows if row.step == Step.LOBBY], now)


def _undescribed(engine, names):
    """Those of some names that are of no node of the description."""
    some = names if len(names) <= MOST_NAMES else random.sample(names, MOST_NAMES)
    return {name for name in some if engine.cloud.node(name) is None}


def _revoked(engine, now):
    """Keys and rows of cards that were revoked since."""
    since = engine.ledger.marks.at(REVOKED)
    found = engine.ledger.cards.revoked(since - OVERLAP_S if since <= now else 0.0)
    for card in found:
        with engine.alone(card.card):
            reason = f"{card.card} was revoked ({plain(card.reason)})"
            removed = _take(engine, card, (card.node, card.card), reason)
            row = engine.ledger.rejoins.get(card.node) if card.node else None
            if row is not None and (removed or _ran_with(engine, row, card)):
                _aside(engine, row, card.card, reason, now)
    engine.ledger.marks.put(REVOKED, now)


def _ran_with(engine, row, card):
    """Tell whether a node has nothing but a card that was revoked."""
    if row.step in COMING:
        return engine.keys.accepted(row.node) is None
    # Two boards with one key: it was quarantined when its card was revoked, and says why.
    told = row.step == Step.QUARANTINED and row.step_at >= card.changed_at
    return row.card == card.card and not told


def _keys(engine, now):
    """Keys that were accepted since, of cards that are out."""
    since = engine.ledger.marks.at(KEYS)
    since = since if since <= now else 0.0
    changed = sorted((at, name) for name, at in _accepted(engine.opts) if at > since)
    if not changed:
        return
    last = changed[min(MOST_KEYS, len(changed)) - 1][0]
    for at, name in changed:
        if at > last:
            break
        with engine.alone(name):
            public = engine.keys.accepted(name)
            card = public and engine.ledger.cards.by_fingerprint(fingerprint(public))
            if card and card.state in OUT and at > card.changed_at:
                reason = f"{card.card} is {card.state} and its key was accepted again by hand"
                _take(engine, card, (name,), reason)
                row = engine.ledger.rejoins.get(name) or steps.begin(name, None, now)
                _aside(engine, row, card.card, reason, now)
    engine.ledger.marks.put(KEYS, min(last, now))


def _accepted(opts):
    """
    Yield ids of accepted keys, and when each was put there.

    From the files of Salt's own key store (salt/cache/localfs_key.py): to ask it for each key takes
    seconds at 10,000 nodes. A key store that is no folder tells nothing here.
    """
    place = opts["cluster_pki_dir"] if opts.get("cluster_id") else opts["pki_dir"]
    try:
        with os.scandir(os.path.join(place, "minions")) as files:
            for file in files:
                try:
                    # Not when it was written: a file that is copied or moved here may say anything.
                    yield file.name, file.stat(follow_symlinks=False).st_ctime
                except OSError:
                    continue  # it was taken off meanwhile
    except OSError as err:
        log.debug("The key store has no folder of accepted keys: %s", err)


def _take(engine, card, names, reason):
    """Take the key of a card away, and the row that it had as a spare; tell whose key it was."""
    removed = [
        name
        for name in dict.fromkeys(filter(None, names))
        if engine.keys.accepted(name) is not None and engine.keys.remove(name, card.public)
    ]
    if removed:
        engine.keys.rotate()
        log.warning("Rejoin took the key of %s away: %s", removed[0], reason)
    engine.ledger.rejoins.forget(card.card)
    return removed


def _aside(engine, row, card, reason, now):
    """A node has no key any more: it is set aside, with a line in its history."""
    if engine.cloud.node(row.node) is None:
        return  # its row is not needed any more
    said = f"{reason}; prepare a new card: salt-run card.prepare node={row.node}"
    kind = str(Kind.RETURNED)
    if row.kind == steps.BY_HAND:
        engine.ledger.decisions.add(DecisionRow(row.node, now, kind, "stop", said, card))
    elif row.reason != said:
        new = steps.move(row, Step.QUARANTINED, now, kind=kind, reason=said, verified=False)
        engine.ledger.rejoins.put([new])
        engine.acts.told(new, now)


def _lost(engine, rows, standing, now):
    """Nodes whose key was taken away by hand."""
    if len(rows) > max(LOST, standing / 2):
        place = engine.opts.get("pki_dir")
        text = "%d of %d nodes on record have no accepted key; is %s the right key store?"
        log.error(text, len(rows), standing, place)
        return
    for row in rows:
        with engine.alone(row.node):
            # As it is now: cards that were revoked have been looked at since.
            if (
                engine.keys.accepted(row.node) is None
                and engine.ledger.rejoins.get(row.node) == row
            ):
                reason = f"the key of {row.node} was taken off the master by hand"
                _aside(engine, row, row.card or None, reason, now)


def _held(engine, name, now):
    """A node that runs on what it may not run on any more: decided about as if it had started."""
    row = engine.ledger.rejoins.get(name)
    evidence = _evidence(engine, row) if row is not None and row.step in STANDING else None
    if evidence is None:
        return
    decision = decide(evidence, engine.cloud, _Recorded(engine))
    if decision.action is Action.HOLD:
        engine.acts.carry_out(row, evidence, decision, now)


def _guests(engine, rows, now):
    """Hints to ask spare cards again about which would be decided otherwise now."""
    told = picloud_jobs.grains(engine.opts, [row.node for row in rows[:MOST_GUESTS]])
    there = picloud_jobs.connected(engine.opts, told) or ()
    hints = []
    for row in rows:
        if row.node not in there:
            continue  # it is asked when it starts
        with engine.alone(row.node):
            if _otherwise(engine, row, now):
                hints.append(Hint("start", row.node, now, data={"again": True}))
    return hints


def _otherwise(engine, row, now):
    """Tell whether a spare card would not stay in the lobby for the reason that is on record."""
    evidence, history = _evidence(engine, row), _Recorded(engine)
    if evidence is None:
        return False
    decision: Decision = decide(evidence, engine.cloud, history)
    if (decision.action, decision.reason) == (Action.LOBBY, row.reason):
        return False
    return not history.guessed or row.step_at < now - GUESS_S


def _evidence(engine, row):
    """What a node said when it was last asked, as far as that is on record."""
    card = engine.ledger.cards.get(row.card) if row.card else None
    if card is None:
        return None
    seen = engine.ledger.boards.get(row.serial) if row.serial else None
    mac, model = (seen.mac, seen.model) if seen else (None, None)
    board = Board(serial=row.serial or None, mac=mac, model=model)
    return Evidence(row.node, card.fingerprint, board, port=engine.ledger.boards.port(mac))
