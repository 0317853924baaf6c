"""Small clouds with swarms, made of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml
from picloud.cloud import Cloud, build
from picloud.load import from_texts
from picloud.workloads.model import Workload

BOARD = {"soc": "BCM", "ghz": 1.0, "peak_ma": 500, "system_mb": 0}
BOARDS = {
    "small": {**BOARD, "name": "S", "arch": "armel", "ram_mb": 256, "cpus": 1, "nic_mbps": 100},
    "large": {**BOARD, "name": "L", "arch": "arm64", "ram_mb": 1024, "cpus": 4, "nic_mbps": 1000},
}


def texts(
    racks: Mapping[str, Sequence[str]],
    workloads: Mapping[str, Mapping[str, object]],
    *,
    uplink: int = 0,
    managers: Sequence[str] = ("n0",),
    more: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """
    Return a description.

    racks
        Models of the nodes by rack; a rack ``b-...`` is at site b, every other one at site a.
    workloads
        The section workloads; each has image ``any`` unless it says otherwise.
    uplink
        Speed of each site's uplink; 0 for none that is known.
    managers
        Ids of nodes with the role of a manager.
    more
        Further sections, or others in the place of these.
    """
    site = {"master": "head.pi.example", **({"uplink_mbps": uplink} if uplink else {})}
    described: dict[str, object] = {
        "cloud": {"name": "w", "domain": "pi.example"},
        "sites": {"a": {**site, "subnet": "10.1.0.0/16"}, "b": {**site, "subnet": "10.2.0.0/16"}},
        "network": {"hosts": {"head.pi.example": "10.1.0.1"}},
        "boards": BOARDS,
        "switches": {"s": {"ports": 48, "mbps": 1000}},
        "designs": {"d": {"towers": {"t": 40}, "switch": "s", "power": "supply"}},
        "images": {
            "os": {
                "suite": "bookworm",
                "archs": ["armel", "arm64"],
                "mirror": "http://deb.debian.org/debian",
                "security_mirror": "http://deb.debian.org/debian-security",
            }
        },
        "docker": {"version": "20.10*"},
        "roles": {"node": {"default": True, "parts": ["docker", "swarm"]}, "swarm-manager": {}},
        "container_images": {"any": {"tag": "1", "archs": ["armel", "arm64"]}},
        "workloads": {name: {"image": "any", **said} for name, said in workloads.items()},
        "racks": {},
    }
    number = 0
    for rack, models in racks.items():
        nodes = {}
        for place, model in enumerate(models, 1):
            node: dict[str, object] = {"id": f"n{number}", "model": model}
            if node["id"] in managers:
                node["roles"] = ["swarm-manager"]
            nodes[f"t/{place}"] = node
            number += 1
        site_name = "b" if rack.startswith("b-") else "a"
        described["racks"][rack] = {  # type: ignore[index]
            "site": site_name,
            "design": "d",
            "image": "os",
            "nodes": nodes,
        }
    described.update(more or {})
    parts = {"all.sls": described, "racks.sls": {"racks": described.pop("racks")}}
    return {name: yaml.safe_dump(part, sort_keys=False) for name, part in parts.items()}


def cloud(
    racks: Mapping[str, Sequence[str]],
    workloads: Mapping[str, Mapping[str, object]],
    **more: object,
) -> Cloud:
    """Return the cloud of ``texts``."""
    return build(from_texts(texts(racks, workloads, **more)))  # type: ignore[arg-type]


def made(work: Mapping[str, Mapping[str, object]]) -> dict[str, Workload]:
    """Workloads as validated, whether they fit or not."""
    return {name: Workload.model_validate({"image": "any", **said}) for name, said in work.items()}
