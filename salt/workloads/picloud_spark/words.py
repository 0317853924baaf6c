"""
Words of text files, counted part by part: what one executor does, without Spark.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

#: Letters and digits, with apostrophes and hyphens inside.
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
#: Bytes of a part: seconds of work for a Pi, and little to do again when a node is lost.
PART = 4 * 2**20


class Part(NamedTuple):
    """Those lines of a file that begin from one byte on and before another one."""

    name: str
    start: int
    end: int


def parts(sizes: Sequence[tuple[str, int]], size: int = PART) -> list[Part]:
    """
    Return how files are split.

    sizes
        Names of the files, with their bytes.
    size
        Bytes of a part at most.

    >>> parts([("a.txt", 5), ("empty", 0)], 4)
    [Part(name='a.txt', start=0, end=4), Part(name='a.txt', start=4, end=5)]
    """
    return [
        Part(name, start, min(start + size, whole))
        for name, whole in sizes
        for start in range(0, whole, size)
    ]


def lines(path: Path, start: int, end: int) -> Iterator[str]:
    """
    Yield the lines of a part; each line of a file is in exactly one of its parts.

    path, start, end
        The file, and the part.
    """
    with path.open("rb") as file:
        if start:
            # What is left of a line that began in the part before belongs to that one.
            file.seek(start - 1)
            file.readline()
        while file.tell() < end and (line := file.readline()):
            yield line.decode("utf-8", "replace")


def count(path: Path, start: int, end: int) -> Counter[str]:
    """
    Return how often each word is in a part, in lower case.

    path, start, end
        The file, and the part.
    """
    found: Counter[str] = Counter()
    for line in lines(path, start, end):
        found.update(word.casefold() for word in WORD.findall(line))
    return found


def files(patterns: Sequence[str]) -> tuple[list[Path], list[str]]:
    """
    Return the files that patterns stand for, and what is wrong, one line each.

    patterns
        Paths, with ``*`` for any text and ``**`` for any folders.
    """
    found: list[Path] = []
    faults = []
    for pattern in patterns:
        if not pattern.startswith("/"):
            faults.append(f"{pattern}: give the whole path, from / on")
            continue
        # Spark calls a file by the name that it has behind all links.
        paths = sorted(Path(name).resolve() for name in glob.glob(pattern, recursive=True))
        here = [path for path in paths if path.is_file()]
        if not here:
            faults.append(f"{pattern}: there is no such file; mount it, or give it as a config")
        found += here
    found = list(dict.fromkeys(found))
    names = Counter(path.name for path in found)
    faults += [
        f"{name}: {number} files have this name; rename them, for each node has them in one folder"
        for name, number in names.items()
        if number > 1
    ]
    faults += [
        f"{path}: it may not be read; let all read it (chmod a+r)"
        for path in found
        if not os.access(path, os.R_OK)
    ]
    return found, faults
