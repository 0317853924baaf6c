"""
RPiaaS (Raspberry Pi as a Service, Ghent University): ``config/config.json``. Clusters have a
domain, a prefix (the first part of every address) and nodes with type, hostname, suffix and hwaddr.

Source of the format: IBCNServices/RPiaaS, config/config.example.json and src/master
(lib/cluster.js, lib/clusternode.js, views/conf/dnsmasq.pug): address = prefix "." suffix, or the
suffix alone where the prefix is empty; full name = hostname "." domain, so host names repeat from
cluster to cluster.
"""

from __future__ import annotations

import ipaddress

from picloud import suggest
from picloud.importers.lab import Given, Lab, Log, Machine, count, show, slug
from picloud.importers.places import Item, Unreadable, parse_json

TOP_KEYS = ("clusters", "interface")
CLUSTER_KEYS = ("domain", "prefix", "nodes")
NODE_KEYS = ("type", "hostname", "suffix", "hwaddr")
#: dnsmasq.pug has the master listen here and be everybody's router and name server.
MASTER_ADDRESS = "10.0.0.1"
MASTER_NET = ipaddress.IPv4Network("10.0.0.0/16")


def read(text: str, log: Log) -> Lab:
    """Read a configuration; every node becomes a machine, every cluster a rack."""
    lab = Lab(log)
    try:
        top = parse_json(text)
    except Unreadable as error:
        log.fault(error.line, "", "bad-json", error.problem, "correct it: nothing was imported")
        return lab
    clusters = top.get("clusters")
    if clusters.kind != "list" or not clusters.items:
        log.fault(
            clusters.line,
            "clusters",
            "no-clusters",
            "is not a list of clusters" if top.fields else "there are no clusters",
            'an RPiaaS config.json has {"clusters": [{"domain", "prefix", "nodes"}]}',
        )
        return lab
    _unknown(top, "", TOP_KEYS, log)
    if top.get("interface").text:
        interface = top.get("interface")
        log.note(
            f"{show(interface.text)}, the master's network card, is left out", interface.line,
            "interface",
        )  # fmt: skip
    lab.domain = _common([cluster.get("domain").text.lower() for cluster in clusters.items])
    for place, cluster in enumerate(clusters.items):
        _cluster(cluster, f"clusters[{place}]", place, lab)
    _separate_names(lab)
    return lab


