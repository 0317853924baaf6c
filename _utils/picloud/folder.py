"""
The files of a folder: one way to list them, for reading them and for noticing that they changed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def walk(folder: str, below: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """
    Yield the names of all files in a folder and those below it, hidden ones left out.

    folder
        The folder. One that is a link to a folder above it is not entered again.

    What cannot be looked at, such as a link to itself, counts as a file, so that it is reported.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        inside = False
        with contextlib.suppress(OSError):
            inside = entry.is_dir()
        if inside:
            yield from walk(entry.path, f"{below}{entry.name}/", above | {real})
        else:
            yield below + entry.name
