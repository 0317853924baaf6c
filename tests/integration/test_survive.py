"""The engine, the master and the ledger fail in the middle of a rejoin: nothing is lost."""

import random
import sqlite3
import time
from contextlib import suppress

import picloud_jobs
import pytest
import salt.utils.event
from picloud.identity import fingerprint
from picloud.ledger import Pending

from lab import boards
from lab.description import Node
from tests.integration.attacker import knock
from tests.integration.head import Head, describe
from tests.integration.pi import Pi

#: Seconds between two looks for steps that are over in a tenth of a second.
MOMENT = 0.02


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Start a master with the engine."""
    head = Head(describe(tmp_path_factory.mktemp("survive") / "cloud"))
    head.start()
    yield head
    head.kill()


@pytest.fixture
def make(head):
    """Return what makes Pis; all of them end with the test."""
    made = []

    def one(serial):
        node = Node("any", "rack1", "pi2b", None, None, serial, 1024)
        pi = Pi(boards.make("test", node), head.port)
        made.append(pi)
        return pi

    yield one
    for pi in made:
        with suppress(OSError):
            pi.kill()


@pytest.fixture(scope="module")
def swapped(head, tmp_path_factory):
    """Return what prepares another card of a node that has one."""

    def prepare(node):
        folder = tmp_path_factory.mktemp(node)
        seed = head.card(folder / "first", node=node)
        if head.ledger.cards.by_fingerprint(_print(seed)).state == "in use":
            seed = head.card(folder / "second", node=node)
        return seed

    return prepare


def _print(seed):
    return fingerprint((seed / "minion.pub").read_text())


def restarted(head):
    """Kill the engine; return when Salt has started it again."""
    process = head.engine()
    before = process.pid
    process.kill()
    head.wait(lambda: (now := head.engine()) is not None and now.pid != before)


def admitted(head, node, seed):
    """Knock as a minion does, until the key is in."""
    public = (seed / "minion.pub").read_text()

    def there():
        key = head.keys.accepted(node)
        if key is not None and fingerprint(key) == fingerprint(public):
            return True
        knock(head.port, (node, public))
        return False

    head.wait(there)
    assert head.keys.denied(node) == []
    assert head.ledger.cards.in_use(node).fingerprint == fingerprint(public)
    retired = [row for row in head.ledger.cards.list(node) if row.state == "in use"]
    assert len(retired) == 1


def test_the_engine_is_killed_in_every_step_of_a_rejoin(head, make, swapped):
    pi = make("00000000e0000001")
    began = time.time()
    pi.first_boot(swapped("pi0"))
    pi.start()
    killed = []

    def go_on():
        row = head.ledger.rejoins.get("pi0")
        if row is None or row.since < began - 60:
            return False
        if row.step not in (*killed, "converged"):
            killed.append(row.step)
            restarted(head)
        return row.step == "converged"

    head.wait(go_on, 180, MOMENT)
    assert {"admitted", "asked", "converging"} <= set(killed)
    row = head.ledger.rejoins.get("pi0")
    assert (row.card, row.serial) == (head.ledger.cards.in_use("pi0").card, "00000000e0000001")
    assert row.tries == 0
    assert not head.ledger.admissions.waiting()


def test_the_node_is_killed_in_every_step_of_its_rejoin(head, make, swapped):
    pi = make("00000000e0000001")
    began = time.time()
    pi.first_boot(swapped("pi0"))
    pi.start()
    killed = []

    def go_on():
        row = head.ledger.rejoins.get("pi0")
        if row is None or row.since < began - 60:
            return False
        if row.step not in (*killed, "converged"):
            killed.append(row.step)
            pi.kill()
            pi.start()
        return row.step == "converged" and row.step_at > began

    head.wait(go_on, 240, MOMENT)
    assert {"admitted", "asked", "converging"} <= set(killed)
    row = head.ledger.rejoins.get("pi0")
    assert (row.card, row.serial) == (head.ledger.cards.in_use("pi0").card, "00000000e0000001")
    assert not row.aside


def test_events_that_come_twice_and_in_any_order(head, make, swapped):
    """All that a node's way back puts on the bus is fired again and again, shuffled."""
    listen = salt.utils.event.get_master_event(head.opts, head.opts["sock_dir"], listen=True)
    fire = salt.utils.event.get_master_event(head.opts, head.opts["sock_dir"], listen=False)
    pi = make("00000000e0000001")
    seed = swapped("pi0")
    began, seen, shuffled = time.time(), [], random.Random(7)
    decided = len(head.ledger.decisions.of("pi0", 1000))
    try:
        pi.first_boot(seed)
        pi.start()

        def go_on():
            while (event := listen.get_event(wait=0.05, full=True)) is not None:
                if event["data"].get("id") == "pi0" and "again" not in event["data"]:
                    seen.append((event["tag"], event["data"] | {"again": True}))
            for tag, data in shuffled.sample(seen, min(len(seen), 20)):
                fire.fire_event(data, tag)
            row = head.ledger.rejoins.get("pi0")
            return row is not None and row.step == "converged" and row.step_at > began

        head.wait(go_on, 180)
        head.quiet(120)
        head.step("pi0", "converged", began)
    finally:
        listen.destroy()
        fire.destroy()
    assert {tag.split("/")[1] for tag, _ in seen if "/" in tag} >= {"auth", "minion", "job"}
    new = head.ledger.decisions.of("pi0", 1000)[: -decided or None]
    row = head.ledger.rejoins.get("pi0")
    said = [(one.action, one.kind) for one in reversed(new)]
    # The Pi of the test before this one was there a moment ago: the new card waits until it is not.
    while said[0] == ("refuse", "copy of a card"):
        said.pop(0)
    # A card that never ran is replaced by a new one, and its node joins for the first time.
    assert said[0] == ("admit", "new card"), new
    # A start that is said again right after the end may be a new one: it is looked at once more.
    once = [("converge", row.kind), ("converged", row.kind)]
    assert said[1:] in (once, once * 2), new
    assert row.kind in {"first join", "new card"}
    assert row.tries == 0


