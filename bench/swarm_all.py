"""How long the swarm of the whole described cloud takes to heal after a whole rack was lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from picloud.workloads import fleet

from bench.frame import SUBNET, Figure
from bench.highstate import CHECKOUT
from bench.swarm import describing
from lab import description
from lab.apart import Apart
from lab.swarm import Swarm

#: The rack that loses its power: a manager is in it, the others keep their majority.
RACK, WANTED, SECONDS = "rack2", {"many": 112}, 600


class Loss(NamedTuple):
    """The swarm, the nodes of the rack, how many replicas ran there, and seconds to heal."""

    swarm: Swarm
    rack: list[str]
    replicas: int
    seconds: float


def lose_a_rack(lab: Apart) -> Loss:
    """
    Let the whole cloud run many replicas, kill a rack, and wait until all run elsewhere.

    lab
        All nodes of the description; the rack stays off.
    """
    cloud = description.cloud_of(lab.checkout / "pillar" / "cloud")
    rack = [node.id for node in description.read(lab.checkout).nodes if node.rack == RACK]
    managers = fleet.swarms(cloud, {})["glasgow"].managers
    swarm = Swarm(lab, [name for name in managers if name not in rack])
    swarm.describe(describing(WANTED))
    swarm.apply()
    swarm.until_full(WANTED, seconds=SECONDS)
    lost = sum(swarm.running("many")[name] for name in rack)
    return Loss(swarm, rack, lost, swarm.heal(rack, WANTED, SECONDS))


def figures() -> Iterator[Figure]:
    """Yield ``rack_heal_s``."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET)
        with lab.running("all"):
            loss = lose_a_rack(lab)
    basis = f"{len(loss.rack)} nodes killed, {loss.replicas} of {WANTED['many']} replicas on them"
    yield Figure("rack_heal_s", loss.seconds, "s", basis)
