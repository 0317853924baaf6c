"""
The ledger: what the master knows that no description says. Cards issued, boards seen, keys let in,
and how far each node is on its way back.

One database through SQLAlchemy Core: SQLite (WAL) by default, PostgreSQL by URL. Every write is one
transaction; what cannot be written raises :class:`StorageError` and leaves all as it was.
"""

from __future__ import annotations

from picloud.ledger.admissions import Admissions, Pending
from picloud.ledger.benchmarks import Benchmarks
from picloud.ledger.boards import BoardRow, Boards
from picloud.ledger.builds import Builds
from picloud.ledger.cards import CardRow, CardShelf
from picloud.ledger.database import Database, StorageError
from picloud.ledger.decisions import DecisionRow, Decisions
from picloud.ledger.journal import Hint, Journal
from picloud.ledger.marks import Marks
from picloud.ledger.overrides import Overrides
from picloud.ledger.rejoins import Batches, Rejoin, Rejoins
from picloud.ledger.rollouts import Rollouts
from picloud.ledger.strangers import Strangers
from picloud.ledger.swarms import Swarms

__all__ = [
    "BoardRow",
    "CardRow",
    "DecisionRow",
    "Hint",
    "Ledger",
    "Pending",
    "Rejoin",
    "StorageError",
]


class Ledger:
    """
    The ledger of one master.

    url
        ``sqlite:////var/lib/picloud/ledger.db`` or ``postgresql+psycopg://user@host/name``. The
        file of SQLite is made with mode 0600 in a folder of mode 0700.

    Tables are made, or migrated forward, when it is first used. Raises StorageError when the
    database cannot be used or is of a newer version.

    .. code-block:: python

        ledger = Ledger("sqlite:////var/lib/picloud/ledger.db")
        ledger.cards.in_use("pi3")
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.cards = CardShelf(self.database)
        self.boards = Boards(self.database)
        self.journal = Journal(self.database)
        self.rejoins = Rejoins(self.database)
        self.batches = Batches(self.database)
        self.admissions = Admissions(self.database)
        self.decisions = Decisions(self.database)
        self.strangers = Strangers(self.database)
        self.marks = Marks(self.database)
        self.swarms = Swarms(self.database)
        self.rollouts = Rollouts(self.database)
        self.overrides = Overrides(self.database)
        self.builds = Builds(self.database)
        self.benchmarks = Benchmarks(self.database)
