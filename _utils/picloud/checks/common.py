"""
Checks of everything but racks: names, sites, network, and the settings of the parts.
"""

from __future__ import annotations

import ipaddress
import posixpath
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

from picloud import daemon, schema
from picloud.checks import containers, hardware, images, kept, overlays, workloads
from picloud.checks.context import Known, overrides
from picloud.faults import OTHER, RAW, Path, Problem
from picloud.suggest import closest, remedy


def check(known: Known) -> Iterator[Problem]:
    """Yield everything that is wrong with all but the racks, beyond types."""
    for one in CHECKS:
        yield from one(known)


def timezone_exists(known: Known) -> Iterator[Problem]:
    name = known.common.cloud.timezone
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zones = zoneinfo.available_timezones()
        if zones:
            path = ("cloud", "timezone")
            near = closest(name, zones)
            advice = f'did you mean "{near}"?' if near else "see timedatectl list-timezones"
            yield Problem(path, "unknown-timezone", f'there is no time zone "{name}"', advice)


def subnets(known: Known) -> Iterator[Problem]:
    """No bits beyond the prefix, no two that overlap, gateways inside."""
    found: list[tuple[Path, Any]] = []
    for name, site in known.common.sites.items():
        for key, text in (("subnet", site.subnet), ("ipv6", site.ipv6)):
            path: Path = ("sites", name, key)
            if text is None:
                continue
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError:
                problem, advice = f'"{text}" is not a subnet', "write address/prefix"
                yield Problem(path, "bad-subnet", problem, advice)
                continue
            if str(network.network_address) != str(ipaddress.ip_interface(text).ip):
                problem = f'"{text}" has bits set beyond its prefix'
                yield Problem(path, "bad-subnet", problem, f'write "{network}"')
            found.append((path, network))
            if key == "subnet" and site.gateway:
                gateway = ipaddress.ip_address(site.gateway)
                if gateway not in network:
                    where: Path = ("sites", name, "gateway")
                    problem = f"{gateway} is not in the site's subnet {network}"
                    yield Problem(where, "outside-subnet", problem, "correct one of them")
    for (_, one), (path, two) in combinations(found, 2):
        if one.version == two.version and one.overlaps(two):
            first = next(place for place, network in found if network is one)
            problem = f"{two} overlaps {one} of site {first[1]} at {OTHER}"
            advice = "give each site a subnet of its own"
            yield Problem(path, "subnet-overlap", problem, advice, other=first)


def addresses(known: Known) -> Iterator[Problem]:
    """Addresses that a pattern lets pass are real ones."""
    network = known.common.network
    named: list[tuple[Path, str]] = [(("network", "hosts", k), v) for k, v in network.hosts.items()]
    named += [(("network", "nameservers", n), v) for n, v in enumerate(network.nameservers)]
    for path, text in named:
        yield from address(path, text)


