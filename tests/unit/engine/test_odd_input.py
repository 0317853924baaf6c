"""What an owned minion can put before the engine is left out, and nothing falls over it."""

import pytest
import salt.config
from picloud.identity import Board
from picloud_rejoin import proof
from picloud_rejoin.keys import KeyStore

ODD = ["a/b", "../x", "..", ".", "", "a\0b", "a\\b", "x" * 300]


@pytest.fixture
def keys(tmp_path):
    opts = salt.config.master_config(None)
    return KeyStore({**opts, "pki_dir": str(tmp_path), "cachedir": str(tmp_path)})


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_an_id_that_no_key_can_have_has_none(keys, name):
    assert keys.accepted(name) is None
    assert keys.offered(name) == []
    assert keys.known(name) == []


def test_a_refused_key_is_forgotten_alone(keys):
    keys.accept("pi3", "own")
    keys._cache.store("denied_keys", "pi3", ["other"])
    keys.forget_denied("pi3", "own")
    assert keys.offered("pi3") == ["other"]
    keys.forget_denied("pi3", "other")
    assert keys.offered("pi3") == []
    assert keys.accepted("pi3") == "own"


def test_a_board_is_read_as_it_is():
    said = {"serial": "00000000e0000001", "mac": "b8:27:eb:00:00:01", "model": "pi2b"}
    assert proof.board({"board": {**said, "ram_mb": 1024}}) == Board(**said, ram_mb=1024)


@pytest.mark.parametrize(
    "board",
    [
        None,
        [],
        {"serial": 5, "mac": ["b8"], "model": {}, "ram_mb": True, "cid": 1.5},
        {"serial": "0" * 17, "mac": "b8:27:eb:00:00:01\n", "model": "a b", "ram_mb": 2**40},
        {"serial": "*", "mac": "*", "model": "../pi2b", "ram_mb": -1, "cid": "\n"},
    ],
)
def test_what_is_no_serial_and_no_mac_is_left_out(board):
    assert proof.board({"board": board}) == Board()


@pytest.mark.parametrize(
    "text",
    [
        '{"nonce": "a\\u0000"}',
        '{"nonce": "\\ud800"}',
        '{"nonce": "a", "at": ' + "9" * 400 + "}",
        "[" * 50000,
        '"nonce"',
        "{",
        '{"nonce": "' + "a" * proof.LONGEST + '"}',
    ],
    ids=["nul", "half a character", "number", "deep", "no mapping", "cut", "long"],
)
def test_a_report_that_nothing_can_be_done_with_is_none(text):
    assert proof.nonce({"report": text}) is None
