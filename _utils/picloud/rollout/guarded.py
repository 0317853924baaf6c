"""
What a node has of a guarded part, and what it gets then: its own settings of a part, or, of a
manager, the workloads of its site.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from picloud.records import Node
from picloud.workloads import fleet

#: The digest of the newest build of an image, by its name and tag.
Heads = Mapping[tuple[str, str], str]

#: What a condition has that asks for a lane.
LANE = "node.labels.lane "
#: The workloads of a site, which its managers have: a part of no node, and guarded like one.
WORKLOADS = "workloads"


def has(node: Node, part: str) -> bool:
    """
    Tell whether a node has a part that may be guarded.

    node, part
        The node, and the part; a node has ``workloads`` as long as it manages the swarm of its
        site.
    """
    return fleet.manages(node.roles, node.parts) if part == WORKLOADS else part in node.parts


def kept(part: str, described: Mapping[str, Any], heads: Heads) -> dict[str, Any]:
    """
    Return what goes on record of settings: all of them, but no secret; of workloads with the build
    that each image stands for.

    part
        The part.
    described
        What is described of it for a node.
    heads
        The builds that there are now.

    >>> kept("workloads", {"services": {}, "images": {}, "secrets": {"key": "..."}}, {})
    {'services': {}, 'images': {}}
    """
    if part != WORKLOADS:
        return dict(described)
    return {key: value for key, value in sealed(described, heads).items() if key != "secrets"}


def sealed(work: Mapping[str, Any], heads: Heads) -> dict[str, Any]:
    """
    Return workloads of a site with ``build``, the digest of its newest build, in each of ``images``
    (None: there is none). A tag that is built again stands for other bytes.

    work, heads
        What is described of them, and the builds that there are now.

    >>> work = {"images": {"web": {"name": "picloud/web", "tag": "1"}}}
    >>> sealed(work, {("picloud/web", "1"): "sha256:a"})["images"]["web"]["build"]
    'sha256:a'
    """
    images = {
        name: {**ask, "build": heads.get((ask["name"], ask["tag"]))}
        for name, ask in work.get("images", {}).items()
    }
    return {**work, "images": images}


def laid(
    part: str, described: Mapping[str, Any], pinned: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """
    Return what a node gets of a part of which it is to have other settings than are described.

    part, described, pinned
        The part, what is described of it for the node, and what it is to have.
    secrets
        What every described secret holds. Secrets are not on record: those that a pinned service
        uses are as they are described now. Those of them that are described no more stay in the
        swarm as they are there, and are named in ``held``.

    >>> web = {"services": {"web": {"secrets": [{"source": "key"}]}}}
    >>> laid("workloads", {}, web, {"key": "new", "other": "x"})["secrets"]
    {'key': 'new'}
    """
    if part != WORKLOADS:
        return dict(pinned)
    services = pinned.get("services", {}).values()
    used = {one["source"] for service in services for one in service.get("secrets", ())}
    told = {name: secrets[name] for name in sorted(used & secrets.keys())}
    held = sorted(used - secrets.keys())
    # What was put on record before there was a number of lanes has the one that is described.
    lanes = {"lanes": described["lanes"]} if "lanes" in described else {}
    return lanes | dict(pinned) | {"secrets": told} | ({"held": held} if held else {})


def rescaled(
    pinned: Mapping[str, Any], told: Mapping[str, Any], scales: Collection[str]
) -> dict[str, Any]:
    """
    Return workloads of a site with the numbers of replicas that were said by hand.

    pinned
        What the site is to have.
    told
        What it would be told, with these numbers, if nothing was guarded.
    scales
        The workloads that were scaled.
    """
    services = dict(pinned["services"])
    for name in services.keys() & told["services"].keys() & set(scales):
        services[name] = services[name] | {"replicas": told["services"][name]["replicas"]}
    return dict(pinned) | {"services": services}


def touched(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """
    Return the services that a change of workloads is about: those that are new, or of which
    anything is another, with the image, the networks, the configs and the lane that they use.

    old, new
        The workloads of a site before and after it.

    >>> touched({"services": {"a": {}, "b": {}}}, {"services": {"a": {"image": "x"}, "b": {}}})
    {'a'}
    """
    return {name for name in new["services"] if _whole(old, name) != _whole(new, name)}


def _whole(work: Mapping[str, Any], name: str) -> str:
    """A service with all that it uses, as text; what goes through the ledger has no tuples."""
    spec = work["services"].get(name)
    if spec is None:
        return ""
    used = [work.get("images", {}).get(spec.get("image"))]
    used += [work.get("networks", {}).get(one) for one in spec.get("networks", ())]
    used += [work.get("configs", {}).get(one["source"]) for one in spec.get("configs", ())]
    if any(LANE in one for one in spec.get("placement", {}).get("constraints", ())):
        used.append(work.get("lanes"))  # with another number other nodes are in its lane
    return json.dumps([spec, used], sort_keys=True)
