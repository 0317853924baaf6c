"""
What the fields of a Swarm service may be: each kind of value checked and put into the words of
Docker's API, and back.
"""

import re
import shlex
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

__virtualname__ = "swarmvalues"

UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.I)
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
CONSTRAINT = re.compile(r"\s*(node\.[\w.-]+|engine\.labels\.[\w.-]+)\s*(==|!=)\s*(\S.*?)\s*")


def __virtual__():
    return __virtualname__


def size(value):
    """
    Return an amount of memory in bytes.

    value
        A number of bytes, or a text with a unit: ``64M``, ``1.5GiB``. Units are binary.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmvalues.size 64M
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise SaltInvocationError(f"{value!r} is no size; sizes look like 64M")
    return round(float(found[1]) * UNITS[found[2].lower()])


def duration(value):
    """
    Return a duration in nanoseconds.

    value
        A number of seconds, or a text: ``500ms``, ``10s``, ``1m30s``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmvalues.duration 1m30s
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return round(value * 10**9)
    text = value.strip() if isinstance(value, str) else ""
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise SaltInvocationError(f"{value!r} is no duration; durations look like 10s")
    return round(sum(float(number) * SECONDS[unit] for number, unit in parts) * 10**9)


def generic(resources):
    """
    Return generic resources by name, as numbers (counted ones) or lists of names.

    resources
        The list that Docker's API has.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmvalues.generic '[{DiscreteResourceSpec: {Kind: mbps, Value: 100}}]'
    """
    found: dict[str, Any] = {}
    for item in resources or ():
        if counted := item.get("DiscreteResourceSpec"):
            found[counted["Kind"]] = counted.get("Value", 0)
        elif named := item.get("NamedResourceSpec"):
            found.setdefault(named["Kind"], []).append(named["Value"])
    return found


def check(kind, value):
    """
    Return a value in the words of Docker's API.

    kind
        What it has to be: a name of ``KINDS``, or the words that it may be one of.
    value
        The value, as written in a specification.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmvalues.check size 64M
    """
    known = KINDS[kind] if isinstance(kind, str) else _one_of(kind)
    try:
        return known.check(value)
    except (ValueError, TypeError, AttributeError, SaltInvocationError) as err:
        raise SaltInvocationError(f"must be {known.what}, is {value!r}") from err


def show(kind, value):
    """
    Return a value of Docker's API in our words.

    kind
        A name of ``KINDS``, or the words that it may be one of.
    value
        The value, as Docker has it.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmvalues.show size 67108864
    """
    return KINDS[kind].show(value) if isinstance(kind, str) else value


class Kind(NamedTuple):
    """What a field may be: a check that makes Docker's value of it, words for it, the way back."""

    check: Any
    what: str
    show: Any = lambda value: value


def _show_size(value):
    for unit in ("T", "G", "M", "K"):
        if value and value % UNITS[unit.lower()] == 0:
            return f"{value // UNITS[unit.lower()]}{unit}"
    return value


def _show_duration(value):
    minutes, rest = divmod(value, 60 * 10**9)
    seconds = f"{rest / 10**9:.9f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _text(value):
    if not isinstance(value, str) or not value.strip():
        raise TypeError
    return value


def _entries(value):
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return value


def _texts(value):
    return [_text(item) for item in _entries(value)]


def _mapping(value):
    """Names with texts. true and false are refused: YAML makes them of a bare yes, no, on, off."""
    found = {}
    for key, item in value.items():
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise TypeError
        found[_text(str(key))] = str(item)
    return found


def _flag(value):
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value):
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _cpus(value):
    if _number(value) <= 0:
        raise ValueError
    return round(_number(value) * 10**9)


def _ratio(value):
    if not 0 <= _number(value) <= 1:
        raise ValueError
    return _number(value)


def _permissions(value):
    return _whole(0, 0o7777)(int(value, 8) if isinstance(value, str) else value)


def _constraint(value):
    return "".join(CONSTRAINT.fullmatch(value).groups())


def _platform(value):
    return dict(zip(("OS", "Architecture"), value.split("/"), strict=True))


def _whole(low=0, high=2**63 - 1):
    def check_number(value):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return check_number


def _one_of(words):
    def check_word(value):
        if value not in words:
            raise ValueError
        return value

    return Kind(check_word, f"one of {', '.join(words)}")


def _capability(value):
    name = _text(value).upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def _test(value):
    """The command of a health check: NONE, a line for the shell, or words."""
    if isinstance(value, str):
        return ["NONE"] if value == "NONE" else ["CMD-SHELL", _text(value)]
    words = _texts(value)
    return words if words[:1] in (["CMD"], ["CMD-SHELL"], ["NONE"]) else ["CMD", *words]


def _image(text):
    """The full name of an image, as Docker understands it: with a tag or a digest."""
    text = _text(text).removeprefix("docker.io/").removeprefix("library/")
    name, at, digest = text.partition("@")
    if not at and ":" not in name.rpartition("/")[2]:
        name += ":latest"
    return name + at + digest


KINDS = {
    "text": Kind(_text, "a text"),
    "list": Kind(_entries, "a list"),
    "words": Kind(
        lambda value: shlex.split(value) if isinstance(value, str) else _texts(value),
        "a list of words, or a line of them (numbers quoted)",
    ),
    "flag": Kind(_flag, "true or false"),
    "count": Kind(_whole(), "a whole number, 0 or more"),
    "positive": Kind(_whole(1), "a whole number above 0"),
    "port": Kind(_whole(1, 65535), "a port, 1 to 65535"),
    "map": Kind(_mapping, "names with texts (true, false, yes, no: in quotes)"),
    "size": Kind(size, "a size, such as 64M", _show_size),
    "time": Kind(duration, "a duration, such as 10s", _show_duration),
    "ratio": Kind(_ratio, "a number from 0 to 1", float),
    "cpus": Kind(_cpus, "a number above 0, such as 0.5", lambda value: value / 10**9),
    "permissions": Kind(_permissions, 'permissions, such as "0440"', lambda value: f"{value:04o}"),
    "owner": Kind(lambda value: str(_whole()(int(value))), "a numeric id", str),
    "user": Kind(lambda value: _text(str(value)), "a user, such as 1000:1000"),
    "capabilities": Kind(
        lambda value: sorted({_capability(item) for item in _texts(value)}),
        "a list of capabilities",
    ),
    "image": Kind(_text, "the name of an image", _image),
    "test": Kind(_test, "a command line, a list of words, or NONE"),
    "generic": Kind(
        lambda value: [
            {"DiscreteResourceSpec": {"Kind": _text(key), "Value": _whole(1)(value[key])}}
            for key in sorted(value)
        ],
        "names with whole numbers, such as {mbps: 40}",
        generic,
    ),
    "constraints": Kind(
        lambda value: sorted({_constraint(item) for item in _texts(value)}),
        "a list such as [node.labels.rack == rack1]",
        lambda value: sorted({_constraint(item) for item in value}),
    ),
    "spread": Kind(
        lambda value: [{"Spread": {"SpreadDescriptor": item}} for item in _texts(value)],
        "a list of labels such as [node.labels.rack]",
        lambda value: [item["Spread"]["SpreadDescriptor"] for item in value],
    ),
    "platforms": Kind(
        lambda value: [_platform(item) for item in sorted(_texts(value))],
        "a list such as [linux/arm64]",
        lambda value: sorted(f"{item['OS']}/{item['Architecture']}" for item in value),
    ),
}
