"""
The specification of a Swarm service: checked, put into the words of Docker's API, and back.

Nothing here talks to Docker Engine: the same input gives the same result on any machine. One
table per part of the specification says for each field what it is called there, what it may be
and what Docker does where it is left out; both directions read it.
"""

import copy
import difflib
import re
import shlex
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

__virtualname__ = "swarmspec"

MODES = ("replicated", "global", "replicated-job", "global-job")
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.I)
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
CONSTRAINT = re.compile(r"\s*(node\.[\w.-]+|engine\.labels\.[\w.-]+)\s*(==|!=)\s*(\S.*?)\s*")
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


def size(value):
    """
    Return an amount of memory in bytes.

    value
        A number of bytes, or a text with a unit: ``64M``, ``1.5GiB``. Units are binary.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmspec.size 64M
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise SaltInvocationError(f"{value!r} is no size; sizes look like 64M")
    return round(float(found[1]) * UNITS[found[2].lower()])


def duration(value):
    """
    Return a duration in nanoseconds.

    value
        A number of seconds, or a text: ``500ms``, ``10s``, ``1m30s``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmspec.duration 1m30s
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return round(value * 10**9)
    text = value.strip() if isinstance(value, str) else ""
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise SaltInvocationError(f"{value!r} is no duration; durations look like 10s")
    return round(sum(float(number) * SECONDS[unit] for number, unit in parts) * 10**9)


def generic(resources):
    """
    Return generic resources by name, as numbers (counted ones) or lists of names.

    resources
        The list that Docker's API has.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmspec.generic '[{DiscreteResourceSpec: {Kind: mbps, Value: 100}}]'
    """
    found: dict[str, Any] = {}
    for item in resources or ():
        if counted := item.get("DiscreteResourceSpec"):
            found[counted["Kind"]] = counted.get("Value", 0)
        elif named := item.get("NamedResourceSpec"):
            found.setdefault(named["Kind"], []).append(named["Value"])
    return found


class Kind(NamedTuple):
    """What a field may be: a check that makes Docker's value of it, words for it, the way back."""

    check: Any
    what: str
    show: Any = lambda value: value


def _show_size(value):
    for unit in ("T", "G", "M", "K"):
        if value and value % UNITS[unit.lower()] == 0:
            return f"{value // UNITS[unit.lower()]}{unit}"
    return value


def _show_duration(value):
    minutes, rest = divmod(value, 60 * 10**9)
    seconds = f"{rest / 10**9:.9f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _text(value):
    if not isinstance(value, str) or not value.strip():
        raise TypeError
    return value


def _entries(value):
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return value


def _texts(value):
    return [_text(item) for item in _entries(value)]


def _mapping(value):
    """Names with texts. true and false are refused: YAML makes them of a bare yes, no, on, off."""
    found = {}
    for key, item in value.items():
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise TypeError
        found[_text(str(key))] = str(item)
    return found


def _flag(value):
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value):
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _cpus(value):
    if _number(value) <= 0:
        raise ValueError
    return round(_number(value) * 10**9)


def _ratio(value):
    if not 0 <= _number(value) <= 1:
        raise ValueError
    return _number(value)


def _permissions(value):
    return _whole(0, 0o7777)(int(value, 8) if isinstance(value, str) else value)


def _constraint(value):
    return "".join(CONSTRAINT.fullmatch(value).groups())


def _platform(value):
    return dict(zip(("OS", "Architecture"), value.split("/"), strict=True))


def _whole(low=0, high=2**63 - 1):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return check


def _one_of(*names):
    def check(value):
        if value not in names:
            raise ValueError
        return value

    return Kind(check, f"one of {', '.join(names)}")


def _capability(value):
    name = _text(value).upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def _test(value):
    """The command of a health check: NONE, a line for the shell, or words."""
    if isinstance(value, str):
        return ["NONE"] if value == "NONE" else ["CMD-SHELL", _text(value)]
    words = _texts(value)
    return words if words[:1] in (["CMD"], ["CMD-SHELL"], ["NONE"]) else ["CMD", *words]


def _image(text):
    """The full name of an image, as Docker understands it: with a tag or a digest."""
    text = _text(text).removeprefix("docker.io/").removeprefix("library/")
    name, at, digest = text.partition("@")
    if not at and ":" not in name.rpartition("/")[2]:
        name += ":latest"
    return name + at + digest


