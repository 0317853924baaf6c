"""
What the bus did not tell: keys that wait, nodes that nobody ever looked at, those that said
something while nobody listened, and who is connected.
"""

import logging

import picloud_jobs
from picloud.identity import fingerprint
from picloud.ledger import Hint
from picloud.rejoin.steps import Step

from picloud_rejoin import strangers
from picloud_rejoin.audit import audit
from picloud_rejoin.bus import EVIDENCE

log = logging.getLogger(__name__)

#: Most names of spare cards looked up in one sweep; the others knock themselves.
MOST = 1000
#: Steps in which a node is to say something: it may have done so while nobody listened.
ASKING = (Step.ADMITTED, Step.ASKED, Step.BOUND)
#: Seconds in which it may still be on its way.
QUIET_S = 10

#: Up to when the engine surely heard what was on the bus.
LISTENED = "listened"
#: Seconds in which what is on the bus is heard.
MARGIN_S = 5


def catch_up(engine, now):
    """
    Journal what was missed while no engine worked.

    engine, now
        The engine, and the time in seconds since 1970.

    A node that started since has fetched its pillar since; one on record as asked may not have been
    asked any more, which the master's job cache knows.
    """
    since = engine.ledger.marks.at(LISTENED)
    rows = engine.ledger.rejoins.all()
    looked_at = {row.node: row.step_at for row in rows}
    hints = [
        Hint("start", name, now)
        for name, at in sorted(picloud_jobs.fetched(engine.opts).items())
        if at > max(since, looked_at.get(name, 0.0))
    ]
    if asked := [row for row in rows if row.step == Step.ASKED and row.step_at > since]:
        sent = picloud_jobs.published(engine.opts, EVIDENCE, since)
        hints += [_again(row.node, now) for row in asked if (row.node, row.nonce) not in sent]
    if hints:
        log.info("Rejoin looks at %d nodes that may have started unheard", len(hints))
        engine.ledger.journal.put(hints)


def _again(name, now):
    """A hint that a node is to be asked, also when it is on record that it was."""
    return Hint("start", name, now, data={"again": True})


def sweep(engine, now):
    """
    Compare the master's keys with the ledger, and journal what was missed as hints.

    engine
        The engine.
    now
        The time, in seconds since 1970.
    """
    engine.ledger.marks.put(LISTENED, now - MARGIN_S)
    strangers.name_limited(engine, now)
    names = engine.keys.names()
    strangers.clear(engine, names["offered"], now)
    hints = [
        Hint("offer", name[:64], now, fingerprint(public), {"id": name[:512]})
        for name in _ours(engine, names["offered"])
        for public in engine.keys.offered(name)
    ]
    rows = engine.ledger.rejoins.all()
    engine.connections.expect(row.node for row in rows if row.step == Step.CONVERGED)
    recorded = {row.node for row in rows}
    unknown = {name for name in names["accepted"] - recorded if engine.cloud.node(name)}
    unheard = {row.node for row in rows if row.step in ASKING and row.step_at < now - QUIET_S}
    if missed := unknown | unheard & names["accepted"]:
        told = picloud_jobs.grains(engine.opts, missed)
        there = picloud_jobs.connected(engine.opts, told) or ()
        hints += [_again(name, now) for name in sorted(there)]
    hints += audit(engine, rows, names["accepted"], now)
    if hints:
        engine.ledger.journal.put(hints)


def _ours(engine, names):
    """Names under which a card may be let in; those of strangers may be thousands."""
    known = {name for name in names if engine.cloud.node(name)}
    spares = sorted(name for name in names if name.startswith("card-"))[:MOST]
    return sorted(known | {name for name in spares if engine.ledger.cards.get(name)})
