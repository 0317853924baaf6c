"""
Keep this node in its Docker swarm: as the manager of a new one, joined, or out of it.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarm"

#: What can be changed in a running swarm; the other settings are there from its start.
CHANGEABLE = ("task_history_limit", "heartbeat_s")
FIXED = ("default_addr_pool", "subnet_size", "data_path_port")
#: How long Docker Engine may look for its managers after a start.
SECONDS = 60


def __virtual__():
    if "swarm.info" not in __salt__:
        return False, "swarm: the execution module swarm is not loaded"
    return __virtualname__


def _failed(name, err, done=None):
    return {"name": name, "result": False, "changes": done or {}, "comment": str(err)}


def _ready():
    """What the node knows of its swarm, once Docker Engine has found its feet after a start."""
    now = __salt__["swarm.info"]()
    if now["state"] == "pending":
        __salt__["swarm.wait_active"](0 if __opts__["test"] else SECONDS)
        now = __salt__["swarm.info"]()
    if now["state"] == "locked":
        raise CommandExecutionError(
            "The swarm on this node is locked: unlock it with its key (docker swarm unlock)"
        )
    if now["state"] == "inactive" and now["live_restore"]:
        raise CommandExecutionError(
            "live-restore: is on in daemon.json, and Docker Engine refuses swarms with it; "
            "say docker: daemon: live-restore: false in the description of this node"
        )
    return now


def initialised(name, advertise_addr=None, settings=None):
    """
    Ensure that this node is a manager of a swarm, of a new one if it is in none.

    name
        Any name; it is not used.
    advertise_addr
        The address (or interface) that other nodes reach this one by.
    settings
        Settings of the swarm, each of which may be left out: ``task_history_limit`` (ended tasks
        remembered per slot) and ``heartbeat_s`` are changed at any time; ``default_addr_pool``
        (address ranges of overlay networks), ``subnet_size`` (prefix length of their subnets)
        and ``data_path_port`` are those of the start, and another value is an error later.

    .. code-block:: yaml

        swarm-manager:
          swarm.initialised:
            - advertise_addr: 10.80.1.1
            - settings: {default_addr_pool: [10.128.0.0/9], task_history_limit: 2}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        wanted = _settings(settings or {})
        now = _ready()
        changes = {}
        if now["state"] == "inactive":
            changes["swarm"] = {"old": "inactive", "new": "manager"}
            changes.update({key: {"old": None, "new": value} for key, value in wanted.items()})
        else:
            _must_be_manager(now, advertise_addr)
            changes.update(_differences(wanted))
        if not changes:
            ret["comment"] = f"This node is a manager of swarm {now['cluster']}."
            return ret
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"The swarm would be changed: {', '.join(changes)}."
            return ret
        if "swarm" in changes:
            fixed = {key: wanted[key] for key in FIXED if key in wanted}
            __salt__["swarm.initialise"](advertise_addr=advertise_addr, **fixed)
            done["swarm"] = changes["swarm"]
            __salt__["swarm.wait_active"]()
            _must_be_manager(__salt__["swarm.info"](), advertise_addr)
        if late := {key: wanted[key] for key in CHANGEABLE if key in changes}:
            __salt__["swarm.set"](**late)
        if left := _differences(wanted):
            raise CommandExecutionError(f"{', '.join(left)}: did not keep what was set")
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err, done)
    ret["changes"] = changes
    ret["comment"] = "This node is a manager of the swarm."
    return ret


def _settings(settings):
    known = (*CHANGEABLE, *FIXED)
    faults = [f"settings.{key}: there is no such setting" for key in settings if key not in known]
    wanted = {key: settings[key] for key in known if settings.get(key) is not None}
    for key, value in wanted.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
        if key == "default_addr_pool":
            wanted[key] = sorted([value] if isinstance(value, str) else value)
        elif not number or (key != "heartbeat_s" and not isinstance(value, int)):
            faults.append(f"settings.{key}: must be a number above 0, is {value!r}")
    if faults:
        raise SaltInvocationError(f"{'; '.join(faults)} (known: {', '.join(known)})")
    return wanted


