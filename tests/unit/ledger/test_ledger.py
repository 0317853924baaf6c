"""
The ledger: everything is written wholly or not at all, repeats are merged, floods are bounded.

The same tests run on PostgreSQL, see ``tests/integration/test_ledger_postgres.py``.
"""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from picloud.identity import CardState
from picloud.ledger import CardRow, DecisionRow, Hint, Ledger, Rejoin, StorageError, tables
from picloud.ledger.admissions import Pending
from picloud.ledger.database import MIGRATIONS
from picloud.ledger.decisions import KEPT as DECISIONS_KEPT
from picloud.ledger.overrides import Drain, Scale
from picloud.ledger.strangers import KEPT as STRANGERS_KEPT
from picloud.ledger.strangers import Stranger
from picloud.ledger.swarms import Swarm, Token, Watched
from picloud.workloads.seal import Build


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger/ledger.db"


@pytest.fixture
def ledger(url):
    made = Ledger(url)
    yield made
    made.database.close()


def card(name, node="pi3", state=CardState.ISSUED, spare=False):
    return CardRow(
        name,
        node,
        spare,
        f"key of {name}",
        state,
        public=f"public of {name}",
        made_at=1.0,
        made_by="jane",
        changed_at=1.0,
    )


def test_a_card_is_found_by_id_key_and_node(ledger):
    ledger.cards.add([card("one", state=CardState.IN_USE), card("two"), card("free", None)])
    assert ledger.cards.get("two") == card("two")
    assert ledger.cards.by_fingerprint("key of free").node is None
    assert ledger.cards.in_use("pi3").card == "one"
    assert [row.card for row in ledger.cards.list("pi3")] == ["one", "two"]
    assert [row.card for row in ledger.cards.list(state="in use")] == ["one"]
    assert ledger.cards.get("three") is None


def test_cards_are_recorded_all_or_none(ledger):
    ledger.cards.add([card("one")])
    twice = dataclasses.replace(card("two"), fingerprint="key of one")
    with pytest.raises(StorageError):
        ledger.cards.add([card("three"), twice])
    assert [row.card for row in ledger.cards.list()] == ["one"]


def test_an_admission_retires_the_card_before_in_the_same_step(ledger):
    ledger.cards.add([card("old", state=CardState.IN_USE), card("new")])
    ledger.admissions.record(Pending("pi3", "new", "public of new", "old", 5.0))
    assert ledger.cards.in_use("pi3").card == "new"
    assert ledger.cards.get("old").state is CardState.RETIRED
    (waiting,) = ledger.admissions.waiting()
    assert (waiting.node, waiting.card, waiting.replaces) == ("pi3", "new", "old")
    ledger.admissions.applied(waiting)
    assert ledger.admissions.waiting() == []


def test_a_later_admission_of_a_node_takes_the_place_of_one_not_applied(ledger):
    ledger.cards.add([card("old", state=CardState.IN_USE), card("new"), card("newer")])
    first = Pending("pi3", "new", "public of new", "old", 5.0)
    ledger.admissions.record(first)
    ledger.admissions.record(Pending("pi3", "newer", "public of newer", "new", 6.0))
    ledger.admissions.applied(first)
    assert [pending.card for pending in ledger.admissions.waiting()] == ["newer"]


@pytest.mark.parametrize("state", [CardState.REVOKED, CardState.RETIRED])
def test_a_card_that_is_out_since_it_was_decided_is_not_admitted(ledger, state):
    ledger.cards.add([card("old", state=CardState.IN_USE), card("new")])
    ledger.cards.mark("new", state, 2.0, "stolen")
    for name in ("new", "nobody"):
        with pytest.raises(StorageError, match="meanwhile"):
            ledger.admissions.record(Pending("pi3", name, "public", "old", 5.0))
    assert ledger.admissions.waiting() == []
    assert ledger.cards.in_use("pi3").card == "old"
    assert ledger.cards.get("new").state is state


def test_a_card_that_is_revoked_before_its_key_is_in_is_not_let_in(ledger):
    ledger.cards.add([card("new"), card("other", "pi4")])
    for row in (card("new"), card("other", "pi4")):
        ledger.admissions.record(Pending(row.node, row.card, row.public, None, 5.0))
    ledger.cards.mark("new", CardState.REVOKED, 6.0, "stolen")
    assert [pending.card for pending in ledger.admissions.waiting()] == ["other"]


def test_a_spare_becomes_the_card_of_a_node(ledger):
    ledger.cards.add([card("spare", None, spare=True)])
    ledger.admissions.record(Pending("pi5", "spare", "public of spare", None, 5.0))
    assert ledger.cards.in_use("pi5").card == "spare"


