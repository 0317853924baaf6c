"""
Programs that images and their registry are made with.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from picloud_watch import NoAnswerError


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
        Seconds that it may take.
    codes
        The statuses with which it may end. ``NoAnswerError`` with its last words for others, when
        it takes longer, and when it is not installed.
    env
        Variables beside those of this process.

    .. code-block:: python

        run("htpasswd", "-niB", "picloud", given="secret")
    """
    try:
        done = subprocess.run(
            command,
            input=given.encode(),
            env={**os.environ, **(env or {})},
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as err:
        raise NoAnswerError(f"{command[0]} is not installed: salt-run image.registry") from err
    except (OSError, subprocess.TimeoutExpired) as err:
        raise NoAnswerError(f"{command[0]} failed: {err}") from err
    said, trouble = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if done.returncode not in codes:
        words = " ".join((trouble.strip() or said.strip()).splitlines()[-3:])
        raise NoAnswerError(f"{command[0]} failed: {words or f'status {done.returncode}'}")
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
