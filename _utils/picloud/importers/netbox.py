"""
NetBox device types (the YAML files of netbox-community/devicetype-library): switches and boards.

Source of the format: schema/devicetype.json and schema/components.json of that library. A file is
one device type; several may stand in one text as YAML documents.
"""

from __future__ import annotations

import re

from picloud import suggest
from picloud.importers import models
from picloud.importers.emit import scalar
from picloud.importers.lab import Lab, Log, count, show
from picloud.importers.places import Item, Unreadable, parse_yaml
from picloud.importers.settle import MISSING

#: Wired interface types that a board can be plugged into -> Mb/s (NetBox: InterfaceTypeChoices).
COPPER = {
    "100base-tx": 100,
    "100base-t1": 100,
    "1000base-t": 1000,
    "2.5gbase-t": 2500,
    "5gbase-t": 5000,
    "10gbase-t": 10000,
}
#: From this many wired ports on, a device type is a switch.
SWITCH_PORTS = 3
REQUIRED = ("manufacturer", "model", "slug")
#: Keys that say nothing a description has a place for: size, weight, pictures, air.
PHYSICAL = frozenset(
    (
        *("u_height", "is_full_depth", "airflow", "weight", "weight_unit", "front_image"),
        *("rear_image", "subdevice_role", "is_powered", "part_number", "comments"),
        *("description", "power-ports", "console-ports"),
    )
)
KNOWN = PHYSICAL | set(REQUIRED) | {"interfaces"}
COMPONENTS = ("console-server-ports", "power-outlets", "front-ports", "rear-ports", "module-bays",
              "device-bays", "inventory-items")  # fmt: skip

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*W(?:atts?)?\b[^.;,()]{0,20}\bbudget|"
                     r"\bbudget[^.;,()\d]{0,20}(\d+(?:\.\d+)?)\s*W", re.IGNORECASE)  # fmt: skip
_NOT_WIRED = re.compile(
    r"ieee802|\d+(\.\d+)?g?base-[xlskc]|\d+gbase|other|virtual|lag|bridge|usb|bluetooth|[345]g$|lte"
)
_NOT_IN_KEY = re.compile(r"[^a-z0-9_.-]+")


def read(text: str, log: Log) -> Lab:
    """Read device types; switches and boards become sections, faults go to the log."""
    lab = Lab(log)
    try:
        documents = parse_yaml(text)
    except Unreadable as error:
        log.fault(error.line, "", "bad-yaml", error.problem, "correct it: nothing was imported")
        return lab
    for document in documents:
        if document.kind != "map":
            log.fault(
                document.line,
                "",
                "no-device-type",
                "is not a device type",
                "a device type has manufacturer, model, slug and interfaces",
            )
            continue
        _device_type(document, lab)
    return lab


def _device_type(item: Item, lab: Lab) -> None:
    log = lab.log
    name = item.get("slug").text or item.get("model").text or f"line {item.line}"
    for key, first, second in item.doubled:
        log.fault(
            second,
            f"{name}.{key}",
            "doubled-key",
            f"is there a second time, after line {first}",
            "keep one of them; the second is taken",
        )
    missing = [key for key in REQUIRED if not item.get(key).text]
    if missing:
        log.fault(
            item.line,
            name,
            "missing-key",
            f"has no {' and no '.join(missing)}",
            "a device type of NetBox has all of manufacturer, model and slug",
        )
    if not item.get("model").text and not item.get("slug").text:
        return
    for key, value in item.fields.items():
        if key in COMPONENTS:
            log.note(f"{count(len(value.items), 'entry', 'entries')} left out", value.line,
                     f"{name}.{key}")  # fmt: skip
        elif key not in KNOWN:
            log.fault(
                value.line,
                f"{name}.{key}",
                "unknown-key",
                "is not a key of device types, so it is left out",
                suggest.remedy(key, KNOWN, "keys"),
            )
    wired, other = _ports(item, name, log)
    if models.find(item.get("model").text) or len(wired) < SWITCH_PORTS:
        _board(item, name, wired, other, lab)
    else:
        _switch(item, name, wired, other, lab)


def _ports(item: Item, name: str, log: Log) -> tuple[list[int], list[str]]:
    """Return the speeds of the wired ports, and the types of all other interfaces."""
    wired, other = [], []
    seen: dict[str, int] = {}
    for place, port in enumerate(item.get("interfaces").items):
        path = f"{name}.interfaces[{place}]"
        title, kind = port.get("name").text, port.get("type").text
        if title in seen:
            log.fault(
                port.line,
                path,
                "doubled-port",
                f"{show(title)} is also the name of the port in line {seen[title]}",
                "give every port its own name; both are counted",
            )
        seen.setdefault(title, port.line)
        if port.get("mgmt_only").text.lower() == "true":
            other.append("management")
        elif kind in COPPER:
            wired.append(COPPER[kind])
        elif not kind:
            log.fault(
                port.line,
                path,
                "no-type",
                "has no type, so it is not counted",
                "write its type, such as 1000base-t",
            )
        elif _NOT_WIRED.match(kind):
            other.append(kind)
        else:
            log.fault(
                port.get("type").line,
                f"{path}.type",
                "unknown-type",
                f"{show(kind)} is not an interface type we know, so it is not counted",
                suggest.remedy(kind, COPPER, "wired types"),
            )
    return wired, other


