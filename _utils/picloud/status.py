"""
Which state a node is in, and why: one pure decision, with its reason in words.

Nothing here reads anything: whoever calls gathers the evidence (keys, presence, job cache) and
gets data back. The states are the colours of an LED in a rack picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from picloud.highstate import Highstate


class State(StrEnum):
    """What an LED says of a node."""

    CONVERGED = "converged"
    """It is what the description says, as of its last highstate."""
    DRIFTED = "drifted"
    """Its last highstate failed, did not run, or would change something."""
    REJOINING = "rejoining"
    """It talks to the master again and is not verified yet."""
    SILENT = "silent"
    """It is known to the master and does not talk to it."""
    UNKNOWN = "unknown"
    """Nothing is on record to tell by."""
    LOBBY = "lobby"
    """A spare card waits in its slot and has not become it."""
    HELD = "held"
    """It came back in a way that an admin has to look at."""
    QUARANTINED = "quarantined"
    """It failed too often, or its card was put out; it is left alone until it is released."""


class Key(StrEnum):
    """What the master holds of a node's key."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Way:
    """
    Where a node is on its way back, as the ledger has it.

    ``step`` is a :class:`picloud.rejoin.steps.Step`, ``at`` when it began, ``tries`` how often it
    failed; ``card`` waits in the lobby, where the step is that.
    """

    step: str
    reason: str
    at: float
    tries: int = 0
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything :func:`classify` may look at.

    ``denied``: someone offers another key under this name and is refused, ``refused`` says why.
    ``connected`` is None when the master cannot tell. ``last`` is the newest highstate return on
    record, ``awaited`` the age in seconds of a newer highstate that has not come back.
    ``changed_at`` is when the description in force was compiled, ``seen_at`` when the node was last
    heard of, ``way`` where it is on its way back.
    """

    key: Key = Key.NONE
    denied: bool = False
    connected: bool | None = None
    last: Highstate | None = None
    awaited: float | None = None
    seen_at: float | None = None
    changed_at: float | None = None
    refused: str = ""
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and the reason for it, in words; ``notes`` are facts worth a look beside it."""

    state: State
    reason: str
    notes: tuple[str, ...] = ()


#: A highstate that has not come back after this many seconds is called unanswered: a first
#: highstate of a Pi 1 (packages, images over a 100 Mb/s uplink) stays below an hour.
PATIENCE = 3600.0

# Steps that stand in the ledger for states of their own; in all others but "converged" something
# is under way.
_STANDING = {"held": State.HELD, "quarantined": State.QUARANTINED, "lobby": State.LOBBY}


def classify(node: str, evidence: Evidence, now: float) -> Verdict:
    """
    Decide what state a node is in.

    node
        Its id, for the commands that a reason tells to run.
    evidence
        What is known of it.
    now
        The time, in seconds since 1970.

    The first line that fits decides:

    1. the ledger says that it is *held* or *quarantined*, or at which step of *rejoining* it is;
    2. no card talks for it, and a spare card waits in its slot: *lobby*;
    3. the key is not accepted: *rejoining* while it is pending or refused, *silent* when an admin
       rejected it, *unknown* when there is none;
    4. the key is accepted but the node is not connected: *rejoining* when another card knocks
       under its name, else *silent*;
    5. no highstate is on record: *rejoining* while its first one is under way, else *unknown*;
    6. the last highstate was clean: *converged*; otherwise *drifted*.
    """
    notes = _notes(evidence, now)
    return _on_its_way(evidence, notes, now) or _as_heard(node, evidence, notes, now)


def _as_heard(node: str, evidence: Evidence, notes: tuple[str, ...], now: float) -> Verdict:
    """The verdict on a node of which the ledger says nothing."""
    if evidence.key is not Key.ACCEPTED:
        return _not_accepted(node, evidence, notes)
    if evidence.connected is False:
        if evidence.denied:
            why = f": {evidence.refused}" if evidence.refused else f"; compare: salt-key -f {node}"
            return Verdict(
                State.REJOINING,
                f"another card knocks under this name and is refused{why}",
                notes,
            )
        seen = f"last heard of {ago(evidence.seen_at, now)}" if evidence.seen_at else "never heard"
        return Verdict(State.SILENT, f"not connected to the master; {seen}", notes)
    if evidence.last is None:
        if evidence.awaited is not None and evidence.awaited <= PATIENCE:
            return Verdict(
                State.REJOINING,
                f"its first highstate is under way since {span(evidence.awaited)}",
                notes,
            )
        return Verdict(
            State.UNKNOWN, f"no highstate on record; run: salt {node} state.highstate", notes
        )
    return _by_highstate(evidence.last, notes, now)


def _on_its_way(evidence: Evidence, notes: tuple[str, ...], now: float) -> Verdict | None:
    """The verdict on a node that the ledger says something of; None when it came back."""
    way = evidence.way
    if way is None or way.step == "converged":
        return None
    state = _STANDING.get(way.step, State.REJOINING)
    if state is State.LOBBY:
        if evidence.key is Key.ACCEPTED and evidence.connected is not False:
            return None
        return Verdict(state, f"{way.card} waits here: {way.reason}", notes)
    if state is State.REJOINING:
        again = f", try {way.tries + 1}" if way.tries else ""
        reason = f"{way.step} since {span(now - way.at)}{again}: {way.reason}"
        return Verdict(state, reason, notes)
    gone = evidence.key is Key.ACCEPTED and evidence.connected is False
    return Verdict(state, way.reason, (*notes, "not connected to the master") if gone else notes)


