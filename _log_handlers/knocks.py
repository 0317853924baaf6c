"""
Names in the master's log whoever offers a key under a name that no minion can have.

Salt refuses a name with ``/`` or ``\\``, an empty one, and what is no text; it tells no event, and
says so at level ``info`` only. Here it is a warning, with what a stranger chose escaped, and one a
minute at most: who knocks may do so very often. Loaded by ``module_dirs``.
"""

import logging
import time

__virtualname__ = "knocks"

#: What Salt 3008 says (``AuthFuncs._auth`` in salt/master.py).
SAID = "Authentication request from invalid id %s"
#: Where it says so, and a level that nobody sets: a bit more than ``info``.
LOGGER, OWN = "salt.master", logging.INFO - 1
#: Seconds from one line to the next.
PACE_S = 60.0
#: Characters of a name that are shown.
SHOWN = 64


def __virtual__():
    return __virtualname__


class OddNames(logging.Filter):
    """Lets through what would be logged anyway, and makes warnings of what is said of odd names."""

    def __init__(self):
        super().__init__()
        self._next = 0.0
        self._more = 0

    def filter(self, record):
        """Tell whether a record is to be logged; that of an odd name is changed to a warning."""
        if record.msg != SAID:
            logger = logging.getLogger(LOGGER)
            return logger.level != OWN or record.levelno >= logger.parent.getEffectiveLevel()
        now = time.monotonic()
        if now < self._next:
            self._more += 1
            return False
        # A mapping that is the only argument is all of ``args``, says logging.LogRecord.
        name = ascii(record.args[0] if isinstance(record.args, tuple) else record.args)[:SHOWN]
        more = f"; {self._more} more such knocks in between" if self._more else ""
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "Salt refuses a key that was offered as %s: no minion can have that name%s"
        record.args = (name, more)
        self._next, self._more = now + PACE_S, 0
        return True


def setup_handlers():
    """
    Look at what Salt's master says; no handler of our own is needed.
    """
    logger = logging.getLogger(LOGGER)
    for old in [one for one in logger.filters if type(one).__name__ == OddNames.__name__]:
        logger.removeFilter(old)
    logger.addFilter(OddNames())
    if logger.getEffectiveLevel() > OWN:
        logger.setLevel(OWN)
    return False
