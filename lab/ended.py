"""
Run on a lab's master by ``lab.rejoin``: tells which nodes' ways back have ended, as they end.

One process that reads the ledger: ``salt-run rejoin.status`` again and again would take the master
about as much CPU as what is waited for.

Input: JSON as the only argument: ``names``, ``since`` and ``seconds``, see ``lab.rejoin.wait``.
Output: one line of JSON each time that there is something new: the rows of those that have ended.
"""

import json
import sys
import time
from typing import Any

import picloud_salt
import salt.config
from picloud.rejoin import pages
from picloud.rejoin.steps import ENDS

#: Seconds between two looks.
PAUSE = 0.5


def main(order: dict[str, Any]) -> None:
    """Look until all have ended, or until the time is over."""
    ledger = picloud_salt.ledger(salt.config.master_config("/etc/salt/master"))
    deadline, told = time.monotonic() + order["seconds"], None
    while True:
        now = time.time()
        done = {
            row.node: pages.rejoin(row, now)
            for row in ledger.rejoins.all()
            if row.node in order["names"] and row.step in ENDS and row.step_at >= order["since"]
        }
        state = {name: row["step_at"] for name, row in done.items()}
        if state != told:
            told = state
            print(json.dumps(done), flush=True)
        if len(done) == len(order["names"]) or time.monotonic() > deadline:
            break
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
