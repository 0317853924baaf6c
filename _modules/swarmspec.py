"""
The specification of a Swarm service, in our fields: checked and put into the words of Docker's API.

Nothing here talks to Docker Engine: the same input gives the same result on any machine. The
fields are in ``swarmfields``, what they may be in ``swarmvalues``; ``swarmdiff`` goes the other
way.
"""

import difflib
import re

from salt.exceptions import SaltInvocationError

__virtualname__ = "swarmspec"

MODES = ("replicated", "global", "replicated-job", "global-job")
NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?")
VARIABLE = re.compile(r"[^=\s]+")
#: What other tools call our fields.
SYNONYMS = {
    "cmd": "args",
    "entrypoint": "command",
    "environment": "env",
    "logging": "log_driver",
    "ports": "publish",
    "restart": "restart_policy",
    "rollback": "rollback_config",
    "update": "update_config",
    "volumes": "mounts",
    "working_dir": "workdir",
}


def __virtual__():
    return __virtualname__


def service(name, spec, references=None):
    """
    Return the specification of a service in the words of Docker's API. All faults are told at
    once, each with its field.

    name
        The name of the service.
    spec
        Its fields; ``docs/swarm.md`` lists them.
    references
        What is in the swarm: ``networks``, ``configs`` and ``secrets`` by name, each with ``id``
        and ``name`` (the one in force of a config or secret that was rotated). Left out, names
        are not looked up.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmspec.service web '{image: "picloud/web:1", replicas: 2}'
    """
    faults: list[str] = []
    part = _Section(spec, "", faults)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        part.fault("name", f"must be letters, digits, - and _, at most 63, is {name!r}")
    mode = part.get("mode", MODES, "replicated")
    container = part.take("container")
    if part.data.get("image") is None:
        part.fault("image", "is missing")
    env = part.get("env", "map", {})
    if odd := [key for key in env if not VARIABLE.fullmatch(key)]:
        part.fault("env", f"{', '.join(odd)}: names of variables have no blanks and no =")
    container["Env"] = [f"{key}={value}" for key, value in sorted(env.items())]
    container["Healthcheck"] = _table(part.section("healthcheck"), "healthcheck")
    container["Mounts"] = [_mount(entry) for entry in part.sections("mounts")]
    for kind in ("configs", "secrets"):
        entries = part.sections(kind, "source")
        container[kind.capitalize()] = [_file(kind, entry, references) for entry in entries]
    resources = part.section("resources")
    task = {
        "ContainerSpec": _said(container),
        "Resources": _said(
            {
                "Limits": _table(resources.section("limits"), "limits"),
                "Reservations": _table(resources.section("reservations"), "reservations"),
            }
        ),
        "RestartPolicy": _table(part.section("restart_policy"), "restart_policy"),
        "Placement": _placement(part.section("placement"), mode),
        "Networks": [_network(entry, references) for entry in part.sections("networks", "name")],
        "LogDriver": _table(part.section("log_driver"), "log_driver"),
    }
    resources.done()
    whole = {
        "Name": name,
        "Labels": part.get("labels", "map", {}),
        "TaskTemplate": task,
        "Mode": _mode(part, mode),
        "UpdateConfig": _policy(part, "update_config", mode),
        "RollbackConfig": _policy(part, "rollback_config", mode),
        "EndpointSpec": _endpoint(part),
    }
    if mode.endswith("job"):
        _job(part, task)
    part.done()
    if faults:
        raise SaltInvocationError("\n  ".join([f"Service {name}:", *faults]))
    whole["TaskTemplate"] = _said(task)
    return {"Labels": whole.pop("Labels"), **_said(whole)}


class _Section:
    """A mapping of the specification that is read field by field; faults are collected."""

    def __init__(self, data, path, faults):
        self.path, self.faults, self.known, self.data = path, faults, [], data
        if not isinstance(data, dict):
            self.fault("", f"must be a mapping of fields, is {data!r}")
            self.data = {}

    def fault(self, key, text):
        where = ".".join(part for part in (self.path, key) if part)
        self.faults.append(f"{where or 'spec'}: {text}")

    def get(self, key, kind, default=None):
        self.known.append(key)
        value = self.data.get(key)
        if value is None:
            return default
        try:
            return __salt__["swarmvalues.check"](kind, value)
        except SaltInvocationError as err:
            self.fault(key, str(err))
            return default

    def take(self, name):
        """What is said of the fields of a table, in Docker's words."""
        table = __salt__["swarmfields.tables"]()[name]
        found = {api: self.get(key, kind) for key, (api, kind, _) in table.items()}
        return {api: value for api, value in found.items() if value not in (None, {}, [])}

    def section(self, key):
        self.known.append(key)
        path = ".".join(part for part in (self.path, key) if part)
        value = self.data.get(key)
        return _Section({} if value is None else value, path, self.faults)

    def sections(self, key, short=None):
        """The entries of a list; an entry that is a text alone is the value of ``short``."""
        found = []
        entries = self.get(key, "list", default=())
        for number, entry in enumerate(entries):
            data = {short: entry} if short and isinstance(entry, str) else entry
            found.append(_Section(data, f"{key}[{number}]", self.faults))
        return found

    def done(self):
        """Tell of the fields that were not read: there are no such."""
        for key in self.data:
            if key in self.known:
                continue
            near = difflib.get_close_matches(str(key), self.known, n=1, cutoff=0.6)
            near = [SYNONYMS[key]] if SYNONYMS.get(key) in self.known else near
            say = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(self.known)}"
            self.fault(str(key), f"there is no such field; {say}")


