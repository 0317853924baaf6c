"""Readings of the board: revision codes old and new, serial, throttle flags, temperature."""

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

from _modules import piboard

# Every code the Raspberry Pi documentation lists ("Raspberry Pi revision codes"), as it lists them.
OLD = """
0002 pi1b 1.0 256 Egoman
0003 pi1b 1.0 256 Egoman
0004 pi1b 2.0 256 Sony UK
0005 pi1b 2.0 256 Qisda
0006 pi1b 2.0 256 Egoman
0007 pi1a 2.0 256 Egoman
0008 pi1a 2.0 256 Sony UK
0009 pi1a 2.0 256 Qisda
000d pi1b 2.0 512 Egoman
000e pi1b 2.0 512 Sony UK
000f pi1b 2.0 512 Egoman
0010 pi1bplus 1.2 512 Sony UK
0011 cm1 1.0 512 Sony UK
0012 pi1aplus 1.1 256 Sony UK
0013 pi1bplus 1.2 512 Embest
0014 cm1 1.0 512 Embest
0015 pi1aplus 1.1 0 Embest
"""
NEW = """
900021 pi1aplus 1.1 512 Sony UK
900032 pi1bplus 1.2 512 Sony UK
a01040 pi2b 1.0 1024 Sony UK
a01041 pi2b 1.1 1024 Sony UK
a21041 pi2b 1.1 1024 Embest
a02042 pi2b12 1.2 1024 Sony UK
a22042 pi2b12 1.2 1024 Embest
900061 cm1 1.1 512 Sony UK
a02082 pi3b 1.2 1024 Sony UK
a22082 pi3b 1.2 1024 Embest
a32082 pi3b 1.2 1024 Sony Japan
a52082 pi3b 1.2 1024 Stadium
a22083 pi3b 1.3 1024 Embest
900092 zero 1.2 512 Sony UK
920092 zero 1.2 512 Embest
900093 zero 1.3 512 Sony UK
920093 zero 1.3 512 Embest
a020a0 cm3 1.0 1024 Sony UK
a220a0 cm3 1.0 1024 Embest
9000c1 zerow 1.1 512 Sony UK
a020d3 pi3bplus 1.3 1024 Sony UK
a020d4 pi3bplus 1.4 1024 Sony UK
9020e0 pi3aplus 1.0 512 Sony UK
9020e1 pi3aplus 1.1 512 Sony UK
a02100 cm3plus 1.0 1024 Sony UK
a03111 pi4b 1.1 1024 Sony UK
b03111 pi4b 1.1 2048 Sony UK
c03111 pi4b 1.1 4096 Sony UK
b03112 pi4b 1.2 2048 Sony UK
c03112 pi4b 1.2 4096 Sony UK
b03114 pi4b 1.4 2048 Sony UK
c03114 pi4b 1.4 4096 Sony UK
d03114 pi4b 1.4 8192 Sony UK
b03115 pi4b 1.5 2048 Sony UK
c03115 pi4b 1.5 4096 Sony UK
d03115 pi4b 1.5 8192 Sony UK
902120 zero2w 1.0 512 Sony UK
c03130 pi400 1.0 4096 Sony UK
a03140 cm4 1.0 1024 Sony UK
b03140 cm4 1.0 2048 Sony UK
c03140 cm4 1.0 4096 Sony UK
d03140 cm4 1.0 8192 Sony UK
b04170 pi5 1.0 2048 Sony UK
c04170 pi5 1.0 4096 Sony UK
d04170 pi5 1.0 8192 Sony UK
a04171 pi5 1.1 1024 Sony UK
b04171 pi5 1.1 2048 Sony UK
c04171 pi5 1.1 4096 Sony UK
d04171 pi5 1.1 8192 Sony UK
e04171 pi5 1.1 16384 Sony UK
b04180 cm5 1.0 2048 Sony UK
c04180 cm5 1.0 4096 Sony UK
d04180 cm5 1.0 8192 Sony UK
e04180 cm5 1.0 16384 Sony UK
d04190 pi500 1.0 8192 Sony UK
e04190 pi500 1.0 16384 Sony UK
b041a0 cm5lite 1.0 2048 Sony UK
c041a0 cm5lite 1.0 4096 Sony UK
d041a0 cm5lite 1.0 8192 Sony UK
e041a0 cm5lite 1.0 16384 Sony UK
"""


def table(text, style):
    for line in text.split("\n"):
        if line:
            code, model, pcb, ram, maker = line.split(" ", 4)
            board = {"style": style, "code": code, "model": model, "pcb": pcb}
            board |= {"ram_mb": int(ram) or None, "maker": maker}
            yield pytest.param(code, board, id=code)


@pytest.fixture
def configure_loader_modules():
    return {piboard: {"__opts__": {}, "__grains__": {"kernel": "Linux"}}}


