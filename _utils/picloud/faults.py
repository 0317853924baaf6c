"""
What can be wrong with a description, as data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

Path = tuple[str | int, ...]

#: Stands in a text for the value as it is written in the file.
RAW = "\ufdd0"
#: Stands in a text for the file and line of ``Problem.other``.
OTHER = "\ufdd1"


class Fault(NamedTuple):
    """
    One fault of a description at its place; ``str()`` gives the line that users read.

    file
        The file, relative to the folder of the description.
    line
        The line in the file as written, counted from 1.
    path
        The keys down to the fault, joined by dots: ``racks.rack1.nodes.left/1.mac``.
    rule
        The slug of the broken rule: ``duplicate-mac``.
    problem
        What is wrong.
    remedy
        What to do about it.
    """

    file: str
    line: int
    path: str
    rule: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}{path}{self.problem}; {self.remedy}"


class DescriptionError(Exception):
    """
    A description that cannot be used. Carries every fault found, in the order of the files.

    .. code-block:: python

        try:
            cloud = build(read(root, plain))
        except DescriptionError as error:
            for fault in error.faults:
                print(fault)
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(set(faults)))
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class Problem(NamedTuple):
    """
    A fault before it has a place: what the checks yield.

    path
        The keys down to the fault; numbers are places in a list.
    rule
        The slug of the broken rule, one of ``rules.RULES``.
    problem
        What is wrong; ``RAW`` and ``OTHER`` are filled in when it is placed.
    remedy
        What to do; ``RAW`` and ``OTHER`` work here too.
    file
        The file, where the path alone does not tell it.
    line
        The line where it is known already: in the text after rendering, or, negative, in the file
        as written; 0 otherwise.
    other
        Another place that the text names: a path, or a line of the same file after rendering.
    """

    path: Path
    rule: str
    problem: str
    remedy: str
    file: str = ""
    line: int = 0
    other: Path | int = 0
