"""
What the master puts right in a swarm between two highstates: what somebody changed in it by hand,
and replicas that are crowded on some nodes since others were lost, and are back now.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from picloud.workloads import status
from picloud.workloads.fleet import Amounts, Swarm
from picloud.workloads.model import Workload
from picloud.workloads.seen import ALIVE, GIVEN_UP, Node, Seen, Service, seconds
from picloud.workloads.tasks import Task

TRIED_AGAIN = "Swarm took its last update back; the next highstate of the managers tries it again"
#: States of tasks that have a node, and have not started there.
BEGUN = tuple(state for state in ALIVE if state != "running")
#: Seconds that a node has to be back: Swarm may find tasks for it by itself.
BACK_S = 30


class Differences(NamedTuple):
    """
    What of a swarm is not as described.

    services
        In what services differ, in words, by name.
    nodes
        Names of nodes.
    left
        What is not put right, and why, in words, by service.
    """

    services: Mapping[str, str]
    nodes: tuple[str, ...]
    left: Mapping[str, str]

    @property
    def words(self) -> list[str]:
        """All that is to be put right, in words."""
        said = [f"{name}: {words}" for name, words in self.services.items()]
        return said + [f"node {name}" for name in self.nodes]


def differences(seen: Seen) -> Differences:
    """
    Return what of a swarm is not as described. What Swarm took back by itself did not work, so it
    is left to the next highstate; what somebody took back by hand is not, nor is an update of
    somebody's that Swarm stopped: the description is not what failed.

    seen
        What a manager says.

    .. code-block:: python

        differences(seen).words         # ["web: replicas is 5, not 3", "node pi3"]
    """
    found, left = {}, {}
    for name in (*seen.services, *seen.missing):
        service = seen.services.get(name)
        words = status.difference(service)
        if name in seen.refused:
            left[name] = seen.refused[name]
        elif service and service.error:
            left[name] = f"nobody can tell whether it is as described: {service.error}"
        elif service and words and service.taken_back:
            left[name] = f"{words}; {TRIED_AGAIN}"
        elif words:
            found[name] = words
    return Differences(found, seen.members, left)


def stuck(seen: Seen) -> list[str]:
    """
    Return the services whose update waits for ever: Swarm gave a new task to a node that was lost
    before it started there. The task was replaced since, but Swarm's updater has no limit for that
    one (SwarmKit, ``manager/orchestrator/update``), and goes on when the node is back only.

    seen
        What a manager says.
    """
    down = {node.id for node in seen.nodes if node.state == "down"}
    updating = {
        name: seconds(service.at)
        for name, service in seen.services.items()
        if service.update in ("updating", "rollback_started")
    }
    return sorted(
        {
            task.service
            for task in seen.tasks
            if task.node in down
            and task.state in BEGUN
            and task.desired in GIVEN_UP
            and task.seconds >= updating.get(task.service, math.inf)
        }
    )


def crowded(
    workloads: Mapping[str, Workload], tasks: Iterable[Task], swarm: Swarm, seen: Seen, now: float
) -> list[str]:
    """
    Return the workloads whose replicas are to be dealt out anew: a node that is back has none of
    them, and another one of its rack has several, or another rack two more than its rack.

    workloads
        The workloads by name.
    tasks
        What is to be placed; that of other sites is passed over.
    swarm
        The swarm of the site.
    seen
        What a manager says of it.
    now
        The time, in seconds since 1970.

    A node is back when the swarm had something new of it after the last change of the service: so
    a service that cannot be spread any better is not tried again before that happens again. A node
    without room for a replica beside what runs there gets none.
    """
    here = {task.name: task for task in tasks if task.site == swarm.site}
    site = _Site(swarm, seen, here, _placed(seen))
    return [
        name
        for name, task in here.items()
        if (service := seen.services.get(name)) is not None
        and _is_settled(service, workloads[name].placement.rebalance_s, now)
        and _is_crowded(task, site, _empty(task, site, now))
    ]


class _Site(NamedTuple):
    """A swarm, what a manager says of it, its tasks by name, and how many run on each node."""

    swarm: Swarm
    seen: Seen
    tasks: Mapping[str, Task]
    placed: Mapping[str, Counter[str]]

    def usable(self) -> list[Node]:
        """Return the nodes that may run something."""
        return [
            node
            for node in self.seen.nodes
            if node.state == "ready" and node.availability == "active"
        ]

    def taken(self, node: str) -> list[Amounts]:
        """Return what each task on a node needs."""
        names = self.placed[node].elements()
        return [self.tasks[name].needs for name in names if name in self.tasks]


def _placed(seen: Seen) -> dict[str, Counter[str]]:
    names = seen.names()
    found: dict[str, Counter[str]] = {name: Counter() for name in names.values()}
    for one in seen.tasks:
        if one.node in names and one.state in ALIVE and one.desired not in GIVEN_UP:
            found[names[one.node]][one.service] += 1
    return found


def _is_settled(service: Service, pace: int, now: float) -> bool:
    """Whether a service may be dealt out anew: one that is changed all the time never rests."""
    return (
        pace > 0
        and service.mode == "replicated"
        and service.update in ("", "completed")
        and service.running == service.wanted
        and seconds(service.at) < now - pace
    )


def _empty(task: Task, site: _Site, now: float) -> set[str]:
    """Nodes that are back since the last change of a service, with room for it and none of it."""
    since = seconds(site.seen.services[task.name].at)
    room = {host.node: host.room for host in site.swarm.hosts}
    return {
        name
        for node in site.usable()
        if since < seconds(node.at) < now - BACK_S
        and (name := node.hostname) in room
        and not site.placed[name][task.name]
        and _fits((task.needs, *site.taken(name)), room[name])
    }


def _fits(needs: Iterable[Amounts], room: Amounts) -> bool:
    return all(sum(kind) <= most for *kind, most in zip(*needs, room, strict=True))


def _is_crowded(task: Task, site: _Site, empty: Collection[str]) -> bool:
    """Whether others have too many of what nodes that came back have none of."""
    usable = {node.hostname for node in site.usable()}
    racks = []
    for numbers in site.swarm.candidates(task.selector).values():
        here = usable.intersection(site.swarm.hosts[number].node for number in numbers)
        racks.append({name: site.placed[name][task.name] for name in here})
    most = max((sum(rack.values()) for rack in racks), default=0)
    return any(
        most - sum(rack.values()) > 1 or max(rack.values()) > 1
        for rack in racks
        if not rack.keys().isdisjoint(empty)
    )