def _common(domains: list[str]) -> str:
    """
    Return the domain that all are in.

    >>> _common(["c1.rpiaas.test", "c2.rpiaas.test", "rpiaas.test"])
    'rpiaas.test'
    """
    labels = [domain.strip(".").split(".")[::-1] for domain in domains if domain.strip(".")]
    shared = []
    for column in zip(*labels, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    if len(shared) == 1 and len(labels) > 1:
        return ""  # only the top-level domain: these are different domains
    return ".".join(shared[::-1])


def _cluster(cluster: Item, path: str, place: int, lab: Lab) -> None:
    log = lab.log
    if cluster.kind != "map":
        log.fault(
            cluster.line, path, "bad-cluster", "is not a cluster", "write {domain, prefix, nodes}"
        )
        return
    _unknown(cluster, path, CLUSTER_KEYS, log)
    domain = cluster.get("domain").text.lower()
    if not domain:
        log.fault(
            cluster.get("domain").line,
            f"{path}.domain",
            "no-domain",
            "is empty or missing",
            f"name the cluster's domain; its rack is printed as rack{place + 1}",
        )
    rack = slug(domain.removesuffix(lab.domain).strip(".") or domain.partition(".")[0])
    other = next((m for m in lab.machines if m.rack == rack), None) if rack else None
    if other:
        log.fault(
            cluster.get("domain").line,
            f"{path}.domain",
            "doubled-domain",
            f"{show(domain)} is the domain of {other.name.path.partition('.')[0]}, too",
            f"give each cluster its own; the nodes of both are printed in {rack}",
        )
    nodes = cluster.get("nodes")
    if not nodes.items:
        log.fault(
            nodes.line, f"{path}.nodes", "no-nodes", "has no nodes", "add them, or leave it out"
        )
    begin = len(lab.machines)
    for number, node in enumerate(nodes.items):
        where = f"{path}.nodes[{number}]"
        if node.kind != "map":
            log.fault(
                node.line, where, "bad-node", "is not a node", f"write {{{', '.join(NODE_KEYS)}}}"
            )
            continue
        _node(node, where, cluster, rack or f"rack{place + 1}", lab)
    prefix = cluster.get("prefix")
    if not prefix.text:
        _empty_prefix(prefix, path, lab, nodes.items, lab.machines[begin:])


def _empty_prefix(
    prefix: Item, path: str, lab: Lab, nodes: list[Item], machines: list[Machine]
) -> None:
    suffixes = [node.get("suffix").text for node in nodes]
    without = [machine.name.text for machine in machines if "address" not in machine.given]
    if without:
        have = count(len(without), "node has", "nodes have")
        named = [name for name in without if name]
        problem = f"is empty, so {have} no address"
        problem += f": {', '.join(named[:8])}" if named else ""
        problem += " ..." if len(named) > 8 else ""
        remedy = "write the first three numbers of the cluster's addresses: 10.0.1"
    elif all(_is_address(suffix) for suffix in suffixes):
        problem = "is empty, so the suffixes are taken for whole addresses"
        remedy = "write the part all addresses of the cluster begin with: 10.0.1"
    else:
        problem = f"is empty, so the address of the master {lab.master} is not known"
        remedy = "see that the address under network.hosts is the master's"
    lab.log.fault(prefix.line, f"{path}.prefix", "empty-prefix", problem, remedy)


def _node(node: Item, path: str, cluster: Item, rack: str, lab: Lab) -> None:
    log = lab.log
    _unknown(node, path, NODE_KEYS, log)
    name, suffix = node.get("hostname"), node.get("suffix")
    domain = cluster.get("domain").text.lower()
    prefix = cluster.get("prefix").text.rstrip(".")
    address = f"{prefix}.{suffix.text}" if prefix else suffix.text
    known = prefix or _is_address(address)
    if not node.get("type").text and domain == lab.domain and not lab.master and name.text:
        lab.master = f"{name.text.lower()}.{domain}"
        _master(address if _is_address(address) else "", node, path, lab)
        return
    machine = Machine(Given(name.text, name.line, f"{path}.hostname"), rack=rack)
    if not suffix.text:
        log.fault(
            suffix.line,
            f"{path}.suffix",
            "no-suffix",
            "is empty or missing, so the node has no address",
            "write the last number of its address",
        )
    elif known:
        machine.take("address", address, suffix.line, f"{path}.suffix")
    hwaddr, kind = node.get("hwaddr"), node.get("type")
    machine.take("mac", hwaddr.text, hwaddr.line, f"{path}.hwaddr")
    machine.take("model", kind.text, kind.line, f"{path}.type")
    lab.machines.append(machine)


def _master(address: str, node: Item, path: str, lab: Lab) -> None:
    """The cluster of the parent domain is no cluster: it holds the RPiaaS master."""
    lab.master_address = address or MASTER_ADDRESS
    if ipaddress.ip_address(lab.master_address) in MASTER_NET:
        lab.gateway = MASTER_ADDRESS
    lab.log.note(
        f"{lab.master} at {lab.master_address} is the master, which RPiaaS makes router and name "
        "server, too",
        node.line,
        path,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _separate_names(lab: Lab) -> None:
    """Names that only their cluster's domain told apart get the rack in front."""
    first: dict[str, Machine] = {}
    for machine in lab.machines:
        name = machine.name.text.lower()
        other = first.setdefault(name, machine)
        if other.rack == machine.rack or not name:
            continue
        given = machine.name
        new = f"{machine.rack}-{name}"
        lab.log.fault(
            given.line,
            given.path,
            "doubled-name",
            f"{show(given.text)} is also the name of {other.name.path} in line {other.name.line}",
            f"it is printed as {show(new)}: keep that, or rename one",
        )
        machine.name = Given(new, given.line, given.path)


def _unknown(item: Item, path: str, known: tuple[str, ...], log: Log) -> None:
    for key, first, second in item.doubled:
        log.fault(
            second,
            f"{path}.{key}".lstrip("."),
            "doubled-key",
            f"is there a second time, after line {first}",
            "keep one of them; the second is taken",
        )
    for key, value in item.fields.items():
        if key not in known:
            log.fault(
                value.line,
                f"{path}.{key}".lstrip("."),
                "unknown-key",
                "is not a key of RPiaaS, so it is left out",
                suggest.remedy(key, known, "keys"),
            )
