"""
Keep what a host shows of itself: its name, SSH host keys that are its own, services that run.
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pihost"
SSH = "/etc/ssh"
RECORD = "/etc/picloud/hostkeys.json"
BAKED = "/etc/picloud/image-hostkeys"
MACHINE_ID = "/etc/machine-id"
DOWN = "started"
ARM = ("armel", "armhf", "arm64")
INCLUDE = (
    "# Added by Salt (part base): sshd takes the first value it reads.\n"
    "Include /etc/ssh/sshd_config.d/*.conf\n"
)


def __virtual__():
    if "pihost.hostname" in __salt__:
        return __virtualname__
    return False, "pihost: the execution module pihost is not loaded"


def hostname(name):
    """
    Ensure that the running kernel has this name for the host (``/etc/hostname`` is a file of its
    own).

    name
        The name, without domain.

    .. code-block:: yaml

        base-hostname:
          pihost.hostname:
            - name: pi3
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        old = __salt__["pihost.hostname"]()
        if old == name:
            ret["comment"] = f"This host is named {name}."
            return ret
        changes = {"hostname": {"old": old, "new": name}}
        if __opts__["test"]:
            ret.update(result=None, changes=changes)
            ret["comment"] = f"This host would be named {name}, not {old}."
            return ret
        __salt__["pihost.set_hostname"](name)
        if __salt__["pihost.hostname"]() != name:
            raise CommandExecutionError(f"the kernel did not keep the name {name}")
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"This host was named {name}."
    return ret


def system(name, suite, arch):
    """
    Ensure nothing: fail unless the node runs the Debian that the description says, before its
    sources are written. Raspbian calls ARMv6 ``armhf``; that of Debian does not start there.

    name
        Any text.
    suite
        Debian's name of the release: ``bookworm``.
    arch
        The board's architecture. It counts on ARM only: elsewhere the node stands in for a board.

    .. code-block:: yaml

        base-system:
          pihost.system:
            - suite: bookworm
            - arch: armel
    """
    runs = {what: __grains__.get(what, "unknown") for what in ("os", "oscodename", "osarch")}
    wanted = {"os": "Debian", "oscodename": suite}
    if runs["osarch"] in ARM:
        wanted["osarch"] = arch
    if wrong := [what for what in wanted if runs[what] != wanted[what]]:
        said = ", ".join(f"{what} is {runs[what]}, not {wanted[what]}" for what in wrong)
        comment = f"{said}; write a card with the node's image, or correct the description"
        return {"name": name, "result": False, "changes": {}, "comment": comment}
    comment = f"This is {' '.join(runs.values())}."
    return {"name": name, "result": True, "changes": {}, "comment": comment}


def sshd_include(name, apply=()):
    """
    Ensure that sshd reads the files of ``sshd_config.d`` before anything else, since it takes the
    first value it reads. A line is added at the top if something else, or nothing, comes first.

    name
        The path of ``sshd_config``.
    apply
        Commands, run in order after a change, that make sshd use it. If one fails, the file is put
        back.

    .. code-block:: yaml

        base-sshd-include:
          pihost.sshd_include:
            - name: /etc/ssh/sshd_config
            - apply:
              - [sshd, -t]
              - [systemctl, reload, ssh.service]
    """
    return _sshd_config(name, lambda text: text if _includes_first(text) else INCLUDE + text, apply)


def sshd_include_absent(name, apply=()):
    """
    Ensure that the line that ``pihost.sshd_include`` adds is not there. A line that was there
    before stays.

    name, apply
        As in ``pihost.sshd_include``.

    .. code-block:: yaml

        base-sshd-include-absent:
          pihost.sshd_include_absent:
            - name: /etc/ssh/sshd_config
    """
    return _sshd_config(name, lambda text: text.removeprefix(INCLUDE), apply)


def _sshd_config(name, change, apply):
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is as wanted."}
    look, put, run = (__salt__[f"pifile.{what}"] for what in ("look", "put", "run"))
    try:
        old = look(name)
        text = old.get("contents", "")
        new = change(text)
        if new == text or not old:
            # Not there before openssh-server is; its own file includes the folder.
            return ret
        ret["changes"] = {name: {"diff": f"{'+' if len(new) > len(text) else '-'}{INCLUDE}"}}
        if __opts__["test"]:
            return ret | {"result": None, "comment": f"{name} would be changed."}
        put(name, {**old, "contents": new})
        try:
            for command in apply:
                run(command, f"{name} was put back")
        except CommandExecutionError:
            put(name, old)
            raise
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    return ret | {"comment": f"{name} changed."}


