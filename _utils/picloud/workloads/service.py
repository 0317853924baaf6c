"""
What the managers of a swarm are told of the workloads: services, and the networks, configs and
secrets that they use, in the words of the states ``swarmservice``, ``swarmnetwork`` and
``swarmdata``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from picloud.workloads.fleet import Described, Selector, Swarm, lane_count
from picloud.workloads.images import reference
from picloud.workloads.seal import table
from picloud.workloads.tasks import Task, tasks

if TYPE_CHECKING:
    from picloud.schema import Common
    from picloud.workloads.model import Overlay, Port, Workload

Spec = dict[str, Any]

#: The label by which a service of ours is known, with the name of its workload.
LABEL = "picloud.workload"


def work(cloud: Described, known: Mapping[str, Swarm]) -> dict[str, str]:
    """
    Return what the managers of each site are told, by site, as JSON: ``services``, ``networks``,
    ``configs`` and ``secrets`` by name; ``images``, what is asked of the registry for images that
    are built here; and ``lanes``, how many there are. A site without a manager is left out.

    cloud
        The cloud.
    known
        Its swarms by site.

    .. code-block:: python

        json.loads(work(cloud, swarms)["glasgow"])["services"]["web"]["replicas"]
    """
    common = cloud.common
    placed = tasks(cloud, common.workloads, known) if known else []
    found, lanes = {}, lane_count(common.workloads)
    for site, swarm in known.items():
        here = {task.name: task for task in placed if task.site == site}
        told = {
            "services": {name: service(common, swarm, task) for name, task in here.items()},
            **_used(common, [common.workloads[name] for name in here]),
            "configs": {
                config_name(name, config): file.contents
                for name in here
                for config, file in common.workloads[name].configs.items()
            },
            "images": table(
                {
                    one.image: common.container_images[one.image]
                    for one in map(common.workloads.__getitem__, here)
                }
            ),
            "lanes": lanes,
        }
        found[site] = json.dumps(told, separators=(",", ":"))
    return found


def _used(common: Common, workloads: Iterable[Workload]) -> dict[str, Any]:
    """Networks and secrets that some workloads use: nothing is told of others."""
    networks: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for workload in workloads:
        for name in workload.networks:
            networks[name] = _overlay(common.overlays[name])
        for file in workload.secrets:
            secrets[file.source] = common.secrets[file.source].contents
    return {"networks": networks, "secrets": secrets}


def _overlay(overlay: Overlay) -> Spec:
    return _said(
        {
            "attachable": overlay.attachable,
            "internal": overlay.internal,
            "subnets": [overlay.subnet] if overlay.subnet else [],
            "options": {"encrypted": ""} if overlay.encrypted else {},
        }
    )


def config_name(workload: str, config: str) -> str:
    """
    Return what Docker calls a config of a workload.

    >>> config_name("web", "page")
    'web_page'
    """
    return f"{workload}_{config}"


def service(common: Common, swarm: Swarm, task: Task) -> Spec:
    """
    Return the service of a workload at a site, as ``swarmservice.present`` takes it.

    common
        The description but for its racks.
    swarm
        The swarm of the site.
    task
        The workload's share of replicas there.
    """
    one = common.workloads[task.name]
    give, most = one.resources, one.limits
    job = one.mode == "job"
    return _said(
        {
            "image": reference(one.image, common.container_images[one.image]),
            "command": list(one.command),
            "args": list(one.args),
            "env": dict(one.env),
            "user": one.user,
            "workdir": one.workdir,
            "read_only": one.read_only,
            "init": one.init,
            "cap_add": list(one.cap_add),
            "cap_drop": list(one.cap_drop),
            "stop_grace_period": one.stop_grace_s,
            "labels": {LABEL: task.name},
            "mode": "replicated-job" if job else one.mode,
            "replicas": None if task.everywhere else task.replicas,
            "max_concurrent": task.at_once if job else None,
            "resources": {
                "reservations": _said(
                    {
                        "cpus": give.cpus,
                        "memory": f"{give.memory_mb}M",
                        "generic": {"mbps": give.mbps} if give.mbps else None,
                    }
                ),
                "limits": _said(
                    {
                        "cpus": most.cpus,
                        "memory": f"{most.memory_mb or give.memory_mb}M",
                        "pids": most.pids,
                    }
                ),
            },
            "placement": _said(
                {
                    "constraints": constraints(swarm, task.selector),
                    "spread": ["node.labels.rack"],
                    "max_replicas_per_node": None
                    if task.everywhere
                    else one.placement.max_per_node,
                }
            ),
            "publish": [_port(port) for port in one.publish],
            "endpoint_mode": endpoint_mode(one),
            "mounts": [_mount(mount.model_dump()) for mount in one.mounts],
            "healthcheck": _healthcheck(one),
            "update_config": None if job else _policy(one.update.model_dump()),
            "rollback_config": None if job else _policy(one.rollback.model_dump()),
            "restart_policy": _restart(one, job),
            "secrets": [_said(file.model_dump()) for file in one.secrets],
            "configs": [
                {
                    "source": config_name(task.name, name),
                    **file.model_dump(exclude={"contents"}),
                }
                for name, file in one.configs.items()
            ],
            "networks": list(one.networks),
        }
    )


def endpoint_mode(workload: Workload) -> str:
    """
    Return how others find the replicas by the workload's name: ``vip``, an address for all of
    them, where Swarm's routing mesh is used, else ``dnsrr``, their own addresses in turns, which
    works with any kernel.
    """
    return "vip" if any(port.mode == "ingress" for port in workload.publish) else "dnsrr"


def constraints(swarm: Swarm, selector: Selector) -> list[str]:
    """
    Return the conditions of a selector as Swarm knows them.

    Swarm joins constraints by *and* and has no *or*: one of several values is written as none of
    the others. A node without labels meets that as well, so the site is always asked for.
    """
    found = [f"node.labels.site == {swarm.site}"]
    archs = set(selector.image_archs)
    wanted = {
        "rack": set(selector.racks),
        "model": set(selector.models),
        "arch": archs & set(selector.archs) if selector.archs else archs,
    }
    for label, values in wanted.items():
        there = swarm.values[label]
        among = [value for value in there if value in values] if values else list(there)
        if len(among) == 1 and len(there) > 1:
            found.append(f"node.labels.{label} == {among[0]}")
        elif len(among) < len(there):
            found += [f"node.labels.{label} != {one}" for one in there if one not in among]
    if selector.lane is not None:
        found.append(f"node.labels.lane == {selector.lane}")
    return found


def _port(port: Port) -> Spec:
    return {**port.model_dump(), "target": port.target or port.published}


def _mount(mount: Mapping[str, Any]) -> Spec:
    size = mount["size_mb"]
    rest = {key: value for key, value in mount.items() if key != "size_mb"}
    return _said({**rest, "tmpfs": {"size": f"{size}M"} if size else None})


def _healthcheck(workload: Workload) -> Spec | None:
    check = workload.healthcheck
    if check is None:
        return None
    return {
        "test": ["CMD", *check.test],
        "interval": check.interval_s,
        "timeout": check.timeout_s,
        "start_period": check.start_s,
        "retries": check.retries,
    }


def _policy(policy: Mapping[str, Any]) -> Spec:
    return {key.removesuffix("_s"): value for key, value in policy.items()}


def _restart(workload: Workload, job: bool) -> Spec:
    policy = _policy(workload.restart.model_dump())
    if job and policy["condition"] == "any":
        policy["condition"] = "on-failure"
    return policy


def _said(data: Mapping[str, Any]) -> Spec:
    """Return data without what was left out."""
    return {
        key: value
        for key, value in data.items()
        if value is not None and value is not False and value not in ({}, [])
    }
