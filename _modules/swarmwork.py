"""
The workloads of a swarm, as its managers were told to run them (pillar ``picloud:workloads``): how
they do, what their tasks say, and putting one right. Runs on a manager.

What is described is fetched from the master each time, so that it is what is described now.
"""

import hashlib
import json
import threading

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmwork"

#: The label by which a service of ours is known, and that of a swarm with the digest of what was
#: applied to it last.
LABEL, APPLIED = "picloud.workload", "picloud.applied"
MODES = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}
#: Bytes of logs that are read, characters that a line may have, and seconds that reading may take.
MOST_BYTES, MOST_LINE, LOG_SECONDS = 4 * 2**20, 2000, 20
#: Lines that are returned at most.
MOST_LINES = 5000


def __virtual__():
    if "swarmservice.plan" not in __salt__:
        return False, "swarmwork: the execution module swarmservice is not loaded"
    return __virtualname__


def described():
    """
    Return what the master describes for this swarm: ``services`` by name; ``refused``: why a
    service is not to be applied now, by name; ``nodes``: role, labels and availability by hostname;
    and ``digest``, see :py:func:`digest`. While the description is broken it is the last good one,
    which is in force then.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.described
    """
    pillar = __salt__["pillar.items"](unmask=True)
    if pillar.get("_errors") and not (pillar.get("picloud") or {}).get("last_good"):
        raise CommandExecutionError(
            "the master gives no sound pillar: see salt-run picloud.validate there"
        )
    view = pillar.get("picloud") or {}
    told, swarm = view.get("workloads"), view.get("swarm") or {}
    if told is None:
        raise CommandExecutionError(
            "the master tells this node of no workloads: it is no manager in the description"
        )
    return {
        "services": told["services"],
        "refused": told.get("refused") or {},
        "nodes": swarm.get("nodes"),
        "digest": digest(view),
    }


def digest(view):
    """
    Return a digest of all that is described for this swarm. What secrets hold is not in it, nor is
    what was said by hand: numbers of replicas (the master sends the digest of the workloads without
    them, ``described``), drained nodes.

    view
        The pillar ``picloud`` of a manager.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.digest "{workloads: {described: abc}}"
    """
    told, swarm = view.get("workloads") or {}, view.get("swarm") or {}
    nodes = {
        name: [one.get("role"), one.get("labels")]
        for name, one in (swarm.get("nodes") or {}).items()
    }
    whole = [told.get("described"), nodes, swarm.get("settings")]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def applied():
    """
    Return the digest of what was last applied to this swarm in full; None while nothing was.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.applied
    """
    spec = __salt__["swarm.ask"]("inspect_swarm")["Spec"]
    return (spec.get("Labels") or {}).get(APPLIED)


def set_applied(digest):
    """
    Have the swarm remember what was applied to it.

    digest
        The digest.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.set_applied abc
    """
    swarm = __salt__["swarm.ask"]("inspect_swarm")
    labels = {**(swarm["Spec"].get("Labels") or {}), APPLIED: str(digest)}
    spec = {**swarm["Spec"], "Labels": labels}
    __salt__["swarm.ask"]("update_swarm", version=swarm["Version"]["Index"], swarm_spec=spec)


def look():
    """
    Return how the workloads of this swarm do:

    - ``nodes``: each with ``id``, ``hostname``, ``state``, ``availability``, and ``at``: when the
      swarm last had something new of it
    - ``services``: described ones, and those that were, by name: ``image``, ``mode``, numbers of
      tasks (``wanted``, ``running``, ``complete``, ``outdated``), ``update`` and ``message``,
      ``described``, ``changes`` (what a highstate would change, ``{field: [old, new]}``; values of
      environment variables are left out), ``error``, ``at``: when it was last changed, and
      ``previous``: the image that Swarm would go back to, empty where it could not
    - ``missing``: described ones that are not there
    - ``refused``: described ones that are not applied now, by name with the reason
    - ``tasks``: each with ``service``, ``slot``, ``node`` (id), ``state``, ``desired``, ``at`` and
      ``error``
    - ``members``: names of the nodes that a highstate would change
    - ``unchanged``: whether what is described is what was last applied in full

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.look
    """
    told = described()
    wanted, refused = told["services"], told["refused"]
    here = {
        item["Spec"]["Name"]: item
        for item in __salt__["swarm.ask"]("services")
        if item["Spec"]["Name"] in wanted or LABEL in (item["Spec"].get("Labels") or {})
    }
    names = {item["ID"]: name for name, item in here.items()}
    keys = ("id", "hostname", "state", "availability")
    members = [] if told["nodes"] is None else __salt__["swarmnode.members"](told["nodes"], True)
    return {
        "nodes": [
            {**{key: node[key] for key in keys}, "at": node["updated"]}
            for node in __salt__["swarmnode.list"]()
        ],
        "services": {
            name: _service(name, item, wanted.get(name), name not in refused)
            for name, item in here.items()
        },
        "missing": sorted(set(wanted) - set(here)),
        "refused": refused,
        "tasks": [
            _task(names[task["ServiceID"]], task)
            for task in __salt__["swarm.ask"]("tasks")
            if task.get("ServiceID") in names
        ],
        "members": sorted(one["name"] for one in members if one["changes"]),
        "unchanged": applied() == told["digest"],
    }


