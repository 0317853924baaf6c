"""
Foretell which nodes run how many replicas of which workload, and say why something does not fit.

Swarm itself schedules in the end, by the constraints and preferences that ``service`` hands to it.
The plan checks capacity (CPU, memory, network of the nodes, uplink of the sites) before anything is
applied. It is a pure function of the description: the same input gives the same plan.

Workloads that take most of a node come first. Each replica goes to the rack that has fewest of its
workload, there to the node that has fewest, then to the one that it leaves with the least to spare.
What runs already stays where it is. Only where something does not fit in this way are other ways
tried: everything anew, and at last nodes filled one after the other (first-fit, the largest first,
or in the order of the description). The way that places most wins, so no plan is worse than
first-fit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from picloud.workloads.fleet import CONDITIONS, MANAGER, Described, Swarm, swarms
from picloud.workloads.room import Room
from picloud.workloads.tasks import Task, start_first, tasks

if TYPE_CHECKING:
    from picloud.workloads.model import Workload

#: Replicas by workload and node.
Where = Mapping[str, Mapping[str, int]]
NOTHING: Where = {}


class Change(NamedTuple):
    """What differs on one node: how many replicas of a workload there were, and will be."""

    workload: str
    node: str
    old: int
    new: int


class Misfit(NamedTuple):
    """
    Replicas that fit nowhere.

    workload, site
        Which ones; site is "" where there is none that the workload may run at.
    wanted, placed
        How many there should be at once, and how many fit.
    reason
        Why, in words.
    """

    workload: str
    site: str
    wanted: int
    placed: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """
    A plan.

    where
        Replicas by workload and node, workloads and nodes in order.
    wanted
        How many replicas run at once by workload when all fit.
    changes
        What differs from what ran before.
    misfits
        What does not fit; empty when all is well.
    """

    where: Where
    wanted: Mapping[str, int]
    changes: tuple[Change, ...]
    misfits: tuple[Misfit, ...]


def plan(cloud: Described, workloads: Mapping[str, Workload], current: Where | None = None) -> Plan:
    """
    Return what would run where.

    cloud
        The cloud: boards, racks and container images.
    workloads
        Workloads by name, ``cloud.common.workloads`` or others.
    current
        What runs now. It stays where it is as far as it may.

    .. code-block:: python

        plan(cloud, cloud.common.workloads).where["web"]
    """
    known = swarms(cloud, workloads)
    return foretell(cloud, workloads, known, tasks(cloud, workloads, known), current or {})


def foretell(
    cloud: Described,
    workloads: Mapping[str, Workload],
    known: Mapping[str, Swarm],
    wanted: Sequence[Task],
    current: Where = NOTHING,
) -> Plan:
    """
    Return what ``plan`` does, for who has the swarms and the tasks already.

    cloud, workloads, current
        As for ``plan``.
    known
        The swarms by site.
    wanted
        What is to be placed.
    """
    where: dict[str, dict[str, int]] = {name: {} for name in workloads}
    misfits: list[Misfit] = []
    total: Counter[str] = Counter(dict.fromkeys(workloads, 0))
    for task in wanted:
        total[task.name] += _count(task, known) - (0 if task.everywhere else task.spare)
        if not task.site:
            reason = _nowhere(cloud, task, known)
            misfits.append(Misfit(task.name, "", task.at_once, 0, reason))
    for site, swarm in known.items():
        here = [task for task in wanted if task.site == site]
        uplink = cloud.common.sites[site].uplink_mbps
        room = _best(swarm, uplink, here, current)
        for task in here:
            placed = room.steady(task)
            where[task.name] |= {
                swarm.hosts[n].node: placed[n] for n in sorted(placed) if placed[n]
            }
            misfits += _misfit(room, task, workloads[task.name])
    changes = tuple(_changes(where, current))
    return Plan(where, dict(total), changes, tuple(misfits))


def _count(task: Task, known: Mapping[str, Swarm]) -> int:
    """How many replicas of a task run at once when all fit."""
    if task.everywhere and task.site:
        return sum(map(len, known[task.site].candidates(task.selector).values()))
    return task.at_once


def _changes(where: Where, current: Where) -> list[Change]:
    found = []
    for name in dict.fromkeys((*where, *current)):
        old, new = current.get(name, {}), where.get(name, {})
        for node in dict.fromkeys((*old, *new)):
            if old.get(node, 0) != new.get(node, 0):
                found.append(Change(name, node, old.get(node, 0), new.get(node, 0)))
    return found


def _best(swarm: Swarm, uplink: int | None, here: Sequence[Task], current: Where) -> Room:
    """Return the swarm with everything placed, in the first way that places most."""
    best, most = None, -1.0
    for way in (_keeping, _spreading, _packing, _in_order):
        if way is _keeping and not current:
            continue
        room = Room(swarm, uplink, here)
        sizes = {task.name: room.share(task) for task in here}
        way(room, sorted(here, key=lambda task: _order(task, sizes)), here, current)
        placed = sum(room.placed[name].total() * size for name, size in sizes.items())
        if placed > most + 1e-9:
            best, most = room, placed
        if all(
            room.placed[task.name].total() >= _count(task, {swarm.site: swarm}) for task in here
        ):
            break
    assert best is not None
    return best


def _order(task: Task, sizes: Mapping[str, float]) -> tuple[bool, float, str]:
    """Those that run everywhere first, then the largest."""
    return (not task.everywhere, -sizes[task.name], task.name)


def _keeping(room: Room, ordered: Sequence[Task], here: Sequence[Task], current: Where) -> None:
    numbers = {host.node: number for number, host in enumerate(room.swarm.hosts)}
    for task in ordered:
        kept = {
            numbers[node]: count
            for node, count in current.get(task.name, {}).items()
            if node in numbers
        }
        if kept:
            candidates = room.swarm.candidates(task.selector)
            may = {
                rack: [number for number in found if number in kept]
                for rack, found in candidates.items()
            }
            _spread(room, task, may, kept)
    _spreading(room, ordered, here, current)


def _spreading(room: Room, ordered: Sequence[Task], here: Sequence[Task], current: Where) -> None:
    for task in ordered:
        _spread(room, task, room.swarm.candidates(task.selector), None)


def _spread(
    room: Room,
    task: Task,
    candidates: Mapping[str, Sequence[int]],
    most: Mapping[int, int] | None,
) -> None:
    """Place what is missing of a task, each replica in the rack that has fewest."""
    placed = room.placed[task.name]
    if task.everywhere:
        for numbers in candidates.values():
            for number in numbers:
                if room.uplink_left(task._replace(at_once=1)) and room.fits(task, number):
                    room.put(task, number)
        return
    missing = min(task.at_once - placed.total(), room.uplink_left(task))
    scarce, load = room.scarcest(task), room.load
    by_rack: Counter[str] = Counter()
    for number, count in placed.items():
        by_rack[room.swarm.hosts[number].rack] += count
    racks = [
        (by_rack[rack], load[rack], place, rack)
        for place, (rack, numbers) in enumerate(candidates.items())
        if numbers
    ]
    heapq.heapify(racks)
    while missing > 0 and racks:
        count, _, place, rack = racks[0]
        best, least = -1, (0, 0)
        for number in candidates[rack]:
            if room.fits(task, number) and (most is None or placed[number] < most[number]):
                worth = (placed[number], room.free[number][scarce])
                if best < 0 or worth < least:
                    best, least = number, worth
        if best < 0:
            heapq.heappop(racks)
            continue
        room.put(task, best)
        missing -= 1
        heapq.heapreplace(racks, (count + 1, load[rack], place, rack))


def _packing(room: Room, ordered: Sequence[Task], here: Sequence[Task], current: Where) -> None:
    _fill(room, ordered)


def _in_order(room: Room, ordered: Sequence[Task], here: Sequence[Task], current: Where) -> None:
    _fill(room, here)


def _fill(room: Room, ordered: Sequence[Task]) -> None:
    """Place each task on the first nodes that have room, node by node."""
    for task in ordered:
        if task.everywhere:
            _spread(room, task, room.swarm.candidates(task.selector), None)
            continue
        missing = min(task.at_once, room.uplink_left(task))
        for number in (n for one in room.swarm.candidates(task.selector).values() for n in one):
            while missing > 0 and room.fits(task, number):
                room.put(task, number)
                missing -= 1
            if missing <= 0:
                break


def _misfit(room: Room, task: Task, workload: Workload) -> list[Misfit]:
    """Say of a task what did not fit, if anything."""
    candidates = room.swarm.candidates(task.selector)
    numbers = [number for one in candidates.values() for number in one]
    wanted = len(numbers) if task.everywhere else task.at_once
    placed = room.placed[task.name].total()
    if placed >= wanted:
        return []
    words = list(room.uplink_shortage(task, wanted - placed))
    if words:
        # Would the nodes have room for what the uplink has none for?
        room = room.without_uplink(task)
        _spread(room, task, candidates, None)
    if room.placed[task.name].total() < wanted:
        refusing = [n for n in numbers if not (task.everywhere and room.placed[task.name][n])]
        words += room.refusals(task, refusing)
    words += _beside(task, workload)
    total = len(room.swarm.hosts)
    ruled = "; ".join(_ruled_out(room.swarm, task))
    among = f"of {total} nodes of its swarm it may run on {len(numbers)}"
    reason = "; ".join([f"{among} ({ruled})" if ruled else among, *words])
    return [Misfit(task.name, task.site, wanted, placed, reason)]


def _beside(task: Task, workload: Workload) -> Iterator[str]:
    """Say that new replicas want room beside old ones, if they do."""
    if not task.spare:
        return
    keys = [f"{key}.order" for key in start_first(workload)]
    why = f"because {' and '.join(keys)} {'is' if len(keys) == 1 else 'are'} start-first"
    if task.everywhere:
        yield f"a replica counts twice {why}: on each node the new one starts before the old ends"
    else:
        yield (
            f"{task.spare} of {task.at_once} are there {why}: so many new replicas start before as"
            " many old ones end"
        )


def _ruled_out(swarm: Swarm, task: Task) -> list[str]:
    """Say how many nodes each condition rules out, one after the other."""
    found, left = [], list(swarm.hosts)
    for name, test in CONDITIONS.items():
        passed = [host for host in left if test(task.selector, host)]
        if len(passed) < len(left):
            found.append(f"{name}: {len(left) - len(passed)} ruled out")
        left = passed
    return found


def _nowhere(cloud: Described, task: Task, known: Mapping[str, Swarm]) -> str:
    """Say why a workload may run at no site."""
    if not known:
        return f"no site has a swarm, because no node with Docker has the role {MANAGER}"
    said = []
    for site, swarm in known.items():
        ruled = "; ".join(_ruled_out(swarm, task))
        said.append(
            f"of {len(swarm.hosts)} nodes at {site} none is left ({ruled or 'another site'})"
        )
    return "; ".join(said)
