"""
What the master puts right in a swarm between two highstates: what somebody changed in it by hand,
and replicas that are crowded on some nodes since others were lost, and are back now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import add, le
from typing import NamedTuple

from picloud.workloads import status
from picloud.workloads.fleet import Amounts, Swarm
from picloud.workloads.model import Workload
from picloud.workloads.seen import ALIVE, GIVEN_UP, WAITING, Seen, Service, seconds
from picloud.workloads.tasks import Task

#: Swarm gave an update up: what was described did not work, and the next highstate tries it again.
GAVE_UP = ("paused", "rollback_paused", "rollback_started", "rollback_completed")
#: Seconds that a node has to be back: Swarm may find tasks for it by itself.
BACK_S = 30


class Differences(NamedTuple):
    """
    What of a swarm is not as described.

    services
        In what services differ, in words, by name.
    nodes
        Names of nodes.
    """

    services: Mapping[str, str]
    nodes: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """All of them in words."""
        said = [f"{name}: {words}" for name, words in self.services.items()]
        return said + [f"node {name}" for name in self.nodes]


def differences(seen: Seen) -> Differences:
    """
    Return what of a swarm is not as described; what is left as it is on purpose, because it is
    refused or Swarm went back to what worked, is none of it.

    seen
        What a manager says.

    .. code-block:: python

        differences(seen).words         # ["web: replicas is 5, not 3", "node pi3"]
    """
    found = {}
    for name in (*seen.services, *seen.missing):
        service = seen.services.get(name)
        if name in seen.refused or (service and (service.error or service.update in GAVE_UP)):
            continue
        if words := status.drift(service):
            found[name] = words.removeprefix("no: ")
    return Differences(found, seen.members)


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
    here = [task for task in tasks if task.site == swarm.site]
    taken = _taken(here, seen)
    return [
        task.name
        for task in here
        if (service := seen.services.get(task.name)) is not None
        and _is_settled(service, workloads[task.name].placement.rebalance_s, now)
        and _is_crowded(task, seen, swarm, taken, (seconds(service.at), now - BACK_S))
    ]


def _taken(tasks: Iterable[Task], seen: Seen) -> dict[str, Amounts]:
    """What the tasks on each node take."""
    needs = {task.name: task.needs for task in tasks}
    names, found = seen.names(), dict[str, Amounts]()
    for one in seen.tasks:
        if one.service in needs and one.state in ALIVE and one.desired not in GIVEN_UP:
            node = names.get(one.node, "")
            more = needs[one.service]
            cpus, memory, mbps = found.get(node, (0, 0, 0))
            found[node] = (cpus + more[0], memory + more[1], mbps + more[2])
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


def _is_crowded(
    task: Task,
    seen: Seen,
    swarm: Swarm,
    taken: Mapping[str, Amounts],
    between: tuple[float, float],
) -> bool:
    """Whether a node that came back in a time has none of what others have too many of."""
    usable = {
        node.hostname: node
        for node in seen.nodes
        if node.state == "ready" and node.availability == "active"
    }
    places = {
        rack: here
        for rack, numbers in swarm.candidates(task.selector).items()
        if (here := [name for n in numbers if (name := swarm.hosts[n].node) in usable])
    }
    names = seen.names()
    counts = Counter(
        names.get(one.node)
        for one in seen.tasks
        if one.service == task.name
        and one.state in (*ALIVE, *WAITING)
        and one.desired not in GIVEN_UP
    )
    room = {host.node: host.room for host in swarm.hosts}
    racks = {rack: sum(counts[name] for name in here) for rack, here in places.items()}
    most = max(racks.values(), default=0)
    for rack, here in places.items():
        full = max(counts[name] for name in here)
        for name in here:
            at = seconds(usable[name].at)
            used = taken.get(name, (0, 0, 0))
            fits = all(map(le, map(add, task.needs, used), room[name]))
            if counts[name] or not fits or not between[0] < at < between[1]:
                continue
            if most - racks[rack] > 1 or full > 1:
                return True
    return False