def _said(data):
    return {key: value for key, value in data.items() if value not in (None, {}, [])}


def _table(part, name):
    """A section that is one table, and nothing else."""
    found = part.take(name)
    part.done()
    return found


def _mode(part, mode):
    replicas = part.get("replicas", "count")
    concurrent = part.get("max_concurrent", "positive")
    if mode.startswith("global") and replicas is not None:
        part.fault("replicas", f"a {mode} service runs once on every node: leave replicas out")
    if mode != "replicated-job" and concurrent is not None:
        part.fault("max_concurrent", f"a {mode} service has none: only a replicated-job does")
    count = 1 if replicas is None else replicas
    return {
        "replicated": {"Replicated": {"Replicas": count}},
        "global": {"Global": {}},
        "replicated-job": {
            "ReplicatedJob": {
                "MaxConcurrent": concurrent or max(count, 1),
                "TotalCompletions": count,
            }
        },
        "global-job": {"GlobalJob": {}},
    }[mode]


def _job(part, task):
    """A job ends: Docker's own restart condition, any, would start it for ever."""
    policy = task["RestartPolicy"]
    if policy.setdefault("Condition", "on-failure") == "any":
        part.fault("restart_policy.condition", "must be none or on-failure for a job, is 'any'")


def _policy(part, key, mode):
    found = _table(part.section(key), "update_policy")
    if found and mode.endswith("job"):
        part.fault(key, "a job has none: leave it out")
    if found.get("FailureAction") == "rollback" and key == "rollback_config":
        part.fault(f"{key}.failure_action", "must be pause or continue, is 'rollback'")
    return {"Parallelism": 1, **found} if found else {}


def _placement(part, mode):
    found = _table(part, "placement")
    if "MaxReplicas" in found and not mode.startswith("replicated"):
        part.fault("max_replicas_per_node", f"a {mode} service runs once per node: leave it out")
    return found


def _endpoint(part):
    mode = part.get("endpoint_mode", ("vip", "dnsrr"))
    ports, taken = [], set()
    for entry in part.sections("publish"):
        port = {"Protocol": "tcp", "PublishMode": "ingress", **_table(entry, "port")}
        if entry.data.get("target") is None:
            entry.fault("target", "is missing: the port in the container")
        if port["PublishMode"] == "ingress" and mode == "dnsrr":
            entry.fault("mode", "must be host where endpoint_mode is dnsrr")
        if "PublishedPort" in port:
            key = f"{port['PublishedPort']}/{port['Protocol']}"
            if key in taken:
                entry.fault("published", f"{key} is published twice")
            taken.add(key)
        ports.append(port)
    return _said({"Mode": mode, "Ports": ports})


def _mount(part):
    found = {"Type": "volume", **part.take("mount")}
    for kind in ("bind", "volume", "tmpfs"):
        options = part.section(kind)
        said = options.take(kind)
        if kind == "volume" and (driver := options.take("volume_driver")):
            said["DriverConfig"] = driver
        options.done()
        if said and kind != found["Type"]:
            part.fault(kind, f"is for mounts of type {kind}, this one is a {found['Type']}")
        if said:
            found[f"{kind.capitalize()}Options"] = said
    part.done()
    if not str(found.get("Target", "/")).startswith("/") or "Target" not in found:
        part.fault("target", "must be an absolute path in the container")
    if found["Type"] == "bind" and not found.get("Source", "").startswith("/"):
        part.fault("source", "must be an absolute path on the node")
    if found["Type"] == "tmpfs" and "Source" in found:
        part.fault("source", "a tmpfs has none: leave it out")
    return found


def _lookup(kind, part, key, name, references):
    if references is None:
        return {"id": name, "name": name}
    found = references.get(kind) or {}
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1, cutoff=0.6)
    say = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(sorted(found)) or '-'}"
    part.fault(key, f"there is no {kind[:-1]} {name} in this swarm; {say}")
    return {"id": name, "name": name}


def _file(kind, part, references):
    source = part.get("source", "text")
    file = part.take("file")
    part.done()
    if source is None:
        part.fault("source", f"is missing: the name of the {kind[:-1]}")
        return {}
    word = kind[:-1].capitalize()
    target = source if kind == "secrets" else f"/{source}"
    found = _lookup(kind, part, "source", source, references)
    return {
        "File": {"Name": target, "UID": "0", "GID": "0", "Mode": 0o444, **file},
        f"{word}ID": found["id"],
        f"{word}Name": found["name"],
    }


def _network(part, references):
    found = _table(part, "network")
    if "Target" not in found:
        part.fault("name", "is missing: the name of the network")
        return found
    found["Target"] = _lookup("networks", part, "name", found["Target"], references)["id"]
    return found
