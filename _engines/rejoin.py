"""
The engine that brings nodes back: lets cards in that were issued here, and has them converged.

.. code-block:: yaml

    engines:
      - rejoin: {}
"""

import logging
import sys
from pathlib import Path

# A daemon has utils_dirs on its path from the start; a plain script may not.
_UTILS = str(Path(__file__).resolve().parent.parent / "_utils")
if _UTILS not in sys.path:
    sys.path.insert(0, _UTILS)

import picloud_salt  # noqa: E402
from picloud_rejoin.bus import Bus  # noqa: E402
from picloud_rejoin.engine import Engine  # noqa: E402
from picloud_rejoin.jobs import Jobs  # noqa: E402
from picloud_rejoin.keys import KeyStore  # noqa: E402

log = logging.getLogger(__name__)

__virtualname__ = "rejoin"


def __virtual__():
    if __opts__.get("__role") != "master":
        return False, "rejoin: this engine runs on a master"
    return __virtualname__


def start():
    """
    Run the engine; Salt starts it again when it ends.
    """
    opts = __opts__.value() if hasattr(__opts__, "value") else __opts__
    Engine(
        opts,
        ledger=picloud_salt.ledger(opts),
        store=picloud_salt.store(opts),
        keys=KeyStore(opts),
        bus=Bus(opts),
        jobs=Jobs(opts),
    ).run()
