"""Made-up boards and cards: the files below ``/run/picloud-board`` that the grains read."""

import hashlib
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from lab.description import Node
from lab.errors import LabError

# Revision codes of Raspberry Pi's own table, "Raspberry Pi revision codes" in the documentation at
# https://www.raspberrypi.com/documentation/computers/raspberry-pi.html; by model and megabytes.
REVISIONS = {
    "pi1a": {256: 0x0008},
    "pi1aplus": {256: 0x0012, 512: 0x900021},
    "pi1b": {256: 0x0002, 512: 0x000E},
    "pi1bplus": {512: 0x900032},
    "pi2b": {1024: 0xA01041},
    "pi2b12": {1024: 0xA02042},
    "pi3b": {1024: 0xA02082},
    "pi3aplus": {512: 0x9020E0},
    "pi3bplus": {1024: 0xA020D3},
    "pi4b": {1024: 0xA03111, 2048: 0xB03115, 4096: 0xC03115, 8192: 0xD03115},
    "pi400": {4096: 0xC03130},
    "pi5": {2048: 0xB04171, 4096: 0xC04170, 8192: 0xD04170, 16384: 0xE04171},
    "zero": {512: 0x900093},
    "zerow": {512: 0x9000C1},
    "zero2w": {512: 0x902120},
}
NAMES = {
    "pi1a": "Raspberry Pi Model A Rev 2",
    "pi1aplus": "Raspberry Pi Model A Plus Rev 1.1",
    "pi1b": "Raspberry Pi Model B Rev 2",
    "pi1bplus": "Raspberry Pi Model B Plus Rev 1.2",
    "pi2b": "Raspberry Pi 2 Model B Rev 1.1",
    "pi2b12": "Raspberry Pi 2 Model B Rev 1.2",
    "pi3b": "Raspberry Pi 3 Model B Rev 1.2",
    "pi3aplus": "Raspberry Pi 3 Model A Plus Rev 1.0",
    "pi3bplus": "Raspberry Pi 3 Model B Plus Rev 1.3",
    "pi4b": "Raspberry Pi 4 Model B Rev 1.5",
    "pi400": "Raspberry Pi 400 Rev 1.0",
    "pi5": "Raspberry Pi 5 Model B Rev 1.0",
    "zero": "Raspberry Pi Zero Rev 1.3",
    "zerow": "Raspberry Pi Zero W Rev 1.1",
    "zero2w": "Raspberry Pi Zero 2 W Rev 1.0",
}


@dataclass(frozen=True)
class Board:
    """A made-up Pi and the card in it."""

    serial: str
    mac: str
    revision: int
    name: str
    cid: str


def make(lab: str, node: Node) -> Board:
    """
    The board of a node: what the description says, the rest made from the lab's name and the id.

    Example: ``make("picloud", node).mac.startswith("b8:27:eb")``
    """
    seed = hashlib.sha256(f"{lab}/{node.id}".encode()).hexdigest()
    serial = (node.serial or f"10000000{seed[:8]}").lower()
    tail = serial[-6:]
    mac = (node.mac or f"b8:27:eb:{tail[:2]}:{tail[2:4]}:{tail[4:]}").lower()
    sizes = REVISIONS.get(node.model)
    if sizes is None:
        raise LabError(
            f"the lab has no revision code for board model {node.model}",
            "add the model to lab/boards.py, with its code from Raspberry Pi's table",
        )
    revision = sizes.get(node.ram_mb, sizes[min(sizes)])
    cid = f"035344534c333247{seed[8:18]}00f{seed[18:21]}"[:30] + seed[21:23]
    return Board(serial, mac, revision, NAMES[node.model], cid)


def write(folder: Path, board: Board) -> None:
    """
    Write the files a Pi has, at the same paths below ``folder``.

    Temperature and throttle flags may be changed there while a node runs.
    """
    files = {
        "proc/device-tree/serial-number": board.serial.encode() + b"\0",
        "proc/device-tree/model": board.name.encode() + b"\0",
        "proc/device-tree/system/linux,revision": struct.pack(">I", board.revision),
        "proc/cpuinfo": (
            f"Hardware\t: BCM2835\nRevision\t: {board.revision:04x}\n"
            f"Serial\t\t: {board.serial}\nModel\t\t: {board.name}\n"
        ).encode(),
        "sys/block/mmcblk0/device/cid": board.cid.encode() + b"\n",
        "sys/class/net/eth0/address": board.mac.encode() + b"\n",
        "sys/class/thermal/thermal_zone0/temp": b"41312\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": b"0\n",
    }
    for name, data in files.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def another(node: Node, salt: str) -> Board:
    """
    Another board of the same model that nobody has seen yet.

    salt
        What tells it from others.
    """
    bare = replace(node, serial=None, mac=None)
    return make(salt, bare)


def read(folder: Path) -> Board:
    """The board written before."""
    tree = folder / "proc/device-tree"
    (revision,) = struct.unpack(">I", (tree / "system/linux,revision").read_bytes())
    return Board(
        serial=(tree / "serial-number").read_text("ascii").rstrip("\0"),
        mac=read_mac(folder),
        revision=revision,
        name=(tree / "model").read_text("ascii").rstrip("\0"),
        cid=(folder / "sys/block/mmcblk0/device/cid").read_text("ascii").strip(),
    )


def read_mac(folder: Path) -> str:
    """The MAC of a board written before."""
    text = (folder / "sys/class/net/eth0/address").read_text("ascii").strip()
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text):
        raise LabError(f"{folder} holds no valid board", "run: make down, then make up")
    return text
