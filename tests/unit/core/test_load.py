"""Files are found, rendered and read; what cannot be read is a fault with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from picloud import load
from picloud.cloud import build
from picloud.faults import DescriptionError


def source(root: Path, **files: str) -> load.Source:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_sls", ".sls")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load.read(root)


def test_files_of_all_folders_in_order(tmp_path: Path) -> None:
    found = source(tmp_path, b_sls="b: 1", a__c_sls="a: 1", a_sls="c: 1", notes="x", a__README="x")
    assert [file.name for file in found.files] == ["a.sls", "a/c.sls", "b.sls"]


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.sls").write_text("a: 1")
    (tmp_path / ".draft.sls").write_text("a: 1")
    assert source(tmp_path).files == ()


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    source(tmp_path, site__a_sls="a: 1")
    (tmp_path / "site" / "again").symlink_to(tmp_path / "site")
    (tmp_path / "other").symlink_to(tmp_path / "site")
    names = [file.name for file in load.read(tmp_path).files]
    assert names == ["other/a.sls", "site/a.sls"]


def test_a_link_to_nothing_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.sls").symlink_to(tmp_path / "gone")
    problems = load.read(tmp_path).files[0].problems
    assert [problem.rule for problem in problems] == ["unreadable-file"]


def test_what_is_no_file_is_a_fault_and_hides_nothing_beside_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.sls")
    (tmp_path / "b.sls").symlink_to("b.sls")
    (tmp_path / "c.sls").write_text("cloud: {name: lab, domain: pi.example}")
    source = load.read(tmp_path, load.plain, {})
    rules = {file.name: [one.rule for one in file.problems] for file in source.files}
    unreadable = ["unreadable-file"]
    assert rules == {"a.sls": unreadable, "b.sls": unreadable, "c.sls": []}


def test_fingerprint_changes_with_names_and_contents(tmp_path: Path) -> None:
    first = source(tmp_path, a_sls="a: 1").fingerprint
    assert source(tmp_path).fingerprint == first
    assert source(tmp_path, a_sls="a: 2").fingerprint != first
    (tmp_path / "a.sls").rename(tmp_path / "b.sls")
    (tmp_path / "b.sls").write_text("a: 1")
    assert source(tmp_path).fingerprint != first


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  -----BEGIN PGP MESSAGE-----\n",
        "a: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n",
        "a: |\n  -----BEGIN PRIVATE KEY-----\n",
        "a: $6$saltsalt$hashhash\n",
        "a: '$y$j9T$saltsalt$hash'\n",
        "a: $2b$12$hashhashhash\n",
        "#!jinja|yaml|gpg\na: 1\n",
    ],
)
def test_secrets_stand_under_secrets(tmp_path: Path, text: str) -> None:
    found = source(tmp_path, a_sls=text, secrets__a_sls=text, site__secrets__b_sls=text)
    assert {file.name: [p.rule for p in file.problems] for file in found.files} == {
        "a.sls": ["secret-outside"],
        "secrets/a.sls": [],
        "site/secrets/b.sls": [],
    }


@pytest.mark.parametrize(
    "text", ["a: $HOME", "a: 5$", "a: -----BEGIN CERTIFICATE-----", "#!yaml\na: 1"]
)
def test_what_only_looks_like_a_secret(tmp_path: Path, text: str) -> None:
    assert source(tmp_path, a_sls=text).files[0].problems == ()


def test_text_that_is_no_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.sls").write_bytes(b"cloud:\n  name: caf\xe9\n")
    with pytest.raises(DescriptionError) as caught:
        build(load.read(tmp_path))
    assert "a.sls:2: is not UTF-8 text; save it as UTF-8" in str(caught.value)


def test_a_template_error_has_its_line(tmp_path: Path) -> None:
    def render(path: Path) -> load.Rendered:
        raise load.RenderError("no such filter", 3)

    (tmp_path / "a.sls").write_text("a: 1\n\n\n")
    with pytest.raises(DescriptionError) as caught:
        build(load.read(tmp_path, render))
    assert str(caught.value) == "a.sls:3: cannot be rendered: no such filter; correct the template"
