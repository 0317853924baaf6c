"""
The rack as it stands, drawn with text: towers, hubs between them, a switch below, LEDs.

Plain Python, no Salt import. The same lines serve a colour terminal, a pipe and a terminal without
Unicode: colour is only added to them and glyphs are only exchanged one for one, so the layout
never changes. The data drawn is what ``salt-run picloud.rack --out=json`` prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from picloud import status
from picloud.status import State

Data = Mapping[str, Any]

#: One glyph per state, so that the picture can be read without colour, and by the colour-blind.
GLYPHS: Mapping[str, str] = {
    State.CONVERGED: "●",
    State.DRIFTED: "▲",
    State.REJOINING: "◐",
    State.SILENT: "✗",
    State.UNKNOWN: "○",
    State.LOBBY: "◇",
    State.HELD: "◆",
    State.QUARANTINED: "■",
}

#: Middle tones: they can be read on a light and on a dark background.
COLOURS: Mapping[str, str] = {
    State.CONVERGED: "#2e9e44",
    State.DRIFTED: "#d07a00",
    State.REJOINING: "#2f7fd6",
    State.SILENT: "#dc3545",
    State.UNKNOWN: "#858585",
    State.LOBBY: "#1a9c9c",
    State.HELD: "#8f5bd6",
    State.QUARANTINED: "#c2309e",
}

# Bright tones of the same, for LEDs on the dark circuit board.
_LEDS: Mapping[str, str] = {
    State.CONVERGED: "#5cff7a",
    State.DRIFTED: "#ffc233",
    State.REJOINING: "#5cc8ff",
    State.SILENT: "#ff7b7b",
    State.UNKNOWN: "#b8c4bd",
    State.LOBBY: "#5ff0e6",
    State.HELD: "#c9a6ff",
    State.QUARANTINED: "#ff7bdc",
}

# States that the legend leaves out while no node is in them.
_RARE = (State.LOBBY, State.HELD, State.QUARANTINED)

_BOARD = "#0d4a2f"  # the green of a Pi's circuit board
_BRICKS = ("#d01012", "#f5c400", "#006cb7", "#00963f", "#f57d20")
_HUB = "#e8ecef on #4a525b"
_SWITCH = "#dbe4f3 on #1f3a66"
_CABLE = "#b87333"
_CELL = 26  # inner width of one slot
_WALL = 2  # thickness of a tower's brick wall
_HUB_WIDTH = 8  # a hub with its cable
_GREY = "#858585"


def led(state: str, on_board: bool = False) -> Text:
    """
    Return the LED of a state, a glyph in its colour.

    state
        One of :class:`picloud.status.State`.
    on_board
        Use the bright tone for the dark board.
    """
    colours = _LEDS if on_board else COLOURS
    return Text(GLYPHS.get(state, "?"), style=f"bold {colours.get(state, _GREY)}")


def legend(counts: Mapping[str, int]) -> Text:
    """
    Return the line that names every LED and counts it; the rare ones only when there are any.

    counts
        Nodes per state, as :func:`picloud.status.counts` makes it.
    """
    line = Text("  ")
    for state in State:
        number = counts.get(state, 0)
        if not number and state in _RARE:
            continue
        line.append_text(led(state))
        line.append(f" {state} ", style="" if number else "dim")
        line.append(f"{number}   ", style="bold" if number else "dim")
    return line


def rack(name: str, data: Data) -> Group:
    """
    Draw one rack with everything in it.

    name
        The rack's name.
    data
        ``site``, ``design``, ``towers`` (name to a list of nodes, None where a slot is empty),
        ``hubs``, ``switch`` and ``counts``.
    """
    towers: Data = data["towers"]
    groups = _pairs(list(towers.items()))
    nodes = [node for slots in towers.values() for node in slots if node]
    lines = [_title(name, data, len(nodes)), Text()]
    for pair in groups:
        lines += _towers(pair, data)
    lines += _switch(data, nodes, max((_width(pair, data) for pair in groups), default=0))
    lines += [Text(), legend(data["counts"])]
    return Group(*lines, *concerns(nodes))


def strip(name: str, data: Data, name_width: int) -> Text:
    """
    Draw one rack in one line, for a cloud too big for pictures.

    name, data
        As for :func:`rack`.
    name_width
        How wide the names' column is.
    """
    line = Text(f"  {name:<{name_width}}")
    for slots in data["towers"].values():
        line.append("  ")
        for node in slots:
            line.append_text(led(node["state"]) if node else Text("·", style="dim"))
    off = sum(number for state, number in data["counts"].items() if state != State.CONVERGED)
    line.append(f"  {off} of {sum(data['counts'].values())} not converged" if off else "")
    return line


def concerns(nodes: Iterable[Data], most: int = 1000) -> list[RenderableType]:
    """
    Return a line for each kind of concern, worst first, with the nodes it is about.

    nodes
        The nodes to look through.
    most
        How many lines to make; what is left is counted in one more.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for node in status.concerns(nodes):
        said = [] if node["state"] == State.CONVERGED else [node["reason"]]
        text = "; ".join([*said, *status.remarks(node)])
        text = re.sub(rf"\b{re.escape(node['id'])}\b", "NODE", text)
        groups.setdefault((node["state"], text), []).append(node["id"])
    if not groups:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=3, no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for (state, text), names in list(groups.items())[:most]:
        said_of = text.replace("NODE", names[0]) if len(names) == 1 else text
        table.add_row(Text("  ").append_text(led(state)), Text(_some(names)), Text(said_of))
    left = sum(len(names) for names in list(groups.values())[most:])
    more = [Text(f"  and {left} more nodes: salt-run picloud.nodes")] if left else []
    return [Text(), table, *more]


