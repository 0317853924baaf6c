"""What an admin asks for with the runner ``rejoin``, carried out by the engine."""

from types import SimpleNamespace

import pytest
from picloud.identity import Board, CardState, Evidence, decide, fingerprint
from picloud.ledger import CardRow, Hint, Ledger, Rejoin
from picloud.rejoin import steps
from picloud_rejoin.engine import Engine

from tests.unit.cards.office import tiny

NODE, SERIAL, CARD = "pi0", "10000000a3c1d2e4", "card-0123456789ab"


class Bus:
    """A bus that only listens to us."""

    def __init__(self):
        self.told = []

    def tell(self, what, node, **data):
        self.told.append((what, node))

    def go(self, token):
        self.told.append(("go", token))


class Jobs:
    """Jobs that nobody runs."""

    def __init__(self):
        self.sent = []

    def send(self, nodes, function, *arguments):
        self.sent += [(node, function) for node in nodes]
        return nodes


class Keys:
    """A key store that accepts a key for every id."""

    def __init__(self):
        self.store = {}

    def accepted(self, name):
        return self.store.get(name, "public\n")

    def accept(self, name, public):
        self.store[name] = public

    def remove(self, name, public):
        return self.store.pop(name, None) is not None

    def names(self):
        return {"accepted": set(), "offered": set()}

    def rotate(self):
        self.rotated = True


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Salt keeps warnings until its logging is set up, which it never is here."""
    monkeypatch.setattr("picloud_rejoin.acts.log.disabled", True)


@pytest.fixture
def engine(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger' / 'ledger.db'}")
    cloud = tiny()
    store = SimpleNamespace(register=lambda: (cloud, ()))
    opts = {"minion_data_cache": False, "pki_dir": str(tmp_path)}
    return Engine(opts, ledger=ledger, store=store, keys=Keys(), bus=Bus(), jobs=Jobs())


@pytest.fixture
def ask(engine):
    """Let the engine carry out requests, as the runner journals them; the node's row after it."""

    def work(kind, name=NODE, **data):
        engine.ledger.journal.put([Hint(kind, name, 1.0, data=data)])
        engine.round([])
        assert engine.ledger.journal.waiting(10) == []
        return engine.ledger.rejoins.get(NODE)

    return work


def put(engine, step, **more):
    engine.ledger.rejoins.put([Rejoin(NODE, step, **{"kind": "new board", **more})])


def test_a_node_held_by_hand_is_left_alone_until_it_is_released(engine, ask):
    row = ask("hold", reason="its fan")
    assert (row.step, row.kind) == ("held", steps.BY_HAND)
    assert "its fan" in row.reason
    assert ("held", NODE) in engine.bus.told
    assert engine.ledger.decisions.of(NODE, 1)[0].action == "hold"
    assert ask("start").step == "held"
    assert engine.jobs.sent == []
    assert ask("release").step == "asked"
    assert engine.ledger.decisions.of(NODE, 1)[0].action == "release"
    assert engine.jobs.sent == [(NODE, "pirejoin.evidence")]


@pytest.mark.parametrize("kind", ["retry", "release"])
@pytest.mark.parametrize("step", ["quarantined", "held", "waiting"])
def test_a_node_is_asked_again_and_its_failures_are_forgotten(engine, ask, kind, step):
    put(engine, step, tries=3, aside=True, verified=True, not_before=9e9)
    row = ask(kind)
    assert (row.step, row.tries, row.aside, row.verified) == ("asked", 0, False, False)
    assert engine.jobs.sent == [(NODE, "pirejoin.evidence")]


def test_a_node_without_a_record_is_asked_too(engine, ask):
    assert ask("retry").step == "asked"


def test_a_board_that_waits_is_confirmed(engine, ask):
    engine.ledger.boards.saw(SERIAL, None, None, 1.0)
    put(engine, "held", serial=SERIAL)
    assert ask("adopt").step == "converging"
    assert engine.ledger.boards.of(NODE).serial == SERIAL
    assert engine.bus.told[-1][0] == "go"


def test_a_spare_card_becomes_a_node(engine, ask):
    engine.ledger.cards.add([CardRow(CARD, None, True, "f" * 64, CardState.ISSUED, public="x\n")])
    engine.ledger.boards.saw(SERIAL, None, None, 1.0)
    engine.ledger.rejoins.put([Rejoin(CARD, "lobby", card=CARD, serial=SERIAL)])
    assert ask("adopt", CARD, node=NODE).step == "admitted"
    assert engine.keys.store == {NODE: "x\n"}
    assert engine.jobs.sent == [(CARD, "pirejoin.become")]
    assert engine.ledger.cards.in_use(NODE).card == CARD
    assert engine.ledger.boards.of(NODE).serial == SERIAL
    assert engine.ledger.rejoins.get(CARD).step == "bound"


def test_a_spare_card_leaves_the_lobby_when_the_node_says_who_it_is(engine, ask):
    public = "x\n"
    engine.ledger.cards.add(
        [CardRow(CARD, NODE, True, fingerprint(public), CardState.IN_USE, public=public)]
    )
    engine.ledger.rejoins.put([Rejoin(CARD, "bound", card=CARD)])
    put(engine, "asked", nonce="n")
    evidence = Evidence(NODE, fingerprint(public), Board(serial="00000000e0000001"))
    decision = decide(evidence, engine.store.register()[0], engine.history)
    engine.acts.carry_out(engine.ledger.rejoins.get(NODE), evidence, decision, 2.0)
    assert engine.ledger.rejoins.get(NODE).step == "waiting"
    assert engine.ledger.rejoins.get(CARD) is None


def test_a_node_that_is_stopped_says_so_once(engine):
    key = fingerprint("x\n")
    engine.ledger.cards.add([CardRow(CARD, NODE, False, key, CardState.IN_USE, public="x\n")])
    put(engine, "asked", nonce="n")
    boards = Board(serial="00000000e0000001"), Board(serial="00000000e0000002")
    evidence = Evidence(NODE, key, boards[0], boards[1:])
    decision = decide(evidence, engine.store.register()[0], engine.history)
    engine.acts.carry_out(engine.ledger.rejoins.get(NODE), evidence, decision, 2.0)
    assert engine.ledger.rejoins.get(NODE).step == "quarantined"
    assert [row.action for row in engine.ledger.decisions.of(NODE, 9)] == ["stop"]
    assert engine.bus.told[-1] == ("quarantined", NODE)


@pytest.mark.parametrize("state", [CardState.RETIRED, CardState.REVOKED, CardState.IN_USE])
def test_a_card_that_is_not_unused_becomes_nothing(engine, ask, state):
    engine.ledger.cards.add([CardRow(CARD, None, True, "f" * 64, state, public="x\n")])
    assert ask("adopt", CARD, node=NODE) is None
    assert (engine.keys.store, engine.jobs.sent) == ({}, [])
