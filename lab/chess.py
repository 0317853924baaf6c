"""``make chess``: ask the fronts of the chess analysis on the lab's nodes; it starts them first."""

import http.client
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from picloud.cloud import Cloud

from lab import console, description, lock, shell, workloads
from lab.errors import LabError
from lab.settings import Settings

#: The workload that answers questions, in the description, and those that it needs.
WORKLOAD = "chess"
NEEDED = ("chess-queue", "chess-worker")
#: Seconds for the first answer of a front: nodes pull, and health checks pass.
ANSWER_S = 180
#: Without the proxies of this machine: nodes are on a network of its own.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fronts(cloud: Cloud, running: dict[str, str]) -> list[str]:
    """
    Where fronts may answer: any running node may have one.

    cloud
        The description, which tells the port.
    running
        Addresses of the running nodes by name.

    Example: ``fronts(cloud, {"pi0": "10.80.1.1"}) == ["http://10.80.1.1:8010"]``
    """
    workload = cloud.common.workloads.get(WORKLOAD)
    if workload is None or not workload.publish:
        raise LabError(
            f"the description has no workload {WORKLOAD} with a published port",
            "see docs/chess.md",
        )
    return [f"http://{address}:{workload.publish[0].published}" for address in running.values()]


def run(settings: Settings, fen: str, pgn: str, depth: str) -> NoReturn:
    """
    Ask for the analysis of a position or a game, and end with printing it.

    fen, pgn
        The position, or a file with the game.
    depth
        Half moves; empty for the usual depth.
    """
    if bool(fen) == bool(pgn):
        raise LabError(
            "neither a position nor a game is given" if not fen else "both are given",
            "make chess FEN=startpos, or make chess PGN=game.pgn",
        )
    if pgn and not Path(pgn).is_file():
        raise LabError(f"there is no file {pgn}", "give the path of a file with one game")
    running = workloads.addresses(settings)
    if not running:
        raise LabError("no node of the lab runs", "run: make up")
    cloud = description.cloud_of(settings.checkout / "pillar" / "cloud")
    urls = fronts(cloud, running)
    if not answers(urls, 0):
        with lock.nodes(settings, running), console.step("chess") as now:
            now.result = start(settings, cloud, list(running), urls)
    _ask(settings, urls, ["--pgn", pgn] if pgn else [fen], depth)


def _ask(settings: Settings, urls: Sequence[str], what: list[str], depth: str) -> NoReturn:
    command = [sys.executable, "-m", "picloud_chess.ask", ",".join(urls), *what, "--depth", depth]
    shell.become(command, PYTHONPATH=str(settings.checkout / "salt" / "workloads"))


def start(settings: Settings, cloud: Cloud, nodes: Sequence[str], urls: Sequence[str]) -> str:
    """
    Build the images, have the nodes start the workloads, and wait until one answers; in words,
    what came of the images. ``make up`` leaves them out: not everybody plays chess.

    cloud, nodes
        The description, and the nodes that run.
    urls
        See ``fronts``.
    """
    described = [name for name in (WORKLOAD, *NEEDED) if name in cloud.common.workloads]
    used = workloads.images(cloud, described)
    made = workloads.build(settings, used) if used else {}
    workloads.start(settings, nodes)
    if not answers(urls, ANSWER_S):
        raise LabError(f"no front answers after {ANSWER_S} s", "see: make run ARGS=workload.status")
    return ", ".join(f"{name}: {one['done']}" for name, one in made.items())


def answers(urls: Sequence[str], seconds: float) -> bool:
    """
    Tell whether one of the fronts answers.

    urls
        See ``fronts``.
    seconds
        How long to go on asking.
    """
    deadline = time.monotonic() + seconds
    while True:
        for url in urls:
            try:
                with _DIRECT.open(f"{url}/health", timeout=5):
                    return True
            except (OSError, http.client.HTTPException):
                continue
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
