"""
Docker Engine from Debian, kept at one version: what is installed, pinned and held.

Reads dpkg's status file instead of starting dpkg and apt, so that a look at a converged node
costs milliseconds on a Pi 1.
"""

import fnmatch
import os
import shutil

import salt.utils.files
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "dockerengine"

APT_ENV = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
# Wait for another apt run (apt-daily, base) instead of failing at its lock; keep our own files.
APT_OPTIONS = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]
PIN_PRIORITY = 1001  # above 1000: apt goes back to the pinned version, apt_preferences(5)


def __virtual__():
    if __grains__.get("os_family") != "Debian":
        return False, "dockerengine: Docker Engine is taken from Debian's packages only"
    return __virtualname__


def _run(command):
    answer = __salt__["cmd.run_all"](
        command, python_shell=False, env=APT_ENV, output_loglevel="debug", ignore_retcode=True
    )
    if answer["retcode"] != 0:
        said = [line for line in f"{answer['stdout']}\n{answer['stderr']}".splitlines() if line]
        faults = [line for line in said if line.startswith(("E:", "dpkg: error"))]
        raise CommandExecutionError(f"{' '.join(command)} failed: {'; '.join(faults or said[-5:])}")
    return answer["stdout"]


def packages(names, status="/var/lib/dpkg/status"):
    """
    Return for each package its installed version (None if it is not installed), whether it is
    held, and whether dpkg still knows it (it does when removed with its settings left behind).

    names
        The packages.
    status
        The status file of dpkg.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.packages '[docker.io, runc]'
    """
    try:
        with salt.utils.files.fopen(status, "rb") as handle:
            text = b"\n" + handle.read() + b"\n\n"
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {status}: {err}") from err
    found = {}
    for name in names:
        start = text.find(f"\nPackage: {name}\n".encode())
        entry = text[start : text.index(b"\n\n", start)] if start >= 0 else b""
        lines = entry.decode("utf-8", "replace").splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line[1:])
        # Three words: what is wanted, errors, what is; dpkg-query(1) lists them.
        want, state = fields.get("Status", "unknown ok not-installed").split()[::2]
        found[name] = {
            "version": fields.get("Version") if state == "installed" else None,
            "held": want == "hold",
            "known": state != "not-installed",
        }
    return found


def candidates(name="docker.io"):
    """
    Return the versions of a package that apt's lists offer, highest first.

    name
        The package.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.candidates
    """
    lines = _run(["apt-cache", "madison", name]).splitlines()
    versions = [line.split("|")[1].strip() for line in lines if line.count("|") >= 2]
    return list(dict.fromkeys(versions))


def blocked(version, rules=(), arch=None):
    """
    Return the first rule that blocks a version on an architecture, or None.

    version
        The version; a pattern is blocked if a rule has it or covers it.
    rules
        Mappings with ``version`` (a pattern), ``archs``, ``reason`` and ``use``.
    arch
        Debian's name of the architecture; by default this node's.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.blocked 1.7.0-1 '[{version: "1.7.0-1*", archs: [armhf]}]'
    """
    arch = arch or __grains__["osarch"]
    for rule in rules or ():
        if not isinstance(rule, dict) or "version" not in rule:
            raise SaltInvocationError(f"{rule!r} is not a rule about blocked versions")
        archs = rule.get("archs") or [arch]
        if arch in archs and fnmatch.fnmatchcase(version, rule["version"]):
            return dict(rule)
    return None


def refusal(name, version, rule, arch=None):
    """
    Say in words why a version is refused and what to use.

    name
        The package.
    version
        The version refused.
    rule
        The rule that blocks it.
    arch
        The architecture; by default this node's.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.refusal docker.io 1.7.0-1 '{reason: "it breaks", use: 1.7.1-1}'
    """
    arch = arch or __grains__["osarch"]
    text = f"{name} {version} is blocked on {arch}"
    if rule.get("reason"):
        text += f": {rule['reason']}"
    if rule.get("use"):
        text += f"; use {rule['use']}"
    return f"{text}."


