"""The machine the lab runs on: its packages, kernel settings and Docker Engine."""

import json
import os
import platform
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from lab import shell
from lab.errors import LabError
from lab.settings import LOGS, STATE

SYSCTLS = {
    # systemd in the 21st container exits with 255 when there are only 128 of these.
    "fs.inotify.max_user_instances": 8192,
    # One session keyring per container and per container in a container.
    "kernel.keys.maxkeys": 20000,
    "kernel.keys.maxbytes": 2000000,
    # One table of neighbours for all containers: the swarm of 56 nodes has 56 in each. When it is
    # full, nodes have "no route" to each other and cannot join.
    "net.ipv4.neigh.default.gc_thresh3": 16384,
    "net.ipv4.neigh.default.gc_thresh2": 8192,
    "net.ipv4.neigh.default.gc_thresh1": 4096,
}
TOOLS = {
    "dockerd": "docker.io",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "ip": "iproute2",
    "curl": "curl",
    "gpg": "gnupg",
}
NODE_MB = 150
SPARE_MB = 1024
DISK_MB = 6144
NODE_DISK_MB = 120
DOCKERD_LOG = Path("/var/log/dockerd.log")
SAVED_SYSCTLS = STATE / "sysctl.json"


def require_root() -> None:
    """Containers, networks and kernel settings are root's."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root", "run it with sudo, such as: sudo make up")


def require_room(new_nodes: int, storage: Path = Path("/var/lib")) -> str:
    """
    Check memory and disk for so many more nodes.

    Figures: 135 MB per idle node with its own Docker Engine, measured with 55 of them; the image
    takes 2 GB with what its build leaves in the cache.
    """
    if platform.machine() != "x86_64":
        raise LabError(
            f"the lab's image is amd64, this machine is {platform.machine()}",
            "run the lab on an amd64 machine",
        )
    free = free_mb()
    need = new_nodes * NODE_MB + (SPARE_MB if new_nodes else 0)
    if free < need:
        fit = max(0, (free - SPARE_MB) // NODE_MB)
        raise LabError(
            f"{new_nodes} nodes need {need} MB of memory, {free} MB are free",
            f"start fewer: make up NODES={fit}" if fit else "free some memory",
        )
    disk = shutil.disk_usage(storage).free // 2**20
    need_disk = new_nodes * NODE_DISK_MB + (DISK_MB if new_nodes else 0)
    if disk < need_disk:
        raise LabError(
            f"{need_disk} MB of disk are needed below {storage}, {disk} MB are free",
            "free some space there, or run: make clean",
        )
    return f"{free} MB memory and {disk // 1024} GB disk free"


def free_mb() -> int:
    """Memory that programs can have on this machine, in MB."""
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(meminfo["MemAvailable"].split()[0]) // 1024


def install_tools() -> list[str]:
    """Install the Debian packages that are missing; return their names."""
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if not missing:
        return []
    if not shutil.which("apt-get"):
        raise LabError(f"not installed here: {', '.join(missing)}", "install them and try again")
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        shell.run(install, what="apt-get install failed", env=env)
    except LabError:
        shell.run(["apt-get", "update"], what="apt-get update failed", env=env)
        shell.run(install, what=f"cannot install {', '.join(missing)}", env=env)
    return missing


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")


def raise_sysctls() -> list[str]:
    """Raise what is too low for many systemds; remember what it was. Returns what was raised."""
    raised, saved = [], json.loads(SAVED_SYSCTLS.read_text()) if SAVED_SYSCTLS.exists() else {}
    for name, wanted in SYSCTLS.items():
        path = _sysctl(name)
        current = int(path.read_text())
        if current < wanted:
            saved.setdefault(name, current)
            SAVED_SYSCTLS.parent.mkdir(parents=True, exist_ok=True)
            SAVED_SYSCTLS.write_text(json.dumps(saved))
            try:
                path.write_text(str(wanted))
            except OSError as err:
                raise LabError(
                    f"cannot set {name}={wanted}: {err}",
                    f"set it on the host of this machine: sysctl -w {name}={wanted}",
                ) from err
            raised.append(name)
    return raised


def restore_sysctls() -> None:
    """Put back what :func:`raise_sysctls` found; called when the last lab goes down."""
    if SAVED_SYSCTLS.exists():
        for name, value in json.loads(SAVED_SYSCTLS.read_text()).items():
            _sysctl(name).write_text(str(value))
        SAVED_SYSCTLS.unlink()


def engine_answers() -> bool:
    """True when Docker Engine answers."""
    return shell.succeeds(["docker", "version", "--format", "{{.Server.Version}}"])


def engine_is_installed() -> bool:
    """True when this machine has a Docker Engine, running or not."""
    return shutil.which("dockerd") is not None


def start_engine() -> str:
    """
    Start Docker Engine when it is not running: by systemd where that is PID 1, else detached.

    Returns its version and how it was started.
    """
    how = "was running"
    if not engine_answers():
        log = DOCKERD_LOG
        if Path("/proc/1/comm").read_text().strip() == "systemd":
            shell.run(
                ["systemctl", "start", "docker"],
                what="systemctl start docker failed",
                remedy="see: journalctl -u docker",
            )
            how = "started by systemctl"
        else:
            with DOCKERD_LOG.open("ab") as handle:
                subprocess.Popen(
                    ["dockerd"],
                    stdin=subprocess.DEVNULL,
                    stdout=handle,
                    stderr=handle,
                    start_new_session=True,
                )
            how = f"started, log {DOCKERD_LOG}"
        deadline = time.monotonic() + 60
        while not engine_answers():
            if time.monotonic() > deadline:
                raise LabError(
                    "Docker Engine does not answer after 60 s",
                    f"read the last lines of {log}, or journalctl -u docker",
                    log,
                )
            time.sleep(0.5)
    driver, version, cgroup = shell.run(
        ["docker", "info", "--format", "{{.Driver}} {{.ServerVersion}} {{.CgroupVersion}}"],
        what="docker info failed",
    ).split()
    if driver not in ("overlay2", "btrfs", "zfs", "overlayfs"):
        shell.note(f"storage driver {driver} is slow")
    return f"Docker {version}, {driver}, cgroup v{cgroup}, {how}"


def cgroup_version() -> int:
    """1 (or hybrid) or 2, as Docker Engine sees it."""
    text = shell.run(
        ["docker", "info", "--format", "{{.CgroupVersion}}"], what="docker info failed"
    )
    return int(text)


def container_flags() -> list[str]:
    """
    Flags with which systemd and an inner Docker Engine run in a container.

    cgroup v1: the capabilities they need, and the host's cgroup tree; ``--privileged`` is refused
    where CAP_SYS_RESOURCE is missing. cgroup v2: a cgroup namespace of its own, writable.
    """
    flags = [
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
        "--tmpfs",
        "/run",
        "--tmpfs",
        "/run/lock",
    ]
    if cgroup_version() == 1:
        caps = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")
        return [
            *(f"--cap-add={cap}" for cap in caps),
            *flags,
            "-v",
            "/sys/fs/cgroup:/sys/fs/cgroup:rw",
        ]
    return ["--privileged", "--cgroupns=private", *flags]


def remove_logs(name: str) -> None:
    """Remove the log of a lab."""
    (LOGS / f"{name}.log").unlink(missing_ok=True)
    with suppress(OSError):
        LOGS.rmdir()
