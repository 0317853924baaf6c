"""
The nodes of a Docker swarm, as a manager sees and changes them. Runs on a manager.
"""

import datetime
import time

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmnode"
__func_alias__ = {"list_": "list", "set_": "set"}

ROLES = ("worker", "manager")
AVAILABILITY = ("active", "pause", "drain")
#: How long a demoted manager may take to give up its vote.
DEMOTE_SECONDS = 30
#: How long promoted nodes may take to have a vote: a Pi needs seconds to join the others.
REACH_SECONDS = 60
#: Seconds in which who let a node into the swarm gives it its labels.
JOINING_S = 120


def __virtual__():
    if "swarm.ask" not in __salt__:
        return False, "swarmnode: the execution module swarm is not loaded"
    return __virtualname__


def _facts(node):
    spec, described = node["Spec"], node.get("Description") or {}
    status, manager = node.get("Status") or {}, node.get("ManagerStatus")
    resources, engine = described.get("Resources") or {}, described.get("Engine") or {}
    return {
        "id": node["ID"],
        "created": node.get("CreatedAt") or "",
        "updated": node.get("UpdatedAt") or "",
        "hostname": described.get("Hostname") or "",
        "role": spec.get("Role") or "worker",
        "availability": spec.get("Availability") or "active",
        "labels": spec.get("Labels") or {},
        "state": status.get("State") or "unknown",
        "message": status.get("Message") or "",
        "address": status.get("Addr") or "",
        "leader": bool(manager and manager.get("Leader")),
        "reachability": manager.get("Reachability") if manager else None,
        "arch": (described.get("Platform") or {}).get("Architecture") or "",
        "engine": engine.get("EngineVersion") or "",
        "engine_labels": engine.get("Labels") or {},
        "cpus": resources.get("NanoCPUs", 0) / 10**9,
        "memory": resources.get("MemoryBytes", 0),
        "resources": __salt__["swarmvalues.generic"](resources.get("GenericResources")),
    }


def list_():
    """
    Return the nodes of the swarm, dead ones too: id, created (when it joined), updated (when the
    swarm last had something new of it), hostname, role, availability, labels, state (``ready``,
    ``down`` ...), address, leader, reachability (of managers), arch, engine, engine_labels, cpus,
    memory, and generic resources such as ``{mbps: 100}``. Of entries with the same hostname the
    oldest comes first.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.list
    """
    found = [_facts(node) for node in __salt__["swarm.ask"]("nodes")]
    return sorted(found, key=lambda node: (node["hostname"], node["created"], node["id"]))


def leads():
    """
    Return whether this node is the manager that leads its swarm: one is, at each time.

    False as well where Docker Engine is not there or does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' swarmnode.leads
    """
    try:
        own = __salt__["swarm.info"]()
        return own["state"] == "active" and own["leads"]
    except CommandExecutionError:
        return False


def keeps(nodes):
    """
    Return whether this node keeps what all members of its swarm share: the manager that leads does.
    While who leads is none of the described managers, as after it was given another role, it is not
    told what to keep: the first of these, by name, that is a manager already does that then, and
    gives its role to another one.

    nodes
        As for :py:func:`members`.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' swarmnode.keeps '{pi3: {role: manager}}'
    """
    try:
        own = __salt__["swarm.info"]()
        if own["state"] != "active" or own["role"] != "manager":
            return False
        return own["leads"] or _stands_in(nodes) == own["node_id"]
    except CommandExecutionError:
        return False


def _stands_in(nodes):
    """The id of the manager that does what one that leads does, None while that one does it."""
    found = members(nodes)
    leader = next((one for one in found if one["here"]["leader"]), None)
    if leader is None or leader["wanted"].get("role") == "manager":
        return None
    able = [one for one in found if one["wanted"].get("role") == "manager"]
    able = [one for one in able if not _no_vote(one["here"])]
    return min(able, key=lambda one: one["name"])["here"]["id"] if able else None


