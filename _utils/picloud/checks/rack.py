"""
Checks of one rack against everything but racks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from picloud import schema
from picloud.checks import kept, power, settings
from picloud.checks.common import address as well_formed
from picloud.checks.common import settings as settings_of
from picloud.checks.context import RackIndex, Seat, overrides
from picloud.faults import OTHER, Path, Problem
from picloud.suggest import remedy


def check(index: RackIndex) -> Iterator[Problem]:
    """Yield everything that is wrong with a rack by itself, beyond types."""
    for one in CHECKS:
        yield from one(index)


def references(index: RackIndex) -> Iterator[Problem]:
    """What the rack and its nodes name is described."""
    known, rack, path = index.known, index.rack, index.path
    yield from known.refer("sites", rack.site, (*path, "site"))
    yield from known.refer("designs", rack.design, (*path, "design"))
    entries: list[tuple[schema.Rack | schema.Node, Path]] = [(rack, path)]
    entries += [(seat.declared, seat.path) for seat in index.seats]
    for entry, where in entries:
        if entry.model is not None:
            yield from known.refer("boards", entry.model, (*where, "model"))
        if entry.image is not None:
            yield from known.refer("images", entry.image, (*where, "image"))
        for place, role in enumerate(entry.roles):
            yield from known.refer("roles", role, (*where, "roles", place))


def complete(index: RackIndex) -> Iterator[Problem]:
    """Every node has a model and an image."""
    for key, section in (("model", "boards"), ("image", "images")):
        lacking = [seat for seat in index.seats if not getattr(seat.node, key)]
        if not lacking:
            continue
        path, problem = lacking[0].path, f"has no {key}: neither the node nor its rack names one"
        if len(lacking) > 1:
            path, names = index.path, ", ".join(seat.node.id for seat in lacking[:3])
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            problem = f"names no {key}, nor do {names}{more}"
        advice = f"add {key}: one of {', '.join(index.known.declared(section)) or section}"
        yield Problem(path, f"missing-{key}", problem, advice)


def slots(index: RackIndex) -> Iterator[Problem]:
    """Slots exist in the design."""
    if index.slots is None:
        return
    for seat in index.seats:
        if seat.node.slot not in index.slots:
            problem = f"design {index.rack.design} has no such slot"
            advice = remedy(seat.node.slot, index.slots, "slots")
            yield Problem(seat.path, "unknown-slot", problem, advice)


def addresses(index: RackIndex) -> Iterator[Problem]:
    """Addresses lie in the site's subnet and are free for a node."""
    if index.site is None:
        return
    try:
        subnet = ipaddress.ip_network(index.site.subnet, strict=False)
        six = ipaddress.ip_network(index.site.ipv6, strict=False) if index.site.ipv6 else None
    except ValueError:
        return
    taken = {str(subnet[0]): "the subnet's own", str(subnet[-1]): "the broadcast address"}
    if index.site.gateway:
        taken[index.site.gateway] = "the gateway's"
    low, high = int(subnet[0]), int(subnet[-1])
    for seat in index.seats:
        text = seat.declared.address
        if text is not None:
            one, two, three, four = text.split(".")
            number = (int(one) << 24) + (int(two) << 16) + (int(three) << 8) + int(four)
            if not low <= number <= high:
                yield _outside(seat, "address", text, str(subnet), index.rack.site)
            elif text in taken:
                problem = f"{text} is {taken[text]}"
                advice = "choose another address"
                yield Problem((*seat.path, "address"), "reserved-address", problem, advice)
        if seat.declared.ipv6 is not None:
            yield from _ipv6(index, seat, seat.declared.ipv6, six)


def _outside(seat: Seat, key: str, text: str, subnet: str, site: str) -> Problem:
    problem = f"{text} is not in the subnet {subnet} of site {site}"
    return Problem((*seat.path, key), "outside-subnet", problem, "choose an address in it")


def _ipv6(
    index: RackIndex,
    seat: Seat,
    text: str,
    subnet: ipaddress.IPv4Network | ipaddress.IPv6Network | None,
) -> Iterator[Problem]:
    path = (*seat.path, "ipv6")
    wrong = list(well_formed(path, text))
    yield from wrong
    if wrong:
        return
    if subnet is None:
        problem = f"site {index.rack.site} has no IPv6 prefix"
        yield Problem(path, "outside-subnet", problem, "add ipv6 to the site, or leave it out here")
    elif ipaddress.ip_address(text) not in subnet:
        yield _outside(seat, "ipv6", text, str(subnet), index.rack.site)


