"""The descriptions that come with the repository: without faults, and what they say they are."""

import subprocess
import sys

import pytest
from picloud.cloud import build
from picloud.load import read


@pytest.fixture(scope="module")
def glasgow(repo):
    return build(read(repo / "pillar" / "cloud"))


@pytest.fixture(scope="module")
def pi2(repo):
    return build(read(repo / "examples" / "pi2-14"))


def test_glasgow_is_four_lego_racks_of_fourteen(glasgow):
    assert list(glasgow.nodes) == [f"pi{number}" for number in range(56)]
    assert {name: len(rack.nodes) for name, rack in glasgow.racks.items()} == {
        f"rack{k}": 14 for k in range(1, 5)
    }
    for rack in glasgow.racks.values():
        assert dict(rack.towers) == {"left": 7, "right": 7}
    design = glasgow.common.designs["lego14"]
    assert (design.switch, design.hubs) == ("gs116e", ("usb7", "usb7"))


@pytest.mark.parametrize(
    ("node", "slot", "address", "wiring"),
    [
        ("pi0", "rack1/left/1", "10.80.1.1", (1, 1, 1)),
        ("pi13", "rack1/right/7", "10.80.1.14", (14, 2, 7)),
        ("pi14", "rack2/left/1", "10.80.2.1", (1, 1, 1)),
        ("pi55", "rack4/right/7", "10.80.4.14", (14, 2, 7)),
    ],
)
def test_every_node_has_its_place(glasgow, node, slot, address, wiring):
    found = glasgow.node(node)
    assert f"{found.rack}/{found.slot}" == slot
    assert found.address == address
    assert (found.port, found.hub, found.hub_port) == wiring


def test_every_glasgow_node_is_a_model_b_with_docker_and_swap(glasgow):
    for node in glasgow.nodes.values():
        view = glasgow.view(node.id)
        assert view["board"]["model"] == "pi1b"
        assert view["parts"] == ["base", "boot", "salt_minion", "docker", "swarm"]
        assert view["base"]["swap_mb"] == 1024


def test_no_serial_or_mac_is_made_up_for_glasgow(glasgow):
    assert not glasgow.by_serial
    assert not glasgow.by_mac


def test_all_models_from_pi_1_to_pi_5_are_described(glasgow):
    assert set(glasgow.common.boards) >= {
        *("pi1a", "pi1b", "pi1aplus", "pi1bplus", "pi2b", "pi2b12", "pi3aplus", "pi3b"),
        *("pi3bplus", "pi4b", "pi400", "pi5", "zero", "zerow", "zero2w"),
    }
    for board in glasgow.common.boards.values():
        assert board.source.startswith("https://")
        assert board.arch == {"BCM2835": "armel", "BCM2836": "armhf"}.get(board.soc, "arm64")


def test_hubs_carry_their_towers(glasgow):
    boards, hubs = glasgow.common.boards, glasgow.common.hubs
    assert 7 * boards["pi1b"].peak_ma <= hubs["usb7"].supply_ma


def test_the_example_is_fourteen_pi_2_with_boards_declared(pi2):
    assert len(pi2.nodes) == len(pi2.by_serial) == len(pi2.by_mac) == 14
    for node in pi2.nodes.values():
        assert node.model == "pi2b"
        assert node.mac.replace(":", "")[6:] == node.serial[-6:]


@pytest.mark.parametrize(
    ("folder", "summary"),
    [
        ([], "56 nodes in 4 racks, no faults"),
        (["examples/pi2-14"], "14 nodes in 1 rack, no faults"),
    ],
)
def test_make_validate_is_content(repo, folder, summary):
    done = subprocess.run(
        [sys.executable, "-m", "tools.validate", *folder],
        cwd=repo,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == (summary + "\n", 0), done.stderr


def test_make_validate_names_every_fault(repo, root, edit):
    edit(root / "racks" / "rack1.sls", "id: pi11", "idd: pi11")
    edit(root / "racks" / "rack2.sls", "id: pi21", "idd: pi21")
    done = subprocess.run(
        [sys.executable, "-m", "tools.validate", str(root)],
        cwd=repo,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{root}/racks/rack1.sls:8: racks.rack1.nodes.left/1" in done.stdout
    assert f"{root}/racks/rack2.sls:8: racks.rack2.nodes.left/1" in done.stdout
    assert f"faults in {root}" in done.stderr
    assert "Traceback" not in done.stderr
