"""
Read JSON and YAML so that every value knows its line. Scalars stay as written: a MAC address that
YAML would take for a number, or a serial that it would take for a float, is still text here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import yaml

#: Deeper nesting than this is no inventory; it would only exhaust the stack.
DEEPEST = 60

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n]*")
_WORD = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity")
#: YAML 1.1 begins a new line at these, no editor does: lines would be counted wrongly.
_NO_BREAKS = {0x85: " ", 0x2028: " ", 0x2029: " "}
_NULL_TAG = "tag:yaml.org,2002:null"


class Unreadable(Exception):
    """A text that is not of its format: the line, and what is wrong with it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


@dataclass(frozen=True)
class Item:
    """
    A value and its line. ``value`` is text as written, a list of items, or a dict of them.

    line
        The line of the value, or of its key in a mapping.
    kind
        ``text``, ``null``, ``list``, ``map``, or ``tag`` for what only the other tool understands
        (``!vault``, for one).
    doubled
        Keys that a mapping has again: name, line of the first, line of the second.
    """

    value: str | list[Item] | dict[str, Item]
    line: int
    kind: str
    doubled: tuple[tuple[str, int, int], ...] = ()

    @property
    def text(self) -> str:
        """The text of a scalar, stripped; empty for null and for what is no scalar."""
        return self.value.strip() if isinstance(self.value, str) and self.kind == "text" else ""

    @property
    def items(self) -> list[Item]:
        """The entries of a list; nothing for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def fields(self) -> dict[str, Item]:
        """The entries of a mapping; nothing for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def get(self, key: str) -> Item:
        """Return an entry of a mapping; an empty one at the mapping's line when there is none."""
        return self.fields.get(key) or Item("", self.line, "null")


def parse_json(text: str) -> Item:
    """
    Read JSON; raise Unreadable with the line where it breaks.

    >>> parse_json('{"clusters": []}').get("clusters").line
    1
    """
    try:
        json.loads(text)
        return _Json(text).read()
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, f"is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise Unreadable(1, f"is nested deeper than {DEEPEST} levels") from error


@dataclass
class _Json:
    """One pass over JSON that ``json.loads`` has found to be right."""

    text: str
    at: int = 0
    line: int = 1
    counted: int = field(default=0)

    def read(self, depth: int = 0) -> Item:
        if depth > DEEPEST:
            raise Unreadable(self._line(), f"is nested deeper than {DEEPEST} levels")
        self._skip()
        line, first = self._line(), self.text[self.at]
        if first == "{":
            return self._mapping(line, depth)
        if first == "[":
            return self._list(line, depth)
        if first == '"':
            return Item(self._string(), line, "text")
        word = _WORD.match(self.text, self.at)
        if not word:
            raise Unreadable(line, "is not JSON: no value here")
        self.at = word.end()
        return Item(word.group(), line, "null" if word.group() == "null" else "text")

    def _mapping(self, line: int, depth: int) -> Item:
        fields: dict[str, Item] = {}
        doubled = []
        while self._more("}"):
            at, key = self._line(), self._string()
            self._skip()
            self.at += 1  # the colon
            item = self.read(depth + 1)
            if key in fields:
                doubled.append((key, fields[key].line, at))
            fields[key] = Item(item.value, at, item.kind, item.doubled)
        return Item(fields, line, "map", tuple(doubled))

    def _list(self, line: int, depth: int) -> Item:
        items = []
        while self._more("]"):
            items.append(self.read(depth + 1))
        return Item(items, line, "list")

    def _more(self, end: str) -> bool:
        """Step over a bracket or comma; tell whether another entry follows."""
        self._skip()
        if self.text[self.at] != end:
            self.at += 1
            self._skip()
        if self.text[self.at] != end:
            return True
        self.at += 1
        return False

    def _string(self) -> str:
        value, self.at = _DECODER.raw_decode(self.text, self.at)
        return str(value)

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        if space:
            self.at = space.end()

    def _line(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line


def parse_yaml(text: str) -> list[Item]:
    """
    Read every document of a YAML text; raise Unreadable with the line where it breaks.

    >>> parse_yaml("mac: 12:34:56:12:34:56")[0].get("mac").text
    '12:34:56:12:34:56'
    """
    try:
        nodes = list(yaml.compose_all(text.translate(_NO_BREAKS), Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        raise Unreadable(mark.line + 1 if mark else 1, f"is not YAML: {problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        problem = str(error).splitlines()[0] if str(error) else "nested too deep"
        raise Unreadable(1, f"is not YAML: {problem}") from error
    items: dict[int, Item] = {}
    return [_yaml(node, 0, 0, items) for node in nodes if node is not None]


def _yaml(node: yaml.Node, line: int, depth: int, items: dict[int, Item]) -> Item:
    """Turn a node into an item. An anchor used often is turned once."""
    if depth > DEEPEST:
        raise Unreadable(node.start_mark.line + 1, f"is nested deeper than {DEEPEST} levels")
    if id(node) not in items:
        items[id(node)] = _item(node, depth, items)
    item = items[id(node)]
    return Item(item.value, line or item.line, item.kind, item.doubled)


def _item(node: yaml.Node, depth: int, items: dict[int, Item]) -> Item:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Item([_yaml(entry, 0, depth + 1, items) for entry in node.value], line, "list")
    if isinstance(node, yaml.MappingNode):
        fields: dict[str, Item] = {}
        merged: dict[str, Item] = {}
        doubled = []
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            at = key.start_mark.line + 1
            item = _yaml(value, at, depth + 1, items)
            if key.tag == "tag:yaml.org,2002:merge":
                for source in item.items or [item]:
                    merged = source.fields | merged
                continue
            if name in fields:
                doubled.append((name, fields[name].line, at))
            fields[name] = item
        return Item(merged | fields, line, "map", tuple(doubled))
    if node.tag == _NULL_TAG:
        return Item("", line, "null")
    known = node.tag.startswith("tag:yaml.org,2002:")
    return Item(str(node.value), line, "text" if known else "tag")