def test_hints_that_repeat_are_one_with_a_count(ledger):
    ledger.journal.put([Hint("start", "pi3", 1.0), Hint("start", "pi3", 2.0)])
    ledger.journal.put([Hint("start", "pi3", 3.0), Hint("offer", "pi3", 2.5, "key", {"id": "pi3"})])
    offer, start = ledger.journal.waiting(10)
    assert (start.kind, start.at, start.times) == ("start", 3.0, 3)
    assert (offer.fingerprint, offer.data) == ("key", {"id": "pi3"})


def test_a_hint_that_came_again_meanwhile_stays(ledger):
    ledger.journal.put([Hint("start", "pi3", 1.0), Hint("start", "pi4", 1.0)])
    looked_at = ledger.journal.waiting(10)
    ledger.journal.put([Hint("start", "pi3", 2.0)])
    ledger.journal.done(looked_at)
    assert [(hint.node, hint.at) for hint in ledger.journal.waiting(10)] == [("pi3", 2.0)]


@pytest.mark.parametrize("name", ["pi\0", "pi\ud800", "\udfff\0" * 32], ids=ascii)
def test_what_is_no_text_is_recorded_all_the_same(ledger, name):
    storable = name.translate(dict.fromkeys((0, 0xD800, 0xDFFF), "\ufffd"))
    ledger.journal.put([Hint("offer", name, 1.0, "key", {"id": name})])
    (hint,) = ledger.journal.waiting(9)
    assert (hint.node, hint.data) == (storable, {"id": name})
    ledger.strangers.saw(Stranger(name, "key", name, 1, 1.0, 1.0))
    assert [one.name for one in ledger.strangers.list()] == [storable]
    assert ledger.cards.get(name) is None
    ledger.journal.done([hint])
    assert ledger.journal.waiting(9) == []


def test_thousands_of_hints_are_put_in_a_second(ledger):
    hints = [Hint("start", f"node-{number}", 1.0) for number in range(5000)]
    ledger.journal.put(hints[:1])
    began = time.process_time()
    ledger.journal.put(hints)
    assert time.process_time() - began < 1.0
    assert len(ledger.journal.waiting(9999)) == 5000


def test_reading_waits_for_no_writer(ledger):
    ledger.cards.add([card("one")])
    with ledger.database.write() as connection:
        connection.execute(tables.cards.update().values(reason="not yet"))
        assert ledger.cards.get("one").reason == ""
    assert ledger.cards.get("one").reason == "not yet"


def test_many_may_be_the_first_at_once(url):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: _first(url, number), range(8)))
    assert len(made[0].cards.list()) == 8
    for ledger in made:
        ledger.database.close()


def _first(url, number):
    ledger = Ledger(url)
    ledger.cards.add([card(f"card {number}")])
    return ledger


def test_hints_come_out_the_oldest_first_and_a_few_at_a_time(ledger):
    ledger.journal.put([Hint("start", f"pi{number}", float(-number)) for number in range(50)])
    assert [hint.node for hint in ledger.journal.waiting(2)] == ["pi49", "pi48"]


def test_a_row_is_put_again_and_found_by_step_and_limit(ledger):
    row = Rejoin("pi3", "asked", limit_at=10.0, seconds={"admitted": 1.5}, since=1.0)
    ledger.rejoins.put([row, Rejoin("pi4", "converged")])
    ledger.rejoins.put([dataclasses.replace(row, tries=2)])
    assert ledger.rejoins.get("pi3") == dataclasses.replace(row, tries=2)
    assert [found.node for found in ledger.rejoins.at(["asked"])] == ["pi3"]
    assert ledger.rejoins.late(9.9) == []
    assert [found.node for found in ledger.rejoins.late(10.0)] == ["pi3"]
    assert {found.node for found in ledger.rejoins.all()} == {"pi3", "pi4"}


def test_a_batch_is_claimed_once(ledger):
    ledger.batches.add("token", "nonce", ["pi3", "pi4"], 100.0)
    assert ledger.batches.waits("token")
    assert ledger.batches.unclaimed(101.0) == {"token": "nonce"}
    assert ledger.batches.unclaimed(100.0) == {}
    assert ledger.batches.claim("another") is None
    assert ledger.batches.claim("token") == (["pi3", "pi4"], "nonce")
    assert ledger.batches.claim("token") is None
    assert not ledger.batches.waits("token")


def test_batches_of_yesterday_are_dropped(ledger):
    ledger.batches.add("old", "nonce", ["pi3"], 0.0)
    ledger.batches.add("new", "nonce", ["pi3"], 90000.0)
    assert ledger.batches.claim("old") is None


def test_a_board_has_one_node_and_a_node_one_board(ledger):
    for serial in ("a", "b"):
        ledger.boards.saw(serial, "b8:27:eb:00:00:01", "pi1b", 1.0)
    ledger.boards.learn([("a", "pi3"), ("b", "pi4")])
    ledger.boards.learn([("a", "pi4"), ("b", "pi3")])
    assert ledger.boards.of("pi3").serial == "b"
    assert ledger.boards.get("a").node == "pi4"
    ledger.boards.learn([("b", "pi4")])
    assert ledger.boards.get("a").node is None
    assert ledger.boards.of("pi3") is None


