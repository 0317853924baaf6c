"""
Who is who: may a card be let in, and what does it mean that a node talks to the master again?

Two pure functions: :func:`admit` looks at an offered key, :func:`decide` at the signed evidence of
a node that started. Both return data with a reason in words and change nothing.
"""

from picloud.identity.admission import admit, shut_out
from picloud.identity.decision import decide
from picloud.identity.types import (
    Action,
    Admission,
    Board,
    CardRecord,
    Cards,
    CardState,
    Decision,
    Evidence,
    History,
    Kind,
    Offer,
    Seen,
    Verdict,
    fingerprint,
)

__all__ = [
    "Action",
    "Admission",
    "Board",
    "CardRecord",
    "CardState",
    "Cards",
    "Decision",
    "Evidence",
    "History",
    "Kind",
    "Offer",
    "Seen",
    "Verdict",
    "admit",
    "decide",
    "fingerprint",
    "shut_out",
]
