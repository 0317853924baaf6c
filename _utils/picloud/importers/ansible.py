"""
Ansible inventories of Pis: groups become racks or roles, variables become what a node says.
"""

from __future__ import annotations

import ipaddress
import re

from picloud import suggest
from picloud.importers.inventory import (
    Inventory,
    Var,
    ancestry,
    parents,
    read_ini,
    read_yaml,
)
from picloud.importers.lab import Given, Lab, Log, Machine, closest, count, show, slug
from picloud.importers.places import Unreadable, parse_yaml

#: What people call a variable -> what it holds.
VARIABLES = {
    "address": ("ansible_host", "ansible_ssh_host", "ip", "ip_address", "ipaddr", "ipv4", "address",
                "static_ip", "node_ip"),
    "ipv6": ("ipv6", "ipv6_address", "ip6"),
    "mac": ("mac", "mac_address", "macaddress", "macaddr", "hwaddr", "hardware_address", "ether"),
    "serial": ("serial", "serial_number", "board_serial", "cpu_serial", "pi_serial"),
    "model": ("model", "board", "board_model", "pi_model", "rpi_model", "pi_type", "rpi_type",
              "hardware", "hardware_model", "device_type"),
    "rack": ("rack", "rack_name", "cabinet"),
    "slot": ("slot", "position", "rack_position", "rack_slot", "bay"),
    "site": ("site", "location", "datacenter", "datacentre", "room"),
    "domain": ("domain", "dns_domain", "domain_name"),
    "roles": ("role", "roles", "node_role"),
    "port": ("switch_port", "port"),
    "design": ("design", "rack_design"),
    "image": ("image", "os_image"),
    "ram_mb": ("ram_mb", "memory_mb"),
}  # fmt: skip
NAMES = {name: key for key, names in VARIABLES.items() for name in names}
#: Variables that tell Ansible how to reach a machine; Salt does not ask.
CONNECTION = re.compile(r"^ansible_")
#: Groups that are racks by their name; groups below `racks` are, whatever their name.
RACK = re.compile(r"^(rack|shelf|cabinet|chassis|enclosure)[-_ ]?\w+$", re.IGNORECASE)
RACKS = frozenset({"racks", "shelves", "cabinets"})
#: Groups of the one machine that is the Salt master.
MASTERS = frozenset({"salt_master", "salt_masters", "saltmaster", "salt-master", "salt"})
#: Groups that say nothing: Ansible makes them itself, or they only hold racks.
EMPTY = frozenset({"all", "ungrouped"}) | RACKS
_GIVEN = ("address", "ipv6", "mac", "serial", "model", "slot", "port", "image", "ram_mb")


def read(text: str, log: Log) -> Lab:
    """Read an inventory; every host becomes a machine, every fault goes to the log."""
    inventory = read_yaml(text, log) if is_yaml(text) else read_ini(text, log)
    lab = Lab(log)
    racks = {name for name in inventory.groups if is_rack(name, inventory)}
    above = parents(inventory)
    _groups_exist(inventory, log)
    groups = {host: _groups_of(host, inventory, above) for host in inventory.hosts}
    for host, line in inventory.hosts.items():
        if host in ("localhost", "127.0.0.1", "::1"):
            log.note(f"{show(host)} is the machine Ansible runs on, no Pi: left out", line)
            continue
        lab.machines.append(_machine(host, groups[host], inventory, racks, log))
    _variables(inventory, log)
    _master(lab, inventory, log)
    return lab


def is_yaml(text: str) -> bool:
    """
    Tell a YAML inventory from an INI one.

    >>> is_yaml("all:\\n  hosts:\\n    pi1:\\n"), is_yaml("[pis]\\npi1 mac=b8:27:eb:00:00:01\\n")
    (True, False)
    """
    first = next((s for line in text.split("\n") if (s := line.strip()) and s[0] not in "#;"), "")
    if first == "---" or first.startswith(("{", "%")):
        return True
    if first.startswith("["):
        return False
    try:
        return any(document.kind == "map" for document in parse_yaml(text))
    except Unreadable:
        return bool(re.match(r"^[\w.-]+:\s*([#{].*)?$", first))


def _groups_exist(inventory: Inventory, log: Log) -> None:
    for group in list(inventory.groups.values()):
        for child, line in group.children.items():
            if child not in inventory.groups:
                near = suggest.closest(child, set(inventory.groups) - {group.name})
                log.fault(
                    line,
                    f"{group.name}.{child}",
                    "unknown-group",
                    f"{show(child)} is not a group",
                    f'did you mean "{near}"?' if near else f"add [{child}], or take it out",
                )
        if group.name in group.children:
            log.fault(
                group.children[group.name],
                group.name,
                "circle",
                "is its own child",
                "take it out of its children",
            )


def _groups_of(
    host: str, inventory: Inventory, above: dict[str, list[str]]
) -> list[tuple[int, str]]:
    """All groups of a host with their distance, nearest last: the order in which they win."""
    near: dict[str, int] = {}
    for group in inventory.groups.values():
        if host in group.hosts:
            for distance, name in ancestry(group.name, above):
                near[name] = min(distance, near.get(name, distance))
    near.setdefault("all", 99)
    return sorted(((distance, name) for name, distance in near.items()), key=_winning)


def _winning(entry: tuple[int, str]) -> tuple[int, str]:
    distance, name = entry
    return (-99 if name == "all" else -distance, name)


