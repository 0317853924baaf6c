"""Strangers fill no folder of the master, and who knocks too often is named once."""

import logging
import os
from types import SimpleNamespace

import pytest
import salt.config
from picloud.ledger import Ledger
from picloud.ledger.strangers import Stranger
from picloud.rejoin.strangers import KEEP_S, MOST
from picloud_rejoin import strangers
from picloud_rejoin.keys import KeyStore

from tests.unit.cards.office import tiny
from tests.unit.engine.test_requests import Bus

NOW = 2_000_000_000.0
LATE = NOW - KEEP_S - 60


@pytest.fixture
def engine(tmp_path):
    folders = {"pki_dir": str(tmp_path / "pki"), "cachedir": str(tmp_path / "cache")}
    opts = {**salt.config.master_config(None), **folders}
    return SimpleNamespace(
        keys=KeyStore(opts),
        ledger=Ledger(f"sqlite:///{tmp_path}/ledger.db"),
        cloud=tiny(),
        bus=Bus(),
        limited={},
    )


@pytest.fixture
def knocked(engine, tmp_path):
    """A key was offered, as Salt keeps it."""

    def knock(name, at, state="pending"):
        engine.keys._cache.store("keys", name, {"state": state, "pub": f"key of {name}\n"})
        folder = "minions_pre" if state == "pending" else "minions"
        os.utime(tmp_path / "pki" / folder / name, (at, at))

    return knock


def swept(engine):
    names = engine.keys.names()
    strangers.clear(engine, names["offered"], NOW)
    left = engine.keys.names()
    assert left["accepted"] == names["accepted"]
    return names["offered"] - left["offered"]


def test_keys_that_waited_too_long_go_and_stay_on_record(engine, knocked, caplog):
    node = next(iter(engine.cloud.nodes))
    knocked(node, LATE)
    knocked("old", LATE)
    knocked("new", NOW - 60)
    knocked("let-in", LATE, "accepted")
    with caplog.at_level(logging.WARNING):
        assert swept(engine) == {"old"}
    assert engine.keys.offered(node) == [f"key of {node}\n"]
    (one,) = engine.ledger.strangers.list()
    assert (one.name, one.first_at, one.at) == ("old", LATE, NOW)
    assert "no card was issued" in one.reason
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        "Rejoin takes 1 keys of strangers off the list of those that wait"
    ]
    assert swept(engine) == set()


def test_a_stranger_on_record_keeps_the_reason_it_has(engine, knocked):
    engine.ledger.strangers.saw(Stranger("old", "e" * 64, "no such node", 7, LATE, LATE))
    knocked("old", LATE)
    assert swept(engine) == {"old"}
    assert [one.reason for one in engine.ledger.strangers.list()] == ["no such node"]


def test_a_card_that_was_issued_here_keeps_its_place(engine, knocked):
    cards = {"card-0123456789ab": object()}
    engine.ledger = SimpleNamespace(strangers=engine.ledger.strangers, cards=cards)
    knocked("card-0123456789ab", LATE)
    knocked("card-ffffffffffff", LATE)
    assert swept(engine) == {"card-ffffffffffff"}


def test_of_a_flood_the_last_ones_wait(engine, knocked):
    for number in range(MOST + 3):
        knocked(f"flood-{number:04}", NOW - 5000 + number)
    assert swept(engine) == {"flood-0000", "flood-0001", "flood-0002"}
    assert len(engine.ledger.strangers.list()) == 3


def test_a_key_that_was_accepted_meanwhile_stays(engine, knocked):
    knocked("pi9", LATE, "accepted")
    assert engine.keys.forget_waiting("pi9") is None
    assert engine.keys.accepted("pi9") == "key of pi9\n"


@pytest.mark.parametrize("name", ["nobody", "../x", "x" * 300, ""])
def test_a_name_without_a_key_has_none_to_forget(engine, name):
    assert engine.keys.stored_at(name) is None
    assert engine.keys.forget_waiting(name) is None


def test_a_sweep_takes_no_more_than_it_has_time_for(engine, knocked, monkeypatch):
    monkeypatch.setattr(strangers, "CLEARED", 2)
    for name in ("a", "b", "c"):
        knocked(name, LATE)
    assert swept(engine) == {"a", "b"}
    assert swept(engine) == {"c"}


def test_an_address_that_is_held_up_is_named_once(engine, tmp_path, monkeypatch, caplog):
    lists = tmp_path / "xt_recent"
    lists.mkdir()
    monkeypatch.setattr(strangers, "LISTS", lists)
    with caplog.at_level(logging.WARNING):
        for now in (NOW, NOW + 60):
            (lists / "picloud-limit").write_text("src=10.80.1.7 ttl: 64 last_seen: 4 \n")
            (lists / "picloud-limit6").write_text("src=fd00::7 ttl: 64 last_seen: 4 \n")
            (lists / "another").write_text("src=10.80.1.8 ttl: 64 last_seen: 4 \n")
            strangers.name_limited(engine, now)
    said = [r.getMessage() for r in caplog.records]
    assert len(said) == 2
    assert "iptables -I picloud-limit -s 10.80.1.7 -j DROP" in said[0]
    assert "ip6tables -I picloud-limit -s fd00::7 -j DROP" in said[1]
    assert (lists / "picloud-limit").read_text() == "/\n"
    assert {one.name: one.times for one in engine.ledger.strangers.list()} == {
        "10.80.1.7": 2,
        "fd00::7": 2,
    }


def test_an_address_that_goes_on_is_named_each_hour(engine, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(strangers, "LISTS", tmp_path)
    with caplog.at_level(logging.WARNING):
        for minute in range(121):
            (tmp_path / "picloud-limit").write_text("src=10.80.1.7 ttl: 64 last_seen: 4 \n")
            strangers.name_limited(engine, NOW + 60 * minute)
    assert len(caplog.records) == 3
    strangers.name_limited(engine, NOW - 60)  # the clock went back
    assert engine.limited == {}


def test_without_the_packet_filter_nobody_is_named(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(strangers, "LISTS", tmp_path / "none")
    strangers.name_limited(engine, NOW)
    assert engine.ledger.strangers.list() == []
