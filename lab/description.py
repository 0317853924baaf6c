"""What the lab takes from the description: site, image, and which nodes there are."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import salt.config
import salt.loader
import salt.template

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


def _render(root: Path) -> dict[str, Any]:
    """Render and merge all files; the master's own checks come later and name places."""
    opts = salt.config.minion_config(None)
    opts.update(file_client="local", file_roots={"base": []}, pillar_roots={"base": [str(root)]})
    renderers = salt.loader.render(opts, {})
    merged: dict[str, Any] = {}
    for path in sorted(root.rglob("*.sls")):
        data = salt.template.compile_template(str(path), renderers, "jinja|yaml", None, None)
        for section, entries in (data or {}).items():
            merged.setdefault(section, {}).update(entries)
    return merged


def read(checkout: Path) -> Site:
    """
    Read the description of a checkout.

    Raises LabError when it cannot be used for a lab.

    Example: ``read(Path.cwd()).subnet == "10.80.0.0/16"``
    """
    root = checkout / "pillar" / "cloud"
    try:
        cloud = _render(root)
        name, site = next(iter(cloud["sites"].items()))
        boards = cloud["boards"]
        nodes = []
        for label, rack in cloud["racks"].items():
            if rack.get("site") != name:
                continue
            for entry in rack["nodes"].values():
                model = entry.get("model", rack.get("model"))
                sizes = boards[model]["ram_mb"]
                smallest = min(sizes) if isinstance(sizes, list) else sizes
                nodes.append(
                    Node(
                        entry["id"],
                        label,
                        model,
                        entry.get("address"),
                        entry.get("mac"),
                        entry.get("serial"),
                        entry.get("ram_mb", smallest),
                    )
                )
        cache = site.get("apt_cache")
        hosts = cloud.get("network", {}).get("hosts", {})
        image = next(iter(cloud["images"].values()))
        return Site(
            name=name,
            domain=cloud["cloud"]["domain"],
            master=site["master"],
            master_address=hosts.get(site["master"], site["master"]),
            subnet=site["subnet"],
            gateway=site["gateway"],
            cache_port=urlsplit(cache).port or 80 if cache else None,
            image=image,
            salt_version=cloud["salt_minion"]["version"],
            nodes=tuple(nodes),
        )
    except Exception as err:
        raise LabError(
            f"the description cannot be read: {err!r}",
            "run: make validate, and correct what it names",
        ) from err


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
