"""One node that fails for ever is set aside, and is never in the way of the others."""

from contextlib import suppress

import pytest

from lab import boards
from lab.description import Node
from tests.integration.head import Head, describe
from tests.integration.pi import Pi

NODES = ("pi0", "pi1", "pi2")
SERIALS = {"pi0": "00000000e0000001", "pi1": "00000000e0000002", "pi2": "00000000e00000cc"}


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Start a master with the engine."""
    head = Head(describe(tmp_path_factory.mktemp("aside") / "cloud"))
    head.start()
    yield head
    head.kill()


@pytest.fixture(scope="module")
def rack(head, tmp_path_factory):
    """Start three nodes; on pi2 a folder stands where the highstate has to write a file."""
    made = {}
    for name in NODES:
        node = Node(name, "rack1", "pi2b", None, None, SERIALS[name], 1024)
        made[name] = Pi(boards.make("test", node), head.port)
        made[name].first_boot(head.card(tmp_path_factory.mktemp(name), node=name))
    (made["pi2"].root / "etc/picloud/modules_digest/in-the-way").mkdir(parents=True)
    for pi in made.values():
        pi.start()
    yield made
    for pi in made.values():
        with suppress(OSError):
            pi.kill()


def test_the_others_are_converged_and_it_is_set_aside_after_three_tries(head, rack):
    for name in ("pi0", "pi1"):
        assert head.step(name, "converged", seconds=120).tries == 0
    row = head.step("pi2", "quarantined", seconds=240)
    assert row.reason.startswith("failed 3 times: ")
    assert "salt-run rejoin.release node=pi2" in row.reason
    assert "Rejoin of pi2: quarantined" in head.log


def test_a_restart_does_not_bring_it_back(head, rack):
    since = head.ledger.rejoins.get("pi2").step_at
    rack["pi2"].kill()
    rack["pi2"].start()
    row = head.step("pi2", "quarantined", since=since, seconds=120)
    assert "started again since" in row.reason


def test_put_right_and_released_it_is_converged(head, rack):
    (rack["pi2"].root / "etc/picloud/modules_digest/in-the-way").rmdir()
    (rack["pi2"].root / "etc/picloud/modules_digest").rmdir()
    head.run("rejoin.release", node="pi2")
    assert head.step("pi2", "converged", seconds=120).tries == 0
