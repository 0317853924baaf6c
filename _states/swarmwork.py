"""
Remember what was applied to a Docker swarm. Runs on the manager that leads.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "swarmwork"


def __virtual__():
    if "swarmwork.applied" not in __salt__:
        return False, "swarmwork: the execution module swarmwork is not loaded"
    return __virtualname__


def applied(name, digest):
    """
    Have the swarm remember what was last applied to it in full, as a label of its own. What differs
    later while the description is still the same was changed by somebody else.

    name
        Any name; it is not used.
    digest
        What ``swarmwork.digest`` says of the description. Let this state require all others.

    It is a note about the states before it and nothing that could drift: it reports no changes, and
    in test mode does nothing.

    .. code-block:: yaml

        swarm-applied:
          swarmwork.applied:
            - digest: {{ salt["swarmwork.digest"](pillar["picloud"]) }}
            - require: [{sls: swarm.leader}, {sls: swarm.workloads}]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Noted what was applied."}
    try:
        if not __opts__["test"] and __salt__["swarmwork.applied"]() != digest:
            __salt__["swarmwork.set_applied"](digest)
            if __salt__["swarmwork.applied"]() != digest:
                raise CommandExecutionError("the swarm did not keep the label")
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return ret
