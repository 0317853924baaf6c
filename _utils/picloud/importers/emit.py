"""
Print a lab as a description: first what has to be answered and what was assumed, then the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from picloud.importers.lab import Lab, Machine, count
from picloud.importers.network import Named, names, sites
from picloud.importers.settle import MISSING, TOWER

#: Roles that pillar/cloud/roles.sls has; any other role of a source is printed as a new one.
SHIPPED_ROLES = frozenset({"pi", "docker", "swarm", "swarm-manager"})
#: The image of pillar/cloud/images.sls, for racks whose source names none.
SHIPPED_IMAGE = "bookworm"
#: Sizes that unmanaged switches are sold in: a generated rack gets the smallest that fits.
SWITCH_SIZES = (5, 8, 16, 24, 48)

#: Sections on their way to print: name -> key -> field -> YAML.
Table = dict[str, dict[str, dict[str, str]]]

_NODE_KEYS = ("address", "ipv6", "mac", "serial", "model", "ram_mb", "image")
_WIRE_KEYS = ("port", "hub", "hub_port")
_NUMBERS = frozenset({"ram_mb", *_WIRE_KEYS})
_PLAIN = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_IPV4 = re.compile(r"^\d+(\.\d+){3}$")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "{": "\\x7b", "\n": "\\n", "\t": "\\t"}


def scalar(value: str) -> str:
    r"""
    Write a text as a YAML scalar that no renderer before YAML can take for its own.

    >>> scalar("pi3"), scalar("on"), scalar("b8:27:eb:00:00:01"), scalar("{{ x }}")
    ('pi3', '"on"', '"b8:27:eb:00:00:01"', '"\\x7b\\x7b x }}"')
    """
    if (_PLAIN.match(value) and value.lower() not in _WORDS) or _IPV4.match(value):
        return value
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 1 << 16 else "?"


def comment(text: str) -> str:
    """Write a text as one comment line, with nothing in it that a template engine would run."""
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return "# " + re.sub(r"\{(?=[{%#])", "(", clean)


def sequence(values: Iterable[str]) -> str:
    """Write texts as a YAML list in one line."""
    return "[" + ", ".join(scalar(value) for value in values) + "]"


def mapping(fields: dict[str, str]) -> str:
    """Write a mapping in one line; the values are YAML already."""
    return "{" + ", ".join(f"{scalar(key)}: {value}" for key, value in fields.items()) + "}"


def description(lab: Lab, form: str) -> str:
    """Return the whole text: header and sections."""
    body = list(_sections(lab))
    return "\n".join([*_header(lab, form), *body]).rstrip() + "\n"


def _header(lab: Lab, form: str) -> Iterator[str]:
    log = lab.log
    racks = len({machine.rack for machine in lab.machines})
    what = [f"{count(len(lab.machines), 'node')} in {count(racks, 'rack')}"] if racks else []
    what += [
        count(len(rows), name.rstrip("es") if name == "switches" else name.rstrip("s"), name)
        for name, rows in lab.sections.items()
        if rows
    ]
    yield comment(f"Imported from {log.source} ({form}): {', '.join(what) or 'nothing'}.")
    if log.faults:
        yield "#"
        yield comment(
            f"TO ANSWER: {count(len(log.faults), 'fault')}. Correct the source and import again, "
            "or correct this file."
        )
        yield from (comment(f"  {fault}") for fault in sorted(log.faults))
    if log.notes:
        yield "#"
        yield comment("ASSUMED, or left out because the description has no place for it:")
        yield from (comment(f"  {note}") for note in log.notes)
    if lab.machines:
        yield "#"
        yield comment(
            "Put this file into a copy of pillar/cloud, in place of cloud.sls, network.sls and "
            "racks/; then: salt-run picloud.validate path=<copy>"
        )


def _sections(lab: Lab) -> Iterator[str]:
    tables = lab.sections
    if lab.machines:
        named = names(lab)
        yield ""
        yield from _named(named)
        yield from _sites(lab, named)
        tables = {**_design(lab), **_roles(lab), **tables}
    for name, rows in tables.items():
        yield ""
        yield f"{name}:" if rows else f"{name}: {{}}"
        for key, fields in rows.items():
            yield f"  {scalar(key)}:"
            yield from (f"    {field}: {value}" for field, value in fields.items())
    if lab.machines:
        yield ""
        yield "racks:"
        for rack in dict.fromkeys(machine.rack for machine in lab.machines):
            yield from _rack(rack, [m for m in lab.machines if m.rack == rack])


def _named(named: Named) -> Iterator[str]:
    yield "cloud:"
    yield f"  name: {scalar(named.cloud)}"
    yield f"  domain: {scalar(named.domain)}"
    yield "  # timezone: Europe/London     # Etc/UTC when left out"
    yield "  # locale: en_GB.UTF-8         # C.UTF-8 when left out"


def _sites(lab: Lab, named: Named) -> Iterator[str]:
    found = sites(lab, named)
    yield ""
    yield "sites:"
    for site in found:
        yield f"  {scalar(site.name)}:"
        yield f"    master: {scalar(site.master)}"
        yield f"    subnet: {site.subnet}"
        if site.ipv6:
            yield f"    ipv6: {scalar(str(site.ipv6))}"
        yield f"    {'' if site.gateway_known else '# '}gateway: {site.gateway}"
    hosts = {site.master: site.master_address for site in found if site.master_address}
    servers = [site.master_address for site in found if site.gateway_known and site.master_address]
    yield ""
    yield "network:" if hosts or servers else "network: {}"
    if servers:
        yield f"  nameservers: {sequence(dict.fromkeys(servers))}"
    if hosts:
        yield "  hosts:"
        yield from (f"    {scalar(host)}: {scalar(address)}" for host, address in hosts.items())


def _design(lab: Lab) -> Table:
    """One design with every tower that a slot names, big enough for the biggest rack."""
    plain = [machine for machine in lab.machines if not machine.design]
    if not plain:
        return {}
    towers: dict[str, int] = {}
    ports = [int(m.node["port"]) for m in plain if m.node.get("port", "").isdecimal()]
    for machine in plain:
        tower, _, position = machine.slot.partition("/")
        towers[tower] = max(towers.get(tower, 0), int(position))
    need = max([sum(towers.values()), *(port for port in ports if port < 1000)]) + 1
    size = next((ports for ports in SWITCH_SIZES if ports >= need), need)
    lab.log.note(
        f"racks of design {TOWER} with one unmanaged switch of {size} ports and a supply for each "
        "board; name another design, such as lego14, where that is wrong"
    )
    switch = f"unmanaged{size}"
    return {
        "switches": {
            switch: {
                "name": scalar(f"unmanaged switch with {size} ports"),
                "ports": str(size),
                "mbps": "1000",
            }
        },
        "designs": {
            TOWER: {
                "towers": mapping({tower: str(places) for tower, places in towers.items()}),
                "switch": scalar(switch),
                "wiring": "by-slot",
                "power": "supply",
            }
        },
    }


def _roles(lab: Lab) -> Table:
    """Roles that the shipped description does not have; they bring no parts yet."""
    used = dict.fromkeys(role.text for machine in lab.machines for role in machine.roles)
    new = [role for role in used if role not in SHIPPED_ROLES]
    if new:
        lab.log.note(f"roles without parts: {', '.join(new)}; say under roles what each brings")
    if "docker" not in used:
        lab.log.note("no node has the role docker: add it to a rack's roles for Docker Engine")
    return {"roles": {role: {"parts": "[]"} for role in new}} if new else {}


def _by_slot(machine: Machine) -> tuple[str, int]:
    tower, _, position = machine.slot.partition("/")
    return tower, int(position)


def _rack(rack: str, machines: list[Machine]) -> Iterator[str]:
    """One rack; what all its nodes share is said once."""
    model = Counter(m.node["model"] for m in machines).most_common(1)[0][0]
    images = Counter(m.node.get("image", SHIPPED_IMAGE) for m in machines)
    image = images.most_common(1)[0][0]
    shared = [
        role.text
        for role in machines[0].roles
        if all(role.text in {r.text for r in machine.roles} for machine in machines)
    ]
    yield f"  {scalar(rack)}:"
    yield f"    site: {scalar(machines[0].site)}"
    yield f"    design: {scalar(machines[0].design or TOWER)}"
    missing = "     # which board? See boards" if model == MISSING else ""
    yield f"    model: {scalar(model)}{missing}"
    yield f"    image: {scalar(image)}"
    if shared:
        yield f"    roles: {sequence(dict.fromkeys(shared))}"
    yield "    nodes:"
    for machine in sorted(machines, key=_by_slot):
        fields = {"id": scalar(machine.id)}
        for key in (*_NODE_KEYS, *_WIRE_KEYS):
            value = machine.node.get(key)
            if value and {"model": model, "image": image}.get(key) != value:
                number = key in _NUMBERS and value.isascii() and value.isdigit()
                fields[key] = value if number else scalar(value)
        if "image" not in machine.node and image != SHIPPED_IMAGE:
            fields["image"] = scalar(SHIPPED_IMAGE)
        own = dict.fromkeys(role.text for role in machine.roles if role.text not in shared)
        if own:
            fields["roles"] = sequence(own)
        yield f"      {machine.slot}: {mapping(fields)}"
