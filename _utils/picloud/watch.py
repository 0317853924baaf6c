"""
Declared against seen: joins the description with what the master knows, as plain data.

Plain Python, no Salt import. Whoever calls gathers :class:`Seen` for each node; everything that is
shown, filtered or counted is made here, so that ``--out=json`` and the pictures cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from picloud import status
from picloud.cloud import Cloud
from picloud.records import Node, Rack
from picloud.suggest import remedy

#: What a node's modules are called that are not those the master offers.
OLD = "older than on the master"

# Interfaces of a node that say nothing of its place in the cloud.
_INNER = ("lo", "docker", "br-", "veth", "vx-", "ov-")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the master knows of one node: the evidence for its state, and its own words."""

    evidence: status.Evidence
    grains: Mapping[str, Any] = field(default_factory=dict)


def row(node: Node, seen: Seen, modules: str | None, now: float) -> dict[str, Any]:
    """
    Return everything about one node as plain data.

    node
        The node as declared.
    seen
        What the master knows of it.
    modules
        The digest of the modules that the master offers; None when it is not known.
    now
        The time, in seconds since 1970.
    """
    evidence = seen.evidence
    verdict = status.classify(node.id, evidence, now)
    declared = {name: getattr(node, name) for name in ("model", "serial", "mac", "address")}
    told = _told(seen.grains)
    own = _mapping(seen.grains.get("picloud"))
    return {
        "id": node.id,
        "state": str(verdict.state),
        "reason": verdict.reason,
        "notes": list(verdict.notes),
        "step": evidence.way.step if evidence.way else None,
        "rack": node.rack,
        "slot": f"{node.rack}/{node.slot}",
        "tower": node.tower,
        "position": node.position,
        "model": node.model,
        "roles": list(node.roles),
        "port": node.port,
        "hub": node.hub,
        "hub_port": node.hub_port,
        "key": str(evidence.key),
        "denied": evidence.denied,
        "connected": evidence.connected,
        "seen_at": evidence.seen_at,
        "declared": declared,
        "seen": told,
        "differs": status.differences(declared, told),
        "modules": _modules(own.get("modules_digest"), modules),
        "reboot_needed": [str(reason) for reason in own.get("reboot_needed") or ()],
        "highstate": evidence.last.as_dict() if evidence.last else None,
    }


def rack(declared: Rack, cloud: Cloud, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """
    Return one rack with its nodes in their places, as plain data.

    declared, cloud
        The rack, and the cloud for its design.
    rows
        What :func:`row` made of its nodes, by id.
    """
    design = cloud.common.designs[declared.design]
    switch = cloud.common.switches[design.switch]
    towers: dict[str, list[Any]] = {
        name: [None] * height for name, height in declared.towers.items()
    }
    for node in declared.nodes.values():
        towers[node.tower][node.position - 1] = rows[node.id]
    hubs = []
    if design.power == "hub":
        for number, (tower, hub) in enumerate(zip(towers, design.hubs, strict=False), 1):
            hubs.append({"number": number, "tower": tower, "name": cloud.common.hubs[hub].name})
    return {
        "site": declared.site,
        "design": design.name or declared.design,
        "towers": towers,
        "hubs": hubs,
        "switch": {"name": switch.name or design.switch, "ports": switch.ports},
        "counts": status.counts(rows[node.id]["state"] for node in declared.nodes.values()),
    }


def find(name: str, known: Iterable[str], what: str) -> str:
    """
    Say what is wrong with an unknown name, and what was probably meant.

    name, known
        The name asked for, and those there are.
    what
        What they name, in the singular.

    >>> find("pi03", ["pi3", "pi4"], "node")
    'There is no node "pi03"; did you mean "pi3"?'
    """
    return f'There is no {what} "{name}"; {remedy(name, known, what + "s")}'


def strangers(cloud: Cloud, ids: Iterable[str]) -> list[str]:
    """
    Return those ids that have a key on the master but no place in the description.

    cloud
        The description in force.
    ids
        Ids with any key.
    """
    return sorted(set(ids).difference(cloud.nodes))


def _told(grains: Mapping[str, Any]) -> dict[str, Any]:
    """What a node says of itself, in our words."""
    board = _mapping(grains.get("pi"))
    own = _mapping(grains.get("picloud"))
    told = {
        "model": board.get("model"),
        "serial": board.get("serial"),
        "mac": board.get("mac"),
        "address": _addresses(grains),
        "revision": board.get("revision"),
        "ram_mb": board.get("ram_mb"),
        "card": board.get("card_id"),
        "parts": own.get("parts"),
        "minion": grains.get("saltversion"),
    }
    return {name: value for name, value in told.items() if value}


def _addresses(grains: Mapping[str, Any]) -> list[str]:
    """The IPv4 addresses of a node's outward interfaces."""
    found: list[str] = []
    for interface, addresses in _mapping(grains.get("ip4_interfaces")).items():
        if not str(interface).startswith(_INNER):
            found += [str(address) for address in addresses or ()]
    return sorted(found)


def _modules(told: object, offered: str | None) -> str | None:
    """Whether a node has the modules that the master offers, in words."""
    if not told or not offered:
        return None
    return "as on the master" if told == offered else OLD


def _mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping: grains come from the node and may be anything."""
    return value if isinstance(value, Mapping) else {}
