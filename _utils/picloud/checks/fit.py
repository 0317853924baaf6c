"""
Checks of workloads against the racks: there are managers, ports do not meet, and all of it fits.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

from picloud.faults import OTHER, Path, Problem
from picloud.load import CACHE_VERSION, Cache
from picloud.workloads import fleet
from picloud.workloads.fleet import Described, Swarm
from picloud.workloads.placement import foretell
from picloud.workloads.tasks import Task, tasks

Swarms = Mapping[str, Swarm]
#: Docker's own advice (https://docs.docker.com/engine/swarm/admin_guide/).
MOST_MANAGERS = 7


def check(cloud: Described, swarms: Swarms) -> Iterator[Problem]:
    """
    Yield what is wrong with swarms and what is to run in them.

    cloud
        The cloud, without other faults.
    swarms
        Its swarms by site. While there is none, workloads wait for the first one.
    """
    yield from managers(cloud, swarms)
    if swarms:
        yield from sites(cloud, swarms)
    if swarms and cloud.common.workloads:
        wanted = tasks(cloud, cloud.common.workloads, swarms)
        yield from jobs(cloud, wanted)
        yield from ports(cloud, swarms, wanted)
        for misfit in foretell(cloud, cloud.common.workloads, swarms, wanted).misfits:
            key = "resources" if misfit.site else "placement"
            where = f" at {misfit.site}" if misfit.site else ""
            problem = f"{misfit.placed} of {misfit.wanted} replicas fit{where}: {misfit.reason}"
            advice = "ask for less, allow more nodes, or see salt-run workload.plan"
            yield Problem(("workloads", misfit.workload, key), "workload-fit", problem, advice)


def checked(cloud: Described, swarms: Swarms, cache: Cache | None) -> list[Problem]:
    """
    Return what ``check`` yields, or nothing where the cache has that it yields nothing.

    cloud, swarms
        As for ``check``.
    cache
        Where good results are kept from one build to the next.
    """
    common = cloud.common
    told = [
        {name: one.model_dump() for name, one in section.items()}
        for section in (common.container_images, common.workloads)
    ]
    uplinks = {site: entry.uplink_mbps for site, entry in common.sites.items()}
    hosts = {site: (swarm.hosts, swarm.managers) for site, swarm in swarms.items()}
    text = json.dumps([told, uplinks, hosts], default=str)
    key = f"fit:{CACHE_VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"
    if cache is not None and cache.get(key) is not None:
        return []
    problems = list(check(cloud, swarms))
    if cache is not None and not problems:
        cache[key] = b"fits"
    return problems


def managers(cloud: Described, swarms: Swarms) -> Iterator[Problem]:
    """A swarm has few managers, an odd number, each in its own rack as far as there are any."""
    path = ("roles", fleet.MANAGER)
    for site, swarm in swarms.items():
        number = len(swarm.managers)
        if number % 2 == 0:
            problem = f"{number} nodes of {site} have this role, and a swarm wants an odd number"
            advice = "give it to one node more or less"
            yield Problem(path, "swarm-managers", problem, advice)
        if number > MOST_MANAGERS:
            problem = (
                f"{number} nodes of {site} have this role, and a change waits for most of them"
            )
            advice = f"give it to three or five nodes; {MOST_MANAGERS} at most"
            yield Problem(path, "swarm-managers", problem, advice)
        by_rack = Counter(host.rack for host in swarm.hosts if host.node in swarm.managers)
        most = -(-number // len(swarm.by_rack))
        rack, held = by_rack.most_common(1)[0]
        if held > most:
            problem = f"{held} of the {number} managers of {site} are in {rack}"
            advice = f"have no more than {most} in each of its {len(swarm.by_rack)} racks"
            yield Problem(path, "swarm-managers", problem, advice)


def sites(cloud: Described, swarms: Swarms) -> Iterator[Problem]:
    """A site that a workload names has a swarm."""
    for name, one in cloud.common.workloads.items():
        for number, site in enumerate(one.placement.sites):
            if site not in swarms:
                path: Path = ("workloads", name, "placement", "sites", number)
                problem = f"{site} has no swarm: no node of it has the role {fleet.MANAGER}"
                advice = "give the role to one, three or five nodes there"
                yield Problem(path, "no-swarm", problem, advice)


def jobs(cloud: Described, wanted: list[Task]) -> Iterator[Problem]:
    """A job may run once at the same time at each site that has runs of it."""
    at = Counter(task.name for task in wanted if task.site)
    for name, one in cloud.common.workloads.items():
        if one.max_concurrent is not None and one.max_concurrent < at[name]:
            path: Path = ("workloads", name, "max_concurrent")
            problem = (
                f"{one.max_concurrent} is less than the {at[name]} sites that the job runs at, and"
                " each of their swarms runs one at least"
            )
            advice = f"name fewer sites (placement.sites), or allow {at[name]}"
            yield Problem(path, "job-sites", problem, advice)


def ports(cloud: Described, swarms: Swarms, wanted: list[Task]) -> Iterator[Problem]:
    """No two workloads publish a port where they could meet."""
    by_port: dict[tuple[str, str], dict[str, tuple[Task, str, Path]]] = {}
    for task in wanted:
        for number, port in enumerate(cloud.common.workloads[task.name].publish):
            key = (task.site, f"{port.published}/{port.protocol}")
            path: Path = ("workloads", task.name, "publish", number)
            by_port.setdefault(key, {}).setdefault(task.name, (task, port.mode, path))
    for (site, text), found in by_port.items():
        for (one, mode, first), (two, other_mode, path) in combinations(found.values(), 2):
            if "ingress" in (mode, other_mode):
                where = f"at {site}"
            elif both := _meeting(swarms.get(site), one, two):
                where = f"on {both}"
            else:
                continue
            problem = f"{text} is published by {one.name} too, at {OTHER}, and they meet {where}"
            advice = "publish another port, or keep them apart (placement.anti_affinity)"
            yield Problem(path, "port-conflict", problem, advice, other=first)


def _meeting(swarm: Swarm | None, one: Task, two: Task) -> str | None:
    """Return a node on which both may run, or None."""
    if swarm is None:
        return None
    first, second = swarm.candidates(one.selector), swarm.candidates(two.selector)
    for rack, numbers in first.items():
        both = set(numbers) & set(second.get(rack, ()))
        if both:
            return swarm.hosts[min(both)].node
    return None
