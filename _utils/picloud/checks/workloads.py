"""
Checks of workloads, as far as they do not depend on the racks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from picloud import schema
from picloud.checks.context import Known
from picloud.checks.types import fit
from picloud.faults import OTHER, Path, Problem
from picloud.suggest import remedy
from picloud.workloads.tasks import allowed_archs

#: Ports of every node that are taken: SSH, and Swarm itself
#: (https://docs.docker.com/engine/swarm/swarm-tutorial/, "Open protocols and ports").
TAKEN = {
    "22/tcp": "SSH",
    "2377/tcp": "Docker Swarm",
    "4789/udp": "Docker Swarm",
    "7946/tcp": "Docker Swarm",
    "7946/udp": "Docker Swarm",
}

#: The sections that a workload names entries of, by where it names them.
SECTIONS: Mapping[Path, str] = {
    ("image",): "container_images",
    ("placement", "models", "*"): "boards",
    ("placement", "sites", "*"): "sites",
    ("placement", "racks", "*"): "racks",
    ("placement", "anti_affinity", "*"): "workloads",
    ("secrets", "*", "source"): "secrets",
    ("networks", "*"): "overlays",
}


def references(known: Known) -> Iterator[Problem]:
    """What a workload names is described."""
    # As it is written: of one with other faults the rest of what it names is told as well.
    for name, entry in known.declared("workloads").items():
        for keys, section in SECTIONS.items():
            for path, other in _names(entry, keys):
                for problem in _refer(known, section, other, ("workloads", name, *path)):
                    if not _misnamed(other):
                        yield problem


def _refer(known: Known, section: str, name: str, path: Path) -> Iterator[Problem]:
    if section != "racks":
        yield from known.refer(section, name, path)
    elif known.complete and name not in known.racks:
        advice = remedy(name, known.racks, "racks")
        yield Problem(path, "unknown-reference", f'"{name}" is not in racks', advice)


def _names(entry: Any, keys: Path) -> Iterator[tuple[Path, str]]:
    """Names in an entry as written, with their paths; "*" stands for each item of a list."""
    if not keys:
        if isinstance(entry, str):
            yield (), entry
        return
    key, rest = keys[0], keys[1:]
    found: Iterable[tuple[Any, Any]] = ()
    if key == "*":
        found = enumerate(entry) if isinstance(entry, list | tuple) else ()
    elif isinstance(entry, Mapping) and key in entry:
        found = [(key, entry[key])]
    for step, below in found:
        for path, name in _names(below, rest):
            yield (step, *path), name


def _misnamed(name: str) -> bool:
    """Whether no entry can have such a name, which is a fault by itself."""
    return bool(fit(schema.EntryName, {"name": name}, ())[1])


def modes(known: Known) -> Iterator[Problem]:
    """Keys suit the mode."""
    for name, one in known.common.workloads.items():
        base = ("workloads", name)
        if one.mode == "global" and one.replicas is not None:
            problem = "a global workload runs once on every node that it may run on"
            yield Problem((*base, "replicas"), "mode-key", problem, "leave it out")
        if one.mode != "job" and one.max_concurrent is not None:
            problem = f"is for jobs, and this one is {one.mode}"
            yield Problem((*base, "max_concurrent"), "mode-key", problem, "leave it out")
        for key in ("update", "rollback"):
            if one.mode == "job" and key in one.model_fields_set:
                problem = "a job is never updated: a changed one runs anew"
                yield Problem((*base, key), "mode-key", problem, "leave it out")


def anti_affinity(known: Known) -> Iterator[Problem]:
    """Workloads keep away from others, and those that do leave nodes to them."""
    workloads = known.common.workloads
    for name, one in workloads.items():
        for number, other in enumerate(one.placement.anti_affinity):
            path = ("workloads", name, "placement", "anti_affinity", number)
            if other == name:
                problem = "a workload cannot keep away from itself"
                yield Problem(path, "anti-affinity", problem, "use max_per_node: 1")
            elif other in workloads:
                for each in (name, other):
                    if workloads[each].mode == "global":
                        problem = f"{each} is global: it runs on every node"
                        advice = "have it run on some only (mode: replicated), or leave this out"
                        yield Problem(path, "anti-affinity", problem, advice)


def archs(known: Known) -> Iterator[Problem]:
    """The image is made for the architectures and models that the placement names."""
    common = known.common
    for name, one in common.workloads.items():
        image = common.container_images.get(one.image)
        if image is None or not (allowed := allowed_archs(image)):
            continue
        made = f"image {one.image}:{image.tag} may run on {', '.join(allowed)}"
        path: Path = ("workloads", name, "placement")
        for number, arch in enumerate(one.placement.archs):
            if arch not in allowed:
                problem = f"{made}, not on {arch}"
                advice = "take it out, or make the image for it"
                yield Problem((*path, "archs", number), "container-arch", problem, advice)
        for number, model in enumerate(one.placement.models):
            board = common.boards.get(model)
            if board is not None and board.arch not in allowed:
                problem = f"{made}, and {model} is {board.arch}"
                advice = "take it out, or make the image for it"
                yield Problem((*path, "models", number), "container-arch", problem, advice)


def ports(known: Known) -> Iterator[Problem]:
    """A workload publishes a port once, and none that every node needs itself."""
    for name, one in known.common.workloads.items():
        seen: dict[str, Path] = {}
        for number, port in enumerate(one.publish):
            path = ("workloads", name, "publish", number)
            text = f"{port.published}/{port.protocol}"
            if text in TAKEN:
                problem = f"{text} is {TAKEN[text]} on every node"
                advice = "publish another port; target stays as it is in the container"
                yield Problem(path, "reserved-port", problem, advice)
            if text in seen:
                problem = f"{text} is published already, at {OTHER}"
                yield Problem(path, "port-conflict", problem, "remove one", other=seen[text])
            seen.setdefault(text, path)


def limits(known: Known) -> Iterator[Problem]:
    """No limit is below what a replica is given."""
    for name, one in known.common.workloads.items():
        for key in ("cpus", "memory_mb"):
            given, most = getattr(one.resources, key), getattr(one.limits, key)
            if most is not None and most < given:
                path = ("workloads", name, "limits", key)
                problem = f"{most:g} is less than the {given:g} of resources.{key}"
                yield Problem(path, "limit-too-small", problem, "raise it, or lower the other")


CHECKS = (references, modes, anti_affinity, archs, ports, limits)
