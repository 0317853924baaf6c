"""
The cloud as its description says: checked, indexed, immutable.

``build`` turns a source into a ``Cloud`` or raises every fault there is. It works in two halves, so
that one edited node costs little in a big cloud:

- the *common* half (all sections but ``racks``) is small and always checked whole;
- each rack is checked against it by a pure function, whose result (``Rack``, as JSON bytes) is kept
  in the cache under ``Rack.key``: a digest of the rack's file and of the common half. Only racks
  whose key is not in the cache are validated; what racks may not share is compared last, over sets.

A store keeps the cache (see ``load.Cache``) and may keep views beside it: a view depends on nothing
but the rack's key, so views of racks whose ``key`` did not change need not be made again:

.. code-block:: python

    cloud = build(load.read(root, render, cache), cache)
    for rack in cloud.racks.values():
        if rack.key not in stored:
            store(rack.key, {node.id: cloud.view(node.id) for node in rack.nodes.values()})

Keys of a cache that the last build did not ask for can be thrown away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from picloud import kept, schema, swarms
from picloud.checks import common as common_checks
from picloud.checks import fit as fit_checks
from picloud.checks import rack as rack_checks
from picloud.checks import whole
from picloud.checks.context import Known, layer
from picloud.checks.types import fit
from picloud.faults import DescriptionError, Problem
from picloud.load import CACHE_VERSION, Cache, Source
from picloud.locate import place
from picloud.policy import Rejoin
from picloud.records import Node, Rack
from picloud.rollout.guarded import WORKLOADS, Heads, has
from picloud.rollout.guarded import kept as kept_of
from picloud.rollout.policy import Rollout
from picloud.seating import pack, seat
from picloud.sections import Racks, together
from picloud.view import node_view
from picloud.workloads import fleet, service

__all__ = ["Cloud", "Node", "Rack", "build"]


class Told(NamedTuple):
    """What members of a swarm are told, as JSON: all of them its managers, managers the rest."""

    managers: str = "{}"
    nodes: str = "{}"
    work: str = "{}"


#: What members are told of a swarm that has no manager.
NOTHING = Told()


class Cloud:
    """
    A whole cloud. Made by ``build``; never changed.

    racks
        Racks by name.
    """

    def __init__(
        self, known: Known, racks: Mapping[str, Rack], told: Mapping[str, Told] | None = None
    ) -> None:
        self._known = known
        self._told = told or {}
        self.racks: Mapping[str, Rack] = MappingProxyType(dict(racks))

    @property
    def common(self) -> schema.Common:
        """Everything but racks, as validated."""
        return self._known.common

    @property
    def rejoin(self) -> Rejoin:
        """The policy of rejoin."""
        return self.common.rejoin

    @property
    def rollout(self) -> Rollout:
        """The policy of rollouts."""
        return self.common.rollout

    def ids(self) -> Collection[str]:
        """Return the ids of all nodes."""
        return self.nodes.keys()

    def each(self) -> Iterable[Node]:
        """Return all nodes."""
        return self.nodes.values()

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Nodes by id."""
        return MappingProxyType(
            {node.id: node for rack in self.racks.values() for node in rack.nodes.values()}
        )

    @cached_property
    def by_serial(self) -> Mapping[str, str]:
        """Ids of nodes by the serial that is declared for them."""
        return self._by("serial")

    @cached_property
    def by_mac(self) -> Mapping[str, str]:
        """Ids of nodes by the MAC address that is declared for them, in lower case."""
        return self._by("mac")

    @cached_property
    def by_port(self) -> Mapping[tuple[str, int], str]:
        """Ids of nodes by rack and switch port."""
        return MappingProxyType(
            {
                (rack.name, port): node
                for rack in self.racks.values()
                for port, node in zip(rack.column("port"), rack.column("id"), strict=True)
                if port is not None
            }
        )

    def _by(self, field: str) -> Mapping[str, str]:
        return MappingProxyType(
            {
                value: node
                for rack in self.racks.values()
                for value, node in zip(rack.column(field), rack.column("id"), strict=True)
                if value is not None
            }
        )

    def node(self, node_id: str) -> Node | None:
        """Return a node by id, or None."""
        return self.nodes.get(node_id)

    def view(self, node_id: str) -> dict[str, Any]:
        """
        Return what a node may see, as plain data; an unknown node sees nothing.

        node_id
            The minion id.

        .. code-block:: python

            cloud.view("pi3")["node"]["address"]
        """
        node = self.nodes.get(node_id)
        if node is None:
            return {}
        told = self._told.get(node.site, NOTHING)
        work = members = None
        if fleet.PART in node.parts:
            members = {"managers": json.loads(told.managers)}
            if fleet.manages(node.roles, node.parts):
                members["nodes"], work = json.loads(told.nodes), json.loads(told.work)
        rack = self.racks[node.rack]
        parts = self.settings(node)
        return node_view(self.common, rack, node, parts, members=members, workloads=work)

    def guarded(self, node: Node, part: str, heads: Heads) -> dict[str, Any] | None:
        """
        Return what is described of a guarded part for a node; None when it has no such part.

        node, part
            The node, and the part.
        heads
            The builds of images that there are now.
        """
        if not has(node, part):
            return None
        if part == WORKLOADS:
            return kept_of(part, json.loads(self._told.get(node.site, NOTHING).work), heads)
        settings: dict[str, Any] = self.settings(node)[part]
        return settings

    def settings(self, node: Node) -> dict[str, Any]:
        """Return the settings of a node's parts, every override laid over them."""
        rack = self._known.racks[node.rack]
        path = ("racks", node.rack)
        layers = (
            self._known.layer("boards", node.model),
            self._known.layer("sites", node.site),
            layer(path, rack),
            layer((*path, "nodes", node.slot), rack["nodes"][node.slot]),
        )
        found = tuple(one for one in layers if one is not None)
        parts = {part: self._known.plain(part, found) for part in node.parts}
        if kept.PART in parts:
            own = rack["nodes"][node.slot].get("keep", ())
            parts[kept.PART]["paths"] = list(kept.paths(self.common, node.roles, own))
        return parts


