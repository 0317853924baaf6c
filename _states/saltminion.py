"""
Keep Salt on a node at its version and with its configuration, without cutting its connection.
"""

import json

import salt.utils.yaml
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "saltminion"

GOING_ON = ("pending", "switching")
CONFIG_FILE = "/etc/salt/minion.d/picloud.conf"
GROUP = "salt_minion"
# These come with the card (first boot); a pillar that set them could cut the node off.
CARD_OPTIONS = ("id", "master", "master_port", "pki_dir", "user", "root_dir", "conf_file")


def __virtual__():
    if "saltminion.plan" not in __salt__:
        return False, "saltminion: the execution module saltminion is not loaded"
    return __virtualname__


def _text(config):
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in sorted(config.items())]
    return "# Written by Salt (salt/salt_minion) from the description.\n" + "".join(lines)


def _resume(plan, ret):
    """A pending plan whose program was killed is started again; say how the plan stands."""
    if plan.get("state") not in GOING_ON:
        return ret
    if __salt__["saltminion.is_switching"]():
        ret["comment"] += " The minion restarts when its running job is over."
    elif __opts__["test"]:
        ret["comment"] += " A restart that was cut short would be started again."
        ret["changes"] = {"restart": {"old": "cut short", "new": "pending"}}
        ret["result"] = None
    else:
        __salt__["saltminion.schedule"](timeout=plan["timeout"])
        ret["comment"] += " A restart that was cut short is started again."
        ret["changes"] = {"restart": {"old": "cut short", "new": "pending"}}
    return ret