def _includes_first(text):
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            return words[0].lower() == "include" and words[1:2] == ["/etc/ssh/sshd_config.d/*.conf"]
    return False


def own_host_keys(
    name,
    *,
    shared=(),
    apply=(),
    ssh=SSH,
    record=RECORD,
    baked=BAKED,
    machine_id=MACHINE_ID,
):
    """
    Ensure that the SSH host keys are this node's own; new ones are made if they came with an image
    or belong to another node or installation.

    name
        The node's id.
    shared
        Fingerprints (``SHA256:...``) known to be on more than one host.
    apply
        Commands that make the SSH server use new keys.
    ssh, record, baked, machine_id
        As in the module's ``pihost.foreign_host_keys``.

    .. code-block:: yaml

        base-host-keys:
          pihost.own_host_keys:
            - name: pi3
            - apply:
              - [systemctl, reload, ssh.service]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        files = {"ssh": ssh, "record": record, "baked": baked, "machine_id": machine_id}
        reason = __salt__["pihost.foreign_host_keys"](name, shared, **files)
        if not reason and __salt__["pihost.has_noted_host_keys"](name, ssh, record, machine_id):
            ret["comment"] = "The host keys are this node's own."
            return ret
        changes = {"host_keys": reason or "noted as this node's own"}
        if __opts__["test"]:
            ret.update(result=None, changes=changes)
            ret["comment"] = f"New host keys would be made: {reason}." if reason else "To be noted."
            return ret
        if reason:
            __salt__["pihost.new_host_keys"](ssh)
            for command in apply:
                __salt__["pifile.run"](command, "The SSH server did not take the new host keys")
        __salt__["pihost.note_host_keys"](name, ssh, record, machine_id)
        if still := __salt__["pihost.foreign_host_keys"](name, shared, **files):
            raise CommandExecutionError(f"new host keys were made, but {still}")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"New host keys were made: {reason}." if reason else "The host keys are noted."
    return ret


def packages(name, pkgs):
    """
    Ensure that Debian packages are installed, any version. If all are, dpkg's status file is all
    that is read; if not, Salt's own ``pkg.installed`` does the work.

    name
        Any text.
    pkgs
        Package names.

    .. code-block:: yaml

        base-packages:
          pihost.packages:
            - pkgs: [sudo, logrotate]
    """
    try:
        missing = __salt__["pihost.missing_packages"](pkgs)
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    if not missing:
        return {
            "name": name,
            "result": True,
            "changes": {},
            "comment": f"{len(pkgs)} packages are installed.",
        }
    # A fresh image has no package lists, and Salt refreshes by itself only for states of an SLS.
    return __states__["pkg.installed"](
        name=name, pkgs=missing, install_recommends=False, refresh=True
    )


def services_up(name, units):
    """
    Ensure that systemd units are enabled and up. A unit whose own conditions keep it down here
    (``ConditionVirtualization=!container``) is as it should be. Test mode leaves out units that
    systemd does not know yet: whatever brings them also starts them.

    name
        Any text.
    units
        Unit names with their suffix.

    .. code-block:: yaml

        base-services:
          pihost.services_up:
            - units: [ssh.service, systemd-timesyncd.service]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        changes = _to_do(units, known=__opts__["test"])
        if not changes:
            ret["comment"] = f"{', '.join(units)}: enabled and up."
            return ret
        if __opts__["test"]:
            ret.update(result=None, changes=changes)
            ret["comment"] = f"{', '.join(changes)} would be enabled and started."
            return ret
        __salt__["pifile.run"](["systemctl", "enable", *changes], "Units are not enabled")
        # Not start: swap that was turned off by hand leaves a unit that counts as active.
        if down := [unit for unit, change in changes.items() if DOWN in change["old"]]:
            __salt__["pifile.run"](["systemctl", "restart", *down], "Units do not start")
        if left := _to_do(units):
            raise CommandExecutionError(f"{', '.join(left)} did not stay up; see journalctl -u")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"{', '.join(changes)} enabled and started."
    return ret


def _to_do(units, known=False):
    """What is missing, or only of the units that systemd knows: unit -> in words."""
    changes = {}
    asked = [unit for unit in units if not __salt__["pihost.is_surely_up"](unit)]
    for unit, seen in (__salt__["pihost.services"](asked) if asked else {}).items():
        missing = [] if seen["enabled"] else ["enabled"]
        if not (seen["up"] or seen["held"]):
            missing.append(DOWN)
        if missing and (seen["known"] or not known):
            changes[unit] = {"old": f"not {' and not '.join(missing)}", "new": "enabled and up"}
    return changes
