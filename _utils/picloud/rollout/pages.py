"""
What ``salt-run rollout`` shows: tables as data, each cell in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from picloud.ledger.rollouts import Member, Rollout
from picloud.rejoin.pages import table, when
from picloud.rollout.change import Change
from picloud.rollout.steps import NEVER_HERE
from picloud.rollout.types import ENDS, State, Wish
from picloud.rollout.waves import Wave
from picloud.status import span

#: States of nodes whose reason is told, the worst first.
TOLD = (State.STUCK, State.FAILED, State.RETURNED, State.AWAY)
#: Nodes that are named for a wave.
NAMED = 8


def plan(made: Change, waves: Sequence[Wave], words: Mapping[str, int]) -> dict[str, Any]:
    """
    Return the page of what a rollout would do.

    made, waves
        The change, and its waves.
    words
        What changes in words, and on how many nodes.

    .. code-block:: python

        plan(made, made.waves(cloud, keyed), {"version: 1 -> 2": 14})["waves"]["canaries"]
    """
    cells = (
        (str(number), wave.name, str(len(wave.nodes)), _named(wave.nodes))
        for number, wave in enumerate(waves, 1)
    )
    count = _count(len(made.nodes), "node")
    summary = f"{made.part} changes on {count}; to begin: salt-run rollout.start part={made.part}"
    if not made.nodes:
        summary = f"All nodes have what is described of {made.part}."
    page = table(("wave", "what", "nodes", "which"), cells, summary)
    return page | {
        "part": made.part,
        "waves": {wave.name: list(wave.nodes) for wave in waves},
        "changes": dict(words),
        "notices": [f"{one} ({_count(number, 'node')})" for one, number in words.items()],
    }


def status(rollout: Rollout, members: Sequence[Member], now: float) -> dict[str, Any]:
    """
    Return the page of one rollout, a line for each wave.

    rollout, members
        The rollout, and all its members.
    now
        The time, in seconds since 1970.

    .. code-block:: python

        status(rollout, ledger.rollouts.members(rollout.number), time.time())["step"]
    """
    waves: list[list[Member]] = [[] for _ in rollout.waves]
    for one in members:
        waves[one.wave].append(one)
    cells = [
        (str(number), name, str(len(wave)), _states(wave), _named([one.node for one in wave]))
        for number, (name, wave) in enumerate(zip(rollout.waves, waves, strict=True), 1)
    ]
    page = table(("wave", "what", "nodes", "state", "which"), cells, _summary(rollout, now))
    told = [
        f"{one.node} is {one.state}: {one.reason}"
        for state in TOLD
        for one in members
        if one.state == state and one.reason and one.reason != NEVER_HERE
    ]
    return page | {
        "rollout": rollout.number,
        "part": rollout.part,
        "step": rollout.step,
        "wish": rollout.wish,
        "wave": rollout.wave + 1,
        "reason": rollout.reason,
        "began_by": rollout.began_by,
        "began_at": rollout.began_at,
        "ended_at": rollout.ended_at or None,
        "waves": [
            {"name": name, "nodes": [one.node for one in wave]}
            for name, wave in zip(rollout.waves, waves, strict=True)
        ],
        "nodes": {
            one.node: {"wave": one.wave + 1, "state": one.state, "reason": one.reason}
            for one in members
        },
        "notices": [*told[:NAMED], *([f"and {len(told) - NAMED} more"] * (len(told) > NAMED))],
    }


def history(rollouts: Sequence[Rollout], open_changes: Mapping[str, int]) -> dict[str, Any]:
    """
    Return the page of rollouts of late, and of changes that wait for one.

    rollouts
        The rollouts, the last one first.
    open_changes
        How many nodes have something else than is described, by guarded part.

    .. code-block:: python

        history(ledger.rollouts.last(20), {"docker": 14})["open"]
    """
    cells = (
        (
            str(one.number),
            one.part,
            one.step,
            f"{min(one.wave + 1, len(one.waves))} of {len(one.waves)}",
            when(one.began_at),
            one.began_by,
            one.reason or "-",
        )
        for one in rollouts
    )
    heads = ("rollout", "part", "step", "wave", "began", "by", "reason")
    page = table(heads, cells, "" if rollouts else "There was no rollout yet.")
    data = {"rollouts": [asdict(one) for one in rollouts], "open": dict(open_changes)}
    return page | data | {"notices": waiting(open_changes)}


def waiting(open_changes: Mapping[str, int]) -> list[str]:
    """
    Return what waits for a rollout, a line for each part.

    open_changes
        How many nodes have something else than is described, by guarded part.

    >>> waiting({"docker": 14, "boot": 0})
    ['docker: 14 nodes keep what they have until a rollout: salt-run rollout.plan part=docker']
    """
    return [
        f"{part}: {_count(number, 'node')} keep{'s' if number == 1 else ''} what"
        f" {'it has' if number == 1 else 'they have'} until a rollout: salt-run rollout.plan"
        f" part={part}"
        for part, number in open_changes.items()
        if number
    ]


def _summary(rollout: Rollout, now: float) -> str:
    at = f"wave {rollout.wave + 1} of {len(rollout.waves)}"
    since = f"for {span(max(0.0, now - rollout.step_at))}"
    step = rollout.step if rollout.step in ENDS else f"{rollout.step} {since}"
    said = f"Rollout {rollout.number} of {rollout.part}, {at}: {step}"
    if rollout.reason:
        said += f": {rollout.reason}"
    wish = rollout.wish if rollout.wish != Wish.NONE and rollout.step not in ENDS else ""
    return f"{said} (asked for: {wish})" if wish else said


def _states(wave: Sequence[Member]) -> str:
    counts = Counter(one.state for one in wave)
    return ", ".join(f"{number} {state}" for state, number in counts.items())


def _named(nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return " ".join(nodes[:NAMED]) + more


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
