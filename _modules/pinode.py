"""
What a node remembers of its own highstates: the parts applied to it and the modules it has.

A part is a folder of ``salt/`` that a role picks. The record lets the next highstate undo a part
that no role picks any more; it is written before a part is applied, so that a part that was only
half applied is undone as well.

The folder of the record is the minion option ``picloud_etc`` (default ``/etc/picloud``).
"""

import hashlib
import os
from pathlib import Path

from salt.exceptions import SaltInvocationError

__virtualname__ = "pinode"

PARTS = "parts"
DIGEST = "modules_digest"
# The folders that the master's digest covers, as ``picloud_salt.SYNCED`` there.
SYNCED = ("_grains", "_modules", "_states")


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "pinode: the record of parts exists on Linux only"
    return __virtualname__


def _path(name):
    return os.path.join(__opts__.get("picloud_etc", "/etc/picloud"), name)


def _read(name):
    return __salt__["pifile.look"](_path(name)).get("contents", "")


def _write(name, text):
    __salt__["pifile.put"](_path(name), {"contents": text, "mode": "0644"})


def parts():
    """
    Return the parts recorded as applied, in the order in which they were first applied.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' pinode.parts
    """
    return _read(PARTS).split()


def record_parts(names):
    """
    Add parts to the record; those recorded already keep their place. Return the new record.

    names
        A list of part names.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' pinode.record_parts '[base, docker]'
    """
    names = list(names)
    for name in names:
        if not isinstance(name, str) or not name or name.split() != [name]:
            raise SaltInvocationError(f"{name!r} is not the name of a part")
    record = parts()
    record += [name for name in names if name not in record]
    _write(PARTS, "".join(f"{name}\n" for name in record))
    _refresh_grains()
    return record


def forget_part(name):
    """
    Take a part off the record. Return the new record.

    name
        The part.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' pinode.forget_part docker
    """
    record = [part for part in parts() if part != name]
    _write(PARTS, "".join(f"{part}\n" for part in record))
    _refresh_grains()
    return record


def modules_digest():
    """
    Return the digest of the modules last synced to this node, or an empty text.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' pinode.modules_digest
    """
    return _read(DIGEST).strip()


def synced_digest():
    """
    Return the digest of the modules that are in this minion's cache, made as the master makes its.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' pinode.synced_digest
    """
    total = hashlib.sha256()
    for synced in SYNCED:
        folder = Path(__opts__["extension_modules"], synced[1:])
        for path in sorted(folder.rglob("*.py")):
            if path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{synced}/{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def record_modules(digest):
    """
    Record the digest of the modules that this node has. Return it.

    digest
        The digest, as the master's pillar gives it.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' pinode.record_modules 0123abcd
    """
    _write(DIGEST, f"{digest}\n")
    _refresh_grains()
    return digest


def _refresh_grains():
    # The running minion loads its grains anew, so that the master sees the record as it is.
    if __opts__.get("file_client") != "local":
        __salt__["saltutil.refresh_grains"](refresh_pillar=False)
