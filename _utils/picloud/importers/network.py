"""
Names and networks for what a source says: the domain, and a subnet and master for each site.
Every value that is not in the source is noted.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass

from picloud.importers.lab import Lab, Log, Machine, count, show, slug

DEFAULT_DOMAIN = "pi.example"
#: Sites whose nodes have no address: the k-th gets 10.(80+k).0.0/16.
DEFAULT_NET = 80
#: Addresses farther apart than this are not taken for one subnet.
WIDEST = 16
NARROWEST = 24

_HOST = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")


@dataclass(frozen=True)
class Named:
    """The names of the cloud."""

    cloud: str
    domain: str


@dataclass(frozen=True)
class Site:
    """One site as it is printed; ``gateway_known`` tells whether the source implies the gateway."""

    name: str
    master: str
    master_address: str
    subnet: ipaddress.IPv4Network
    gateway: str
    gateway_known: bool
    ipv6: ipaddress.IPv6Network | None


def names(lab: Lab) -> Named:
    """Find the domain: the source's, or the one most machines have."""
    log = lab.log
    domains = Counter(machine.domain for machine in lab.machines if machine.domain)
    domain = lab.domain or (domains.most_common(1)[0][0] if domains else "")
    if domain and not _HOST.match(domain):
        log.fault(
            lab.machines[0].name.line,
            "domain",
            "bad-host",
            f"{show(domain)} is not a domain",
            f"it is printed as {DEFAULT_DOMAIN}; write lower-case labels joined by dots",
        )
        return Named("imported", DEFAULT_DOMAIN)
    for other, number in domains.items():
        if other != domain:
            log.note(f"the domain {show(other)} of {count(number, 'node')} becomes {domain}")
    if not domain:
        log.note(f"domain {DEFAULT_DOMAIN}, as no machine has one")
    return Named(slug(domain.partition(".")[0]) or "imported", domain or DEFAULT_DOMAIN)


def sites(lab: Lab, named: Named) -> list[Site]:
    """Make the sites: names from the machines, subnets from their addresses."""
    members: dict[str, list[Machine]] = {}
    for machine in lab.machines:
        machine.site = slug(machine.site) or named.cloud
        members.setdefault(machine.site, []).append(machine)
    _racks_stand_in_one_site(lab)
    found = [_site(lab, named, name, members) for name in members]
    for place, site in enumerate(found):
        for other in found[:place]:
            if site.subnet.overlaps(other.subnet):
                lab.log.fault(
                    members[site.name][0].name.line,
                    f"sites.{site.name}.subnet",
                    "overlapping-subnets",
                    f"the addresses give {site.subnet}, which overlaps {other.subnet} of "
                    f"{show(other.name)}",
                    "write the true subnets under sites, or make it one site",
                )
    return found


def _racks_stand_in_one_site(lab: Lab) -> None:
    where: dict[str, Machine] = {}
    for machine in lab.machines:
        first = where.setdefault(machine.rack, machine)
        if machine.site != first.site:
            lab.log.fault(
                machine.name.line,
                machine.name.path,
                "rack-in-two-sites",
                f"stands in {machine.rack} at {show(machine.site)}, which line "
                f"{first.name.line} puts at {show(first.site)}",
                f"give racks of different sites different names; printed at {show(first.site)}",
            )
            machine.site = first.site


def _site(lab: Lab, named: Named, name: str, members: dict[str, list[Machine]]) -> Site:
    log, machines, alone = lab.log, members[name], len(members) == 1
    used = {address for machine in machines if (address := _ipv4(machine.node.get("address")))}
    gateway = _ipv4(lab.gateway)
    master_address = _ipv4(lab.master_address) if alone else None
    near = {address for address in (gateway, master_address) if address} if alone else set()
    subnet = _subnet(log, name, members, used, near)
    gateway_known = alone and gateway is not None and gateway in subnet
    router = gateway if gateway_known and gateway else subnet.network_address + 1
    master = lab.master or f"head.{named.domain}"
    if not alone and not lab.master:
        master = f"head-{name}.{named.domain}"
    if "." not in master:
        master = f"{master}.{named.domain}"
    is_node = any(f"{m.id}.{named.domain}" == master for m in lab.machines)
    if not is_node and not master_address:
        taken = used | near | {router}
        master_address = next(
            (a for a in subnet.hosts() if a not in taken), subnet.network_address + 2
        )
        log.note(f"master {master} of site {name} at {master_address}: put in the true address")
    if not gateway_known:
        log.note(f"site {name} has no gateway: take the # away when {router} is the router")
    return Site(
        name=name,
        master=master,
        master_address="" if is_node else str(master_address),
        subnet=subnet,
        gateway=str(router),
        gateway_known=gateway_known,
        ipv6=_prefix(machines),
    )


def _ipv4(text: str | None) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text or "")
    except ValueError:
        return None


def _subnet(
    log: Log,
    site: str,
    members: dict[str, list[Machine]],
    used: set[ipaddress.IPv4Address],
    near: set[ipaddress.IPv4Address],
) -> ipaddress.IPv4Network:
    """The smallest network around the addresses, between /24 and /16."""
    if not used:
        around = next(iter(near), None)
        net = str(around) if around else f"10.{(DEFAULT_NET + list(members).index(site)) % 256}.0.0"
        subnet = ipaddress.ip_network(f"{net}/{WIDEST}", strict=False)
        assert isinstance(subnet, ipaddress.IPv4Network)
        log.note(f"subnet {subnet} of site {site}: no node has an address")
        return subnet
    subnet = _around(used | near)
    if subnet.prefixlen < WIDEST:
        subnet = _around(used)
    if subnet.prefixlen < WIDEST:
        nets = Counter(ipaddress.IPv4Network((address, WIDEST), strict=False) for address in used)
        subnet, number = nets.most_common(1)[0]
        outside = next(
            machine
            for machine in members[site]
            if (address := _ipv4(machine.node.get("address"))) and address not in subnet
        )
        given = outside.given["address"]
        log.fault(
            given.line,
            given.path,
            "far-apart",
            f"{show(given.text)} and {count(number, 'other address', 'other addresses')} in "
            f"{subnet} are too far apart for one subnet",
            "give nodes of different networks different sites, or write the subnet under sites",
        )
        return subnet
    log.note(f"subnet {subnet} of site {site}: the smallest around its addresses")
    return subnet


def _around(addresses: set[ipaddress.IPv4Address]) -> ipaddress.IPv4Network:
    low, high = int(min(addresses)), int(max(addresses))
    length = min(NARROWEST, 32 - (low ^ high).bit_length())
    return ipaddress.IPv4Network((low, length), strict=False)


def _prefix(machines: list[Machine]) -> ipaddress.IPv6Network | None:
    """The IPv6 prefix around the nodes' addresses, 64 bits or fewer."""
    found = []
    for machine in machines:
        try:
            found.append(int(ipaddress.IPv6Address(machine.node.get("ipv6", ""))))
        except ValueError:
            continue
    if not found:
        return None
    length = min(64, 128 - (min(found) ^ max(found)).bit_length())
    return ipaddress.IPv6Network((min(found), length), strict=False)
