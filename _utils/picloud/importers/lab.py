"""
What every source is turned into before it is printed: machines, and what was seen on the way.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from picloud.faults import Fault

#: Longer values are cut where they are shown.
SHOWN = 48

_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


def show(value: str) -> str:
    r"""
    Return a value of the source in quotes, safe to print in one line.

    >>> show("pi1\n")
    '"pi1\\n"'
    """
    cut = value if len(value) <= SHOWN else value[: SHOWN - 3] + "..."
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return f'"{clean}"'


def slug(text: str) -> str:
    """
    Return a name that the description takes, made of what somebody called a thing.

    >>> slug("Rack 1 (cellar)")
    'rack-1-cellar'
    """
    return _NOT_IN_NAME.sub("-", text.strip().lower()).strip("-")[:63].rstrip("-")


def count(number: int, one: str, many: str = "") -> str:
    """
    Return a number with its word.

    >>> count(1, "node"), count(2, "node"), count(2, "address", "addresses")
    ('1 node', '2 nodes', '2 addresses')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def closest(word: str, known: Iterable[str]) -> str | None:
    """
    Return the name that a word is a slip of the pen for, or None. Stricter than what the
    description does for its own keys: here most unknown names are no slips.

    >>> closest("modell", ["model", "tower"]), closest("owner", ["model", "tower"])
    ('model', None)
    """
    found = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.82)
    return found[0] if found else None


@dataclass
class Log:
    """
    What was seen in one source; the same thing is kept once.

    faults
        What cannot be taken over as it is: each needs an answer.
    notes
        What was assumed, and what the description has no place for: to be read.
    """

    source: str
    faults: dict[Fault, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def fault(self, line: int, path: str, rule: str, problem: str, remedy: str) -> None:
        """Add a fault at a line of the source."""
        self.faults[Fault(self.source, line, path, rule, problem, remedy)] = None

    def note(self, text: str, line: int = 0, path: str = "") -> None:
        """Add a note, with its place when it has one."""
        where = f"{self.source}:{line}: " if line else ""
        entry = f"{where}{path}: {text}" if path else f"{where}{text}"
        self.notes[entry] = None


@dataclass(frozen=True)
class Given:
    """A value of the source, its line and its path."""

    text: str
    line: int
    path: str


@dataclass
class Machine:
    """
    One machine of a source on its way to be a node.

    name
        What the source calls it; the first label becomes the id, the others a domain.
    given
        Values by key of a node: address, mac, serial, model, port, image, ram_mb ...
    node
        What is printed of them, once ``settle`` has run.
    slot
        ``tower/position``; empty for the next free one.
    """

    name: Given
    given: dict[str, Given] = field(default_factory=dict)
    roles: list[Given] = field(default_factory=list)
    rack: str = ""
    site: str = ""
    design: str = ""
    slot: str = ""
    domain: str = ""
    id: str = ""
    node: dict[str, str] = field(default_factory=dict)

    def take(self, key: str, text: str, line: int, path: str) -> None:
        """Keep a value of the source, unless it is empty."""
        if text.strip():
            self.given[key] = Given(text.strip(), line, path)


@dataclass
class Lab:
    """
    Everything one source says.

    machines
        In the order of the source.
    domain
        The domain of the cloud, where the source has one.
    master, master_address
        Host name and address of the machine that is the master, where the source has one.
    gateway
        The router's address, where the format implies one.
    sections
        Sections that are printed as they are (switches, boards): name -> key -> field -> YAML.
    """

    log: Log
    machines: list[Machine] = field(default_factory=list)
    domain: str = ""
    master: str = ""
    master_address: str = ""
    gateway: str = ""
    sections: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
