"""
Write the JSON Schema for editors and the reference of the description: ``make schema``.

``--check`` writes nothing and exits with status 1 when one of the files is not up to date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO / "_utils"))

from picloud import jsonschema  # noqa: E402


def files(repo: Path = REPO) -> dict[Path, str]:
    """Return the files made from the models, with the text each should hold."""
    return {
        repo / "schema" / "cloud.schema.json": jsonschema.text(),
        repo / "docs" / "description.md": jsonschema.reference(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; return the exit status."""
    parser = argparse.ArgumentParser(prog="schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    check = parser.parse_args(arguments).check
    status = 0
    for path, text in files().items():
        name = path.relative_to(REPO)
        if path.exists() and path.read_text() == text:
            print(f"{name} is up to date")
        elif check:
            print(f"{name} is not up to date; run make schema")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"{name} written")
    return status


if __name__ == "__main__":
    sys.exit(main())
