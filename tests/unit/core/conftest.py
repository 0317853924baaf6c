"""What tests of the core share: a tiny whole description, and builds of changed copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from picloud.cloud import Cloud, build
from picloud.faults import DescriptionError, Fault
from picloud.load import from_texts

DATA = Path(__file__).resolve().parents[2] / "data"

Texts = dict[str, str]


@pytest.fixture
def tiny() -> Texts:
    """Return the texts of the tiny cloud by file name; a test may change them."""
    root = DATA / "tiny"
    return {p.relative_to(root).as_posix(): p.read_text() for p in sorted(root.rglob("*.sls"))}


@pytest.fixture
def cloud(tiny: Texts) -> Callable[[], Cloud]:
    """Return what builds the cloud of the tiny texts as they are by then."""
    return lambda: build(from_texts(tiny))


@pytest.fixture
def faults(tiny: Texts) -> Callable[[], tuple[Fault, ...]]:
    """Return what lists the faults of the tiny texts as they are by then."""

    def found() -> tuple[Fault, ...]:
        try:
            build(from_texts(tiny))
        except DescriptionError as error:
            return error.faults
        return ()

    return found
