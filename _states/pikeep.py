"""
Give a new card the data that its node keeps.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pikeep"


def __virtual__():
    if "pikeep.record" in __salt__:
        return __virtualname__
    return False, "pikeep: the execution module pikeep is not loaded"


def restored(name, paths, host_key=None):
    """
    Ensure that this card has been given what the master keeps of its node, once per path. Of what
    was given back before nothing is asked again: the data are the node's own since then.

    name
        Any text.
    paths
        Absolute paths. One that has data already is left alone when the master has none of it;
        when both have, the state fails and names the two commands that decide.
    host_key
        The public key of the master's sshd for kept data, from the pillar; without it nothing can
        be asked.

    .. code-block:: yaml

        keep-restored:
          pikeep.restored:
            - paths: [/srv/data]
            - host_key: ssh-ed25519 AAAA...
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        noted = __salt__["pikeep.record"]()
        todo = [path for path in paths if not noted.get(path, {}).get("done")]
        if not todo:
            ret["comment"] = f"This card has been given what was kept of {', '.join(paths)}."
            return ret
        if not host_key:
            raise CommandExecutionError(
                "The master has no sshd for kept data, or has never started it: on the master, "
                "systemctl enable --now picloud-keep-sshd (docs/keep.md), then apply again"
            )
        if __opts__["test"]:
            ret["changes"] = dict.fromkeys(todo, "what the master has of it")
            ret["result"] = None
            ret["comment"] = f"What the master has of {', '.join(todo)} would be given back."
            return ret
        noted = __salt__["pikeep.give_back"](todo)
        ret["changes"] = {path: _said(noted[path]) for path in todo}
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["comment"] = "; ".join(f"{path}: {text}" for path, text in ret["changes"].items())
    return ret


def _said(note):
    if note["archive"] is None:
        return "the master had nothing of it"
    return f"{note['files']} entries, {note['bytes']} bytes given back from {note['archive']}"
