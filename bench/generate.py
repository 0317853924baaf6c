"""
Clouds of any size to measure with: the shipped description with as many racks as asked for.
"""

from __future__ import annotations

import shutil
from pathlib import Path

SHIPPED = Path(__file__).resolve().parent.parent / "pillar" / "cloud"
RACK_NODES = 14

RACK = """\
racks:
  rack{rack}:
    site: glasgow
    design: lego14
    model: pi1b
    image: bookworm
    roles: [swarm]
    nodes:
"""
NODE = (
    '      {slot}: {{id: pi{number}, address: {address}, serial: "{serial:016x}", mac: "{mac}"}}\n'
)
SLOTS = [f"{tower}/{position}" for tower in ("left", "right") for position in range(1, 8)]


def cloud(root: Path, nodes: int) -> Path:
    """
    Write a description of ``nodes`` nodes, one file a rack, and return its folder.

    root
        The folder to make; it must not exist.
    nodes
        How many nodes; the last rack holds what is left over.
    """
    shutil.copytree(SHIPPED, root)
    shutil.rmtree(root / "racks")
    (root / "racks").mkdir()
    site = root / "cloud.sls"
    site.write_text(site.read_text().replace("10.80.0.0/16", "10.0.0.0/8"))
    for first in range(0, nodes, RACK_NODES):
        rack = first // RACK_NODES + 1
        lines = [RACK.format(rack=rack)]
        for number in range(first, min(first + RACK_NODES, nodes)):
            lines.append(
                NODE.format(
                    slot=SLOTS[number - first],
                    number=number,
                    address=f"10.{100 + rack // 250}.{rack % 250}.{number - first + 1}",
                    serial=0xE0000000 + number,
                    mac=f"b8:27:eb:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
                )
            )
        (root / "racks" / f"rack{rack}.sls").write_text("".join(lines))
    return root