def choose(name, version, rules=(), refresh=False):
    """
    Return the highest version that apt offers, that fits a pattern and that no rule blocks.

    name
        The package.
    version
        A version or a pattern of one.
    rules
        See :py:func:`blocked`.
    refresh
        Update apt's lists if they hold nothing that fits.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.choose docker.io '20.10.*'
    """
    if rule := blocked(version, rules):
        raise CommandExecutionError(refusal(name, version, rule))
    offered = candidates(name)
    fitting = [item for item in offered if fnmatch.fnmatchcase(item, version)]
    if not fitting and refresh:
        _run(["apt-get", "update", "-q"])
        offered = candidates(name)
        fitting = [item for item in offered if fnmatch.fnmatchcase(item, version)]
    if not fitting:
        raise CommandExecutionError(
            f"apt offers no {name} that fits {version}; it offers "
            f"{', '.join(offered) or 'none at all (are the lists fetched?)'}. "
            "Change docker: version in the description, or the mirror."
        )
    refused = None
    for item in fitting:
        rule = blocked(item, rules)
        if rule is None:
            return item
        refused = refused or refusal(name, item, rule)
    raise CommandExecutionError(refused)


def pin(name, version, rules=()):
    """
    Return the text of the apt preferences that keep a package at a version.

    name
        The package.
    version
        A version or a pattern of one.
    rules
        See :py:func:`blocked`; what they block on this node gets a priority below zero.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.pin docker.io '20.10.*'
    """
    arch = __grains__["osarch"]
    barred = [rule["version"] for rule in rules or () if arch in (rule.get("archs") or [arch])]
    pins = [(item, -1) for item in barred] + [(version, PIN_PRIORITY)]
    entries = [
        f"Package: {name}\nPin: version {item}\nPin-Priority: {priority}\n"
        for item, priority in pins
    ]
    return "# Written by Salt (salt/docker).\n" + "\n".join(entries)


def install(name, version, also=()):
    """
    Install exactly this version of a package, upgrading or downgrading to it, and hold it.

    name
        The package.
    version
        The exact version.
    also
        Packages to install beside it, at any version.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.install docker.io 20.10.24+dfsg1-1+deb12u1
    """
    # Without what it recommends: that is git and needrestart; what is needed of it is in "also".
    options = ["--no-install-recommends", "--allow-downgrades", "--allow-change-held-packages"]
    _run(["apt-get", "install", "-y", "-q", *APT_OPTIONS, *options, f"{name}={version}", *also])
    hold(name)


def hold(name):
    """
    Hold a package, so that no upgrade of the system touches it.

    name
        The package.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.hold docker.io
    """
    _run(["apt-mark", "hold", name])


def leftovers(data_root="/var/lib/docker"):
    """
    Return what Docker Engine left in its data folder, but for the volumes, which are kept.

    data_root
        The data folder.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.leftovers
    """
    try:
        return sorted(set(os.listdir(data_root)) - {"volumes", "lost+found"})
    except FileNotFoundError:
        return []
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {data_root}: {err}") from err


def purge(names, data_root="/var/lib/docker"):
    """
    Take the engine off the node: containers stopped, packages purged, containers and images
    deleted. Volumes stay in ``<data_root>/volumes``.

    names
        The packages; those not installed are passed over.
    data_root
        The data folder.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerengine.purge '[docker.io, containerd, runc]'
    """
    if __salt__["dockerdaemon.is_running"]():
        __salt__["dockerdaemon.stop_containers"]()
    here = packages(names)
    found = [name for name in names if here[name]["known"]]
    if found:
        if held := [name for name in found if here[name]["held"]]:
            _run(["apt-mark", "unhold", *held])
        _run(["apt-get", "remove", "-y", "-q", *APT_OPTIONS, *found])
        # Debian's purge would run this script over the data folder, volumes and all.
        __salt__["pifile.put"](os.path.join(data_root, "nuke-graph-directory.sh"), {})
        _run(["apt-get", "purge", "-y", "-q", *APT_OPTIONS, *found])
    try:
        for entry in leftovers(data_root):
            path = os.path.join(data_root, entry)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    except OSError as err:
        raise CommandExecutionError(f"Cannot clear {data_root}: {err}") from err
