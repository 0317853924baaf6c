"""
What is to be placed: a workload's share of replicas at one site, with what each of them needs.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from picloud.workloads.fleet import Amounts, Described, Selector, Swarm, lanes, selector, shares

if TYPE_CHECKING:
    from picloud.workloads.images import ContainerImage
    from picloud.workloads.model import Rollback, Update, Workload


class Task(NamedTuple):
    """
    Replicas of one workload at one site.

    name, site
        Which ones.
    replicas
        How many there are to be; all runs of a job.
    at_once
        How many of them run at the same time: what needs room, with those that are ``spare``.
    everywhere
        Whether each node gets one.
    selector
        Where they may run.
    needs
        What each takes, in the order of ``fleet.RESOURCES``.
    uplink
        What each takes of the site's uplink, in Mb/s.
    per_node
        Most of them on one node; 0 for any number.
    ports
        Ports of the node that each takes, as ``80/tcp``.
    spare
        How many run beside the others while they are replaced, with ``start-first``. With
        ``everywhere`` it is 1 then, and ``needs`` is what both of a node take.
    """

    name: str
    site: str
    replicas: int
    at_once: int
    everywhere: bool
    selector: Selector
    needs: Amounts
    uplink: int
    per_node: int
    ports: tuple[str, ...]
    spare: int = 0

    @property
    def steady(self) -> int:
        """How many run while none is replaced."""
        return self.at_once - self.spare


def allowed_archs(image: ContainerImage) -> list[str]:
    """Return the architectures that an image is made for, without those on which it is blocked."""
    blocked = [one for one in image.blocked if fnmatch.fnmatchcase(image.tag, one.tag)]
    return [
        arch
        for arch in image.archs
        if not any(arch in one.archs or not one.archs for one in blocked)
    ]


def tasks(
    cloud: Described, workloads: Mapping[str, Workload], known: Mapping[str, Swarm]
) -> list[Task]:
    """
    Return what is to be placed, in the order of the description.

    cloud
        The cloud, for its container images.
    workloads
        Workloads by name.
    known
        The swarms by site.

    A workload that may run at several sites is split over them: by the number of racks that it may
    run in, or evenly with ``spread: site``. No site gets more than it could run if it were empty
    while another one could. Where a workload may run nowhere its task has the site "".
    """
    colours = lanes(workloads)
    found: list[Task] = []
    for name, workload in workloads.items():
        archs = allowed_archs(cloud.common.container_images[workload.image])
        where = selector(workload, archs, colours.get(name))
        sites = workload.placement.sites or known
        racks = {site: len(known[site].candidates(where)) for site in sites if site in known}
        racks = {site: number for site, number in racks.items() if number}
        whole = _whole(name, workload, where)
        most = dict.fromkeys(racks, whole.replicas)
        if len(racks) > 1 and not whole.everywhere:
            for site in racks:
                uplink = cloud.common.sites[site].uplink_mbps
                most[site] = _most(known[site], uplink, workload, whole)
        found += _shared(workload, whole, racks, most)
    return found


def start_first(workload: Workload) -> dict[str, int]:
    """
    Return what has new replicas start before old ones end, ``update`` or ``rollback``, with how
    many at the same time; 0 for all.

    workload
        The workload.
    """
    policies: dict[str, Update | Rollback] = {
        "update": workload.update,
        "rollback": workload.rollback,
    }
    return {
        key: policy.parallelism
        for key, policy in policies.items()
        if policy.order == "start-first" and workload.mode != "job"
    }


def _spare(workload: Workload, replicas: int) -> int:
    """How many of so many replicas start before as many others end."""
    return max((min(replicas, n or replicas) for n in start_first(workload).values()), default=0)


def _whole(name: str, workload: Workload, where: Selector) -> Task:
    """All replicas of a workload, at no site yet."""
    replicas = 1 if workload.replicas is None else workload.replicas
    everywhere = workload.mode == "global"
    ports = tuple(
        f"{port.published}/{port.protocol}" for port in workload.publish if port.mode == "host"
    )
    give = workload.resources
    needs = (round(give.cpus * 1000), give.memory_mb, give.mbps)
    most, spare = replicas, _spare(workload, 1 if everywhere else replicas)
    if workload.mode == "job":
        most = min(replicas, workload.max_concurrent or replicas)
    return Task(
        name,
        "",
        0 if everywhere else replicas,
        1 if everywhere else most + spare,
        everywhere,
        where,
        (2 * needs[0], 2 * needs[1], 2 * needs[2]) if everywhere and spare else needs,
        give.uplink_mbps,
        1 if ports or everywhere else workload.placement.max_per_node or 0,
        ports,
        spare,
    )


def _most(swarm: Swarm, uplink: int | None, workload: Workload, task: Task) -> int:
    """How many replicas a site could run if nothing else did; about as many as count at most."""
    # It hangs on nothing that comes and goes, so no replica moves from one site to another.
    enough = 2 * task.at_once
    if uplink is not None and task.uplink:
        enough = min(enough, uplink // task.uplink)
    room = 0
    for number in (number for one in swarm.candidates(task.selector).values() for number in one):
        if room >= enough:
            break
        pairs = zip(swarm.hosts[number].room, task.needs, strict=True)
        here = min(have // need for have, need in pairs if need)
        room += min(here, task.per_node or here)
    room = min(room, enough)
    beside = start_first(workload).values()
    return min((max(room - n if n else 0, room // 2) for n in beside), default=room)


def _shared(
    workload: Workload, whole: Task, racks: Mapping[str, int], most: Mapping[str, int]
) -> Sequence[Task]:
    """The tasks of one workload, by the number of racks that it may run in at each site."""
    if not racks:
        return [whole] if whole.at_once else []
    weights = dict.fromkeys(racks, 1) if workload.placement.spread == "site" else dict(racks)
    if whole.everywhere:
        return [whole._replace(site=site, at_once=0) for site in weights]
    if workload.mode == "job":
        able = {site: weight for site, weight in weights.items() if most[site]} or weights
        found = shares(whole.replicas, able)
        at_once = _together(whole.at_once, able, found, most)
    else:
        found = poured(whole.replicas, weights, most)
        at_once = {site: number + _spare(workload, number) for site, number in found.items()}
    return [
        whole._replace(
            site=site,
            replicas=number,
            at_once=at_once[site],
            spare=_spare(workload, number),
        )
        for site, number in found.items()
        if number
    ]


def _together(
    count: int, weights: Mapping[str, int], runs: Mapping[str, int], most: Mapping[str, int]
) -> dict[str, int]:
    """How many of a job's runs at each site run at the same time: one at least."""
    able = {site: weight for site, weight in weights.items() if runs[site]}
    found = poured(count, able, {site: min(most[site], runs[site]) for site in able})
    for site in found:
        if not found[site]:
            richest = max(found, key=lambda one: found[one])
            found[richest] -= found[richest] > 1
            found[site] = 1
    return {site: min(number, runs[site]) for site, number in found.items()}


def poured(count: int, weights: Mapping[str, int], most: Mapping[str, int]) -> dict[str, int]:
    """
    Split a number in proportion to weights, and what is too much for one over the others.

    count, weights
        As for ``fleet.shares``; no weight is 0.
    most
        What each can take, by name. What is too much for all is split in proportion again.

    >>> poured(10, {"a": 1, "b": 1}, {"a": 20, "b": 1})
    {'a': 9, 'b': 1}
    """
    found = dict.fromkeys(weights, 0)
    while (left := count - sum(found.values())) > 0:
        takes = {name: weight for name, weight in weights.items() if found[name] < most[name]}
        for name, share in shares(left, takes or weights).items():
            found[name] += min(share, most[name] - found[name]) if takes else share
    return found
