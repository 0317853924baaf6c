"""
Services of a Docker swarm. Runs on a manager.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "swarmservice"
__func_alias__ = {"apply_": "apply", "list_": "list"}

#: States of tasks in which nothing runs any more.
ENDED = ("complete", "shutdown", "failed", "rejected", "orphaned", "remove")
#: States of updates: one that goes on, and one that did not get through.
UNDER_WAY = ("updating", "rollback_started")
STOPPED = ("paused", "rollback_paused")
#: What tasks are to become that nobody counts on: those of a node that is down still "run".
GIVEN_UP = ("shutdown", "remove")


def __virtual__():
    if "swarm.ask" not in __salt__:
        return False, "swarmservice: the execution module swarm is not loaded"
    return __virtualname__


def list_():
    """
    Return the names of all services.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.list
    """
    return sorted(item["Spec"]["Name"] for item in __salt__["swarm.ask"]("services"))


def labelled(label):
    """
    Return the names of the services that have a label, whatever its value.

    label
        The label.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.labelled picloud.workload
    """
    found = __salt__["swarm.ask"]("services")
    specs = [item["Spec"] for item in found if label in (item["Spec"].get("Labels") or {})]
    return sorted(spec["Name"] for spec in specs)


def inspect(name):
    """
    Return a service in the words of Docker's API; None if there is none of this name.

    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.inspect web
    """
    found = __salt__["swarm.ask"]("inspect_service", name)
    # Docker takes the beginning of an id for a name too.
    return found if found and found["Spec"]["Name"] == name else None


def references(planned=None):
    """
    Return what a service can refer to: ``networks``, ``configs`` and ``secrets`` by name, each
    with ``id`` and ``name``.

    planned
        The same for what does not exist yet, as a run in test mode expects it.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.references
    """
    found = {
        "networks": {
            name: {"id": network["id"], "name": name}
            for name, network in __salt__["swarmnetwork.list"]().items()
        },
        "configs": __salt__["swarmdata.in_force"]("config"),
        "secrets": __salt__["swarmdata.in_force"]("secret"),
    }
    # Every node has these; they are no networks of the swarm.
    found["networks"].update({name: {"id": name, "name": name} for name in ("host", "none")})
    for kind, entries in (planned or {}).items():
        # A network that is there stays the same one; of the others a new version is in force.
        found[kind] = (
            {**entries, **found[kind]} if kind == "networks" else {**found[kind], **entries}
        )
    return found


def plan(name, spec, planned=None):
    """
    Return what a service would become: ``spec`` in the words of Docker's API, and ``changes``
    against what is in force, ``{field: {old, new}}`` (None where there is no such service).

    name
        Its name.
    spec
        Its fields, see ``swarmspec.service``.
    planned
        See :py:func:`references`.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.plan web '{image: "picloud/web:1", replicas: 3}'
    """
    known = references(planned)
    wanted = __salt__["swarmspec.service"](name, spec, known)
    here = inspect(name)
    names = {entry["id"]: entry["name"] for entry in known["networks"].values()}
    changes = None
    if here:
        changes = __salt__["swarmdiff.difference"](here["Spec"], wanted, names)
    return {"spec": wanted, "changes": changes}


def apply_(name, spec):
    """
    Make a service, or make it what is wanted. Return what changed, as :py:func:`plan` has it. A
    service whose mode changes is removed and made anew: Docker cannot change a mode.

    name
        Its name.
    spec
        Its fields, see ``swarmspec.service``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.apply web '{image: "picloud/web:1", replicas: 3}'
    """
    planned = plan(name, spec)
    wanted, changes = planned["spec"], planned["changes"]
    if changes is not None and "mode" in changes:
        remove(name)
        changes = None
    if changes is None:
        __salt__["swarm.ask"]("create_service", wanted["TaskTemplate"], **_rest(wanted))
    elif changes:
        _update(inspect(name), wanted)
    return planned["changes"]


def _rest(spec):
    return {
        "name": spec["Name"],
        "labels": spec.get("Labels") or {},
        "mode": spec["Mode"],
        "update_config": spec.get("UpdateConfig"),
        "rollback_config": spec.get("RollbackConfig"),
        "endpoint_spec": spec.get("EndpointSpec"),
    }


def _update(here, spec, more=0):
    """Docker wants the whole specification, and the count of forced restarts kept."""
    forced = (here["Spec"]["TaskTemplate"].get("ForceUpdate") or 0) + more
    task = {**spec["TaskTemplate"], "ForceUpdate": forced}
    version = here["Version"]["Index"]
    __salt__["swarm.ask"]("update_service", here["ID"], version, task, **_rest(spec))


def restart(name):
    """
    Replace all tasks of a service by new ones, as its update policy says.

    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.restart web
    """
    here = _must(name)
    _update(here, here["Spec"], more=1)


def _must(name):
    here = inspect(name)
    if here is None:
        raise CommandExecutionError(f"{name}: the swarm has no such service")
    return here


def remove(name, timeout=60):
    """
    Remove a service and wait until its tasks are gone.

    name
        Its name.
    timeout
        Seconds to wait.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.remove web
    """
    here = inspect(name)
    if here is None:
        return
    __salt__["swarm.ask"]("remove_service", here["ID"])
    deadline = time.monotonic() + timeout
    while any(task["Status"]["State"] not in ENDED for task in _tasks(here["ID"])):
        if time.monotonic() > deadline:
            raise CommandExecutionError(f"{name}: was removed, but its tasks have not ended")
        time.sleep(0.5)


def _tasks(service_id):
    """Tasks of a service; Docker's own filter knows services that exist, not removed ones."""
    tasks = __salt__["swarm.ask"]("tasks")
    return [task for task in tasks if task["ServiceID"] == service_id]


