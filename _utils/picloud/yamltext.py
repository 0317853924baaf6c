"""
YAML text to plain data, faster and stricter than a plain loader.

One pass of libyaml composes the nodes; plain values are made from them directly. What YAML 1.1
turns into something nobody meant (``0644``, ``12:30``, ``2026-01-01``), keys that stand twice and
keys that are not text are problems. The result holds only what JSON can hold.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import yaml

from picloud.faults import OTHER, Path, Problem

_PREFIX = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _MERGE = (_PREFIX + kind for kind in ("str", "int", "float", "merge"))
_SCALARS = {_PREFIX + kind for kind in ("str", "int", "float", "bool", "null", "timestamp")}
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


class _Loader(yaml.CSafeLoader):
    """libyaml's parser; implicit types are looked up once per text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._tags: dict[tuple[str, tuple[bool, bool]], str] = {}

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is not yaml.ScalarNode:
            return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        tag = self._tags.get((value, implicit))
        if tag is None:
            tag = self._tags[value, implicit] = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        return tag


class _Builder:
    """Makes values of nodes, and remembers whether anything was odd."""

    def __init__(self, loader: _Loader) -> None:
        self.loader = loader
        self.odd = False
        self.done: dict[yaml.Node, Any] = {}
        self.open: set[yaml.Node] = set()
        self.scalars: dict[tuple[str, str], Any] = {}

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == _STR else self.scalar(node)
        if node in self.done:
            if node in self.open:
                problem = "an alias stands inside what it names"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return self.done[node]
        self.open.add(node)
        if isinstance(node, yaml.MappingNode):
            made: Any = {}
            self.done[node] = made
            if node.tag != _PREFIX + "map":
                self.odd = True
            self.mapping(node, made)
        else:
            self.done[node] = made = []
            if node.tag != _PREFIX + "seq":
                self.odd = True
            made.extend([self.value(item) for item in node.value])
        self.open.discard(node)
        return made

    def mapping(self, node: yaml.MappingNode, made: dict[str, Any]) -> None:
        pairs = node.value
        for key, value in pairs:
            if key.tag == _STR:
                made[key.value] = value.value if value.tag == _STR else self.value(value)
            elif key.tag == _MERGE:
                self.odd = True
            else:
                self.odd = True
                if isinstance(key, yaml.ScalarNode):
                    made[str(key.value)] = self.value(value)
        if len(made) != len(pairs):
            self.odd = True
        if self.odd:
            for key, value in pairs:
                if key.tag == _MERGE:
                    self.merge(value, made)

    def merge(self, node: yaml.Node, made: dict[str, Any]) -> None:
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            base = self.value(part)
            if not isinstance(base, dict):
                problem = "<< needs a mapping"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            for name, item in base.items():
                made.setdefault(name, item)

    def scalar(self, node: yaml.ScalarNode) -> Any:
        key = (node.tag, node.value)
        if key not in self.scalars:
            self.scalars[key] = self.construct(node)
        return self.scalars[key]

    def construct(self, node: yaml.ScalarNode) -> Any:
        if _trap(node) or node.tag not in _SCALARS:
            self.odd = True
            return node.value
        value = self.loader.construct_object(node)
        if isinstance(value, datetime.date):
            self.odd = True
            return node.value
        return value


def compose(text: str) -> yaml.Node | None:
    """Return the nodes of a text, with their places; None when it is empty or broken."""
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    except yaml.YAMLError:
        return None
    finally:
        loader.dispose()


