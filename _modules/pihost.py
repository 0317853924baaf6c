"""
What a host shows of itself: its name, its SSH host keys, its services.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pihost"
SSH = "/etc/ssh"
RECORD = "/etc/picloud/hostkeys.json"
BAKED = "/etc/picloud/image-hostkeys"
MACHINE_ID = "/etc/machine-id"
# Held locked by picloud-hostkeys.service while it makes keys after first boot.
KEYS_LOCK = "/run/picloud-hostkeys.lock"
STATUS = "/var/lib/dpkg/status"
UNITS = ("etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system")
# Sessions outlive ssh.service in its control group, so processes there prove nothing for it.
PID_FILES = {"ssh.service": ("run/sshd.pid", "sshd")}
# Up by having run once; what it turned on is a line in /proc/swaps.
SWAP_FILES = {"picloud-swap.service": "/var/picloud.swap"}
IN_CONTAINER = ("run/systemd/container", ".dockerenv", "run/.containerenv")


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "pihost: nodes run Linux"
    return __virtualname__


def hostname():
    """
    Return the name the running kernel has for this host.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.hostname
    """
    return socket.gethostname()


def set_hostname(name):
    """
    Give the running kernel a name for this host; ``/etc/hostname`` is not touched.

    name
        The name, without domain. Raises ``CommandExecutionError`` if the kernel refuses.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.set_hostname pi3
    """
    try:
        socket.sethostname(name)
    except OSError as err:
        raise CommandExecutionError(f"Cannot name this host {name}: {err}") from err


def host_keys(ssh=SSH):
    """
    Return the fingerprints of the SSH host keys, as ``ssh-keygen -l`` prints them, by file name.

    ssh
        The folder of ``ssh_host_*_key.pub``. A public key whose private half is missing is left
        out.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.host_keys
    """
    keys = {}
    for path in sorted(Path(ssh).glob("ssh_host_*_key.pub")):
        try:
            blob = base64.b64decode(path.read_text(encoding="ascii").split()[1], validate=True)
        except (OSError, ValueError, IndexError):
            continue
        if path.with_suffix("").is_file():
            digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
            keys[path.stem] = f"SHA256:{digest}"
    return keys


def foreign_host_keys(
    node, shared=(), *, ssh=SSH, record=RECORD, baked=BAKED, machine_id=MACHINE_ID
):
    """
    Say why the SSH host keys are not this node's own, in words; an empty text: they are.

    They are not if there are none, if one is on a list of keys that came with an image, if they
    were noted for another node or another installation (machine id), or, as long as nothing is
    noted, if they are older than the machine id: then they came with the image.

    node
        The node's id.
    shared
        Fingerprints known to be on more than one host.
    ssh, record, baked, machine_id
        Files: the folder of the keys, our note of the keys, the list of fingerprints an image
        leaves behind, the machine id.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.foreign_host_keys pi3
    """
    _wait_for_host_keys()
    keys = host_keys(ssh)
    if not keys:
        return "there are no host keys"
    known = set(shared)
    with contextlib.suppress(OSError):
        known.update(Path(baked).read_text(encoding="utf-8").split())
    if both := sorted(known.intersection(keys.values())):
        return f"{both[0]} came with an image"
    try:
        noted = json.loads(Path(record).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _older_than_installation(keys, ssh, machine_id)
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"Cannot read {record}: {err}") from err
    if not set(noted["keys"].values()).intersection(keys.values()):
        return ""  # somebody made new ones; they are noted next
    return _made_elsewhere(noted, node, machine_id)


def _wait_for_host_keys():
    """Keys that first boot is still making would be taken for none, or for all there are."""
    with contextlib.suppress(FileNotFoundError), open(KEYS_LOCK, encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)


def _made_elsewhere(noted, node, machine_id):
    if noted["node"] != node:
        return f"they were made for {noted['node']}"
    if noted["machine_id"] != _machine_id(machine_id):
        return "they were made for another installation (machine id)"
    return ""


def _machine_id(path):
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"Cannot read {path}: {err}") from err


def _older_than_installation(keys, ssh, machine_id):
    try:
        born = os.stat(machine_id).st_mtime
        oldest = min((Path(ssh) / name).stat().st_mtime for name in keys)
    except OSError as err:
        raise CommandExecutionError(f"Cannot tell the age of the host keys: {err}") from err
    return "they are older than this installation (machine id)" if oldest < born else ""


def has_noted_host_keys(node, ssh=SSH, record=RECORD, machine_id=MACHINE_ID):
    """
    Say whether the present host keys are noted as those of this node and installation.

    node
        The node's id.
    ssh, record, machine_id
        As in ``pihost.foreign_host_keys``.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.has_noted_host_keys pi3
    """
    try:
        noted = json.loads(Path(record).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return noted == {"node": node, "machine_id": _machine_id(machine_id), "keys": host_keys(ssh)}


def note_host_keys(node, ssh=SSH, record=RECORD, machine_id=MACHINE_ID):
    """
    Note the present host keys as those of this node and installation.

    node
        The node's id.
    ssh, record, machine_id
        As in ``pihost.foreign_host_keys``.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.note_host_keys pi3
    """
    noted = {"node": node, "machine_id": _machine_id(machine_id), "keys": host_keys(ssh)}
    text = json.dumps(noted, indent=1, sort_keys=True)
    __salt__["pifile.put"](record, {"contents": text + "\n", "mode": "0644"})


def new_host_keys(ssh=SSH):
    """
    Make new SSH host keys (all kinds ``ssh-keygen -A`` makes) and only then replace the old ones.

    ssh
        The folder of the keys. Raises ``CommandExecutionError`` if no keys can be made; the old
        ones are then still there.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.new_host_keys
    """
    ssh = Path(ssh)
    try:
        folder = Path(tempfile.mkdtemp(prefix=".picloud.", dir=ssh))
    except OSError as err:
        raise CommandExecutionError(f"Cannot make host keys in {ssh}: {err}") from err
    try:
        made = folder / "etc/ssh"
        made.mkdir(parents=True)
        __salt__["pifile.run"](["ssh-keygen", "-A", "-f", str(folder)], "No new host keys")
        fresh = sorted(made.glob("ssh_host_*"))
        if not fresh:
            raise CommandExecutionError("ssh-keygen -A made no host keys")
        for path in fresh:
            os.replace(path, ssh / path.name)
        for path in ssh.glob("ssh_host_*_key*"):
            if path.name not in {new.name for new in fresh}:
                path.unlink()
    except OSError as err:
        raise CommandExecutionError(f"Cannot make host keys in {ssh}: {err}") from err
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def missing_packages(names, status=STATUS):
    """
    Return those of the packages that dpkg does not have installed; no process is started.

    names
        A list of Debian package names.
    status
        dpkg's status file.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.missing_packages '[sudo, tree]'
    """
    try:
        blocks = Path(status).read_text(encoding="utf-8", errors="replace").split("\n\n")
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {status}: {err}") from err
    there = {
        block.split("\n", 1)[0].removeprefix("Package: ")
        for block in blocks
        if re.search(r"^Status: (install|hold) ok installed$", block, re.MULTILINE)
    }
    return [name for name in names if name not in there]


def is_surely_up(unit, root="/"):
    """
    Say whether files alone show that a systemd unit is enabled and up, or enabled and kept down by
    ``ConditionVirtualization=!container`` in a container. False means: ask systemd.

    unit
        The unit's name with its suffix.
    root
        The folder that the system's files are under.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.is_surely_up ssh.service
    """
    root = Path(root)
    if not any((root / "etc/systemd/system").glob(f"*.wants/{unit}")):
        return False
    try:
        if any((root / name).exists() for name in IN_CONTAINER):
            files = (root / folder / unit for folder in UNITS)
            text = next(path for path in files if path.is_file()).read_text(encoding="utf-8")
            if "\nConditionVirtualization=!container" in text:
                return True
        if unit in PID_FILES:
            pid_file, program = PID_FILES[unit]
            pid = (root / pid_file).read_text(encoding="ascii").strip()
            return (root / "proc" / pid / "comm").read_text(encoding="ascii").strip() == program
        if unit in SWAP_FILES:
            return _swaps_on(unit, root)
        return _has_processes(unit, root)
    except (OSError, StopIteration, ValueError):
        return False


def _swaps_on(unit, root):
    lines = (root / "proc/swaps").read_text(encoding="utf-8").splitlines()
    return any(line.split(" ", 1)[0] == SWAP_FILES[unit] for line in lines)


def _has_processes(unit, root):
    for line in (root / "proc/1/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in {"", "name=systemd"}:
            continue
        group = f"{path.removesuffix('/init.scope')}/system.slice/{unit}/cgroup.procs"
        for mount in ("sys/fs/cgroup/systemd", "sys/fs/cgroup"):
            procs = root / f"{mount}/{group}"
            if procs.is_file() and procs.read_text(encoding="ascii").strip():
                return True
    return False


def services(names):
    """
    Return for each systemd unit whether it is enabled, whether it is up, and whether its own
    conditions keep it down here (``held``), by one call of systemctl.

    names
        A list of unit names with their suffix.

    CLI Example:

    .. code-block:: bash

        salt pi3 pihost.services '[ssh.service]'
    """
    if isinstance(names, str) or not all("." in name for name in names):
        raise SaltInvocationError("services takes a list of units with suffix, such as ssh.service")
    wanted = "Id,LoadState,ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic"
    answer = __salt__["cmd.run_all"](
        ["systemctl", "show", f"--property={wanted}", *names],
        python_shell=False,
        ignore_retcode=True,
    )
    if answer["retcode"] != 0:
        raise CommandExecutionError(f"systemctl show failed: {answer['stderr']}")
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in answer["stdout"].strip().split("\n\n")
    ]
    if len(blocks) != len(names):
        raise CommandExecutionError(f"systemctl show told of {len(blocks)} units, not {len(names)}")
    return {
        name: {
            "known": block["LoadState"] == "loaded",
            "enabled": block["UnitFileState"].startswith(("enabled", "static", "alias")),
            "up": block["ActiveState"] in {"active", "reloading", "activating"}
            and (name not in SWAP_FILES or _swaps_on(name, Path("/"))),
            "held": block["ConditionResult"] == "no"
            and block["ConditionTimestampMonotonic"] not in {"", "0"},
        }
        for name, block in zip(names, blocks, strict=True)
    }
