"""
Keep services of a Docker swarm as described, or gone. Runs on a manager.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmservice"

STOPPED = ("paused", "rollback_paused")
ROLLED_BACK = ("rollback_started", "rollback_completed")


def __virtual__():
    if "swarmservice.plan" not in __salt__:
        return False, "swarmservice: the execution module swarmservice is not loaded"
    return __virtualname__


def present(name, spec, timeout=0):
    """
    Ensure that the swarm has a service as specified. What somebody changed by hand is put right;
    how many times it was restarted by hand is left alone.

    An update that Swarm has stopped because its tasks failed is an error until the specification
    changes. One that Swarm rolled back is tried again.

    name
        Its name.
    spec
        Its fields: ``image``, ``command``, ``args``, ``env``, ``mode``, ``replicas``,
        ``resources``, ``placement``, ``publish``, ``networks`` ...; ``docs/swarm.md`` lists
        them all.
    timeout
        Seconds to wait until all of its tasks run, or are complete where it is a job; they are
        an error if they do not. 0 is not to wait.

    .. code-block:: yaml

        web:
          swarmservice.present:
            - spec:
                image: picloud/web:1
                replicas: 2
                resources: {reservations: {memory: 64M, generic: {mbps: 10}}}
                placement: {spread: [node.labels.rack]}
            - timeout: 60
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        planned = __context__.get("swarm.planned") if __opts__["test"] else None
        plan = __salt__["swarmservice.plan"](name, spec, planned)
        changes = plan["changes"]
        if changes is None:
            new = __salt__["swarmdiff.difference"]({}, plan["spec"])
            changes = {"service": {"old": None, "new": new["image"]["new"]}}
        if changes and __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"Service {name} would be {_done(changes)}."
            return ret
        if changes:
            __salt__["swarmservice.apply"](name, spec)
            ret["changes"] = changes
            if left := __salt__["swarmservice.plan"](name, spec)["changes"]:
                told = "; ".join(
                    f"{key}: is {item['old']!r}, not {item['new']!r}" for key, item in left.items()
                )
                raise CommandExecutionError(f"Service {name} did not keep what was set: {told}")
        if timeout and not __opts__["test"]:
            __salt__["swarmservice.wait"](name, timeout)
        now = __salt__["swarmservice.status"](name)
        told = __salt__["swarmservice.trouble"](now)
        if now["update"] in STOPPED or (changes and now["update"] in ROLLED_BACK):
            raise CommandExecutionError(f"Service {name}: {told}")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": ret["changes"], "comment": str(err)}
    state = _done(changes) if changes else "as specified"
    ret["comment"] = f"Service {name} {'was' if changes else 'is'} {state}: {told}."
    return ret


def _done(changes):
    if "service" in changes:
        return "made"
    return "removed and made anew" if "mode" in changes else "updated"


def pruned(name, label, keep, timeout=60):
    """
    Ensure that of the services with a label only some are there; others are not looked at.

    name
        Any name; it is not used.
    label
        The label, whatever its value.
    keep
        Names of the services that stay.
    timeout
        Seconds to wait for the tasks of each that goes.

    .. code-block:: yaml

        old-services:
          swarmservice.pruned:
            - label: picloud.workload
            - keep: [web]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    gone = []
    try:
        old = [one for one in __salt__["swarmservice.labelled"](label) if one not in keep]
        if not old:
            ret["comment"] = "No service is there that is not described."
            return ret
        ret["changes"] = {"services": {"old": old, "new": []}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"Services would be removed: {', '.join(old)}."
            return ret
        for one in old:
            __salt__["swarmservice.remove"](one, timeout)
            gone.append(one)
    except (CommandExecutionError, SaltInvocationError) as err:
        done = {"services": {"old": gone, "new": []}} if gone else {}
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["comment"] = f"Services were removed: {', '.join(old)}."
    return ret


def absent(name, timeout=60):
    """
    Ensure that the swarm has no service of a name, and that its tasks are gone.

    name
        Its name.
    timeout
        Seconds to wait for its tasks.

    .. code-block:: yaml

        web-absent:
          swarmservice.absent:
            - name: web
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        here = __salt__["swarmservice.inspect"](name)
        if here is None:
            ret["comment"] = f"The swarm has no service {name}."
            return ret
        image = here["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
        changes = {"service": {"old": image, "new": None}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"Service {name} would be removed."
            return ret
        try:
            __salt__["swarmservice.remove"](name, timeout)
        finally:
            if __salt__["swarmservice.inspect"](name) is None:
                ret["changes"] = changes
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": ret["changes"], "comment": str(err)}
    ret["comment"] = f"Service {name} was removed."
    return ret
