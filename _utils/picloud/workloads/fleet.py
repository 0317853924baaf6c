"""
The swarms that a description makes: which nodes are in them, what each has to give, and on which of
them a workload may run.

One site has one swarm: its nodes with the part ``swarm``, led by those with the role
``swarm-manager``. Anti-affinity is not known to Swarm, so workloads that never share a node are
given *lanes*: every node is in one lane, by its place in the rack, and a workload that has a lane
runs on its nodes only. A node's lane changes only when the number of lanes does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from picloud.records import Rack
    from picloud.schema import Common
    from picloud.workloads.model import Workload

#: The role that makes a node a manager of its site's swarm, and the part that every member has.
MANAGER, PART = "swarm-manager", "swarm"
#: What a node gives to replicas: cores in thousandths, memory in MB, network in Mb/s.
RESOURCES = ("cpus", "memory_mb", "mbps")

Amounts = tuple[int, int, int]


class Described(Protocol):
    """What is looked at of a cloud."""

    @property
    def common(self) -> Common:
        """Everything but racks."""

    @property
    def racks(self) -> Mapping[str, Rack]:
        """Racks by name."""


class Whole(NamedTuple):
    """What is looked at of a cloud that is still being made."""

    common: Common
    racks: Mapping[str, Rack]


class Host(NamedTuple):
    """
    A node of a swarm.

    node, rack, tower, model, arch
        Which one it is.
    place
        Which one of its rack, from 0.
    lane
        Its lane, from 0.
    room
        What it has for replicas, in the order of ``RESOURCES``.
    """

    node: str
    rack: str
    tower: str
    model: str
    arch: str
    place: int
    lane: int
    room: Amounts


class Selector(NamedTuple):
    """Where a workload may run at a site; what is empty or None does not matter."""

    racks: tuple[str, ...]
    models: tuple[str, ...]
    archs: tuple[str, ...]
    image_archs: tuple[str, ...]
    lane: int | None


#: The conditions of a selector: what users call each, and whether a node meets it.
CONDITIONS: Mapping[str, Callable[[Selector, Host], bool]] = {
    "placement.racks": lambda s, h: not s.racks or h.rack in s.racks,
    "placement.models": lambda s, h: not s.models or h.model in s.models,
    "placement.archs": lambda s, h: not s.archs or h.arch in s.archs,
    "the architectures of its image": lambda s, h: h.arch in s.image_archs,
    "placement.anti_affinity": lambda s, h: s.lane is None or h.lane == s.lane,
}


class Swarm:
    """
    The swarm of a site.

    site
        The site.
    hosts
        Its nodes, in the order of racks and slots.
    managers
        Addresses of its managers by node id; None where one has none.
    """

    def __init__(
        self, site: str, hosts: Sequence[Host], managers: Mapping[str, str | None]
    ) -> None:
        self.site, self.hosts, self.managers = site, tuple(hosts), dict(managers)
        self._found: dict[Selector, dict[str, list[int]]] = {}

    def candidates(self, selector: Selector) -> Mapping[str, Sequence[int]]:
        """Return where nodes that meet every condition stand in ``hosts``, by rack."""
        if selector not in self._found:
            found: dict[str, list[int]] = {}
            racks = selector.racks or self.by_rack
            for rack in dict.fromkeys(racks):
                for number in self.by_rack.get(rack, ()):
                    host = self.hosts[number]
                    if all(test(selector, host) for test in CONDITIONS.values()):
                        found.setdefault(rack, []).append(number)
            self._found[selector] = found
        return self._found[selector]

    @cached_property
    def by_rack(self) -> Mapping[str, Sequence[int]]:
        """Where the nodes of each rack stand in ``hosts``."""
        found: dict[str, list[int]] = {}
        for number, host in enumerate(self.hosts):
            found.setdefault(host.rack, []).append(number)
        return found

    @cached_property
    def values(self) -> Mapping[str, tuple[str, ...]]:
        """The racks, models and architectures that there are in it."""
        return {
            label: tuple(sorted({getattr(host, label) for host in self.hosts}))
            for label in ("rack", "model", "arch")
        }


def swarms(cloud: Described, workloads: Mapping[str, Workload]) -> dict[str, Swarm]:
    """
    Return the swarms of a cloud by site; a site without a manager has none.

    cloud
        The cloud.
    workloads
        The workloads, for the number of lanes.
    """
    managers = _managers(cloud.racks)
    if not managers:
        return {}
    count = lane_count(workloads)
    hosts: dict[str, list[Host]] = {site: [] for site in managers}
    for rack in cloud.racks.values():
        if rack.site in hosts:
            hosts[rack.site] += _hosts(cloud.common, rack, count)
    return {site: Swarm(site, hosts[site], found) for site, found in managers.items()}


def manages(roles: Collection[str], parts: Collection[str]) -> bool:
    """
    Return whether a node with these roles and parts is a manager of its site's swarm.

    >>> manages(["pi", "swarm-manager"], ["base"])
    False
    """
    return MANAGER in roles and PART in parts


def _managers(racks: Mapping[str, Rack]) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for rack in racks.values():
        if not any(MANAGER in roles for roles in set(rack.column("roles"))):
            continue
        columns = (rack.column(field) for field in ("id", "address", "roles", "parts"))
        for node, address, roles, parts in zip(*columns, strict=True):
            if manages(roles.split(), parts.split()):
                found.setdefault(rack.site, {})[node] = address
    return found


def _hosts(common: Common, rack: Rack, count: int) -> Iterable[Host]:
    """Nodes of a rack that are in a swarm."""
    first = _first(rack)
    known: dict[tuple[str, int], tuple[str, Amounts]] = {}
    member = {parts: PART in parts.split() for parts in set(rack.column("parts"))}
    columns = (rack.column(field) for field in ("id", "slot", "model", "ram_mb", "parts"))
    for node, slot, model, ram_mb, parts in zip(*columns, strict=True):
        if not member[parts]:
            continue
        if (model, ram_mb) not in known:
            board = common.boards[model]
            room = (board.cpus * 1000, max(0, ram_mb - board.system_mb), board.nic_mbps)
            known[model, ram_mb] = (board.arch, room)
        arch, room = known[model, ram_mb]
        tower, _, position = slot.partition("/")
        place = first[tower] + int(position) - 1
        yield Host(node, rack.name, tower, model, arch, place, place % count, room)


def _first(rack: Rack) -> dict[str, int]:
    """Number of the first slot of each tower, over the whole rack."""
    first, total = {}, 0
    for tower, height in rack.towers.items():
        first[tower], total = total, total + height
    return first


def lanes(workloads: Mapping[str, Workload]) -> dict[str, int]:
    """
    Return the lanes of the workloads that keep away from others: two of them that never share a
    node have different ones.

    workloads
        Workloads by name.

    The graph is coloured greedily, the workload with most others first.
    """
    apart: dict[str, set[str]] = {}
    for name, workload in workloads.items():
        for other in workload.placement.anti_affinity:
            if other in workloads and other != name:
                apart.setdefault(name, set()).add(other)
                apart.setdefault(other, set()).add(name)
    found: dict[str, int] = {}
    for name in sorted(apart, key=lambda one: (-len(apart[one]), one)):
        taken = {found[other] for other in apart[name] if other in found}
        found[name] = next(lane for lane in range(len(taken) + 1) if lane not in taken)
    return found


def lane_count(workloads: Mapping[str, Workload]) -> int:
    """
    Return how many lanes there are; 1 when no workload keeps away from another.

    workloads
        Workloads by name.
    """
    return max(lanes(workloads).values(), default=0) + 1


def selector(workload: Workload, archs: Sequence[str], lane: int | None) -> Selector:
    """
    Return where a workload may run.

    workload
        The workload.
    archs
        Architectures that its image may run on.
    lane
        Its lane, if it has one.
    """
    place = workload.placement
    return Selector(place.racks, place.models, place.archs, tuple(sorted(archs)), lane)


def shares(count: int, weights: Mapping[str, int]) -> dict[str, int]:
    """
    Split a number in proportion to weights, by the method of the largest remainder.

    count
        What to split.
    weights
        Weights by name; on a tie the name that comes first gets more.

    >>> shares(5, {"a": 1, "b": 1}), shares(1, {})
    ({'a': 3, 'b': 2}, {})
    """
    total = sum(weights.values())
    if not total:
        return {}
    found = {name: count * weight // total for name, weight in weights.items()}
    rest = sorted(weights, key=lambda name: (-(count * weights[name] % total), name))
    for name in rest[: count - sum(found.values())]:
        found[name] += 1
    return found
