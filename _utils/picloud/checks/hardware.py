"""
Checks of designs: what a rack is built of fits together.
"""

from __future__ import annotations

from collections.abc import Iterator

from picloud.checks.context import Known
from picloud.faults import Problem

#: Options of config.txt that set a clock or a voltage, and so belong in ``boot.overclock``. Source:
#: https://www.raspberrypi.com/documentation/computers/config_txt.html, "Overclocking options".
CLOCKS = frozenset(
    [
        "arm_freq",
        "arm_freq_min",
        "arm_boost",
        "core_freq",
        "core_freq_min",
        "gpu_freq",
        "gpu_freq_min",
        "h264_freq",
        "h264_freq_min",
        "hevc_freq",
        "hevc_freq_min",
        "isp_freq",
        "isp_freq_min",
        "v3d_freq",
        "v3d_freq_min",
        "sdram_freq",
        "sdram_freq_min",
        "over_voltage",
        "over_voltage_delta",
        "over_voltage_min",
        "over_voltage_sdram",
        "over_voltage_sdram_c",
        "over_voltage_sdram_i",
        "over_voltage_sdram_p",
        "force_turbo",
        "initial_turbo",
        "temp_limit",
        "temp_soft_limit",
        "avoid_warnings",
    ]
)


def references(known: Known) -> Iterator[Problem]:
    """Switches and hubs of a design are described."""
    for name, design in known.common.designs.items():
        yield from known.refer("switches", design.switch, ("designs", name, "switch"))
        for place, hub in enumerate(design.hubs):
            yield from known.refer("hubs", hub, ("designs", name, "hubs", place))


def switch_ports(known: Known) -> Iterator[Problem]:
    """A switch has a port for each slot."""
    for name, design in known.common.designs.items():
        switch, slots = known.common.switches.get(design.switch), sum(design.towers.values())
        if switch is not None and design.wiring == "by-slot" and slots > switch.ports:
            problem = f"has {slots} slots, and switch {design.switch} {switch.ports} ports"
            advice = "choose a larger switch, or wiring: declared"
            yield Problem(("designs", name, "switch"), "switch-too-small", problem, advice)


def hubs_by_slot(known: Known) -> Iterator[Problem]:
    """With wiring by-slot hub n feeds tower n: as many hubs as towers, with enough ports."""
    for name, design in known.common.designs.items():
        if design.power != "hub":
            continue
        if design.wiring == "by-slot" and len(design.hubs) != len(design.towers):
            problem = f"has {len(design.hubs)} hubs for {len(design.towers)} towers"
            advice = "name one hub for each tower, in their order, or choose wiring: declared"
            yield Problem(("designs", name, "hubs"), "hub-count", problem, advice)
            continue
        if design.wiring != "by-slot":
            continue
        for place, (tower, height) in enumerate(design.towers.items()):
            hub = known.common.hubs.get(design.hubs[place])
            if hub is not None and height > hub.ports:
                path = ("designs", name, "hubs", place)
                problem = f"hub {design.hubs[place]} has {hub.ports} ports, tower {tower} {height}"
                yield Problem(path, "hub-too-small", problem, "choose a larger hub")


def poe_switch(known: Known) -> Iterator[Problem]:
    """A design powered over the network has a switch that gives power."""
    for name, design in known.common.designs.items():
        switch = known.common.switches.get(design.switch)
        if design.power == "poe" and switch is not None and not switch.poe_watts:
            problem = f"power is poe, and switch {design.switch} gives none"
            advice = "choose a switch with poe_watts, or another power"
            yield Problem(("designs", name, "power"), "no-poe", problem, advice)


CHECKS = (references, switch_ports, hubs_by_slot, poe_switch)
