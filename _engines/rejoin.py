"""
The engine that brings nodes back: lets cards in that were issued here, and has them converged.

.. code-block:: yaml

    engines:
      - rejoin: {}
"""

import sys
from pathlib import Path

UTILS = str(Path(__file__).resolve().parent.parent / "_utils")

__virtualname__ = "rejoin"


def __virtual__():
    if __opts__.get("__role") != "master":
        return False, "rejoin: this engine runs on a master"
    return __virtualname__


def start():
    """
    Run the engine; Salt starts it again when it ends.
    """
    # Salt's loader puts the path back after it has loaded a file.
    if UTILS not in sys.path:
        sys.path.insert(0, UTILS)
    # The master loads this file before it makes its other processes: what it imported at the top
    # would be in the memory of each of them.
    from picloud_rejoin import service  # noqa: PLC0415

    service.run(__opts__.value() if hasattr(__opts__, "value") else __opts__)
