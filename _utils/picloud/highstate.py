"""
What one highstate return says: which states failed, which would change.

Plain Python, no Salt import: a return is the object a minion sent, as the job cache keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Functions that run the whole of ``salt/top.sls``. ``state.apply`` counts only without ``mods``.
FUNCTIONS = ("state.highstate", "state.apply")

# Comments that Salt gives to states which never ran because of another one; the other one is
# the news. Source: salt/state.py of Salt 3008, State.call_chunk.
_FOLLOWERS = ("One or more requisite failed", "The following requisites were not found")

# The answer of a minion on which a state run is already going; nothing was run.
# Source: salt/modules/state.py of Salt 3008, _prior_running_states.
_BUSY = ('The function "state.', "is running as PID")

# States that only say something: None is how Salt shows them at all, and not a change to come.
_NOTICES = ("pinode.part_waits",)


@dataclass(frozen=True, slots=True)
class Line:
    """One state of a return that is not as described."""

    id: str
    function: str
    sls: str
    comment: str

    def as_dict(self) -> dict[str, str]:
        """The line as plain data, for JSON."""
        return {
            "id": self.id,
            "function": self.function,
            "sls": self.sls,
            "comment": self.comment,
        }


@dataclass(frozen=True, slots=True)
class Highstate:
    """One highstate of one node.

    ``jid`` and ``at`` (seconds since 1970) say when it was ordered. ``failed`` are the states
    that failed by themselves, ``followers`` counts those that only waited for a failed one,
    ``would`` are the states a test run would change, ``error`` is set when no state ran at all.
    """

    jid: str
    at: float
    states: int = 0
    changed: int = 0
    failed: tuple[Line, ...] = ()
    would: tuple[Line, ...] = ()
    followers: int = 0
    error: str = ""

    @property
    def ok(self) -> bool:
        """True when every state was, or is now, as described."""
        return not (self.error or self.failed or self.would or self.followers)

    def as_dict(self) -> dict[str, object]:
        """The highstate as plain data, for JSON."""
        return {
            "jid": self.jid,
            "at": self.at,
            "ok": self.ok,
            "states": self.states,
            "changed": self.changed,
            "failed": [line.as_dict() for line in self.failed],
            "would_change": [line.as_dict() for line in self.would],
            "not_run": self.followers,
            "error": self.error,
        }


def is_highstate(function: str, arguments: object) -> bool:
    """
    Tell whether a job ran the whole top file.

    function
        The job's function, such as ``state.apply``.
    arguments
        Its arguments as the job cache keeps them: a list in which named ones are a mapping
        marked ``__kwarg__``.

    >>> is_highstate("state.apply", [{"__kwarg__": True, "test": True}])
    True
    >>> is_highstate("state.apply", ["docker"])
    False
    """
    if function not in FUNCTIONS:
        return False
    if function == "state.highstate":
        return True
    for argument in arguments if isinstance(arguments, list | tuple) else ():
        if isinstance(argument, Mapping):
            if argument.get("mods"):
                return False
        elif argument:
            return False
    return True


def is_busy(returned: object) -> bool:
    """
    Tell whether a return only says that another state run was going on.

    returned
        What the minion sent.

    >>> is_busy(['The function "state.apply" is running as PID 7 and was started at ...'])
    True
    """
    if not isinstance(returned, list) or not returned:
        return False
    text = str(returned[0])
    return text.startswith(_BUSY[0]) and _BUSY[1] in text


def read(jid: str, at: float, returned: object) -> Highstate:
    """
    Read one highstate return.

    jid, at
        The job's id and its time in seconds since 1970.
    returned
        What the minion sent: a mapping of states, or a list or text when nothing ran.

    >>> read("1", 0.0, ["Pillar failed to render", "racks/rack1.sls:4: ..."]).error
    'Pillar failed to render; racks/rack1.sls:4: ...'
    """
    if not isinstance(returned, Mapping) or not returned:
        return Highstate(jid, at, error=_error(returned))
    failed: list[Line] = []
    would: list[Line] = []
    followers = changed = states = 0
    for tag, result in returned.items():
        if not isinstance(result, Mapping):
            continue
        states += 1
        outcome = result.get("result")
        if outcome is True:
            changed += bool(result.get("changes"))
        elif outcome is None:
            line = _line(str(tag), result)
            would += [line] if line.function not in _NOTICES else []
        elif str(result.get("comment", "")).startswith(_FOLLOWERS):
            followers += 1
        else:
            failed.append(_line(str(tag), result))
    if not states:
        return Highstate(jid, at, error=_error(list(returned.values())))
    return Highstate(jid, at, states, changed, tuple(failed), tuple(would), followers)


def _line(tag: str, result: Mapping[object, object]) -> Line:
    """One line of a state's result; ``tag`` is ``module_|-id_|-name_|-function``."""
    parts = tag.split("_|-")
    function = f"{parts[0]}.{parts[-1]}" if len(parts) == 4 else tag
    name = result.get("__id__") or (parts[1] if len(parts) == 4 else tag)
    comment = " ".join(str(result.get("comment", "")).split())
    return Line(str(name), function, str(result.get("__sls__", "")), comment)


def _error(returned: object) -> str:
    """The text of a return in which no state ran."""
    if isinstance(returned, list | tuple) and returned:
        text = "; ".join(" ".join(str(part).split()) for part in returned)
        return text.replace(":; ", ": ")
    if isinstance(returned, str) and returned.strip():
        return " ".join(returned.split())
    return "the node sent an empty return"
