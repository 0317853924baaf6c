"""
Keep Docker Engine running with the configuration of the description, and its images on the node.
"""

import difflib
import json
import os

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "dockerdaemon"

DAEMON_FILE = "/etc/docker/daemon.json"
# Present while a new configuration is written but the daemon does not run with it yet.
RESTART_DUE = "/run/picloud/docker-restart-due"


def __virtual__():
    if "dockerdaemon.is_running" not in __salt__:
        return False, "dockerdaemon: the execution module dockerdaemon is not loaded"
    return __virtualname__


def running(name, config, config_file=DAEMON_FILE, restart_due=RESTART_DUE):
    """
    Ensure that the engine runs with a configuration and starts at boot; one of another version than
    is installed is restarted.

    Where the daemon refuses a new configuration, the old one is put back and started again: the
    containers keep running and the state fails with the daemon's own reason.

    name
        Any name; it is not used.
    config
        What ``daemon.json`` holds.
    config_file
        The file.
    restart_due
        A file that exists while the daemon does not run with the new configuration yet, so that
        a highstate cut short between the two is finished by the next one.

    .. code-block:: yaml

        docker-daemon:
          dockerdaemon.running:
            - config: {log-driver: json-file, live-restore: true}
            - require:
              - dockerengine: docker-engine
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    look, put = __salt__["pifile.look"], __salt__["pifile.put"]
    try:
        old = look(config_file).get("contents")
        alive = __salt__["dockerdaemon.is_running"]()
        enabled = __salt__["dockerdaemon.is_enabled"]()
        due = bool(look(restart_due))
        changes = {}
        if old != text:
            changes["config"] = _diff(old, text)
        if not enabled:
            changes["enabled"] = {"old": False, "new": True}
        if not alive:
            changes["running"] = {"old": False, "new": True}
        elif due or old != text or __salt__["dockerdaemon.is_replaced"]():
            changes["restarted"] = {"old": False, "new": True}
        if not changes:
            ret["comment"] = "Docker Engine runs with this configuration."
            return ret
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"Docker Engine would be changed: {', '.join(changes)}."
            return ret
        if not enabled:
            __salt__["dockerdaemon.enable"]()
            done["enabled"] = changes["enabled"]
        put(restart_due, _file(""))
        if old != text:
            put(config_file, _file(text))
        try:
            __salt__["dockerdaemon.restart"]()
        except CommandExecutionError as err:
            if old == text:
                raise
            put(config_file, _file(old))
            __salt__["dockerdaemon.restart"]()
            put(restart_due, {})
            raise CommandExecutionError(
                f"The new configuration was put back, Docker Engine runs with the old one. {err}"
            ) from err
        put(restart_due, {})
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = "Docker Engine runs with this configuration."
    return ret


def _file(text):
    return {} if text is None else {"contents": text, "mode": "0644"}


def _diff(old, new):
    lines = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), lineterm="")
    return "\n".join(lines)


def image(name, tag, load=None):
    """
    Ensure that an image is on the node: loaded from an archive, or pulled where none is named.

    name
        The image without its tag.
    tag
        The tag.
    load
        The archive, such as ``salt://docker/images/busybox-1.35-armhf.tar``. Its copy in the
        minion's cache is dropped once loaded: cards are small.

    .. code-block:: yaml

        docker-image-busybox:
          dockerdaemon.image:
            - name: picloud/busybox
            - tag: "1.35"
            - load: salt://docker/images/busybox-1.35-armhf.tar
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    full = f"{name}:{tag}"
    try:
        alive = __salt__["dockerdaemon.is_running"]()
        if not alive and not __opts__["test"]:
            raise CommandExecutionError(f"{full} cannot come: Docker Engine does not run")
        if alive and __salt__["dockerdaemon.image_id"](name, tag):
            ret["comment"] = f"{full} is here."
            return ret
        if load and not __salt__["cp.hash_file"](load):
            raise CommandExecutionError(
                f"{full} cannot come: the master has no {load}. Make it there (make images), "
                "or take the archive from the image to have it pulled."
            )
        if __opts__["test"]:
            ret["changes"] = {full: {"old": "", "new": "loaded" if load else "pulled"}}
            ret["result"] = None
            ret["comment"] = f"{full} would be {'loaded' if load else 'pulled'}."
            return ret
        if "docker_image.present" not in __states__:
            raise CommandExecutionError(
                f"{full} cannot come: saltext-dockermod is not in the Salt of this minion"
            )
        done = __states__["docker_image.present"](name=name, tag=tag, load=load)
        if load and (cached := __salt__["cp.is_cached"](load)):
            os.unlink(cached)
        if not done["result"]:
            raise CommandExecutionError(f"{full} did not come: {done['comment']}")
        if not __salt__["dockerdaemon.image_id"](name, tag):
            raise CommandExecutionError(f"{load} was loaded but holds no {full}")
    except (CommandExecutionError, SaltInvocationError, OSError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = {full: {"old": "", "new": "loaded" if load else "pulled"}}
    ret["comment"] = f"{full} was {'loaded' if load else 'pulled'}."
    return ret
