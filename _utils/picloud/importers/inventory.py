"""
Read an Ansible inventory, INI or YAML, with the line of everything in it.

Source of the format: Ansible's user guide, "How to build your inventory", and its plugins
``ansible.builtin.ini`` and ``ansible.builtin.yaml``: groups, children, ranges, variables and which
of them wins (host over group, child group over parent, then the later name of the alphabet).
"""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterator
from dataclasses import dataclass, field

from picloud import suggest
from picloud.importers.lab import Log, show
from picloud.importers.places import Item, Unreadable, parse_yaml

#: More hosts than this from one range is a slip of the pen.
LONGEST_RANGE = 10_000
GROUP_KEYS = ("hosts", "vars", "children")

_RANGE = re.compile(r"\[([0-9]+|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?\]")
_SECTION = re.compile(r"^\[([^\[\]:]+)(?::(\w+))?\]\s*(?:[#;].*)?$")


@dataclass(frozen=True)
class Var:
    """A variable: its value as written and its line; ``kind`` as of Item."""

    text: str
    line: int
    kind: str = "text"


@dataclass
class Group:
    """A group: its line, hosts, children and variables."""

    name: str
    line: int
    hosts: dict[str, int] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)
    vars: dict[str, Var] = field(default_factory=dict)


@dataclass
class Inventory:
    """All groups by name, and for each host its line and its own variables."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)
    vars: dict[str, dict[str, Var]] = field(default_factory=dict)

    def group(self, name: str, line: int) -> Group:
        """Return a group, made when it is new."""
        return self.groups.setdefault(name, Group(name, line))

    def add(self, group: Group, name: str, line: int) -> bool:
        """Put a host into a group; tell whether it is new there."""
        self.hosts.setdefault(name, line)
        self.vars.setdefault(name, {})
        new = name not in group.hosts
        group.hosts.setdefault(name, line)
        return new


def expand(pattern: str) -> list[str]:
    """
    Return the hosts a pattern stands for; raise ValueError when its range is wrong.

    >>> expand("pi[08:10]"), expand("pi-[a:c]"), expand("pi[0:4:2]")
    (['pi08', 'pi09', 'pi10'], ['pi-a', 'pi-b', 'pi-c'], ['pi0', 'pi2', 'pi4'])
    """
    found = _RANGE.search(pattern)
    if not found:
        if "[" in pattern or "]" in pattern:
            raise ValueError("has a range that is not [first:last] or [first:last:step]")
        return [pattern]
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdigit() != last.isdigit() or step < 1:
        raise ValueError("has a range whose ends are not alike")
    if first.isdigit():
        if first.startswith("0") and len(first) != len(last) and len(first) > 1:
            raise ValueError("has a range whose ends are not of one width")
        width = len(first) if first.startswith("0") else 1
        numbers = range(int(first), int(last) + 1, step)
        if len(numbers) > LONGEST_RANGE:
            raise ValueError(f"has a range of more than {LONGEST_RANGE} hosts")
        words = [f"{number:0{width}}" for number in numbers]
    else:
        letters = string.ascii_letters
        words = list(letters[letters.index(first) : letters.index(last) + 1 : step])
    if not words:
        raise ValueError("has a range whose end comes before its beginning")
    rest = expand(pattern[found.end() :])
    if len(words) * len(rest) > LONGEST_RANGE:
        raise ValueError(f"has ranges of more than {LONGEST_RANGE} hosts")
    return [pattern[: found.start()] + word + tail for word in words for tail in rest]


def _hosts(pattern: str, line: int, path: str, log: Log) -> list[str]:
    """Expand a host pattern with an optional SSH port behind it."""
    bare = re.sub(r"(?<=[^:]):\d+$", "", pattern)
    try:
        return expand(bare)
    except ValueError as error:
        log.fault(line, path, "bad-range", f"{show(pattern)} {error}", "write it like pi[01:14]")
        return []


def read_ini(text: str, log: Log) -> Inventory:
    """Read an INI inventory; what cannot be read is a fault."""
    inventory = Inventory()
    group, kind, named = inventory.group("ungrouped", 1), "hosts", "ungrouped"
    for line, raw in enumerate(text.split("\n"), start=1):
        entry = raw.strip()
        if not entry or entry[0] in "#;":
            continue
        if entry.startswith("["):
            section = _SECTION.match(entry)
            if not section or (section[2] or "hosts") not in GROUP_KEYS:
                log.fault(
                    line,
                    entry.partition("]")[0] + "]",
                    "bad-section",
                    "is not a section, so what follows is left out",
                    _section_remedy(section[2] if section else None),
                )
                kind = "skip"
                continue
            named, kind = section[1].strip(), section[2] or "hosts"
            group = inventory.group(named, line)
        elif kind == "hosts":
            _ini_host(entry, line, group, inventory, log)
        elif kind == "children":
            group.children.setdefault(_uncommented(entry), line)
        elif kind == "vars":
            key, sign, value = entry.partition("=")
            if not sign:
                log.fault(
                    line, f"[{named}:vars]", "bad-variable", f"{show(entry)} is not a variable",
                    "write name=value",
                )  # fmt: skip
                continue
            group.vars[key.strip()] = Var(_unquoted(_uncommented(value)), line)
    return inventory


def _section_remedy(kind: str | None) -> str:
    if kind is None:
        return "write [group], [group:children] or [group:vars]"
    return suggest.remedy(kind, GROUP_KEYS[1:], "kinds of section")


def _uncommented(text: str) -> str:
    return re.split(r"\s#", text, maxsplit=1)[0].strip()


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _ini_host(entry: str, line: int, group: Group, inventory: Inventory, log: Log) -> None:
    try:
        words = shlex.split(entry, comments=True)
    except ValueError as error:
        problem = str(error).lower().removesuffix(".")
        log.fault(
            line,
            group.name,
            "bad-host-line",
            f"the host in this line cannot be read: {problem}",
            "close every quote",
        )
        return
    if not words:
        return
    path = f"{group.name}.{words[0]}"
    own: dict[str, Var] = {}
    for word in words[1:]:
        key, sign, value = word.partition("=")
        if sign:
            own[key] = Var(value, line)
            continue
        log.fault(line, path, "bad-variable", f"{show(word)} is not a variable", "write name=value")
    for name in _hosts(words[0], line, path, log):
        if not inventory.add(group, name, line):
            _doubled(group, name, line, log)
        inventory.vars[name].update(own)


def _doubled(group: Group, name: str, line: int, log: Log) -> None:
    log.fault(
        line,
        f"{group.name}.{name}",
        "doubled-name",
        f"is in this group already, since line {group.hosts[name]}",
        "take one of the lines away; their variables are taken together",
    )


def read_yaml(text: str, log: Log) -> Inventory:
    """Read a YAML inventory; what cannot be read is a fault."""
    inventory = Inventory()
    try:
        documents = parse_yaml(text)
    except Unreadable as error:
        log.fault(error.line, "", "bad-yaml", error.problem, "correct it: nothing was imported")
        return inventory
    for document in documents:
        asked = next((key for key in ("plugin", "_meta") if key in document.fields), None)
        if asked:
            log.fault(
                document.get(asked).line,
                asked,
                "not-static",
                "is a plugin's settings or a program's output, not an inventory",
                "import what this prints: ansible-inventory -i <inventory> --list --yaml --export",
            )
            continue
        _doubled_keys(document, "", log)
        for name, item in document.fields.items():
            _group(name, item, inventory, log)
        if document.kind != "map":
            log.fault(
                document.line,
                "",
                "no-groups",
                "holds no groups",
                "an inventory is all: {hosts: ..., children: ...}",
            )
    return inventory


def _group(name: str, item: Item, inventory: Inventory, log: Log) -> None:
    """
    Take one group and its children. An anchor may make a group appear twice: that is one group.
    """
    group = inventory.group(name, item.line)
    if item.kind not in ("map", "null"):
        log.fault(item.line, name, "bad-group", "is not a group",
                  f"a group has {', '.join(GROUP_KEYS)}")  # fmt: skip
        return
    _doubled_keys(item, name, log)
    for key, value in item.fields.items():
        path = f"{name}.{key}"
        if key not in GROUP_KEYS:
            log.fault(
                value.line,
                path,
                "unknown-key",
                "is not a key of a group, so it is left out",
                suggest.remedy(key, GROUP_KEYS, "keys"),
            )
        elif value.kind not in ("map", "null"):
            log.fault(
                value.line,
                path,
                "not-a-mapping",
                f"is not a mapping, so its {key} are left out",
                "write every name with a colon behind it: pi1:",
            )
            continue
        else:
            _doubled_keys(value, path, log)
    for pattern, own in item.get("hosts").fields.items():
        for host in _hosts(pattern, own.line, f"{name}.{pattern}", log):
            inventory.add(group, host, own.line)
            inventory.vars[host].update(_vars(own, f"{name}.{pattern}", log))
    group.vars.update(_vars(item.get("vars"), name, log))
    for child, below in item.get("children").fields.items():
        if child in group.children:
            continue
        group.children[child] = below.line
        _group(child, below, inventory, log)


def _vars(item: Item, path: str, log: Log) -> dict[str, Var]:
    _doubled_keys(item, path, log)
    return {key: Var(_flat(value), value.line, value.kind) for key, value in item.fields.items()}


def _flat(item: Item) -> str:
    """A list of words becomes one text, as INI would have it; a mapping stays unsaid."""
    if item.kind == "list":
        return ",".join(entry.text for entry in item.items)
    return item.text


def _doubled_keys(item: Item, path: str, log: Log) -> None:
    for key, first, second in item.doubled:
        log.fault(
            second,
            f"{path}.{key}".lstrip("."),
            "doubled-name",
            f"is there a second time, after line {first}; Ansible takes the second",
            "keep one of them",
        )


def parents(inventory: Inventory) -> dict[str, list[str]]:
    """Return the parents of every group; ``all`` is not named."""
    above: dict[str, list[str]] = {name: [] for name in inventory.groups}
    for group in inventory.groups.values():
        for child in group.children:
            if group.name != "all":
                above.setdefault(child, []).append(group.name)
    return above


def ancestry(name: str, above: dict[str, list[str]]) -> Iterator[tuple[int, str]]:
    """Yield a group and everything above it with its distance; a circle is walked once."""
    seen, layer, distance = {name}, [name], 0
    while layer:
        yield from ((distance, group) for group in layer)
        layer = sorted({up for group in layer for up in above.get(group, [])} - seen)
        seen.update(layer)
        distance += 1
