"""
``make spark``: count the words of files with Spark, in a lab of its own whose nodes stand for
boards with the memory and the 64 bits that it needs; the shipped cloud has none.
"""

import glob
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml
from picloud.workloads import seen

from lab import apart, cluster, console, description, host, lock, shell, up, workloads
from lab.errors import LabError
from lab.settings import Settings

#: How the addresses of its lab begin, and its nodes: see ``description.surviving``.
SUBNET, NODES = "10.85.", "3"
#: The boards that the nodes stand for: 1 GB, 64 bits, and no more current than the shipped ones.
BOARD = "pi2b12"
#: The example that is described there, and the workload in it that counts.
EXAMPLE, JOB, IMAGE = "examples/spark.sls", "spark-count", "spark"
#: Where nodes have the files, and where the master has packages of PyPI.
TEXTS, PYPI = "/srv/text", "/srv/pypi"
#: Where pip of the master looks for packages: containers do not reach PyPI everywhere.
PIP = f"[global]\nno-index = true\nfind-links = {PYPI}\n"
#: What building packages takes that have no wheel.
TOOLS = ("packaging", "setuptools", "wheel")
#: Memory of the master, two workers and the job, beside that of the nodes.
MEMORY_MB = 2600
#: Seconds until words are counted, and between two looks.
COUNT_S, LOOK_S = 600, 2
#: A word with its number; how the last line ends: which node counted how many parts.
WORD = re.compile(r"\w+ +[\d,]+")
DONE = re.compile(r" words, .*; parts by node: (.+)$")


def chosen(files: str) -> list[Path]:
    """
    Return the files that are meant; LabError names all that cannot be.

    files
        Paths with spaces between them, as in a shell, ``*`` for any text. None is none.

    Example: ``chosen("README.md docs/*.md")``
    """
    try:
        patterns = shlex.split(files)
    except ValueError as err:
        raise LabError(f"FILES: {err}", "close the quotation mark") from err
    found: list[Path] = []
    faults = []
    for pattern in patterns:
        paths = [Path(name) for name in sorted(glob.glob(pattern))]
        texts = [path for path in paths if path.is_file()]
        if not paths:
            faults.append(f"there is no file {pattern}")
        elif not texts:
            faults.append(f"{pattern} is no file; for those in a folder: {pattern.rstrip('/')}/*")
        found += [path for path in texts if path not in found]
    names = Counter(path.name for path in found)
    faults += [f"{number} files are called {name}" for name, number in names.items() if number > 1]
    if faults:
        raise LabError("FILES: " + "; ".join(faults), 'such as: make spark FILES="docs/*.md"')
    return found


def described(example: str, texts: bool, run: str) -> dict[str, Any]:
    """
    Return what the example describes, for one run.

    example
        The text of the file.
    texts
        Whether files of one's own are counted; else those that the image brings.
    run
        Its name: what is described anew is run again.
    """
    found: dict[str, Any] = yaml.safe_load(jinja2.Template(example).render())
    job = found["workloads"][JOB]
    job["env"] = {**job.get("env", {}), "RUN": run}
    if texts:
        job["args"] = [job["args"][0], f"{TEXTS}/*"]
        mount = {"target": TEXTS, "type": "bind", "source": TEXTS, "read_only": True}
        job["mounts"] = [*job.get("mounts", ()), mount]
    return found


def said(lines: Sequence[Mapping[str, Any]], since: float) -> list[str] | None:
    """
    Return what the job said of what it counted, without what Java says; None while it counts.

    lines
        See ``workload.logs``.
    since
        When it was started.
    """
    texts = [str(one["text"]) for one in lines if seen.seconds(str(one["at"])) >= since]
    ends = [number for number, text in enumerate(texts) if DONE.search(text)]
    if not ends:
        return None
    return [*filter(WORD.fullmatch, texts[: ends[-1]]), texts[ends[-1]]]


def run(settings: Settings, files: str, subnet: str = SUBNET) -> int:
    """
    Count the words of files, and print them; return the exit status.

    settings
        The name of the lab, which is brought up where need be, and what its copy is made from.
    files
        See ``chosen``.
    subnet
        How its addresses begin.
    """
    texts = chosen(files)
    # With the lab the copy goes, too.
    own = Settings(settings.name, settings.state / "checkout", settings.cache)
    with lock.whole(own):
        _require_memory(own)
        copy(own, settings.checkout, subnet)
        names = [node.id for node in up.bring(own, NODES, bare=True)]
        found = describe(own, texts)
        with console.step("packages") as now:
            now.result = _fetch(own, found["container_images"][IMAGE]["build"]["pip"])
        with console.step("image") as now:
            made = workloads.build(own, [IMAGE])
            now.result = ", ".join(f"{name}: {one['done']}" for name, one in made.items())
        with console.step("files") as now:
            now.result = _deal_out(own, names, texts)
        since = time.time()
        with console.step("start") as now:
            workloads.start(own, names)
            now.result = f"{len(found['workloads'])} workloads are on {len(names)} nodes"
        with console.step("count") as now:
            lines, counted = _wait(own, since)
            now.result = f"{counted} of {len(names)} nodes counted"
    console.say("\n".join(["", *lines, "", f"make down LAB={own.name} removes this lab"]))
    return 0


