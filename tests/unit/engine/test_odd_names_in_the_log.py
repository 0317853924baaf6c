"""Whoever knocks under a name that no minion can have is named, as Salt itself does not."""

import inspect
import logging

import pytest
import salt.master

from _log_handlers import knocks
from tests.clock import set_clock


@pytest.fixture
def said(monkeypatch):
    """What the log of a master at its usual level says; the loggers are as before in the end."""
    monkeypatch.setattr(knocks, "LOGGER", "salt.knocks_of_a_test")
    logger, found = logging.getLogger(knocks.LOGGER), []
    logger.parent.setLevel(logging.WARNING)
    knocks.setup_handlers()
    handler = logging.Handler()
    handler.emit = lambda record: found.append((record.levelname, record.getMessage()))
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)
    logger.filters.clear()
    logger.setLevel(logging.NOTSET)
    logger.parent.setLevel(logging.NOTSET)


def odd(name):
    logging.getLogger(knocks.LOGGER).info(knocks.SAID, name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../x", "'../x'"),
        ("", "''"),
        ("a/\nFAKE \u202e", r"'a/\nFAKE \u202e'"),
        ({"a": 1}, "{'a': 1}"),
        ("/" * 1000, "'" + "/" * (knocks.SHOWN - 1)),
    ],
)
def test_an_odd_name_is_one_line(said, name, shown):
    odd(name)
    reason = "no minion can have that name"
    assert said == [("WARNING", f"Salt refuses a key that was offered as {shown}: {reason}")]


def test_a_flood_of_odd_names_is_one_line_a_minute(said, monkeypatch):
    clock = [1000.0]
    set_clock(monkeypatch, knocks, monotonic=lambda: clock[0])
    for number in range(500):
        odd(f"a/{number}")
    clock[0] += knocks.PACE_S
    odd("b/1")
    assert [text.partition(":")[0] for _, text in said] == [
        "Salt refuses a key that was offered as 'a/0'",
        "Salt refuses a key that was offered as 'b/1'",
    ]
    assert said[1][1].endswith("; 499 more such knocks in between")


def test_nothing_else_is_changed(said):
    logger = logging.getLogger(knocks.LOGGER)
    logger.info("Authentication request from %s", "pi3")
    logger.warning("This is a warning of %s", "Salt")
    assert said == [("WARNING", "This is a warning of Salt")]
    logger.setLevel(logging.INFO)  # as an admin may have asked for
    logger.info("Authentication request from %s", "pi3")
    assert said[1:] == [("INFO", "Authentication request from pi3")]


def test_each_process_sets_it_up_once(said):
    knocks.setup_handlers()
    odd("a/b")
    assert len(said) == 1


def test_salt_still_says_it_in_these_words():
    assert f'log.info("{knocks.SAID}", load["id"])' in inspect.getsource(salt.master.AuthFuncs)
