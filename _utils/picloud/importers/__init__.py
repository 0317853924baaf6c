"""
Turn what labs already have into a description: RPiaaS configurations, Ansible inventories, NetBox
device types and CSV files. Nothing is dropped silently: what does not fit is a fault with its line,
and what had to be assumed is a note; both stand at the top of the text, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from picloud import suggest
from picloud.faults import Fault
from picloud.importers import ansible, csvfile, netbox, rpiaas
from picloud.importers.emit import description
from picloud.importers.lab import Lab, Log, show
from picloud.importers.settle import settle

READERS: dict[str, Callable[[str, Log], Lab]] = {
    "ansible": ansible.read,
    "csv": csvfile.read,
    "netbox": netbox.read,
    "rpiaas": rpiaas.read,
}
FORMATS = tuple(READERS)
WORDS = {
    "ansible": "an Ansible inventory",
    "csv": "CSV with a header",
    "netbox": "a NetBox device type",
    "rpiaas": "JSON",
}


class Imported(NamedTuple):
    """
    What an import gives.

    description_yaml
        A description: faults and notes as comments, then YAML.
    faults
        What has to be answered, in the order of the source.
    """

    description_yaml: str
    faults: tuple[Fault, ...]


def convert(text: str, source: str, format: str) -> Imported:
    """
    Turn the text of a file into a description.

    text
        The content of the file.
    source
        The file's name, for the messages.
    format
        One of ``FORMATS``.

    Raises nothing for what is wrong with the text: that is in ``faults``.

    .. code-block:: python

        imported = convert(Path("hosts.csv").read_text("utf-8-sig"), "hosts.csv", "csv")
        print(imported.description_yaml)
    """
    log = Log(source)
    lab = Lab(log)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if format not in READERS:
        log.fault(
            1,
            "",
            "unknown-format",
            f"{show(format)} is not a format that can be imported",
            suggest.remedy(format, FORMATS, "formats"),
        )
    elif not text.strip():
        log.fault(1, "", "empty", "is empty", "name the file that holds the machines")
    elif "\0" in text:
        log.fault(
            1 + text.count("\n", 0, text.index("\0")),
            "",
            "not-text",
            "is not a text in UTF-8",
            "save it as text in UTF-8 and import it again",
        )
    else:
        lab = _read(text, log, format)
        if not lab.machines and not lab.sections and not log.faults:
            log.fault(
                1,
                "",
                "nothing",
                "holds no node, no switch and no board",
                "name another file",
            )
    settle(lab)
    body = description(lab, format)
    return Imported(body, tuple(sorted(log.faults)))


def _read(text: str, log: Log, form: str) -> Lab:
    looks = guess(text)
    if looks and looks != form:
        log.fault(
            1,
            "",
            "wrong-format",
            f"is {WORDS[looks]}, not {WORDS[form]}",
            f"import it with format={looks}",
        )
        return Lab(log)
    return READERS[form](text, log)


def guess(text: str) -> str | None:
    """
    Return the format a text plainly has, or None when it is not plain.

    >>> guess('{"clusters": []}'), guess("hostname,mac\\npi1,"), guess("[pis]\\npi1\\n")
    ('rpiaas', 'csv', 'ansible')
    """
    lines = [line for line in text.split("\n") if line.strip() and line.strip()[0] not in "#;"]
    first = lines[0].strip() if lines else ""
    found = next((form for form, looks in LOOKS.items() if looks(text, first, lines)), None)
    return "ansible" if found in ("inventory", "ini") else found


def _is_inventory(text: str, first: str, _lines: list[str]) -> bool:
    """What ansible-inventory --list prints, or groups with hosts, children or vars in YAML."""
    keys = re.search(r"^\s+(hosts|children|vars)\s*:", text, re.MULTILINE)
    return (first[:1] == "{" and '"_meta"' in text) or bool(keys and _KEY.match(first))


def _is_rpiaas(text: str, first: str, _lines: list[str]) -> bool:
    """JSON, or what was meant to be."""
    if first[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return not _SECTION.match(first)
    return True


def _is_netbox(_text: str, _first: str, lines: list[str]) -> bool:
    return any(_DEVICE_TYPE.match(line) for line in lines)


def _is_ini(_text: str, _first: str, lines: list[str]) -> bool:
    return any(_SECTION.match(line.strip()) for line in lines)


def _is_csv(_text: str, first: str, _lines: list[str]) -> bool:
    cells = first.split(csvfile.delimiter(first))
    return sum(1 for cell in cells if csvfile.column(cell.strip(' "'))) > 1


_KEY = re.compile(r"^(---|[A-Za-z_][\w.-]*:\s*(#.*)?)$")
_SECTION = re.compile(r"^\[[\w.-]+(:\w+)?\]\s*([#;].*)?$")
_DEVICE_TYPE = re.compile(r"^(manufacturer|slug|u_height)\s*:")
#: In the order in which they are asked.
LOOKS: dict[str, Callable[[str, str, list[str]], bool]] = {
    "inventory": _is_inventory,
    "rpiaas": _is_rpiaas,
    "netbox": _is_netbox,
    "ini": _is_ini,
    "csv": _is_csv,
}
