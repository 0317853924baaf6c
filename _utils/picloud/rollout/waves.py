"""
In which order nodes get a change: canaries, one rack, rack by rack, site by site; and sites a
change of what runs on them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from picloud.records import Node
from picloud.rollout.policy import Rollout as Policy

#: Names of the first wave, and of nodes that nobody could ask anything.
CANARIES, ABSENT = "canaries", "without a key"


class Wave(NamedTuple):
    """Nodes that get a change together."""

    name: str
    nodes: tuple[str, ...]


def waves(nodes: Sequence[Node], policy: Policy, keyed: Collection[str]) -> tuple[Wave, ...]:
    """
    Return the waves of a change; each node is in one of them.

    nodes
        The nodes that the change is for, in the order of the description.
    policy
        The description's ``rollout``.
    keyed
        Ids of nodes that the master accepts a key of. The others, which have no card yet, come
        last, and no node waits for them.

    The site and the rack of the first canary come first, the others as they are described.

    .. code-block:: python

        [wave.name for wave in waves(nodes, policy, keyed)] == ["canaries", "rack1", "rack2"]
    """
    there = [node for node in nodes if node.id in keyed]
    absent = [node.id for node in nodes if node.id not in keyed]
    if not there:
        return tuple(_split(ABSENT, absent, policy.at_once))
    canaries = _canaries(there, policy)
    first = canaries[0]
    names = {node.id for node in canaries}
    rest = [node for node in there if node.id not in names]
    found = list(_split(CANARIES, [node.id for node in canaries], len(canaries)))
    near = [node for node in rest if node.site == first.site]
    near.sort(key=lambda node: node.rack != first.rack)
    for rack in dict.fromkeys(node.rack for node in near):
        members = [node.id for node in near if node.rack == rack]
        found += _split(rack, members, policy.at_once)
    for site in dict.fromkeys(node.site for node in rest if node.site != first.site):
        members = [node.id for node in rest if node.site == site]
        found += _split(f"site {site}", members, policy.at_once)
    return (*found, *_split(ABSENT, absent, max(1, len(absent))))


def sites(
    managers: Sequence[Node], first: Sequence[str], keyed: Collection[str]
) -> tuple[Wave, ...]:
    """
    Return the waves of a change of workloads: all managers of a site together, site by site, also
    those without a key: any of them may lead the swarm one day.

    managers
        The managers of the sites that the change is for, in the order of the description.
    first
        Sites that come first; the others come as they are described.
    keyed
        Ids of nodes that the master accepts a key of. Sites without any come last.

    .. code-block:: python

        [wave.name for wave in sites(managers, ["paris"], keyed)] == ["site paris", "site glasgow"]
    """
    known = dict.fromkeys(node.site for node in managers if node.id in keyed)
    order = dict.fromkeys((*(site for site in first if site in known), *known))
    found = [
        Wave(f"site {site}", tuple(node.id for node in managers if node.site == site))
        for site in order
    ]
    absent = [node.id for node in managers if node.site not in known]
    return (*found, *_split(ABSENT, absent, max(1, len(absent))))


def _canaries(nodes: Sequence[Node], policy: Policy) -> list[Node]:
    """The declared canaries that the change is for, else one node of each model."""
    by_id = {node.id: node for node in nodes}
    declared = [by_id[name] for name in policy.canaries if name in by_id]
    if declared:
        return declared
    by_model: dict[str, Node] = {}
    for node in nodes:
        by_model.setdefault(node.model, node)
    return list(by_model.values())


def _split(name: str, nodes: Sequence[str], most: int) -> Iterable[Wave]:
    """One wave, or several where there are too many nodes for one."""
    for begin in range(0, len(nodes), most):
        number = f" ({begin // most + 1})" if len(nodes) > most else ""
        yield Wave(f"{name}{number}", tuple(nodes[begin : begin + most]))
