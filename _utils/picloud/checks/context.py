"""
What checks look at: the description, indexed once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from picloud import merge, schema
from picloud.checks.types import fit
from picloud.faults import Path, Problem
from picloud.records import Node
from picloud.suggest import remedy


class Layer(NamedTuple):
    """Overrides of one board, site, rack or node: where they stand and what they say."""

    path: Path
    data: Mapping[str, Any]


@dataclass
class Known:
    """
    Everything but racks.

    raw
        The sections as written, merged from all files.
    racks
        Racks as written, by name.
    common
        The same, validated; entries with faults are left out.
    complete
        False when a file could not be read, so that a name that is missing may be in it.
    """

    raw: Mapping[str, Any]
    racks: Mapping[str, Any]
    common: schema.Common
    complete: bool
    _settings: dict[tuple[str, tuple[Path, ...]], schema.Model | None] = field(default_factory=dict)
    _texts: dict[tuple[str, tuple[Path, ...]], str] = field(default_factory=dict)

    def declared(self, section: str) -> Mapping[str, Any]:
        """Return the entries of a section as written, also those with faults."""
        entries = self.raw.get(section)
        return entries if isinstance(entries, Mapping) else {}

    def refer(self, section: str, name: str, path: Path) -> Iterator[Problem]:
        """Yield a problem when ``name`` is not described in ``section``."""
        if self.complete and name not in self.declared(section):
            problem = f'"{name}" is not in {section}'
            advice = remedy(name, self.declared(section), section)
            yield Problem(path, "unknown-reference", problem, advice)

    def layer(self, section: str, name: str) -> Layer | None:
        """Return the overrides of a board or site, or None."""
        return layer((section, name), self.declared(section).get(name))

    def merged(self, part: str, layers: Iterable[Layer]) -> dict[str, Any]:
        """Return the settings of a part with layers of overrides laid over them, as written."""
        base = self.raw.get(part)
        data: dict[str, Any] = dict(base) if isinstance(base, Mapping) else {}
        for one in layers:
            above = one.data.get(part)
            if isinstance(above, Mapping):
                data = merge.deep(data, above)
        return data

    def settings(self, part: str, layers: tuple[Layer, ...]) -> schema.Model | None:
        """Return the settings of a part with overrides, validated; None when they have faults."""
        layers = tuple(one for one in layers if part in one.data)
        key = (part, tuple(one.path for one in layers))
        if key not in self._settings:
            if not layers:
                found = getattr(self.common, part)
            else:
                found = fit(schema.PART_MODELS[part], self.merged(part, layers), ())[0]
            if found is None and part not in self.raw:
                found = fit(schema.PART_MODELS[part], {}, ())[0]
            self._settings[key] = found
        return self._settings[key]

    def plain(self, part: str, layers: tuple[Layer, ...]) -> Any:
        """Return settings as plain data that may be changed."""
        key = (part, tuple(one.path for one in layers if part in one.data))
        if key not in self._texts:
            settings = self.settings(part, layers)
            self._texts[key] = settings.model_dump_json() if settings is not None else "{}"
        return json.loads(self._texts[key])

    def origin(self, part: str, layers: tuple[Layer, ...], keys: Path) -> Path:
        """Return the path at which a setting got its value: the last layer that has it."""
        for one in reversed(layers):
            if _within(one.data, (part, *keys)):
                return (*one.path, part, *keys)
        return (part, *keys)


def layer(path: Path, entry: Any) -> Layer | None:
    """Return the overrides of an entry as written, or None."""
    overrides = entry.get("overrides") if isinstance(entry, Mapping) else None
    if isinstance(overrides, Mapping) and overrides:
        return Layer((*path, "overrides"), overrides)
    return None


def _within(data: Any, path: Path) -> bool:
    for step in path:
        if not isinstance(data, Mapping) or step not in data:
            return False
        data = data[step]
    return True


def overrides(known: Known, below: tuple[Layer, ...], top: Layer) -> Iterator[Problem]:
    """
    Validate overrides as what they make of the settings below them.

    known
        Everything but racks.
    below
        Layers that they are laid over.
    top
        The overrides to look at.
    """
    for part, data in top.data.items():
        if part not in schema.PART_MODELS or not isinstance(data, Mapping):
            continue
        model = schema.PART_MODELS[part]
        path = (*top.path, part)
        for problem in fit(model, known.merged(part, (*below, top)), path)[1]:
            inside = problem.path[len(path) :]
            missing = problem.rule == "missing-key" and inside and _within(data, inside)
            if missing or (problem.rule != "missing-key" and _within(data, inside)):
                yield problem


class Seat(NamedTuple):
    """
    A node under check.

    path
        Where it stands in the description.
    declared
        What is written of it.
    node
        The same with what follows from rack and design.
    board
        Its model; None when it has none that is known.
    layers
        The overrides that apply to it.
    """

    path: Path
    declared: schema.Node
    node: Node
    board: schema.Board | None
    layers: tuple[Layer, ...]


class RackIndex(NamedTuple):
    """
    A rack under check.

    known
        Everything but racks.
    name, path
        Its name and where it stands.
    rack
        What is written of it.
    site, design, switch, hubs
        What it refers to; None, or a hub of None, where that is not known.
    slots
        Slots of its design in the order of the wiring; None when the design is not known.
    seats
        Its nodes.
    """

    known: Known
    name: str
    path: Path
    rack: schema.Rack
    site: schema.Site | None
    design: schema.Design | None
    switch: schema.Switch | None
    hubs: tuple[schema.Hub | None, ...]
    slots: tuple[str, ...] | None
    seats: tuple[Seat, ...]
