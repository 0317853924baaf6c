"""What changed behind nodes that run: the next sweep lets keys, rows and history follow."""

import os
import time
from types import SimpleNamespace

import pytest
import salt.config
from picloud.identity import CardState, fingerprint
from picloud.ledger import CardRow, Ledger, Rejoin
from picloud.rejoin import steps
from picloud_rejoin import audit
from picloud_rejoin.engine import Engine
from picloud_rejoin.keys import KeyStore
from picloud_rejoin.sweep import sweep

from tests.unit.cards.office import tiny
from tests.unit.engine.test_requests import Bus, Jobs

NODE, SERIAL, CARD = "pi0", "10000000a3c1d2e4", "card-0123456789ab"
MAC = "b8:27:eb:c1:d2:e4"
PUBLIC = "of the card\n"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Salt keeps warnings until its logging is set up, which it never is here."""
    for module in ("acts", "audit"):
        monkeypatch.setattr(f"picloud_rejoin.{module}.log.disabled", True)


@pytest.fixture
def engine(tmp_path):
    opts = {
        **salt.config.master_config(None),
        "minion_data_cache": False,
        "pki_dir": str(tmp_path / "pki"),
        "cachedir": str(tmp_path / "cache"),
        "user": "root",
    }
    (tmp_path / "cache").mkdir()
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger' / 'ledger.db'}")
    store = SimpleNamespace(register=lambda: (tiny(), ()))
    keys, bus = KeyStore(opts), Bus()
    engine = Engine(opts, ledger=ledger, store=store, keys=keys, bus=bus, jobs=Jobs())
    engine.cloud = tiny()
    return engine


def issue(engine, node=NODE, state=CardState.IN_USE, card=CARD, public=PUBLIC):
    spare = node is None
    engine.ledger.cards.add([CardRow(card, node, spare, fingerprint(public), state, public=public)])
    engine.keys.accept(node or card, public)


def runs(engine, step="converged", name=NODE, card=CARD, **more):
    made = Rejoin(name, step, "first join", "why", card, since=1.0, step_at=1.0, **more)
    engine.ledger.rejoins.put([made])


def revoke(engine, card=CARD, at=None, reason="stolen"):
    at = time.time() if at is None else at
    engine.ledger.cards.mark(card, CardState.REVOKED, at, reason)


def swept(engine, name=NODE, times=1, after=0.0):
    """The row of a node after some sweeps."""
    for number in range(times):
        sweep(engine, time.time() + after + number * 60)
    return engine.ledger.rejoins.get(name)


def decided(engine, name=NODE):
    return [row.action for row in engine.ledger.decisions.of(name)]


@pytest.mark.parametrize("taken", [True, False], ids=["its key is gone", "its key is still there"])
@pytest.mark.parametrize("step", ["converged", "waiting", "converging", "held", "asked"])
def test_a_node_whose_card_was_revoked_is_quarantined_with_the_reason(engine, step, taken):
    issue(engine)
    runs(engine, step)
    revoke(engine)
    if taken:
        engine.keys.remove(NODE, PUBLIC)
    row = swept(engine, times=3)
    assert (row.step, row.kind, row.verified) == ("quarantined", "retired card or board", False)
    assert f"{CARD} was revoked (stolen)" in row.reason
    assert "salt-run card.prepare node=pi0" in row.reason
    assert engine.keys.accepted(NODE) is None
    assert decided(engine) == ["quarantined"]
    assert engine.bus.told == [("quarantined", NODE)]


def test_why_a_card_was_revoked_is_one_line_of_the_log(engine):
    issue(engine)
    runs(engine)
    revoke(engine, reason="stolen\nRejoin of pi1: converged\x1b[2J")
    assert swept(engine).reason.isprintable()


def test_nodes_get_a_new_session_key_when_a_key_is_taken_from_one(engine):
    issue(engine)
    revoke(engine)
    swept(engine)
    assert os.listdir(engine.opts["cachedir"]) == [".dfn"]


@pytest.mark.parametrize("step", ["converged", "admitted", "asked"])
def test_a_node_that_has_another_card_meanwhile_goes_on(engine, step):
    issue(engine)
    revoke(engine)
    issue(engine, card="card-00000000000b", public="of another\n")
    other = CARD if step == "asked" else "card-00000000000b"
    runs(engine, step, card=other)
    assert swept(engine).step == step
    assert engine.keys.accepted(NODE) == "of another\n"


def test_a_card_in_the_drawer_that_is_revoked_is_nothing_to_the_node(engine):
    issue(engine)
    runs(engine)
    unused = CardRow("card-00000000000b", NODE, False, "f", CardState.ISSUED, public="unused\n")
    engine.ledger.cards.add([unused])
    revoke(engine, "card-00000000000b")
    assert swept(engine).step == "converged"


def test_a_node_that_is_held_by_hand_stays_so_and_has_its_line(engine):
    issue(engine)
    engine.ledger.rejoins.put([steps.held_by_hand(Rejoin(NODE, "", card=CARD), "fan", 1.0)])
    revoke(engine)
    row = swept(engine, times=2)
    assert (row.step, row.kind) == ("held", steps.BY_HAND)
    assert decided(engine) == ["stop"]


def test_a_copy_that_was_stopped_keeps_its_reason(engine):
    issue(engine)
    at = time.time()
    revoke(engine, at=at)
    engine.keys.remove(NODE, PUBLIC)
    stopped = Rejoin(NODE, "quarantined", "copy of a card", "two boards", CARD, step_at=at)
    engine.ledger.rejoins.put([stopped])
    assert swept(engine, times=2) == stopped


@pytest.mark.parametrize("state", [CardState.REVOKED, CardState.RETIRED])
@pytest.mark.parametrize("step", ["converged", "quarantined", None])
def test_a_key_that_is_accepted_again_by_hand_goes_again(engine, state, step):
    issue(engine)
    engine.ledger.cards.mark(CARD, state, time.time(), "out")
    if step:
        runs(engine, step)
    swept(engine)
    engine.bus.told.clear()
    engine.keys.accept(NODE, PUBLIC)
    row = swept(engine)
    assert engine.keys.accepted(NODE) is None
    assert row.step == "quarantined"
    assert f"{CARD} is {state} and its key was accepted again by hand" in row.reason


def test_keys_are_read_once_after_they_changed(engine, monkeypatch):
    for number in range(4):
        issue(engine, f"pi{number}", card=f"card-{number}", public=f"{number}\n")
        runs(engine, name=f"pi{number}", card=f"card-{number}")
    swept(engine)
    read = []
    real = KeyStore.accepted
    monkeypatch.setattr(KeyStore, "accepted", lambda s, name: read.append(name) or real(s, name))
    swept(engine, times=3)
    assert read == []
    engine.keys.accept("pi2", "2\n")
    swept(engine, times=3)
    assert read == ["pi2"]


def test_many_keys_that_changed_at_once_are_looked_at_in_several_sweeps(engine, monkeypatch):
    monkeypatch.setattr(audit, "MOST_KEYS", 2)
    names = [f"pi{number}" for number in range(5)]
    for name in names:
        issue(engine, name, CardState.RETIRED, f"card-{name}", f"{name}\n")
        time.sleep(0.01)
    assert sum(engine.keys.accepted(name) is None for name in names) == 0
    for gone in (2, 4, 5):
        swept(engine)
        assert sum(engine.keys.accepted(name) is None for name in names) == gone


def test_revoked_cards_are_looked_at_until_they_are_surely_on_record(engine, monkeypatch):
    issue(engine)
    revoke(engine)
    taken = []
    monkeypatch.setattr(audit, "_take", lambda engine, card, names, reason: taken.append(card.card))
    swept(engine, times=5)
    assert taken == [CARD] * 2
    now = time.time()
    sweep(engine, now + 400)
    revoke(engine, at=now + 390)
    sweep(engine, now + 410)
    assert taken == [CARD] * 3


def test_a_key_store_that_is_no_folder_is_no_error(engine):
    engine.opts = {**engine.opts, "pki_dir": "/proc/nowhere"}
    issue(engine)
    runs(engine)
    assert swept(engine).step == "converged"


def test_a_key_that_was_deleted_by_hand_is_missed(engine):
    issue(engine)
    runs(engine)
    engine.keys.remove(NODE, PUBLIC)
    row = swept(engine, times=2)
    assert row.step == "quarantined"
    assert row.reason.startswith("the key of pi0 was taken off the master by hand; prepare a new")
    assert decided(engine) == ["quarantined"]


def test_a_key_store_that_lost_everything_sets_nobody_aside(engine, monkeypatch):
    monkeypatch.setattr(audit, "LOST", 1)
    for name in ("pi0", "pi1", "pi2"):
        runs(engine, name=name)
    assert {swept(engine, name).step for name in ("pi0", "pi1", "pi2")} == {"converged"}


@pytest.mark.parametrize("step", ["converged", "converging", "waiting"])
def test_a_node_on_a_board_that_was_taken_out_of_service_is_held(engine, step):
    issue(engine)
    engine.ledger.boards.saw(SERIAL, MAC, None, 1.0)
    runs(engine, step, serial=SERIAL)
    assert swept(engine).step == step
    engine.ledger.boards.retire(SERIAL, True, "dead port")
    row = swept(engine, times=2)
    assert (row.step, row.kind) == ("held", "retired card or board")
    assert "salt-run rejoin.release node=pi0" in row.reason
    assert decided(engine) == ["hold"]
    assert engine.bus.told == [("held", NODE)]
    assert engine.keys.accepted(NODE) == PUBLIC


@pytest.mark.parametrize(
    ("step", "key", "after"),
    [
        ("converged", False, None),
        ("held", False, None),
        ("quarantined", False, None),
        ("converged", True, "held"),
        ("held", True, "held"),
    ],
)
def test_rows_of_nodes_that_are_not_described(engine, step, key, after):
    issue(engine, "old0")
    runs(engine, step, "old0")
    if not key:
        engine.keys.remove("old0", PUBLIC)
    row = swept(engine, "old0", times=2)
    assert (row.step if row else None) == after
    if (step, after) == ("converged", "held"):
        assert "is not in the description any more" in row.reason


def test_a_node_that_is_not_described_is_forgotten_when_its_card_is_revoked(engine):
    issue(engine, "old0")
    runs(engine, name="old0")
    revoke(engine)
    assert swept(engine, "old0", times=2) is None


@pytest.mark.parametrize("step", ["lobby", "held", "asked", "bound"])
def test_a_spare_that_was_revoked_leaves_the_lobby(engine, step):
    issue(engine, None, CardState.ISSUED)
    runs(engine, step, CARD)
    revoke(engine)
    assert swept(engine, CARD) is None
    assert engine.keys.accepted(CARD) is None


@pytest.fixture
def lobby(engine, monkeypatch):
    """A spare card in the lobby, on a board of which nobody knows; who is connected."""
    issue(engine, None, CardState.ISSUED)
    engine.ledger.boards.saw(SERIAL, MAC, None, 1.0)
    there = {CARD}
    monkeypatch.setattr("picloud_jobs.connected", lambda opts, told: there)
    reason = f"board {SERIAL} is not known for any slot; to make it a node: "
    reason += f"salt-run rejoin.adopt card={CARD} node=<id>"
    engine.ledger.rejoins.put([Rejoin(CARD, "lobby", "spare card", reason, CARD, SERIAL)])
    return there


def again(engine):
    sweep(engine, time.time())
    return [hint.node for hint in engine.ledger.journal.waiting(9) if hint.data == {"again": True}]


def test_a_spare_stays_in_the_lobby_while_nothing_changes(engine, lobby):
    assert again(engine) == []


def test_a_spare_whose_board_is_declared_later_is_asked(engine, lobby):
    engine.cloud = tiny(**{"id: pi2,": f'id: pi2, serial: "{SERIAL}",'})
    lobby.clear()
    assert again(engine) == []
    lobby.add(CARD)
    assert again(engine) == [CARD]


def test_a_spare_whose_board_is_taken_out_of_service_is_asked(engine, lobby):
    engine.ledger.boards.retire(SERIAL, True, "dead port")
    assert again(engine) == [CARD]


def test_a_spare_is_asked_when_the_node_of_its_board_is_gone_and_not_too_often(engine, lobby):
    issue(engine, "pi1", card="card-00000000000b", public="of another\n")
    engine.ledger.boards.learn([(SERIAL, "pi1")])
    runs(engine, name="pi1", card="card-00000000000b")
    lobby.add("pi1")
    reason = "it would be pi1, which answers with another card; to make it a node: "
    reason += f"salt-run rejoin.adopt card={CARD} node=pi1"
    now = time.time()
    waits = Rejoin(CARD, "lobby", "spare card", reason, CARD, SERIAL, step_at=now - 900)
    engine.ledger.rejoins.put([waits])
    assert again(engine) == []
    lobby.remove("pi1")
    assert again(engine) == [CARD]
    engine.ledger.journal.done(engine.ledger.journal.waiting(9))
    engine.ledger.rejoins.put([Rejoin(CARD, "lobby", "", reason, CARD, SERIAL, step_at=now)])
    assert again(engine) == []
