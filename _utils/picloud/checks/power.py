"""
Checks of power: supplies are enough for the boards on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from picloud.checks.context import RackIndex
from picloud.faults import Problem

#: Volts at which boards draw ``peak_ma`` (USB, and what PoE HATs make).
VOLTS = 5


def hub_current(index: RackIndex) -> Iterator[Problem]:
    """The boards on a hub draw no more than its supply gives."""
    if index.design is None or index.design.power != "hub":
        return
    draw: dict[int, int] = defaultdict(int)
    count: dict[int, int] = defaultdict(int)
    for seat in index.seats:
        if seat.node.hub is not None and seat.board is not None:
            draw[seat.node.hub] += seat.board.peak_ma
            count[seat.node.hub] += 1
    for number, milliamps in draw.items():
        hub = index.hubs[number - 1] if number <= len(index.hubs) else None
        if hub is not None and milliamps > hub.supply_ma:
            problem = (
                f"the {count[number]} boards on hub {number} draw up to {milliamps} mA, and its "
                f"supply gives {hub.supply_ma} mA"
            )
            advice = "use a stronger hub, or move boards to another"
            yield Problem((*index.path, "nodes"), "hub-overload", problem, advice)


def poe_boards(index: RackIndex) -> Iterator[Problem]:
    """In a rack powered over the network every board can be."""
    if index.design is None or index.design.power != "poe":
        return
    for seat in index.seats:
        if seat.board is not None and not seat.board.poe:
            own = seat.declared.model is not None
            path = (*seat.path, "model") if own else seat.path
            problem = f"{seat.node.model} cannot be powered over the network"
            yield Problem(path, "no-poe", problem, "use another model, or another design")


def poe_power(index: RackIndex) -> Iterator[Problem]:
    """The boards of a rack draw no more than its switch gives."""
    if index.design is None or index.design.power != "poe" or index.switch is None:
        return
    draw = sum(seat.board.peak_ma for seat in index.seats if seat.board is not None)
    watts = draw * VOLTS / 1000
    if index.switch.poe_watts and watts > index.switch.poe_watts:
        problem = (
            f"its {len(index.seats)} boards draw up to {watts:g} W, and switch "
            f"{index.design.switch} gives {index.switch.poe_watts:g} W"
        )
        advice = "use a stronger switch, or fewer boards"
        yield Problem((*index.path, "nodes"), "poe-overload", problem, advice)


CHECKS = (hub_current, poe_boards, poe_power)
