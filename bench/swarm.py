"""
How long the swarm of a small lab takes to heal after a node was killed, and what 50 services add to
the highstate of a manager that has nothing to change.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.frame import SUBNET, Figure
from bench.highstate import CHECKOUT, seconds
from lab.apart import Apart
from lab.swarm import Swarm

MANAGER, VICTIMS = "pi0", ("pi1", "pi2", "pi3")
REPLICAS, SERVICES, AT_ONCE, ROUNDS = 12, 50, 10, 7
HIGHSTATE = {"name": "own", "node": MANAGER, "function": "state.highstate", "arguments": []}


def describing(replicas: dict[str, int]) -> str:
    """
    Return a description of workloads that do nothing.

    replicas
        How many of each, by name. JSON is YAML.
    """
    images = {"busybox": {"tag": "1.35", "archs": ["armel", "armhf", "arm64", "amd64"]}}
    one = {
        "image": "busybox",
        "command": ["sleep", "1000000"],
        "resources": {"cpus": 0.01, "memory_mb": 8},
        "stop_grace_s": 1,
    }
    workloads = {name: {**one, "replicas": number} for name, number in replicas.items()}
    return json.dumps({"container_images": images, "workloads": workloads})


def services(number: int) -> dict[str, int]:
    """
    Return so many services with one replica each.

    number
        How many.
    """
    return {f"service{one}": 1 for one in range(number)}


def figures() -> Iterator[Figure]:
    """Yield ``heal_s`` and ``services50_vs_none``."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET).running(
            ",".join((MANAGER, *VICTIMS))
        ) as lab,
    ):
        swarm = Swarm(lab, [MANAGER])
        healed = _healed(swarm)
        before = _highstate(swarm, {})
        # All of them at once keep Docker Engine from answering for more than a minute.
        for number in range(AT_ONCE, SERVICES, AT_ONCE):
            _describe(swarm, services(number))
        many = _highstate(swarm, services(SERVICES))
        none = statistics.mean((before, _highstate(swarm, {})))
    yield Figure(
        "heal_s",
        statistics.median(healed),
        "s",
        f"{REPLICAS} replicas on 4 nodes, one killed: {', '.join(f'{s:.0f}' for s in healed)} s",
    )
    yield Figure(
        "services50_vs_none",
        many / none,
        "x",
        f"no service, before and after: {none:.2f} s; with {SERVICES}: {many:.2f} s",
    )


def _healed(swarm: Swarm) -> list[float]:
    """Seconds to full replicas elsewhere, for each node that is killed and started again."""
    wanted, taken = {"many": REPLICAS}, []
    _describe(swarm, wanted)
    for victim in VICTIMS:
        if not swarm.running("many")[victim]:
            raise RuntimeError(f"nothing runs on {victim}, so there is nothing to heal")
        taken.append(swarm.heal([victim], wanted))
        swarm.start([victim])
    return taken


def _highstate(swarm: Swarm, replicas: dict[str, int]) -> float:
    """Median seconds of a highstate that changes nothing, while the swarm runs services."""
    _describe(swarm, replicas)
    return seconds(swarm.lab, [HIGHSTATE], ROUNDS)["own"]


def _describe(swarm: Swarm, replicas: dict[str, int]) -> None:
    swarm.describe(describing(replicas))
    swarm.apply()
    swarm.until_full(replicas, seconds=600)
