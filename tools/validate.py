"""
Check a description: ``make validate [DIR=pillar/cloud]``.

Prints every fault and a summary; the exit status is 1 when there are faults. Renders with Salt's
renderers, as a master does, but needs no master and writes nothing.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO / "_utils"))

import picloud_salt  # noqa: E402
from picloud.cloud import build  # noqa: E402
from picloud.faults import DescriptionError  # noqa: E402
from picloud.load import read  # noqa: E402


def plural(count: int, word: str) -> str:
    """Return a count with its word: ``1 fault``, ``2 faults``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def main(arguments: list[str] | None = None) -> int:
    """Check the folder and print what is found; return the exit status."""
    parser = argparse.ArgumentParser(prog="validate", description=__doc__)
    parser.add_argument("folder", nargs="?", default=REPO / "pillar" / "cloud", type=Path)
    folder = parser.parse_args(arguments).folder
    logging.getLogger().addHandler(logging.NullHandler())  # Salt's own words on faults
    if not folder.is_dir():
        print(f"{folder}: there is no such folder", file=sys.stderr)
        return 1
    render = picloud_salt.render(picloud_salt.default_opts(), folder)
    try:
        cloud = build(read(folder, render))
    except DescriptionError as error:
        for fault in error.faults:
            print(f"{folder / fault.file if fault.file else folder}:{_after_file(fault)}")
        print(f"{plural(len(error.faults), 'fault')} in {folder}", file=sys.stderr)
        return 1
    racks = plural(len(cloud.racks), "rack")
    print(f"{plural(len(cloud.nodes), 'node')} in {racks}, no faults")
    return 0


def _after_file(fault: object) -> str:
    """Return the text of a fault behind its file, which is shown from the current folder."""
    text, file = str(fault), getattr(fault, "file", "")
    return text.removeprefix(f"{file}:") if file else f" {text}"


if __name__ == "__main__":
    sys.exit(main())
