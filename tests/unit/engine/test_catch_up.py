"""Who may have started while no engine listened."""

import os
from types import SimpleNamespace

import pytest
import salt.cache
import salt.config
import salt.loader
from picloud.ledger import Ledger, Rejoin
from picloud_rejoin.bus import BRING, EVIDENCE, SYNC, answer
from picloud_rejoin.engine import Engine
from picloud_rejoin.sweep import LISTENED, catch_up

from tests.unit.cards.office import tiny
from tests.unit.engine.test_requests import Bus, Jobs, Keys


@pytest.fixture
def engine(tmp_path):
    opts = {**salt.config.master_config(None), "cachedir": str(tmp_path / "cache")}
    return SimpleNamespace(opts=opts, ledger=Ledger(f"sqlite:///{tmp_path}/ledger.db"))


@pytest.fixture
def fetched(engine):
    """A node fetched its pillar, as the master keeps it."""

    def fetch(name, at):
        salt.cache.factory(engine.opts).store("grains", name, {"id": name})
        os.utime(f"{engine.opts['cachedir']}/grains/{name}.p", (at, at))

    return fetch


def looked_at(engine):
    catch_up(engine, 500.0)
    return [(hint.kind, hint.node) for hint in engine.ledger.journal.waiting(10)]


@pytest.mark.parametrize(
    ("listened", "step_at", "found"),
    [
        pytest.param(None, None, True, id="the first engine there ever was"),
        pytest.param(90, None, True, id="never looked at"),
        pytest.param(110, None, False, id="heard, and left alone"),
        pytest.param(90, 95, True, id="started after it was looked at"),
        pytest.param(90, 105, False, id="looked at before the engine ended"),
    ],
)
def test_a_node_that_fetched_its_pillar(engine, fetched, listened, step_at, found):
    fetched("pi3", 100)
    if listened is not None:
        engine.ledger.marks.put(LISTENED, listened)
    if step_at is not None:
        engine.ledger.rejoins.put([Rejoin("pi3", "converged", step_at=step_at)])
    assert looked_at(engine) == ([("start", "pi3")] if found else [])


def test_a_master_without_that_cache_knows_nothing(engine, fetched):
    fetched("pi3", 100)
    engine.opts["minion_data_cache"] = False
    assert looked_at(engine) == []


@pytest.mark.parametrize(
    ("sent_to", "again"),
    [
        pytest.param(["pi2", "pi3"], False, id="was published before the engine ended"),
        pytest.param(["pi2"], True, id="went to others only"),
        pytest.param([], True, id="was never published"),
    ],
)
def test_a_node_on_record_as_asked(engine, sent_to, again):
    engine.ledger.rejoins.put([Rejoin("pi3", "asked", nonce="n1", step_at=100.0)])
    job = {"fun": EVIDENCE, "arg": ["n1"], "tgt": sent_to, "jid": "20261121000000000000"}
    returners = salt.loader.returners(engine.opts, {})
    returners["local_cache.save_load"](job["jid"], job)
    assert looked_at(engine) == ([("start", "pi3")] if again else [])


@pytest.fixture
def whole(engine):
    """A whole engine on the ledger and the caches of ``engine``."""
    cloud = tiny()
    store = SimpleNamespace(register=lambda: (cloud, ()))
    return Engine(
        engine.opts, ledger=engine.ledger, store=store, keys=Keys(), bus=Bus(), jobs=Jobs()
    )


def started(engine, monkeypatch, at):
    """The bus says at some time that pi0 started; return what it was asked."""
    monkeypatch.setattr("picloud_rejoin.engine.time.time", lambda: at)
    engine.jobs.sent.clear()
    engine.round([("salt/minion/pi0/start", {"id": "pi0"})])
    return engine.jobs.sent


def test_an_event_that_comes_twice_asks_once_and_a_new_start_asks_again(
    whole, fetched, monkeypatch
):
    fetched("pi0", 100)
    assert started(whole, monkeypatch, 102.0) == [("pi0", EVIDENCE)]
    assert started(whole, monkeypatch, 103.0) == []
    fetched("pi0", 104)
    assert started(whole, monkeypatch, 107.5) == [("pi0", EVIDENCE)]


def test_a_node_that_was_just_asked_is_asked_again_a_little_later(whole, monkeypatch):
    """However often it is said to have started; what was said is not forgotten meanwhile."""
    assert started(whole, monkeypatch, 102.0) == [("pi0", EVIDENCE)]
    for at in (102.1, 103.0, 106.9):
        assert started(whole, monkeypatch, at) == []
    monkeypatch.setattr("picloud_rejoin.engine.time.time", lambda: 107.1)
    whole.round([])
    assert whole.jobs.sent == [("pi0", EVIDENCE)]
    whole.round([])
    assert whole.jobs.sent == [("pi0", EVIDENCE)]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        pytest.param([(0, EVIDENCE)], [BRING], id="modules are missing"),
        pytest.param([(0, EVIDENCE), (2, SYNC)], [BRING, EVIDENCE], id="modules came"),
        pytest.param([(0, SYNC)], [EVIDENCE], id="modules are there"),
        pytest.param([(0, EVIDENCE)] * 9, [BRING], id="said again and again"),
        pytest.param(
            [(0, EVIDENCE), *[(2, SYNC)] * 9], [BRING, EVIDENCE], id="came again and again"
        ),
        pytest.param([(0, EVIDENCE), (6, EVIDENCE)], [BRING, BRING], id="still missing"),
    ],
)
def test_answers_of_a_node_without_modules(whole, monkeypatch, said, sent):
    started(whole, monkeypatch, 100.0)
    whole.jobs.sent.clear()
    for after, function in said:
        monkeypatch.setattr("picloud_rejoin.answers.time.time", lambda at=after: 101.0 + at)
        whole.answers.take("pi0", function, "'pirejoin.evidence' is not available.")
        whole.answers.work(101.0 + after)
    assert [function for _, function in whole.jobs.sent] == sent


def test_modules_that_were_brought_are_heard_of():
    event = {"id": "pi3", "fun": BRING, "return": {}}
    assert answer("salt/job/1/ret/pi3", event) == ("pi3", SYNC, {})
    assert answer("salt/job/1/ret/pi3", event | {"fun": BRING[:1]}) is None


def test_a_node_that_does_not_answer_is_asked_the_same_again(whole, monkeypatch):
    """An answer that comes late still counts."""
    started(whole, monkeypatch, 100.0)
    nonce, limit = whole.ledger.rejoins.get("pi0").nonce, whole.policy.limits_s.evidence
    for times in range(1, whole.policy.tries):
        whole.jobs.sent.clear()
        monkeypatch.setattr("picloud_rejoin.engine.time.time", lambda n=times: 100.0 + n * limit)
        whole.round([])
        assert whole.jobs.sent == [("pi0", EVIDENCE)]
        assert whole.ledger.rejoins.get("pi0").nonce == nonce
    monkeypatch.setattr("picloud_rejoin.engine.time.time", lambda: 101.0 + 3 * limit)
    whole.round([])
    assert whole.ledger.rejoins.get("pi0").step == "held"
