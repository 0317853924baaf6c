"""
Pins and rollouts on record: a step is recorded wholly or not at all.

The same tests run on PostgreSQL, see ``tests/integration/test_rollouts_postgres.py``.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from picloud.ledger import Ledger, Rejoin, StorageError
from picloud.ledger import rollouts as table
from picloud.ledger.rollouts import Member, Rollout, Start, digest

OLD, NEW = {"version": "1", "images": []}, {"version": "2", "images": []}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger/ledger.db"


@pytest.fixture
def ledger(url):
    made = Ledger(url)
    made.rollouts.pin([("pi0", "docker", OLD), ("pi1", "docker", OLD), ("pi0", "base", {"a": 1})])
    yield made
    made.database.close()


def member(node, wave=0, **more):
    return Member(node, wave, digest(OLD), digest(NEW), "waiting", digest(OLD), **more)


def start(part="docker", members=None):
    rollout = Rollout(0, part, "next wave", ("canaries", "rack1"), {"soak_s": 1}, began_at=5.0)
    members = [member("pi0"), member("pi1", 1)] if members is None else members
    return Start(rollout, members, {digest(NEW): NEW})


def test_a_pin_stays_as_it_is_and_settings_are_kept_once(ledger):
    ledger.rollouts.pin([("pi0", "docker", NEW), ("pi2", "docker", OLD)])
    assert ledger.rollouts.pinned("pi0", ["docker", "boot"]) == {"docker": OLD}
    assert ledger.rollouts.pinned("pi3", ["docker"]) == {}
    assert set(ledger.rollouts.pins("docker")) == {(f"pi{n}", "docker") for n in range(3)}
    assert ledger.rollouts.settings([digest(OLD), "unknown"]) == {digest(OLD): OLD}


def test_settings_that_nobody_has_any_more_are_dropped(ledger):
    ledger.rollouts.unpin([("pi0", "base"), ("pi0", "docker")])
    assert ledger.rollouts.settings([digest({"a": 1}), digest(OLD)]) == {digest(OLD): OLD}
    assert list(ledger.rollouts.pins()) == [("pi1", "docker")]


def test_one_rollout_of_a_part_at_a_time(ledger):
    number = ledger.rollouts.begin(start())
    assert number == 1
    assert ledger.rollouts.begin(start()) is None
    ledger.rollouts.put(replace(ledger.rollouts.get(1), step="done", ended_at=9.0))
    assert ledger.rollouts.live() == []
    assert ledger.rollouts.begin(start()) == 2
    assert [one.number for one in ledger.rollouts.last(9)] == [2, 1]


def test_settings_are_in_use_that_nodes_have_get_or_may_be_put_back_to(ledger):
    assert ledger.rollouts.in_use("docker") == [OLD]
    assert ledger.rollouts.in_use("boot") == []
    ledger.rollouts.begin(start())
    everywhere = [replace(one, pin=digest(NEW)) for one in ledger.rollouts.members(1)]
    ledger.rollouts.put(ledger.rollouts.get(1), everywhere)
    found = ledger.rollouts.in_use("docker")
    assert sorted(one["version"] for one in found) == ["1", "2"]
    ledger.rollouts.put(replace(ledger.rollouts.get(1), step="done", ended_at=9.0))
    assert ledger.rollouts.in_use("docker") == [NEW]


def test_a_rollout_begins_from_what_nodes_have(ledger):
    other = replace(member("pi0"), old=digest(NEW))
    assert ledger.rollouts.begin(start(members=[other])) is None
    assert ledger.rollouts.begin(start(members=[member("pi9")])) is None
    assert ledger.rollouts.last(9) == []


def test_a_step_moves_pins_and_sends_nodes_on_their_way(ledger):
    ledger.rollouts.begin(start())
    begun = replace(member("pi0"), state="converging", at=7.0, pin=digest(NEW))
    rollout = replace(ledger.rollouts.get(1), step="converging", step_at=7.0)
    ledger.rollouts.put(rollout, [begun], [Rejoin("pi0", "waiting", "rollout")])
    assert ledger.rollouts.get(1) == rollout
    assert ledger.rollouts.members(1, wave=0) == [begun]
    assert ledger.rollouts.members(1, upto=0) == [begun]
    assert ledger.rollouts.members(1) == [begun, member("pi1", 1)]
    assert ledger.rollouts.pinned("pi0", ["docker"]) == {"docker": NEW}
    assert ledger.rollouts.pinned("pi1", ["docker"]) == {"docker": OLD}
    assert ledger.rejoins.get("pi0").kind == "rollout"


def test_a_step_that_cannot_be_recorded_leaves_all_as_it_was(ledger):
    ledger.rollouts.begin(start())
    begun = replace(member("pi0"), state="converging", pin=digest(NEW))
    with pytest.raises(StorageError):
        ledger.rollouts.put(ledger.rollouts.get(1), [begun], [Rejoin("pi0", None)])
    assert ledger.rollouts.members(1, wave=0) == [member("pi0")]
    assert ledger.rollouts.pinned("pi0", ["docker"]) == {"docker": OLD}


def test_what_an_admin_asks_for_is_not_lost_in_a_step(ledger):
    ledger.rollouts.begin(start())
    seen = ledger.rollouts.get(1)
    assert ledger.rollouts.wish(1, "pause")
    ledger.rollouts.put(replace(seen, step="soaking"))
    assert (ledger.rollouts.get(1).wish, ledger.rollouts.get(1).step) == ("pause", "soaking")
    ledger.rollouts.put(replace(seen, step="done", ended_at=9.0))
    assert not ledger.rollouts.wish(1, "abort")


def test_old_rollouts_go_and_what_only_they_knew(ledger, monkeypatch):
    monkeypatch.setattr(table, "KEPT", 2)
    for number in range(1, 5):
        new = {"version": f"new {number}"}
        one = replace(member("pi0"), new=digest(new))
        begun = replace(start(members=[one]), settings={digest(new): new})
        assert ledger.rollouts.begin(begun) == number
        ledger.rollouts.put(replace(ledger.rollouts.get(number), step="done", ended_at=1.0))
    assert [one.number for one in ledger.rollouts.last(9)] == [4, 3]
    assert ledger.rollouts.members(2) == []
    kept = ledger.rollouts.settings(digest({"version": f"new {n}"}) for n in range(1, 5))
    assert sorted(one["version"] for one in kept.values()) == ["new 3", "new 4"]


def test_two_admins_at_once_begin_one_rollout(ledger, url):
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: Ledger(url).rollouts.begin(start()), range(4)))
    assert sorted(begun, key=str) == [1, None, None, None]
