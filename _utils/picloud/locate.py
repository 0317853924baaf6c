"""
Find the line of a path in the files of a description.
"""

from __future__ import annotations

from collections.abc import Iterable

from picloud.faults import Fault, Problem
from picloud.load import Source


def place(source: Source, problems: Iterable[Problem]) -> list[Fault]:
    """Give every problem its file and line."""
    return [
        Fault(
            problem.file,
            abs(problem.line),
            ".".join(map(str, problem.path)),
            problem.rule,
            problem.problem,
            problem.remedy,
        )
        for problem in problems
    ]
