"""
Whole files: what is printed for a good one, and every fault of a bad one, word for word.

Beside each source stands what is expected: ``<source>.expected.yaml`` for the description of a good
one, ``<source>.expected.txt`` for the faults of a bad one.
"""

import pytest
import yaml
from picloud import importers

from .conftest import DATA, convert

GOOD = sorted(path.name.removesuffix(".expected.yaml") for path in DATA.glob("*.expected.yaml"))
BAD = sorted(path.name.removesuffix(".expected.txt") for path in DATA.glob("*.expected.txt"))

#: What an admin changes in the printed description to answer the faults of a file.
ANSWERS = {
    "rpiaas-faults.json": [
        ("10.0.1.300", "10.0.1.30"),
        ("model: rpi33", "model: pi3bplus"),
        ('address: 10.0.2.1, mac: "b8:27:eb:3a:11:02"', "address: 10.0.2.1"),
        ('"b8:27:eb:3a:12"', '"b8:27:eb:3a:12:05"'),
    ],
    "ansible-faults.ini": [
        ("id: pi07, address: 10.20.1.4", "id: pi07, address: 10.20.1.7"),
        ("? fill in", "pi3b"),
        ("rpi5x", "pi5"),
        ('id: pi05, mac: "b8:27:eb:00:00:04"', "id: pi05"),
    ],
    "ansible-faults.yml": [
        ("b8:27:eb:00:00:0g", "b8:27:eb:00:00:0a"),
        ('id: pi3, serial: "10000000a3c1d2e4"', "id: pi3"),
        ("192.168.7.8", "10.1.0.8"),
    ],
    "csv-faults.csv": [
        ("model: ? fill in", "model: pi3b"),
        ('model: "? fill in"', "model: pi3b"),
        ('id: "? fill in"', "id: pi3"),
        (
            'id: pi1, address: 10.80.1.1, mac: "b8:27:eb:00:00:00", serial: "1000000000000000"',
            "id: pi1, address: 10.80.1.11",
        ),
        ("id: pi1, address: 10.80.1.300, serial: xyz", "id: pi4, address: 10.80.1.30"),
        ('"b8:27:eb:00:00"', '"b8:27:eb:00:00:02"'),
    ],
    "netbox-faults.yaml": [
        ('soc: "? fill in"', "soc: S905X3"),
        ('arch: "? fill in"', "arch: arm64"),
        ('cpus: "? fill in"', "cpus: 4"),
        ('ghz: "? fill in"', "ghz: 2.0"),
        ('peak_ma: "? fill in"', "peak_ma: 1500"),
    ],
}


def test_every_format_has_a_good_and_a_bad_file():
    formats = {name.partition("-")[0] for name in GOOD}
    assert formats == {name.partition("-")[0] for name in BAD}
    assert formats == {"ansible", "csv", "netbox", "rpiaas"}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_has_no_faults_and_prints_what_is_expected(name):
    imported = convert(name)
    assert imported.faults == ()
    expected = (DATA / f"{name}.expected.yaml").read_text("utf-8")
    assert imported.description_yaml == expected


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_passes_validate_at_once(name, validate):
    assert validate(convert(name).description_yaml) == []


@pytest.mark.parametrize("name", BAD)
def test_every_fault_is_named_word_for_word(name):
    lines = [str(fault) for fault in convert(name).faults]
    assert lines == (DATA / f"{name}.expected.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", BAD)
def test_faults_stand_above_the_data_as_well(name):
    imported = convert(name)
    head = imported.description_yaml.partition("\n\n")[0]
    assert all(f"#   {fault}\n" in head + "\n" for fault in imported.faults)
    assert f"TO ANSWER: {len(imported.faults)} faults" in head


@pytest.mark.parametrize("name", BAD)
def test_every_line_named_is_in_the_file(name):
    length = len((DATA / name).read_text("utf-8").splitlines())
    assert all(1 <= fault.line <= length for fault in convert(name).faults)


@pytest.mark.parametrize("name", BAD)
def test_validate_passes_once_the_faults_are_answered(name, validate):
    text = convert(name).description_yaml
    assert validate(text)
    for old, new in ANSWERS[name]:
        text = text.replace(old, new)
    assert validate(text) == []


@pytest.mark.parametrize("name", GOOD + BAD)
def test_what_is_printed_is_yaml(name):
    assert isinstance(yaml.safe_load(convert(name).description_yaml), dict)


def test_the_example_of_the_guide_is_what_is_printed(repo):
    guide = (repo / "docs" / "import.md").read_text("utf-8")
    source = guide.partition("```csv\n")[2].partition("```")[0]
    shown = guide.partition("```yaml\n")[2].partition("```")[0]
    head, _, racks = shown.partition("...\n")
    printed = importers.convert(source, "hosts.csv", "csv").description_yaml
    assert printed.startswith(head)
    assert printed.endswith(racks)


def test_the_guide_keeps_its_promise_for_the_example(repo, validate):
    guide = (repo / "docs" / "import.md").read_text("utf-8")
    source = guide.partition("```csv\n")[2].partition("```")[0]
    mended = source.replace("3C+", "3B+").replace("pi2.lab.example;10.9.8.13", "pi3;10.9.8.13")
    imported = importers.convert(mended, "hosts.csv", "csv")
    assert [fault.rule for fault in imported.faults] == ["unknown-column", "zero-mac"]
    assert validate(imported.description_yaml) == []
