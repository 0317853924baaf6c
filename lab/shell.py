"""Run programs: output to the lab's log, failures as LabError."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from lab.errors import LabError

_state: dict[str, Path] = {}
# Debian's client fits Debian's engine; a newer one elsewhere on PATH refuses --mac-address to it.
_DEBIAN = {"docker": Path("/usr/bin/docker")}


def program(command: Sequence[str]) -> list[str]:
    """The command with Debian's own program in place of another one of the same name."""
    own = _DEBIAN.get(command[0])
    return [str(own) if own and own.exists() else command[0], *command[1:]]


def become(command: Sequence[str], **environment: str) -> NoReturn:
    """
    Become another program: Ctrl-C is its own matter then, and so is how it ends.

    command
        The program and its arguments.
    environment
        Variables beside those of this process.
    """
    sys.stdout.flush()
    full = program(command)
    os.execvpe(full[0], full, {**os.environ, **environment})


def log_to(path: Path, anew: bool = False) -> None:
    """
    Write everything that is run from now on to this file.

    path
        The file; its folder is made.
    anew
        Whether what it held goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if anew:
        path.unlink(missing_ok=True)
    _state["log"] = path
    note(f"==== {time.strftime('%Y-%m-%d %H:%M:%S')}")


def log_path() -> Path | None:
    """The file named by :func:`log_to`."""
    return _state.get("log")


def note(text: str) -> None:
    """Write a line to the log."""
    if log := log_path():
        with suppress(OSError), log.open("a", encoding="utf-8") as handle:
            handle.write(text.rstrip("\n") + "\n")


def run(
    command: Sequence[str],
    *,
    what: str,
    remedy: str = "read the log, then run the same command again",
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 1800,
) -> str:
    """
    Run a program and return what it wrote; its errors go to the log.

    command
        Program and arguments; never through a shell.
    what
        The sentence of the LabError when it fails.

    Example: ``run(["docker", "info"], what="Docker Engine does not answer")``
    """
    note(f"+ {' '.join(command)}")
    try:
        done = subprocess.run(
            program(command),
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            input=stdin,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as err:
        raise LabError(f"{what}: {command[0]} is not installed", remedy) from err
    except subprocess.TimeoutExpired as err:
        raise LabError(f"{what}: no end after {timeout:.0f} s", remedy) from err
    note(done.stderr)
    if done.returncode:
        note(done.stdout)
        note(f"exit status {done.returncode}")
        said = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        raise LabError(f"{what}: {_telling(said)}" if said else what, remedy)
    return done.stdout


def _telling(said: Sequence[str]) -> str:
    """The line that tells most: the last that names an error, else the last."""
    named = [line for line in said if re.search(r"error|cannot|denied|No card", line, re.I)]
    return (named or said)[-1].strip()


def succeeds(command: Sequence[str], timeout: float = 60) -> bool:
    """True when a program ends with status 0 in time."""
    try:
        done = subprocess.run(program(command), capture_output=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def lines(command: Sequence[str], *, what: str) -> Iterator[str]:
    """
    Run a program and yield its lines as they come; the exit status is not looked at.

    Example: ``for line in lines(["docker", "exec", head, "salt", ...], what="highstate"): ...``
    """
    note(f"+ {' '.join(command)}")
    log = log_path() or Path("/dev/null")
    with log.open("a", encoding="utf-8") as errors:
        try:
            process = subprocess.Popen(
                program(command), stdout=subprocess.PIPE, stderr=errors, text=True
            )
        except FileNotFoundError as err:
            raise LabError(f"{what}: {command[0]} is not installed", "install it") from err
        try:
            assert process.stdout is not None
            yield from process.stdout
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
