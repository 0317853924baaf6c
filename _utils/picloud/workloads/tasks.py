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
    from picloud.workloads.model import Workload


class Task(NamedTuple):
    """
    Replicas of one workload at one site.

    name, site
        Which ones.
    replicas
        How many there are to be; all runs of a job.
    at_once
        How many of them run at the same time: what needs room.
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
    run in, or evenly with ``spread: site``. Where it may run nowhere its task has the site "".
    """
    colours = lanes(workloads)
    found: list[Task] = []
    for name, workload in workloads.items():
        archs = allowed_archs(cloud.common.container_images[workload.image])
        where = selector(workload, archs, colours.get(name))
        sites = workload.placement.sites or known
        racks = {site: len(known[site].candidates(where)) for site in sites if site in known}
        found += _shared(name, workload, where, {site: n for site, n in racks.items() if n})
    return found


def _shared(
    name: str, workload: Workload, where: Selector, racks: Mapping[str, int]
) -> Sequence[Task]:
    """The tasks of one workload, by the number of racks that it may run in at each site."""
    weights = dict.fromkeys(racks, 1) if workload.placement.spread == "site" else racks
    replicas = 1 if workload.replicas is None else workload.replicas
    everywhere = workload.mode == "global"
    ports = tuple(
        f"{port.published}/{port.protocol}" for port in workload.publish if port.mode == "host"
    )
    give = workload.resources
    whole = Task(
        name,
        "",
        0 if everywhere else replicas,
        0,
        everywhere,
        where,
        (round(give.cpus * 1000), give.memory_mb, give.mbps),
        give.uplink_mbps,
        1 if ports or everywhere else workload.placement.max_per_node or 0,
        ports,
    )
    most = replicas
    if workload.mode == "job":
        most = min(replicas, workload.max_concurrent or replicas)
    if not racks:
        return [whole._replace(at_once=max(1, most))] if everywhere or most else []
    found, parallel = shares(replicas, weights), shares(most, weights)
    return [
        whole._replace(
            site=site,
            replicas=0 if everywhere else found[site],
            at_once=0 if everywhere else max(parallel[site], min(1, found[site])),
        )
        for site in weights
        if everywhere or found[site]
    ]
