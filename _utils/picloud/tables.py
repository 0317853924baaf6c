"""
What the ``picloud`` runner prints for a person: tables and pictures of the data it returns.

Plain Python, no Salt import. :func:`render` takes the same data that ``--out=json`` prints, so
nothing is decided here and a script loses nothing by not reading the picture.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from picloud import drawing, status
from picloud.status import State, ago, span

Data = Mapping[str, Any]

#: More racks than this are drawn as one line each.
PICTURES = 8

#: Columns that a picture of the widest common rack takes; a narrower terminal gets lines, too.
PICTURE_WIDTH = 80

#: How many faults, names and kinds of concern a status page lists.
FAULTS, NAMES, CONCERNS = 5, 8, 12

#: Width of a page when nobody looks at it: no line is ever folded in a pipe.
ENDLESS = 100_000

# Each glyph has one ASCII character, so the layout stays when a terminal has no Unicode.
_ASCII = str.maketrans("●▲◐✗○◇◆■█▀▄╭╮╰╯─━│┤├▪▫·…↻≠", "o!~x?lhq#==++++--|||*-..r/")

# Text from a node is not trusted: without its control characters it cannot steer a terminal.
_CONTROL = {code: "?" for code in (*range(32), *range(127, 160)) if chr(code) != "\n"}


def render(data: Data, *, colour: bool = False, unicode: bool = True, width: int = 0) -> str:
    """
    Return the text a person sees for what a runner function returned.

    data
        What the function returned; ``show`` names the page.
    colour
        Add colours (a terminal, not a pipe).
    unicode
        False for a terminal that has ASCII only.
    width
        Columns of the terminal; 0 when there is none, then no line is folded.

    >>> render({"show": "message", "message": "All is well."})
    'All is well.'
    """
    console = Console(
        file=io.StringIO(),
        force_terminal=colour,
        color_system=_colours() if colour else None,
        width=width or ENDLESS,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with console.capture() as captured:
        console.print(page(data, width or ENDLESS), soft_wrap=not width)
    text = "\n".join(line.rstrip() for line in captured.get().splitlines()).rstrip("\n")
    return text if unicode else text.translate(_ASCII).encode("ascii", "replace").decode()


def _colours() -> Literal["auto", "256"]:
    """How many colours the terminal has; a plain ``xterm`` (``docker exec -t``) has 256, too."""
    return "256" if os.environ.get("TERM") == "xterm" else "auto"


def page(data: Data, width: int) -> RenderableType:
    """
    Return a page for rich to print.

    data
        What a runner function returned; ``show`` names the page.
    width
        Columns there are.
    """
    return _PAGES[data["show"]](_clean(data), width)


def _clean(data: Any) -> Any:
    """The same data without control characters in its texts."""
    if isinstance(data, str):
        return data.translate(_CONTROL)
    if isinstance(data, Mapping):
        return {_clean(key): _clean(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_clean(value) for value in data]
    return data


def _message(data: Data, width: int) -> RenderableType:
    """One plain message."""
    return Text(data["message"])


def _faults(data: Data, width: int) -> RenderableType:
    """The faults of a description, one line each, and what to do."""
    lines = [Text(line) for line in data["faults"]]
    lines.append(Text(data["summary"], style="bold"))
    return Group(*lines, *_notices(data))


def _nodes(data: Data, width: int) -> RenderableType:
    """The table of nodes."""
    nodes = data["nodes"]
    if not nodes:
        return Group(Text(data["summary"]), *_notices(data))
    rows = [_cells(name, node, data["now"]) for name, node in nodes.items()]
    states = [node["state"] for node in nodes.values()]
    table = _columns(rows, states) if width == ENDLESS else _table(rows, states)
    return Group(table, Text(), drawing.legend(data["counts"]), *_notices(data))


_HEADS = ("node", "slot", "model", "key", "link", "highstate", "what")


def _cells(name: str, node: Data, now: float) -> tuple[str, ...]:
    """The row of one node, without its LED."""
    last = node.get("highstate")
    return (
        name,
        node.get("slot") or "-",
        _both(node["declared"].get("model"), node["seen"].get("model")),
        node["key"] + ("!" if node.get("denied") else ""),
        {True: "up", False: "down", None: "?"}[node.get("connected")],
        ago(last["at"], now) if last else "-",
        "; ".join([f"{node['state']}: {node['reason']}", *status.remarks(node)]),
    )


def _table(rows: list[tuple[str, ...]], states: list[str]) -> RenderableType:
    """The rows for a terminal: the last column is folded to its width."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("", *_HEADS[:-1]):
        table.add_column(head, no_wrap=True)
    table.add_column(_HEADS[-1])
    for state, cells in zip(states, rows, strict=True):
        table.add_row(drawing.led(state), *map(Text, cells))
    return table


