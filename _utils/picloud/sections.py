"""
Put the files of a description together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from picloud import schema
from picloud.faults import OTHER, Path, Problem
from picloud.load import Kept, Source, SourceFile, in_secrets
from picloud.suggest import remedy


class Racks(Mapping[str, Any]):
    """Racks by name, each looked up in its file: most are never looked at again."""

    def __init__(self) -> None:
        self.homes: dict[str, SourceFile] = {}

    def __getitem__(self, name: str) -> Any:
        return self.homes[name].data["racks"][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.homes)

    def __len__(self) -> int:
        return len(self.homes)


def together(source: Source) -> tuple[dict[str, Any], Racks, list[Problem]]:
    """
    Return the sections of all files as one, racks apart, and what is wrong with them.

    source
        The files. Each may add entries to a section; an entry stands in one file only.
    """
    raw: dict[str, Any] = {}
    racks = Racks()
    problems: list[Problem] = []
    homes: dict[tuple[str, str], SourceFile] = {}
    for file in source.files:
        problems += file.problems
        if isinstance(file.data, Kept):
            entries = [("racks", file.data.names)]
        else:
            problems += _named(file)
            entries = [
                (section, list(data))
                for section, data in file.data.items()
                if section in schema.SECTIONS and isinstance(data, Mapping)
            ]
        for section, names in entries:
            if section == "secrets" and not in_secrets(file.name):
                problems.append(_misplaced(file))
            if section != "racks":
                raw.setdefault(section, {})
            for name in names:
                if homes.setdefault((section, name), file) is not file:
                    problems.append(_twice(file, (section, name)))
                elif section == "racks":
                    racks.homes[name] = file
                else:
                    raw[section][name] = file.data[section][name]
    return raw, racks, problems


def _misplaced(file: SourceFile) -> Problem:
    problem = "holds a secret outside a folder named secrets"
    advice = f"move it to secrets/{file.name.rsplit('/', 1)[-1]} and encrypt it there"
    return Problem(("secrets",), "secret-outside", problem, advice, file=file.name)


def _twice(file: SourceFile, path: Path) -> Problem:
    problem = f"stands in two files, first at {OTHER}"
    advice = "remove or rename one of them"
    return Problem(path, "duplicate-entry", problem, advice, file=file.name, other=path)


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
