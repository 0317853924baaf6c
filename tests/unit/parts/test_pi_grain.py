"""The grain pi: all that identifies a node, and never an error."""

import json

import pytest

from _grains import pi


@pytest.fixture
def configure_loader_modules():
    return {pi: {"__opts__": {}}}


@pytest.fixture
def board(tmp_path):
    (tmp_path / "proc/device-tree/system").mkdir(parents=True)
    (tmp_path / "proc/device-tree/serial-number").write_bytes(b"10000000a3c1d2e4\0")
    (tmp_path / "proc/device-tree/system/linux,revision").write_bytes(bytes.fromhex("0000000e"))
    return tmp_path


def card(root, content):
    path = root / "etc/picloud/card.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_a_pi(board):
    card(board, json.dumps({"card": "c-0001", "node": "pi3"}))
    assert pi.pi(root=board, card_root=board)["pi"] == {
        "serial": "10000000a3c1d2e4",
        "model": "pi1b",
        "model_name": "Raspberry Pi 1 Model B",
        "revision": "000e",
        "ram_mb": 512,
        "mac": None,
        "card_cid": None,
        "card_id": "c-0001",
    }


def test_the_minion_option_names_the_root(board):
    pi.__opts__["picloud_board_root"] = str(board)
    assert pi.pi(card_root=board)["pi"]["serial"] == "10000000a3c1d2e4"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"card": 7}', "null"])
def test_a_damaged_card_file_is_no_error(board, content):
    card(board, content)
    assert pi.pi(root=board, card_root=board)["pi"]["card_id"] is None


def test_a_missing_module_is_no_error(board, monkeypatch):
    monkeypatch.setattr(pi, "__file__", str(board / "grains/pi.py"))
    assert set(pi.pi(root=board, card_root=board)["pi"].values()) == {None}


def test_an_unreadable_board_is_no_error(tmp_path):
    assert set(pi.pi(root=tmp_path, card_root=tmp_path)["pi"].values()) == {None}