def test_the_master_is_killed_in_every_step_of_a_rejoin(head, make, swapped):
    """With all its processes; the engine is one of them."""
    pi = make("00000000e0000002")
    began = time.time()
    pi.first_boot(swapped("pi1"))
    pi.start()
    killed = []

    def go_on():
        row = head.ledger.rejoins.get("pi1")
        if row is None or row.since < began - 60:
            return False
        if row.step not in (*killed, "converged"):
            killed.append(row.step)
            head.kill()
            head.start()
        return row.step == "converged" and row.step_at > began

    head.wait(go_on, 300, MOMENT)
    assert {"admitted", "asked", "converging"} <= set(killed)
    row = head.ledger.rejoins.get("pi1")
    assert (row.serial, row.tries) == ("00000000e0000002", 0)
    assert not head.ledger.admissions.waiting()


@pytest.mark.parametrize("what", ["engine", "node", "master"])
def test_killed_while_a_spare_card_is_told_which_node_it_is(head, make, tmp_path, what):
    pi = make("00000000e0000002")
    seed = head.card(tmp_path, spare=True)
    card = head.ledger.cards.by_fingerprint(_print(seed)).card
    pi.first_boot(seed)
    pi.start()
    head.step(card, "bound", seconds=120)
    if what == "engine":
        restarted(head)
    elif what == "node":
        pi.kill()
        pi.start()
    else:
        head.kill()
        head.start()

    def go_on():
        pi.restart_if_asked()
        row = head.ledger.rejoins.get("pi1")
        return row if row.step == "converged" and row.card == card else None

    row = head.wait(go_on, 240)
    assert (row.serial, row.tries) == ("00000000e0000002", 0)
    assert head.ledger.cards.in_use("pi1").card == card
    assert fingerprint(head.keys.accepted("pi1")) == _print(seed)
    assert head.keys.accepted(card) is None
    assert head.ledger.rejoins.get(card) is None
    assert not head.ledger.admissions.waiting()


