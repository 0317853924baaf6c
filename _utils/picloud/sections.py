"""
Put the files of a description together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from picloud import schema
from picloud.faults import OTHER, Problem
from picloud.load import Source, SourceFile
from picloud.suggest import remedy


def together(source: Source) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """
    Return the sections of all files as one, and what is wrong with them.

    source
        The files. Each may add entries to a section; an entry stands in one file only.
    """
    raw: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    homes: dict[tuple[str, str], str] = {}
    for file in source.files:
        problems += file.problems
        problems += _named(file)
        for section, entries in file.data.items():
            if section not in schema.SECTIONS or not isinstance(entries, Mapping):
                continue
            merged = raw.setdefault(section, {})
            if merged.keys().isdisjoint(entries):
                merged.update(entries)
                homes.update(dict.fromkeys(((section, key) for key in entries), file.name))
                continue
            for key, value in entries.items():
                home = homes.setdefault((section, key), file.name)
                if home != file.name:
                    path = (section, key)
                    problem = f"stands in two files, first at {OTHER}"
                    advice = "remove or rename one of them"
                    twice = Problem(path, "duplicate-entry", problem, advice, file=file.name)
                    problems.append(twice._replace(other=path))
                else:
                    merged[key] = value
    return raw, problems


def _named(file: SourceFile) -> Iterator[Problem]:
    for section, entries in file.data.items():
        path = (section,)
        if section in schema.RESERVED:
            problem = f'section "{section}" comes with a later version'
            yield Problem(path, "reserved-section", problem, "leave it out until then", file.name)
        elif section not in schema.SECTIONS:
            advice = remedy(section, schema.SECTIONS, "sections")
            yield Problem(path, "unknown-section", "unknown section", advice, file.name)
        elif entries is None:
            advice = "write what it holds, or remove it"
            yield Problem(path, "empty-value", "has no value", advice, file.name)
        elif not isinstance(entries, Mapping):
            yield Problem(path, "wrong-type", "is not a mapping", "write name: value", file.name)