def _not_accepted(node: str, evidence: Evidence, notes: tuple[str, ...]) -> Verdict:
    """The verdict on a node whose key is not accepted."""
    knocks = evidence.key is Key.PENDING or (evidence.key is Key.NONE and evidence.denied)
    if knocks and evidence.refused:
        reason = f"a card knocks under this name and is refused: {evidence.refused}"
        return Verdict(State.REJOINING, reason, notes)
    if evidence.key is Key.PENDING:
        reason = f"its key waits to be accepted; compare, then: salt-key -a {node}"
        return Verdict(State.REJOINING, reason, notes)
    if evidence.key is Key.REJECTED:
        return Verdict(State.SILENT, "its key was rejected on this master", notes)
    if evidence.denied:
        reason = f"it knocks with a key that is refused; look at it: salt-key -f {node}"
        return Verdict(State.REJOINING, reason, notes)
    return Verdict(State.UNKNOWN, "no card with this name has ever asked to be let in", notes)


def _by_highstate(last: Highstate, notes: tuple[str, ...], now: float) -> Verdict:
    """The verdict on a node that talks to the master, from its last highstate."""
    when = ago(last.at, now)
    if last.error:
        return Verdict(State.DRIFTED, f"the highstate {when} did not run: {last.error}", notes)
    if last.failed or last.followers:
        names = _names(line.id for line in last.failed)
        waited = f"; not run because of them: {last.followers}" if last.followers else ""
        count = f"{len(last.failed)} of {last.states} states failed {when}"
        return Verdict(State.DRIFTED, f"{count}: {names}{waited}", notes)
    if last.would:
        names = _names(line.id for line in last.would)
        count = f"{len(last.would)} of {last.states} states would change, seen {when}"
        return Verdict(State.DRIFTED, f"{count}: {names}", notes)
    did = f"{last.changed} changed" if last.changed else "no change"
    return Verdict(State.CONVERGED, f"{last.states} states as described {when}, {did}", notes)


def _notes(evidence: Evidence, now: float) -> tuple[str, ...]:
    """What is worth a look beside the state itself."""
    notes = []
    if evidence.denied and evidence.connected is not False and evidence.key is Key.ACCEPTED:
        why = evidence.refused or "a copy, or an impostor"
        notes.append(f"another card under this name is being refused ({why})")
    if evidence.awaited is not None and evidence.key is Key.ACCEPTED:
        if evidence.awaited > PATIENCE:
            notes.append(f"did not answer the highstate sent {span(evidence.awaited)} ago")
        elif evidence.last is not None:
            notes.append(f"a highstate is under way since {span(evidence.awaited)}")
    if evidence.connected is None and evidence.key is Key.ACCEPTED:
        notes.append("whether it is connected cannot be told")
    changed = evidence.changed_at
    there = evidence.key is Key.ACCEPTED and evidence.connected is not False
    if there and evidence.last and changed and evidence.last.at < changed:
        notes.append(f"no highstate since the description was edited {ago(changed, now)}")
    return tuple(notes)


def differences(declared: Mapping[str, object], seen: Mapping[str, object]) -> list[str]:
    """
    Compare what a node is declared to be with what it says of itself.

    declared, seen
        ``model``, ``serial``, ``mac``, ``address``; a value that is missing on either side is not
        compared. ``seen["address"]`` may be a list: one of them has to fit.

    >>> differences({"model": "pi1b", "serial": None}, {"model": "pi2b", "serial": "12"})
    ['model: declared pi1b, seen pi2b']
    """
    lines = []
    for name in ("model", "serial", "mac", "address"):
        wanted, found = declared.get(name), seen.get(name)
        if not wanted or not found:
            continue
        offered = found if isinstance(found, list | tuple) else [found]
        if str(wanted).lower() not in {str(value).lower() for value in offered}:
            told = ", ".join(str(value) for value in offered)
            lines.append(f"{name}: declared {wanted}, seen {told}")
    return lines


def counts(states: Iterable[State | str]) -> dict[str, int]:
    """
    Count nodes by state, every state named, in the order of :class:`State`.

    >>> counts(["silent", "silent"])["silent"]
    2
    """
    found = Counter(str(state) for state in states)
    return {str(state): found.get(str(state), 0) for state in State}


def remarks(row: Mapping[str, Any]) -> list[str]:
    """
    Return what is worth a look beside a node's state, in words.

    row
        One node as plain data, as :func:`picloud.watch.row` makes it.
    """
    found = list(row.get("differs") or ())
    reasons = row.get("reboot_needed")
    if reasons and row.get("connected") is not False:  # a node that is off may just do that
        found.append("needs a reboot")
    return found + list(row.get("notes") or ())


def concerns(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """
    Return the nodes that are not converged or need a look, worst first.

    rows
        Nodes as plain data, as :func:`picloud.watch.row` makes them.
    """
    order = [
        State.QUARANTINED,
        State.HELD,
        State.DRIFTED,
        State.SILENT,
        State.LOBBY,
        State.REJOINING,
        State.UNKNOWN,
        State.CONVERGED,
    ]
    listed = [row for row in rows if row["state"] != State.CONVERGED or remarks(row)]
    return sorted(listed, key=lambda row: order.index(row["state"]))


def span(seconds: float) -> str:
    """
    A time span in one short word.

    >>> [span(s) for s in (4, 90, 7200, 200000)]
    ['4 s', '1 min', '2 h', '2 days']
    """
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // 86400:.0f} days"


def ago(at: float | None, now: float) -> str:
    """
    How long ago a time was.

    >>> ago(10.0, 100.0)
    '1 min ago'
    """
    return "at an unknown time" if at is None else f"{span(now - at)} ago"


def _names(names: Iterable[str], most: int = 3) -> str:
    """The first few names, each once, and how many more there are."""
    listed = list(dict.fromkeys(names))
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
