"""
What a rollout would change: from what nodes have of a part to what is described.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from picloud.cloud import Cloud
from picloud.ledger.rollouts import Member, Rollout, Start, digest
from picloud.records import Node
from picloud.rollout.guarded import WORKLOADS, Heads
from picloud.rollout.types import State, Step
from picloud.rollout.waves import Wave, sites, waves

#: The digest of what nodes have, by node and part.
Pins = Mapping[tuple[str, str], str]

#: Longest value that is told of a changed setting.
LONGEST = 60


@dataclass(frozen=True)
class Change:
    """
    A change of a part.

    part
        The part.
    nodes
        The nodes that it is for, in the order of the description.
    old, new
        Digests of what each has, and of what is described for it, by id.
    settings
        What is described, by digest.
    unpinned
        How many nodes have the part, and nothing is on record of what they have of it.
    """

    part: str
    nodes: tuple[Node, ...]
    old: Mapping[str, str]
    new: Mapping[str, str]
    settings: Mapping[str, Mapping[str, Any]]
    unpinned: int = 0

    def waves(self, cloud: Cloud, keyed: Collection[str]) -> tuple[Wave, ...]:
        """
        Return the waves in which nodes get it.

        cloud, keyed
            The cloud, and ids of nodes that the master accepts a key of.
        """
        if self.part == WORKLOADS:
            canaries = filter(None, map(cloud.node, cloud.rollout.canaries))
            return sites(self.nodes, [node.site for node in canaries], keyed)
        return waves(self.nodes, cloud.rollout, keyed)


def change(cloud: Cloud, part: str, pins: Pins, heads: Heads) -> Change:
    """
    Return how what nodes have of a part differs from what is described.

    cloud, part
        The cloud, and the part.
    pins
        The digest of what each node has, by node and part.
    heads
        The builds of images that there are now.

    .. code-block:: python

        change(cloud, "docker", ledger.rollouts.pins("docker"), ledger.builds.heads()).nodes
    """
    nodes, old, new, settings, unpinned = [], {}, {}, {}, 0
    for node in cloud.nodes.values():
        described = cloud.guarded(node, part, heads)
        if described is None:
            continue
        has = pins.get((node.id, part))
        if has is None:
            unpinned += 1
            continue
        wanted = digest(described)
        if wanted != has:
            nodes.append(node)
            old[node.id], new[node.id] = has, wanted
            settings[wanted] = described
    return Change(part, tuple(nodes), old, new, settings, unpinned)


def waiting(cloud: Cloud, pins: Pins, heads: Heads) -> dict[str, int]:
    """
    Return how many nodes have something else than is described, by guarded part.

    cloud, pins, heads
        As for :func:`change`.

    .. code-block:: python

        waiting(cloud, ledger.rollouts.pins(), ledger.builds.heads()) == {"docker": 14}
    """
    return {part: len(change(cloud, part, pins, heads).nodes) for part in cloud.rollout.parts}


def start(made: Change, cloud: Cloud, keyed: Collection[str], by: str, now: float) -> Start:
    """
    Return what begins a rollout.

    made, cloud
        The change, and the cloud that it was made for.
    keyed
        Ids of nodes that the master accepts a key of.
    by, now
        Who begins it, and the time in seconds since 1970.

    .. code-block:: python

        ledger.rollouts.begin(start(made, cloud, keyed, "jane", time.time()))
    """
    found = made.waves(cloud, keyed)
    members = [
        Member(node, number, made.old[node], made.new[node], str(State.WAITING), made.old[node])
        for number, wave in enumerate(found)
        for node in wave.nodes
    ]
    rollout = Rollout(
        0,
        made.part,
        str(Step.NEXT),
        tuple(wave.name for wave in found),
        cloud.rollout.model_dump(mode="json"),
        began_by=by,
        began_at=now,
        step_at=now,
    )
    return Start(rollout, members, made.settings)


def words(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """
    Return what differs between two settings of a part, a line each.

    >>> words({"version": "1", "a": {"b": 1}}, {"version": "2", "a": {"b": 1}})
    ['version: 1 -> 2']
    """
    return list(_differences(old, new, ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            below = f"{path}.{key}" if path else str(key)
            yield from _differences(old.get(key), new.get(key), below)
    elif _plain(old) != _plain(new):
        yield f"{path}: {_short(old)} -> {_short(new)}"


def _plain(value: Any) -> Any:
    """What was a tuple is a list in the database."""
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(_plain(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
