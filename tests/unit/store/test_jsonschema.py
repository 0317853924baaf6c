"""The JSON Schema for editors and the reference: complete, and as committed."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from picloud import jsonschema, schema
from picloud.cloud import build
from picloud.load import read

from tests.conftest import REPO
from tools import schema as program

#: Whole descriptions: what the parser takes, the schema takes too.
SOUND = ("pillar/cloud", "examples/pi2-14", "tests/data/tiny")


def defs():
    return jsonschema.schema()["$defs"]


@pytest.mark.parametrize("path", program.files(), ids=lambda path: path.name)
def test_committed_files_are_up_to_date(path):
    assert path.read_text() == program.files()[path], "run make schema"


def test_every_section_is_there_and_none_is_required():
    made = jsonschema.schema()
    assert tuple(made["properties"]) == schema.SECTIONS
    assert "required" not in made
    assert made["additionalProperties"] is False


def test_every_key_says_what_it_means():
    for name, model in defs().items():
        for key, value in model["properties"].items():
            described = value.get("description") or defs()[value["$ref"].split("/")[-1]]
            assert described, f"{name}.{key}"


def test_every_reference_leads_somewhere():
    def refs(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from refs(value)
        elif isinstance(node, list):
            for value in node:
                yield from refs(value)

    assert {ref.removeprefix("#/$defs/") for ref in refs(jsonschema.schema())} <= set(defs())


def test_overrides_complete_the_keys_of_their_part_and_require_none():
    docker = defs()["DockerOverride"]
    assert set(docker["properties"]) == set(defs()["Docker"]["properties"])
    assert "required" not in docker
    assert defs()["Overrides"]["properties"]["docker"]["$ref"] == "#/$defs/DockerOverride"


def test_editors_say_how_to_write_a_value():
    mac = defs()["Node"]["properties"]["mac"]
    assert "six pairs of hex digits" in mac["patternErrorMessage"]


def test_names_of_entries_are_checked():
    racks = jsonschema.schema()["properties"]["racks"]
    assert racks["additionalProperties"] is False


def test_the_reference_names_every_key_of_every_section():
    text = jsonschema.reference()
    for name, model in defs().items():
        if not name.endswith("Override"):
            assert all(f"`{key}`" in text for key in model["properties"]), name
    assert all(f"`{name}`" in text for name in schema.RESERVED)


def test_the_text_is_json():
    assert json.loads(jsonschema.text()) == jsonschema.schema()


def test_the_program_says_what_is_stale(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "REPO", tmp_path)
    monkeypatch.setattr(program, "files", lambda: {tmp_path / "docs" / "a.md": "new"})
    assert program.main(["--check"]) == 1
    assert "not up to date" in capsys.readouterr().out
    assert program.main([]) == 0
    assert program.main(["--check"]) == 0
    assert (tmp_path / "docs" / "a.md").read_text() == "new"


@pytest.fixture(scope="module")
def validator():
    """What an editor does with the schema."""
    made = jsonschema.schema()
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


@pytest.mark.parametrize("path", [file for root in SOUND for file in (REPO / root).rglob("*.sls")])
def test_a_validator_takes_every_sound_file(validator, path):
    data = yaml.safe_load(path.read_text())
    assert [error.message for error in validator.iter_errors(data)] == []


def test_one_size_of_memory_needs_no_list(validator, tmp_path):
    for path in (REPO / "tests/data/tiny").rglob("*.sls"):
        file = tmp_path / path.relative_to(REPO / "tests/data/tiny")
        file.parent.mkdir(exist_ok=True)
        file.write_text(path.read_text().replace("ram_mb: [1024]", "ram_mb: 1024"))
    text = Path(tmp_path / "hardware.sls").read_text()
    assert "ram_mb: 1024" in text
    assert validator.is_valid(yaml.safe_load(text))
    assert {board.ram_mb for board in build(read(tmp_path)).common.boards.values()} >= {(1024,)}
