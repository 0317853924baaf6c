"""Made-up boards: the lab's revision codes are what the product's own decoder says they are."""

import pytest

from _modules import piboard
from lab import boards
from lab.description import Node
from lab.errors import LabError

CODES = [
    (model, ram, code) for model, sizes in boards.REVISIONS.items() for ram, code in sizes.items()
]


def node(**given):
    fields = {"id": "pi3", "rack": "rack1", "model": "pi1b", "address": None, "mac": None}
    return Node(**fields | {"serial": None, "ram_mb": 512} | given)


@pytest.mark.parametrize(("model", "ram", "code"), CODES)
def test_codes_mean_their_model_and_memory(model, ram, code):
    decoded = piboard.decode_revision(f"{code:04x}")
    assert (decoded["model"], decoded["ram_mb"]) == (model, ram)


def test_every_shipped_model_can_be_made_up(repo):
    text = "".join(path.read_text() for path in (repo / "pillar/cloud/boards").glob("*.sls"))
    names = [line[2:-1] for line in text.splitlines() if line[:2] == "  " and line[2:].isalnum()]
    assert set(boards.NAMES) == set(boards.REVISIONS)
    assert set(names) <= set(boards.REVISIONS)


def test_a_board_depends_on_lab_and_node_only():
    assert boards.make("one", node()) == boards.make("one", node())
    assert boards.make("one", node()).serial != boards.make("two", node()).serial
    assert boards.make("one", node()).mac != boards.make("one", node(id="pi4")).mac


def test_declared_figures_win():
    board = boards.make("lab", node(serial="10000000A3C1D2E4", ram_mb=256))
    assert (board.serial, board.mac) == ("10000000a3c1d2e4", "b8:27:eb:c1:d2:e4")
    assert board.revision == boards.REVISIONS["pi1b"][256]
    assert boards.make("lab", node(mac="B8:27:EB:00:00:01")).mac == "b8:27:eb:00:00:01"


def test_a_card_id_has_the_form_of_the_hardware(tmp_path):
    assert len(bytes.fromhex(boards.make("lab", node()).cid)) == 16


def test_an_unknown_model_says_what_to_do():
    with pytest.raises(LabError, match="no revision code for board model pi9") as caught:
        boards.make("lab", node(model="pi9"))
    assert "lab/boards.py" in caught.value.remedy


def test_files_stay_when_written_again(tmp_path):
    board = boards.make("lab", node())
    boards.write(tmp_path, board)
    assert boards.read_mac(tmp_path) == board.mac
    temperature = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    temperature.write_text("80000\n")
    boards.write(tmp_path, board)
    assert temperature.read_text() == "80000\n"
