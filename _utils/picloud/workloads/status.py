"""
What ``salt-run workload.status`` shows: what is described of each workload against what runs.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from picloud.rejoin.pages import table
from picloud.status import ago
from picloud.workloads.fleet import Described
from picloud.workloads.overrides import Overrides
from picloud.workloads.pages import where
from picloud.workloads.reasons import remedy
from picloud.workloads.seen import ALIVE, FAILED, WAITING, Seen, Service, Task

HEADS = ("workload", "site", "image", "mode", "tasks", "as described", "where", "last fault")
#: What a task ran on whose entry the swarm has no more, since its card was swapped.
GONE = "a card before"
NOT_TOLD = "no: no manager was told of it yet"
#: How a workload that waits for its image names that; see ``picloud_images.told``.
_UNBUILT = re.compile(r"was not built: salt-run image\.build (\S+)$")
#: Fields that are named of a service that is not as described.
NAMED = 3


def page(
    cloud: Described,
    seen: Mapping[str, Seen],
    said: Overrides,
    now: float,
    *,
    only: str | None = None,
    silent: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Any]:
    """
    Return the page of workloads, one row for each at each site.

    cloud
        The cloud.
    seen
        What a manager of each site says, by site.
    said
        What was said by hand.
    now
        The time, in seconds since 1970.
    only
        The only workload to show, with a row for each of its tasks.
    silent
        Names of the workloads at sites whose managers do not answer, by site.

    Each row is in ``workloads`` as data, by name and site; ``bad`` of it says why it is not as it
    should be, and the page has ``retcode`` 1 when one is not.
    """
    racks = {node: rack.name for rack in cloud.racks.values() for node in rack.column("id")}
    found = [
        _row(cloud, here, name, said, now)
        for here in itertools.starmap(_Site, seen.items())
        for name in dict.fromkeys((*here.seen.services, *here.seen.missing))
        if only in (None, name)
    ]
    found += [
        _unseen(cloud, name, said, site, f"not known: no manager of {site} answers")
        for site, names in (silent or {}).items()
        for name in names
        if only in (None, name)
    ]
    missing = [name for name in cloud.common.workloads if only in (None, name)]
    known = {row["workload"] for row in found}
    found += [_nowhere(cloud, name, said) for name in missing if name not in known]
    order = {name: number for number, name in enumerate(cloud.common.workloads)}
    found.sort(key=lambda row: (order.get(row["workload"], len(order)), row["site"]))
    heads: tuple[str, ...] = ("task", "node", "rack", "state", "since", "fault")
    cells = [_task(row, task, racks, now) for row in found for task in row["tasks"]]
    if only is None:
        heads = HEADS
        cells = [_cells(row, racks, now) for row in found]
    shown = table(heads, cells, _summary(found, only))
    return shown | {
        "workloads": {
            name: {row["site"]: row for row in found if row["workload"] == name}
            for name in dict.fromkeys(row["workload"] for row in found)
        },
        "scaled": dict(said.scales),
        "drained": sorted(said.drained),
        "notices": [*_notices(found, seen, said, only), *_reached(cloud, found, only)],
        "retcode": int(any(row["bad"] for row in found)),
    }


class _Site:
    """What is seen of a site, in the order in which it is looked up."""

    def __init__(self, name: str, seen: Seen) -> None:
        self.name, self.seen, self.nodes = name, seen, seen.names()
        self.tasks: dict[str, list[Task]] = {}
        for task in seen.tasks:
            self.tasks.setdefault(task.service, []).append(task)


def _row(cloud: Described, here: _Site, name: str, said: Overrides, now: float) -> dict[str, Any]:
    """What is known of a workload at a site."""
    tasks, names = here.tasks.get(name, []), here.nodes
    service = here.seen.services.get(name)
    where_runs = Counter(names.get(task.node, task.node) for task in tasks if task.runs)
    row = {
        "workload": name,
        "site": here.name,
        "image": "-",
        "mode": "-",
        "wanted": 0,
        "running": 0,
        "complete": 0,
        "nodes": dict(where_runs),
        "described": _replicas(cloud, name),
        "scaled": said.scales.get(name),
        "fault": _last_fault(tasks, names, now),
        "remedy": _remedy(tasks, names),
        "tasks": [_facts(task, names) for task in _shown(tasks)],
        "update": "",
        "message": "",
        "changes": {},
    }
    if service is not None:
        row |= service.model_dump(include={"image", "mode", "wanted", "running", "complete"})
        row["image"] = service.image.partition("@")[0]
        row["update"], row["message"] = service.update, service.message
        row["changes"] = {field: list(values) for field, values in service.changes.items()}
    row["drift"] = drift(service, here.seen.refused.get(name, ""))
    row["bad"] = _bad(row, service)
    return row


def _nowhere(cloud: Described, name: str, said: Overrides) -> dict[str, Any]:
    """A workload that no swarm has, and of which no manager was told."""
    zero = said.scales.get(name, cloud.common.workloads[name].replicas) == 0
    return _unseen(cloud, name, said, "-", "" if zero else NOT_TOLD)


def _unseen(cloud: Described, name: str, said: Overrides, site: str, why: str) -> dict[str, Any]:
    """A workload of which nothing is seen at a site, and why that is not as it should be."""
    one = cloud.common.workloads[name]
    return {
        "workload": name,
        "site": site,
        "image": f"{one.image}:{cloud.common.container_images[one.image].tag}",
        "mode": one.mode,
        "wanted": 0,
        "running": 0,
        "complete": 0,
        "nodes": {},
        "described": _replicas(cloud, name),
        "scaled": said.scales.get(name),
        "fault": "",
        "remedy": "",
        "tasks": [],
        "update": "",
        "message": "",
        "changes": {},
        "drift": why,
        "bad": why,
    }


def _reached(cloud: Described, rows: Iterable[Mapping[str, Any]], only: str | None) -> list[str]:
    """Where the ports of the only workload that is shown are open, where its nodes say it."""
    one = cloud.common.workloads.get(only or "")
    if one is None or not one.publish:
        return []
    columns = ((rack.column("id"), rack.column("address")) for rack in cloud.racks.values())
    known = {node: at for pair in columns for node, at in zip(*pair, strict=True) if at}
    ports = [port.published for port in one.publish]
    return [
        f"{only} is reached at {', '.join(found)}"
        for row in rows
        if (found := [f"{known[n]}:{p} ({n})" for n in row["nodes"] if n in known for p in ports])
    ]


def _replicas(cloud: Described, name: str) -> int | None:
    one = cloud.common.workloads.get(name)
    if one is None or one.mode == "global":
        return None
    return 1 if one.replicas is None else one.replicas


def drift(service: Service | None, refused: str = "") -> str:
    """
    Say in words how a service differs from its description; nothing when it does not.

    service
        The service, None where it is missing.
    refused
        Why it is not applied now.

    .. code-block:: python

        drift(seen.services["web"])     # "no: replicas is 1, not 3"
    """
    if refused:
        return f"no: {'stays as it is' if service else 'is not started'}: {refused}"
    if service is not None and service.error:
        return f"not known: {service.error}"
    found = difference(service)
    return f"no: {found}" if found else ""


def difference(service: Service | None) -> str:
    """
    Say in words in what a service differs from its description, as far as that can be told; nothing
    when it does not.

    service
        The service, None where it is missing.

    .. code-block:: python

        difference(seen.services["web"])        # "replicas is 1, not 3"
    """
    if service is None:
        return "the swarm has no such service yet"
    if not service.described:
        return "it is described no more"
    said = [_change(field, *values) for field, values in service.changes.items()]
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return f"{', '.join(said[:NAMED])}{more}"


def _change(field: str, old: str, new: str) -> str:
    return f"{field} is {old}, not {new}" if old or new else f"{field} differs"


def _bad(row: Mapping[str, Any], service: Service | None) -> str:
    """Why a workload is not as it should be, nothing when it is."""
    said = [row["drift"]] if row["drift"] else []
    if service is not None:
        done = row["complete"] if _ends(service) else row["running"]
        if done < row["wanted"] and not (_ends(service) and not row["fault"]):
            said.append(f"{done} of {row['wanted']} tasks run")
        if _is_stopped(row):
            said.append(_update(row))
    return "; ".join(said)


def _is_stopped(row: Mapping[str, Any]) -> bool:
    """Whether Swarm gave an update up; one that is described no more does not matter."""
    return row["update"] in ("paused", "rollback_paused") or (
        row["update"] == "rollback_completed" and row["drift"] != ""
    )


def _update(row: Mapping[str, Any]) -> str:
    said = f"update {row['update'].replace('_', ' ')}"
    return f"{said}: {row['message']}" if row["message"] else said


def _ends(service: Service) -> bool:
    return service.mode.endswith("job")


def _wrong(tasks: Iterable[Task]) -> list[Task]:
    """The tasks that something is said of, the latest last."""
    return sorted((task for task in tasks if task.error), key=lambda task: task.seconds)


def _remedy(tasks: Iterable[Task], names: Mapping[str, str]) -> str:
    """What can be done about the task that failed last."""
    failed = [task for task in _wrong(tasks) if task.state in FAILED]
    if not failed:
        return ""
    last = failed[-1]
    return remedy(last.error, last.service, names.get(last.node, last.node))


def _last_fault(tasks: Iterable[Task], names: Mapping[str, str], now: float) -> str:
    """What went wrong last, and what a task waits for."""
    wrong = _wrong(tasks)
    failed = [task for task in wrong if task.state in FAILED]
    waits = [task for task in wrong if task.state in WAITING]
    said = [
        f"{_where(task, names) or 'no node'}, {ago(task.seconds or None, now)}: {task.error}"
        for task in failed[-1:]
    ]
    return "; ".join([*said, *(f"waits: {task.error}" for task in waits[-1:])])


def _where(task: Task, names: Mapping[str, str]) -> str:
    """The node of a task, nothing when it has none."""
    return names.get(task.node, GONE if task.node else "")


def _shown(tasks: Iterable[Task]) -> list[Task]:
    """Of each slot what runs or waits, and the last one that failed."""
    found: dict[tuple[int, str, bool], Task] = {}
    for task in sorted(tasks, key=lambda task: task.seconds):
        lives = task.state in (*ALIVE, *WAITING, "complete")
        if lives or task.state in FAILED:
            found[task.slot, "" if task.slot else task.node, lives] = task
    return sorted(found.values(), key=lambda task: (task.slot, task.node, -task.seconds))


def _facts(task: Task, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "slot": task.slot,
        "node": _where(task, names),
        "state": task.state,
        "at": task.seconds or None,
        "error": task.error,
    }


def _cells(row: Mapping[str, Any], racks: Mapping[str, str], now: float) -> tuple[str, ...]:
    ends = row["mode"].endswith("job")
    done = row["complete"] if ends else row["running"]
    return (
        row["workload"],
        row["site"],
        row["image"],
        row["mode"],
        f"{done} of {row['wanted']}" + (" done" if ends else ""),
        row["drift"] or _by_hand(row) or (f"no: {row['bad']}" if row["bad"] else "yes"),
        where(dict(sorted(row["nodes"].items())), racks),
        row["fault"] or "-",
    )


def _by_hand(row: Mapping[str, Any]) -> str:
    if row["scaled"] is None or row["scaled"] == row["described"]:
        return ""
    return f"scaled to {row['scaled']} by hand, {row['described']} described"


def _task(
    row: Mapping[str, Any], task: Mapping[str, Any], racks: Mapping[str, str], now: float
) -> tuple[str, ...]:
    label = f"{row['workload']}.{task['slot']}" if task["slot"] else row["workload"]
    rack = racks.get(task["node"], "-")
    at = ago(task["at"], now)
    return (label, task["node"] or "-", rack, task["state"], at, task["error"] or "-")


def _summary(rows: list[dict[str, Any]], only: str | None) -> str:
    if not rows:
        return "The description has no workloads yet; docs/workloads.md tells how to write one."
    if only is not None:
        return "\n".join(_sentence(row) for row in rows)
    number = len({row["workload"] for row in rows})
    bad = len({row["workload"] for row in rows if row["bad"]})
    count = f"{number} workload{'' if number == 1 else 's'}"
    if not bad:
        return f"{count}: {'it runs' if number == 1 else 'all run'} as described."
    return f"{count}: {bad} {'does' if bad == 1 else 'do'} not run as described."


def _sentence(row: Mapping[str, Any]) -> str:
    ends = row["mode"].endswith("job")
    done = row["complete"] if ends else row["running"]
    text = f"{row['workload']} at {row['site']}: {done} of {row['wanted']} tasks "
    text += f"{'are complete' if ends else 'run'}, image {row['image']}"
    return text + "; as described: " + (row["drift"] or _by_hand(row) or "yes")


def _notices(
    rows: list[dict[str, Any]], seen: Mapping[str, Seen], said: Overrides, only: str | None
) -> list[str]:
    found = [
        f"{row['workload']} at {row['site']}: {_update(row)}"
        for row in rows
        if _is_stopped(row) or row["update"] in ("updating", "rollback_started")
    ]
    found += [
        f"{row['workload']} at {row['site']}: {row['remedy']}"
        for row in rows
        if row["bad"] and row["remedy"]
    ]
    if only is not None:
        return found
    unbuilt = {
        row["workload"]: image[1] for row in rows if (image := _UNBUILT.search(row["drift"]))
    }
    if unbuilt:
        images = ",".join(sorted(set(unbuilt.values())))
        found.append(f"Not built yet, so {len(unbuilt)} wait: salt-run image.build {images}")
    for site, one in seen.items():
        down = sorted({node.hostname for node in one.nodes if node.state == "down"})
        there = {node.hostname for node in one.nodes if node.state != "down"}
        if away := [name for name in down if name not in there]:
            found.append(f"{site}: down: {' '.join(away)}")
        for node in one.nodes:
            if node.availability != "active" and node.hostname not in said.drained:
                found.append(
                    f"{site}: {node.hostname} is on {node.availability}, and nobody said so here"
                )
    if said.drained:
        found.append(f"Drained until workload.undrain: {' '.join(sorted(said.drained))}")
    return found
