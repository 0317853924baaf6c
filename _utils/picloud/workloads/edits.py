"""
What an edit of the description changes in the services themselves, field by field in words.

Numbers of replicas are left to the plan, which knows them by node. Values of environment variables,
words of commands and what secrets and files hold are never shown: any of them may be a secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from picloud.rollout.guarded import LANE, touched

Spec = Mapping[str, Any]

#: Fields whose values are not shown.
HIDDEN = ("env", "command", "args", "healthcheck.test")
#: Fields that say themselves what is in them, key by key, also where there were none of them.
OPEN = ("env", "resources.reservations.generic")
#: What the items of a list are known by.
KEYS: Mapping[str, Sequence[str]] = {
    "publish": ("published", "protocol"),
    "mounts": ("target",),
    "secrets": ("source",),
    "configs": ("source",),
}


def edits(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, list[str]]:
    """
    Return by workload what is another in its services, in words; what is new or gone at a site is
    left out.

    old, new
        What the managers of each site are told before and after, see ``service.work``.

    .. code-block:: python

        edits(told(before, {}), told(after, {}))["web"]     # ["image web:1 -> web:2"]
    """
    by_site: dict[str, dict[str, list[str]]] = {}
    for site in sorted(old.keys() & new.keys()):
        before, after = json.loads(old[site]), json.loads(new[site])
        for name in before["services"].keys() & after["services"].keys():
            if words := _site(before, after, name):
                by_site.setdefault(name, {})[site] = words
    return {name: _joined(words) for name, words in sorted(by_site.items())}


def _joined(by_site: Mapping[str, Sequence[str]]) -> list[str]:
    """The words of all sites, with the site where not all of them say the same."""
    found: dict[str, list[str]] = {}
    for site, words in by_site.items():
        for word in words:
            found.setdefault(word, []).append(site)
    everywhere = len(by_site)
    return [
        word if len(sites) == everywhere else f"{word} at {' and '.join(sites)}"
        for word, sites in found.items()
    ]


def _site(old: Spec, new: Spec, name: str) -> list[str]:
    """What is another in a service at one site."""
    said = list(_contents(old, new, name, "secrets"))
    if name in touched(old, new):
        said += _fields(_plain(old["services"][name]), _plain(new["services"][name]), "")
        said += _used(old, new, name)
    return said


def _plain(service: Spec) -> dict[str, Any]:
    """A service without what the plan shows."""
    shown = "replicas" if service["mode"] == "replicated" else None
    return {key: value for key, value in service.items() if key != shown}


def _used(old: Spec, new: Spec, name: str) -> Iterator[str]:
    """What is another in what a service uses."""
    spec = new["services"][name]
    for section, names in (("networks", spec.get("networks", ())), ("images", [spec.get("image")])):
        for one in names:
            before, after = old.get(section, {}).get(one), new.get(section, {}).get(one)
            if before is not None and after is not None:
                yield from _fields(before, after, f"{section}.{one}.")
    yield from _contents(old, new, name, "configs")
    constraints = spec.get("placement", {}).get("constraints", ())
    lanes = (old.get("lanes"), new.get("lanes"))
    if lanes[0] != lanes[1] and any(LANE in one for one in constraints):
        yield f"the nodes of its lane, of which there are {lanes[0]} -> {lanes[1]}"


def _contents(old: Spec, new: Spec, name: str, section: str) -> Iterator[str]:
    """Files that hold something else."""
    for file in new["services"][name].get(section, ()):
        one = file["source"]
        before, after = old.get(section, {}).get(one), new.get(section, {}).get(one)
        if before is not None and after is not None and before != after:
            yield f"{section}.{one}.contents differs"


def _fields(old: Spec, new: Spec, above: str) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield from _field(f"{above}{key}", old.get(key), new.get(key))


def _field(path: str, old: Any, new: Any) -> Iterator[str]:
    """What to say of a field that is not the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _fields(old, new, f"{path}.")
    elif path in OPEN:
        yield from _fields(old or {}, new or {}, f"{path}.")
    elif path.startswith("env."):
        yield _presence(path, old, new)
    elif path in HIDDEN:
        yield f"{path} differs"
    elif isinstance(old or new, list | tuple):
        yield from _items(path, old or (), new or ())
    elif isinstance(old, dict) or isinstance(new, dict):
        yield _presence(path, old, new)
    else:
        flag = isinstance(old, bool) or isinstance(new, bool)
        yield f"{path} {_value(old, flag)} -> {_value(new, flag)}"


def _items(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    """What comes and goes in a list; what stays and is another is told by its fields."""
    before, after = _by_key(path, old), _by_key(path, new)
    said = list(_fields(before, after, f"{path}."))
    yield from said or [f"{path}: another order"]


def _by_key(path: str, items: Sequence[Any]) -> dict[str, Any]:
    keys = KEYS.get(path, ())
    return {
        "/".join(str(item[key]) for key in keys) if isinstance(item, dict) else str(item): (
            item if isinstance(item, dict) else {}
        )
        for item in items
    }


def _presence(path: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{path} is new"
    return f"{path} is gone" if new is None else f"{path} differs"


def _value(value: Any, flag: bool) -> str:
    if flag:
        return "true" if value else "false"
    return "nothing" if value is None else str(value)
