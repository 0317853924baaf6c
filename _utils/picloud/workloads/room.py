"""
What the nodes of a swarm still have to give while replicas are put on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy

from picloud.workloads.fleet import RESOURCES, Amounts, Swarm
from picloud.workloads.tasks import Task

#: What users call a resource, and its unit.
UNITS = {"cpus": "CPU", "memory_mb": "memory", "mbps": "network"}
#: What no node has to give.
NO_ROOM: Amounts = (0, 0, 0)


class Room:
    """
    A swarm that fills up.

    swarm
        The swarm.
    uplink
        What its site's uplink has to give in Mb/s; None where nothing is known of it.
    wanted
        What is to be placed.
    """

    def __init__(self, swarm: Swarm, uplink: int | None, wanted: Sequence[Task]) -> None:
        self.swarm, self.uplink, self.speed = swarm, uplink, uplink
        self.tasks = {task.name: task for task in wanted}
        self.placed: dict[str, Counter[int]] = {task.name: Counter() for task in wanted}
        self.order: dict[str, list[int]] = {task.name: [] for task in wanted if task.spare}
        self.free = [list(host.room) for host in swarm.hosts]
        self.ports: dict[int, set[str]] = {}
        self.load = dict.fromkeys(swarm.by_rack, 0.0)
        self._taken: dict[int, list[tuple[int, str]]] = {}
        rooms = [host.room for host in swarm.hosts] or [NO_ROOM]
        self.usual: tuple[int, ...] = tuple(
            max(1, sum(room) // max(1, len(rooms))) for room in zip(*rooms, strict=True)
        )

    def fits(self, task: Task, number: int) -> bool:
        """Say whether a node has room for one more replica."""
        free, needs = self.free[number], task.needs
        if free[0] < needs[0] or free[1] < needs[1] or free[2] < needs[2]:
            return False
        if task.per_node and self.placed[task.name][number] >= task.per_node:
            return False
        return self._has_ports(task, number)

    def _has_ports(self, task: Task, number: int) -> bool:
        """Say whether the ports of a replica are free; two of one node never have the same."""
        if not task.ports:
            return True
        twice = task.everywhere and task.spare
        return not twice and self.ports.get(number, _NONE).isdisjoint(task.ports)

    def put(self, task: Task, number: int) -> None:
        """Put one replica on a node."""
        free = self.free[number]
        for place, need in enumerate(task.needs):
            free[place] -= need
        if task.ports:
            self.ports.setdefault(number, set()).update(task.ports)
        if self.uplink is not None:
            self.uplink -= task.uplink
        self.placed[task.name][number] += 1
        self._taken.clear()
        if task.spare:
            self.order[task.name].append(number)
        self.load[self.swarm.hosts[number].rack] += self.share(task)

    def steady(self, task: Task) -> Mapping[int, int]:
        """Return by node what runs of a task while none is replaced: what was placed first."""
        placed = self.placed[task.name]
        if task.everywhere or not task.spare:
            return placed
        return Counter(self.order[task.name][: task.steady])

    def without_uplink(self, task: Task) -> Room:
        """Return one that is as full, to put more of a task in, whose uplink has no end."""
        found = copy(self)
        found.uplink = None
        found.free = [list(free) for free in self.free]
        found.ports = {number: set(ports) for number, ports in self.ports.items()}
        found.placed = {**self.placed, task.name: Counter(self.placed[task.name])}
        found.order = {**self.order, task.name: []}
        found.load = dict(self.load)
        found._taken = {}
        return found

    def uplink_left(self, task: Task) -> int:
        """Return how many replicas the uplink has room for; as many as are wanted at most."""
        if self.uplink is None or not task.uplink:
            return task.at_once
        return min(task.at_once, max(0, self.uplink // task.uplink))

    def share(self, task: Task) -> float:
        """Return which part of a usual node a replica takes, by its scarcest resource."""
        return max(need / usual for need, usual in zip(task.needs, self.usual, strict=True))

    def scarcest(self, task: Task) -> int:
        """Return the resource of which a replica takes the largest part of a usual node."""
        parts = [need / usual for need, usual in zip(task.needs, self.usual, strict=True)]
        return parts.index(max(parts))

    def refusals(self, task: Task, numbers: Sequence[int]) -> Iterator[str]:
        """Say in words why none of the nodes takes one more replica."""
        left = list(numbers)
        if task.per_node:
            full = [n for n in left if self.placed[task.name][n] >= task.per_node]
            if full:
                yield f"{_nodes(len(full))} may take no more than {task.per_node}"
            left = [n for n in left if n not in set(full)]
        taken = [n for n in left if not self._has_ports(task, n)]
        if taken:
            yield f"port {' or '.join(task.ports)} is taken on {_nodes(len(taken))}"
        left = [n for n in left if n not in set(taken)]
        for place, name in enumerate(RESOURCES):
            short = [n for n in left if self.free[n][place] < task.needs[place]]
            if short:
                best = max(short, key=lambda n: self.free[n][place])
                yield _shortage(
                    name,
                    task.needs[place],
                    self.free[best][place],
                    len(short),
                    self.swarm.hosts[best].node,
                ) + self._taker(task, place, short)

    def uplink_shortage(self, task: Task, missing: int) -> Iterator[str]:
        """Say in words that the uplink has no room for what is missing, if that is so."""
        if self.uplink is None or self.speed is None or self.uplink >= task.uplink:
            return
        taken = {
            name: self.tasks[name].uplink * placed.total() for name, placed in self.placed.items()
        }
        name = max(taken, key=lambda one: taken[one])
        lack = task.uplink * missing - self.uplink
        more = f"; {name} takes {taken[name]} of its {self.speed} Mb/s"
        yield (
            f"the uplink of {task.site} is short: each replica takes {task.uplink} Mb/s of it, "
            f"{self.uplink} Mb/s are left, so {lack} Mb/s are missing"
        ) + (more if taken[name] and name != task.name else "")

    def _takers(self, place: int) -> Sequence[tuple[int, str]]:
        """What each workload takes of a resource, the largest first."""
        if place not in self._taken:
            self._taken[place] = sorted(
                (
                    (self.tasks[name].needs[place] * placed.total(), name)
                    for name, placed in self.placed.items()
                ),
                reverse=True,
            )
        return self._taken[place]

    def _taker(self, task: Task, place: int, numbers: Sequence[int]) -> str:
        """Say which other workload takes most of a resource on some nodes that are too full."""
        here = set(numbers)
        most, taker = 0, task.name
        for total, name in self._takers(place):
            if total <= most:
                break
            placed = self.placed[name]
            taken = self.tasks[name].needs[place] * sum(placed[n] for n in placed if n in here)
            if taken > most:
                most, taker = taken, name
        rooms = [self.swarm.hosts[number].room[place] for number in numbers]
        if taker == task.name or max(rooms) < task.needs[place]:
            return ""
        resource = RESOURCES[place]
        value = amount(resource, most).partition(" ")[0]
        return f"; {taker} takes {value} of {amount(resource, sum(rooms))} there"


_NONE: frozenset[str] = frozenset()


def amount(name: str, value: int) -> str:
    """
    Return an amount of a resource as users read it.

    >>> amount("cpus", 1500), amount("memory_mb", 64), amount("mbps", 10)
    ('1.5 CPU', '64 MB', '10 Mb/s')
    """
    if name == "cpus":
        return f"{value / 1000:g} CPU"
    return f"{value} MB" if name == "memory_mb" else f"{value} Mb/s"


def _nodes(count: int) -> str:
    return f"{count} node" + ("" if count == 1 else "s")


def _shortage(name: str, need: int, most: int, count: int, node: str) -> str:
    return (
        f"{UNITS[name]} is short on {_nodes(count)}: a replica takes {amount(name, need)}, and "
        f"{node} has most left, {amount(name, most)}, so {amount(name, need - most)} are missing"
    )