def build(source: Source, cache: Cache | None = None, *, fitting: bool = True) -> Cloud:
    """
    Check a description and return the cloud that it describes.

    source
        What ``load.read`` or ``load.from_texts`` made.
    cache
        Where results of racks are kept from one build to the next.
    fitting
        False for a plan of what does not fit: swarms and room for workloads are not looked at.

    Raises ``DescriptionError`` with every fault of every file.

    .. code-block:: python

        cloud = build(read(Path("pillar/cloud")))
    """
    raw, declared, problems = together(source)
    if not source.files:
        advice = "write cloud.sls, or copy examples/pi2-14"
        raise DescriptionError(
            place(source, [Problem((), "empty-cloud", "there are no .sls files", advice)])
        )
    complete = not any(file.problems and not file.data for file in source.files)
    common, found = _common(raw, complete)
    known = Known(raw, declared, common, complete)
    problems += found
    problems += common_checks.check(known)
    racks, found = _racks(known, declared, None if problems else cache)
    problems += found
    sound = complete and all(problem.path[:1] == ("workloads",) for problem in problems)
    problems += whole.check(known, racks, sound)
    if problems:
        problems = _settle(problems)
        if fitting and complete:
            problems += _of_others(common, racks, problems)
        raise DescriptionError(place(source, problems))
    described = fleet.Whole(common, racks)
    found_swarms = fleet.swarms(described, common.workloads)
    if fitting and found_swarms:
        problems = fit_checks.checked(described, found_swarms, cache)
    if problems:
        raise DescriptionError(place(source, problems))
    told = _told(described, found_swarms)
    return Cloud(known, _with_told(racks, told), told)