def _columns(rows: list[tuple[str, ...]], states: list[str]) -> RenderableType:
    """The rows for a pipe, a line each; rich's own table takes a millisecond for each row."""
    wide = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    lines = [
        led + "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, wide, strict=True))
        for led, cells in zip(
            [" ", *(drawing.GLYPHS.get(state, "?") for state in states)],
            [_HEADS, *rows],
            strict=True,
        )
    ]
    return Text("\n".join(line.rstrip() for line in lines))


def _both(declared: str | None, seen: str | None) -> str:
    """A declared value, and the seen one where it is another."""
    if declared and seen and declared != seen:
        return f"{declared} ≠ {seen}"
    return declared or seen or "-"


def _node(data: Data, width: int) -> RenderableType:
    """Everything about one node."""
    node = data["node"]
    head = Text().append_text(drawing.led(node["state"]))
    head.append(f" {node['id']}", style="bold")
    head.append(f"  {node['state']}: {node['reason']}")
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("", "declared", "seen"):
        table.add_column(column)
    for fact in ("model", "serial", "mac", "address"):
        seen = node["seen"].get(fact)
        told = ", ".join(seen) if isinstance(seen, list) else seen
        table.add_row(fact, node["declared"].get(fact) or "-", told or "-")
    facts = Table.grid(padding=(0, 3))
    for name, value in (
        ("slot", node.get("slot")),
        ("roles", ", ".join(node.get("roles") or ())),
        ("switch port", node.get("port")),
        ("hub port", node.get("hub_port")),
        ("key", node["key"] + (", another one is refused" if node.get("denied") else "")),
        ("connected", {True: "yes", False: "no", None: "cannot tell"}[node.get("connected")]),
        ("last heard of", ago(node["seen_at"], data["now"]) if node.get("seen_at") else "never"),
        ("modules", node.get("modules")),
        ("needs a reboot", "; ".join(node["reboot_needed"])),
        ("parts", ", ".join(node["seen"].get("parts") or ())),
        ("card", node["seen"].get("card")),
    ):
        if value:
            facts.add_row("", Text(name, style="dim"), Text(str(value)))
    return Group(
        head,
        Text(),
        facts,
        Text(),
        table,
        *[Text(f"  {remark}") for remark in [*node["differs"], *node["notes"]]],
        *_states(node.get("highstate"), data["now"]),
        *_notices(data),
    )


def _states(last: Data | None, now: float) -> list[RenderableType]:
    """The states of a highstate that are not as described."""
    if not last:
        return []
    heading = f"Highstate {last['jid']}, {ago(last['at'], now)}: "
    if last["error"]:
        return [Text(), Text(heading + last["error"])]
    said = f"{last['states']} states, {last['changed']} changed"
    lines: list[RenderableType] = [Text(), Text(heading + said)]
    for key, mark in (("failed", State.SILENT), ("would_change", State.DRIFTED)):
        for state in last[key]:
            line = Text("  ")
            line.append(key.replace("_", " "), style=drawing.COLOURS[mark])
            line.append(f"  {state['id']}", style="bold")
            line.append(f"  {state['function']} in {state['sls']}: {state['comment']}")
            lines.append(line)
    if last["not_run"]:
        lines.append(Text(f"  not run because of these: {last['not_run']}"))
    return lines


