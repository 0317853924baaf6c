"""
What it costs to read and check a cloud of 10,000 nodes: against one load of the same YAML, in
memory, and again after one node was edited.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from picloud.cloud import Cloud, build
from picloud.load import read
from picloud.store import Store

from bench.frame import Figure, cpu_medians
from bench.generate import cloud

NODES = 10_000
ROUNDS = 5

#: A process that reads and checks a folder and says how much memory that took at most, in MB.
PEAK = """
import re, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from picloud.cloud import build
from picloud.load import read
import yaml
def peak():
    return int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
if sys.argv[3] == "cloud":
    made = build(read(Path(sys.argv[2])))
else:
    files = Path(sys.argv[2]).rglob("*.sls")
    made = [yaml.load(file.read_text(), Loader=yaml.CSafeLoader) for file in files]
print(peak() - before)
"""


def figures() -> Iterator[Figure]:
    """Yield the figures of this bench."""
    with tempfile.TemporaryDirectory() as folder:
        root = cloud(Path(folder) / "cloud", NODES)
        kept: dict[str, bytes] = {}

        def plain_load() -> list[object]:
            files = root.rglob("*.sls")
            return [yaml.load(file.read_text(), Loader=yaml.CSafeLoader) for file in files]

        def full() -> Cloud:
            return build(read(root))

        def warm() -> None:
            kept.clear()
            build(read(root, cache=kept), kept)

        edits = iter(range(1, 1000))

        def edited() -> Cloud:
            _edit(root, next(edits))
            return build(read(root, cache=kept), kept)

        warm()
        loaded, made, again = cpu_medians([plain_load, full, edited], ROUNDS)
        load = f"CSafeLoader on the same text: {loaded * 1000:.0f} ms"
        yield Figure("compile_vs_yaml_load", made / loaded, "x", load)
        yield Figure("recompile_vs_compile", again / made, "x", f"full: {made * 1000:.0f} ms")
        peak, plain = _peak(root, "cloud"), _peak(root, "yaml")
        yield Figure("compile_peak_mb", peak, "MB", f"CSafeLoader alone: {plain:.0f} MB")
        yield from _store(root, Path(folder), edits, made)


def _store(root: Path, folder: Path, edits: Iterator[int], made: float) -> Iterator[Figure]:
    """The same through the store: with every view made and kept on disk."""
    first, again = [], []
    for number in range(3):
        store = Store(root, folder / f"{number}.db")
        start = time.process_time()
        store.view("pi0")
        first.append(time.process_time() - start)
        for _ in range(2):
            _edit(root, next(edits))
            time.sleep(0.05)  # files as young as a tick of the clock are waited for
            start = time.process_time()
            store.view("pi0")
            again.append(time.process_time() - start)
    full, part = sorted(first)[1], sorted(again)[len(again) // 2]
    basis = f"read and check: {made * 1000:.0f} ms"
    yield Figure("store_compile_vs_compile", full / made, "x", basis)
    yield Figure("store_recompile_vs_compile", part / full, "x", f"full: {full * 1000:.0f} ms")


def _edit(root: Path, number: int) -> None:
    """Change the address of one node."""
    file = root / "racks" / "rack9.sls"
    lines = file.read_text().splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if "left/3" in line)
    before, _, after = lines[place].partition("address: ")
    rest = after.partition(",")[2]
    lines[place] = f"{before}address: 10.200.{number // 200}.{number % 200 + 1},{rest}"
    file.write_text("".join(lines))


def _peak(root: Path, what: str) -> float:
    utils = Path(__file__).resolve().parent.parent / "_utils"
    command = [sys.executable, "-c", PEAK, str(utils), str(root), what]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
