"""What the lab takes from the description: site, image, and which nodes there are."""

import ipaddress
import os
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
    """The one site a lab stands for."""

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
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def choose(site: Site, wanted: str) -> tuple[Node, ...]:
    """
    The nodes to start: ``all``, a number (the first so many), or ids with commas.

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
        return site.nodes[: int(wanted)]
    by_id = {node.id: node for node in site.nodes}
    unknown = [name for name in wanted.split(",") if name not in by_id]
    if unknown:
        raise LabError(
            f"NODES: no node {', '.join(unknown)} in the description",
            "give a number, all, or ids that pillar/cloud/racks has",
        )
    return tuple(by_id[name] for name in wanted.split(","))
