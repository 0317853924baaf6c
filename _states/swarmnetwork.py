"""
Keep networks of a Docker swarm as described, or gone. Runs on a manager.
"""

import ipaddress
import time

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmnetwork"

DEFAULTS = {
    "driver": "overlay",
    "attachable": False,
    "internal": False,
    "ipv6": False,
    "subnets": None,
    "gateways": None,
    "options": {},
    "labels": {},
}
#: How long a network may be held by tasks that are ending.
RELEASE_SECONDS = 30


def __virtual__():
    if "swarmnetwork.list" not in __salt__:
        return False, "swarmnetwork: the execution module swarmnetwork is not loaded"
    return __virtualname__


def present(name, settings=None):
    """
    Ensure that the swarm has a network with settings. Docker cannot change a network: one that
    differs is made anew if nothing uses it, and is an error that names the fields if something
    does.

    name
        Its name.
    settings
        ``driver`` (default ``overlay``), ``attachable`` (plain containers may join too),
        ``internal`` (no way out), ``ipv6``, ``subnets`` and ``gateways`` (left out, Docker
        chooses them), ``options`` of the driver (``{encrypted: ""}``) and ``labels``.

    .. code-block:: yaml

        web-network:
          swarmnetwork.present:
            - name: web
            - settings: {attachable: true, subnets: [10.200.0.0/24]}
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    done = {}
    try:
        wanted = _settings(name, settings or {})
        here = __salt__["swarmnetwork.list"]().get(name)
        changes = _differences(here, wanted)
        if not changes:
            ret["comment"] = f"Network {name} is as described."
            return ret
        if __opts__["test"]:
            planned = __context__.setdefault("swarm.planned", {}).setdefault("networks", {})
            planned[name] = {"id": name, "name": name}
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"Network {name} would be {'made anew' if here else 'made'}."
            return ret
        if here:
            try:
                __salt__["swarmnetwork.remove"](name)
            except CommandExecutionError as err:
                raise CommandExecutionError(
                    f"Network {name} differs in {', '.join(changes)}, which Docker cannot change "
                    f"while it is used; take the services off it first. {err}"
                ) from err
            done = {"network": {"old": name, "new": None}}
        __salt__["swarmnetwork.create"](name, **wanted)
        if left := _differences(__salt__["swarmnetwork.list"]().get(name), wanted):
            raise CommandExecutionError(f"Network {name}: {', '.join(left)} did not keep its value")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"Network {name} was {'made anew' if here else 'made'}."
    return ret


def _settings(name, settings):
    faults = []
    if not isinstance(name, str) or not name.strip():
        faults.append(f"name: must be a text, is {name!r}")
    wanted = {**DEFAULTS, **{key: val for key, val in settings.items() if val is not None}}
    for key, value in wanted.items():
        if key not in DEFAULTS:
            faults.append(f"{key}: there is no such setting; known: {', '.join(DEFAULTS)}")
        elif isinstance(DEFAULTS[key], bool) and not isinstance(value, bool):
            faults.append(f"{key}: must be true or false, is {value!r}")
        elif key in ("options", "labels"):
            if not isinstance(value, dict) or any(not isinstance(v, str) for v in value.values()):
                faults.append(f"{key}: must be names with texts (numbers quoted), is {value!r}")
        elif key in ("subnets", "gateways") and value is not None:
            read = ipaddress.ip_network if key == "subnets" else ipaddress.ip_address
            try:
                wanted[key] = [str(read(item)) for item in value]
            except (ValueError, TypeError) as err:
                faults.append(f"{key}: {err}")
    if len(wanted["gateways"] or ()) > len(wanted["subnets"] or ()):
        faults.append("gateways: there are more of them than subnets")
    if faults:
        raise SaltInvocationError(f"Network {name}: {'; '.join(faults)}")
    return wanted


def _differences(here, wanted):
    if here is None:
        said = {key: value for key, value in wanted.items() if value != DEFAULTS[key]}
        return {
            "network": {"old": None, "new": wanted["driver"]},
            **{key: {"old": None, "new": value} for key, value in said.items()},
        }
    changes = {}
    for key, value in wanted.items():
        if value is None:
            continue
        new = sorted(value) if isinstance(value, list) else value
        if here[key] != new:
            changes[key] = {"old": here[key], "new": new}
    return changes


def absent(name):
    """
    Ensure that the swarm has no network of a name. Tasks that are just ending are waited for;
    a service that uses it is an error.

    name
        Its name.

    .. code-block:: yaml

        web-network-absent:
          swarmnetwork.absent:
            - name: web
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        if name not in __salt__["swarmnetwork.list"]():
            ret["comment"] = f"The swarm has no network {name}."
            return ret
        ret["changes"] = {"network": {"old": name, "new": None}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"Network {name} would be removed."
            return ret
        _remove(name)
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": f"Network {name}: {err}"}
    ret["comment"] = f"Network {name} was removed."
    return ret


def _remove(name):
    """Remove a network; tasks that are just ending are waited for."""
    deadline = time.monotonic() + RELEASE_SECONDS
    while True:
        try:
            __salt__["swarmnetwork.remove"](name)
            return
        except CommandExecutionError as err:
            if "in use by task" not in str(err) or time.monotonic() > deadline:
                raise
            time.sleep(1)


def pruned(name, label, keep):
    """
    Ensure that of the networks with a label only some are there; others are not looked at.

    name
        Any name; it is not used.
    label
        The label, whatever its value.
    keep
        Names of the networks that stay.

    .. code-block:: yaml

        old-networks:
          swarmnetwork.pruned:
            - label: picloud.part
            - keep: [back]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    gone = []
    try:
        found = __salt__["swarmnetwork.list"]()
        old = [one for one in sorted(found) if label in found[one]["labels"] and one not in keep]
        if not old:
            ret["comment"] = "No network is there that is not described."
            return ret
        ret["changes"] = {"networks": {"old": old, "new": []}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"Networks would be removed: {', '.join(old)}."
            return ret
        for one in old:
            _remove(one)
            gone.append(one)
    except CommandExecutionError as err:
        done = {"networks": {"old": gone, "new": []}} if gone else {}
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["comment"] = f"Networks were removed: {', '.join(old)}."
    return ret
