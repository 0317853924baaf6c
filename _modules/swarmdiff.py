"""
The specification of a Swarm service as Docker's API has it, put into our fields, and compared.

Nothing here talks to Docker Engine: the same input gives the same result on any machine. The
fields are in ``swarmfields``, what they may be in ``swarmvalues``; ``swarmspec`` goes the other
way.
"""

import copy
import re

__virtualname__ = "swarmdiff"


def __virtual__():
    return __virtualname__


def difference(old, new, networks=None):
    """
    Return what turns one specification into another: ``{field: {old, new}}``, empty if they mean
    the same. An image wanted by its tag is met by any digest of that tag.

    old
        The specification in force, in the words of Docker's API.
    new
        The one wanted, in the same words.
    networks
        Names of networks by id.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdiff.difference '{Name: web}' '{Name: web, Labels: {a: b}}'
    """
    here, wanted = fields(old, networks), fields(new, networks)
    image = wanted.get("image", "")
    if "@" not in image and here.get("image", "").partition("@")[0] == image:
        here["image"] = image
    return {
        key: {"old": here.get(key), "new": wanted.get(key)}
        for key in sorted({*here, *wanted})
        if here.get(key) != wanted.get(key)
    }


def fields(spec, networks=None):
    """
    Return a specification in the words of Docker's API as flat fields of ours: what Docker does
    where nothing is said filled in, order that means nothing sorted, unknown fields under
    ``other.``. Two specifications that mean the same give the same fields.

    spec
        The ``Spec`` of a service.
    networks
        Names of networks by id.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdiff.fields '{Name: web, TaskTemplate: {ContainerSpec: {Image: "web:1"}}}'
    """
    rest = copy.deepcopy(spec)
    rest.pop("Name", None)
    task = _pop(rest, "TaskTemplate")
    container = _pop(task, "ContainerSpec")
    mode = _pop(rest, "Mode")
    (word,) = mode or ("Replicated",)
    count = mode.get(word) or {}
    job = word.endswith("Job")
    found = {
        "mode": re.sub(r"(?<=[a-z])(?=J)", "-", word).lower(),
        "replicas": count.get("Replicas", count.get("TotalCompletions")),
        "max_concurrent": count.get("MaxConcurrent"),
        "labels": rest.pop("Labels", None) or {},
        **_taken(container, "container"),
        "env": dict(item.partition("=")[::2] for item in container.pop("Env", None) or ()),
        "healthcheck": _shown(_pop(container, "Healthcheck"), "healthcheck"),
        "mounts": _by_target(_shown_mount(item) for item in container.pop("Mounts", None) or ()),
        "restart_policy": _shown(_pop(task, "RestartPolicy"), "restart_policy"),
        "placement": _shown(_pop(task, "Placement"), "placement"),
        "log_driver": _shown(_pop(task, "LogDriver"), "log_driver"),
    }
    for kind in ("configs", "secrets"):
        word = kind[:-1].capitalize()
        files = container.pop(kind.capitalize(), None) or ()
        found[kind] = _by_target(
            {"source": item[f"{word}Name"], **_shown(dict(item["File"]), "file")} for item in files
        )
    resources = _pop(task, "Resources")
    found["resources"] = {
        "limits": _shown(_pop(resources, "Limits"), "limits"),
        "reservations": _shown(_pop(resources, "Reservations"), "reservations"),
    }
    attached = [_bare(_shown(dict(item), "network")) for item in task.pop("Networks", None) or ()]
    for item in attached:
        item["name"] = (networks or {}).get(item["name"], item["name"])
    found["networks"] = sorted(attached, key=lambda item: item["name"])
    for key, api in (("update_config", "UpdateConfig"), ("rollback_config", "RollbackConfig")):
        policy = _pop(rest, api)
        found[key] = {} if job else _shown(policy, "update_policy")
    endpoint = _pop(rest, "EndpointSpec")
    found["endpoint_mode"] = endpoint.pop("Mode", None) or "vip"
    ports = [_bare(_shown(dict(item), "port")) for item in endpoint.pop("Ports", None) or ()]
    found["publish"] = sorted(ports, key=lambda item: (item["target"], item.get("published", 0)))
    # Counts forced restarts; what runs in the container is all that there is here.
    for key in ("ForceUpdate", "Runtime"):
        task.pop(key, None)
    if container.get("Isolation") == "default":
        del container["Isolation"]
    unknown = {**rest, "TaskTemplate": {**task, "ContainerSpec": container, "Resources": resources}}
    unknown["EndpointSpec"] = endpoint
    unknown = {key: value for key, value in _flat(unknown, "other.").items() if value != ""}
    return {**_flat(found), **unknown}


def _pop(data, key):
    return data.pop(key, None) or {}


def _shown(data, name):
    """A part with the fields of a table in our words, and what else Docker has there."""
    found = _taken(data, name)
    return {**found, **{api: value for api, value in data.items() if value}}


def _taken(data, name):
    """The fields of a table in our words; they are taken out of ``data``."""
    found, show = {}, __salt__["swarmvalues.show"]
    for key, (api, kind, default) in __salt__["swarmfields.tables"]()[name].items():
        value = data.pop(api, None)
        value = default if value in (None, "", [], {}) else value
        found[key] = None if value is None else show(kind, value)
    return found


def _shown_mount(item):
    item = copy.deepcopy(item)
    found = _taken(item, "mount")
    for kind in ("bind", "volume", "tmpfs"):
        options = _pop(item, f"{kind.capitalize()}Options")
        driver = _pop(options, "DriverConfig")
        found[kind] = {**_shown(options, kind), **_shown(driver, "volume_driver")}
    return {**found, **{api: value for api, value in item.items() if value not in (None, {}, [])}}


def _by_target(items):
    return sorted(map(_bare, items), key=lambda item: item.get("target", ""))


def _bare(data):
    """An entry of a list without what is left out, at any depth."""
    pairs = ((key, _bare(item) if isinstance(item, dict) else item) for key, item in data.items())
    return {key: item for key, item in pairs if item not in (None, {}, [])}


def _flat(data, path=""):
    """Fields by their path. Lists are one field each; what is empty or left out is not there."""
    found = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{path}{key}."))
        elif value not in (None, []):
            found[path + key] = value
    return found
