"""
How the services of a site do that a change is about, as one of its managers says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from picloud.rejoin.words import plain
from picloud.workloads.seen import Seen, Service, read

#: States of updates that Swarm gave up, or is taking back.
GAVE_UP = ("paused", "rollback_started", "rollback_paused", "rollback_completed")
#: Fields that are named of a service that is not as it should be.
NAMED = 3


def faults(said: object, names: Collection[str]) -> tuple[list[str], list[str]]:
    """
    Return what is wrong with some services, and what is still under way, in words.

    said
        ``workloads`` of the manager's signed report: ``services``, ``missing`` and ``refused`` of
        ``swarmwork.look``, or ``error``.
    names
        The services.

    .. code-block:: python

        faults(report["workloads"], {"web"}) == ([], ["web: updating"])
    """
    if not isinstance(said, Mapping):
        return ["it says nothing of its workloads"], []
    if said.get("error"):
        return [], [f"its swarm cannot be asked: {plain(said['error'])}"]
    try:
        seen = read({**said, "nodes": [], "tasks": []}, Seen)
    except ValueError as err:
        return [f"it says of its workloads what no manager says: {err}"], []
    wrong, busy = [], []
    for name in sorted(names):
        service = seen.services.get(name)
        if name in seen.refused:
            wrong.append(f"{name} is not applied: {seen.refused[name]}")
        elif service is None:
            wrong.append(f"{name} is not there")
        elif service.update == "updating":
            busy.append(f"{name}: updating")
        elif fault := _fault(service):
            wrong.append(f"{name}: {fault}")
    return wrong, busy


def _fault(service: Service) -> str:
    """What is wrong with a service that is not being updated; nothing when it is well."""
    found = []
    ends = service.mode.endswith("job")
    if service.error:
        found.append(service.error)
    if service.changes:
        found.append(f"is not as described: {', '.join(list(service.changes)[:NAMED])}")
    # An update that was taken back some time ago says nothing of a service that is as described.
    if service.update in GAVE_UP and (service.changes or service.update != "rollback_completed"):
        message = f": {service.message}" if service.message else ""
        found.append(f"update {service.update.replace('_', ' ')}{message}")
    if not ends and service.running < service.wanted:
        found.append(f"{service.running} of {service.wanted} tasks run")
    return "; ".join(found)