def _racks(data: Data, width: int) -> RenderableType:
    """One rack, or all of them."""
    racks = data["racks"]
    parts: list[RenderableType] = []
    if len(racks) <= PICTURES and width >= PICTURE_WIDTH:
        for name, rack in racks.items():
            parts += [Text()] if parts else []
            parts.append(drawing.rack(name, rack))
    else:
        wide = max(map(len, racks))
        parts += [drawing.strip(name, rack, wide) for name, rack in racks.items()]
    if len(racks) > 1:
        parts += [Text(), Text("  all racks"), drawing.legend(data["counts"])]
    return Group(*parts, *_notices(data))


def _status(data: Data, width: int) -> RenderableType:
    """The whole cloud on one page."""
    description, master, keys, now = data["description"], data["master"], data["keys"], data["now"]
    total = sum(data["counts"].values())
    offered = (master["modules"] or "")[:12]
    facts = Table.grid(padding=(0, 3))
    for name, value in (
        ("description", f"{description['folder']}, {total} nodes in {description['racks']} racks"),
        ("in force", f"compiled {ago(description['compiled_at'], now)}"),
        ("master", f"{master['id']}, Salt {master['salt']}, modules {offered or 'not known'}"),
        ("keys", ", ".join(f"{count} {name}" for name, count in keys.items())),
        ("connected", f"{data['connected']} of {total}"),
        ("old modules", _listed(data["old_modules"])),
        ("need a reboot", _listed(data["reboot_needed"])),
        ("not declared", _listed(data["strangers"])),
        ("lobby", _see(_listed(data.get("lobby") or []), "rejoin.lobby")),
        ("spare cards", _see(_listed(data.get("spares") or []), "card.list state=issued")),
        ("refused", _see(_names(data.get("refused") or 0), "rejoin.refused")),
    ):
        if value:
            facts.add_row(Text(name, style="dim"), Text(value))
    lines: list[RenderableType] = []
    if faults := description["faults"]:
        since = span(now - (description["broken_at"] or now))
        lines.append(Text(f"The description is broken since {since}:", style="bold"))
        lines += [Text(f"  {line}") for line in faults[:FAULTS]]
        if len(faults) > FAULTS:
            lines.append(Text(f"  and {len(faults) - FAULTS} more: salt-run picloud.validate"))
        lines += [Text("  The last good one stays in force; highstates stop until then."), Text()]
    lines += [facts, Text(), drawing.legend(data["counts"])]
    lines += drawing.concerns(data["concerns"].values(), CONCERNS)
    return Group(*lines, *_notices(data))


def _listed(names: list[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def _see(what: str, command: str) -> str:
    """A fact and where there is more of it; nothing where there is no fact."""
    return f"{what}; see: salt-run {command}" if what else ""


def _names(number: int) -> str:
    """How many names were refused in the last day."""
    return f"{number} name{'' if number == 1 else 's'} in the last day" if number else ""


def _plain(data: Data, width: int) -> RenderableType:
    """One table; a line each in a pipe, the last column folded on a terminal."""
    heads = tuple(data["heads"])
    rows = [[cell.replace("\n", " ") for cell in cells] for cells in data["rows"]]
    below = [Text(data["summary"]), *_notices(data)]
    if not rows:
        return Group(*below)
    if width == ENDLESS:
        wide = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(wide) for cell, wide in zip(cells, wide, strict=True)).rstrip()
            for cells in (heads, *rows)
        ]
        return Group(Text("\n".join(lines)), Text(), *below)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads[:-1]:
        table.add_column(head, no_wrap=True)
    table.add_column(heads[-1])
    for cells in rows:
        table.add_row(*map(Text, cells))
    return Group(table, Text(), *below)


def _notices(data: Data) -> list[Text]:
    """What the reader should know about the data itself."""
    notices = data.get("notices") or ()
    return [Text()] + [Text(f"  {notice}") for notice in notices] if notices else []


_PAGES = {
    "message": _message,
    "table": _plain,
    "faults": _faults,
    "nodes": _nodes,
    "node": _node,
    "racks": _racks,
    "status": _status,
}