def _service(name, item, spec, compared):
    (mode,) = item["Spec"]["Mode"]
    found = {
        "image": _image(item["Spec"]),
        "mode": MODES.get(mode, mode),
        "described": spec is not None,
        "changes": {},
        "error": "",
        "at": item.get("UpdatedAt") or "",
        "previous": _image(item.get("PreviousSpec") or {}),
    }
    now = __salt__["swarmservice.status"](name)
    found |= {key: now[key] for key in ("wanted", "running", "complete", "outdated", "message")}
    found["update"] = now["update"] or ""
    if spec is not None and compared:
        try:
            changes = __salt__["swarmservice.plan"](name, spec)["changes"] or {}
            found["changes"] = {
                field: [str(change["old"])[:80], str(change["new"])[:80]]
                for field, change in list(_shown(changes).items())[:100]
            }
        except (CommandExecutionError, SaltInvocationError) as err:
            found["error"] = str(err)
    return found


def _image(spec):
    return spec.get("TaskTemplate", {}).get("ContainerSpec", {}).get("Image", "")


def _shown(changes):
    """Changes of a service without the values of environment variables, which may be secret."""
    blank = {"old": "", "new": ""}
    return {
        field: blank if field.startswith("env.") else change for field, change in changes.items()
    }


def _task(service, task):
    status = task["Status"]
    return {
        "service": service,
        "slot": task.get("Slot") or 0,
        "node": task.get("NodeID") or "",
        "state": status["State"],
        "desired": task.get("DesiredState") or "",
        "at": status.get("Timestamp") or "",
        "error": status.get("Err") or "",
    }


def settle(name, timeout=0):
    """
    Make a workload what the master describes now: its service is changed, made, or removed where
    the master has no replicas of it here. Return what changed, as ``swarmservice.apply`` does, but
    for values of environment variables, which are left out.

    name
        Its name.
    timeout
        Seconds to wait until all its tasks run; what is in the way then is an error. 0 is not to
        wait.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.settle web timeout=60
    """
    told = described()
    spec = told["services"].get(name)
    if name in told["refused"]:
        raise CommandExecutionError(f"{name}: stays as it is: {told['refused'][name]}")
    if spec is None:
        here = __salt__["swarmservice.inspect"](name)
        if here is None:
            return {}
        if LABEL not in (here["Spec"].get("Labels") or {}):
            raise CommandExecutionError(f"{name}: this service was not made from a description")
        __salt__["swarmservice.remove"](name)
        return {"service": {"old": name, "new": None}}
    changes = __salt__["swarmservice.apply"](name, spec)
    if timeout:
        __salt__["swarmservice.wait"](name, timeout)
    return {"service": {"old": None, "new": name}} if changes is None else _shown(changes)


def logs(name, lines=100):
    """
    Return the last lines that the tasks of a service said: ``lines``, each with ``at``, ``node``
    (hostname), ``task`` (``web.1``) and ``text``, the oldest first; and ``trouble``: what Docker
    could not get.

    name
        Its name.
    lines
        How many.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmwork.logs web lines=20
    """
    lines = min(int(lines), MOST_LINES)
    here = __salt__["swarmservice.inspect"](name)
    if here is None:
        raise CommandExecutionError(f"{name}: the swarm has no such service")
    stream = __salt__["swarm.ask"](
        "service_logs",
        here["ID"],
        details=True,
        timestamps=True,
        stdout=True,
        stderr=True,
        tail=lines,
        is_tty=False,
    )
    hosts = {node["id"]: node["hostname"] for node in __salt__["swarmnode.list"]()}
    slots = {task["ID"]: task.get("Slot") for task in __salt__["swarm.ask"]("tasks")}
    said, trouble = [], []
    for line in _read(stream, trouble):
        at, _, rest = line.partition(" ")
        details, _, text = rest.partition(" ")
        facts = dict(item.partition("=")[::2] for item in details.split(","))
        node = facts.get("com.docker.swarm.node.id")
        if node is None:
            trouble.append(line[:MOST_LINE])
            continue
        slot = slots.get(facts.get("com.docker.swarm.task.id"))
        task = f"{name}.{slot}" if slot else name
        said.append(
            {"at": at, "node": hosts.get(node, node), "task": task, "text": text[:MOST_LINE]}
        )
    said.sort(key=lambda one: one["at"])
    return {"lines": said[-lines:], "trouble": trouble[:20]}


def _read(stream, trouble):
    """Lines of a stream. Docker waits without end for a node that is about to be found dead."""
    chunks = []

    def read():
        size = 0
        try:
            for chunk in stream:
                chunks.append(chunk)
                size += len(chunk)
                if size > MOST_BYTES:
                    trouble.append(f"only the first {MOST_BYTES // 2**20} MB were read")
                    return
        except Exception as err:  # of whichever library is below the SDK
            trouble.append(f"reading stopped: {err}")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(LOG_SECONDS)
    if reader.is_alive():
        trouble.append(f"a node has not sent all of its lines within {LOG_SECONDS} s")
    text = b"".join(list(chunks)).decode("utf-8", "replace")
    return [line.rstrip("\r") for line in text.split("\n") if line]
