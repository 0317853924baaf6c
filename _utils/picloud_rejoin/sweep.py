"""
What the bus did not tell: keys that wait, nodes that nobody ever looked at, and those that said
something while nobody listened.
"""

import picloud_jobs
from picloud.identity import fingerprint
from picloud.ledger import Hint
from picloud.rejoin.steps import Step

#: Most names of spare cards looked up in one sweep; the others knock themselves.
MOST = 1000
#: Steps in which a node is to say something: it may have done so while nobody listened.
ASKING = (Step.ADMITTED, Step.ASKED, Step.BOUND)
#: Seconds in which it may still be on its way.
QUIET_S = 10


def sweep(engine, now):
    """
    Compare the master's keys with the ledger, and journal what was missed as hints.

    engine
        The engine.
    now
        The time, in seconds since 1970.
    """
    names = engine.keys.names()
    hints = [
        Hint("offer", name[:64], now, fingerprint(public), {"id": name[:512]})
        for name in _ours(engine, names["offered"])
        for public in engine.keys.offered(name)
    ]
    rows = engine.ledger.rejoins.all()
    recorded = {row.node for row in rows}
    unknown = {name for name in names["accepted"] - recorded if engine.cloud.node(name)}
    unheard = {row.node for row in rows if row.step in ASKING and row.step_at < now - QUIET_S}
    if missed := unknown | unheard & names["accepted"]:
        told = picloud_jobs.grains(engine.opts, missed)
        there = picloud_jobs.connected(engine.opts, told) or ()
        hints += [Hint("start", name, now) for name in sorted(there)]
    if hints:
        engine.ledger.journal.put(hints)


def _ours(engine, names):
    """Names under which a card may be let in; those of strangers may be thousands."""
    known = {name for name in names if engine.cloud.node(name)}
    spares = sorted(name for name in names if name.startswith("card-"))[:MOST]
    return sorted(known | {name for name in spares if engine.ledger.cards.get(name)})
