"""
Keep configs and secrets of a Docker swarm as described, or gone. Runs on a manager.
"""

import difflib

import salt.utils.data
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmdata"


def __virtual__():
    if "swarmdata.current" not in __salt__:
        return False, "swarmdata: the execution module swarmdata is not loaded"
    return __virtualname__


def config_present(name, contents=None, contents_pillar=None, labels=None):
    """
    Ensure that the swarm has a config with contents. Other contents are a new version of it;
    services get that when they are next applied.

    name
        Its name, which services use.
    contents
        What it holds.
    contents_pillar
        Or its place in the pillar, with ``:`` between the keys.
    labels
        Further labels of versions made from now on, see :py:func:`configs_pruned`.

    .. code-block:: yaml

        web-config:
          swarmdata.config_present:
            - name: web
            - contents: |
                listen 80
    """
    return _present("config", name, contents, contents_pillar, labels)


def secret_present(name, contents_pillar=None, contents=None, labels=None):
    """
    Ensure that the swarm has a secret with contents. Other contents are a new version of it;
    services get that when they are next applied. What it holds is in no return and no log.

    name
        Its name, which services use.
    contents_pillar
        The place of its contents in the pillar, with ``:`` between the keys.
    contents
        Or the contents themselves; they are then in the compiled state as well, which
        ``state.show_sls`` shows.
    labels
        Further labels of versions made from now on, see :py:func:`secrets_pruned`.

    .. code-block:: yaml

        db-password:
          swarmdata.secret_present:
            - name: db-password
            - contents_pillar: secrets:db:password
    """
    return _present("secret", name, contents, contents_pillar, labels)


def _present(kind, name, contents, contents_pillar, labels):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        data = _bytes(contents, contents_pillar)
        here = __salt__["swarmdata.current"](kind, name, data)
        planned = __context__.setdefault("swarm.planned", {}).setdefault(f"{kind}s", {})
        planned.pop(name, None)
        if here["same"]:
            ret["comment"] = f"{kind.capitalize()} {name} is in force as {here['object']}."
            return ret
        new = f"{name}-v{here['version'] + 1}"
        changes = {"version": {"old": here["object"], "new": new}}
        if kind == "config":
            changes["contents"] = _diff(here.get("data", b""), data)
        if __opts__["test"]:
            planned[name] = {"id": new, "name": new}
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{kind.capitalize()} {name} would be made as {new}."
            return ret
        __salt__["swarmdata.rotate"](kind, name, data, labels)
        if not __salt__["swarmdata.current"](kind, name, data)["same"]:
            raise CommandExecutionError(f"{new} was made but does not hold what it should")
    except (CommandExecutionError, SaltInvocationError) as err:
        text = f"{kind.capitalize()} {name}: {err}"
        return {"name": name, "result": False, "changes": {}, "comment": text}
    ret["changes"] = changes
    ret["comment"] = f"{kind.capitalize()} {name} was made as {new}."
    return ret


def _bytes(contents, pillar):
    if (contents is None) == (pillar is None):
        raise SaltInvocationError("contents, contents_pillar: give one of them")
    field = "contents" if pillar is None else "contents_pillar"
    if pillar is not None:
        contents = salt.utils.data.traverse_dict_and_list(__pillar__, pillar)
        if contents is None:
            raise SaltInvocationError(f"{field}: the pillar has nothing at {pillar}")
    if not isinstance(contents, (str, bytes)) or not contents:
        # Not shown: it may be a secret.
        raise SaltInvocationError(f"{field}: must be a text that is not empty")
    return contents if isinstance(contents, bytes) else contents.encode()


def _diff(old, new):
    try:
        texts = old.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        return f"{len(old)} bytes before, {len(new)} now"
    return "\n".join(difflib.unified_diff(*texts, lineterm=""))


def config_absent(name):
    """
    Ensure that the swarm has no config of a name, in any version.

    name
        Its name.

    .. code-block:: yaml

        web-config-absent:
          swarmdata.config_absent:
            - name: web
    """
    return _absent("config", name)


def secret_absent(name):
    """
    Ensure that the swarm has no secret of a name, in any version.

    name
        Its name.

    .. code-block:: yaml

        db-password-absent:
          swarmdata.secret_absent:
            - name: db-password
    """
    return _absent("secret", name)


def _absent(kind, name):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        here = [item["object"] for item in __salt__["swarmdata.versions"](kind, name)]
        if not here:
            ret["comment"] = f"The swarm has no {kind} {name}."
            return ret
        changes = {"versions": {"old": here, "new": []}}
        if __opts__["test"]:
            ret["changes"] = changes
            ret["result"] = None
            ret["comment"] = f"{kind.capitalize()} {name} would be removed."
            return ret
        try:
            __salt__["swarmdata.remove"](kind, name)
        finally:
            left = [item["object"] for item in __salt__["swarmdata.versions"](kind, name)]
            if left != here:
                ret["changes"] = {"versions": {"old": here, "new": left}}
    except (CommandExecutionError, SaltInvocationError) as err:
        text = f"{kind.capitalize()} {name}: {err}"
        return {"name": name, "result": False, "changes": ret["changes"], "comment": text}
    ret["comment"] = f"{kind.capitalize()} {name} was removed."
    return ret


def configs_pruned(name, label, keep):
    """
    Ensure that of the configs with a label only some are there; others are not looked at.

    name
        Any name; it is not used.
    label
        The label, whatever its value.
    keep
        Names of the configs that stay.

    .. code-block:: yaml

        old-configs:
          swarmdata.configs_pruned:
            - label: picloud.part
            - keep: [web_page]
    """
    return _pruned("config", name, label, keep)


def secrets_pruned(name, label, keep):
    """
    Ensure that of the secrets with a label only some are there; others are not looked at.

    name
        Any name; it is not used.
    label
        The label, whatever its value.
    keep
        Names of the secrets that stay.

    .. code-block:: yaml

        old-secrets:
          swarmdata.secrets_pruned:
            - label: picloud.part
            - keep: [db-password]
    """
    return _pruned("secret", name, label, keep)


def _pruned(kind, name, label, keep):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    gone = []
    try:
        old = [one for one in __salt__["swarmdata.labelled"](kind, label) if one not in keep]
        if not old:
            ret["comment"] = f"No {kind} is there that is not described."
            return ret
        ret["changes"] = {f"{kind}s": {"old": old, "new": []}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"{kind.capitalize()}s would be removed: {', '.join(old)}."
            return ret
        for one in old:
            __salt__["swarmdata.remove"](kind, one)
            gone.append(one)
    except (CommandExecutionError, SaltInvocationError) as err:
        done = {f"{kind}s": {"old": gone, "new": []}} if gone else {}
        return {"name": name, "result": False, "changes": done, "comment": str(err)}
    ret["comment"] = f"{kind.capitalize()}s were removed: {', '.join(old)}."
    return ret
