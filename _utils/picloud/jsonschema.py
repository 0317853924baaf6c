"""
The schema for people and their editors: a JSON Schema to complete and check while one types, and a
reference in Markdown. Both are made of the models in ``schema``, never written by hand.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from picloud.formats import FORMATS, MOST
from picloud.schema import PART_MODELS, RESERVED, SECTIONS, Description

Json = dict[str, Any]

#: The dialect that pydantic writes and that editors understand.
DIALECT = "https://json-schema.org/draft/2020-12/schema"

HEAD = """\
# The description, key by key

Made from `_utils/picloud/schema.py` by `make schema`; do not edit. How to have an editor complete
and check these keys while you type: [editors.md](editors.md).

All `*.sls` files of `pillar/cloud` and its folders are one description: each may hold any of these
sections, and sections made of entries by name (sites, boards, racks ...) may be spread over several
files. Keys in **bold** must be there.
"""


def schema() -> Json:
    """
    Return the JSON Schema of one file of a description.

    Every section may be missing, because files share them out; an entry has to be whole.
    """
    made = Description.model_json_schema()
    made = {
        "$schema": DIALECT,
        "title": "Description of a Pi cloud",
        **{key: value for key, value in made.items() if key not in ("required", "title")},
    }
    for part in PART_MODELS:
        _make_override(made["$defs"], part)
    _simplify(made)
    made["title"] = "Description of a Pi cloud"
    return made


def text() -> str:
    """Return ``schema()`` as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _make_override(models: Json, part: str) -> None:
    """Let ``overrides.<part>`` hold the keys of that part, none of them required."""
    name = PART_MODELS[part].__name__
    partial = copy.deepcopy(models[name])
    partial.pop("required", None)
    for value in partial["properties"].values():
        value.pop("default", None)
    models[f"{name}Override"] = partial
    held = models["Overrides"]["properties"][part]
    held.pop("anyOf", None)
    held["$ref"] = f"#/$defs/{name}Override"


def _simplify(node: Json) -> None:
    """Take out what says nothing to a reader: made-up titles, null as a choice and as a default."""
    node.pop("title", None)
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del node["anyOf"]
        for key, value in choices[0].items():
            node.setdefault(key, value)
    if node.get("default", 0) is None:
        del node["default"]
    if "$ref" in node and not isinstance(node.get("default", ""), str | int | float):
        node.pop("default", None)
    known = FORMATS.get(node.get("pattern", ""))
    if known:
        node["patternErrorMessage"] = f"{known.what}: {known.remedy}"
    if "patternProperties" in node:
        node["additionalProperties"] = False
    for below in _below(node):
        _simplify(below)


def _below(node: Json) -> Iterator[Json]:
    for key in ("properties", "patternProperties", "$defs"):
        yield from node.get(key, {}).values()
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield node[key]
    yield from node.get("anyOf", ())


def reference() -> str:
    """Return the reference in Markdown: one heading a section, one table row a key."""
    made = schema()
    models = made["$defs"]
    out = [HEAD]
    for section in SECTIONS:
        out += _chapter(models, section, made["properties"][section], 2)
    out += [
        "## Names kept free",
        "",
        f"Sections of later versions: {', '.join(f'`{name}`' for name in RESERVED)}.",
        "",
    ]
    return "\n".join(out)


def _chapter(models: Json, path: str, node: Json, depth: int) -> Iterator[str]:
    """Yield the lines that describe a section or a nested mapping, then those below it."""
    entry, named = _entry(node)
    name = entry.get("$ref", "").rpartition("/")[2]
    model = models[name]
    where = path + _name_below(path, node) if named else path
    yield f"{'#' * depth} `{where}`"
    yield ""
    yield from [str(model.get("description", "")), ""]
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    required = model.get("required", ())
    nested = []
    for key, value in model.get("properties", {}).items():
        shown = f"**`{key}`**" if key in required else f"`{key}`"
        meaning = " ".join(_meaning(value, models).split()).replace("|", "\\|")
        yield f"| {shown} | {_type(value)} | {_default(value, key in required)} | {meaning} |"
        if _ref(value) and not _ref(value).endswith("Override"):
            nested.append((key, value))
    yield ""
    for key, value in nested:
        if _ref(value) == "Overrides" and path != "boards":
            continue  # the same everywhere: described once
        yield from _chapter(models, f"{where}.{key}", value, 3)


def _entry(node: Json) -> tuple[Json, bool]:
    """Return what stands under the names of a mapping and True, or the node itself and False."""
    for value in node.get("patternProperties", {}).values():
        return value, True
    if isinstance(node.get("additionalProperties"), dict):
        return node["additionalProperties"], True
    if isinstance(node.get("items"), dict):
        return node["items"], True
    return node, False


def _ref(node: Json) -> str:
    return str(_entry(node)[0].get("$ref", "")).rpartition("/")[2]


def _name_below(path: str, node: Json) -> str:
    if node.get("type") == "array":
        return "[]"
    return ".<slot>" if path.endswith(".nodes") else ".<name>"


def _meaning(node: Json, models: Json) -> str:
    return str(node.get("description") or models.get(_ref(node), {}).get("description", ""))


def _type(node: Json) -> str:
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type(choice) for choice in node["anyOf"]))
    entry, named = _entry(node)
    if named:
        return f"{'list' if node.get('type') == 'array' else 'name'}: {_type(entry)}"
    known = FORMATS.get(node.get("pattern", ""))
    if known and known.what.startswith("is not "):
        return known.what.removeprefix("is not ")
    plain = {
        "boolean": "true or false",
        "integer": "whole number" + _range(node),
        "number": "number" + _range(node),
        "string": "text",
        "object": "mapping",
    }
    return "mapping, see below" if "$ref" in node else plain.get(str(node.get("type")), "anything")


def _range(node: Json) -> str:
    if "minimum" in node and node.get("maximum", MOST) < MOST:
        return f" {node['minimum']} to {node['maximum']}"
    return f", {node['minimum']} or more" if "minimum" in node else ""


def _default(node: Json, required: bool) -> str:
    value = node.get("default")
    if required or value is None or value in ("", [], {}):
        return ""
    return f"`{json.dumps(value)}`"
