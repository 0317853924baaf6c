"""The master looks at its swarms by itself, as its shipped configuration says."""

import time

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


def test_managers_that_do_not_answer_are_told_once_without_anybody_asking(head):
    head.start()
    row = head.wait(lambda: head.ledger.swarms.watched().get("glasgow"), 90)
    assert row.lost_at is None
    assert row.words.startswith("no manager of the swarm of glasgow answers, it may be well")
    said = f"Swarm: {row.words}"
    head.wait(lambda: said in head.log)
    # It goes on to look, and what it knows already is no news.
    time.sleep(6)
    assert head.log.count(said) == 1
    head.ledger.swarms.watch(row._replace(words="as it was"))
    head.wait(lambda: head.log.count(said) == 2)
