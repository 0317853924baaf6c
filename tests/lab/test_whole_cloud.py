"""The whole shipped cloud at once: 56 nodes and a master on this machine."""

import json
import os

import pytest

from lab import converge
from lab.apart import Apart

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(repo, tmp_path_factory):
    """All nodes of the description, up and converged, beside whatever else runs."""
    if os.geteuid() != 0:
        pytest.fail("the lab needs root: run make test-slow as root or with sudo")
    apart = Apart("picloud-all", repo, tmp_path_factory.mktemp("all") / "checkout", "10.82.")
    with apart.running("all") as running:
        yield running


def everyone(lab, function, *arguments):
    """Return of every node that returned."""
    command = ("salt", "--out=json", "--static", "--timeout=60", "*", function, *arguments)
    done = lab.execute("head", *command, check=False)
    return json.loads(done.stdout)


def test_none_is_missing_in_five_rounds(whole: Apart):
    ids = {f"pi{number}" for number in range(56)}
    for _ in range(5):
        assert everyone(whole, "test.ping") == dict.fromkeys(ids, True)


def test_every_node_is_converged(whole: Apart):
    outcomes = [
        converge.Outcome.of(node, states)
        for node, states in everyone(whole, "state.highstate", "test=True", "queue=True").items()
    ]
    assert len(outcomes) == 56
    assert [outcome for outcome in outcomes if outcome.failed or outcome.changes] == []


def test_a_node_takes_at_most_150_mb(whole: Apart):
    names = [f"pi{number}" for number in range(56)]
    assert 0 < converge.memory(whole.settings, names) <= 150
