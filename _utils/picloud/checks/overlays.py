"""
Checks of the networks between containers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from picloud.checks.context import Known
from picloud.faults import OTHER, Path, Problem

#: Networks that Docker makes itself (docker_gwbridge is one too, and no name of ours).
DOCKERS = ("bridge", "host", "ingress", "none")
#: A wider one leaves nothing to others; a narrower one has no addresses for replicas.
WIDEST, NARROWEST = 8, 29


def names(known: Known) -> Iterator[Problem]:
    """No overlay takes the place of a network that Docker makes itself."""
    for name in known.common.overlays:
        if name in DOCKERS:
            problem = f'"{name}" is a network that Docker makes itself'
            yield Problem(("overlays", name), "reserved-name", problem, "give it another name")


def subnets(known: Known) -> Iterator[Problem]:
    """A subnet has a size that is of use, no bits beyond its prefix, and is used by nobody else."""
    seen: list[tuple[Path, ipaddress.IPv4Network]] = [
        (("sites", name, "subnet"), ipaddress.IPv4Network(site.subnet, strict=False))
        for name, site in known.common.sites.items()
    ]
    for name, overlay in known.common.overlays.items():
        if overlay.subnet is None:
            continue
        path = ("overlays", name, "subnet")
        network = ipaddress.IPv4Network(overlay.subnet, strict=False)
        if not WIDEST <= network.prefixlen <= NARROWEST:
            problem = f'the prefix of "{overlay.subnet}" is out of range'
            advice = f"write one from /{WIDEST} to /{NARROWEST}"
            yield Problem(path, "out-of-range", problem, advice)
            continue
        if str(network) != overlay.subnet:
            problem = f'"{overlay.subnet}" has bits set beyond its prefix'
            yield Problem(path, "bad-subnet", problem, f'write "{network}"')
        for other, taken in seen:
            if network.overlaps(taken):
                problem = f"{network} overlaps {taken} of {other[0]}.{other[1]} at {OTHER}"
                advice = "choose another one, or leave it out: Docker chooses one then"
                yield Problem(path, "subnet-overlap", problem, advice, other=other)
                break
        seen.append((path, network))


CHECKS = (names, subnets)