@pytest.fixture
def pi(tmp_path):
    """A Pi 3 B as its kernel shows it."""
    files = {
        "proc/device-tree/serial-number": b"00000000765FC593\0",
        "proc/device-tree/model": b"Raspberry Pi 3 Model B Rev 1.2\0",
        "proc/device-tree/system/linux,revision": bytes.fromhex("00a02082"),
        "sys/class/net/eth0/address": b"b8:27:eb:5f:c5:93\n",
        "sys/block/mmcblk0/device/cid": b"035344534c313647804a1b2c3d013b00\n",
        "sys/class/thermal/thermal_zone0/temp": b"48312\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": b"50005\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(("code", "board"), [*table(OLD, "old"), *table(NEW, "new")])
def test_every_documented_code(code, board):
    decoded = piboard.decode_revision(code)
    assert {name: decoded[name] for name in board} == board
    assert decoded["name"]


@pytest.mark.parametrize(
    ("code", "soc"),
    [
        ("000e", "BCM2835"),
        ("900092", "BCM2835"),
        ("a01041", "BCM2836"),
        ("a02042", "BCM2837"),
        ("c03111", "BCM2711"),
        ("c04170", "BCM2712"),
    ],
)
def test_soc(code, soc):
    assert piboard.decode_revision(code)["soc"] == soc


@pytest.mark.parametrize(
    ("code", "model", "void"),
    [
        ("1000002", "pi1b", True),  # old style, bit 24
        ("100000e", "pi1b", True),
        ("2a02082", "pi3b", True),  # new style, bit 25
        ("82a02082", "pi3b", True),  # and over-voltage disallowed
        ("0xa02082", "pi3b", False),
        (0xA02082, "pi3b", False),
    ],
)
def test_flags_do_not_hide_the_board(code, model, void):
    board = piboard.decode_revision(code)
    assert (board["model"], board["warranty_void"]) == (model, void)


@pytest.mark.parametrize("code", ["", "beef!", "0001", "ffff", "a02070", "1ffffffff", -1])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(SaltInvocationError, match=r"[Rr]evision code"):
        piboard.decode_revision(code)


def test_models_are_those_of_the_description(repo):
    named = set()
    for path in (repo / "pillar/cloud/boards").glob("*.sls"):
        named |= {line.strip(" :\n") for line in path.open() if line[:2] == "  " and line[2] != " "}
    assert named <= set(piboard.NAMES) | {""}
    assert set(piboard.NAMES) == {*piboard.TYPES.values(), "pi2b12"}


def test_board(pi):
    assert piboard.board(pi) == {
        "serial": "00000000765fc593",
        "revision": "a02082",
        "model": "pi3b",
        "model_name": "Raspberry Pi 3 Model B Rev 1.2",
        "ram_mb": 1024,
        "maker": "Sony UK",
        "pcb": "1.2",
        "soc": "BCM2837",
        "mac": "b8:27:eb:5f:c5:93",
        "card_cid": "035344534c313647804a1b2c3d013b00",
    }


def test_root_comes_from_the_minion_option(pi):
    piboard.__opts__["picloud_board_root"] = str(pi)
    assert piboard.serial() == "00000000765fc593"


def test_cpuinfo_serves_where_there_is_no_device_tree(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(
        "processor\t: 0\n\nHardware\t: BCM2708\nRevision\t: 000e\nSerial\t\t: 000000004AB3C9D1\n"
    )
    assert piboard.revision(tmp_path) == "000e"
    assert piboard.serial(tmp_path) == "000000004ab3c9d1"
    assert piboard.board(tmp_path)["model"] == "pi1b"


def test_no_pi_gives_no_facts(tmp_path):
    assert set(piboard.board(tmp_path).values()) == {None}


@pytest.mark.parametrize(
    ("flags", "now", "since_boot", "low"),
    [
        ("0", [], [], False),
        ("1", ["under_voltage"], [], True),
        ("50000", [], ["under_voltage", "throttled"], False),
        ("50005", ["under_voltage", "throttled"], ["under_voltage", "throttled"], True),
        (
            "f000f",
            ["under_voltage", "frequency_capped", "throttled", "soft_temperature_limit"],
            ["under_voltage", "frequency_capped", "throttled", "soft_temperature_limit"],
            True,
        ),
    ],
)
def test_throttled(pi, flags, now, since_boot, low):
    (pi / "sys/devices/platform/soc/soc:firmware/get_throttled").write_text(f"{flags}\n")
    assert piboard.throttled(pi) == {"now": now, "since_boot": since_boot, "under_voltage": low}


def test_temperature(pi):
    assert piboard.temperature(pi) == pytest.approx(48.312)


@pytest.mark.parametrize("read", [piboard.temperature, piboard.throttled])
def test_missing_sensor_is_named(tmp_path, read):
    with pytest.raises(CommandExecutionError, match=str(tmp_path)):
        read(tmp_path)


def test_reasons_to_reboot_are_noted_once(tmp_path):
    path = tmp_path / "picloud/reboot-needed"
    assert piboard.reboot_needed(path) == []
    for reason in ("boot: config.txt", "docker: cgroups", "boot: config.txt"):
        piboard.need_reboot(reason, path)
    assert piboard.reboot_needed(path) == ["boot: config.txt", "docker: cgroups"]
