"""
What a highstate of a converged node costs, against as many states that do nothing, and against
Salt's own way of syncing modules in every highstate. Seconds from publish to return, in one lab.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.frame import SUBNET, Figure
from lab.apart import Apart

CHECKOUT = Path(__file__).resolve().parent.parent
ROUNDS = 15
# The node's own configuration says false; this file is read after it.
STOCK = "printf 'autoload_dynamic_modules: true\\n' > /etc/salt/minion.d/zz-stock.conf"


def seconds(lab: Apart, jobs: list[dict[str, object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of each job, taken in turns on the master."""
    program = (CHECKOUT / "bench" / "onmaster.py").read_text()
    done = subprocess.run(
        ["docker", "exec", "-i", lab.settings.head, "/opt/picloud/salt/bin/python", "-c", program],
        input=json.dumps({"rounds": rounds, "jobs": jobs}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{done.stdout}\n{done.stderr}")
    return {name: statistics.median(taken) for name, taken in json.loads(done.stdout).items()}


def figures() -> Iterator[Figure]:
    """Yield ``highstate_vs_bare`` and ``highstate_vs_stock``."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET).running("pi0,pi1") as lab,
    ):
        lab.execute("pi1", "sh", "-c", f"{STOCK} && systemctl restart salt-minion")
        lab.wait("pi1 answers", lambda: lab.salt("pi1", "test.ping", timeout=10))
        states = len(lab.salt("pi0", "state.highstate"))
        bare = {f"nop-{number}": {"test.nop": []} for number in range(states)}
        (lab.checkout / "salt" / "bare.sls").write_text(json.dumps(bare))
        highstate = {"function": "state.highstate", "arguments": []}
        taken = seconds(
            lab,
            [
                {"name": "ours", "node": "pi0", **highstate},
                {"name": "bare", "node": "pi0", "function": "state.apply", "arguments": ["bare"]},
                {"name": "stock", "node": "pi1", **highstate},
            ],
        )
    ours = taken["ours"]
    yield Figure(
        "highstate_vs_bare",
        ours / taken["bare"],
        "x",
        f"state.apply of {states} test.nop: {taken['bare']:.2f} s",
    )
    yield Figure(
        "highstate_vs_stock",
        ours / taken["stock"],
        "x",
        f"the same highstate with autoload_dynamic_modules: {taken['stock']:.2f} s",
    )
