"""What the lab costs: seconds of ``make up`` and of its second run, memory of an idle node."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.frame import SUBNET, Figure
from lab.apart import Apart
from lab.converge import memory

CHECKOUT = Path(__file__).resolve().parent.parent
NODES = [f"pi{number}" for number in range(4)]


def figures() -> Iterator[Figure]:
    """Yield ``lab_up_s``, ``lab_again_s`` and ``lab_node_mb``, images built before."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET)
        lab.copy()
        lab.make("images")
        begin = time.monotonic()
        with lab.running(",".join(NODES)):
            up = time.monotonic() - begin
            begin = time.monotonic()
            lab.make("up", "--nodes", ",".join(NODES), "--bare")
            again = time.monotonic() - begin
            mb = memory(lab.settings, NODES)
    yield Figure("lab_up_s", up, "s", "4 nodes, images there, to all converged")
    yield Figure("lab_again_s", again, "s", f"second run; the first: {up:.0f} s")
    yield Figure("lab_node_mb", mb, "MB", "anonymous, shared and kernel memory of an idle node")
