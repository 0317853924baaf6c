"""
Checks of what a workload asks of its containers: folders and files, capabilities, healthchecks.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from picloud.checks.context import Known
from picloud.faults import OTHER, Path, Problem
from picloud.suggest import remedy
from picloud.workloads.model import Workload

#: What Docker takes for the name of a volume (volume/local in moby).
VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
#: Swarm takes secrets and configs of less bytes than these.
MOST_BYTES = 500 * 1024
#: Docker takes no shorter time for a healthcheck, but 0.
LEAST_SECONDS = 0.001
#: What Docker's own words for a test are written as here.
TESTS = {
    "CMD": "leave the word out",
    "CMD-SHELL": 'write [sh, -c, "the line"]',
    "NONE": "write a command that ends with 0 when all is well, or leave out healthcheck",
}
_LINUX = """
    AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
    DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN
    MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID
    SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO
    SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM
"""
#: All of capabilities(7), and Docker's word for them all.
CAPABILITIES = ("ALL", *_LINUX.split())


def mounts(known: Known) -> Iterator[Problem]:
    """Mounts have what their type needs, and no two things are in one place of a container."""
    for name, one in known.common.workloads.items():
        base = ("workloads", name)
        for number, mount in enumerate(one.mounts):
            path = (*base, "mounts", number)
            if mount.type == "bind" and not (mount.source or "").startswith("/"):
                problem = "a bind mount needs a folder of the node"
                yield Problem(path, "mount-source", problem, "add source: /path/on/the/node")
            elif mount.type == "volume" and "/" in (mount.source or ""):
                problem = f"{mount.source} is a path, and a volume has a name"
                yield Problem((*path, "source"), "mount-source", problem, "add type: bind")
            elif mount.type == "volume" and mount.source and not VOLUME.fullmatch(mount.source):
                problem = f'"{mount.source}" is no name of a volume'
                advice = "use two or more of a-z, A-Z, 0-9, _ . -, beginning with letter or digit"
                yield Problem((*path, "source"), "mount-source", problem, advice)
            elif mount.type == "tmpfs" and mount.source is not None:
                problem = "a tmpfs has no source"
                yield Problem((*path, "source"), "mount-source", problem, "leave it out")
            if mount.size_mb is not None and mount.type != "tmpfs":
                problem = f"only a tmpfs has a size, and this is a {mount.type}"
                yield Problem((*path, "size_mb"), "mount-source", problem, "leave it out")
        yield from _targets(base, one)


def _targets(base: Path, one: Workload) -> Iterator[Problem]:
    found: list[tuple[Path, str]] = [
        ((*base, "mounts", number), mount.target) for number, mount in enumerate(one.mounts)
    ]
    found += [((*base, "configs", name), file.target) for name, file in one.configs.items()]
    for number, file in enumerate(one.secrets):
        target = file.target or file.source
        found.append(((*base, "secrets", number), posixpath.join("/run/secrets", target)))
    seen: dict[str, Path] = {}
    for path, target in found:
        place = posixpath.normpath(f"/{target.lstrip('/')}")  # it would keep two slashes in front
        if place == "/":
            problem, advice = f"{target} is the whole container", "name a place in it, as in /data"
            yield Problem((*path, "target"), "bad-path", problem, advice)
        elif place in seen:
            problem = f"{place} is taken in the container, at {OTHER}"
            advice = "give one of them another target"
            yield Problem(path, "duplicate-target", problem, advice, other=seen[place])
        seen.setdefault(place, path)


def contents(known: Known) -> Iterator[Problem]:
    """Swarm takes secrets and configs up to a size."""
    found: list[tuple[Path, str]] = [
        (("secrets", name), secret.contents) for name, secret in known.common.secrets.items()
    ]
    for name, one in known.common.workloads.items():
        found += [
            (("workloads", name, "configs", key), file.contents)
            for key, file in one.configs.items()
        ]
    for path, text in found:
        size = len(text.encode())
        if size >= MOST_BYTES:
            problem = f"{size} bytes are too many for Swarm, which takes less than {MOST_BYTES}"
            advice = "put them into the image, or into a folder that is mounted"
            yield Problem((*path, "contents"), "too-large", problem, advice)


def capabilities(known: Known) -> Iterator[Problem]:
    """Capabilities are among those that Linux has."""
    for name, one in known.common.workloads.items():
        for key in ("cap_add", "cap_drop"):
            for number, word in enumerate(getattr(one, key)):
                plain = word.upper().removeprefix("CAP_")
                if plain not in CAPABILITIES:
                    path = ("workloads", name, key, number)
                    advice = remedy(plain, CAPABILITIES, "capabilities")
                    yield Problem(path, "unknown-value", f'unknown: "{word}"', advice)


def healthchecks(known: Known) -> Iterator[Problem]:
    """A test is a command, and times are not below what Docker takes."""
    for name, one in known.common.workloads.items():
        base, check = ("workloads", name, "healthcheck"), one.healthcheck
        if check is None:
            continue
        if check.test[0] in TESTS:
            problem = f"begins with {check.test[0]}, and is the command itself, word by word"
            yield Problem((*base, "test"), "healthcheck-test", problem, TESTS[check.test[0]])
        for key in ("interval_s", "timeout_s", "start_s"):
            seconds = getattr(check, key)
            if 0 < seconds < LEAST_SECONDS:
                problem = f"{seconds:g} is out of range"
                advice = f"write 0, or a number not less than {LEAST_SECONDS}"
                yield Problem((*base, key), "out-of-range", problem, advice)


CHECKS = (mounts, contents, capabilities, healthchecks)
