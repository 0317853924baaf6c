"""Faults name lines of the file as written, also where templates made the text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picloud.align import align
from picloud.cloud import build
from picloud.faults import DescriptionError
from picloud.load import read

from .conftest import DATA
from .rendering import render

LOOPS = """\
#!jinja|yaml
{#- Two racks of the same kind -#}
{%- set racks = {"rack2": 2, "rack3": 3} %}
racks:
{%- for name, number in racks.items() %}
  {{ name }}:
    site: lab
    design: shelf
    model: pi2b
    image: bookworm
    nodes:
    {%- for slot in range(1, 3) %}
      left/{{ slot }}: {id: n{{ number }}-{{ slot }}, address: 10.80.{{ number }}.{{ slot }}}
    {%- endfor %}
    {%- if number == 3 %}
      right/1:
        id: n3-3
        adress: 10.80.3.3
    {%- endif %}
{%- endfor %}
"""


def faults_of(text: str, folder: Path) -> list[str]:
    for path in (DATA / "tiny").rglob("*.sls"):
        target = folder / path.relative_to(DATA / "tiny")
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    (folder / "racks" / "more.sls").write_text(text)
    try:
        build(read(folder, render))
    except DescriptionError as error:
        return [f"{f.file}:{f.line} {f.path} {f.rule}" for f in error.faults]
    return []


def test_line_in_one_branch_of_a_loop(tmp_path: Path) -> None:
    assert faults_of(LOOPS, tmp_path) == [
        "racks/more.sls:18 racks.rack3.nodes.right/1.adress unknown-key"
    ]


def test_line_repeated_by_a_loop(tmp_path: Path) -> None:
    text = LOOPS.replace("adress:", "address:")
    text = text.replace("number }}.{{ slot", "number }}.{{ 400 + slot")
    found = faults_of(text, tmp_path)
    assert len(found) == 4
    assert {line.split()[0] for line in found} == {"racks/more.sls:13"}


def test_line_of_a_key_that_a_loop_makes(tmp_path: Path) -> None:
    text = LOOPS.replace("adress:", "address:").replace("    site: lab\n", "")
    assert faults_of(text, tmp_path) == [
        "racks/more.sls:6 racks.rack2 missing-key",
        "racks/more.sls:6 racks.rack3 missing-key",
    ]


def test_yaml_error_behind_a_loop(tmp_path: Path) -> None:
    text = LOOPS.replace("adress:", "address:") + "boot: {gpu_mem: 16\n"
    assert [line.split()[0] for line in faults_of(text, tmp_path)] == ["racks/more.sls:21"]


def test_key_from_an_anchor(tmp_path: Path) -> None:
    text = """\
racks:
  rack2: &rack
    site: lab
    design: shelf
    model: pi2c
    image: bookworm
    nodes:
      left/1: {id: n1}
  rack3:
    <<: *rack
    nodes:
      left/1: {id: n2}
"""
    assert faults_of(text, tmp_path) == [
        "racks/more.sls:5 racks.rack2.model unknown-reference",
        "racks/more.sls:5 racks.rack3.model unknown-reference",
    ]


@pytest.mark.parametrize(
    ("source", "rendered", "lines"),
    [
        ("a: 1\nb: 2", "a: 1\nb: 2", [1, 2]),
        ("#!yaml\na: 1\nb: 2", "a: 1\nb: 2", [2, 3]),
        ("{% set x = 1 %}\na: {{ x }}", "\na: 1", [1, 2]),
        ("{% if no %}\na: 1\n{% else %}\na: 2\n{% endif %}", "\na: 2\n", [3, 4, 5]),
        (
            "{% for i in x %}\na{{ i }}: 1\nb: 2\n{% endfor %}",
            "\na1: 1\nb: 2\n\na2: 1\nb: 2\n",
            [1, 2, 3, 1, 2, 3, 4],
        ),
    ],
)
def test_align(source: str, rendered: str, lines: list[int]) -> None:
    found = align(source, rendered)
    texts = rendered.split("\n")
    assert [n for n, text in zip(found, texts, strict=True) if text] == [
        n for n, text in zip(lines, texts, strict=True) if text
    ]


@given(st.text(alphabet="ab:{%}- \n", max_size=60), st.text(alphabet="ab:{%}- \n", max_size=60))
@settings(deadline=None)
def test_align_gives_every_line_a_line(source: str, rendered: str) -> None:
    found = align(source, rendered)
    assert len(found) == len(rendered.split("\n"))
    assert all(1 <= line <= len(source.split("\n")) for line in found)


def test_align_of_a_long_file_with_equal_lines_is_quick() -> None:
    block = "  - name: x\n    roles: [docker]\n    id: {{ a }}\n"
    source, rendered = block * 300, block.replace("{{ a }}", "pi0") * 300
    start = time.process_time()
    assert align(source, rendered) == list(range(1, 902))
    assert time.process_time() - start < 5
