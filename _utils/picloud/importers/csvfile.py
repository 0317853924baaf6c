"""
CSV with a header: a machine in each row, in whatever columns and with whatever delimiter.
"""

from __future__ import annotations

import csv
import io
import re

from picloud.importers.lab import Given, Lab, Log, Machine, closest, count, show, slug

DELIMITERS = ",;\t|"
#: What columns are called, without case, spaces and punctuation -> what they hold.
COLUMNS = {
    "id": ("id", "hostname", "host", "name", "node", "nodename", "nodeid", "fqdn", "minion",
           "minionid", "device", "devicename", "computer"),
    "rack": ("rack", "rackname", "cabinet", "chassis", "enclosure", "cluster"),
    "tower": ("tower", "side", "stack"),
    "slot": ("slot", "position", "pos", "bay", "place", "unit", "rackposition"),
    "mac": ("mac", "macaddress", "macaddr", "hwaddr", "hwaddress", "hardwareaddress", "ether",
            "ethernet", "eth0", "ethmac", "lanmac"),
    "serial": ("serial", "serialnumber", "serialno", "sn", "boardserial", "cpuserial"),
    "model": ("model", "type", "board", "boardmodel", "boardtype", "pimodel", "devicetype",
              "hardware", "product", "pi", "version"),
    "address": ("address", "ip", "ipaddress", "ipaddr", "ipv4", "ipv4address", "primaryip",
                "primaryip4", "staticip", "lanip"),
    "ipv6": ("ipv6", "ip6", "ipv6address", "primaryip6"),
    "roles": ("roles", "role", "group", "groups", "tags", "function", "purpose"),
    "site": ("site", "location", "room", "building"),
    "domain": ("domain", "dnsdomain"),
    "port": ("port", "switchport", "portnumber"),
    "hub": ("hub", "usbhub"),
    "hub_port": ("hubport", "usbport"),
    "design": ("design", "rackdesign"),
    "image": ("image", "osimage"),
    "ram_mb": ("rammb", "memorymb"),
}  # fmt: skip
NAMES = {name: column for column, names in COLUMNS.items() for name in names}
_GIVEN = ("mac", "serial", "model", "address", "ipv6", "port", "hub", "hub_port", "image", "ram_mb")


def column(heading: str) -> str | None:
    """
    Return what a column holds, or None.

    >>> column("MAC Address"), column("Hostname"), column("Colour")
    ('mac', 'id', None)
    """
    return NAMES.get(re.sub(r"[^a-z0-9]", "", heading.lower()))


def delimiter(heading: str) -> str:
    """Return the delimiter of a header: the one that gives most columns we know, then most."""

    def known(mark: str) -> tuple[int, int]:
        cells = heading.split(mark)
        return sum(1 for cell in cells if column(cell)), len(cells)

    return max(DELIMITERS, key=known)


def read(text: str, log: Log) -> Lab:
    """Read a CSV text; every row becomes a machine, every fault goes to the log."""
    lab = Lab(log)
    rows = _rows(text, log)
    if not rows:
        return lab
    line, heading = rows[0]
    columns = _columns(line, heading, rows, log)
    if "id" in columns.values():
        lab.machines = [_machine(at, row, heading, columns, log) for at, row in rows[1:]]
        if not lab.machines:
            log.fault(line, "", "empty", "has a header and no rows", "add a row for each machine")
    return lab


def _rows(text: str, log: Log) -> list[tuple[int, list[str]]]:
    """Return rows with the line each begins in; blank lines and # comments are not rows."""
    lines = text.split("\n")
    heading = next((line for line in lines if line.strip() and line.lstrip()[0] != "#"), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(heading), strict=True)
    rows, begin = [], 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#"):
                rows.append((begin, cells))
            begin = reader.line_num + 1
    except csv.Error as error:
        log.fault(
            begin,
            "",
            "bad-csv",
            f"the row that begins here cannot be read ({error}), nor can what follows",
            'close every quote, and double a quote inside quotes: ""',
        )
    return rows


def _columns(
    line: int, heading: list[str], rows: list[tuple[int, list[str]]], log: Log
) -> dict[int, str]:
    """Find out what each column holds; name the ones that nobody knows, or that are there twice."""
    columns: dict[int, str] = {}
    for place, title in enumerate(heading):
        found = column(title)
        if found and found not in columns.values():
            columns[place] = found
    if "id" not in columns.values():
        log.fault(
            line,
            "",
            "no-name-column",
            "no column holds the host names"
            if columns
            else f"the first row is not a header: {show(','.join(heading))}",
            "begin with a row such as: hostname,rack,slot,mac,serial,model,address,roles",
        )
        return columns
    for place in range(len(heading)):
        filled = sum(1 for _, row in rows[1:] if place < len(row) and row[place])
        if place not in columns and filled:
            fault = _left_out(place, heading, columns, count(filled, "value"))
            log.fault(line, *fault)
    return columns


def _left_out(
    place: int, heading: list[str], columns: dict[int, str], values: str
) -> tuple[str, str, str, str]:
    """Say of a column why its values are left out: path, rule, problem and remedy."""
    title, found = heading[place], column(heading[place])
    where = f"column {show(title) if title else place + 1}"
    if not found:
        problem = f"has no place in a description; {values} left out"
        return where, "unknown-column", problem, _column_remedy(title)
    first = next(heading[at] for at, known in columns.items() if known == found)
    problem = f"holds the {found}, as does column {show(first)}"
    return where, "doubled-column", problem, f"keep one of them; this one is left out ({values})"


def _column_remedy(title: str) -> str:
    near = closest(re.sub(r"[^a-z0-9]", "", title.lower()), NAMES)
    return f'did you mean "{near}"?' if near else "leave the column out"


def _machine(
    line: int, row: list[str], heading: list[str], columns: dict[int, str], log: Log
) -> Machine:
    values = {columns[at]: value for at, value in enumerate(row) if at in columns}
    titles = {known: heading[at] for at, known in columns.items()}
    name = values.get("id", "")
    owner = name or f"row {line}"
    if len(row) > len(heading) and any(row[len(heading) :]):
        extra = row[len(heading) :]
        log.fault(
            line,
            owner,
            "long-row",
            f"has {count(len(extra), 'field')} more than the header: {show(','.join(extra))}",
            "quote a value that holds the delimiter, or add the column",
        )
    elif len(row) < len(heading):
        log.fault(
            line,
            owner,
            "short-row",
            f"has {count(len(row), 'field')}, the header has {len(heading)}",
            "see that no value has slipped into another's column, and add the empty fields",
        )
    machine = Machine(
        Given(name, line, f"{owner}.{titles['id']}"),
        rack=values.get("rack", ""),
        site=values.get("site", ""),
        design=slug(values.get("design", "")),
        domain=values.get("domain", "").lower(),
    )
    for key in _GIVEN:
        machine.take(key, values.get(key, ""), line, f"{owner}.{titles.get(key, key)}")
    slot = values.get("slot", "")
    if values.get("tower") and "/" not in slot:
        slot = f"{values['tower']}/{slot}"
    machine.take("slot", slot, line, f"{owner}.{titles.get('slot', 'slot')}")
    for word in re.split(r"[\s,;|]+", values.get("roles", "")):
        if word:
            machine.roles.append(Given(slug(word) or word, line, f"{owner}.{titles['roles']}"))
    return machine
