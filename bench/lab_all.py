"""The whole described cloud on this machine: all converged, none missing, and what it costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.frame import SUBNET, Figure
from lab.apart import Apart
from lab.converge import answering, highstate, memory

CHECKOUT = Path(__file__).resolve().parent.parent
PINGS = 5


def round_of_highstates(lab: Apart, names: list[str]) -> tuple[float, int]:
    """Apply the highstate on all nodes; its seconds, and how many states changed."""
    begin, changes = time.monotonic(), 0
    for outcome in highstate(lab.settings, names):
        if outcome.failed:
            raise RuntimeError(f"{outcome.node}: {outcome.failed}")
        changes += outcome.changes
    return time.monotonic() - begin, changes


def states(lab: Apart) -> set[str]:
    """What the master says of all nodes, each word once."""
    return {row["state"] for row in lab.run("picloud.nodes")["nodes"].values()}


def figures() -> Iterator[Figure]:
    """Yield ``all_nodes``, ``all_node_mb``, ``all_highstate_s`` and ``all_again_s``."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET)
        begin = time.monotonic()
        with lab.running("all"):
            up = time.monotonic() - begin
            names = list(lab.run("picloud.nodes")["nodes"])
            lab.wait("every node is converged", lambda: states(lab) == {"converged"}, 600)
            missing = [set(names) - answering(lab.settings, names, 60) for _ in range(PINGS)]
            if any(missing):
                raise RuntimeError(f"missing in rounds of test.ping: {missing}")
            mb = memory(lab.settings, names)
            boot = lab.checkout / "pillar" / "cloud" / "boot.sls"
            boot.write_text(boot.read_text().replace("gpu_mem: 16", "gpu_mem: 32"))
            first, changes = round_of_highstates(lab, names)
            again, still = round_of_highstates(lab, names)
    yield Figure("all_nodes", len(names), "nodes", f"up in {up:.0f} s; {PINGS} rounds of test.ping")
    yield Figure("all_node_mb", mb, "MB", "anonymous, shared and kernel memory of an idle node")
    yield Figure("all_highstate_s", first, "s", f"one setting changed: {changes} states changed")
    yield Figure("all_again_s", again, "s", f"second run: {still} states changed")