def test_a_start_that_nobody_heard_is_caught_up_with(head, make, swapped):
    """A node starts on another board; its event dies with the engine."""
    pi = make("00000000e0000001")
    pi.first_boot(swapped("pi0"))
    pi.start()
    before = head.step("pi0", "converged", since=time.time(), seconds=180)
    pi.kill()
    time.sleep(2)
    process, fetched = head.engine(), picloud_jobs.fetched(head.opts)["pi0"]
    process.suspend()
    pi.put(boards.make("test", Node("any", "rack1", "pi2b", None, None, "00000000e0000007", 1024)))
    pi.start()
    head.wait(lambda: picloud_jobs.fetched(head.opts)["pi0"] > fetched)
    time.sleep(10)  # from the pillar to the event that it started
    assert head.ledger.rejoins.get("pi0") == before
    process.kill()
    row = head.step("pi0", "converged", since=before.step_at, seconds=180)
    assert (row.kind, row.serial) == ("new board", "00000000e0000007")
    assert "may have started unheard" in head.log


def test_killed_between_the_record_and_the_key(head, swapped):
    """What was recorded and not done is done at the next start, once."""
    seed = swapped("pi2")
    process = head.engine()
    present = head.ledger.cards.in_use("pi2")
    process.suspend()
    card = head.ledger.cards.by_fingerprint(_print(seed))
    new = Pending("pi2", card.card, card.public, present.card, time.time())
    head.ledger.admissions.record(new)
    assert fingerprint(head.keys.accepted("pi2")) == present.fingerprint
    process.kill()
    head.wait(lambda: not head.ledger.admissions.waiting())
    assert fingerprint(head.keys.accepted("pi2")) == _print(seed)
    assert head.ledger.cards.get(present.card).state == "retired"


def test_asleep_while_20000_events_pass(head, swapped):
    """Events doubled and out of order, and one real swap among them."""
    process = head.engine()
    seed = swapped("pi2")
    bus = salt.utils.event.get_master_event(head.opts, head.opts["sock_dir"], listen=False)
    before = {row.node: row.step for row in head.ledger.rejoins.all()}
    process.suspend()
    try:
        knock(head.port, ("pi2", (seed / "minion.pub").read_text()))
        for number in range(10000):
            name = f"ghost-{number}"
            bus.fire_event({"id": name}, f"salt/minion/{name}/start")
            bus.fire_event({"id": name, "act": "denied", "pub": "none"}, "salt/auth")
    finally:
        process.resume()
        bus.destroy()
    head.wait(lambda: head.keys.accepted("pi2") and _is(head, "pi2", seed), 120)
    head.quiet(120)
    assert head.engine().pid == process.pid
    after = {row.node: row.step for row in head.ledger.rejoins.all()}
    assert set(after) - set(before) <= {"pi2"}
    assert len(head.ledger.strangers.list()) <= 1000


def _is(head, node, seed):
    return fingerprint(head.keys.accepted(node)) == _print(seed)


def test_a_second_swap_in_the_middle_of_the_first(head, swapped):
    """The first new card knocks, and before it is asked anything the second one does."""
    first, second = swapped("pi2"), swapped("pi2")
    admitted(head, "pi2", first)
    admitted(head, "pi2", second)
    assert head.ledger.cards.by_fingerprint(_print(first)).state == "retired"
    knock(head.port, ("pi2", (first / "minion.pub").read_text()))
    head.quiet()
    assert _is(head, "pi2", second)


def test_no_room_for_the_ledger(head, swapped):
    """Nothing is let in that cannot be recorded; when there is room it goes on by itself."""
    seed = swapped("pi2")
    present = head.keys.accepted("pi2")
    path = head.ledger.database.url.database
    lock = sqlite3.connect(path, timeout=30, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        for _ in range(3):
            knock(head.port, ("pi2", (seed / "minion.pub").read_text()))
            time.sleep(2)
        assert head.keys.accepted("pi2") == present
        head.wait(lambda: "Rejoin lets nobody in" in head.log, 90)
        assert head.keys.accepted("pi2") == present
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    admitted(head, "pi2", seed)
