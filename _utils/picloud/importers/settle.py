"""
Bring what a source gives into the form of the description, and name everything that does not fit.
A value that is wrong stays as it is, so that ``validate`` goes on naming it until it is answered.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable

from picloud.importers import models
from picloud.importers.lab import Given, Lab, Log, Machine, count, show, slug

#: The tower of a generated rack, and how many positions a tower may have.
TOWER, TALLEST = "shelf", 99
#: Boards that were sold with more than one size of RAM: for these a node may say its own.
SEVERAL_RAM = frozenset({"pi1b", "pi1aplus", "pi4b", "pi5"})
#: What stands where a fact is missing that nobody can assume. No kind of text allows it, so that
#: `validate` names it.
MISSING = "? fill in"

_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
_HEX = re.compile(r"^[0-9a-f]+$")
#: Words before a slot's number that name no tower: slot 3, U12, bay 4.
_NO_TOWER = frozenset(
    ["bay", "n", "no", "nr", "p", "place", "pos", "position", "s", "slot", "u", "unit"]
)
_SLOT = re.compile(r"^(?:(?P<tower>[A-Za-z][A-Za-z0-9 _]*?)?[\s/:#-]*)?0*(?P<position>\d{1,6})$")


def settle(lab: Lab) -> None:
    """Check every machine of a lab and fill in what is printed of it."""
    for machine in lab.machines:
        _name(machine, lab.log)
        for key, check in CHECKS.items():
            if key in machine.given:
                value = check(machine.given[key], lab.log)
                if value:
                    machine.node[key] = value
        _address_family(machine)
        _hubs(machine, lab.log)
        _model(machine, lab.log)
        machine.rack = slug(machine.rack) or "rack1"
    _names_are_unique(lab)
    for key in ("address", "ipv6", "mac", "serial"):
        _values_are_unique(lab, key)
    _models_are_there(lab)
    _slots(lab)


def _name(machine: Machine, log: Log) -> None:
    given = machine.name
    label, _, domain = given.text.strip().rstrip(".").lower().partition(".")
    machine.domain = machine.domain or domain
    machine.id = label
    if not label:
        machine.id = MISSING
        log.fault(given.line, given.path, "no-name", "has no host name", "give the machine one")
    elif not _LABEL.match(label):
        machine.id = slug(label) or MISSING
        log.fault(
            given.line,
            given.path,
            "bad-name",
            f"{show(given.text)} is not a host name",
            f"it is printed as {show(machine.id)}; use 1 to 63 of a-z, 0-9 and -",
        )


def _mac(given: Given, log: Log) -> str:
    digits = re.sub(r"[\s:.-]", "", given.text.lower())
    if len(digits) != 12 or not _HEX.match(digits):
        log.fault(
            given.line,
            given.path,
            "bad-mac",
            f"{show(given.text)} is not a MAC address",
            'write six pairs of hex digits: "b8:27:eb:c1:d2:e4"',
        )
        return given.text
    if digits == "0" * 12:
        log.fault(
            given.line,
            given.path,
            "zero-mac",
            f"{show(given.text)} is no board's MAC address",
            "read it off the board (ip link show eth0); it is left out, so the board is learned "
            "when it first joins",
        )
        return ""
    if int(digits[:2], 16) & 1:
        log.fault(
            given.line,
            given.path,
            "group-mac",
            f"{show(given.text)} is a group address, no single board has it",
            "read it off the board (ip link show eth0); it is left out",
        )
        return ""
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _serial(given: Given, log: Log) -> str:
    digits = given.text.lower().removeprefix("0x")
    if len(digits) not in (8, 16) or not _HEX.match(digits):
        log.fault(
            given.line,
            given.path,
            "bad-serial",
            f"{show(given.text)} is not a board serial",
            "write its 16 (or last 8) hex digits: cat /proc/device-tree/serial-number",
        )
        return given.text
    if not digits.strip("0"):
        log.fault(
            given.line,
            given.path,
            "zero-serial",
            f"{show(given.text)} is no board's serial",
            "read it off the board (cat /proc/device-tree/serial-number); it is left out",
        )
        return ""
    return digits


def _address(given: Given, log: Log) -> str:
    text = given.text.partition("/")[0].strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        numbers = re.fullmatch(r"[0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*", text)
        log.fault(
            given.line,
            given.path,
            "bad-address",
            f"{show(given.text)} is {'not an IP' if numbers else 'a name, not an'} address",
            "write the address of the machine"
            + ("" if numbers else f" (getent hosts {text}); it is left out" if text else ""),
        )
        return text if numbers else ""
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        log.fault(
            given.line,
            given.path,
            "bad-address",
            f"{show(given.text)} is not an address a machine can be reached at",
            "write the address it has in its network; it is left out",
        )
        return ""
    return str(address)


def _number(given: Given, log: Log) -> str:
    if given.text.isascii() and given.text.isdigit() and int(given.text) > 0:
        return str(int(given.text))
    log.fault(
        given.line,
        given.path,
        "bad-number",
        f"{show(given.text)} is not a number",
        "write a whole number from 1",
    )
    return given.text


def _image(given: Given, _log: Log) -> str:
    return given.text


CHECKS: dict[str, Callable[[Given, Log], str]] = {
    "address": _address,
    "ipv6": _address,
    "mac": _mac,
    "serial": _serial,
    "port": _number,
    "hub": _number,
    "hub_port": _number,
    "ram_mb": _number,
    "image": _image,
}


def _address_family(machine: Machine) -> None:
    """An address of the other family than its column is moved to where it belongs."""
    if ":" in machine.node.get("address", ""):
        machine.node.setdefault("ipv6", machine.node.pop("address"))


def _hubs(machine: Machine, log: Log) -> None:
    """A generated rack has no hubs: their numbers need a design that has them."""
    for key in ("hub", "hub_port"):
        if key in machine.node and not machine.design:
            given = machine.given[key]
            del machine.node[key]
            log.fault(
                given.line,
                given.path,
                "no-hubs",
                f"{show(given.text)} has no place: the rack is of no design that has hubs",
                "add a column design that names one, such as lego14; it is left out",
            )


def _model(machine: Machine, log: Log) -> None:
    given = machine.given.get("model")
    if not given:
        return
    found = models.find(given.text)
    machine.node["model"] = found or given.text
    if not found:
        log.fault(
            given.line,
            given.path,
            "unknown-model",
            f"{show(given.text)} is not a board model",
            models.remedy(given.text),
        )
        return
    if models.guessed(given.text):
        log.note(f"model {show(given.text)} is taken for {found}, though it may mean others")
    size = models.ram_mb(given.text)
    if size and found in SEVERAL_RAM:
        machine.node.setdefault("ram_mb", str(size))


def _names_are_unique(lab: Lab) -> None:
    first: dict[str, Machine] = {}
    for machine in lab.machines:
        if machine.id == MISSING:
            continue
        other = first.setdefault(machine.id, machine)
        if other is not machine:
            lab.log.fault(
                machine.name.line,
                machine.name.path,
                "doubled-name",
                f"{show(machine.id)} is also the name of the machine in line {other.name.line}",
                "every node of a cloud has its own: rename one, or leave one out",
            )


def _values_are_unique(lab: Lab, key: str) -> None:
    word = {"mac": "MAC address", "serial": "board serial"}.get(key, "address")
    first: dict[str, Machine] = {}
    for machine in lab.machines:
        value = machine.node.get(key)
        given = machine.given.get(key) or machine.given.get("address")
        if not value or not given:
            continue
        other = first.setdefault(value, machine)
        if other is not machine:
            there = other.given.get(key) or other.given["address"]
            lab.log.fault(
                given.line,
                given.path,
                f"doubled-{key}",
                f"{show(value)} is also the {word} of {show(other.id)} in line {there.line}",
                "find out whose it is, and correct the other",
            )


def _models_are_there(lab: Lab) -> None:
    without = [machine for machine in lab.machines if "model" not in machine.node]
    for machine in without:
        machine.node["model"] = MISSING
    if len(without) == len(lab.machines) and len(without) > 1:
        place = without[0].name
        lab.log.fault(
            place.line,
            "model",
            "no-model",
            "no machine says which board it is",
            f"give the model of each, such as pi4b, or replace {show(MISSING)} in the description",
        )
        return
    for machine in without:
        lab.log.fault(
            machine.name.line,
            machine.name.path,
            "no-model",
            "does not say which board it is",
            f"give its model, such as pi4b, or replace {show(MISSING)} in the description",
        )


def _slots(lab: Lab) -> None:
    """Give every machine a slot of its own: the one it names, or the next free one of its rack."""
    taken: dict[tuple[str, str], Machine] = {}
    waiting = []
    for machine in lab.machines:
        machine.slot = _slot(machine, lab.log)
        other = taken.get((machine.rack, machine.slot))
        if machine.slot and not other:
            taken[machine.rack, machine.slot] = machine
            continue
        waiting.append((machine, other if machine.slot else None))
    last: Counter[str] = Counter()
    for machine, other in waiting:
        wanted = machine.slot
        while True:
            last[machine.rack] += 1
            tower, position = divmod(last[machine.rack] - 1, TALLEST)
            machine.slot = f"{TOWER}{tower + 1 if tower else ''}/{position + 1}"
            if (machine.rack, machine.slot) not in taken:
                break
        taken[machine.rack, machine.slot] = machine
        if other:
            given = machine.given["slot"]
            lab.log.fault(
                given.line,
                given.path,
                "doubled-slot",
                f"slot {show(wanted)} of {machine.rack} also holds {show(other.id)} "
                f"in line {other.name.line}",
                f"put one elsewhere; this one is printed in {machine.slot}",
            )
    if waiting:
        lab.log.note(
            f"{count(len(waiting), 'node')} without a slot of their own stand in the next free "
            "ones, in the order of the source"
        )


def _slot(machine: Machine, log: Log) -> str:
    given = machine.given.get("slot")
    if not given:
        return ""
    found = _SLOT.match(given.text)
    position = int(found["position"]) if found else 0
    if not found or not 1 <= position <= TALLEST:
        log.fault(
            given.line,
            given.path,
            "bad-slot",
            f"{show(given.text)} is not a slot",
            f"write a position from 1 to {TALLEST}, or tower and position: left/1",
        )
        return ""
    tower = slug(found["tower"] or "")
    return f"{TOWER if tower in _NO_TOWER else tower or TOWER}/{position}"
