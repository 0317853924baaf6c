"""
What ``salt-run workload`` shows: a plan as data and as a table, each reason in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from picloud.rejoin.pages import table
from picloud.workloads.edits import edits
from picloud.workloads.fleet import RESOURCES, Described, swarms
from picloud.workloads.overrides import Overrides, refusal, told, without
from picloud.workloads.placement import Misfit, Plan
from picloud.workloads.room import NO_ROOM, UNITS, amount

#: Nodes that are named for a rack.
NAMED = 4
NONE = Overrides()
#: What the changes are changes to: nobody is asked what runs.
BEFORE = (
    "Changes are told against the description in force and its plan, not against what runs now;"
    " for that: salt-run workload.status"
)


def plan(
    cloud: Described, made: Plan, said: Overrides = NONE, before: Described | None = None
) -> dict[str, Any]:
    """
    Return the page of a plan.

    cloud
        The cloud that it was made for.
    made
        The plan.
    said
        What was said by hand, which is in the plan already.
    before
        The cloud that the changes of the plan are changes to; None where there was none.

    .. code-block:: python

        plan(cloud, placement.plan(cloud, cloud.common.workloads))["workloads"]["web"]["placed"]
    """
    racks = {node: rack.name for rack in cloud.racks.values() for node in rack.column("id")}
    workloads = {name: _workload(cloud, made, name) for name in made.where}
    for change in made.changes:
        entry = workloads.setdefault(change.workload, _gone())
        entry["changes"].append({"node": change.node, "old": change.old, "new": change.new})
    edited = edits(told(before, said.scales), told(cloud, said.scales)) if before else {}
    for name, words in edited.items():
        workloads[name]["edits"] = words
    heads = ("workload", "image", "mode", "replicas", "changes", "where")
    rows = [
        (
            name,
            one["image"],
            one["mode"],
            str(one["wanted"])
            if one["placed"] == one["wanted"]
            else f"{one['placed']} of {one['wanted']}",
            _difference(one),
            where(one["nodes"], racks),
        )
        for name, one in workloads.items()
    ]
    page = table(heads, rows, _summary(made))
    used = load(cloud, made, said.drained)
    notices = list(map(lack, made.misfits))
    notices += [f"{name} is edited: {', '.join(words)}" for name, words in edited.items()]
    notices += _by_hand(cloud, said)
    notices += [f"{site}: {_load(one)}" for site, one in used.items()]
    if before is not None and workloads:
        notices.append(BEFORE)
    more = {"scaled": dict(said.scales), "drained": sorted(said.drained), "notices": notices}
    return page | {"workloads": workloads, "sites": used} | more


def _by_hand(cloud: Described, said: Overrides) -> list[str]:
    """What of the plan is not as described, because somebody said so by hand."""
    found = []
    for name, replicas in said.scales.items():
        one = cloud.common.workloads.get(name)
        if one is not None and refusal(name, one) is None:
            described = 1 if one.replicas is None else one.replicas
            found.append(f"{name}: {replicas} replicas by hand, {described} described")
    if said.drained:
        found.append(f"Drained by hand, so nothing runs there: {' '.join(sorted(said.drained))}")
    return found


def _gone() -> dict[str, Any]:
    return {
        "image": "-",
        "mode": "gone",
        "wanted": 0,
        "placed": 0,
        "nodes": {},
        "changes": [],
        "edits": [],
        "reasons": [],
    }


def _workload(cloud: Described, made: Plan, name: str) -> dict[str, Any]:
    one = cloud.common.workloads[name]
    return {
        "image": f"{one.image}:{cloud.common.container_images[one.image].tag}",
        "mode": one.mode,
        "wanted": made.wanted[name],
        "placed": sum(made.where[name].values()),
        "nodes": dict(made.where[name]),
        "changes": [],
        "edits": [],
        "reasons": [misfit.reason for misfit in made.misfits if misfit.workload == name],
    }


def lack(misfit: Misfit) -> str:
    """
    Say in words what does not fit, and why.

    misfit
        What does not fit.
    """
    where = f" at {misfit.site}" if misfit.site else ""
    fit = f"{misfit.placed} of {misfit.wanted} replicas fit{where}"
    return f"{misfit.workload}: {fit}: {misfit.reason}"


def _difference(one: Mapping[str, Any]) -> str:
    """How many replicas come and go, and whether the service itself is another."""
    changes = one["changes"]
    more = sum(max(0, one["new"] - one["old"]) for one in changes)
    less = sum(max(0, one["old"] - one["new"]) for one in changes)
    said = [f"+{more}"] * bool(more) + [f"-{less}"] * bool(less) + ["edited"] * bool(one["edits"])
    return " ".join(said) or "none"


def where(nodes: Mapping[str, int], racks: Mapping[str, str]) -> str:
    """
    Name nodes by rack, those beyond a few as a number.

    nodes
        How many replicas each has.
    racks
        The racks of nodes.

    >>> where({"pi0": 1, "pi1": 2}, {"pi0": "rack1", "pi1": "rack1"})
    'rack1: pi0 pi1 x2'
    """
    by_rack: dict[str, list[str]] = {}
    for node, count in nodes.items():
        by_rack.setdefault(racks.get(node, "no rack"), []).append(
            node if count == 1 else f"{node} x{count}"
        )
    said = []
    for rack, names in by_rack.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        said.append(f"{rack}: {' '.join(names[:NAMED])}{more}")
    return "; ".join(said) or "-"


def _summary(made: Plan) -> str:
    if not made.where:
        return "The description has no workloads yet; docs/workloads.md tells how to write one."
    short = {misfit.workload for misfit in made.misfits}
    number = f"{len(made.where)} workload{'' if len(made.where) == 1 else 's'}"
    if not short:
        return f"{number}, {sum(made.wanted.values())} replicas: all fit."
    return f"{number}: {len(short)} {'does' if len(short) == 1 else 'do'} not fit."


def load(cloud: Described, made: Plan, drained: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """
    Return by site how much of each resource is taken, and how much there is; in ``balance`` how
    much network there is for the processors, and how much uplink, in Gb/s for each GHz.

    cloud, made
        As for :func:`plan`.
    drained
        Nodes that give nothing.
    """
    found = {}
    known = without(swarms(cloud, cloud.common.workloads), drained)
    for site, swarm in known.items():
        here = {host.node for host in swarm.hosts}
        rooms = [host.room for host in swarm.hosts] or [NO_ROOM]
        total = [sum(room) for room in zip(*rooms, strict=True)]
        taken: Counter[str] = Counter()
        for name, nodes in made.where.items():
            give = cloud.common.workloads[name].resources
            count = sum(number for node, number in nodes.items() if node in here)
            taken["cpus"] += count * round(give.cpus * 1000)
            taken["memory_mb"] += count * give.memory_mb
            taken["mbps"] += count * give.mbps
            taken["uplink"] += count * give.uplink_mbps
        found[site] = {
            key: {"taken": taken[key], "total": most}
            for key, most in zip(RESOURCES, total, strict=True)
        }
        uplink = cloud.common.sites[site].uplink_mbps
        found[site]["uplink"] = {"taken": taken["uplink"], "total": uplink}
        boards = [cloud.common.boards[host.model] for host in swarm.hosts]
        ghz = sum(board.cpus * board.ghz for board in boards)
        found[site]["balance"] = {
            key: most / 1000 / ghz
            for key, most in (("network", found[site]["mbps"]["total"]), ("uplink", uplink))
            if ghz and most is not None
        }
    return found


def _load(one: Mapping[str, Mapping[str, Any]]) -> str:
    said = []
    for key in RESOURCES:
        taken = amount(key, one[key]["taken"]).partition(" ")[0]
        said.append(f"{UNITS[key]} {taken} of {amount(key, one[key]['total'])}")
    uplink = one["uplink"]
    total = "an unknown speed" if uplink["total"] is None else f"{uplink['total']} Mb/s"
    said.append(f"uplink {uplink['taken']} of {total}")
    balance = [f"{key} {ratio:.2g}" for key, ratio in one["balance"].items()]
    more = f"; Gb/s per GHz: {', '.join(balance)}" if balance else ""
    return ", ".join(said).replace("CPU ", "", 1) + more
