"""
What this machine brings to the making of images: how its apt reaches Debian, and which foreign
programs it runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib import error, request

from picloud.workloads import archs
from picloud.workloads.recipe import Archive, Release, release
from picloud_watch import NoAnswerError

#: Options of apt that say how a mirror is reached.
PASSED_ON = (
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::https::CAInfo",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
)
#: QEMU's names of Debian's architectures.
QEMU = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "arm", "armel": "arm"}
BINFMT = Path("/proc/sys/fs/binfmt_misc")
#: Where Debian's qemu-user-static says how the kernel knows a foreign program.
RULES = Path("/usr/lib/binfmt.d")
ANSWER_S = 60


def architectures(opts: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the architectures that the nodes of a master have; none when it does not say.
    NoAnswerError when what it says cannot be used.

    opts
        The master's options; see ``picloud.workloads.archs.configured``.
    """
    try:
        return archs.configured(opts.get(archs.OPTION))
    except ValueError as err:
        raise NoAnswerError(f"{err} (the master's configuration)") from err


def is_native(only: Collection[str]) -> bool:
    """
    Return whether programs of some architectures need no QEMU here.

    only
        See ``architectures``; none stands for all.
    """
    return bool(only) and set(only) <= {_output("dpkg", "--print-architecture").strip()}


def apt_options(cache: str | None) -> dict[str, str]:
    """
    Return the options with which apt reaches Debian from here, by name.

    cache
        The site's cache for packages; used where this machine's own apt has no proxy.
    """
    found = {"Acquire::http::Proxy": cache} if cache else {}
    for line in _output("apt-config", "dump", "--format", "%F %v%n").splitlines():
        name, _, value = line.partition(" ")
        if name in PASSED_ON and value:
            found[name] = value
    return found


def releases(
    parts: Iterable[Archive], options: Mapping[str, str]
) -> tuple[dict[Archive, Release], dict[Archive, str]]:
    """
    Fetch what parts of the archive say of themselves; also what is wrong with the others, one line
    each.

    parts
        The parts.
    options
        See ``apt_options``.
    """
    proxies = {
        kind: proxy
        for kind in ("http", "https")
        if (proxy := options.get(f"Acquire::{kind}::Proxy")) and proxy != "DIRECT"
    }
    opener = request.build_opener(request.ProxyHandler(proxies))
    found, faults = {}, {}
    for part in parts:
        try:
            with opener.open(part.release, timeout=ANSWER_S) as answer:
                found[part] = release(answer.read().decode("utf-8", "replace"))
        except error.HTTPError as err:
            what = f"there is no suite {part.suite}" if err.code == 404 else str(err)
            faults[part] = (
                f"{part.release}: {what}; correct suite of the image, or the mirrors in the"
                " section images"
            )
        except (OSError, ValueError) as err:
            reason = getattr(err, "reason", err)
            faults[part] = f"{part.release}: {reason}; is the mirror reachable from here?"
    return found, faults


def emulated(archs: Iterable[str]) -> list[str]:
    """
    See that programs of some architectures run here, by QEMU where need be; what does not, one line
    each.

    archs
        Debian's names of them.
    """
    return [
        f"programs for {arch} do not run on this machine: {why}"
        for arch in archs
        if not _runs(arch) and (why := _register(arch)) is not None
    ]


def _runs(arch: str) -> bool:
    try:
        done = subprocess.run(["arch-test", arch], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _register(arch: str) -> str | None:
    """Have the kernel run foreign programs by QEMU; why it does not, else None."""
    rule = RULES / f"qemu-{QEMU[arch]}.conf"
    if not rule.exists():
        return "qemu-user-static is not installed: salt-run image.registry"
    register = BINFMT / "register"
    if not register.exists():
        subprocess.run(
            ["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)],
            capture_output=True,
            check=False,
        )
    if not register.exists():
        return f"the kernel has no binfmt_misc, or {BINFMT} cannot be mounted here"
    if not (BINFMT / rule.stem).exists():
        try:
            register.write_text(rule.read_text(encoding="ascii").strip(), encoding="ascii")
        except OSError as err:
            return f"the kernel does not take {rule}: {err.strerror}"
    return None if _runs(arch) else f"{rule} is in use, and arch-test {arch} fails all the same"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