def parse(text: str) -> tuple[dict[str, Any], list[Problem]]:
    """
    Return the data of a text and what is wrong with it as YAML.

    text
        YAML, one mapping.

    >>> parse("cloud: {name: lab}")
    ({'cloud': {'name': 'lab'}}, [])
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, [_problem("empty-file", 1, "is empty", "remove it, or write a section")]
        builder = _Builder(loader)
        if isinstance(node, yaml.MappingNode):
            data = builder.value(node)
            return data, list(_oddities(node, (), set())) if builder.odd else []
    except yaml.YAMLError as error:
        return {}, [_syntax(error, text)]
    except (RecursionError, ValueError) as error:
        return {}, [_problem("yaml-syntax", 1, f"is not YAML: {error}", "write it more simply")]
    finally:
        loader.dispose()
    if isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~"):
        return {}, [_problem("empty-file", 1, "is empty", "remove it, or write a section")]
    kind = "a list" if isinstance(node, yaml.SequenceNode) else "plain text"
    line = node.start_mark.line + 1
    remedy = "write sections as name: value"
    return {}, [_problem("not-a-mapping", line, f"is {kind}, not a mapping of sections", remedy)]


def _problem(rule: str, line: int, problem: str, remedy: str, path: Path = ()) -> Problem:
    return Problem(path, rule, problem, remedy, line=line)


def _syntax(error: yaml.YAMLError, text: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        problem = f"holds the character U+{ord(str(error.character)[:1] or '?'):04X}"
        return _problem("yaml-syntax", line, problem, "remove it; text must be printable")
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 1
    opened = getattr(error, "context_mark", None)
    if mark is not None and opened is not None and mark.line >= text.rstrip().count("\n") + 1:
        line = opened.line + 1  # found out at the end: what was never closed is more use
    words = str(getattr(error, "problem", None) or error)
    if "'\\t'" in words or "tab" in words:
        return _problem("tab-indent", line, "is indented with a tab", "indent with spaces")
    remedy = "correct the indentation, brackets or quotes here or just above"
    if "mapping values are not allowed" in words:
        remedy = 'put a value that holds ": " in quotes, and see that the line above is complete'
    return _problem("yaml-syntax", line, f"is not YAML: {words}", remedy)


def _trap(node: yaml.ScalarNode) -> bool:
    if node.tag == _INT:
        return ":" in node.value or (_OCTAL.fullmatch(node.value) is not None)
    return node.tag == _FLOAT and ":" in node.value


def _oddities(node: yaml.Node, path: Path, seen: set[int]) -> Iterator[Problem]:
    """Walk the nodes of an odd text and name each oddity with its path."""
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        yield from _odd_scalar(node, line, path)
        return
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.tag not in (_PREFIX + "map", _PREFIX + "seq"):
        tag = node.tag.replace(_PREFIX, "!!")
        yield _problem(
            "yaml-tag", line, f"has the YAML tag {tag}", "write it without the tag", path
        )
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _oddities(item, (*path, place), seen)
        return
    first: dict[str, int] = {}
    for key, value in node.value:
        here = key.start_mark.line + 1
        name = str(key.value)
        if key.tag == _MERGE:
            yield from _oddities(value, path, seen)
            continue
        if not isinstance(key, yaml.ScalarNode):
            kind = "a list" if isinstance(key, yaml.SequenceNode) else "a mapping"
            problem, remedy = (
                f"has a key that is {kind}, not text",
                "write text, or put it in quotes",
            )
            yield _problem("unquoted-key", here, problem, remedy, path)
            continue
        if key.tag != _STR:
            kind = _reading(key)
            problem = f"the key {name} is read as {kind}"
            yield _problem(
                "unquoted-key", here, problem, f'write "{name}" in quotes', (*path, name)
            )
        if name in first:
            rule = "duplicate-slot" if len(path) == 3 and path[2] == "nodes" else "duplicate-key"
            what = "slot" if rule == "duplicate-slot" else "key"
            problem = f"the {what} stands twice, first at {OTHER}"
            twice = _problem(rule, here, problem, "remove or rename one of them", (*path, name))
            yield twice._replace(other=first[name])
        first.setdefault(name, here)
        yield from _oddities(value, (*path, name), seen)


def _odd_scalar(node: yaml.ScalarNode, line: int, path: Path) -> Iterator[Problem]:
    if node.tag not in _SCALARS:
        tag = node.tag.replace(_PREFIX, "!!")
        yield _problem(
            "yaml-tag", line, f"has the YAML tag {tag}", "write it without the tag", path
        )
    elif _trap(node) or node.tag == _PREFIX + "timestamp":
        rule = "base-60-number" if ":" in node.value else "octal-number"
        remedy = f'write "{node.value}" in quotes'
        if node.tag == _PREFIX + "timestamp":
            rule = "yaml-date"
        elif rule == "octal-number":
            remedy += ", or the number without the 0 in front"
        yield _problem(rule, line, f"{node.value} is read as {_reading(node)}", remedy, path)


def _reading(node: yaml.ScalarNode) -> str:
    """Say what YAML makes of a scalar."""
    kind = node.tag.replace(_PREFIX, "")
    if kind in ("int", "float") and _trap(node):
        value = yaml.load(node.value, Loader=yaml.CSafeLoader)
        return f"the number {value}"
    words = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
    return {**words, "timestamp": "a date"}.get(kind, kind)