def _some(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _title(name: str, data: Data, number: int) -> Text:
    """The line above the picture."""
    line = Text("  ")
    line.append(name, style="bold")
    facts = [data.get("site"), data.get("design"), f"{number} nodes"]
    line.append("  " + " · ".join(str(fact) for fact in facts if fact), style="dim")
    return line


def _pairs(towers: list[tuple[str, Any]]) -> list[list[tuple[str, Any]]]:
    """Towers by twos, as they stand beside each other."""
    return [towers[first : first + 2] for first in range(0, len(towers), 2)]


def _width(pair: Sequence[Any], data: Data) -> int:
    """How many columns a pair of towers takes."""
    return len(pair) * (_CELL + 2 * _WALL) + len(_middle(pair, data, "studs", None).plain)


def _towers(pair: list[tuple[str, Any]], data: Data) -> list[Text]:
    """Two towers side by side, with their hubs between them."""
    lines = [_across(pair, data, "studs", None), _across(pair, data, "roof", None)]
    for level in reversed(range(max(len(slots) for _, slots in pair))):  # slot 1 is at the bottom
        lines.append(_across(pair, data, "slot", level))
        lines.append(_across(pair, data, "floor", level))
    return lines


def _across(pair: list[tuple[str, Any]], data: Data, part: str, level: int | None) -> Text:
    """One line through all towers of a pair."""
    line = Text("  ")
    for number, (_, slots) in enumerate(pair):
        line.append_text(_piece(slots, part, level, 3 * number))
        if number == 0:
            line.append_text(_middle(pair, data, part, level))
    return line


def _piece(slots: Sequence[Data | None], part: str, level: int | None, shift: int) -> Text:
    """One line of one tower: its studs, roof, a slot, or the floor below a slot."""
    wide = _CELL + 2 * _WALL
    if part == "studs":
        studs = " ▄▄▄ " * (wide // 5)
        return Text(f"{studs:^{wide}}", style=_brick(len(slots) - 1 + shift))
    if part == "roof":
        return Text("█" * wide, style=_brick(len(slots) - 1 + shift))
    if level is None or level >= len(slots):
        return Text(" " * wide)
    brick = _brick(level + shift)
    if part == "floor":
        below = f" on {_brick(level - 1 + shift)}" if level else ""
        return Text("▀" * wide, style=brick + below)
    line = Text("█" * _WALL, style=brick)
    line.append_text(_slot(slots[level]))
    return line.append("█" * _WALL, style=brick)


def _brick(number: int) -> str:
    """The colour of a brick; they repeat."""
    return _BRICKS[number % len(_BRICKS)]


def _slot(node: Data | None) -> Text:
    """What lies in one slot: the board with its LED, or nothing."""
    if node is None:
        return Text(f"{'empty':^{_CELL}}", style="dim")
    reboot = node.get("reboot_needed") and node.get("connected") is not False
    flags = ("↻" if reboot else " ") + ("≠" if node.get("differs") else " ")
    line = Text(" ")
    line.append_text(led(node["state"], on_board=True))
    line.append(f" {_short(node['id'], 10):<10}", style="bold #ffffff")
    line.append(f" {_short(str(node.get('model') or ''), 6):<6}", style="#a9d8bd")
    line.append(f"{flags} ", style="bold #ffc233")
    line.append(f"{node.get('position') or '':>2} ", style="#a9d8bd")
    line.stylize(f"on {_BOARD}")
    return line


def _middle(pair: Sequence[Any], data: Data, part: str, level: int | None) -> Text:
    """What stands between two towers on this line: their hubs, with a cable to each slot."""
    if len(pair) < 2:
        return Text()
    feeds = {hub["tower"]: hub for hub in data.get("hubs") or ()}
    if not any(name in feeds for name, _ in pair):
        return Text("   ")
    line = Text()
    for (name, slots), on_left in zip(pair, (True, False), strict=True):
        line.append_text(_hub(feeds.get(name), slots, part, level, on_left))
        line.append(" " if on_left else "")
    return line


def _hub(
    hub: Data | None, slots: Sequence[Data | None], part: str, level: int | None, on_left: bool
) -> Text:
    """One line of a hub, and of the cable that leaves it there."""
    if hub is None or part == "studs" or (level is not None and level >= len(slots)):
        return Text(" " * _HUB_WIDTH)
    node = slots[level] if level is not None and part == "slot" else None
    port = node["hub_port"] if node and node.get("hub") == hub["number"] else None
    cable = Text("━━" if port else "  ", style=_CABLE)
    if part == "roof":
        inside = "╭hub╮"
    elif part == "floor" and not level:
        inside = "╰───╯"
    elif port:
        inside = f"┤{port:>2} │" if on_left else f"│{port:>2} ├"
    else:
        inside = "│   │"
    case, gap = Text(inside, style=_HUB), Text(" ")
    return Text().append_text(cable + case + gap if on_left else gap + case + cable)


def _switch(data: Data, nodes: Iterable[Data], wide: int) -> list[Text]:
    """The switch below the towers, with a light for each port."""
    switch = data.get("switch")
    if not switch:
        return []
    linked = {node["port"]: node for node in nodes if node.get("port")}
    inner = max(wide - 2, 24)
    name = _short(str(switch["name"]), inner - 5)
    top = f"╭─ {name} " + "─" * (inner - len(name) - 3) + "╮"
    lines = [_boxed(Text(top))]
    cells = [_port(port, linked.get(port)) for port in range(1, int(switch["ports"]) + 1)]
    each = (inner - 2) // 4
    for first in range(0, len(cells), each):
        part = cells[first : first + each]
        row = Text("│" + " " * ((inner - 4 * len(part)) // 2))
        for cell in part:
            row.append_text(cell)
        row.append(" " * (inner + 1 - len(row.plain)))
        lines.append(_boxed(row.append("│")))
    return [*lines, _boxed(Text("╰" + "─" * inner + "╯"))]


def _port(port: int, node: Data | None) -> Text:
    """One port of the switch: its number and its light."""
    cell = Text(f"{port:>2}")
    if node is None:
        return cell.append("· ")
    if node.get("connected"):
        return cell.append("▪ ", style=f"bold {_LEDS[State.CONVERGED]}")
    return cell.append("▫ ", style=f"bold {_LEDS.get(node['state'], _GREY)}")


def _boxed(row: Text) -> Text:
    """A row of the switch, in its colour, below the towers."""
    coloured = Text(style=_SWITCH).append_text(row)
    return Text("  ").append_text(coloured)


def _short(text: str, most: int) -> str:
    """The text, cut to a length with a mark that it was."""
    return text if len(text) <= most else text[: most - 1] + "…"