def _key(item: Item) -> str:
    """The slug without its maker: netgear-gs305ep -> gs305ep."""
    maker = _NOT_IN_KEY.sub("-", item.get("manufacturer").text.lower()).strip("-")
    slug = _NOT_IN_KEY.sub("-", (item.get("slug").text or item.get("model").text).lower())
    return slug.removeprefix(f"{maker}-").strip("-.") or slug


def _named(item: Item) -> str:
    maker, model = item.get("manufacturer").text, item.get("model").text
    return model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()


def _add(lab: Lab, section: str, item: Item, fields: dict[str, str]) -> None:
    key = _key(item)
    rows = lab.sections.setdefault(section, {})
    if key in rows:
        lab.log.fault(
            item.line,
            key,
            "doubled-name",
            f"there is a device type of that name before it in {section}",
            "give each its own slug; the first is printed",
        )
        return
    rows[key] = fields


def _switch(item: Item, name: str, wired: list[int], other: list[str], lab: Lab) -> None:
    log = lab.log
    if other:
        log.note(
            f"{count(len(other), 'port')} that no board can be plugged into (SFP, management) not "
            "counted",
            item.get("interfaces").line,
            f"{name}.interfaces",
        )
    if len(set(wired)) > 1:
        log.note(
            f"ports of {', '.join(map(str, sorted(set(wired))))} Mb/s: printed with the slowest",
            item.get("interfaces").line,
            f"{name}.interfaces",
        )
    fields = {
        "name": scalar(_named(item)),
        "ports": str(len(wired)),
        "mbps": str(min(wired)),
        "managed": _managed(item, name, log),
        "poe_watts": _watts(item, name, log),
        "source": scalar(f"NetBox device type {item.get('slug').text}"),
    }
    _add(lab, "switches", item, fields)


def _managed(item: Item, name: str, log: Log) -> str:
    """NetBox does not say whether a switch can be asked; a management or console port does."""
    said = f"{item.get('comments').text} {item.get('description').text}".lower()
    if re.search(r"\bunmanaged\b", said):
        return "false"
    ports = item.get("interfaces").items
    if item.get("console-ports").items or re.search(r"\bmanaged\b", said):
        return "true"
    if any(port.get("mgmt_only").text.lower() == "true" for port in ports):
        return "true"
    log.note("managed: false, as nothing says otherwise", item.line, name)
    return "false"


def _watts(item: Item, name: str, log: Log) -> str:
    """NetBox has no field for the PoE budget; the comments sometimes tell it."""
    feeding = [p for p in item.get("interfaces").items if p.get("poe_mode").text == "pse"]
    if not feeding:
        return "0"
    for key in ("comments", "description"):
        found = _BUDGET.search(item.get(key).text)
        if found:
            watts = found[1] or found[2]
            log.note(f"poe_watts: {watts}, from this text", item.get(key).line, f"{name}.{key}")
            return watts
    log.fault(
        feeding[0].line,
        f"{name}.interfaces",
        "no-poe-budget",
        f"{count(len(feeding), 'port')} give power, but how much all together is not said",
        "write poe_watts from the data sheet; 0 is printed, so no board may be powered by it",
    )
    return "0"


def _board(item: Item, name: str, wired: list[int], other: list[str], lab: Lab) -> None:
    log = lab.log
    model = item.get("model")
    known = models.find(model.text)
    if known:
        size = models.ram_mb(model.text)
        ram = f", and ram_mb: {size} on its nodes" if size and known in ("pi4b", "pi5") else ""
        log.note(
            f"{show(model.text)} is the board {known}, which the description has already: "
            f"write model: {known}{ram}",
            model.line,
            f"{name}.model",
        )
        lab.sections.setdefault("boards", {})
        return
    if not wired and not other:
        log.fault(
            item.line,
            name,
            "no-interfaces",
            "has no interfaces, so it is neither a switch nor a board",
            f"import switches and boards only{_meant(model.text)}",
        )
        return
    if len(wired) > 1:
        log.note(f"{len(wired)} wired ports: taken for a board, with the fastest", item.line, name)
    poe = any(p.get("poe_mode").text == "pd" for p in item.get("interfaces").items)
    size = models.ram_mb(model.text)
    unknown = ["soc", "arch", "cpus", "ghz", "peak_ma", *([] if size else ["ram_mb"])]
    log.fault(
        item.line,
        name,
        "no-figures",
        f"NetBox does not hold what a board needs: {', '.join(unknown)}",
        f"fill in each {show(MISSING)} from the maker's data sheet{_meant(model.text)}",
    )
    hole = scalar(MISSING)
    fields = {
        "name": scalar(_named(item)),
        "soc": hole,
        "arch": hole,
        "ram_mb": f"[{size}]" if size else hole,
        "cpus": hole,
        "ghz": hole,
        "nic_mbps": str(max(wired, default=0)),
        "peak_ma": hole,
        "poe": "true" if poe else "false",
        "source": scalar(f"NetBox device type {item.get('slug').text}"),
    }
    _add(lab, "boards", item, fields)


def _meant(model: str) -> str:
    near = models.remedy(model)
    return f"; {near}" if near.startswith("did") else ""
