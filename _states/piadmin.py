"""
Keep the accounts of admins as described.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "piadmin"
# What a plan says is to be done -> the function that does it.
STEPS = {
    "lock": "lock",
    "forget": "forget",
    "sudoers": "write_sudoers",
    "keys": "set_keys",
    "add": "add",
    "unlock": "unlock",
}


def __virtual__():
    if "piadmin.plan" in __salt__:
        return __virtualname__
    return False, "piadmin: the execution module piadmin is not loaded"


def managed(name, admins):
    """
    Ensure that the admins of this node are these: each has an account with exactly these SSH keys,
    sudo if wanted, no password. An account of ours that is not listed is locked and keeps its home.
    Accounts that Salt did not make are never touched; wanting one is an error.

    Every step is tried: whoever leaves loses keys and sudo first, and no fault of somebody else's
    account is in the way. What was done is in the changes, also when the state fails.

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
    except CommandExecutionError as err:
        return ret | {"result": False, "comment": str(err)}
    refused = plan.pop("refuse")
    faults = []
    if refused:
        faults.append(
            f"The account {', '.join(refused)} exists on this node and was not made by Salt; "
            "choose another name in base.admins, or remove the account by hand first"
        )
    ret["changes"] = {what: who for what, who in plan.items() if who}
    if __opts__["test"] and ret["changes"]:
        ret.update(result=None, comment=f"To change: {_say(ret['changes'])}.")
    elif ret["changes"]:
        wanted = {name: admin for name, admin in admins.items() if name not in refused}
        ret["changes"] = _do(plan, wanted, faults)
        ret["comment"] = f"Changed: {_say(ret['changes'])}."
    else:
        ret["comment"] = f"Admins: {', '.join(sorted(admins)) or 'none'}."
    if faults:
        ret.update(result=False, comment="; ".join(dict.fromkeys(faults)))
    return ret


def _do(plan, admins, faults):
    """Carry out a plan; what was done. A fault is noted and does not stop the rest."""
    done, failed = {}, set()

    def attempt(what, who, *arguments):
        try:
            __salt__[f"piadmin.{STEPS[what]}"](*arguments)
        except (CommandExecutionError, SaltInvocationError) as err:
            faults.append(str(err))
            failed.add(who)
        else:
            done[what] = True if what == "sudoers" else [*done.get(what, []), who]

    def rules(for_whom):
        if plan["sudoers"] and __salt__["piadmin.plan"](for_whom)["sudoers"]:
            attempt("sudoers", None, for_whom)

    # Those who leave go first, then rules and keys of those who are there; a rule for an account
    # that could not be made would be for whoever makes it later.
    for what in ("lock", "forget"):
        for who in plan[what]:
            attempt(what, who, who)
    rules({who: admins[who] for who in admins if who not in plan["add"]})
    for who in plan["keys"]:
        if who not in plan["add"]:
            attempt("keys", who, who, admins[who]["keys"])
    for who in plan["add"]:
        attempt("add", who, who, admins[who].get("comment", ""))
        if who in plan["keys"] and who not in failed:
            attempt("keys", who, who, admins[who]["keys"])
    for who in plan["unlock"]:
        if who not in failed:
            attempt("unlock", who, who)
    rules({who: admins[who] for who in admins if who not in failed})
    if not faults:
        left = __salt__["piadmin.plan"](admins)
        if left := {what: who for what, who in left.items() if who}:
            faults.append(f"Admins are not as wanted: {_say(left)}")
    return done


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
