"""
Keep the record of the parts applied to a node and of the modules it has.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pinode"


def __virtual__():
    if "pinode.parts" not in __salt__:
        return False, "pinode: the execution module pinode is not loaded"
    return __virtualname__


def parts_recorded(name, parts):
    """
    Ensure that parts are on the node's record before they are applied.

    name
        Any name; it is not used.
    parts
        The parts about to be applied.

    .. code-block:: yaml

        sync-parts:
          pinode.parts_recorded:
            - parts: [base, docker]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        old = __salt__["pinode.parts"]()
        missing = [part for part in parts if part not in old]
        if not missing:
            ret["comment"] = "All parts are on the record already."
            return ret
        changes = {"parts": {"old": old, "new": old + missing}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{', '.join(missing)} would be put on the record."
            return ret
        __salt__["pinode.record_parts"](missing)
        ret["changes"] = changes
        if missing_still := [part for part in missing if part not in __salt__["pinode.parts"]()]:
            raise CommandExecutionError(f"{', '.join(missing_still)} did not stay on the record")
    except (CommandExecutionError, SaltInvocationError) as err:
        ret["result"] = False
        ret["comment"] = str(err)
        return ret
    ret["comment"] = f"{', '.join(missing)} put on the record."
    return ret


def part_waits(name):
    """
    Say that the node keeps the settings that it has of a part: its described ones wait for a
    rollout. Nothing is done and nothing is wrong, so the result is None, which Salt shows.

    name
        The part.

    .. code-block:: yaml

        waiting-docker:
          pinode.part_waits:
            - name: docker
    """
    comment = (
        f"{name} stays as it is here: what is described by now comes with a rollout. On the master:"
        f" salt-run rollout.plan part={name}"
    )
    return {"name": name, "result": None, "changes": {}, "comment": comment}


def part_forgotten(name):
    """
    Ensure that a part is off the record. Require the part's ``absent`` before it, so that a
    part whose ``absent`` failed stays on the record and is undone by the next highstate.

    name
        The part.

    .. code-block:: yaml

        retire-docker:
          pinode.part_forgotten:
            - name: docker
            - require:
              - sls: docker.absent
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        old = __salt__["pinode.parts"]()
        if name not in old:
            ret["comment"] = f"{name} is not on the record."
            return ret
        changes = {"parts": {"old": old, "new": [part for part in old if part != name]}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{name} would be taken off the record."
            return ret
        __salt__["pinode.forget_part"](name)
        ret["changes"] = changes
        if name in __salt__["pinode.parts"]():
            raise CommandExecutionError(f"{name} is still on the record")
    except (CommandExecutionError, SaltInvocationError) as err:
        ret["result"] = False
        ret["comment"] = str(err)
        return ret
    ret["comment"] = f"{name} is undone and off the record."
    return ret


def modules_recorded(name, digest):
    """
    Ensure that the digest of the modules just synced is on record. Require the sync before it.

    Fails when the modules that are here do not give that digest: the sync did not bring them all,
    or they changed on the master since. Then nothing is recorded, and the next highstate syncs.

    name
        Any name; it is not used.
    digest
        The digest that the pillar gives.

    .. code-block:: yaml

        sync-digest:
          pinode.modules_recorded:
            - digest: {{ pillar.picloud.modules_digest }}
            - require:
              - test: sync-modules
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        old = __salt__["pinode.modules_digest"]()
        if old == digest:
            ret["comment"] = "The node has the modules of the master."
            return ret
        if __salt__["pinode.synced_digest"]() != digest:
            raise CommandExecutionError(
                "The modules on this node are not those of the master: the sync did not bring all "
                "of them, or they were changed meanwhile; apply the highstate again."
            )
        changes = {"modules_digest": {"old": old, "new": digest}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = "The digest of the modules would be recorded."
            return ret
        __salt__["pinode.record_modules"](digest)
        ret["changes"] = changes
        if __salt__["pinode.modules_digest"]() != digest:
            raise CommandExecutionError("the digest of the modules was not kept")
    except (CommandExecutionError, SaltInvocationError) as err:
        ret["result"] = False
        ret["comment"] = str(err)
        return ret
    ret["comment"] = "The modules of the master are here and on record."
    return ret