def _machine(
    host: str, groups: list[tuple[int, str]], inventory: Inventory, racks: set[str], log: Log
) -> Machine:
    line = inventory.hosts[host]
    given: dict[str, tuple[Var, str]] = {}
    for _, name in groups:
        group = inventory.groups.get(name)
        for key, var in (group.vars if group else {}).items():
            given[key] = (var, f"{name}.{key}")
    for key, var in inventory.vars[host].items():
        given[key] = (var, f"{host}.{key}")
    machine = Machine(Given(host, line, host))
    if _is_address(host):
        _named_by_address(machine, host, line, log)
    for key, names in VARIABLES.items():
        found = next((given[name] for name in names if name in given), None)
        if not found:
            continue
        var, path = found
        if var.kind in ("map", "tag") or "{{" in var.text:
            continue
        if key in _GIVEN:
            machine.take(key, var.text, var.line, path)
        elif key == "roles":
            for word in re.split(r"[\s,;]+", var.text.strip("[]")):
                _role(machine, word.strip("'\""), var.line, path)
        elif key in ("rack", "site", "domain", "design"):
            setattr(machine, key, slug(var.text) if key != "domain" else var.text.lower())
    _by_groups(machine, groups, inventory, racks, log)
    return machine


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _named_by_address(machine: Machine, host: str, line: int, log: Log) -> None:
    """Inventories of bare addresses: the address is known, the name is not."""
    name = slug(f"pi-{re.split('[.:]', host)[-1]}")
    log.fault(
        line,
        host,
        "no-name",
        "is an address without a host name",
        f"it is printed as {show(name)}: keep that, or name the host and give it ansible_host",
    )
    machine.name = Given(name, line, host)
    machine.take("address", host, line, host)


def _role(machine: Machine, name: str, line: int, path: str) -> None:
    role = slug(name)
    if role and role not in {known.text for known in machine.roles}:
        machine.roles.append(Given(role, line, path))


def _by_groups(
    machine: Machine,
    groups: list[tuple[int, str]],
    inventory: Inventory,
    racks: set[str],
    log: Log,
) -> None:
    """Groups that are racks say where the machine stands; the others are its roles."""
    said = bool(machine.rack)
    stands = []
    for _, name in reversed(groups):
        group = inventory.groups.get(name)
        if not group or name in EMPTY or name.lower() in MASTERS:
            continue
        if name in racks:
            stands.append(name)
        else:
            _role(machine, name, group.line, name)
    if len(stands) > 1 and not said:
        log.fault(
            machine.name.line,
            machine.name.path,
            "two-racks",
            f"is in racks {' and '.join(sorted(stands))}",
            f"take it out of one; it is printed in {stands[0]}",
        )
    if stands and not said:
        machine.rack = stands[0]


def is_rack(name: str, inventory: Inventory) -> bool:
    """Tell whether a group is a rack: by its name, or because it is below a group ``racks``."""
    below = any(
        name in group.children for group in inventory.groups.values() if group.name in RACKS
    )
    return below or bool(RACK.match(name))


def _variables(inventory: Inventory, log: Log) -> None:
    """Name every variable that has no place; values are not shown, they may be secrets."""
    places: dict[str, list[tuple[Var, str]]] = {}
    for group in inventory.groups.values():
        for key, var in group.vars.items():
            places.setdefault(key, []).append((var, f"{group.name}.{key}"))
    for host, own in inventory.vars.items():
        for key, var in own.items():
            places.setdefault(key, []).append((var, f"{host}.{key}"))
    for key, uses in places.items():
        if key in NAMES:
            _unreadable(uses, log)
            continue
        var, path = uses[0]
        lines = sorted({use.line for use, _ in uses})
        more = f"; also in {_lines(lines[1:])}" if len(lines) > 1 else ""
        if CONNECTION.match(key):
            log.note(f"left out: it tells Ansible how to connect{more}", var.line, path)
            continue
        near = closest(key, NAMES)
        log.fault(
            var.line,
            path,
            "unknown-variable",
            f"has no place in a description, so it is left out{more}",
            f'did you mean "{near}"?' if near else "take it out of the source, or live without it",
        )


def _lines(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:8])) + (" ..." if len(lines) > 8 else "")
    return f"{'line' if len(lines) == 1 else 'lines'} {shown}"


def _unreadable(uses: list[tuple[Var, str]], log: Log) -> None:
    for var, path in uses:
        if var.kind == "tag":
            problem = "is kept in a vault, which cannot be read here"
        elif "{{" in var.text:
            problem = "is a template, which only Ansible can fill in"
        elif var.kind == "map":
            problem = "is a mapping, where one value is wanted"
        else:
            continue
        log.fault(var.line, path, "unreadable", problem, "write the value itself")


def _master(lab: Lab, inventory: Inventory, log: Log) -> None:
    """The host of a group such as salt_master is the master; it is a node too if it has a model."""
    names = [
        host
        for group in inventory.groups.values()
        if group.name.lower() in MASTERS
        for host in group.hosts
    ]
    if not names:
        return
    machine = next((m for m in lab.machines if m.name.path == names[0]), None)
    if len(names) > 1:
        log.fault(
            inventory.hosts[names[1]],
            names[1],
            "two-masters",
            f"there are {count(len(names), 'master')}, a site has one",
            f"leave one; {names[0]} is printed",
        )
    if machine is None:
        return
    label, _, domain = machine.name.text.lower().partition(".")
    lab.domain = lab.domain or domain
    lab.master = label
    if "model" not in machine.given:
        lab.machines.remove(machine)
        address = machine.given.get("address")
        lab.master_address = address.text if address else ""
        log.note(f"{machine.name.text} is the master, and no Pi as it has no model",
                 machine.name.line, machine.name.path)  # fmt: skip
