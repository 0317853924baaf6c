"""What the tests of the importers share: sources, their import, the check of what is printed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from picloud import cloud, importers, load
from picloud.faults import DescriptionError

REPO = Path(__file__).resolve().parents[3]
DATA = REPO / "tests" / "data" / "import"


def format_of(name: str) -> str:
    """The files are named after their format: csv-good.csv."""
    return name.partition("-")[0]


def convert(name: str) -> importers.Imported:
    """Import a file of tests/data/import."""
    text = (DATA / name).read_bytes().decode("utf-8")
    return importers.convert(text, name, format_of(name))


@pytest.fixture
def validate(tmp_path: Path) -> Callable[[str], list[str]]:
    """
    Check a printed description as docs/import.md says: in a copy of the shipped one, in place of
    its names, network and racks. Return the faults as text; none when it is right.
    """

    def check(text: str) -> list[str]:
        root = tmp_path / "cloud"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(REPO / "pillar" / "cloud", root)
        if "\nracks:" in text:
            shutil.rmtree(root / "racks")
            (root / "cloud.sls").unlink()
            (root / "network.sls").unlink()
        (root / "imported.sls").write_text(text, encoding="utf-8")
        try:
            cloud.build(load.read(root, load.plain))
        except DescriptionError as error:
            return [str(fault) for fault in error.faults]
        return []

    return check