def status(name):
    """
    Return how a service does:

    - ``wanted``, ``running``, ``complete``: numbers of tasks
    - ``outdated``: how many of the running ones are of the specification before this one
    - ``nodes``: ids of the nodes they run on
    - ``update``: the state of its last update (``updating``, ``completed``, ``paused``,
      ``rollback_completed`` ...) or None, and ``message``
    - ``faults``: why tasks fail or wait, each reason once

    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.status web
    """
    here = _must(name)
    tasks = _tasks(here["ID"])
    (mode,) = here["Spec"]["Mode"]
    if mode.endswith("Job"):
        # A job that is changed runs again, as its next iteration.
        now = _iteration(here.get("JobStatus"))
        tasks = [task for task in tasks if _iteration(task) == now]
    running = [
        task
        for task in tasks
        if task["Status"]["State"] == "running" and task.get("DesiredState") not in GIVEN_UP
    ]
    count = here["Spec"]["Mode"][mode] or {}
    wanted = count.get("Replicas", count.get("TotalCompletions"))
    if wanted is None:
        active = [task for task in tasks if task.get("DesiredState") in ("running", "complete")]
        wanted = len({task["NodeID"] for task in active if task.get("NodeID")})
    faults = {
        task["Status"]["Err"]: None
        for task in sorted(tasks, key=lambda task: task["UpdatedAt"])
        if task["Status"].get("Err")
    }
    update = here.get("UpdateStatus") or {}
    template = here["Spec"]["TaskTemplate"]
    return {
        "wanted": wanted,
        "running": len(running),
        "outdated": sum(not _is_current(task["Spec"], template) for task in running),
        "complete": sum(task["Status"]["State"] == "complete" for task in tasks),
        "nodes": sorted(task["NodeID"] for task in running if task.get("NodeID")),
        "update": update.get("State"),
        "message": update.get("Message") or "",
        "faults": list(faults),
    }


def _is_current(task, template):
    """Whether a task is of a specification, but for what changes without replacing it."""
    fields = ("ContainerSpec", "Resources", "Networks", "LogDriver", "ForceUpdate")
    return all((task.get(key) or None) == (template.get(key) or None) for key in fields)


def _iteration(item):
    return ((item or {}).get("JobIteration") or {}).get("Index", 0)


def wait(name, timeout):
    """
    Wait until a service does what it should: all replicas run and no update is under way, or for
    a job, all its tasks are complete. Return :py:func:`status`, of which ``update`` may say that
    Swarm went back. What is in the way at the end of the time is a ``CommandExecutionError``,
    and an update that Swarm stopped is one at once.

    name
        Its name.
    timeout
        Seconds to wait.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.wait web timeout=60
    """
    (mode,) = _must(name)["Spec"]["Mode"]
    each = mode.startswith("Global")
    deadline = time.monotonic() + timeout
    while True:
        now = status(name)
        if now["update"] in STOPPED:
            raise CommandExecutionError(f"{name}: {trouble(now)}")
        done = now["complete"] if mode.endswith("Job") else now["running"] - now["outdated"]
        # Swarm looks for the nodes of a global service after it answered.
        known = now["wanted"] or not each
        if known and done >= now["wanted"] and now["update"] not in UNDER_WAY:
            return now
        if time.monotonic() > deadline:
            raise CommandExecutionError(f"{name}: {trouble(now)} after {timeout} s")
        time.sleep(0.5)


def trouble(now):
    """
    Say in words how a service does.

    now
        What :py:func:`status` returned.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmservice.trouble '{wanted: 2, running: 1, outdated: 0, complete: 0,
          update: null, message: '', faults: []}'
    """
    text = f"{now['running']} of {now['wanted']} tasks run"
    if now["outdated"]:
        text += f", {now['outdated']} of them as specified before"
    if now["complete"]:
        text += f", {now['complete']} are complete"
    if now["update"] and now["update"] != "completed":
        text += f"; update {now['update'].replace('_', ' ')} ({now['message']})"
    if now["faults"]:
        text += f"; tasks say: {'; '.join(now['faults'][-3:])}"
    return text
