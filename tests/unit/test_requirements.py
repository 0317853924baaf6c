"""The lists of packages agree: what a master installs is what was tested."""

import re

from lab import wheels
from tests.conftest import REPO


def pins(name):
    """Name and version of every package of a requirements file."""
    lines = (REPO / name).read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {wheels.canonicalize_name(package): version for package, version in pairs}


def test_the_masters_packages_are_those_it_needs_at_the_tested_versions():
    wanted = wheels.closure((*wheels.NODE, *wheels.MASTER))
    assert pins("master/requirements.txt") == wanted


def test_the_masters_packages_are_locked():
    locked = pins("requirements.lock")
    assert {name: locked.get(name) for name in pins("master/requirements.txt")} == pins(
        "master/requirements.txt"
    )


def test_no_list_names_an_index():
    for name in ("master/requirements.txt", "requirements.lock", "pyproject.toml"):
        assert not re.search(r"index-url|find-links|https?://", (REPO / name).read_text()), name
