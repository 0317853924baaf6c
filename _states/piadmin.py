"""
Keep the accounts of admins as described.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "piadmin"


def __virtual__():
    if "piadmin.plan" in __salt__:
        return __virtualname__
    return False, "piadmin: the execution module piadmin is not loaded"


def managed(name, admins):
    """
    Ensure that the admins of this node are these: each has an account with exactly these SSH keys,
    sudo if wanted, no password. An account of ours that is not listed is locked and keeps its home.
    Accounts that Salt did not make are never touched; wanting one is an error.

    name
        Any text.
    admins
        Name to ``{keys: [...], sudo: true}``.

    .. code-block:: yaml

        base-admins:
          piadmin.managed:
            - admins:
                jane: {keys: ["ssh-ed25519 AAAA... jane@laptop"], sudo: true}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        plan = __salt__["piadmin.plan"](admins)
        changes = {what: who for what, who in plan.items() if who}
        if not changes:
            ret["comment"] = f"Admins: {', '.join(sorted(admins)) or 'none'}."
            return ret
        if __opts__["test"]:
            ret.update(result=None, changes=changes)
            ret["comment"] = f"To change: {_say(changes)}."
            return ret
        # Those who leave go first: no sudo rule may outlive its reason, even if a later step fails.
        for who in plan["lock"]:
            __salt__["piadmin.lock"](who)
        for who in plan["forget"]:
            __salt__["piadmin.forget"](who)
        for who in plan["add"]:
            __salt__["piadmin.add"](who, admins[who].get("comment", ""))
        for who in plan["unlock"]:
            __salt__["piadmin.unlock"](who)
        for who in plan["keys"]:
            __salt__["piadmin.set_keys"](who, admins[who]["keys"])
        if plan["sudoers"]:
            __salt__["piadmin.write_sudoers"](admins)
        left = {what: who for what, who in __salt__["piadmin.plan"](admins).items() if who}
        if left:
            raise CommandExecutionError(f"Admins are not as wanted: {_say(left)}")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"Changed: {_say(changes)}."
    return ret


def absent(name):
    """
    Ensure that no account that Salt made is open. Sessions that are open stay.

    name
        Any text.

    .. code-block:: yaml

        base-admins-absent:
          piadmin.absent: []
    """
    return managed(name, {})


def _say(changes):
    return "; ".join(
        what if who is True else f"{what} {', '.join(who)}" for what, who in changes.items()
    )
