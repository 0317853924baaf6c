"""
Keep the boot files of a Raspberry Pi as described: ``config.txt`` and ``cmdline.txt``.

A change is noted as "reboot needed" (``piboard.reboot_needed``, grain ``picloud:reboot_needed``);
nothing reboots by itself.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "piboard"
REBOOT_NEEDED = "/run/picloud/reboot-needed"
RECORD = "/etc/picloud/cmdline.json"


def __virtual__():
    if "piboot.config_text" in __salt__ and "piboard.need_reboot" in __salt__:
        return __virtualname__
    return False, "piboard: the modules piboard and piboot are not loaded"


def _failed(name, err):
    return {"name": name, "result": False, "changes": {}, "comment": str(err)}


def config(name, options, limits=None, model="this board", reboot_file=REBOOT_NEEDED):
    """
    Ensure that ``config.txt`` ends with our options, in force for every board (``[all]``). All
    other lines stay.

    name
        The ``config.txt``.
    options
        Option to value; a list of values gives several lines.
    limits
        The highest value of each overclocking option; one beyond it, or one without a limit, is
        refused.
    model
        The board's name, for the message of a refusal.
    reboot_file
        Where "reboot needed" is noted.

    .. code-block:: yaml

        boot-config:
          piboard.config:
            - name: /boot/firmware/config.txt
            - options: {gpu_mem: 16}
            - limits: {arm_freq: 1000}
            - model: pi1b
    """
    try:
        __salt__["piboot.check_overclock"](options, limits or {}, model)
        return _config(name, options, reboot_file)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err)


def config_absent(name, reboot_file=REBOOT_NEEDED):
    """
    Ensure that ``config.txt`` has none of our options: it is then what others made it.

    name
        The ``config.txt``.
    reboot_file
        Where "reboot needed" is noted.

    .. code-block:: yaml

        boot-config-absent:
          piboard.config_absent:
            - name: /boot/firmware/config.txt
    """
    try:
        return _config(name, {}, reboot_file)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err)


def _config(name, options, reboot_file):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    old, new = __salt__["piboot.config_text"](options, name)
    if old == new:
        ret["comment"] = f"{name} is as wanted."
        return ret
    ret["changes"] = {"diff": __salt__["piboot.diff"](old, new)}
    if __opts__["test"]:
        ret["result"] = None
        ret["comment"] = f"{name} would be changed, and a reboot be needed."
        return ret
    __salt__["piboot.write"](name, new)
    if __salt__["piboot.config_text"](options, name)[0] != new:
        raise CommandExecutionError(f"{name} did not keep what was written")
    __salt__["piboard.need_reboot"](f"boot: {name} changed", reboot_file)
    ret["comment"] = f"{name} was changed; a reboot is needed."
    return ret


def cmdline(name, words, drop=(), record=RECORD, reboot_file=REBOOT_NEEDED):
    """
    Ensure that the kernel's command line has some words and has not some others. All other words
    stay.

    name
        The ``cmdline.txt``.
    words
        What must be there, such as ``cgroup_memory=1``.
    drop
        What must not be there, such as ``cgroup_disable=memory``.
    record
        Where it is remembered which words are ours.
    reboot_file
        Where "reboot needed" is noted.

    .. code-block:: yaml

        boot-cmdline:
          piboard.cmdline:
            - name: /boot/firmware/cmdline.txt
            - words: [cgroup_enable=memory, cgroup_memory=1]
            - drop: [cgroup_disable=memory]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        plan = __salt__["piboot.cmdline_plan"](words, drop, name, record)
        if plan["old"] == plan["new"]:
            ret["comment"] = f"{name} is as wanted."
            return ret
        ret["changes"] = {"diff": __salt__["piboot.diff"](plan["old"], plan["new"])}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"{name} would be changed, and a reboot be needed."
            return ret
        __salt__["piboot.write_cmdline"](plan["new"], plan["record"], name, record)
        if __salt__["piboot.cmdline_plan"](words, drop, name, record)["old"] != plan["new"]:
            raise CommandExecutionError(f"{name} did not keep what was written")
        __salt__["piboard.need_reboot"](f"boot: {name} changed", reboot_file)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(name, err)
    ret["comment"] = f"{name} was changed; a reboot is needed."
    return ret


def cmdline_absent(name, record=RECORD, reboot_file=REBOOT_NEEDED):
    """
    Ensure that none of our words is on the kernel's command line, and that the words we took away
    are back.

    name
        The ``cmdline.txt``.
    record
        Where it is remembered which words are ours.
    reboot_file
        Where "reboot needed" is noted.

    .. code-block:: yaml

        boot-cmdline-absent:
          piboard.cmdline_absent:
            - name: /boot/firmware/cmdline.txt
    """
    return cmdline(name, [], (), record, reboot_file)
