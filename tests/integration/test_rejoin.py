"""A node comes back: real master with the engine, real minions, nobody types anything."""

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path

import picloud_salt
import pytest
import salt.config
import salt.loader
import yaml
from picloud import cards

from lab import boards
from lab.description import Node
from tests.integration.pi import Pi

ROLES = "  pi: {default: true, parts: [base, boot, salt_minion]}\n  docker: {parts: [docker]}\n"
QUICK = """\
rejoin:
  backoff_s: 1
  sweep_s: 5
  limits_s: {alive: 3, start: 60, evidence: 30, converge: 120}
"""


@pytest.fixture(scope="module")
def rejoin_description(tmp_path_factory, repo):
    """Return a tiny cloud whose nodes get no parts: this machine is not to be changed."""
    folder = tmp_path_factory.mktemp("rejoin") / "cloud"
    shutil.copytree(repo / "tests/data/tiny", folder)
    text = (folder / "cloud.sls").read_text()
    assert ROLES in text
    bare = ROLES.replace("[base, boot, salt_minion]", "[]").replace("[docker]", "[]")
    (folder / "cloud.sls").write_text(text.replace(ROLES, bare))
    (folder / "rejoin.sls").write_text(QUICK)
    return folder


@pytest.fixture(scope="module")
def head(salt_factories, repo, rejoin_description):
    """Start a master with the shipped configuration and the engine in it."""
    text = (repo / "master" / "master.d" / "picloud.conf").read_text()
    text = text.replace("/srv/picloud/pillar/cloud", str(rejoin_description))
    config = yaml.safe_load(text.replace("/srv/picloud", str(repo)))
    factory = salt_factories.salt_master_daemon(
        "rejoin-head", overrides={**config, "fips_mode": False}
    )
    with factory.started():
        yield factory


@pytest.fixture(scope="module")
def opts(head):
    """Return the master's options, as a runner gets them."""
    return salt.config.master_config(head.config["conf_file"])


@pytest.fixture(scope="module")
def ledger(opts):
    return picloud_salt.ledger(opts)


@pytest.fixture
def seed(opts, tmp_path):
    """Return what prepares a card and gives the folder of its seed."""

    def prepare(**wanted):
        made = salt.loader.runner(opts)["card.prepare"](directory=str(tmp_path / "seeds"), **wanted)
        assert "cards" in made, made
        return [card["seed"] for card in made["cards"].values()][-1]

    return prepare


@pytest.fixture
def make(head):
    """Return what makes Pis; all of them end with the test."""
    made = []

    def one(board):
        pi = Pi(board, head.config["ret_port"])
        made.append(pi)
        return pi

    yield one
    for pi in made:
        with suppress(OSError):
            pi.kill()


def board(serial):
    node = Node("any", "rack1", "pi2b", None, None, serial, 1024)
    return boards.make("test", node)


def wait(ledger, node, step, seconds=60, since=0.0):
    """Wait until a node is at a step it reached after a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        row = ledger.rejoins.get(node)
        if row is not None and row.step == step and row.step_at > since:
            return row
        time.sleep(0.2)
    pytest.fail(f"{node} is not {step}: {row}; {ledger.decisions.of(node, 5)}")


@pytest.mark.parametrize("modules", ["none", "old"])
def test_a_card_without_the_modules_of_today_is_brought_them(ledger, seed, make, modules):
    """One that was prepared by an older release, or lay in a drawer."""
    card = Path(seed(node="pi2"))
    files = {path.name: path.read_text() for path in card.iterdir() if path.name != cards.SUMS}
    if modules == "none":
        del files[cards.MODULES]
        (card / cards.MODULES).unlink()
    else:
        texts = json.loads(files[cards.MODULES])
        texts["modules/pirejoin.py"] += "# of another day\n"
        files[cards.MODULES] = json.dumps(texts)
        (card / cards.MODULES).write_text(files[cards.MODULES])
    (card / cards.SUMS).write_text(cards._sums(files))
    pi, began = make(board("00000000e0000003")), time.time()
    pi.first_boot(card)
    pi.start()
    assert wait(ledger, "pi2", "converged", 120, since=began).tries == 0
    brought = pi.root / "var/cache/salt/minion/extmods/modules/pirejoin.py"
    assert brought.read_text() == picloud_salt.modules()["modules/pirejoin.py"]


def test_a_swapped_card_comes_back_by_itself(ledger, seed, make):
    first = make(board("00000000e0000001"))
    first.first_boot(seed(node="pi0"))
    first.start()
    row = wait(ledger, "pi0", "converged")
    assert row.kind == "first join"
    assert row.serial == "00000000e0000001"

    new = seed(node="pi0", count=2)
    began = time.time()
    first.kill()
    second = make(board("00000000e0000001"))
    second.first_boot(new)
    second.start()
    row = wait(ledger, "pi0", "converged", since=began)
    assert row.kind == "new card"
    assert ledger.cards.get(row.card).state == "in use"
    assert set(row.seconds) == {"admitted", "asked", "waiting", "converging"}
    assert [one.action for one in ledger.decisions.of("pi0", 3)] == [
        "converged",
        "converge",
        "admit",
    ]
