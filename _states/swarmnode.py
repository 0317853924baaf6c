"""
Keep the nodes of a Docker swarm as described: labels, availability, role. Runs on a manager.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmnode"


def __virtual__():
    if "swarmnode.list" not in __salt__:
        return False, "swarmnode: the execution module swarmnode is not loaded"
    return __virtualname__


def present(name, labels=None, availability=None, role=None):
    """
    Ensure that a node is in the swarm and has labels, an availability and a role; what is left
    out stays. Entries of the same hostname that are down, from before its card was swapped, are
    removed.

    name
        The hostname or the id in the swarm.
    labels
        All its labels; others are taken away.
    availability
        ``active``, ``pause`` or ``drain``.
    role
        ``worker`` or ``manager``.

    .. code-block:: yaml

        swarm-node-pi3:
          swarmnode.present:
            - name: pi3
            - labels: {site: glasgow, rack: rack1, tower: left, model: pi1b, arch: armel}
            - availability: active
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        __salt__["swarmnode.check"](labels, availability, role)
        here = __salt__["swarmnode.find"](name)
        if here is None:
            raise CommandExecutionError(
                f"{name}: no node of the swarm has this hostname or id; let it join (swarm.joined)"
            )
        wanted = {"labels": labels, "availability": availability, "role": role}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        changes = {"dead entries": {"old": here["dead"], "new": []}} if here["dead"] else {}
        changes.update(__salt__["swarmnode.differences"](here, wanted))
        if not changes:
            ret["comment"] = f"{name} is as described."
            return ret
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{name} would be changed: {', '.join(changes)}."
            return ret
        if set(changes) != {"dead entries"}:
            __salt__["swarmnode.set"](here["id"], **wanted)
            done.update({key: val for key, val in changes.items() if key != "dead entries"})
            now = __salt__["swarmnode.find"](here["id"])
            if left := __salt__["swarmnode.differences"](now, wanted):
                raise CommandExecutionError(f"{name}: {', '.join(left)} did not keep what was set")
        for entry in here["dead"]:
            __salt__["swarmnode.remove"](entry)
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"{name} was changed: {', '.join(changes)}."
    return ret


def members(name, nodes):
    """
    Ensure that the nodes of the swarm have the labels, roles and availability described for them,
    and that entries of cards that were swapped are gone.

    name
        Any name; it is not used.
    nodes
        ``labels``, ``role`` and ``availability`` by hostname, as :py:func:`present` takes them, and
        ``id``, where it is known which entry of the swarm is the node: the swarm believes each node
        whatever name it gives itself. One that is not in the swarm is passed over. A node that is
        not among them becomes a worker without labels, so that nothing described runs on it, and is
        removed once it is down.

    Of several entries with one hostname that with the ``id`` counts, or else the last that is not
    down; the others are removed. While the one with the ``id`` is away, others that are up stay as
    they are: one of them may be a new card whose id nobody knows yet.
    What joined less than two minutes ago is no difference in test mode: it gets its labels from
    whoever let it in.

    Managers that are to be none any more stay managers until those that are to be are reachable for
    the others: that is waited for, and failing that said. This node gives its role up last.

    .. code-block:: yaml

        swarm-nodes:
          swarmnode.members:
            - nodes:
                pi0: {role: manager, labels: {rack: rack1}}
                pi3: {role: worker, labels: {rack: rack1}}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        for host, one in nodes.items():
            _checked(host, one)
        found = __salt__["swarmnode.members"](nodes, settled=__opts__["test"])
        found.sort(key=lambda one: one["wanted"].get("role") != "manager")
        changes = {one["name"]: one["changes"] for one in found if one["changes"]}
        if not changes:
            ret["comment"] = f"{len(found)} nodes are as described."
            return ret
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"Nodes would be changed: {', '.join(changes)}."
            return ret
        faults = []
        for one in found:
            faults += _change(_without_demotion(one) if _demotes(one) else one, done)
        faults += _demote([one for one in found if _demotes(one)], nodes, faults, done)
        if faults:
            raise CommandExecutionError("; ".join(faults))
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"Nodes were changed: {', '.join(changes)}."
    return ret


def _checked(host, one):
    try:
        if unknown := sorted(set(one) - {"labels", "role", "availability", "id"}):
            raise SaltInvocationError(f"there is no {', '.join(unknown)}")
        __salt__["swarmnode.check"](**{key: val for key, val in one.items() if key != "id"})
    except SaltInvocationError as err:
        raise SaltInvocationError(f"nodes.{host}: {err}") from None


def _demotes(one):
    """Whether a manager that may count for the majority becomes a worker."""
    here = one["here"]
    away = here["state"] == "down" and here["reachability"] != "reachable"
    return here["role"] == "manager" and one["wanted"].get("role") == "worker" and not away


def _without_demotion(one):
    parts = {
        part: {key: val for key, val in one[part].items() if key != "role"}
        for part in ("wanted", "changes")
    }
    return {**one, **parts}


def _demote(found, nodes, faults, done):
    """
    Make workers of managers once others hold the majority; return what is in the way. All else was
    tried before, with these ``faults``.
    """
    if not found:
        return []
    if why := __salt__["swarmnode.await_managers"](nodes):
        names = ", ".join(one["name"] for one in found)
        return [f"{names}: not demoted before those that are to be managers are: {'; '.join(why)}"]
    own = __salt__["swarm.info"]()["node_id"]
    left = []
    for one in sorted(found, key=lambda one: one["here"]["id"] == own):
        if one["here"]["id"] == own and (faults or left):
            left.append(f"{one['name']}: is this node, not demoted before the rest is done")
            continue
        role = {"role": one["changes"]["role"]}
        left += _change({**one, "wanted": {"role": "worker"}, "changes": role, "others": []}, done)
    return left


def _change(one, done):
    """Change the entries of one hostname; return what was in the way."""
    try:
        if rest := {key: val for key, val in one["changes"].items() if key != "dead entries"}:
            __salt__["swarmnode.set"](one["here"]["id"], **one["wanted"])
            done.setdefault(one["name"], {}).update(rest)
        for entry in one["others"]:
            __salt__["swarmnode.remove"](entry, force=True)
        if one["changes"]:
            done.setdefault(one["name"], {}).update(one["changes"])
    except CommandExecutionError as err:
        return [f"{one['name']}: {err}"]
    return []


def absent(name, force=False):
    """
    Ensure that a node is not in the swarm any more. A manager is demoted first.

    name
        The hostname or the id in the swarm; all entries of a hostname go.
    force
        Remove a node that is up as well; without it that is an error.

    .. code-block:: yaml

        swarm-node-pi3-absent:
          swarmnode.absent:
            - name: pi3
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        here = __salt__["swarmnode.find"](name)
        if here is None:
            ret["comment"] = f"{name} is not in the swarm."
            return ret
        if here["state"] != "down" and not force:
            raise CommandExecutionError(
                f"{name}: is {here['state']}; let it leave the swarm first (swarm.left), "
                "or say force: true"
            )
        entries = [*here["dead"], here["id"]]
        changes = {"entries": {"old": entries, "new": []}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{name} would be removed from the swarm."
            return ret
        for number, entry in enumerate(entries, 1):
            __salt__["swarmnode.remove"](entry, force=force)
            done["entries"] = {"old": entries, "new": entries[number:]}
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"{name} was removed from the swarm."
    return ret
