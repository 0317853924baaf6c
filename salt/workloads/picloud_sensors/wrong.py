"""
Messages that cannot be used: all are counted, and each kind from each topic is named once.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

#: Most kinds that are told apart, and letters of a topic that are shown.
MOST, LONGEST = 100, 80


class Kind(NamedTuple):
    """
    What is wrong, and where.

    topic
        The topic, cut short and without signs that a terminal would act on.
    reason
        Why its messages cannot be used.
    """

    topic: str
    reason: str


class Wrong:
    """
    Counts wrong messages, of a bounded number of kinds.

    >>> wrong = Wrong()
    >>> wrong.count("sensors/pi3/t", "the message has no value")
    Kind(topic='sensors/pi3/t', reason='the message has no value')
    >>> wrong.count("sensors/pi3/t", "the message has no value")
    >>> wrong.total
    2
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        #: Messages by kind; those of later kinds are only in ``total``.
        self.kinds: Counter[Kind] = Counter()
        self.total = 0

    def count(self, topic: str, reason: str) -> Kind | None:
        """
        Count a message; return its kind when it is the first of it, else None.

        topic, reason
            Where it came from, and why it cannot be used.
        """
        self.total += 1
        kind = Kind(shown(topic), reason)
        new = kind not in self.kinds
        if new and len(self.kinds) >= self._most:
            return None
        self.kinds[kind] += 1
        return kind if new else None


def shown(topic: str) -> str:
    """
    Return a topic as it may be shown anywhere.

    >>> shown("a\\x1b[2Jb")
    'a?[2Jb'
    """
    text = "".join(sign if sign.isprintable() else "?" for sign in topic[:LONGEST])
    return text if len(topic) <= LONGEST else f"{text}..."
