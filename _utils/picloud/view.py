"""
What one node may see of the cloud: ``pillar["picloud"]`` of that node and nothing of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from picloud.rollout.guarded import WORKLOADS

if TYPE_CHECKING:
    from picloud.records import Node, Rack
    from picloud.schema import Common


def node_view(
    common: Common,
    rack: Rack,
    node: Node,
    parts: dict[str, Any],
    *,
    members: dict[str, Any] | None = None,
    workloads: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Return the view of a node: plain data, as pillar carries it.

    common
        The description but for its racks.
    rack
        The node's rack.
    node
        The node.
    parts
        Settings of the node's parts, overrides laid over them, by part.
    members
        For a node in a swarm, its managers; for one of these all of it (see ``swarms.told``); None
        for every other node.
    workloads
        For a manager of a swarm what is to run in it (see ``workloads.service``), secrets included;
        None for every other node.
    """
    has = [*node.parts, *([] if workloads is None else [WORKLOADS])]
    guarded = [part for part in has if part in common.rollout.parts]
    site, board = common.sites[node.site], common.boards[node.model]
    image, network = common.images[node.image], common.network
    neighbours = {peer.id: peer.address for peer in rack.nodes.values() if peer.address}
    return {
        "cloud": common.cloud.model_dump(mode="json"),
        "site": {
            "name": node.site,
            "master": site.master,
            "gateway": site.gateway,
            "subnet": site.subnet,
            "apt_cache": site.apt_cache,
        },
        "rack": {"name": rack.name, "design": rack.design, "neighbours": neighbours},
        "node": {
            "id": node.id,
            "fqdn": node.fqdn,
            "address": node.address,
            "mac": node.mac,
            "serial": node.serial,
            "slot": f"{node.rack}/{node.slot}",
            "tower": node.tower,
            "position": node.position,
            "port": node.port,
            "roles": list(node.roles),
        },
        "board": {
            "model": node.model,
            "name": board.name,
            "soc": board.soc,
            "arch": board.arch,
            "ram_mb": node.ram_mb,
            "cpus": board.cpus,
            "ghz": board.ghz,
            "nic_mbps": board.nic_mbps,
            "max_overclock": dict(board.max_overclock),
        },
        "image": {
            "name": node.image,
            "suite": image.suite,
            "mirror": image.mirror,
            "security_mirror": image.security_mirror,
            "components": list(image.components),
            "packages": list(image.packages),
        },
        "network": {
            "nameservers": list(network.nameservers),
            "search": list(network.search or (common.cloud.domain,)),
            "ntp": list(network.ntp),
            "hosts": dict(network.hosts),
        },
        "parts": list(node.parts),
        **{part: parts[part] for part in node.parts},
        **({"guarded": guarded} if guarded else {}),
        **({} if members is None else {"members": members}),
        **({} if workloads is None else {"workloads": workloads}),
    }
