"""Whatever is done to a description, it is a cloud or a list of faults, never a crash."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from picloud.cloud import Cloud, build
from picloud.faults import OTHER, RAW, DescriptionError, Fault
from picloud.load import from_texts
from picloud.rules import RULES

from .conftest import DATA

TEXTS = {
    path.relative_to(DATA / "tiny").as_posix(): path.read_text()
    for path in sorted((DATA / "tiny").rglob("*.sls"))
}
WHOLE: dict[str, Any] = {
    key: value for text in TEXTS.values() for key, value in yaml.safe_load(text).items()
}


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = data.items() if isinstance(data, dict) else enumerate(data)
    found = []
    for key, value in steps:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += paths(value, (*path, key))
    return found


PLACES = paths(WHOLE)
VALUES = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        10**12,
        "",
        "x",
        "10.80.1.1",
        "::",
        "fd00::1/200",
        [],
        {},
        [None],
        {"a": None},
        "pi0",
        "left/1",
        "*",
        "b8:27:eb:00:00:01",
        "\u00e9\n",
    ]
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "drop", "name"]), VALUES),
    min_size=1,
    max_size=4,
)


def changed(data: Any, path: tuple[Any, ...], how: str, value: Any) -> Any:
    """Return a copy with one place set, dropped or renamed; unchanged when it is gone already."""
    steps = range(len(data)) if isinstance(data, list) else data
    if not isinstance(data, dict | list) or path[0] not in steps:
        return data
    inner = data[path[0]]
    if isinstance(data, list):
        rest = list(data)
        if len(path) > 1:
            rest[path[0]] = changed(inner, path[1:], how, value)
        else:
            rest[path[0] : path[0] + 1] = [] if how == "drop" else [value]
        return rest
    copy = dict(data)
    if len(path) > 1:
        copy[path[0]] = changed(inner, path[1:], how, value)
    elif how == "set":
        copy[path[0]] = value
    else:
        del copy[path[0]]
        if how == "name":
            copy[str(value)] = inner
    return copy


def judge(texts: dict[str, str]) -> None:
    cloud, faults = attempt(texts)
    assert cloud is not None or faults
    for fault in faults:
        assert fault.rule in RULES
        assert fault.file in texts
        assert 1 <= fault.line <= len(texts[fault.file].splitlines()) + 1
        assert fault.problem
        assert fault.remedy
        assert RAW not in str(fault)
        assert OTHER not in str(fault)
    for node in cloud.nodes if cloud else ():
        assert cloud.view(node)["node"]["id"] == node


def attempt(texts: dict[str, str]) -> tuple[Cloud | None, tuple[Fault, ...]]:
    try:
        return build(from_texts(texts)), ()
    except DescriptionError as error:
        return None, error.faults


@given(CHANGES)
@settings(deadline=None, max_examples=400)
def test_changed_data(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    data: Any = WHOLE
    for path, how, value in changes:
        data = changed(data, path, how, value)
    judge({"all.sls": json.dumps(data, indent=1)})  # JSON is YAML, and written in no time


@given(
    st.sampled_from(sorted(TEXTS)),
    st.integers(0, 900),
    st.integers(0, 12),
    st.text(alphabet="ab1:-{}[]\"'#&*\t\n ,|>!%", max_size=4),
)
@settings(deadline=None, max_examples=400)
def test_damaged_text(name: str, start: int, length: int, text: str) -> None:
    whole = TEXTS[name]
    judge({**TEXTS, name: whole[:start] + text + whole[start + length :]})