def find(name):
    """
    Return the node with an id or a hostname, as :py:func:`list_` has it; None if there is none.

    A node that came back with another card has two entries under its hostname: the one that is
    ready counts, the other is in ``dead`` of the answer. Several that are ready are an error.

    name
        The hostname or the id in the swarm.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.find pi3
    """
    nodes = list_()
    for node in nodes:
        if node["id"] == name:
            return {**node, "dead": []}
    named = [node for node in nodes if node["hostname"] == name]
    if not named:
        return None
    live = [node for node in named if node["state"] != "down"]
    if len(live) > 1:
        ids = ", ".join(node["id"] for node in live)
        raise CommandExecutionError(
            f"{name}: {len(live)} nodes of the swarm have this hostname ({ids}); "
            "name one by its id, and give the other another hostname"
        )
    chosen = live[0] if live else named[-1]
    return {**chosen, "dead": [node["id"] for node in named if node["id"] != chosen["id"]]}


def members(nodes, settled=False):
    """
    Return the nodes of the swarm beside what they are to be, one for each of them: ``name``,
    ``here`` (as in :py:func:`list`), ``wanted``, ``changes``, ``{field: {old, new}}``, and
    ``others``: ids of entries to be removed.

    nodes
        ``labels``, ``role``, ``availability`` and ``id`` by hostname. A node that is not among them
        is to be a worker without labels, and to be removed once it is down. With an ``id`` only the
        entry that has it is the node; others that go by its name are to be removed while it is up.
    settled
        Leave out what joined less than two minutes ago: it gets its labels from whoever let it in.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.members '{pi3: {role: worker, labels: {rack: rack1}}}'
    """
    names = {one["id"]: name for name, one in nodes.items() if one.get("id")}
    known = set(names.values())
    by_name, strangers = {}, []
    for entry in list_():
        name = names.get(entry["id"])
        if name is None and entry["hostname"] in known:
            strangers.append(entry)
        elif name or entry["hostname"]:  # who has not said its name yet joins just now
            by_name.setdefault(name or entry["hostname"], []).append(entry)
    found = [_member(host, same, nodes.get(host)) for host, same in by_name.items()]
    for entry in strangers:
        whose = next((one for one in found if one["name"] == entry["hostname"]), None)
        # Who is up while the node itself is away may be its new card, whose id nobody knows yet.
        if whose and (entry["state"] == "down" or whose["here"]["state"] != "down"):
            whose["others"].append(entry["id"])
            whose["changes"]["dead entries"] = {"old": whose["others"], "new": []}
    if settled:
        now = datetime.datetime.now(datetime.UTC)
        found = [one for one in found if not _joining(one["here"], now)]
    return found


def _member(name, same, wanted):
    """What is to be done with the entries of a name, of which the oldest comes first."""
    here = next((one for one in reversed(same) if one["state"] != "down"), same[-1])
    others = [one["id"] for one in same if one["id"] != here["id"]]
    if wanted is None and here["state"] == "down":
        wanted, others = {}, [*others, here["id"]]
    elif wanted is None:
        wanted = {"labels": {}, "role": "worker"}
    wanted = {key: value for key, value in wanted.items() if key != "id"}
    changes = differences(here, wanted)
    if others:
        changes["dead entries"] = {"old": others, "new": []}
    return {"name": name, "here": here, "wanted": wanted, "changes": changes, "others": others}


def _joining(here, now):
    try:
        joined = datetime.datetime.fromisoformat(f"{here['created'][:19]}+00:00")
    except ValueError:
        return False
    return 0 <= (now - joined).total_seconds() < JOINING_S


