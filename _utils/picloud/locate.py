"""
Find the line of a path in the files of a description.

Nothing here runs unless there is a fault: a file with one is rendered and composed again, with the
places of its nodes, and its lines are aligned with those of the file as written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import yaml

from picloud.align import align
from picloud.faults import OTHER, RAW, Fault, Path, Problem
from picloud.load import RenderError, Source
from picloud.rules import RULES
from picloud.yamltext import compose

#: Rules whose texts hold nothing of what a file says beyond the names of keys that are known.
SILENT = {
    "data-stage",
    "empty-file",
    "empty-value",
    "missing-key",
    "missing-section",
    "secret-outside",
    "tab-indent",
    "unreadable-file",
    "wrong-extension",
}
#: Rules whose path ends in the very key that is wrong, which may be a value in the wrong place.
KEYED = {
    "bad-option",
    "bad-slot",
    "bad-user",
    "bad-variable",
    "bad-word",
    "card-option",
    "daemon-option",
    "duplicate-key",
    "misplaced-option",
    "unknown-key",
    "unknown-section",
    "unquoted-key",
}


class _File:
    """One file with its places."""

    def __init__(self, source: Source, name: str) -> None:
        self.root: yaml.Node | None = None
        self.lines: list[int] = []
        self.last = 1
        try:
            raw = source.reader.raw(name)
            self.last = max(1, len(raw.splitlines()))
            rendered = source.reader.rendered(name).text
            self.lines = align(raw, rendered)
            self.root = compose(rendered)
        except (OSError, UnicodeDecodeError, RenderError):
            return

    def source_line(self, line: int) -> int:
        """Return the line as written for a line after rendering; negative ones are as written."""
        if line < 0:
            return -line
        if 0 < line <= len(self.lines):
            line = self.lines[line - 1]
        return min(max(1, line), self.last)

    def find(self, path: Path) -> tuple[int, str | None]:
        """Return the line of a path, or of the nearest one above it, and the text of a scalar."""
        node, line = self.root, 1
        for step in path:
            found = _child(node, step)
            if found is None:
                return self.source_line(line), None
            key, node = found
            line = key.start_mark.line + 1
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else None
        return self.source_line(line), text


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode):
        if isinstance(step, int) and step < len(node.value):
            return node.value[step], node.value[step]
        return None
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if str(key.value) == str(step) and isinstance(key, yaml.ScalarNode):
            return key, value
        if key.tag == "tag:yaml.org,2002:merge":
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
    return next(filter(None, (_child(base, step) for base in merged)), None)


class _Homes:
    """Which file holds what."""

    def __init__(self, source: Source) -> None:
        self.first = source.files[0].name if source.files else ""
        self.files: dict[Path, str] = {}
        for file in source.files:
            for section, entries in file.data.items():
                self.files.setdefault((section,), file.name)
                for key in entries if isinstance(entries, Mapping) else ():
                    self.files.setdefault((section, key), file.name)

    def of(self, path: Path) -> str:
        """Return the file of a path: of its first two keys, or of its section."""
        return self.files.get(path[:2]) or self.files.get(path[:1]) or self.first


def place(source: Source, problems: Iterable[Problem]) -> list[Fault]:
    """
    Give problems their files and lines.

    source
        The description that was checked.
    problems
        What is wrong with it.
    """
    files: dict[str, _File] = {}
    homes = _Homes(source)
    secret = {file.name for file in source.files if file.secret}

    def file(name: str) -> _File:
        if name not in files:
            files[name] = _File(source, name)
        return files[name]

    faults = []
    for problem in problems:
        name = problem.file or homes.of(problem.path)
        line, raw = file(name).find(problem.path) if name else (0, None)
        if problem.line:
            line = file(name).source_line(problem.line)
        texts = [problem.problem, problem.remedy]
        home = ""
        if isinstance(problem.other, int):
            other = f"{name}:{file(name).source_line(problem.other)}" if problem.other else ""
        else:
            home = homes.of(problem.other)
            other = f"{home}:{file(home).find(problem.other)[0]}"
        text, remedy = (
            one.replace(RAW, raw if raw is not None else "it").replace(OTHER, other)
            for one in texts
        )
        path = ".".join(map(str, problem.path))
        fault = Fault(name, line, path, problem.rule, text, remedy)
        told = {name, problem.file, home}
        faults.append(fault if secret.isdisjoint(told) else _discreet(fault, problem.path))
    return faults


def _discreet(fault: Fault, path: Path) -> Fault:
    """Return a fault without anything that a file with secrets says, but names of known keys."""
    if fault.rule in SILENT:
        return fault
    problem = f"breaks the rule {fault.rule}: {RULES[fault.rule]}"
    remedy = "correct the line; what it says is not shown, because it may be a secret"
    shown = ".".join(map(str, path[:-1] if fault.rule in KEYED else path))
    return fault._replace(path=shown, problem=problem, remedy=remedy)