def boards(index: RackIndex) -> Iterator[Problem]:
    """MAC, serial and memory are such as a board has."""
    for seat in index.seats:
        mac, serial, ram = seat.declared.mac, seat.declared.serial, seat.declared.ram_mb
        if mac is not None and (int(mac[1], 16) & 1 or mac == "00:00:00:00:00:00"):
            problem = f"no board has the MAC address {mac}"
            advice = "read it off the board (ip link), or leave it out: the first join tells"
            yield Problem((*seat.path, "mac"), "unusable-mac", problem, advice)
        if serial is not None and not serial.strip("0"):
            problem = f"no board has the serial {serial}"
            advice = "read it off the board (/proc/cpuinfo), or leave it out: the first join tells"
            yield Problem((*seat.path, "serial"), "unusable-serial", problem, advice)
        if ram is not None and seat.board is not None and ram not in seat.board.ram_mb:
            sizes = ", ".join(map(str, seat.board.ram_mb))
            problem = f"there is no {seat.node.model} with {ram} MB"
            yield Problem((*seat.path, "ram_mb"), "unknown-ram", problem, f"known sizes: {sizes}")


def ports(index: RackIndex) -> Iterator[Problem]:
    """Ports exist on the switch and serve one node each."""
    used: dict[int, Seat] = {}
    for seat in index.seats:
        port = seat.node.port
        if port is None:
            continue
        path = _place(seat, "port")
        if index.switch is not None and port > index.switch.ports:
            design = index.design.switch if index.design else "?"
            problem = f"switch {design} has no port {port}"
            yield Problem(path, "unknown-port", problem, f"choose one of 1 to {index.switch.ports}")
        first = used.setdefault(port, seat)
        if first is not seat:
            problem = f"switch port {port} serves {first.node.id} already, at {OTHER}"
            advice = "give one of them another port"
            yield Problem(path, "duplicate-port", problem, advice, other=_place(first, "port"))


def hub_ports(index: RackIndex) -> Iterator[Problem]:
    """Hubs exist in the design, their ports exist and feed one node each."""
    used: dict[tuple[int, int], Seat] = {}
    on_hubs = index.design is not None and index.design.power == "hub"
    for seat in index.seats:
        number, port = seat.node.hub, seat.node.hub_port
        if number is None:
            if on_hubs and index.design is not None and index.design.wiring == "declared":
                problem = "does not say which hub powers it"
                advice = "add hub: 1 for the first hub of the design, and hub_port"
                yield Problem(seat.path, "undeclared-hub", problem, advice)
            continue
        if index.design is None:
            continue
        if number > len(index.hubs):
            if seat.declared.hub is None:
                continue  # the design has too few hubs: hardware.hubs_by_slot says so
            problem = f"design {index.rack.design} has no hub {number}"
            advice = f"it has {len(index.hubs)}; hub: 1 is the first"
            yield Problem(_place(seat, "hub"), "unknown-hub", problem, advice)
            continue
        if port is None:
            continue
        hub = index.hubs[number - 1]
        if hub is not None and port > hub.ports:
            problem = f"hub {number} has no port {port}"
            advice = f"choose one of 1 to {hub.ports}"
            yield Problem(_place(seat, "hub_port"), "unknown-hub-port", problem, advice)
        first = used.setdefault((number, port), seat)
        if first is not seat:
            problem = f"port {port} of hub {number} feeds {first.node.id} already, at {OTHER}"
            advice = "give one of them another port"
            path, other = _place(seat, "hub_port"), _place(first, "hub_port")
            yield Problem(path, "duplicate-hub-port", problem, advice, other=other)


def _place(seat: Seat, key: str) -> Path:
    return seat.path if getattr(seat.declared, key) is None else (*seat.path, key)


def layers(index: RackIndex) -> Iterator[Problem]:
    """Overrides of the rack and its nodes fit what they override."""
    seen: set[Path] = set()
    for seat in index.seats:
        for place, layer in enumerate(seat.layers):
            if layer.path[0] == "racks" and layer.path not in seen:
                seen.add(layer.path)
                yield from overrides(index.known, seat.layers[:place], layer)
                for part, data in layer.data.items():
                    yield from settings_of((*layer.path, part), part, data)


CHECKS = (
    references,
    complete,
    slots,
    addresses,
    boards,
    ports,
    hub_ports,
    layers,
    *power.CHECKS,
    *settings.CHECKS,
    *kept.CHECKS,
)
