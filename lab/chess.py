"""``make chess``: ask the fronts of the chess analysis that run on the lab's nodes."""

import os
import subprocess
import sys
from pathlib import Path

from picloud.cloud import Cloud

from lab import cluster, description, shell
from lab.errors import LabError
from lab.settings import Settings

#: The workload that answers questions, in the description.
WORKLOAD = "chess"


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


def run(settings: Settings, fen: str, pgn: str, depth: str) -> int:
    """
    Ask for the analysis of a position or a game, and print it; return the exit status.

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
    running = addresses(settings)
    if not running:
        raise LabError("no node of the lab runs", "run: make up")
    urls = fronts(description.cloud_of(settings.checkout / "pillar" / "cloud"), running)
    what = ["--pgn", pgn] if pgn else [fen]
    command = [sys.executable, "-m", "picloud_chess.ask", ",".join(urls), *what, "--depth", depth]
    programs = settings.checkout / "salt" / "workloads"
    env = {**os.environ, "PYTHONPATH": str(programs)}
    return subprocess.run(command, env=env, check=False).returncode


def addresses(settings: Settings) -> dict[str, str]:
    """Return the addresses of the lab's running nodes by name."""
    names = [name for name, state in cluster.containers(settings).items() if state == "running"]
    nodes = [name for name in names if name not in ("head", "aptcache")]
    if not nodes:
        return {}
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    shown = shell.run(
        ["docker", "inspect", "--format", form, *map(settings.container, nodes)],
        what="docker inspect failed",
    )
    return dict(zip(nodes, shown.split(), strict=True))
