"""
How an image is made of Debian's packages: where they come from, what mmdebstrap is told, and by
what it is seen that nothing has changed since.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from picloud.workloads import excluded
from picloud.workloads.images import ContainerImage, ImageBuild

if TYPE_CHECKING:
    from picloud.schema import Image

#: Raised when images come out differently from the same description.
VERSION = 2
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
COMPONENTS = ("main",)
#: Releases that are not released: Debian has neither updates nor security for them.
ROLLING = ("sid", "unstable", "experimental", "testing")
#: Where packages with alternatives, such as Java, link manual pages, and fail when it is not there.
MANUALS = tuple(f"usr/share/man/man{section}" for section in range(1, 9))
#: What may differ from one making to the next, and is of no use in an image.
WIPE = (
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/hostname",
    "etc/resolv.conf",
    "usr/share/man/*",
    "var/log/alternatives.log",
    "var/log/apt",
    "var/log/dpkg.log",
    "var/cache/ldconfig/aux-cache",
)


class Archive(NamedTuple):
    """A part of Debian's archive: its mirror, suite and components."""

    mirror: str
    suite: str
    components: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line of ``sources.list``."""
        return f"deb {self.mirror} {self.suite} {' '.join(self.components)}"

    @property
    def release(self) -> str:
        """The address of the document that says what is in it."""
        return f"{self.mirror.rstrip('/')}/dists/{self.suite}/InRelease"


class Release(NamedTuple):
    """What a part of the archive says of itself: architectures, date, digests of its lists."""

    archs: frozenset[str]
    date: datetime
    lists: Mapping[str, str]


class Made(NamedTuple):
    """A file of an image: its path without the first slash, its bytes and permissions."""

    path: str
    data: bytes
    mode: int


def archives(build: ImageBuild, cards: Iterable[Image]) -> list[Archive]:
    """
    Return the parts of the archive that an image is made from, the suite itself first.

    build
        How the image is made.
    cards
        The images of cards in the description: one of the same suite says which mirrors to use.

    >>> [one.suite for one in archives(ImageBuild(suite="sid"), [])]
    ['sid']
    """
    known = next((card for card in cards if card.suite == build.suite), None)
    mirror = known.mirror if known else MIRROR
    security = known.security_mirror if known else SECURITY
    components = tuple(known.components) if known else COMPONENTS
    found = [Archive(mirror, build.suite, components)]
    if build.suite not in ROLLING:
        found.append(Archive(mirror, f"{build.suite}-updates", components))
        if security:
            found.append(Archive(security, f"{build.suite}-security", components))
    return found


def release(text: str) -> Release:
    """
    Return what an ``InRelease`` says; ValueError when it is none.

    text
        The document. Its signature is for apt, which reads the archive again.
    """
    fields: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(" ") and name:
            fields[name].append(line.strip())
        elif found := re.match(r"([A-Za-z0-9-]+): ?(.*)", line):
            name = found[1]
            fields[name] = [found[2].strip()]
    if "Architectures" not in fields or "Date" not in fields:
        raise ValueError("this is no Release file of Debian: it names no architectures")
    lists = {}
    for line in fields.get("SHA256", ()):
        words = line.split()
        if len(words) == 3:
            lists[words[2]] = words[0]
    date = parsedate_to_datetime(fields["Date"][0])
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return Release(frozenset(fields["Architectures"][0].split()), date, lists)


def missing(build: ImageBuild, archs: Iterable[str], base: Release) -> list[str]:
    """
    Return in words which architectures Debian does not have, one line each.

    build, archs
        How the image is made, and for what.
    base
        The release of its suite.
    """
    there = ", ".join(sorted(base.archs - {"all"}))
    return [
        f"Debian's {build.suite} has no {arch}, only {there}; take {arch} out of archs, or use"
        " a suite that has it"
        for arch in archs
        if arch not in base.archs
    ]


def described(image: ContainerImage, files: Iterable[Made]) -> str:
    """
    Return a digest of all that the description says of how an image is made.

    image
        The image.
    files
        Its files, read.
    """
    said = {
        "version": VERSION,
        "archs": sorted(image.archs),
        "build": _said(image.build) if image.build else None,
        "files": _contents(files),
    }
    # What is not used changes no digest of before there was such a key.
    if image.copy_of:
        said["copy_of"] = image.copy_of
    return _digest(said)


def _said(build: ImageBuild) -> dict[str, object]:
    """What a build says; a key that is not used changes no digest of before there was one."""
    unused = {key for key in ("pip", "exclude") if not getattr(build, key)}
    return build.model_dump(exclude={"files", *unused})


def layered(build: ImageBuild, arch: str, files: Iterable[Made], lists: str, date: datetime) -> str:
    """
    Return a digest of all that goes into a root file system.

    build, arch, files
        How the image is made, for which architecture, and its files.
    lists
        The lists of packages, see ``packaged``.
    date
        The latest that a file may be dated.
    """
    said = [VERSION, build.suite, sorted(build.packages), arch, _contents(files), lists]
    # What is not used changes no digest of before there was such a key.
    pip = [sorted(build.pip)] if build.pip else []
    exclude = [{"exclude": sorted(build.exclude)}] if build.exclude else []
    return _digest([*said, date.isoformat(), *pip, *exclude])


def _contents(files: Iterable[Made]) -> list[list[object]]:
    return [[one.path, one.mode, hashlib.sha256(one.data).hexdigest()] for one in sorted(files)]


def packaged(archs: Iterable[str], parts: Mapping[Archive, Release]) -> str:
    """
    Return a digest of the lists of packages that an image is made from.

    archs
        Its architectures.
    parts
        The parts of the archive, with what they say of themselves.
    """
    said = [
        [archive.line, component, arch, _lists(found, component, arch)]
        for archive, found in parts.items()
        for component in archive.components
        for arch in sorted(archs)
    ]
    return _digest(said)


def _lists(found: Release, component: str, arch: str) -> list[str]:
    """Digests of the lists of an architecture, and of what is made for all of them."""
    wanted = tuple(f"{component}/binary-{one}/Packages" for one in (arch, "all"))
    return sorted(digest for name, digest in found.lists.items() if name.startswith(wanted))


def _digest(data: object) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def inside(path: str) -> str:
    """
    Return where a file lies below the root of an image.

    path
        Its absolute path there.

    >>> inside("/srv/../etc//motd")
    'etc/motd'
    """
    return posixpath.normpath(path).lstrip("/")


def by_address(url: str | None, hosts: Mapping[str, str]) -> str | None:
    """
    Return a web address with the host's own address in the place of its name, where that is known.

    url
        The address; None for none.
    hosts
        Addresses by name, as ``network.hosts`` has them.

    >>> by_address("http://gw.pi.example:3142", {"gw.pi.example": "10.80.0.1"})
    'http://10.80.0.1:3142'
    """
    split = urlsplit(url or "")
    address = hosts.get(split.hostname or "")
    if url is None or address is None:
        return url
    host = f"[{address}]" if ":" in address else address
    return split._replace(netloc=host if split.port is None else f"{host}:{split.port}").geturl()


def command(
    build: ImageBuild,
    arch: str,
    parts: Sequence[Archive],
    *,
    options: Sequence[str],
    files: str,
    listing: str,
    hooks: Sequence[str] = (),
) -> list[str]:
    """
    Return the command that writes a root file system to its standard output, as tar.

    build, arch
        How it is made, and for which architecture.
    parts
        The parts of the archive.
    options
        Options of apt, by which the mirrors are reached; they do not stay in the image.
    files
        A tar archive with its own files.
    listing
        A file to which packages and their versions are written.
    hooks
        What else is done, after the packages and before the image's own files.
    """
    query = "dpkg-query --admindir=\"$1/var/lib/dpkg\" -W -f '${Package} ${Version}\\n'"
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=essential",
        "--format=tar",
        "--skip=output/dev",
        f"--architectures={arch}",
        *([f"--include={','.join(build.packages)}"] if build.packages else []),
        # What was cut short is made anew: dpkg need not see each file on the disk.
        "--dpkgopt=force-unsafe-io",
        f"--extract-hook={excluded.leave_out()}",
        f'--essential-hook=cd "$1" && mkdir -p {" ".join(MANUALS)}',
        *(f"--aptopt={option}" for option in options),
        *(f"--customize-hook={hook}" for hook in hooks),
        *([f"--customize-hook={excluded.remove(build.exclude)}"] if build.exclude else []),
        f'--customize-hook=cd "$1" && rm -rf {" ".join(WIPE)}',
        f"--customize-hook=tar-in {files} /",
        f"--customize-hook={query} >{listing}",
        build.suite,
        "-",
        *(one.line for one in parts),
    ]


def failure(said: str) -> str:
    """
    Return why mmdebstrap failed, in its own words and few of them.

    said
        What it wrote to standard error.

    >>> failure("I: x\\nE: Unable to locate package nosuch\\nE: apt-get failed\\n")
    'Unable to locate package nosuch; apt-get failed'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    faults = [line[3:] for line in lines if line.startswith("E: ")]
    return "; ".join(dict.fromkeys(faults[:4])) or (lines[-1] if lines else "it said nothing")


def packages(listing: str) -> dict[str, str]:
    """
    Return versions by package.

    listing
        What ``command`` has written to its listing.

    >>> packages("busybox 1:1.35.0-4\\n")
    {'busybox': '1:1.35.0-4'}
    """
    return dict(sorted(line.split(" ", 1) for line in listing.splitlines() if " " in line))


def mounted_below(mounts: str, folder: str) -> list[str]:
    """
    Return where something is mounted below a folder.

    mounts
        ``/proc/self/mountinfo``.
    folder
        The folder.

    >>> mounted_below("21 1 0:1 / /a/proc rw - proc proc rw\\n", "/a")
    ['/a/proc']
    """
    points = [line.split()[4] for line in mounts.splitlines() if len(line.split()) > 4]
    return sorted(point for point in points if point.startswith(f"{folder}/"))
