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