def test_a_board_seen_again_keeps_its_node(ledger):
    ledger.boards.saw("a", None, None, 1.0)
    ledger.boards.learn([("a", "pi3")])
    ledger.boards.saw("a", "b8:27:eb:00:00:01", "pi1b", 2.0)
    found = ledger.boards.get("a")
    assert (found.node, found.mac, found.seen_at) == ("pi3", "b8:27:eb:00:00:01", 2.0)


def test_a_board_is_retired_and_taken_back(ledger):
    assert not ledger.boards.retire("a", True, "never seen")
    ledger.boards.saw("a", None, None, 1.0)
    assert ledger.boards.retire("a", True, "its port is dead")
    assert (ledger.boards.get("a").retired, ledger.boards.get("a").reason) == (
        True,
        "its port is dead",
    )


def test_a_port_is_known_by_mac_in_any_case(ledger):
    ledger.boards.plugged("B8:27:EB:00:00:01", "rack1", 3, 1.0)
    ledger.boards.plugged("b8:27:eb:00:00:01", "rack1", 4, 2.0)
    assert ledger.boards.port("b8:27:EB:00:00:01") == ("rack1", 4)
    assert ledger.boards.port(None) is None


def test_a_decision_that_repeats_takes_the_place_of_the_last(ledger):
    first = DecisionRow("pi3", 1.0, "restart", "leave", "same", "card", "serial")
    other = DecisionRow("pi3", 2.0, "new card", "admit", "another")
    for row in (first, other, first._replace(at=3.0), first._replace(at=4.0)):
        ledger.decisions.add(row)
    assert [row.at for row in ledger.decisions.of("pi3")] == [4.0, 2.0, 1.0]


def test_decisions_of_a_node_are_bounded(ledger):
    for number in range(DECISIONS_KEPT + 5):
        ledger.decisions.add(DecisionRow("pi3", float(number), "a", "b", f"reason {number}"))
    ledger.decisions.add(DecisionRow("pi4", 0.0, "a", "b", "c"))
    found = ledger.decisions.of("pi3", 10 * DECISIONS_KEPT)
    assert len(found) == DECISIONS_KEPT
    assert found[-1].at == 5.0
    assert len(ledger.decisions.of("pi4")) == 1


def test_a_stranger_is_news_once(ledger):
    knock = Stranger("x" * 300, "key", "nobody issued it", 1, 1.0, 1.0)
    assert ledger.strangers.saw(knock)
    assert not ledger.strangers.saw(knock._replace(at=2.0))
    assert ledger.strangers.saw(knock._replace(at=3.0, reason="revoked"))
    (found,) = ledger.strangers.list()
    assert (found.name, found.times, found.first_at, found.at) == ("x" * 64, 3, 1.0, 3.0)


def test_strangers_are_bounded(ledger):
    with ledger.database.write() as connection:
        connection.execute(
            tables.strangers.insert(),
            [
                Stranger(f"x{number}", "key", "why", 1, 0.0, float(number))._asdict()
                for number in range(STRANGERS_KEPT + 50)
            ],
        )
    ledger.strangers.saw(Stranger("last", "key", "why", 1, 0.0, 9e9))
    found = ledger.strangers.list()
    assert len(found) == STRANGERS_KEPT
    assert found[0].name == "last"


def test_what_fails_in_a_step_leaves_nothing_of_it(ledger):
    def fail():
        with ledger.database.write() as connection:
            connection.execute(tables.version.update().values(number=7))
            connection.execute(sa.text("select * from no_such_table"))

    with pytest.raises(StorageError):
        fail()
    with ledger.database.read() as connection:
        found = connection.execute(sa.select(tables.version.c.number)).scalar_one()
    assert found == len(MIGRATIONS) + 1


def test_a_ledger_of_a_newer_version_is_refused(url, ledger):
    ledger.cards.list()
    with ledger.database.write() as connection:
        connection.execute(tables.version.update().values(number=99))
    with pytest.raises(StorageError, match="of version 99, this program knows versions up to"):
        Ledger(url).cards.list()


def test_an_older_ledger_is_migrated_once(url, ledger, monkeypatch):
    ledger.cards.add([card("one")])
    ran = []

    def step(connection):
        ran.append(connection.execute(sa.select(tables.cards.c.card)).scalar_one())
        connection.execute(sa.text("alter table cards add column colour varchar(16)"))

    monkeypatch.setattr("picloud.ledger.database.MIGRATIONS", (*MIGRATIONS, step))
    for _ in range(2):
        again = Ledger(url)
        assert again.cards.get("one").public == "public of one"
        again.database.close()
    assert ran == ["one"]


