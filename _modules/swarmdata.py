"""
Configs and secrets of a Docker swarm, kept in versions. Runs on a manager.

Swarm cannot change a config or a secret, so each new content is an object of its own: ``web-v1``,
``web-v2`` ... of which the highest is in force. Services name the config (``web``) and get the
version in force when they are next applied. The version before it is kept, so that a rollback of
a service finds what it needs; older ones go when a new one comes, unless a service uses them.

What a secret holds leaves neither this module nor Docker again. To see whether it is what is
wanted, a slow salted digest (scrypt) is kept in a label, which only managers can read.
"""

import base64
import hashlib
import hmac
import os
import re

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarmdata"

KINDS = ("config", "secret")
NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,56}[a-zA-Z0-9])?")
#: Swarm's own limit, in bytes.
MOST = {"config": 1000 * 1024, "secret": 500 * 1024}
VERSION, DIGEST = "picloud.version", "picloud.digest"


def __virtual__():
    if "swarm.ask" not in __salt__:
        return False, "swarmdata: the execution module swarm is not loaded"
    return __virtualname__


def _check(kind, name):
    if kind not in KINDS:
        raise SaltInvocationError(f"kind: must be one of {', '.join(KINDS)}, is {kind!r}")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SaltInvocationError(
            f"name: must be letters, digits, -, _ and ., at most 58, is {name!r}"
        )


def _objects(kind):
    found = []
    for item in __salt__["swarm.ask"](f"{kind}s"):
        labels = item["Spec"].get("Labels") or {}
        found.append(
            {
                "id": item["ID"],
                "object": item["Spec"]["Name"],
                "name": labels.get(f"picloud.{kind}"),
                "version": int(labels.get(VERSION, 0)),
                "digest": labels.get(DIGEST, ""),
                "data": item["Spec"].get("Data"),
                "labels": labels,
            }
        )
    return sorted(found, key=lambda item: item["version"])


def versions(kind, name):
    """
    Return the versions of a config or secret, the one in force last: id, object, version.

    kind
        ``config`` or ``secret``.
    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdata.versions config web
    """
    _check(kind, name)
    fields = ("id", "object", "version")
    own = [item for item in _objects(kind) if item["name"] == name]
    return [{field: item[field] for field in fields} for item in own]


def in_force(kind):
    """
    Return what a service that names a config or secret gets: ``{name: {id, name}}``, with the
    id and the name of the version in force. Objects made by other means go by their own names.

    kind
        ``config`` or ``secret``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdata.in_force secret
    """
    _check(kind, "any")
    found, others = {}, {}
    for item in _objects(kind):
        entry = {"id": item["id"], "name": item["object"]}
        others[item["object"]] = entry
        if item["name"]:
            found[item["name"]] = entry
    return {**others, **found}


def labelled(kind, label):
    """
    Return the names of the configs or secrets of which a version has a label, whatever its value.

    kind
        ``config`` or ``secret``.
    label
        The label.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdata.labelled secret picloud.part
    """
    _check(kind, "any")
    found = {item["name"] for item in _objects(kind) if item["name"] and label in item["labels"]}
    return sorted(found)


def _digest(data, salt):
    return hashlib.scrypt(data, salt=salt, n=2**14, r=8, p=1, dklen=32).hex()


def current(kind, name, data):
    """
    Return the version in force and whether it holds something: ``{version, object, same}``, and
    ``data`` for a config; version 0 and object None where there is none.

    kind
        ``config`` or ``secret``.
    name
        Its name.
    data
        The bytes wanted.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdata.current config web 'listen 80'
    """
    _check(kind, name)
    wanted = data if isinstance(data, bytes) else str(data).encode()
    own = [item for item in _objects(kind) if item["name"] == name]
    if not own:
        return {"version": 0, "object": None, "same": False}
    last = own[-1]
    found = {"version": last["version"], "object": last["object"]}
    if kind == "config":
        found["data"] = base64.b64decode(last["data"] or "")
        found["same"] = found["data"] == wanted
    else:
        salt_hex, _, digest = last["digest"].partition(":")
        found["same"] = hmac.compare_digest(_digest(wanted, bytes.fromhex(salt_hex)), digest)
    return found


def rotate(kind, name, data, labels=None):
    """
    Make a new version of a config or secret and drop those before the last that no service uses.
    Return the new object's name.

    kind
        ``config`` or ``secret``.
    name
        Its name.
    data
        The bytes it holds. A text on the command line is in the master's job cache: not for
        secrets; the state takes them from the pillar.
    labels
        Further labels of the new version.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdata.rotate config web 'listen 80'
    """
    _check(kind, name)
    data = data if isinstance(data, bytes) else str(data).encode()
    if not 0 < len(data) <= MOST[kind]:
        raise SaltInvocationError(
            f"contents: a {kind} has 1 to {MOST[kind]} bytes, this one has {len(data)}"
        )
    own = [item for item in _objects(kind) if item["name"] == name]
    version = own[-1]["version"] + 1 if own else 1
    labels = {**(labels or {}), f"picloud.{kind}": name, VERSION: str(version)}
    if kind == "secret":
        salt = os.urandom(16)
        labels[DIGEST] = f"{salt.hex()}:{_digest(data, salt)}"
    made = f"{name}-v{version}"
    __salt__["swarm.ask"](f"create_{kind}", made, data, labels=labels)
    for item in own[:-1]:
        _remove(kind, item, used=True)
    return made


def _remove(kind, item, used):
    try:
        __salt__["swarm.ask"](f"remove_{kind}", item["id"])
    except CommandExecutionError as err:
        if not used or "is in use" not in str(err):
            raise


def remove(kind, name):
    """
    Remove all versions of a config or secret. Docker refuses while a service uses one.

    kind
        ``config`` or ``secret``.
    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmdata.remove secret db-password
    """
    _check(kind, name)
    for item in _objects(kind):
        if item["name"] == name:
            _remove(kind, item, used=False)