def _common(
    raw: Mapping[str, dict[str, Any]], complete: bool
) -> tuple[schema.Common, list[Problem]]:
    """Validate everything but racks; entries with faults are left out."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for section, model in schema.SINGLES.items():
        if section in raw:
            values[section], found = fit(model, raw[section], (section,))
            problems += found
        elif section == "cloud" and complete:
            advice = "add cloud: with name and domain"
            problems.append(Problem((), "missing-section", "there is no section cloud", advice))
    for section in schema.TABLES:
        if section != "racks" and section in raw:
            table, found = _table(section, raw[section])
            values[section] = table
            problems += found
    if values.get("cloud") is None:
        values["cloud"] = schema.Named.model_construct(name="unknown", domain="unknown")
    if values.get("network") is None:
        values["network"] = schema.Network()
    return schema.Common.model_construct(**values), problems


def _table(
    section: str, entries: Mapping[str, Any]
) -> tuple[dict[str, schema.Model], list[Problem]]:
    table, problems = {}, []
    for name, data in entries.items():
        problems += _name(section, name)
        entry, found = fit(schema.TABLES[section], data, (section, name))
        problems += found
        if entry is not None:
            table[name] = entry
    return table, problems


def _name(section: str, name: str) -> list[Problem]:
    """Return what is wrong with the name of an entry."""
    model = schema.NAMES.get(section, schema.EntryName)
    problems = fit(model, {"name": name}, ())[1]
    return [problem._replace(path=(section, name)) for problem in problems]


def _racks(
    known: Known, declared: Racks, cache: Cache | None
) -> tuple[dict[str, Rack], list[Problem]]:
    """Check every rack, or take what the cache has of it."""
    base = _digest({key: known.raw[key] for key in known.raw if key not in schema.WORK})
    racks: dict[str, Rack] = {}
    problems: list[Problem] = []
    for name, file in declared.homes.items():
        text = f"{base} {name} {file.digest}"
        key = f"rack:{CACHE_VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"
        kept = cache.get(key) if cache is not None else None
        if kept is not None:
            racks[name] = Rack.unpacked(key, kept)
            continue
        found = _name("racks", name)
        index, wrong = seat(known, name, declared[name])
        found += wrong
        if index is not None:
            found += rack_checks.check(index)
            racks[name] = pack(index, key)
            if cache is not None and not found:
                cache[key] = racks[name].packed()
        problems += found
    return racks, problems


def _of_others(
    common: schema.Common, racks: Mapping[str, Rack], problems: Collection[Problem]
) -> list[Problem]:
    """What does not fit of the workloads that have no fault, where nothing but workloads has."""
    if any(problem.path[:1] != ("workloads",) or not problem.path[1:] for problem in problems):
        return []
    faulty = {problem.path[1] for problem in problems}
    left = {name: one for name, one in common.workloads.items() if name not in faulty}
    described = fleet.Whole(common.model_copy(update={"workloads": left}), racks)
    found = fleet.swarms(described, left)
    return list(fit_checks.check(described, found)) if found else []


def _told(described: fleet.Whole, known: Mapping[str, fleet.Swarm]) -> dict[str, Told]:
    """What the members of each swarm are told, by site."""
    work = service.work(described, known)
    found = {}
    for site, swarm in known.items():
        of_swarm = swarms.told(described.common, swarm)
        found[site] = Told(
            json.dumps(of_swarm["managers"]), json.dumps(of_swarm["nodes"]), work[site]
        )
    return found


def _with_told(racks: dict[str, Rack], told: Mapping[str, Told]) -> dict[str, Rack]:
    """Return the racks, with what members of a swarm are told in the keys of theirs."""
    found = {}
    for name, rack in racks.items():
        found[name] = rack
        if rack.site not in told:
            continue
        columns = list(zip(rack.column("roles"), rack.column("parts"), strict=True))
        if any(fleet.manages(roles.split(), parts.split()) for roles, parts in columns):
            found[name] = replace(rack, key=_digest([rack.key, *told[rack.site]]))
        elif any(fleet.PART in parts.split() for _, parts in columns):
            found[name] = replace(rack, key=_digest([rack.key, told[rack.site].managers]))
    return found


def _digest(data: Any) -> str:
    text = json.dumps(data, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _settle(problems: list[Problem]) -> list[Problem]:
    """
    Leave out what only follows from another fault at the same place, and what each rack says again
    of a setting that all of them share.
    """
    roots = {problem.path for problem in problems if problem.line and problem.path}
    said: dict[object, Problem] = {}
    for number, problem in enumerate(problems):
        if problem.line or problem.path not in roots:
            shared = problem.path[:1] != ("racks",) and not problem.line
            kind = (problem.path, problem.rule, problem.remedy, problem.file)
            said.setdefault(kind if shared else number, problem)
    return list(said.values())