def configured(name, config, timeout=180, config_file=CONFIG_FILE):
    """
    Ensure that the minion has its configuration. If it has to be restarted for it, that happens
    after the job; a configuration with which it does not reach the master is put back, and is
    not tried again until it changes.

    name
        Any name; it is not used.
    config
        Options of the minion. What belongs to the card, such as ``id`` and ``master``, is
        refused.
    timeout
        How many seconds the restarted minion has to reach the master.
    config_file
        The file; what was there before is kept for :py:func:`unconfigured`.

    .. code-block:: yaml

        salt_minion-config:
          saltminion.configured:
            - config: {rejected_retry: true, random_reauth_delay: 60}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        if wrong := [key for key in CARD_OPTIONS if key in config]:
            raise SaltInvocationError(
                f"{', '.join(wrong)} cannot be set by the description: the card brings it. "
                "Take it out of salt_minion: config."
            )
        text, plan = _text(config), __salt__["saltminion.plan"]()
        old = __salt__["pifile.look"](config_file).get("contents")
        if old == text:
            ret["comment"] = "The minion has its configuration."
            return _resume(plan, ret)
        tried = plan.get("config") or {}
        if plan.get("state") == "put back" and tried.get("new") == text:
            raise CommandExecutionError(_put_back(plan, "This configuration"))
        changes = {"config": _difference(old, text)}
        restart = _needs_restart(old, config)
        if restart:
            changes["restart"] = {"old": "", "new": "pending"}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = "The minion would get its configuration" + (
                " and be restarted after the job." if restart else "; no restart is needed."
            )
            return ret
        if restart:
            # Before the file: a power cut between the two must not leave it without the check.
            files = {"path": config_file, "old": old, "new": text}
            __salt__["saltminion.schedule"](config=files, timeout=timeout)
            done["restart"] = changes["restart"]
        __salt__["pifile.write"](GROUP, {config_file: {"contents": text, "mode": "0644"}})
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = "The minion has its configuration" + (
        " and is restarted after the job." if restart else "; no restart was needed."
    )
    return ret


def _options(text):
    """The options in a file, or None if it is none that a minion could read."""
    try:
        found = salt.utils.yaml.safe_load(text or "")
    except salt.utils.yaml.YAMLError:
        return None
    if found is None:
        return {}
    return found if isinstance(found, dict) else None


def _difference(old, new):
    was, now = _options(old) or {}, _options(new)
    if not was:
        return {"old": old or "", "new": new}
    keys = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    return {key: {"old": was.get(key), "new": now.get(key)} for key in keys}


def _needs_restart(old, config):
    """False where the running minion has all these values and loses none."""
    was = _options(old)
    if was is None or was.keys() - config.keys():
        return True
    return any(key not in __opts__ or __opts__[key] != value for key, value in config.items())


def _put_back(plan, what):
    return (
        f"{what} was put back ({plan.get('at', 'time unknown')}): with it the minion did not reach "
        f"the master within {plan['timeout']} s, without it it did. Look at the node's journal of "
        f"{plan['service']}, change the description, or try the same again after: "
        "salt-call saltminion.forget"
    )


def version(name, timeout=180, prefix="/opt/picloud"):
    """
    Ensure that Salt runs at a version. Another one is built beside the running one and tried;
    the minion changes over after the job, and back if it then does not reach the master. A
    version that was put back is told by the following highstates, and not tried again.

    name
        The version.
    timeout
        How many seconds the restarted minion has to reach the master.
    prefix
        The folder of the virtual environments.

    .. code-block:: yaml

        salt_minion-version:
          saltminion.version:
            - name: "3008.3"
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    running, wanted = __grains__["saltversion"], str(name)
    try:
        plan, linked = __salt__["saltminion.plan"](), __salt__["saltminion.linked"](prefix)
        link = plan.get("link") or {}
        planned = link.get("new") == f"salt-{wanted}"
        if running == wanted and linked in (wanted, None):
            ret["comment"] = f"Salt {wanted} runs."
            if planned and plan["state"] == "done":
                ret["comment"] += f" It took over from {link['old']} at {plan['at']}."
            return ret
        if planned and plan["state"] in GOING_ON:
            ret["comment"] = f"Salt {running} runs; {wanted} is built."
            return _resume(plan, ret)
        if planned and plan["state"] == "put back":
            raise CommandExecutionError(_put_back(plan, f"Salt {wanted}"))
        if linked is None or not __salt__["saltminion.is_laid_out"](prefix):
            raise CommandExecutionError(
                f"Salt {running} runs and {wanted} is declared, but this minion does not run from "
                f"{prefix}/salt: upgrade it by hand, or lay it out so."
            )
        changes = {"salt": {"old": running, "new": wanted}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"Salt {wanted} would take over from {running} after the job."
            return ret
        if running == wanted:
            __salt__["saltminion.relink"](wanted, prefix)
            changes = {"link": {"old": f"salt-{linked}", "new": f"salt-{wanted}"}}
            ret["changes"], ret["comment"] = changes, f"Salt {wanted} runs, also after a restart."
            return ret
        __salt__["saltminion.build"](wanted, prefix)
        move = {"path": f"{prefix}/salt", "old": f"salt-{linked}", "new": f"salt-{wanted}"}
        __salt__["saltminion.schedule"](link=move, timeout=timeout)
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"Salt {wanted} is built and tried; it takes over after the job."
    return ret


def unconfigured(name, timeout=180, config_file=CONFIG_FILE):
    """
    Ensure that the minion has the configuration it had before :py:func:`configured`. It keeps
    running, at the version it has.

    name
        Any name; it is not used.
    timeout
        How many seconds the restarted minion has to reach the master.
    config_file
        The file.

    .. code-block:: yaml

        salt_minion-absent:
          saltminion.unconfigured: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        originals = __salt__["pifile.originals"](GROUP)
        if config_file not in originals:
            ret["comment"] = "The minion has no configuration of ours."
            return _resume(__salt__["saltminion.plan"](), ret)
        old = __salt__["pifile.look"](config_file).get("contents")
        new = originals[config_file].get("contents")
        ret["changes"] = {"config": {"old": old or "", "new": new or ""}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = "The minion would get back the configuration it had."
            return ret
        if old != new:
            files = {"path": config_file, "old": old, "new": new}
            __salt__["saltminion.schedule"](config=files, timeout=timeout)
        __salt__["pifile.restore"](GROUP)
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["comment"] = "The minion has the configuration it had; it is restarted after the job."
    return ret
