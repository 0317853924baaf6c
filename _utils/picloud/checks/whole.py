"""
Checks over all racks: what they may not share, roles, masters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from picloud.checks.context import Known
from picloud.faults import OTHER, Path, Problem
from picloud.records import Rack
from picloud.suggest import remedy

Racks = Mapping[str, Rack]

#: Fields that no two nodes share, and what users call them.
UNIQUE = {
    "id": ("duplicate-id", "id"),
    "mac": ("duplicate-mac", "MAC address"),
    "serial": ("duplicate-serial", "serial"),
    "address": ("duplicate-address", "address"),
    "ipv6": ("duplicate-address", "address"),
}


def check(known: Known, racks: Racks, sound: bool) -> Iterator[Problem]:
    """
    Yield everything that is wrong with the racks together.

    known
        Everything but racks.
    racks
        Racks by name.
    sound
        Whether nothing was left out of ``known`` and ``racks`` because of its own faults; counts,
        and what is missing, would be wrong otherwise.
    """
    yield from unique(racks)
    yield from host_addresses(known, racks)
    if sound:
        yield from masters(known, racks)
        yield from role_counts(known, racks)
        yield from role_spread(known, racks)
        yield from canaries(known, racks)
        yield from any_node(racks)


def unique(racks: Racks) -> Iterator[Problem]:
    """Ids, MACs, serials and addresses belong to one node; compared as sets first."""
    for field in UNIQUE:
        values = list(chain.from_iterable(rack.column(field) for rack in racks.values()))
        values = [value for value in values if value is not None]
        short = field == "serial" and any(len(value) == 8 for value in values)
        if short:
            values = [value[-8:] for value in values]
        if len(set(values)) != len(values):
            yield from _twice(racks, field, 8 if short else 0)


def _twice(racks: Racks, field: str, digits: int) -> Iterator[Problem]:
    rule, word = UNIQUE[field]
    first: dict[str, tuple[Path, str, str]] = {}
    for rack in racks.values():
        for slot, node, full in zip(
            rack.column("slot"), rack.column("id"), rack.column(field), strict=True
        ):
            if full is None:
                continue
            value = full[-digits:] if digits else full
            path = ("racks", rack.name, "nodes", slot, field)
            if value not in first:
                first[value] = (path, node, full)
                continue
            other, owner, before = first[value]
            if digits and len(before) == len(full) and before != full:
                continue
            whose = "stands" if field == "id" else f"is that of {owner}"
            problem = f"{word} {full} {whose} already, at {OTHER}"
            advice = (
                "give one of them another id"
                if field == "id"
                else "find out whose it is, and correct the other"
            )
            yield Problem(path, rule, problem, advice, other=other)


def host_addresses(known: Known, racks: Racks) -> Iterator[Problem]:
    """A node that stands in network.hosts has the same address there."""
    hosts = known.common.network.hosts
    if not hosts:
        return
    for rack in racks.values():
        names = (f"{node}.{rack.domain}" for node in rack.column("id"))
        if hosts.keys().isdisjoint(names):
            continue
        for node in rack.nodes.values():
            said = hosts.get(node.fqdn)
            if (
                said is not None
                and node.address is not None
                and said not in (node.address, node.ipv6)
            ):
                problem = f"{node.fqdn} is {said} here and {node.address} at {OTHER}"
                path = ("network", "hosts", node.fqdn)
                other = ("racks", rack.name, "nodes", node.slot, "address")
                advice = "remove it here: neighbours know each other"
                yield Problem(path, "host-conflict", problem, advice, other=other)


def masters(known: Known, racks: Racks) -> Iterator[Problem]:
    """The master of a site is in network.hosts, or a node with an address."""
    hosts = known.declared("network").get("hosts")
    names = dict.fromkeys(hosts if isinstance(hosts, Mapping) else ())
    for site, entry in known.common.sites.items():
        if entry.master in names or _addressed(racks.values(), entry.master):
            continue
        path = ("sites", site, "master")
        problem = f"{entry.master} has no address: it is not in network.hosts"
        advice = remedy(entry.master, names, "names")
        if "did you mean" not in advice:
            advice = f"add {entry.master} and its address to network.hosts"
        yield Problem(path, "unresolved-master", problem, advice)


def _addressed(racks: Iterable[Rack], name: str) -> bool:
    node, _, domain = name.partition(".")
    return any(
        address is not None
        for rack in racks
        if rack.domain == domain
        for other, address in zip(rack.column("id"), rack.column("address"), strict=True)
        if other == node
    )


def _holders(known: Known, racks: Racks) -> dict[str, Counter[str]]:
    """Count the nodes of each role that has a rule, by rack."""
    ruled = {
        name
        for name, role in known.common.roles.items()
        if role.count != "any" or role.spread != "none"
    }
    held: dict[str, Counter[str]] = {name: Counter() for name in ruled}
    for rack in racks.values() if ruled else ():
        for role, number in Counter(" ".join(rack.column("roles")).split()).items():
            if role in held:
                held[role][rack.name] = number
    return held


def role_counts(known: Known, racks: Racks) -> Iterator[Problem]:
    """A role of count one has one node, one of count odd an odd number, if any."""
    for name, by_rack in _holders(known, racks).items():
        count, number = known.common.roles[name].count, by_rack.total()
        path = ("roles", name, "count")
        if count == "one" and number != 1:
            problem = f"{number or 'no'} nodes have this role, and it wants exactly one"
            yield Problem(path, "role-count", problem, f"name {name} in the roles of one node")
        elif count == "odd" and number and number % 2 == 0:
            problem = f"{number} nodes have this role, and it wants an odd number"
            advice = "give it to one node more or less"
            yield Problem(path, "role-count", problem, advice)


def role_spread(known: Known, racks: Racks) -> Iterator[Problem]:
    """A role that is spread has no more nodes in a rack than it must."""
    filled = [rack for rack in racks.values() if rack.column("id")]
    for name, by_rack in _holders(known, racks).items():
        if known.common.roles[name].spread != "rack" or len(filled) < 2 or not by_rack:
            continue
        most = -(-by_rack.total() // len(filled))
        rack, number = by_rack.most_common(1)[0]
        if number > most:
            problem = f"{number} of the {by_rack.total()} nodes of this role are in {rack}"
            advice = f"have no more than {most} in each of the {len(filled)} racks"
            yield Problem(("roles", name, "spread"), "role-spread", problem, advice)


def canaries(known: Known, racks: Racks) -> Iterator[Problem]:
    """Canaries are nodes."""
    wanted = known.common.rollout.canaries
    ids = {node for rack in racks.values() for node in rack.column("id")} if wanted else set()
    for number, name in enumerate(wanted):
        if name not in ids:
            path = ("rollout", "canaries", number)
            problem = f'"{name}" is no node'
            yield Problem(path, "unknown-reference", problem, remedy(name, sorted(ids), "nodes"))


def any_node(racks: Racks) -> Iterator[Problem]:
    """There is a node."""
    if not any(rack.column("id") for rack in racks.values()):
        problem = "no rack has a node"
        advice = "add racks: with a node in a slot, as examples/pi2-14 does"
        yield Problem(("racks",), "empty-cloud", problem, advice)
