"""
Programs that images and their registry are made with.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from subprocess import PIPE

from picloud_watch import NoAnswerError

#: Programs that the part ``salt/registry`` installs.
INSTALLED = ("htpasswd", "skopeo")


def run(
    *command: str,
    given: str = "",
    timeout: float = 60,
    codes: Collection[int] = (0,),
    env: Mapping[str, str] | None = None,
) -> str:
    """
    Run a program; what it says, line ends as they are: digests are taken of some of it.

    command
        The program, and its arguments.
    given
        What it reads.
    timeout
        Seconds that it may take; then it is ended, with all that it started.
    codes
        The statuses with which it may end. ``NoAnswerError`` with its last words for others, when
        it takes longer, when it is not installed, and when it cannot be given these arguments.
    env
        Variables beside those of this process.

    .. code-block:: python

        run("htpasswd", "-niB", "picloud", given="secret")
    """
    environment = {**os.environ, **(env or {})}
    try:
        # In a session of its own, so that all it starts can be ended with it: apt of salt-call.
        with subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
        ) as begun:
            try:
                spoken = begun.communicate(given.encode(), timeout)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(begun.pid, signal.SIGKILL)
                raise
    except FileNotFoundError as err:
        remedy = ": salt-run image.registry" if command[0] in INSTALLED else " on this machine"
        raise NoAnswerError(f"{command[0]} is not installed{remedy}") from err
    except subprocess.TimeoutExpired as err:
        raise NoAnswerError(f"{command[0]} took longer than {timeout:g} s") from err
    except (OSError, ValueError) as err:
        # ValueError: an argument that no program can be given.
        raise NoAnswerError(f"{command[0]} failed: {err}") from err
    said, trouble = (text.decode(errors="replace") for text in spoken)
    if begun.returncode not in codes:
        words = " ".join((trouble.strip() or said.strip()).splitlines()[-3:])
        raise NoAnswerError(f"{command[0]} failed: {words or f'status {begun.returncode}'}")
    return said


def skopeo(*arguments: str, timeout: float) -> str:
    """
    Run ``skopeo``; what it says. See :func:`run`.

    arguments
        What to do.
    timeout
        Seconds that it may take.
    """
    return run("skopeo", *arguments, timeout=timeout)


def beside(program: str) -> str:
    """
    Return a program of this virtual environment, or of the system.

    program
        Its name.
    """
    path = Path(sys.executable).parent / program
    return str(path) if path.exists() else program
