"""
The engine of a master, with the ledger, description, keys, bus and jobs of that master.
"""

import picloud_salt

from picloud_rejoin.bus import Bus
from picloud_rejoin.engine import Engine
from picloud_rejoin.jobs import Jobs
from picloud_rejoin.keys import KeyStore


def run(opts):
    """
    Run the engine for ever.

    opts
        The master's options.
    """
    Engine(
        opts,
        ledger=picloud_salt.ledger(opts),
        store=picloud_salt.store(opts, apart=True),
        keys=KeyStore(opts),
        bus=Bus(opts),
        jobs=Jobs(opts),
    ).run()