TEXT = Kind(_text, "a text")
WORDS = Kind(
    lambda value: shlex.split(value) if isinstance(value, str) else _texts(value),
    "a list of words, or a line of them (numbers quoted)",
)
FLAG = Kind(_flag, "true or false")
COUNT = Kind(_whole(), "a whole number, 0 or more")
POSITIVE = Kind(_whole(1), "a whole number above 0")
PORT = Kind(_whole(1, 65535), "a port, 1 to 65535")
MAP = Kind(_mapping, "names with texts (true, false, yes, no: in quotes)")
AMOUNT = Kind(size, "a size, such as 64M", _show_size)
TIME = Kind(duration, "a duration, such as 10s", _show_duration)
RATIO = Kind(_ratio, "a number from 0 to 1", float)
CPUS = Kind(_cpus, "a number above 0, such as 0.5", lambda value: value / 10**9)
PERMISSIONS = Kind(_permissions, 'permissions, such as "0440"', lambda value: f"{value:04o}")
OWNER = Kind(lambda value: str(_whole()(int(value))), "a numeric id", str)
CAPABILITIES = Kind(
    lambda value: sorted({_capability(item) for item in _texts(value)}), "a list of capabilities"
)
IMAGE = Kind(_text, "the name of an image", _image)

SECOND = 10**9
# Our field: (Docker's field, what it may be, what Docker does where it is left out).
CONTAINER = {
    "image": ("Image", IMAGE, None),
    "command": ("Command", WORDS, None),
    "args": ("Args", WORDS, None),
    "workdir": ("Dir", TEXT, None),
    "user": ("User", Kind(lambda value: _text(str(value)), "a user, such as 1000:1000"), None),
    "hostname": ("Hostname", TEXT, None),
    "init": ("Init", FLAG, False),
    "read_only": ("ReadOnly", FLAG, False),
    "stop_signal": ("StopSignal", TEXT, None),
    "stop_grace_period": ("StopGracePeriod", TIME, 10 * SECOND),
    "cap_add": ("CapabilityAdd", CAPABILITIES, None),
    "cap_drop": ("CapabilityDrop", CAPABILITIES, None),
    "sysctls": ("Sysctls", MAP, None),
    "container_labels": ("Labels", MAP, None),
}
HEALTH = {
    "test": ("Test", Kind(_test, "a command line, a list of words, or NONE"), None),
    "interval": ("Interval", TIME, None),
    "timeout": ("Timeout", TIME, None),
    "start_period": ("StartPeriod", TIME, None),
    "retries": ("Retries", POSITIVE, None),
}
LIMITS = {
    "cpus": ("NanoCPUs", CPUS, None),
    "memory": ("MemoryBytes", AMOUNT, None),
    "pids": ("Pids", POSITIVE, None),
}
RESERVATIONS = {
    "cpus": LIMITS["cpus"],
    "memory": LIMITS["memory"],
    "generic": (
        "GenericResources",
        Kind(
            lambda value: [
                {"DiscreteResourceSpec": {"Kind": _text(key), "Value": _whole(1)(value[key])}}
                for key in sorted(value)
            ],
            "names with whole numbers, such as {mbps: 40}",
            generic,
        ),
        None,
    ),
}
RESTART = {
    "condition": ("Condition", _one_of("none", "on-failure", "any"), "any"),
    "delay": ("Delay", TIME, 5 * SECOND),
    "max_attempts": ("MaxAttempts", COUNT, 0),
    "window": ("Window", TIME, 0),
}
POLICY = {
    # Left out by itself Docker reads it as 0, all at once.
    "parallelism": ("Parallelism", COUNT, 1),
    "delay": ("Delay", TIME, 0),
    "failure_action": ("FailureAction", _one_of("pause", "continue", "rollback"), "pause"),
    "monitor": ("Monitor", TIME, 5 * SECOND),
    "max_failure_ratio": ("MaxFailureRatio", RATIO, 0.0),
    "order": ("Order", _one_of("stop-first", "start-first"), "stop-first"),
}
PLACEMENT = {
    "constraints": (
        "Constraints",
        Kind(
            lambda value: sorted({_constraint(item) for item in _texts(value)}),
            "a list such as [node.labels.rack == rack1]",
            lambda value: sorted({_constraint(item) for item in value}),
        ),
        None,
    ),
    "spread": (
        "Preferences",
        Kind(
            lambda value: [{"Spread": {"SpreadDescriptor": item}} for item in _texts(value)],
            "a list of labels such as [node.labels.rack]",
            lambda value: [item["Spread"]["SpreadDescriptor"] for item in value],
        ),
        None,
    ),
    "max_replicas_per_node": ("MaxReplicas", POSITIVE, None),
    "platforms": (
        "Platforms",
        Kind(
            lambda value: [_platform(item) for item in sorted(_texts(value))],
            "a list such as [linux/arm64]",
            lambda value: sorted(f"{item['OS']}/{item['Architecture']}" for item in value),
        ),
        None,
    ),
}
LOG_DRIVER = {"name": ("Name", TEXT, None), "options": ("Options", MAP, None)}
PORTS = {
    "target": ("TargetPort", PORT, None),
    "published": ("PublishedPort", PORT, None),
    "protocol": ("Protocol", _one_of("tcp", "udp", "sctp"), "tcp"),
    "mode": ("PublishMode", _one_of("ingress", "host"), "ingress"),
}
MOUNT = {
    "type": ("Type", _one_of("bind", "volume", "tmpfs"), "volume"),
    "source": ("Source", TEXT, None),
    "target": ("Target", TEXT, None),
    "read_only": ("ReadOnly", FLAG, False),
}
MOUNT_OPTIONS = {
    "bind": ("BindOptions", {"propagation": ("Propagation", TEXT, None)}),
    "volume": (
        "VolumeOptions",
        {"no_copy": ("NoCopy", FLAG, False), "labels": ("Labels", MAP, None)},
    ),
    "tmpfs": (
        "TmpfsOptions",
        {"size": ("SizeBytes", AMOUNT, None), "mode": ("Mode", PERMISSIONS, None)},
    ),
}
DRIVER = {"driver": ("Name", TEXT, None), "driver_options": ("Options", MAP, None)}
FILE = {
    "target": ("Name", TEXT, None),
    "uid": ("UID", OWNER, "0"),
    "gid": ("GID", OWNER, "0"),
    "mode": ("Mode", PERMISSIONS, 0o444),
}
NETWORK = {"name": ("Target", TEXT, None), "aliases": ("Aliases", WORDS, None)}


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
            return kind.check(value)
        except (ValueError, TypeError, AttributeError, SaltInvocationError):
            self.fault(key, f"must be {kind.what}, is {value!r}")
            return default

    def take(self, table):
        """What is said of the fields of a table, in Docker's words."""
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
        entries = self.get(key, Kind(_entries, "a list"), default=())
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
    mode = part.get("mode", _one_of(*MODES), "replicated")
    container = part.take(CONTAINER)
    if part.data.get("image") is None:
        part.fault("image", "is missing")
    env = part.get("env", MAP, {})
    if odd := [key for key in env if not VARIABLE.fullmatch(key)]:
        part.fault("env", f"{', '.join(odd)}: names of variables have no blanks and no =")
    container["Env"] = [f"{key}={value}" for key, value in sorted(env.items())]
    container["Healthcheck"] = _table(part.section("healthcheck"), HEALTH)
    container["Mounts"] = [_mount(entry) for entry in part.sections("mounts")]
    for kind in ("configs", "secrets"):
        entries = part.sections(kind, "source")
        container[kind.capitalize()] = [_file(kind, entry, references) for entry in entries]
    resources = part.section("resources")
    task = {
        "ContainerSpec": _said(container),
        "Resources": _said(
            {
                "Limits": _table(resources.section("limits"), LIMITS),
                "Reservations": _table(resources.section("reservations"), RESERVATIONS),
            }
        ),
        "RestartPolicy": _table(part.section("restart_policy"), RESTART),
        "Placement": _placement(part.section("placement"), mode),
        "Networks": [_network(entry, references) for entry in part.sections("networks", "name")],
        "LogDriver": _table(part.section("log_driver"), LOG_DRIVER),
    }
    resources.done()
    whole = {
        "Name": name,
        "Labels": part.get("labels", MAP, {}),
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


def _said(data):
    return {key: value for key, value in data.items() if value not in (None, {}, [])}


def _table(part, table):
    found = part.take(table)
    part.done()
    return found


def _mode(part, mode):
    replicas = part.get("replicas", COUNT)
    concurrent = part.get("max_concurrent", POSITIVE)
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
    found = _table(part.section(key), POLICY)
    if found and mode.endswith("job"):
        part.fault(key, "a job has none: leave it out")
    if found.get("FailureAction") == "rollback" and key == "rollback_config":
        part.fault(f"{key}.failure_action", "must be pause or continue, is 'rollback'")
    return {"Parallelism": 1, **found} if found else {}


def _placement(part, mode):
    found = _table(part, PLACEMENT)
    if "MaxReplicas" in found and not mode.startswith("replicated"):
        part.fault("max_replicas_per_node", f"a {mode} service runs once per node: leave it out")
    return found


def _endpoint(part):
    mode = part.get("endpoint_mode", _one_of("vip", "dnsrr"))
    ports, taken = [], set()
    for entry in part.sections("publish"):
        port = {"Protocol": "tcp", "PublishMode": "ingress", **_table(entry, PORTS)}
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
    found = {"Type": "volume", **part.take(MOUNT)}
    for kind, (api, table) in MOUNT_OPTIONS.items():
        options = part.section(kind)
        said = options.take(table)
        if kind == "volume" and (driver := options.take(DRIVER)):
            said["DriverConfig"] = driver
        options.done()
        if said and kind != found["Type"]:
            part.fault(kind, f"is for mounts of type {kind}, this one is a {found['Type']}")
        if said:
            found[api] = said
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
    source = part.get("source", TEXT)
    file = part.take(FILE)
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
    found = _table(part, NETWORK)
    if "Target" not in found:
        part.fault("name", "is missing: the name of the network")
        return found
    found["Target"] = _lookup("networks", part, "name", found["Target"], references)["id"]
    return found


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

        salt pi0 swarmspec.fields '{Name: web, TaskTemplate: {ContainerSpec: {Image: "web:1"}}}'
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
        **_taken(container, CONTAINER),
        "env": dict(item.partition("=")[::2] for item in container.pop("Env", None) or ()),
        "healthcheck": _shown(_pop(container, "Healthcheck"), HEALTH),
        "mounts": _by_target(_shown_mount(item) for item in container.pop("Mounts", None) or ()),
        "restart_policy": _shown(_pop(task, "RestartPolicy"), RESTART),
        "placement": _shown(_pop(task, "Placement"), PLACEMENT),
        "log_driver": _shown(_pop(task, "LogDriver"), LOG_DRIVER),
    }
    for kind in ("configs", "secrets"):
        word = kind[:-1].capitalize()
        files = container.pop(kind.capitalize(), None) or ()
        found[kind] = _by_target(
            {"source": item[f"{word}Name"], **_shown(dict(item["File"]), FILE)} for item in files
        )
    resources = _pop(task, "Resources")
    found["resources"] = {
        "limits": _shown(_pop(resources, "Limits"), LIMITS),
        "reservations": _shown(_pop(resources, "Reservations"), RESERVATIONS),
    }
    attached = [_bare(_shown(dict(item), NETWORK)) for item in task.pop("Networks", None) or ()]
    for item in attached:
        item["name"] = (networks or {}).get(item["name"], item["name"])
    found["networks"] = sorted(attached, key=lambda item: item["name"])
    for key, api in (("update_config", "UpdateConfig"), ("rollback_config", "RollbackConfig")):
        policy = _pop(rest, api)
        found[key] = {} if job else _shown(policy, POLICY)
    endpoint = _pop(rest, "EndpointSpec")
    found["endpoint_mode"] = endpoint.pop("Mode", None) or "vip"
    ports = [_bare(_shown(dict(item), PORTS)) for item in endpoint.pop("Ports", None) or ()]
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


def _shown(data, table):
    """A part with the fields of a table in our words, and what else Docker has there."""
    found = _taken(data, table)
    return {**found, **{api: value for api, value in data.items() if value}}


def _taken(data, table):
    """The fields of a table in our words; they are taken out of ``data``."""
    found = {}
    for key, (api, kind, default) in table.items():
        value = data.pop(api, None)
        value = default if value in (None, "", [], {}) else value
        found[key] = None if value is None else kind.show(value)
    return found


def _shown_mount(item):
    item = copy.deepcopy(item)
    found = _taken(item, MOUNT)
    for kind, (api, table) in MOUNT_OPTIONS.items():
        options = _pop(item, api)
        driver = _pop(options, "DriverConfig")
        found[kind] = {**_shown(options, table), **_shown(driver, DRIVER)}
    return {**found, **_said(item)}


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

        salt pi0 swarmspec.difference '{Name: web}' '{Name: web, Labels: {a: b}}'
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
