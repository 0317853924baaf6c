"""
What is wrong with the arguments that a runner was given, in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature

from picloud.suggest import closest


def faults(
    name: str, signature: Signature, values: Sequence[object], named: Mapping[str, object]
) -> str:
    """
    Return all that keeps a runner from being called, and how it is called; nothing if nothing does.

    name
        What it is called, such as ``rejoin.adopt``.
    signature
        Its parameters.
    values, named
        What it was given, without and with a name.

    >>> from inspect import signature
    >>> def adopt(node, card=None): ...
    >>> print(faults("rejoin.adopt", signature(adopt), [], {"crad": "card-1"}))
    rejoin.adopt has no argument "crad", did you mean "card"? It needs node.
    Usage: salt-run rejoin.adopt node=<node> [card=<card>]
    """
    known = list(signature.parameters.values())
    names = [one.name for one in known]
    placed = names[: len(values)]
    said = []
    for unknown in (one for one in named if one not in names):
        near = closest(unknown, names)
        meant = f', did you mean "{near}"?' if near else "."
        said.append(f'{name} has no argument "{unknown}"{meant}')
    if len(values) > len(names):
        said.append(f"{name} takes {len(names)} arguments at most, {len(values)} were given.")
    if twice := [one for one in placed if one in named]:
        said.append(f"It was given {' and '.join(twice)} twice.")
    if missing := [one.name for one in known if _needed(one) and one.name not in {*placed, *named}]:
        said.append(f"It needs {' and '.join(missing)}.")
    if not said:
        return ""
    usage = " ".join(["salt-run", name, *map(_shown, known)])
    return f"{' '.join(said)}\nUsage: {usage}"


def _needed(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty


def _shown(parameter: Parameter) -> str:
    """A parameter as a usage line shows it."""
    text = f"{parameter.name}=<{parameter.name}>"
    return text if _needed(parameter) else f"[{text}]"