def address(path: Path, text: str) -> Iterator[Problem]:
    """Yield a problem when a text is no IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        problem = f'"{text}" is not an IP address'
        yield Problem(path, "bad-address", problem, "write 10.80.1.1, or an IPv6 address")


def layers(known: Known) -> Iterator[Problem]:
    """Overrides of boards and sites fit what they override."""
    for section in ("boards", "sites"):
        for name in known.declared(section):
            layer = known.layer(section, name)
            if layer is not None:
                yield from overrides(known, (), layer)
                for part, data in layer.data.items():
                    yield from settings((*layer.path, part), part, data)


def parts(known: Known) -> Iterator[Problem]:
    """The settings of the parts, as far as they depend on nothing else."""
    for part in schema.PARTS:
        yield from settings((part,), part, known.raw.get(part))


def settings(path: Path, part: str, data: Any) -> Iterator[Problem]:
    """
    Yield what is wrong with settings of a part that types cannot say.

    path
        Where they stand: a section, or a part of overrides.
    part
        The part.
    data
        The settings as written, or some of them.
    """
    if isinstance(data, Mapping) and part in SETTINGS:
        yield from SETTINGS[part](path, data)


def _base(path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    admins = data.get("admins")
    for name in admins if isinstance(admins, Mapping) else ():
        if name in SYSTEM_ACCOUNTS or str(name).startswith("systemd-"):
            problem = f'"{name}" is an account of the system'
            advice = "give the person an account of another name; sudo: true makes it root"
            yield Problem((*path, "admins", name), "system-account", problem, advice)


def _salt_minion(path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    options = data.get("config")
    for option in options if isinstance(options, Mapping) else ():
        if option in CARD_OPTIONS:
            problem = f'"{option}" comes with the card, and every highstate would refuse it'
            yield Problem((*path, "config", option), "card-option", problem, "take it out")


def _boot(path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    folder = data.get("directory")
    if isinstance(folder, str) and folder.startswith("/"):
        plain = posixpath.normpath(folder)
        if plain != folder or not (plain == "/boot" or plain.startswith("/boot/")):
            problem = f'"{folder}" is not where a boot partition is mounted'
            advice = "write /boot/firmware, or another folder under /boot"
            yield Problem((*path, "directory"), "boot-directory", problem, advice)
    config = data.get("config")
    for option in config if isinstance(config, Mapping) else ():
        name = str(option).partition(":")[0]
        home = "gpu_mem" if name.startswith("gpu_mem") else "overclock"
        if home == "gpu_mem" or name in hardware.CLOCKS:
            problem = f'"{name}" would pass by the checks of boot.{home}'
            advice = "set gpu_mem" if home == "gpu_mem" else "move it to overclock"
            yield Problem((*path, "config", option), "misplaced-option", problem, advice)


def _docker(path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    options = data.get("daemon")
    for option, value in options.items() if isinstance(options, Mapping) else ():
        where = (*path, "daemon", option)
        if option == "data-root":
            problem = "Docker's data stay in /var/lib/docker, which is what docker.absent clears"
            yield Problem(where, "data-root", problem, "take it out; mount a disk there instead")
        if option not in daemon.OPTIONS and closest(option, daemon.OPTIONS):
            advice = remedy(option, daemon.OPTIONS, "options")
            yield Problem(where, "daemon-option", "dockerd has no such option", advice)
        if option == "log-opts" and isinstance(value, Mapping):
            for name, text in value.items():
                if not isinstance(text, str):
                    problem = f"{RAW} must be text: dockerd does not start with a number here"
                    advice = f'write "{RAW}" in quotes'
                    yield Problem((*where, name), "unquoted-text", problem, advice)
    images = data.get("images")
    seen: dict[tuple[Any, Any], int] = {}
    for place, image in enumerate(images if isinstance(images, list) else ()):
        if isinstance(image, Mapping):
            name, tag = image.get("name"), image.get("tag")
            if not (isinstance(name, str) and isinstance(tag, str)):
                continue
            if (name, tag) in seen:
                first = (*path, "images", seen[name, tag])
                problem = f"{name}:{tag} stands twice, first at {OTHER}"
                where = (*path, "images", place)
                yield Problem(where, "duplicate-image", problem, "remove one", other=first)
            seen.setdefault((name, tag), place)


#: Accounts that are there before any of ours: those of Debian's base-passwd 3.6.1 (passwd.master),
#: and those that packages of an image make (openssh-server, dbus, tcpdump, polkitd, docker, salt).
SYSTEM_ACCOUNTS = frozenset(
    [
        "root",
        "daemon",
        "bin",
        "sys",
        "sync",
        "games",
        "man",
        "lp",
        "mail",
        "news",
        "uucp",
        "proxy",
        "www-data",
        "backup",
        "list",
        "irc",
        "gnats",
        "_apt",
        "nobody",
        "sshd",
        "messagebus",
        "tcpdump",
        "polkitd",
        "docker",
        "salt",
        "sudo",
    ]
)
#: Options of the minion that the card brings; the same as in ``_states/saltminion.py``.
CARD_OPTIONS = ("id", "master", "master_port", "pki_dir", "user", "root_dir", "conf_file")

#: What types cannot say of the settings of a part.
SETTINGS: Mapping[str, Callable[[Path, Mapping[str, Any]], Iterator[Problem]]] = {
    "base": _base,
    "boot": _boot,
    "docker": _docker,
    "salt_minion": _salt_minion,
}


def sections_needed(known: Known) -> Iterator[Problem]:
    """Parts that have settings without a default have a section when a role uses them."""
    if not known.complete:
        return
    for name, role in known.common.roles.items():
        for place, part in enumerate(role.parts):
            model = schema.PART_MODELS[part]
            needed = [key for key, field in model.model_fields.items() if field.is_required()]
            if needed and part not in known.raw:
                problem = f'part "{part}" needs a section {part}'
                advice = f"add {part}: with {', '.join(needed)}"
                yield Problem(("roles", name, "parts", place), "missing-section", problem, advice)


CHECKS = (
    timezone_exists,
    subnets,
    addresses,
    layers,
    parts,
    sections_needed,
    *hardware.CHECKS,
    *images.CHECKS,
    *overlays.CHECKS,
    *workloads.CHECKS,
    *containers.CHECKS,
    kept.roles,
)
