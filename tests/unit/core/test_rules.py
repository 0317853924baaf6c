"""Every rule has a broken copy, and says of it exactly what is expected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from picloud import formats
from picloud.cloud import build
from picloud.faults import DescriptionError
from picloud.load import read
from picloud.rules import RULES

from .conftest import DATA
from .rendering import render

BROKEN = DATA / "broken"
CORE = Path(formats.__file__).parent


def test_the_tiny_cloud_is_whole() -> None:
    assert len(build(read(DATA / "tiny")).nodes) == 3


def test_every_rule_has_a_broken_copy() -> None:
    assert {folder.name for folder in BROKEN.iterdir()} == set(RULES)


def test_every_rule_stands_in_the_code() -> None:
    files = ["cloud.py", "load.py", "sections.py", "yamltext.py", "formats.py"]
    paths = [CORE / name for name in files] + sorted((CORE / "checks").glob("*.py"))
    code = "".join(path.read_text() for path in paths)
    code = code.replace('f"missing-{key}"', '"missing-model" "missing-image"')
    assert {rule for rule in RULES if f'"{rule}"' not in code} == set()


def test_every_format_is_a_rule() -> None:
    assert {form.rule for form in formats.FORMATS.values()} <= set(RULES)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_broken_copy(rule: str) -> None:
    root = BROKEN / rule
    with pytest.raises(DescriptionError) as caught:
        build(read(root, render))
    assert {fault.rule for fault in caught.value.faults} == {rule}
    assert str(caught.value) == (root / "expected.txt").read_text().rstrip("\n")


@pytest.mark.parametrize("rule", sorted(RULES))
def test_message_has_place_problem_and_remedy(rule: str) -> None:
    for line in (BROKEN / rule / "expected.txt").read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9/]+\.(sls|yaml):[1-9]\d*: .+; .+", line)


def test_all_faults_of_all_files_in_one_run(tiny: dict[str, str], tmp_path: Path) -> None:
    tiny["cloud.sls"] = tiny["cloud.sls"].replace("en_GB.UTF-8", "en_GB")
    tiny["hardware.sls"] = tiny["hardware.sls"].replace("ports: 5", "ports: 2")
    tiny["parts.sls"] = tiny["parts.sls"].replace("swap_mb", "swop_mb")
    rack = tiny["racks/rack1.sls"]
    tiny["racks/rack1.sls"] = rack.replace("10.80.1.3", "10.80.1.1").replace("0:01", "0:02")
    for name, text in tiny.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "torn.sls").write_text("network: {hosts: {")
    with pytest.raises(DescriptionError) as caught:
        build(read(tmp_path))
    assert {fault.rule for fault in caught.value.faults} == {
        "bad-locale",
        "duplicate-address",
        "duplicate-mac",
        "switch-too-small",
        "unknown-key",
        "unknown-port",
        "yaml-syntax",
    }
