"""
Put nodes into their slots: a rack's data with all that follows from its design and defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from picloud import kept, schema
from picloud.checks.context import Known, Layer, RackIndex, Seat, layer
from picloud.checks.types import fit
from picloud.faults import Problem
from picloud.records import Node, Rack


def seat(known: Known, name: str, data: Any) -> tuple[RackIndex | None, list[Problem]]:
    """
    Return a rack with its nodes, indexed for the checks, and what is wrong with its types.

    known
        Everything but racks.
    name
        The rack's name.
    data
        What is written of it.

    Without a site or a design there is no index. Nodes that have no id are left out.
    """
    path = ("racks", name)
    declared, problems = fit(schema.Rack, data, path)
    if declared is None:
        return None, problems
    common = known.common
    design = common.designs.get(declared.design)
    index = RackIndex(
        known=known,
        name=name,
        path=path,
        rack=declared,
        site=common.sites.get(declared.site),
        design=design,
        switch=common.switches.get(design.switch) if design else None,
        hubs=tuple(common.hubs.get(hub) for hub in design.hubs) if design else (),
        slots=_slots(design) if design else None,
        seats=(),
    )
    return index._replace(
        seats=tuple(_seats(index, data["nodes"] if declared.nodes else {}))
    ), problems


def pack(index: RackIndex, key: str) -> Rack:
    """
    Return the record of a rack that is indexed.

    index
        The rack.
    key
        Digest of everything that its nodes' views depend on.
    """
    order = {slot: place for place, slot in enumerate(index.slots or ())}
    nodes = sorted(
        (one.node for one in index.seats), key=lambda node: order.get(node.slot, len(order))
    )
    return Rack(
        name=index.name,
        site=index.rack.site,
        design=index.rack.design,
        domain=index.known.common.cloud.domain,
        towers=dict(index.design.towers) if index.design else {},
        key=key,
        columns=Rack.columns_of(nodes),
    )


def _slots(design: schema.Design) -> tuple[str, ...]:
    return tuple(
        f"{tower}/{position}"
        for tower, height in design.towers.items()
        for position in range(1, height + 1)
    )


def _seats(index: RackIndex, raw: Mapping[str, Any]) -> Iterable[Seat]:
    common, own_rack, design = index.known.common, index.rack, index.design
    numbers = {slot: number for number, slot in enumerate(index.slots or (), 1)}
    towers = {tower: number for number, tower in enumerate(design.towers, 1)} if design else {}
    by_slot = design is not None and design.wiring == "by-slot"
    on_hubs = by_slot and design is not None and design.power == "hub"
    roles: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}
    site_layer = index.known.layer("sites", own_rack.site)
    rack_layer = layer(index.path, index.known.racks.get(index.name))
    layers: dict[str, tuple[Layer, ...]] = {}
    for slot, declared in own_rack.nodes.items():
        tower, _, position = slot.partition("/")
        model, path = declared.model or own_rack.model or "", (*index.path, "nodes", slot)
        if declared.roles not in roles:
            roles[declared.roles] = _roles(common, {*own_rack.roles, *declared.roles})
        if model not in layers:
            found = (index.known.layer("boards", model), site_layer, rack_layer)
            layers[model] = tuple(one for one in found if one is not None)
        own = layer(path, raw[slot])
        board = common.boards.get(model)
        node = Node(
            id=declared.id,
            fqdn=f"{declared.id}.{common.cloud.domain}",
            rack=index.name,
            slot=slot,
            tower=tower,
            position=int(position),
            site=own_rack.site,
            model=model,
            ram_mb=declared.ram_mb or (min(board.ram_mb) if board else 0),
            image=declared.image or own_rack.image or "",
            roles=roles[declared.roles][0],
            parts=kept.parts(roles[declared.roles][1], common, roles[declared.roles][0], declared),
            address=declared.address,
            ipv6=declared.ipv6,
            mac=declared.mac,
            serial=declared.serial,
            port=declared.port or (numbers.get(slot) if by_slot else None),
            hub=declared.hub or (towers.get(tower) if on_hubs else None),
            hub_port=declared.hub_port or (int(position) if on_hubs else None),
        )
        yield Seat(path, declared, node, board, layers[model] + ((own,) if own else ()))


def _roles(common: schema.Common, own: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return roles and parts of a node, in the order of the section roles."""
    roles = tuple(name for name, role in common.roles.items() if role.default or name in own)
    parts = dict.fromkeys(part for name in roles for part in common.roles[name].parts)
    return roles, tuple(parts)