def await_managers(nodes, timeout=REACH_SECONDS):
    """
    Wait until the nodes that are to manage the swarm do, so that others need not any more. Return
    what is in the way then: nothing once each of them that is in the swarm is ready and has a vote
    that is reachable, and these are most of those described.

    nodes
        As for :py:func:`members`.
    timeout
        Seconds to wait for one that is a manager already and up.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.await_managers '{pi3: {role: manager}}' timeout=10
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            faults, worth_waiting = _votes(nodes)
        except CommandExecutionError as err:
            # With a second manager there is no majority until that has joined the first.
            faults, worth_waiting = [str(err)], True
        if not faults or not worth_waiting or time.monotonic() > deadline:
            return faults
        time.sleep(1)


def _votes(nodes):
    """What those that are to be managers lack, and whether they may have it in a while."""
    described = sum(one.get("role") == "manager" for one in nodes.values())
    found = [one for one in members(nodes) if one["wanted"].get("role") == "manager"]
    away = [(one["name"], one["here"], why) for one in found if (why := _no_vote(one["here"]))]
    faults = [f"{name} {why}" for name, _here, why in away]
    if 2 * len(found) <= described:
        return [*faults, f"{len(found)} of {described} described managers are in the swarm"], False
    gone = any(here["role"] != "manager" or here["state"] == "down" for _name, here, _why in away)
    return faults, not gone


def _no_vote(here):
    """Why a node that is to be a manager is none that counts; empty when it is one."""
    if here["role"] != "manager":
        return "is no manager"
    if here["state"] != "ready":
        return f"is {here['state']}"
    return "" if here["reachability"] == "reachable" else "is not reachable for the others yet"


def differences(here, wanted):
    """
    Return in what a node differs, ``{field: {old, new}}``.

    here
        The node as :py:func:`list` has it.
    wanted
        ``labels``, ``availability``, ``role``; what is left out is not compared.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.differences '{role: worker}' '{role: manager}'
    """
    changes = {
        key: {"old": here[key], "new": wanted[key]}
        for key in ("availability", "role")
        if key in wanted and here[key] != wanted[key]
    }
    if "labels" in wanted:
        old, new = here["labels"], wanted["labels"]
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                changes[f"labels.{key}"] = {"old": old.get(key), "new": new.get(key)}
    return changes


def set_(name, labels=None, availability=None, role=None):
    """
    Change a node of the swarm; what is left out stays.

    name
        The hostname or the id in the swarm.
    labels
        All its labels; others are taken away.
    availability
        ``active``, ``pause`` (nothing new) or ``drain`` (nothing new, what runs moves away).
    role
        ``worker`` or ``manager``. Docker refuses what would cost the managers their majority.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.set pi3 availability=drain
    """
    check(labels, availability, role)
    found = find(name)
    if found is None:
        raise CommandExecutionError(f"{name}: no node of the swarm has this hostname or id")
    node = __salt__["swarm.ask"]("inspect_node", found["id"])
    wanted = {"Labels": labels, "Availability": availability, "Role": role}
    spec = {**node["Spec"], **{key: val for key, val in wanted.items() if val is not None}}
    __salt__["swarm.ask"]("update_node", node["ID"], node["Version"]["Index"], node_spec=spec)


def check(labels=None, availability=None, role=None):
    """
    Raise ``SaltInvocationError`` for settings that no node can have, all faults at once.

    labels, availability, role
        See :py:func:`set_`.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.check availability=drain
    """
    faults = []
    if labels is not None and not (
        isinstance(labels, dict) and all(isinstance(item, str) for item in labels.values())
    ):
        faults.append(f"labels: must be names with texts (numbers quoted), is {labels!r}")
    for field, value, known in (
        ("availability", availability, AVAILABILITY),
        ("role", role, ROLES),
    ):
        if value is not None and value not in known:
            faults.append(f"{field}: must be one of {', '.join(known)}, is {value!r}")
    if faults:
        raise SaltInvocationError("; ".join(faults))


def remove(name, force=False):
    """
    Remove a node from the swarm; a manager is demoted first. Docker refuses to remove a node
    that is up, and to demote a manager that the majority needs.

    name
        The hostname or the id in the swarm.
    force
        Remove a node that is up as well: it believes to be in the swarm until it leaves.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnode.remove pi3
    """
    found = find(name)
    if found is None:
        return
    if found["state"] != "down" and not force:
        raise CommandExecutionError(
            f"{name}: is {found['state']}, only a node that is down is removed; let it leave "
            "the swarm first (swarm.left), or force it"
        )
    # One that a recovered swarm went on without has no vote, and cannot be demoted.
    if found["role"] == "manager" and found["reachability"] is not None:
        set_(found["id"], role="worker")
        deadline = time.monotonic() + DEMOTE_SECONDS
        while (find(found["id"]) or {}).get("reachability") is not None:
            if time.monotonic() > deadline:
                raise CommandExecutionError(f"{name}: was demoted but still has a vote")
            time.sleep(0.5)
    __salt__["swarm.ask"]("remove_node", found["id"], force=True)
