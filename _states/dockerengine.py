"""
Keep Docker Engine at one version, pinned for apt and held, or gone from the node.
"""

import fnmatch

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "dockerengine"

PIN_FILE = "/etc/apt/preferences.d/picloud-docker.pref"
DAEMON_FILE = "/etc/docker/daemon.json"


def __virtual__():
    if "dockerengine.packages" not in __salt__:
        return False, "dockerengine: the execution module dockerengine is not loaded"
    return __virtualname__


def installed(name, version, blocked=(), also=(), pin_file=PIN_FILE):
    """
    Ensure that the engine is installed at a version, pinned for apt, and held.

    An engine that fits the version stays as it is; another one is upgraded or downgraded to the
    highest version on offer that fits. A blocked version is refused, with why and what to use,
    and so is an installed one that is blocked where nothing else fits.

    name
        The package.
    version
        A version or a pattern of one, such as ``20.10.24+dfsg1-1*``.
    blocked
        Rules with ``version`` (a pattern), ``archs``, ``reason`` and ``use``.
    also
        Packages that must be there beside it, at any version.
    pin_file
        The apt preferences to write.

    .. code-block:: yaml

        docker-engine:
          dockerengine.installed:
            - name: docker.io
            - version: "20.10.24+dfsg1-1*"
            - blocked:
              - {version: "1.7.0-1*", archs: [armhf], reason: it breaks, use: 1.7.1-1}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    version, also = str(version), list(also)
    try:
        if rule := __salt__["dockerengine.blocked"](version, blocked):
            raise CommandExecutionError(__salt__["dockerengine.refusal"](name, version, rule))
        here = __salt__["dockerengine.packages"]([name, *also])
        pin, old_pin = (
            __salt__["dockerengine.pin"](name, version, blocked),
            __salt__["pifile.look"](pin_file).get("contents"),
        )
        old, held = here[name]["version"], here[name]["held"]
        fits = (
            old is not None
            and fnmatch.fnmatchcase(old, version)
            and not __salt__["dockerengine.blocked"](old, blocked)
        )
        missing = [item for item in also if here[item]["version"] is None]
        if fits and held and not missing and pin == old_pin:
            ret["comment"] = f"{name} {old} is installed, pinned and held."
            return ret
        wanted = old if fits else _choice(name, version, blocked)
        changes = {}
        if not fits:
            changes[name] = {"old": old or "", "new": wanted}
        changes.update({item: {"old": "", "new": "installed"} for item in missing})
        if not held:
            changes["held"] = {"old": False, "new": True}
        if pin != old_pin:
            changes["pin"] = {"old": old_pin or "", "new": pin}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{name} would be installed at {wanted}, pinned and held."
            return ret
        if pin != old_pin:
            __salt__["pifile.put"](pin_file, {"contents": pin, "mode": "0644"})
            done["pin"] = changes["pin"]
        if not fits or missing:
            __salt__["dockerengine.install"](name, wanted, also)
        elif not held:
            __salt__["dockerengine.hold"](name)
        here = __salt__["dockerengine.packages"]([name, *also])
        if here[name] != {"version": wanted, "held": True, "known": True}:
            raise CommandExecutionError(f"{name} is not at {wanted} and held but {here[name]}")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"{name} {wanted} is installed, pinned and held."
    return ret


def _choice(name, version, blocked):
    if not __opts__["test"]:
        return __salt__["dockerengine.choose"](name, version, blocked, refresh=True)
    # A node whose lists are not fetched yet can only tell the pattern.
    if not __salt__["dockerengine.candidates"](name):
        return version
    return __salt__["dockerengine.choose"](name, version, blocked)


def absent(
    name, packages=(), config_file=DAEMON_FILE, pin_file=PIN_FILE, data_root="/var/lib/docker"
):
    """
    Ensure that the engine is gone: containers stopped, packages purged, containers and images
    deleted, ``daemon.json``, pin and hold removed. Volumes stay in ``<data_root>/volumes``.

    name
        The package.
    packages
        What to purge with it.
    config_file
        The daemon's configuration.
    pin_file
        The apt preferences.
    data_root
        The engine's data folder.

    .. code-block:: yaml

        docker-absent:
          dockerengine.absent:
            - name: docker.io
            - packages: [containerd, runc]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    names = [name, *(item for item in packages if item != name)]
    try:
        here = __salt__["dockerengine.packages"](names)
        changes = {
            item: {"old": fact["version"] or "removed, not purged", "new": ""}
            for item, fact in here.items()
            if fact["known"]
        }
        if __salt__["dockerdaemon.is_running"]():
            counts = __salt__["dockerdaemon.contents"]()
            changes["containers and images"] = {"old": counts, "new": "deleted"}
        elif __salt__["dockerengine.leftovers"](data_root):
            changes["containers and images"] = {"old": data_root, "new": "deleted"}
        files = [path for path in (pin_file, config_file) if __salt__["pifile.look"](path)]
        if not changes and not files:
            ret["comment"] = "Docker Engine is not on the node."
            return ret
        if __opts__["test"]:
            changes.update({path: {"old": "present", "new": "removed"} for path in files})
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = (
                "Docker Engine would be purged, its containers and images deleted; "
                f"volumes would stay in {data_root}/volumes."
            )
            return ret
        if changes:
            __salt__["dockerengine.purge"](names, data_root)
            done.update(changes)
        for path in files:
            __salt__["pifile.put"](path, {})
            done[path] = {"old": "present", "new": "removed"}
        here = __salt__["dockerengine.packages"](names)
        if left := [item for item, fact in here.items() if fact["known"]]:
            raise CommandExecutionError(f"{', '.join(left)} did not go")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = done
    ret["comment"] = (
        "Docker Engine is purged, its containers and images are deleted; "
        f"volumes, if there were any, stay in {data_root}/volumes."
    )
    return ret
