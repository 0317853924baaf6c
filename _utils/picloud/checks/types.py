"""
Validate data against a model, and say in plain words what does not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from picloud import suggest
from picloud.faults import RAW, Path, Problem
from picloud.formats import FORMATS
from picloud.schema import Model

Kind = TypeVar("Kind", bound=Model)

_WANTED = {
    "bool_type": ("true or false", "write true or false without quotes"),
    "dict_type": ("a mapping", "write name: value"),
    "float_type": ("a number", "write a number without quotes"),
    "int_type": ("a whole number", "write a whole number without quotes"),
    "int_from_float": ("a whole number", "write a whole number"),
    "model_type": ("a mapping", "write name: value"),
    "string_type": ("text", "write text"),
    "tuple_type": ("a list", "write [one, two]"),
}
#: Keys that are named where a mapping is missing.
NAMED = 4
_UNION = {"bool", "int", "float", "str"}


def fit(model: type[Kind], data: Any, path: Path) -> tuple[Kind | None, list[Problem]]:
    """
    Validate data; return the model as far as it can be made, and what is wrong.

    model
        What the data should be.
    data
        Plain data.
    path
        Where it stands.

    Faulty keys are left out of the model when it can do without them; without a key that it needs
    it is None.
    """
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = list(_explain(model, data, path, details))
    if not isinstance(data, Mapping):
        return None, problems
    sound = dict(data)
    for detail in details:
        _drop(sound, detail["loc"])
    try:
        return model.model_validate(sound), problems
    except ValidationError:
        return None, problems


def _drop(data: dict[str, Any], loc: Path) -> None:
    """Take the faulty key out; in tables of entries, the faulty key of the entry."""
    if loc and loc[0] in data:
        inner = data[loc[0]]
        if loc[0] == "nodes" and len(loc) > 2 and isinstance(inner, Mapping) and loc[1] in inner:
            data["nodes"] = nodes = dict(inner)
            entry = nodes[loc[1]]
            if loc[2] in ("id", "[key]") or not isinstance(entry, Mapping):
                del nodes[loc[1]]
            else:
                nodes[loc[1]] = {key: value for key, value in entry.items() if key != loc[2]}
        elif loc[0] == "nodes" and len(loc) == 2 and isinstance(inner, Mapping):
            data["nodes"] = {key: value for key, value in inner.items() if key != loc[1]}
        else:
            del data[loc[0]]


def _explain(
    model: type[Model], data: Any, base: Path, details: list[ErrorDetails]
) -> Iterator[Problem]:
    seen: set[Path] = set()
    meant = {
        (*one["loc"][:-1], suggest.closest(one["loc"][-1], fields(model, one["loc"][:-1])))
        for one in details
        if one["type"] == "extra_forbidden"
    }
    for detail in details:
        loc = detail["loc"]
        if detail["type"] == "missing" and loc in meant:
            continue  # it is there by another name, which is named
        if detail["type"] == "too_short" and detail["input"]:
            continue  # it is not empty: what is in it has faults, which are named
        if loc and loc[-1] == "[key]":
            loc = loc[:-1]
        elif loc and loc[-1] in _UNION and not _holds(data, loc):
            loc = loc[:-1]
            if loc in seen:
                continue
            seen.add(loc)
            what = _kind(detail["input"])
            remedy = "write text, a number, or true or false"
            yield Problem((*base, *loc), "wrong-type", f"is {what}, not one value", remedy)
            continue
        yield _one(model, (*base, *loc), loc, detail)


def _holds(data: Any, loc: Path) -> bool:
    for step in loc:
        try:
            data = data[step]
        except (LookupError, TypeError):
            return False
    return True


def _one(model: type[Model], path: Path, loc: Path, detail: ErrorDetails) -> Problem:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = fields(model, loc[:-1])
        return Problem(path, "unknown-key", "unknown key", suggest.remedy(loc[-1], known, "keys"))
    if kind == "missing":
        about = describe(model, loc)
        remedy = f"add {loc[-1]}: {about}" if about else f"add {loc[-1]}"
        return Problem(path[:-1], "missing-key", f'has no "{loc[-1]}"', remedy)
    if value is None:
        return Problem(path, "empty-value", "has no value", "give it one, or remove the key")
    if kind == "model_type" and (known := fields(model, loc)):
        names = ", ".join(known[:NAMED]) + (" and others" if len(known) > NAMED else "")
        remedy = f"write name: value, with names such as {names}"
        return Problem(path, "wrong-type", f"is {_kind(value)}, not a mapping", remedy)
    if kind in _WANTED:
        return _type(path, kind, value)
    return _value(path, loc, detail)


def _type(path: Path, kind: str, value: Any) -> Problem:
    if kind == "string_type" and isinstance(value, bool | int | float):
        read = "true or false" if isinstance(value, bool) else "a number"
        problem = f"{RAW} is read as {read}, and must be text"
        return Problem(path, "unquoted-text", problem, f'write "{RAW}" in quotes')
    what, remedy = _WANTED[kind]
    return Problem(path, "wrong-type", f"is {_kind(value)}, not {what}", remedy)


def _value(path: Path, loc: Path, detail: ErrorDetails) -> Problem:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "literal_error":
        names = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        rule = "unknown-part" if "parts" in loc else "unknown-value"
        what = "parts" if rule == "unknown-part" else "values"
        return Problem(path, rule, f"unknown: {show(value)}", suggest.remedy(value, names, what))
    if kind == "string_pattern_mismatch":
        form = FORMATS[str(context["pattern"])]
        return Problem(path, form.rule, f"{show(value)} {form.what}", form.remedy)
    if kind == "string_too_short":
        return Problem(path, "empty-value", "is empty", "write what it holds")
    if kind == "too_short":
        return Problem(path, "out-of-range", "is empty", "name at least one")
    bounds = [f"{words} {context[key]}" for key, words in _BOUNDS.items() if key in context]
    if bounds:
        problem, remedy = f"{show(value)} is out of range", f"write a number {bounds[0]}"
        return Problem(path, "out-of-range", problem, remedy)
    return Problem(path, "wrong-type", detail["msg"].lower(), "correct it")


_BOUNDS = {"ge": "not less than", "gt": "greater than", "le": "not more than", "lt": "less than"}


def show(value: object) -> str:
    """
    Return a value as users would write it.

    >>> show("b8:27")
    '"b8:27"'
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {show(value)}"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def fields(model: type[Model], loc: Path) -> list[str]:
    """Return the keys that are known at a place in a model."""
    found: type[Model] | None = model
    steps = iter(loc)
    for step in steps:
        if found is None or str(step) not in found.model_fields:
            return []
        annotation = found.model_fields[str(step)].annotation
        inner, container = _model_in(annotation)
        if container:
            next(steps, None)
        found = inner
    return list(found.model_fields) if found is not None else []


def _model_in(annotation: Any) -> tuple[type[Model] | None, bool]:
    """Return the model inside an annotation, and whether it stands in a list or table."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation, False
    container = getattr(annotation, "__origin__", None) in (dict, tuple)
    for argument in get_args(annotation):
        inner, deeper = _model_in(argument)
        if inner is not None:
            return inner, container or deeper
    return None, container


def describe(model: type[Model], loc: Path) -> str:
    """Return the first clause of a key's documentation."""
    found: type[Model] | None = model
    steps = iter(loc[:-1])
    for step in steps:
        if found is None or str(step) not in found.model_fields:
            return ""
        found, container = _model_in(found.model_fields[str(step)].annotation)
        if container:
            next(steps, None)
    if found is None or str(loc[-1]) not in found.model_fields:
        return ""
    text = found.model_fields[str(loc[-1])].description or ""
    text = re.split(r"[;,:.](?:\s|$)", text)[0]
    return text[:1].lower() + text[1:]
