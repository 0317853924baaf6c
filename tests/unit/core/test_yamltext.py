"""YAML is read as a plain safe loader reads it, but for what nobody means."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from picloud.yamltext import parse

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.text(min_size=1)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)
trees = st.dictionaries(keys, values, min_size=1, max_size=4)


@given(trees, st.booleans())
@settings(deadline=None, max_examples=60)
def test_reads_what_yaml_writes(tree: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow)
    assert parse(text) == (tree, [])


@given(st.text(alphabet="ab1:0-[]{}&*<!|>#%@`'\"?, \t\n~", max_size=80))
@settings(deadline=None)
def test_any_text_gives_data_or_problems(text: str) -> None:
    data, problems = parse(text)
    json.dumps(data)
    try:
        plain = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        assert problems
        return
    if not problems:
        assert data == plain


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("a: 1\na: 2", "duplicate-key", 2),
        ("a:\n  b: {c: 1, c: 1}", "duplicate-key", 2),
        ("a: 0644", "octal-number", 1),
        ("a: 12:34:56", "base-60-number", 1),
        ("a: 1:30.5", "base-60-number", 1),
        ("a: 2026-01-01", "yaml-date", 1),
        ("yes: 1", "unquoted-key", 1),
        ("1: 1", "unquoted-key", 1),
        ("[1]: 1", "unquoted-key", 1),
        ("a: !!python/object:os.system x", "yaml-tag", 1),
        ("a: !!binary aGk=", "yaml-tag", 1),
        ("a: !!set {b, c}", "yaml-tag", 1),
        ("a: &x [*x]", "yaml-syntax", 1),
        ("a: *x", "yaml-syntax", 1),
        ("a: {<<: 1}", "yaml-syntax", 1),
        ("a: 1\n\tb: 2", "tab-indent", 2),
        ("a: [1", "yaml-syntax", 1),
        ("a: b: c", "yaml-syntax", 1),
        ("a: \x07", "yaml-syntax", 1),
        ("", "empty-file", 1),
        ("# nothing", "empty-file", 1),
        ("---\n...", "empty-file", 1),
        ("- a", "not-a-mapping", 1),
        ("\nhello", "not-a-mapping", 2),
        ("a: 1\n---\nb: 2", "yaml-syntax", 2),
    ],
)
def test_oddities(text: str, rule: str, line: int) -> None:
    _, problems = parse(text)
    assert [(problem.rule, problem.line) for problem in problems] == [(rule, line)]


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: {[b, c]: 1}", "a list"), ("a: {{b: c}: 1}", "a mapping"), ("{[b]: {d: 1}}", "a list")],
)
def test_a_key_that_holds_others_is_named_in_words(text: str, words: str) -> None:
    data, (problem,) = parse(text)
    assert problem.problem == f"has a key that is {words}, not text"
    assert "Node" not in repr(data)


def test_merge_keys_are_allowed_and_doubles_beside_them_found() -> None:
    data, problems = parse("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4}]}")
    assert problems == []
    assert data["y"] == {"a": 1, "b": 3}
    assert data["z"] == {"a": 1, "b": 2, "c": 4}
    assert [p.rule for p in parse("x: &x {a: 1}\ny: {<<: *x, b: 3, b: 4}")[1]] == ["duplicate-key"]


def test_numbers_and_words_that_are_meant() -> None:
    text = "{a: 16, b: 0.7, c: true, d: null, e: 0x10, f: '0644', g: 08, h: 1_000}"
    assert list(parse(text)[0].values()) == [16, 0.7, True, None, 16, "0644", "08", 1000]
    assert parse(text)[1] == []


def test_aliases_do_not_multiply() -> None:
    names = "abcdefghijklmnopqrstuvwxz"
    lines = ["a: &a [x, x]"]
    lines += [f"{b}: &{b} [*{a}, *{a}]" for a, b in itertools.pairwise(names)]
    assert parse("\n".join(lines))[1] == []
