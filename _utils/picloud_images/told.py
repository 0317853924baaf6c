"""
What nodes are told of the registry: where it is and how to log in, and for managers of a swarm
which digest each image has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import picloud_salt
from picloud.ledger import StorageError
from picloud.ledger.builds import Builds
from picloud.rollout.guarded import WORKLOADS
from picloud.workloads.archs import narrowed
from picloud.workloads.seal import Build, seal
from picloud_watch import NoAnswerError

from picloud_images import machine
from picloud_images.registry import Registry

log = logging.getLogger(__name__)

#: What is said of workloads to the master alone.
MASTERS = ("images", "lanes")
#: Nodes with this part pull images.
PART = "docker"


def tell(view: Mapping[str, Any], opts: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the view of a node with what it is told of the registry.

    view
        The node's view, see ``picloud.view``; it is not changed.
    opts
        The master's options.

    ``registry`` has ``address``, ``ca``, ``user`` and ``password``. In ``workloads``, images that
    are built or copied here are named with the registry and their digest; a service whose image may
    not be pulled, or cannot be while there is no registry, stands in ``refused`` with the reason.
    """
    told = dict(view)
    work = told.get("workloads")
    asked = work.get("images", {}) if work else {}
    if work:
        told["workloads"] = {key: value for key, value in work.items() if key not in MASTERS}
    if PART not in view.get("parts", ()):
        return told
    way = Registry(opts).way(view["site"]["master"])
    if way is not None:
        told["registry"] = way
    if work and way is not None:
        told["workloads"] |= _sealed(work["services"], asked, way["address"], opts)
    elif work:
        # Without one, nodes would try to pull them every few seconds, for ever.
        told["workloads"]["refused"] = {
            name: f"{seal(asked[service['image']], None, '').refused}; it needs the registry of"
            " the master: salt-run image.registry"
            for name, service in work["services"].items()
            if service["image"] in asked
        }
    return told


def _sealed(
    services: Mapping[str, Any], asked: Mapping[str, Any], address: str, opts: Mapping[str, Any]
) -> dict[str, Any]:
    found, refused = {}, {}
    try:
        only = machine.architectures(opts)
    except NoAnswerError as err:
        log.error("No image can be deployed: %s", err)
        why = {name: str(err) for name, one in services.items() if one["image"] in asked}
        return {"services": dict(services), "refused": why}
    for name, service in services.items():
        found[name] = service
        ask = asked.get(service["image"])
        if ask is None:
            continue
        try:
            build, gone = _build(ask, picloud_salt.ledger(dict(opts)).builds, Registry(opts))
        except StorageError as err:
            log.error("Images cannot be looked up: %s", err)
            refused[name] = f"the master cannot look up {service['image']}: {err}"
            continue
        if gone:
            refused[name] = gone
            continue
        said = seal({**ask, "archs": narrowed(ask["archs"], only)}, build, address)
        if said.image is None:
            refused[name] = str(said.refused)
        else:
            found[name] = {**service, "image": said.image}
    return {"services": found, "refused": refused}


def _build(ask: Mapping[str, Any], builds: Builds, registry: Registry) -> tuple[Build | None, str]:
    """
    The build that an image stands for: the newest one, or that which the site has until a rollout
    brings another. And why there is none that could be pulled, where a rollout has to bring one.
    """
    newest, full = builds.newest(ask["name"], ask["tag"]), f"{ask['name']}:{ask['tag']}"
    digest = ask.get("build", newest and newest.digest)
    if newest is None or digest == newest.digest:
        return newest, ""
    brings = f"another build of it comes with a rollout: salt-run rollout.plan part={WORKLOADS}"
    if digest is None:
        return None, f"{full} was not {ask['made']} when this site got it; {brings}"
    build = builds.get(ask["name"], ask["tag"], digest)
    if build is None or _lost(registry, build):
        return None, f"{full} is {digest} at this site, which the registry has no more; {brings}"
    return build, ""


def _lost(registry: Registry, build: Build) -> bool:
    """Whether a build is gone from the registry; a master that may not look there trusts it."""
    try:
        return not registry.has(build.name, build.digest)
    except OSError:
        return False
