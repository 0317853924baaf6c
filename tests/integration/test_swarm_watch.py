"""The master looks at its swarms by itself, as its shipped configuration says."""

import pytest
from picloud.ledger.swarms import Swarm

from .head import Head

NAME = "picloud-swarm-mend"


@pytest.fixture
def head(description, master_config):
    """A master whose site has had a swarm, and which looks at it every two seconds."""
    shipped = master_config["schedule"][NAME]
    assert shipped["minutes"] == 5
    often = {key: value for key, value in shipped.items() if key != "minutes"} | {"seconds": 2}
    one = Head(description, schedule={NAME: often}, loop_interval=1)
    one.ledger.swarms.put(Swarm("glasgow", "pi0", "c1", 1.0))
    yield one
    one.kill()


def test_a_lost_swarm_is_told_once_without_anybody_asking(head):
    head.start()
    row = head.wait(lambda: head.ledger.swarms.watched().get("glasgow"), 90)
    assert row.lost_at is not None
    assert row.words.startswith("no manager of the swarm of glasgow can be reached")
    said = f"Swarm: {row.words}"
    head.wait(lambda: said in head.log)
    # It goes on to look, and what it knows already is no news.
    head.ledger.swarms.watch(row._replace(words="as it was"))
    head.wait(lambda: head.ledger.swarms.watched()["glasgow"].words == row.words)
    assert head.log.count(said) == 1
