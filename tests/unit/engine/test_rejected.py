"""A key that an admin rejected: Salt hears nobody else under that id, so the engine says it."""

import logging

import pytest
import salt.config
from picloud.ledger import Hint, Ledger
from picloud_rejoin.engine import Engine
from picloud_rejoin.keys import KeyStore

from tests.unit.cards.office import tiny
from tests.unit.engine.test_requests import Bus, Jobs

NODE, NOW = "pi0", 2_000_000_000.0


@pytest.fixture
def engine(tmp_path):
    folders = {"pki_dir": str(tmp_path / "pki"), "cachedir": str(tmp_path / "cache")}
    opts = {**salt.config.master_config(None), **folders}
    made = Engine(
        opts,
        ledger=Ledger(f"sqlite:///{tmp_path}/ledger.db"),
        store=None,
        keys=KeyStore(opts),
        bus=Bus(),
        jobs=Jobs(),
    )
    made.cloud = tiny()
    return made


def knock(engine, name, *keys):
    hints = [Hint("offer", name, NOW, key, {"id": name}) for key in keys]
    assert [engine._offered(hint, NOW) for hint in hints] == [True] * len(hints)


def warnings(caplog):
    return [one.message for one in caplog.records if one.levelno >= logging.WARNING]


def test_whoever_knocks_beside_a_rejected_key_is_refused_once_with_the_way_in(engine, caplog):
    engine.keys._cache.store("keys", NODE, {"state": "rejected", "pub": "a stranger's"})
    knock(engine, NODE, "one", "one", "another")
    said = f"was rejected, so whoever knocks as {NODE} is not heard; to let a card in, take that"
    (row,) = engine.ledger.strangers.list()
    assert said in row.reason
    assert row.reason.endswith(f"salt-key -d {NODE}")
    assert [said in message for message in warnings(caplog)] == [True]
    assert [one.action for one in engine.ledger.decisions.of(NODE)] == ["refuse"]
    assert engine.bus.told == [("refused", NODE)]


@pytest.mark.parametrize(
    ("name", "state"), [(NODE, "accepted"), (NODE, None), ("stranger", "rejected")]
)
def test_what_is_forged_or_of_no_node_is_not_named(engine, caplog, name, state):
    if state:
        engine.keys._cache.store("keys", name, {"state": state, "pub": "a key"})
    knock(engine, name, "one")
    assert engine.ledger.strangers.list() == []
    assert warnings(caplog) == []
