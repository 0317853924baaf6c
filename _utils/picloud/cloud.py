"""
The cloud as its description says: checked, indexed, immutable.

``build`` turns a source into a ``Cloud`` or raises every fault there is. It works in two halves, so
that one edited node costs little in a big cloud:

- the *common* half (all sections but ``racks``) is small and always checked whole;
- each rack is checked against it by a pure function, whose result (``Rack``, as JSON bytes) is kept
  in the cache under ``Rack.key``: a digest of the rack's data and of the common half. Only racks
  whose key is not in the cache are validated; what racks may not share is compared last, over sets.

A store keeps the cache (see ``load.Cache``) and may keep views beside it: a view depends on nothing
but the rack's key, so views of racks whose ``key`` did not change need not be made again:

.. code-block:: python

    cloud = build(load.read(root, render, cache), cache)
    for rack in cloud.racks.values():
        if rack.key not in stored:
            store(rack.key, {node.id: cloud.view(node.id) for node in rack.nodes.values()})
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from picloud import merge, schema, view
from picloud.faults import DescriptionError, Problem
from picloud.load import Cache, Source
from picloud.locate import place


@dataclass(frozen=True, slots=True)
class Node:
    """A node with all that its rack and its design say about it."""

    id: str
    fqdn: str
    rack: str
    slot: str
    tower: str
    position: int
    site: str
    model: str
    ram_mb: int
    image: str
    roles: tuple[str, ...]
    parts: tuple[str, ...]
    address: str | None
    ipv6: str | None
    mac: str | None
    serial: str | None
    port: int | None
    hub: int | None
    hub_port: int | None


@dataclass(frozen=True, slots=True)
class Rack:
    """A rack; ``nodes`` by slot in the order of the design, ``towers`` with their heights."""

    name: str
    site: str
    design: str
    towers: Mapping[str, int]
    nodes: Mapping[str, Node]
    key: str


class Cloud:
    """
    A whole cloud. Made by ``build``; never changed.

    common
        Everything but racks, as validated.
    racks
        Racks by name.
    nodes
        Nodes by id.
    by_serial, by_mac
        Ids of nodes by what is declared of their boards.
    by_port
        Ids of nodes by rack and switch port.
    """

    def __init__(
        self, common: schema.Common, racks: Mapping[str, Rack], raw: Mapping[str, Any]
    ) -> None:
        self.common = common
        self.racks = racks
        self._raw = raw

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        return {node.id: node for rack in self.racks.values() for node in rack.nodes.values()}

    @cached_property
    def by_serial(self) -> Mapping[str, str]:
        return {node.serial: node.id for node in self.nodes.values() if node.serial}

    @cached_property
    def by_mac(self) -> Mapping[str, str]:
        return {node.mac: node.id for node in self.nodes.values() if node.mac}

    @cached_property
    def by_port(self) -> Mapping[tuple[str, int], str]:
        return {(node.rack, node.port): node.id for node in self.nodes.values() if node.port}

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
        return view.node_view(self.common, self.racks[node.rack], node, self.settings(node))

    def settings(self, node: Node) -> dict[str, Any]:
        """Return the settings of a node's parts, every override laid over them."""
        rack = self._raw["racks"][node.rack]
        layers = (
            self._raw["boards"][node.model],
            self._raw["sites"][node.site],
            rack,
            rack["nodes"][node.slot],
        )
        result = {}
        for part in node.parts:
            data = self._raw.get(part) or {}
            for layer in layers:
                data = merge.deep(data, (layer.get("overrides") or {}).get(part) or {})
            result[part] = schema.PART_MODELS[part].model_validate(data).model_dump(mode="json")
        return result


def build(source: Source, cache: Cache | None = None) -> Cloud:
    """
    Check a description and return the cloud that it describes.

    source
        What ``load.read`` or ``load.from_texts`` made.
    cache
        Where results of racks are kept from one build to the next.

    Raises ``DescriptionError`` with every fault of every file.

    .. code-block:: python

        cloud = build(read(Path("pillar/cloud")))
    """
    problems = [problem for file in source.files for problem in file.problems]
    raw: dict[str, Any] = {}
    for file in source.files:
        for section, entries in file.data.items():
            raw.setdefault(section, {}).update(entries)
    if problems:
        raise DescriptionError(place(source, problems))
    try:
        whole = schema.Description.model_validate(raw)
    except ValidationError as error:
        problems = [
            Problem(tuple(one["loc"]), "schema", one["msg"], "correct it") for one in error.errors()
        ]
        raise DescriptionError(place(source, problems)) from error
    racks = {}
    for name, rack in whole.racks.items():
        key = hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest() + name
        racks[name] = _rack(whole, name, rack, key)
    return Cloud(whole, racks, raw)


def _rack(common: schema.Common, name: str, rack: schema.Rack, key: str) -> Rack:
    towers = common.designs[rack.design].towers
    slots = [f"{tower}/{n}" for tower, height in towers.items() for n in range(1, height + 1)]
    nodes = {}
    for number, slot in enumerate(slots, 1):
        if slot in rack.nodes:
            nodes[slot] = _node(common, name, rack, slot, number)
    return Rack(name, rack.site, rack.design, towers, nodes, key)


def _node(common: schema.Common, name: str, rack: schema.Rack, slot: str, number: int) -> Node:
    node = rack.nodes[slot]
    design = common.designs[rack.design]
    tower, _, position = slot.partition("/")
    by_slot = design.wiring == "by-slot"
    own = {*rack.roles, *node.roles}
    roles = tuple(r for r, role in common.roles.items() if role.default or r in own)
    parts = tuple(dict.fromkeys(p for r in roles for p in common.roles[r].parts))
    model = node.model or rack.model or ""
    on_hub = design.power == "hub"
    hub = list(design.towers).index(tower) + 1
    return Node(
        id=node.id,
        fqdn=f"{node.id}.{common.cloud.domain}",
        rack=name,
        slot=slot,
        tower=tower,
        position=int(position),
        site=rack.site,
        model=model,
        ram_mb=node.ram_mb or min(common.boards[model].ram_mb),
        image=node.image or rack.image or "",
        roles=roles,
        parts=parts,
        address=node.address,
        ipv6=node.ipv6,
        mac=node.mac,
        serial=node.serial,
        port=node.port or (number if by_slot else None),
        hub=node.hub or (hub if by_slot and on_hub else None),
        hub_port=node.hub_port or (int(position) if by_slot and on_hub else None),
    )
