"""The whole truth table: card x board x port x whether who had the place before still answers."""

import itertools

import pytest
from picloud.identity import Board, CardState, Evidence, Offer, Verdict, admit, decide

from tests.unit.identity.world import World

# pi0 and pi1 have a declared board each; pi0 is at port 1, pi1 at port 2 of rack1.
DECLARED, OTHERS = "00000000e0000001", "00000000e0000002"
LEARNED, OLD, NEW = "00000000e00000aa", "00000000e00000bb", "00000000e00000cc"

CARDS = ("the node's", "spare", "another node's", "retired", "revoked", "unknown")
BOARDS = {
    "declared": DECLARED,
    "learned": LEARNED,
    "another node's": OTHERS,
    "retired": OLD,
    "unknown": NEW,
}
PORTS = {"as declared": ("rack1", 1), "elsewhere": ("rack1", 2), "not known": None}
ALIVE = {"it answers": True, "it is silent": False}

# The first row that fits a cell says what is expected; * fits all. "Old one" is the card that has
# the place now: that of pi0, or of the node to which board or port belong.
TABLE = """
card           | board          | port        | old one    | action   | kind
the node's     | *              | *           | it answers | refuse   | copy of a card
the node's     | retired        | *           | *          | hold     | retired card or board
the node's     | *              | elsewhere   | *          | hold     | wrong slot
the node's     | declared       | *           | *          | converge | new card
the node's     | learned        | *           | *          | converge | new card
the node's     | another node's | *           | *          | hold     | card moved to another board
the node's     | unknown        | *           | *          | converge | card and board
spare          | retired        | *           | *          | lobby    | spare card
spare          | *              | *           | it answers | lobby    | spare card
spare          | declared       | elsewhere   | *          | lobby    | spare card
spare          | declared       | *           | *          | bind pi0 | spare card
spare          | learned        | elsewhere   | *          | lobby    | spare card
spare          | learned        | *           | *          | bind pi0 | spare card
spare          | another node's | as declared | *          | lobby    | spare card
spare          | another node's | *           | *          | bind pi1 | spare card
spare          | unknown        | as declared | *          | bind pi0 | spare card
spare          | unknown        | elsewhere   | *          | bind pi1 | spare card
spare          | unknown        | not known   | *          | lobby    | spare card
another node's | *              | *           | *          | refuse   | stranger
retired        | *              | *           | *          | refuse   | retired card or board
revoked        | *              | *           | *          | refuse   | retired card or board
unknown        | *              | *           | *          | refuse   | stranger
"""
ROWS = [tuple(cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()[1:]]
CELLS = list(itertools.product(CARDS, BOARDS, PORTS, ALIVE))


def expected(cell):
    """Return action and kind of the first row that fits."""
    for *row, action, kind in ROWS:
        if all(said in ("*", is_) for said, is_ in zip(row, cell, strict=True)):
            return action, kind
    raise AssertionError(f"no row fits {cell}")


def world(card, board, alive):
    """A cloud where pi0 and pi1 ran, and a card that comes now."""
    made = World()
    before = LEARNED if board == "learned" else DECLARED
    made.runs("pi0", "pi0's present card", before)
    made.runs("pi1", "pi1's present card", OTHERS)
    made.out.add(OLD)
    if alive:
        made.up |= {"pi0", "pi1"}
    comes = {
        "the node's": ("pi0", CardState.ISSUED, False),
        "spare": (None, CardState.ISSUED, True),
        "another node's": ("pi1", CardState.ISSUED, False),
        "retired": ("pi0", CardState.RETIRED, False),
        "revoked": ("pi0", CardState.REVOKED, False),
    }
    if card in comes:
        node, state, spare = comes[card]
        made.issue("new card", node, state, spare)
    return made


def happens(card, board, port, alive):
    """Offer the card as its id would be, and if it is let in, decide about what it then says."""
    made = world(card, board, ALIVE[alive])
    name = "new card" if card == "spare" else "pi0"
    offer = Offer(name, "key of new card", ALIVE[alive])
    admission = admit(offer, made, made.cloud)
    if admission.verdict is not Verdict.ADMIT:
        return str(admission.verdict), str(admission.kind), admission.reason
    if admission.replaces:
        made.change(admission.replaces, state=CardState.RETIRED)
        made.change("new card", state=CardState.IN_USE)
    evidence = Evidence(name, offer.fingerprint, Board(BOARDS[board]), port=PORTS[port])
    decision = decide(evidence, made.cloud, made)
    action = str(decision.action) + (f" {decision.node}" if decision.action == "bind" else "")
    return action, str(decision.kind), decision.reason


def test_the_table_has_every_cell_and_no_row_is_idle():
    assert len(CELLS) == 6 * 5 * 3 * 2
    used = {
        next(
            number
            for number, (*row, _, _) in enumerate(ROWS)
            if all(said in ("*", is_) for said, is_ in zip(row, cell, strict=True))
        )
        for cell in CELLS
    }
    assert used == set(range(len(ROWS)))


@pytest.mark.parametrize("cell", CELLS, ids=" / ".join)
def test_cell(cell):
    action, kind, reason = happens(*cell)
    assert (action, kind) == expected(cell), reason
    assert len(reason) > 20


def test_nobody_is_asked_where_the_answer_would_not_count():
    made = world("the node's", "declared", False)
    asked = admit(Offer("pi0", "key of new card"), made, made.cloud)
    assert asked.verdict is Verdict.ASK
    for card in ("another node's", "retired", "revoked", "unknown"):
        made = world(card, "declared", False)
        assert admit(Offer("pi0", "key of new card"), made, made.cloud).verdict is Verdict.REFUSE
