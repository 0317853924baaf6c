"""What the lab takes from the description: site, image, and which nodes there are."""

import ipaddress
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import picloud_salt
import salt.config
from picloud import load
from picloud.cloud import Cloud, build
from picloud.faults import DescriptionError
from picloud.workloads.fleet import Whole, swarms

from lab.errors import LabError


@dataclass(frozen=True)
class Node:
    """A node to start; ``serial`` and ``mac`` are None when the description leaves them open."""

    id: str
    rack: str
    model: str
    address: str | None
    mac: str | None
    serial: str | None
    ram_mb: int


@dataclass(frozen=True)
class Site:
    """The one site a lab stands for; ``managers`` are the ids of its swarm's managers."""

    name: str
    domain: str
    locale: str
    master: str
    master_address: str
    subnet: str
    gateway: str
    cache_port: int | None
    image: dict[str, Any]
    salt_version: str
    nodes: tuple[Node, ...]
    managers: frozenset[str]

    @property
    def bits(self) -> int:
        """Prefix length of the subnet."""
        return ipaddress.ip_network(self.subnet).prefixlen


def cloud_of(root: Path) -> Cloud:
    """The description in a folder; LabError when it has faults."""
    try:
        opts = salt.config.master_config(os.devnull)
        return build(load.read(root, picloud_salt.render(opts, root)))
    except DescriptionError as err:
        shown = [str(fault) for fault in err.faults[:5]]
        more = len(err.faults) - len(shown)
        text = "\n".join(
            ["the description has faults", *shown, *([f"and {more} more"] * bool(more))]
        )
        raise LabError(text, "correct them; make validate shows them all") from err
    except OSError as err:
        raise LabError(f"the description cannot be read: {err}", f"look at {root}") from err


def read(checkout: Path) -> Site:
    """
    Read the description of a checkout; the lab stands for its first site.

    Raises LabError when it has faults or cannot be used for a lab.

    Example: ``read(Path.cwd()).subnet == "10.80.0.0/16"``
    """
    cloud = cloud_of(checkout / "pillar" / "cloud")
    name, site = next(iter(cloud.common.sites.items()))
    nodes = [
        Node(node.id, node.rack, node.model, node.address, node.mac, node.serial, node.ram_mb)
        for node in cloud.nodes.values()
        if node.site == name
    ]
    if not nodes:
        raise LabError(f"site {name} has no nodes", "add some to a rack in pillar/cloud/racks")
    view = cloud.view(nodes[0].id)
    address = view["network"]["hosts"].get(site.master, site.master)
    if not _is_address(address):
        raise LabError(
            f"the lab needs the address of the master {site.master}",
            "name it in pillar/cloud/network.sls under hosts",
        )
    minion = cloud.common.salt_minion
    swarm = swarms(Whole(cloud.common, cloud.racks), {}).get(name)
    gateway = site.gateway or next(ipaddress.ip_network(site.subnet).hosts())
    return Site(
        name=name,
        domain=cloud.common.cloud.domain,
        locale=cloud.common.cloud.locale,
        master=site.master,
        master_address=address,
        subnet=site.subnet,
        gateway=str(gateway),
        cache_port=urlsplit(site.apt_cache).port or 80 if site.apt_cache else None,
        image=view["image"],
        salt_version=minion.version if minion else version("salt"),
        nodes=tuple(nodes),
        managers=frozenset(swarm.managers if swarm else ()),
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def choose(site: Site, wanted: str) -> tuple[Node, ...]:
    """
    The nodes to start: ``all``, a number (see ``surviving``), or ids with commas.

    Example: ``choose(site, "2")`` or ``choose(site, "pi3,pi7")``
    """
    if wanted == "all":
        return site.nodes
    if wanted.isdigit():
        if not 1 <= int(wanted) <= len(site.nodes):
            raise LabError(
                f"NODES={wanted}: the description has {len(site.nodes)} nodes",
                f"choose 1 to {len(site.nodes)}, or all",
            )
        return surviving(site, int(wanted))
    by_id = {node.id: node for node in site.nodes}
    unknown = [name for name in wanted.split(",") if name not in by_id]
    if unknown:
        raise LabError(
            f"NODES: no node {', '.join(unknown)} in the description",
            "give a number, all, or ids that pillar/cloud/racks has",
        )
    return tuple(by_id[name] for name in wanted.split(","))


def surviving(site: Site, count: int) -> tuple[Node, ...]:
    """
    So many nodes of a site, with a swarm that outlives each of them where that is possible.

    A swarm works while more than half of its managers do. So managers come first, in racks of their
    own as the description has them, and other nodes after them, each in the order of the
    description. Of managers there is an odd number: of two, the loss of either stops the swarm,
    so two nodes are one manager and a worker, which may be lost. From three on any one may be.
    Described managers that are not started are no loss: nobody votes who never joined.

    site
        The site.
    count
        How many nodes, 1 to all.

    Example: of the shipped site, 4 are ``pi0``, ``pi14``, ``pi28`` (its managers) and ``pi1``.
    """
    managers = [node for node in site.nodes if node.id in site.managers]
    workers = [node for node in site.nodes if node.id not in site.managers]
    voting = min(count, len(managers))
    if voting and voting % 2 == 0:
        voting -= 1
    # The managers left over come last: they are taken where there are no other nodes.
    return tuple([*managers[:voting], *workers, *managers[voting:]][:count])


def peopled(nodes: Sequence[Node]) -> list[str]:
    """
    The racks worth a drawing: those with more than one of some nodes, or else the first one's.

    nodes
        The nodes, one at least.

    Example: of ``pi0``, ``pi14``, ``pi28`` and ``pi1`` it is ``rack1``.
    """
    counts = Counter(node.rack for node in nodes)
    return [rack for rack, count in counts.items() if count > 1] or [nodes[0].rack]