def copy(own: Settings, checkout: Path, subnet: str) -> None:
    """
    Copy a checkout for this lab: other boards, and no workload but those of an earlier run.

    own, checkout, subnet
        The lab, what is copied, and how its addresses begin.
    """
    apart.Apart(own.name, checkout, own.checkout, subnet).copy()
    cloud = own.checkout / "pillar" / "cloud"
    for path in (cloud / "racks").glob("*.sls"):
        path.write_text(
            re.sub(r"\bmodel: \w+", f"model: {BOARD}", path.read_text("utf-8")), "utf-8"
        )
    shipped = [cloud / "workloads.sls", *cloud.glob("workloads/**/*.sls")]
    for path in shipped:
        if path != _described(own):
            path.unlink(missing_ok=True)


def describe(own: Settings, texts: Sequence[Path]) -> dict[str, Any]:
    """
    Describe one more run in the lab's copy, and return it; LabError when it does not fit.

    own, texts
        The lab, and the files.
    """
    example = (own.checkout / EXAMPLE).read_text("utf-8")
    found = described(example, bool(texts), time.strftime("%Y-%m-%d %H:%M:%S"))
    # Swarm's own templates are in it, which Salt's are not to read.
    path = _described(own)
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{{% raw %}}{json.dumps(found)}{{% endraw %}}\n", "utf-8")
    try:
        description.read(own.checkout)
    except LabError:
        # Or the next run would fail of it too, before it is described anew.
        path.unlink() if before is None else path.write_text(before, "utf-8")
        raise
    return found


def _described(own: Settings) -> Path:
    return own.checkout / "pillar" / "cloud" / "workloads" / "spark.sls"


def _require_memory(own: Settings) -> None:
    """LabError when Spark has no room on this machine."""
    free = host.free_mb()
    if cluster.containers(own).get("head") != "running" and free < MEMORY_MB:
        raise LabError(
            f"Spark needs {MEMORY_MB} MB of memory, {free} MB are free",
            "free some, such as that of another lab: make down",
        )


def _fetch(own: Settings, pins: Sequence[str]) -> str:
    """Bring packages of PyPI to the master the way this machine's pip gets them; in words."""
    listed = "".join(f"{one}\n" for one in pins)
    has = ["docker", "exec", own.head, "cat", f"{PYPI}/requirements.txt"]
    done = subprocess.run(shell.program(has), capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout == listed:
        return "are there"
    folder = own.cache / "pypi"
    folder.mkdir(parents=True, exist_ok=True)
    wanted, config = folder / "requirements.txt", folder / "pip.conf"
    wanted.write_text(listed, "utf-8")
    config.write_text(PIP, "utf-8")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    fetch += ["--no-deps", "--dest", str(folder)]
    for what in (["--requirement", str(wanted)], list(TOOLS)):
        shell.run(
            [*fetch, *what],
            what="pip cannot fetch the packages of Spark",
            remedy="is PyPI reached from this machine? Then run it again",
        )
    # The list comes last: with it all is there.
    wanted.unlink()
    bring = [[f"{folder}/.", f"{own.head}:{PYPI}"], [str(config), f"{own.head}:/etc/pip.conf"]]
    for paths in bring:
        cluster.docker("cp", *paths, what="packages cannot be copied to the master")
    wanted.write_text(listed, "utf-8")
    cluster.docker("cp", str(wanted), f"{own.head}:{PYPI}/", what="a list cannot be copied")
    return f"{len(pins)} fetched"


def _deal_out(own: Settings, names: Sequence[str], texts: Sequence[Path]) -> str:
    """Put the files on each node, since the job may run on any; in words."""
    if not texts:
        return "those that the image brings: the licences of Debian"
    with tempfile.TemporaryDirectory() as folder:
        dealt = Path(folder, Path(TEXTS).name)
        dealt.mkdir()
        for path in texts:
            # Read by whoever the job runs as.
            shutil.copyfile(path, dealt / path.name)
            (dealt / path.name).chmod(0o644)
        for name in names:
            cluster.execute(own.container(name), "rm", "-rf", TEXTS, what="old files stay")
            to = f"{own.container(name)}:{Path(TEXTS).parent}"
            cluster.docker("cp", str(dealt), to, what=f"files cannot be copied to {name}")
    size = sum(path.stat().st_size for path in texts)
    return f"{len(texts)} with {size / 1e6:.1f} MB are on each node"


def _wait(own: Settings, since: float) -> tuple[list[str], int]:
    """What the job said, and how many nodes counted; LabError when it does not come to an end."""
    deadline, trouble = time.monotonic() + COUNT_S, ""
    while time.monotonic() < deadline:
        try:
            logs = workloads.runner(own, "workload.logs", f"workload={JOB}", "lines=200")
        except LabError as err:  # such as a manager that is busy
            trouble = f": {err.what}"
        else:
            if lines := said(logs["lines"], since):
                return lines, len(DONE.findall(lines[-1])[0].split(", "))
        time.sleep(LOOK_S)
    raise LabError(
        f"the words are not counted after {COUNT_S} s{trouble}",
        f"see: make run LAB={own.name} ARGS='workload.status workload={JOB}'",
    )
