"""
How much faster a position is analysed by four nodes than by one: the shipped chess workloads on a
lab of whose nodes each works with a quarter of a processor, as a small board does.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench.frame import SUBNET, Figure
from bench.highstate import CHECKOUT
from lab import workloads
from lab.apart import Apart
from lab.swarm import Swarm

NODES = ("pi0", "pi1", "pi2", "pi3")
MIDDLE = "r1bq1rk1/pp2bppp/2n1pn2/3p4/3P4/2NB1N2/PP3PPP/R1BQ1RK1 w - - 0 10"
DEPTH = 12
#: Share of a processor that the worker of a node has, and how often each side is measured.
SHARE, ROUNDS = 0.25, 3
QUEUE, WORKER, FRONT, PORT = "chess-queue", "chess-worker", "chess", 8010
#: Without the proxies of this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def figures() -> Iterator[Figure]:
    """Yield ``speedup_4``."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET).running(",".join(NODES)) as lab,
    ):
        swarm = Swarm(lab, NODES[:1])
        swarm.describe(_described())
        lab.make("chess", "--fen", "startpos")
        taken: dict[int, list[float]] = {1: [], len(NODES): []}
        for _ in range(ROUNDS):
            for count, seconds in taken.items():
                seconds.append(_analysed(swarm, count))
    one, four = map(statistics.median, taken.values())
    basis = f"1 node: {one:.1f} s, 4 nodes: {four:.1f} s, each with {SHARE:g} of a processor"
    yield Figure("speedup_4", one / four, "x", basis)


def _described() -> str:
    """The shipped workloads, with one worker on a node, held to its share: it is all that works."""
    shipped = (CHECKOUT / "pillar/cloud/workloads/chess.sls").read_text("utf-8")
    worker = f"{WORKER}:\n    image: chess\n"
    held = f"    limits: {{cpus: {SHARE}}}\n    placement: {{max_per_node: 1}}\n"
    found = shipped.replace(worker, worker + held).replace("cpus: 0.5,", f"cpus: {SHARE},")
    if found.count(str(SHARE)) != 2:
        raise RuntimeError("the shipped chess workers are described otherwise")
    return found


def _analysed(swarm: Swarm, count: int) -> float:
    """Seconds that workers on so many nodes take for a position that nobody has seen yet."""
    swarm.lab.run("workload.scale", f"workload={WORKER}", f"replicas={count}")
    swarm.until_full({WORKER: count})
    # Only the analysis is measured: all of them wait for work.
    waiting = f"blocked_clients:{count}"
    swarm.lab.wait(
        f"{count} workers wait", lambda: waiting in _queue(swarm, "info", "clients").split()
    )
    _queue(swarm, "flushall")
    made = _answer(swarm)
    took = {one["node"] for one in made["work"]["nodes"]}
    if len(took) != count:
        raise RuntimeError(f"{count} workers, and only {', '.join(took)} took part")
    return float(made["work"]["seconds"])


def _queue(swarm: Swarm, *command: str) -> str:
    """Give the queue a command; what it says."""
    (node,) = swarm.running(QUEUE)
    (container,) = swarm.containers(node, QUEUE)
    return swarm.lab.execute(node, "docker", "exec", container, "redis-cli", *command).stdout


def _answer(swarm: Swarm) -> dict:
    node = min(swarm.running(FRONT))
    address = workloads.addresses(swarm.lab.settings)[node]
    what = urlencode({"fen": MIDDLE, "depth": DEPTH})
    with DIRECT.open(f"http://{address}:{PORT}/analysis?{what}", timeout=600) as reply:
        return json.loads(reply.read())
