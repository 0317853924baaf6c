"""
The database goes away while the engine works, and comes back: nobody is let in that is not on
record, and it goes on by itself.
"""

import subprocess
import time
from contextlib import contextmanager, suppress

import pytest
from picloud.identity import fingerprint

from lab import boards
from lab.description import Node
from tests.integration.attacker import knock
from tests.integration.head import Head, describe, free_ports
from tests.integration.pi import Pi
from tests.integration.postgres import Postgres

SERIAL = "00000000e0000001"


@pytest.fixture(scope="module")
def server():
    """Start a server; it ends with the tests."""
    server = Postgres(*free_ports(1))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def head(tmp_path_factory, server):
    """Start a master whose ledger is on that server."""
    description = describe(tmp_path_factory.mktemp("away") / "cloud")
    head = Head(description, picloud_database=server.database("ledger"))
    head.start()
    yield head
    head.kill()
    head.ledger.database.close()


@contextmanager
def cut_off(port):
    """Let no packet to or from a port of loopback arrive, as when a machine lost its power."""
    rules = [["INPUT", "-i", "lo", "-p", "tcp", way, str(port)] for way in ("--dport", "--sport")]
    try:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-I", *rule, "-j", "DROP"], check=True)
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-D", *rule, "-j", "DROP"], check=False)


def _print(seed):
    return fingerprint((seed / "minion.pub").read_text())


def _let_in(head, node):
    return fingerprint(head.keys.accepted(node))


def test_nobody_is_let_in_without_a_record(head, server, tmp_path):
    """A card that knocked meanwhile has not to knock again."""
    present = _print(head.card(tmp_path / "first", node="pi2"))
    seed = head.card(tmp_path / "second", node="pi2")
    engine = head.engine().pid
    server.stop()
    try:
        for _ in range(3):
            knock(head.port, ("pi2", (seed / "minion.pub").read_text()))
            time.sleep(2)
        head.wait(lambda: "Rejoin lets nobody in and goes on by itself when it can" in head.log)
        assert _let_in(head, "pi2") == present
        said = head.run("rejoin.status")
        assert said["retcode"] == 1
        assert "cannot be used" in said["message"]
        refused = head.run("card.prepare", node="pi2", directory=str(tmp_path / "third"))
        assert refused["retcode"] == 1
        assert "cards" not in refused or not refused["cards"]
    finally:
        server.start()
    head.wait(lambda: _let_in(head, "pi2") == _print(seed))
    card = head.ledger.cards.in_use("pi2")
    assert card.fingerprint == _print(seed)
    assert head.ledger.decisions.of("pi2")[0].card == card.card
    head.wait(lambda: not head.ledger.admissions.waiting())
    assert head.engine().pid == engine


def test_it_goes_away_in_every_step_of_a_rejoin(head, server, tmp_path):
    """No try is counted: that the database was away is no fault of the node."""
    pi = Pi(boards.make("test", Node("any", "rack1", "pi2b", None, None, SERIAL, 1024)), head.port)
    engine, away = head.engine().pid, []
    pi.first_boot(head.card(tmp_path, node="pi0"))
    try:
        pi.start()

        def go_on():
            row = head.ledger.rejoins.get("pi0")
            if row is not None and row.step not in (*away, "converged"):
                away.append(row.step)
                server.stop()
                time.sleep(3)
                server.start()
            return row if row is not None and row.step == "converged" else None

        row = head.wait(go_on, 240)
    finally:
        with suppress(OSError):
            pi.kill()
    assert {"asked", "converging"} <= set(away)
    assert (row.kind, row.serial, row.tries) == ("first join", SERIAL, 0)
    assert head.engine().pid == engine


def test_its_machine_is_gone_without_a_word(head, server, tmp_path):
    """No connection is ended: who waits for an answer has to find out by itself."""
    present = _print(head.card(tmp_path / "first", node="pi1"))
    seed = head.card(tmp_path / "second", node="pi1")
    engine, before = head.engine().pid, len(head.log)
    with cut_off(server.port):
        knock(head.port, ("pi1", (seed / "minion.pub").read_text()))
        head.wait(lambda: "Rejoin lets nobody in" in head.log[before:], 90)
        assert _let_in(head, "pi1") == present
    head.wait(lambda: _let_in(head, "pi1") == _print(seed), 90)
    assert head.ledger.cards.in_use("pi1").fingerprint == _print(seed)
    assert head.engine().pid == engine
