"""Questions to nodes come to an end, whatever a node says."""

import time
from unittest.mock import create_autospec

import picloud_ask
import picloud_managers
import pytest
import salt.client
from picloud_watch import NoAnswerError
from salt.exceptions import EauthAuthenticationError, SaltClientError

from tests.clock import set_clock


@pytest.fixture
def client():
    return create_autospec(salt.client.LocalClient, instance=True)


def answers(client, longest=60):
    return list(
        picloud_ask.answers(
            client, ["pi0", "pi1"], "swarm.info", [1], timeout=15, longest=longest, kwarg={"a": 2}
        )
    )


def test_answers_come_from_those_who_were_asked(client):
    client.cmd_iter_no_block.return_value = iter(
        [
            None,
            {"pi1": {"ret": "no", "retcode": 1}},
            {"pi9": {"ret": "mine"}},
            {"error": {"ret": "of a node that is called so"}},
            {"pi0": {"ret": {"x": 1}, "retcode": 0}},
        ]
    )
    assert answers(client) == [("pi1", "no", True), ("pi0", {"x": 1}, False)]
    client.cmd_iter_no_block.assert_called_once_with(
        ["pi0", "pi1"], "swarm.info", [1], timeout=15, tgt_type="list", kwarg={"a": 2}
    )


def test_one_that_is_at_it_for_ever_is_waited_for_no_longer_than_said(client):
    def busy(*_args, **_more):
        yield {"pi0": {"ret": 1}}
        while True:
            yield None

    client.cmd_iter_no_block.side_effect = busy
    began = time.monotonic()
    assert answers(client, longest=0.2) == [("pi0", 1, False)]
    assert time.monotonic() - began < 5


def test_who_may_not_ask_is_told_so_and_does_not_wait(client):
    error = {"name": "AuthorizationError", "message": "Authorization error occurred."}
    client.cmd_iter_no_block.return_value = iter([{"error": error}])
    with pytest.raises(NoAnswerError, match=r"pi0, pi1: Authorization error occurred\. Run"):
        answers(client)


def test_a_question_that_salt_sends_to_nobody_is_in_the_log(client, caplog):
    client.cmd_iter_no_block.return_value = iter([{}])
    assert answers(client) == []
    assert "Salt sent swarm.info to none of pi0, pi1" in caplog.text


@pytest.mark.parametrize("kind", [SaltClientError, EauthAuthenticationError, OSError])
def test_a_master_without_a_bus_is_named_and_nobody_is_no_question(monkeypatch, kind):
    def fail(mopts):
        raise kind(f"no bus of {mopts['id']}")

    monkeypatch.setattr(salt.client, "get_local_client", fail)
    limits = {"timeout": 1, "longest": 1}
    assert list(picloud_ask.asked({"id": "head"}, [], "swarm.info", **limits)) == []
    with pytest.raises(NoAnswerError, match="no bus of head; is salt-master running"):
        list(picloud_ask.asked({"id": "head"}, ["pi0"], "swarm.info", **limits))


def test_a_manager_that_does_not_come_to_an_end_is_told_with_the_time_that_was_waited(monkeypatch):
    ticks = iter([0, 119.2])
    set_clock(monkeypatch, picloud_managers, monotonic=lambda: next(ticks))
    monkeypatch.setattr(picloud_managers, "KeyStore", create_autospec(picloud_managers.KeyStore))
    monkeypatch.setattr(picloud_ask, "asked", lambda *_args, **_more: iter(()))
    managers = picloud_managers.Managers({}, {}, {})
    monkeypatch.setattr(managers, "via", lambda site: "pi0")
    with pytest.raises(NoAnswerError, match="pi0 did not say within 120 s what came of swarmwork"):
        managers.ask("glasgow", "swarmwork.look", seconds=30)
