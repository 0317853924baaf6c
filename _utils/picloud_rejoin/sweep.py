"""
What the bus did not tell: keys that wait, and nodes that nobody ever looked at.
"""

import picloud_jobs
from picloud.identity import fingerprint
from picloud.ledger import Hint

#: Most offers taken up in one sweep; the others come with the next one, or knock themselves.
MOST = 1000


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
        for name in sorted(names["offered"])[:MOST]
        for public in engine.keys.offered(name)
    ]
    recorded = {row.node for row in engine.ledger.rejoins.all()}
    unknown = {name for name in names["accepted"] - recorded if engine.cloud.node(name)}
    if unknown:
        told = picloud_jobs.grains(engine.opts, unknown)
        there = picloud_jobs.connected(engine.opts, told) or ()
        hints += [Hint("start", name, now) for name in sorted(there)]
    if hints:
        engine.ledger.journal.put(hints)