def test_a_mark_is_a_time_and_the_last_one_counts(ledger):
    assert ledger.marks.at("listened") == 0.0
    ledger.marks.put("listened", 5.0)
    ledger.marks.put("listened", 7.5)
    assert ledger.marks.at("listened") == 7.5
    assert ledger.marks.at("other") == 0.0


def test_a_site_has_one_swarm_and_a_node_one_token(ledger):
    assert ledger.swarms.get("glasgow") is None
    assert ledger.swarms.begin("glasgow", "pi0", 1.0) == Swarm("glasgow", "pi0", None, 1.0)
    assert ledger.swarms.begin("glasgow", "pi9", 2.0) == Swarm("glasgow", "pi0", None, 1.0)
    ledger.swarms.put(Swarm("glasgow", "pi0", "abc", 2.0))
    assert ledger.swarms.get("glasgow") == Swarm("glasgow", "pi0", "abc", 2.0)
    ledger.swarms.give(Token("pi3", "worker", "sealed:one", 1.0))
    ledger.swarms.give(Token("pi3", "manager", "sealed:two", 2.0))
    assert ledger.swarms.token("pi3") == Token("pi3", "manager", "sealed:two", 2.0)
    ledger.swarms.taken(["pi3", "pi4"])
    assert ledger.swarms.know("glasgow", {"pi0": "a", "pi3": "b"}) == []
    # An id is one node's; a node that gives its own up has another one then.
    assert ledger.swarms.know("glasgow", {"pi3": "a", "pi4": "b"}) == ["pi3", "pi4"]
    assert ledger.swarms.know("paris", {"pi5": "c", "pi6": "c"}) == ["pi6"]
    assert ledger.swarms.know("glasgow", {"pi3": "d"}) == []
    assert ledger.swarms.know("glasgow", {"pi4": "b"}) == []
    assert ledger.swarms.members("glasgow") == {"pi0": "a", "pi3": "d", "pi4": "b"}
    assert ledger.swarms.members("paris") == {"pi5": "c"}
    ledger.swarms.watch(Watched("glasgow", 1.0, "lost"))
    ledger.swarms.watch(Watched("glasgow", None, "works"))
    assert ledger.swarms.watched() == {"glasgow": Watched("glasgow", None, "works")}
    ledger.swarms.forget("glasgow")
    assert ledger.swarms.members("glasgow") == {}
    assert ledger.swarms.members("paris") == {"pi5": "c"}
    assert ledger.swarms.token("pi3") is None
    assert ledger.swarms.get("glasgow") is None


def test_overrides_stand_until_they_are_taken_back(ledger):
    assert (ledger.overrides.scales(), ledger.overrides.drains()) == ({}, {})
    ledger.overrides.scale(Scale("web", 5, "jane", 1.0))
    ledger.overrides.scale(Scale("web", 0, "joe", 2.0))
    ledger.overrides.drain(Drain("pi3", "jane", 1.0))
    ledger.overrides.drain(Drain("pi3", "joe", 2.0))
    assert ledger.overrides.scales() == {"web": Scale("web", 0, "joe", 2.0)}
    assert ledger.overrides.drains() == {"pi3": Drain("pi3", "joe", 2.0)}
    ledger.overrides.unscale("other")
    ledger.overrides.unscale("web")
    ledger.overrides.undrain("pi3")
    assert (ledger.overrides.scales(), ledger.overrides.drains()) == ({}, {})


def test_the_newest_build_of_an_image_counts_until_it_is_forgotten(ledger):
    platforms = {"armhf": {"digest": "sha256:m", "size": 9}}
    packages = {"armhf": {"busybox": "1:1.35"}}
    first = Build("picloud/web", "1", "sha256:one", platforms, packages, "d", "p", 1.0)
    second = first._replace(digest="sha256:two", at=2.0)
    other = first._replace(tag="2", at=3.0)
    for one in (first, second, other):
        ledger.builds.put(one)
    assert ledger.builds.newest("picloud/web", "1") == second
    ledger.builds.put(first._replace(packaged="q", at=4.0))
    assert ledger.builds.newest("picloud/web", "1") == first._replace(packaged="q", at=4.0)
    assert [one.at for one in ledger.builds.all()] == [4.0, 3.0, 2.0]
    heads = {("picloud/web", "1"): "sha256:one", ("picloud/web", "2"): "sha256:one"}
    assert ledger.builds.heads() == heads
    assert ledger.builds.get("picloud/web", "1", "sha256:two") == second
    assert ledger.builds.get("picloud/web", "2", "sha256:two") is None
    ledger.builds.forget([other, first])
    assert ledger.builds.all() == [second]
    assert ledger.builds.newest("picloud/web", "2") is None
