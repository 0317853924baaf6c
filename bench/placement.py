"""
What it takes to plan 2,000 workloads on the 10,000 nodes of one site, and how much fits, against
first-fit: each replica on the first node that has room, workloads in the order of the description.

For the time everything fits. For the fit more is asked for than there is; what counts is the share
of a usual node that the placed replicas take, by their scarcest resource.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from picloud.cloud import Cloud, build
from picloud.load import read
from picloud.workloads.fleet import swarms
from picloud.workloads.model import Workload
from picloud.workloads.placement import plan

from bench.frame import Figure
from bench.generate import cloud

NODES, WORKLOADS = 10_000, 2_000
#: Replicas of a workload in the middle: about a third of what there is, and a little too many.
FITTING, TOO_MANY = 8, 24


def figures() -> Iterator[Figure]:
    """Yield ``plan_10000_s`` and ``fit_vs_first_fit``."""
    with tempfile.TemporaryDirectory() as folder:
        made = _described(Path(folder) / "cloud")
    fitting, too_many = _workloads(FITTING), _workloads(TOO_MANY)
    start = time.process_time()
    found = plan(made, fitting)
    taken = time.process_time() - start
    if found.misfits:
        raise RuntimeError(f"does not fit: {found.misfits[0]}")
    start = time.process_time()
    again = plan(made, fitting, found.where)
    stable = time.process_time() - start
    if again.changes:
        raise RuntimeError(f"changed without a reason: {again.changes[0]}")
    start = time.process_time()
    full = plan(made, too_many)
    overfull = time.process_time() - start
    replicas = sum(found.wanted.values())
    basis = f"{replicas} replicas; again with all of them there: {stable:.1f} s"
    yield Figure("plan_10000_s", taken, "s", f"{basis}; with too many: {overfull:.1f} s")
    start = time.process_time()
    first = _first_fit(made, too_many)
    seconds = time.process_time() - start
    wanted = _share(made, too_many, full.wanted)
    placed = {name: sum(where.values()) for name, where in full.where.items()}
    ratio = _share(made, too_many, placed) / _share(made, too_many, first)
    basis = f"first-fit: {_share(made, too_many, first) / wanted:.0%} of what is asked for"
    yield Figure("fit_vs_first_fit", ratio, "x", f"{basis}, in {seconds:.1f} s")


def _described(root: Path) -> Cloud:
    """A cloud of Pi 1 and Pi 2, rack by rack, with one manager."""
    cloud(root, NODES)
    for number, file in enumerate(sorted((root / "racks").iterdir())):
        text = file.read_text()
        if number % 2:
            text = text.replace("model: pi1b", "model: pi2b")
        if number == 0:
            text = text.replace("{id: ", "{roles: [swarm-manager], id: ", 1)
        file.write_text(text)
    (root / "workloads.sls").unlink()
    shutil.rmtree(root / "workloads")
    (root / "work.sls").write_text('container_images: {any: {tag: "1", archs: [armel, armhf]}}\n')
    return build(read(root))


def _workloads(replicas: int) -> dict[str, Workload]:
    """Workloads of all sizes, the same each time; some run on one model or in few racks only."""
    dice = random.Random(NODES)
    found = {}
    for number in range(WORKLOADS):
        place: dict[str, object] = {}
        if number % 8 == 0:
            place = {"models": [dice.choice(["pi1b", "pi2b"])]}
        elif number % 8 == 4:
            place = {"racks": [f"rack{dice.randint(1, 700)}" for _ in range(30)]}
        resources = {
            "cpus": dice.choice([0.05, 0.1, 0.25, 0.5, 0.9]),
            "memory_mb": dice.choice([8, 16, 32, 64, 100, 120]),
            "mbps": dice.choice([0, 1, 5, 20, 50]),
        }
        found[f"w{number}"] = Workload.model_validate(
            {
                "image": "any",
                "replicas": dice.randint(1, 2 * replicas),
                "resources": resources,
                "placement": place,
            }
        )
    return found


def _first_fit(made: Cloud, workloads: Mapping[str, Workload]) -> dict[str, int]:
    """How many replicas of each workload find room on the first node that has some."""
    (swarm,) = swarms(made, workloads).values()
    free = [(host, list(host.room)) for host in swarm.hosts]
    placed = dict.fromkeys(workloads, 0)
    for name, one in workloads.items():
        give, place = one.resources, one.placement
        cpus, memory, mbps = round(give.cpus * 1000), give.memory_mb, give.mbps
        missing = one.replicas or 0
        for host, room in free:
            if missing == 0:
                break
            if place.models and host.model not in place.models:
                continue
            if place.racks and host.rack not in place.racks:
                continue
            while missing and room[0] >= cpus and room[1] >= memory and room[2] >= mbps:
                room[0] -= cpus
                room[1] -= memory
                room[2] -= mbps
                placed[name] += 1
                missing -= 1
    return placed


def _share(made: Cloud, workloads: Mapping[str, Workload], counts: Mapping[str, int]) -> float:
    """What so many replicas take together, in usual nodes."""
    (swarm,) = swarms(made, workloads).values()
    rooms = [host.room for host in swarm.hosts]
    usual = [sum(column) / len(rooms) for column in zip(*rooms, strict=True)]
    total = 0.0
    for name, count in counts.items():
        give = workloads[name].resources
        needs = (give.cpus * 1000, give.memory_mb, give.mbps)
        total += count * max(need / most for need, most in zip(needs, usual, strict=True))
    return total
