"""
How much faster a position is analysed by four nodes than by one: workers with Stockfish, each held
to a quarter of a processor as a small board is, with the real queue and front between them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from bench.frame import Figure

REPO = Path(__file__).resolve().parent.parent
MIDDLE = "r1bq1rk1/pp2bppp/2n1pn2/3p4/3P4/2NB1N2/PP3PPP/R1BQ1RK1 w - - 0 10"
DEPTH = 11
#: Share of a processor that a worker has, and how often each side is measured.
SHARE, ROUNDS = 0.25, 3
_PERIOD_US = 100_000
PYTHON = "/usr/bin/python3"


def figures() -> Iterator[Figure]:
    """Yield ``speedup_4``."""
    with tempfile.TemporaryDirectory(prefix="chess-") as folder, ExitStack() as stack:
        env = {
            **os.environ,
            "PYTHONPATH": str(REPO / "salt/workloads"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "QUEUE": f"unix://{folder}/redis.sock",
        }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        redis = ["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock"]
        stack.enter_context(_running([*redis, "--save", "", "--appendonly", "no"], env, folder))
        front = [PYTHON, "-m", "picloud_chess.front"]
        env |= {"ADDRESS": "127.0.0.1", "PORT": str(port)}
        stack.enter_context(_running(front, env, folder))
        _until_up(port)
        taken: dict[int, list[float]] = {1: [], 4: []}
        for _ in range(ROUNDS):
            for count, seconds in taken.items():
                seconds.append(_analysed(count, port, env, folder))
    one, four = (statistics.median(taken[count]) for count in (1, 4))
    basis = f"1 worker: {one:.1f} s, 4 workers: {four:.1f} s, each with {SHARE:g} of a processor"
    yield Figure("speedup_4", one / four, "x", basis)


def _analysed(count: int, port: int, env: dict[str, str], folder: str) -> float:
    """Seconds that so many workers take for a position that nobody has seen yet."""
    client = ["redis-cli", "-s", f"{folder}/redis.sock"]
    subprocess.run([*client, "flushall"], check=True, stdout=subprocess.DEVNULL)
    with ExitStack() as stack:
        for number in range(1, count + 1):
            name = {"NODE": f"pi{number}", "WORKER": f"pi{number}.1"}
            group = stack.enter_context(_held(f"picloud-bench-chess-{number}"))
            worker = [PYTHON, "-m", "picloud_chess.worker"]
            stack.enter_context(_running(worker, env | name, folder, group))
        _until_waiting(count, client)
        made = _answer(port, MIDDLE, DEPTH)
    took = [one["node"] for one in made["work"]["nodes"]]
    if len(took) != count:
        raise RuntimeError(f"{count} workers, and only {', '.join(took)} took part")
    return float(made["work"]["seconds"])


def _answer(port: int, fen: str, depth: int) -> dict:
    url = f"http://127.0.0.1:{port}/analysis?fen={quote(fen)}&depth={depth}"
    with urllib.request.urlopen(url, timeout=600) as reply:
        return json.loads(reply.read())


def _until_waiting(count: int, client: list[str]) -> None:
    """Wait until so many workers have begun to wait for work: only the analysis is measured."""
    end = time.monotonic() + 120
    ask = [*client, "info", "clients"]
    while True:
        said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        if f"blocked_clients:{count}" in said.split():
            return
        if time.monotonic() > end:
            raise RuntimeError(f"not all of {count} workers began to wait: {said}")
        time.sleep(0.2)


def _until_up(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextmanager
def _running(
    command: list[str], env: dict[str, str], folder: str, group: Path | None = None
) -> Iterator[None]:
    """Run a program and its children in a control group; all of them are killed in the end."""
    if group:
        enter = f'echo $$ >{group}/cgroup.procs && exec "$@"'
        command = ["/bin/sh", "-c", enter, "sh", *command]
    with open(f"{folder}/log", "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _held(name: str) -> Iterator[Path]:
    """A control group of version 1 or 2 with a share of a processor."""
    root = Path("/sys/fs/cgroup")
    quota = round(SHARE * _PERIOD_US)
    if (root / "cgroup.controllers").exists():
        (root / "cgroup.subtree_control").write_text("+cpu")
        group = root / name
        group.mkdir(exist_ok=True)
        (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
    else:
        group = root / "cpu" / name
        group.mkdir(exist_ok=True)
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    try:
        yield group
    finally:
        end = time.monotonic() + 10
        while (group / "cgroup.procs").read_text() and time.monotonic() < end:
            time.sleep(0.05)
        group.rmdir()
