"""
Wheels of the packages that an image has from PyPI: made once for all its architectures, and kept
with its root file systems until all of it is in the registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from picloud.workloads import pypi
from picloud_watch import NoAnswerError

from picloud_images.orders import Order

#: Stands in the name of their folder where root file systems have an architecture.
KIND = "wheels"
#: A build ends with whoever began it, and leaves the processor to others.
APART = ("setpriv", "--pdeathsig", "KILL", "nice")


def hook(requirements: Sequence[str], folder: Path) -> str:
    """
    Return the command with which mmdebstrap installs the wheels.

    requirements, folder
        ``build.pip`` of the image, and what ``made`` returned.
    """
    return pypi.install(sys.executable, requirements, str(folder))


def made(order: Order, cache: Path, unfinished: str) -> Path:
    """
    Return the folder with the wheels of an image, made unless they are there already; NoAnswerError
    says why they were not made.

    order
        The image.
    cache, unfinished
        Where folders go, and how those begin that nothing has been finished in.

    PyPI is reached as pip on this machine is set to (``pip.conf``, ``PIP_...``).
    """
    target = cache / f"{order.entry}-{KIND}-{pypi.digest(order.build.pip)[:16]}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=cache, prefix=unfinished) as temporary:
        root = Path(temporary)
        listed, wheels = root / "requirements.txt", root / "wheels"
        wheels.mkdir()
        listed.write_text("".join(f"{one}\n" for one in order.build.pip), encoding="utf-8")
        _run(order, pypi.wheel(sys.executable, str(listed), str(wheels)), root)
        if wrong := pypi.foreign(path.name for path in wheels.iterdir()):
            raise NoAnswerError(
                f"{order.entry} was not made: {', '.join(wrong)} is for one architecture; take"
                " Debian's package of it (python3-...)"
            )
        wheels.rename(target)
    return target


def _run(order: Order, command: Sequence[str], folder: Path) -> None:
    # The same date each time, and a folder that is not in memory: Spark takes a gigabyte.
    date = str(int(order.date.timestamp()))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": date, "TMPDIR": str(folder)}
    try:
        done = subprocess.run(
            [*APART, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    except OSError as err:
        raise NoAnswerError(f"cannot run pip: {err}") from err
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith("ERROR: ")] or lines[-1:]
        said = "; ".join(line.removeprefix("ERROR: ") for line in dict.fromkeys(faults[:4]))
        raise NoAnswerError(f"{order.entry} was not made: pip: {said or 'it said nothing'}")