def _must_be_manager(now, advertise_addr):
    if now["role"] != "manager":
        raise CommandExecutionError(
            f"This node is in a swarm already, as a worker of {', '.join(now['managers'])}; "
            "a manager promotes it (swarmnode.present with role: manager), or let it leave first"
        )
    _must_be_known_by(now, advertise_addr)


def _must_be_known_by(now, advertise_addr):
    # An interface can be given too; then there is nothing to compare.
    if not advertise_addr or not advertise_addr[0].isdigit():
        return
    if now["address"] and now["address"] != advertise_addr.partition(":")[0]:
        raise CommandExecutionError(
            f"advertise_addr: the swarm knows this node by {now['address']}, not by "
            f"{advertise_addr}; Docker Engine cannot change it: let the node leave and join again"
        )


def _differences(wanted):
    here = __salt__["swarm.settings"]()
    changes = {
        key: {"old": here[key], "new": value} for key, value in wanted.items() if here[key] != value
    }
    if fixed := [key for key in changes if key in FIXED]:
        told = "; ".join(
            f"settings.{key}: is {here[key]} since the start of the swarm, not {wanted[key]}"
            for key in fixed
        )
        raise CommandExecutionError(f"{told}. Only a new swarm can have another value")
    return changes


def joined(name, managers, role="worker", token=None, *, advertise_addr=None, later=False):
    """
    Ensure that this node is in the swarm of some managers.

    A node that is in a swarm none of whose managers is among them, or of which the token says
    that the managers have it no more, leaves that one and joins anew; so does a worker whose
    joining ended with an error, before it had an id in the swarm. A node that only cannot reach
    its managers stays: that is an error. The role of a node that is in the swarm is changed by a
    manager (``swarmnode.present``), not by the node.

    name
        Any name; it is not used.
    managers
        Addresses of managers, each with or without the port. The node's own is passed over.
    role
        ``worker`` or ``manager``: what the token is for.
    token
        The join token, sealed for this node (``swarm.join_token`` on a manager). Needed only
        while it is not in the swarm.
    advertise_addr
        The address (or interface) that other nodes reach this one by.
    later
        Whether a token is on its way: without one a node that is not in the swarm is then left as
        it is, and that is no failure. In test mode it is still what would be changed.

    .. code-block:: yaml

        swarm-member:
          swarm.joined:
            - managers: [10.80.1.1, 10.80.2.1]
            - token: {{ pillar["swarm_token"] | json }}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        if role not in ("worker", "manager"):
            raise SaltInvocationError(f"role: must be worker or manager, is {role!r}")
        if not isinstance(managers, list) or not managers:
            raise SaltInvocationError(f"managers: must be a list of addresses, is {managers!r}")
        now = _member(managers, token, role)
        if now["state"] == "active":
            if now["role"] != role:
                raise CommandExecutionError(
                    f"role: this node is in the swarm as a {now['role']}, not as a {role}; "
                    f"a manager changes that (swarmnode.present with role: {role})"
                )
            _must_be_known_by(now, advertise_addr)
            ret["comment"] = f"This node is in the swarm, as a {role}."
            return ret
        changes = {"swarm": {"old": now["state"], "new": role}}
        if later and not token and not __opts__["test"]:
            ret["comment"] = "This node gets a token next, and joins the swarm then."
            return ret
        if not token and not later:
            raise CommandExecutionError(
                f"token: this node is not in the swarm ({now['error'] or now['state']}) and has "
                "no token to join with; swarm.join_token on a manager seals one for it"
            )
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"This node would join the swarm as a {role}."
            return ret
        if now["state"] != "inactive":
            __salt__["swarm.leave"](force=True)
            done["swarm"] = {"old": now["state"], "new": "inactive"}
        own = (advertise_addr or "").partition(":")[0]
        others = [item for item in managers if item.partition(":")[0] != own]
        __salt__["swarm.join"](others or managers, token, advertise_addr=advertise_addr)
        done["swarm"] = changes["swarm"]
        now = __salt__["swarm.info"]()
        if now["role"] != role:
            raise CommandExecutionError(f"role: the token made this node a {now['role']}")
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err, done)
    ret["changes"] = changes
    ret["comment"] = f"This node joined the swarm as a {role}."
    return ret


def _member(managers, token, role):
    """
    What the node knows of its swarm; a wrong one has the state ``foreign``, ``forgotten``, or
    ``unfinished``: managers that were busy did not answer a joining worker in time.
    """
    now = __salt__["swarm.info"]()
    if now["state"] != "inactive" and token and __salt__["swarm.is_forgotten"](token):
        return {**now, "state": "forgotten"}
    now = _ready()
    if now["state"] == "error" and now["node_id"] is None and token and role == "worker":
        return {**now, "state": "unfinished"}
    if now["state"] == "error":
        raise CommandExecutionError(
            f"This node is in a swarm that does not work: {now['error']}. If its managers have "
            "it no more, swarm.join_token with its node_id seals a token that says so"
        )
    wanted = {__salt__["swarm.addr_port"](item) for item in managers}
    if now["state"] == "active" and not wanted & set(now["managers"]):
        known = ", ".join(now["managers"]) or "none"
        return {**now, "state": "foreign", "error": f"it is in the swarm of {known}"}
    return now


def left(name, force=False):
    """
    Ensure that this node is in no swarm. Its containers of services are stopped, volumes stay.
    Its entry on the managers stays as down: ``swarmnode.absent`` there removes it.

    name
        Any name; it is not used.
    force
        Let a manager leave too. Demote it first where it is not the last one, or the others lose
        its vote.

    .. code-block:: yaml

        swarm-absent:
          swarm.left
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        now = __salt__["swarm.info"]()
        if now["state"] == "inactive":
            ret["comment"] = "This node is in no swarm."
            return ret
        if now["role"] == "manager" and not force:
            raise CommandExecutionError(
                "This node is a manager: demote it first (swarmnode.present with role: worker, "
                "on another manager), or say force: true if it is the last one"
            )
        ret["changes"] = {"swarm": {"old": now["role"] or now["state"], "new": "inactive"}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = "This node would leave its swarm."
            return ret
        __salt__["swarm.leave"](force=force or now["state"] != "active")
        if (state := __salt__["swarm.info"]()["state"]) != "inactive":
            raise CommandExecutionError(f"This node left its swarm but is {state}")
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err)
    ret["comment"] = "This node left its swarm."
    return ret


def resources(name, offered):
    """
    Ensure that this node offers generic resources to the swarm. They are in ``daemon.json``
    (``node-generic-resources``), which part ``docker`` writes: this state changes nothing, it
    fails with what differs, so that nothing is scheduled on a budget that is not there.

    name
        Any name; it is not used.
    offered
        Names with whole numbers, such as ``{mbps: 100}``.

    .. code-block:: yaml

        swarm-bandwidth:
          swarm.resources:
            - offered: {mbps: 100}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        here = __salt__["swarm.info"]()["resources"]
        faults = [
            f"{key}: is {here.get(key)}, must be {offered.get(key)}"
            for key in sorted({*here, *offered})
            if here.get(key) != offered.get(key)
        ]
        if faults:
            text = ", ".join(f'"{key}={value}"' for key, value in sorted(offered.items()))
            raise CommandExecutionError(
                f"{'; '.join(faults)}. Say docker: daemon: node-generic-resources: [{text}] in "
                "the description of this node"
            )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err)
    ret["comment"] = f"This node offers {here or 'no generic resources'}."
    return ret
