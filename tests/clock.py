"""
A clock of one module's own. Whoever sets the clock of all stops threads that nobody thinks of:
those of pytest's plugins wait for ever then, and Python waits for them when the tests are done.
"""

import time
from types import SimpleNamespace


def set_clock(monkeypatch, module, **functions):
    """Put other functions in the place of some of ``time`` for one module, for a test."""
    monkeypatch.setattr(module, "time", SimpleNamespace(**{**vars(time), **functions}))
