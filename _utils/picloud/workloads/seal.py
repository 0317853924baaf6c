"""
Which bytes an image's name stands for: what was built is deployed by its digest, what was not is
refused before a node tries to pull it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from picloud.workloads.images import ContainerImage, reference
from picloud.workloads.tasks import allowed_archs


class Build(NamedTuple):
    """
    An image as it was built, and lies in the registry.

    name, tag
        Its name there, and its tag.
    digest
        That of its index: what all architectures together are known by.
    platforms
        Digest of the manifest and bytes to download (``digest``, ``size``), by architecture.
    packages
        Versions by package, by architecture.
    described, packaged
        Digests of the description and of the archive's lists that it was made from.
    at
        When, in seconds since 1970.
    """

    name: str
    tag: str
    digest: str
    platforms: Mapping[str, Mapping[str, Any]]
    packages: Mapping[str, Mapping[str, str]]
    described: str
    packaged: str
    at: float


class Sealed(NamedTuple):
    """What to pull, or why nothing may be; one of them is None."""

    image: str | None
    refused: str | None


def wanted(entry: str, image: ContainerImage) -> dict[str, Any]:
    """
    Return what is asked of the registry for an image that is built or copied here.

    entry
        Its name in the description.
    image
        What the description says of it.
    """
    return {
        "entry": entry,
        "name": image.name or f"picloud/{entry}",
        "tag": image.tag,
        "digest": image.digest,
        "archs": allowed_archs(image),
        "made": "copied" if image.copy_of else "built",
    }


def table(images: Mapping[str, ContainerImage]) -> dict[str, dict[str, Any]]:
    """
    Return what is asked of the registry, by the name under which a workload has the image.

    images
        The section ``container_images``; those that come from elsewhere are left out.
    """
    return {
        reference(entry, image): wanted(entry, image)
        for entry, image in images.items()
        if image.is_ours
    }


def seal(ask: Mapping[str, Any], build: Build | None, registry: str) -> Sealed:
    """
    Decide what to pull for an image.

    ask
        What is wanted, see ``wanted``.
    build
        The newest build of its name and tag; None when there is none.
    registry
        Host and port of the registry.

    >>> ask = {"entry": "web", "name": "picloud/web", "tag": "1", "digest": None, "archs": [],
    ...        "made": "built"}
    >>> seal(ask, None, "head:5000").refused
    'picloud/web:1 was not built: salt-run image.build web'
    """
    full, again = f"{ask['name']}:{ask['tag']}", f"salt-run image.build {ask['entry']}"
    if build is None:
        return Sealed(None, f"{full} was not {ask['made']}: {again}")
    if ask["digest"] not in (None, build.digest):
        return Sealed(
            None,
            f"{full} is described with {ask['digest']}, and what was {ask['made']} has"
            f" {build.digest};"
            " correct container_images, or leave the digest out",
        )
    if lacking := [arch for arch in ask["archs"] if arch not in build.platforms]:
        made = ", ".join(sorted(build.platforms))
        return Sealed(
            None, f"{full} was {ask['made']} for {made}, not for {', '.join(lacking)}: {again}"
        )
    return Sealed(f"{registry}/{full}@{build.digest}", None)


def surplus(
    builds: Iterable[Build],
    described: Iterable[tuple[str, str]],
    pinned: Collection[tuple[str, str, str]],
) -> list[Build]:
    """
    Return builds that the registry need not have any more.

    builds
        All of them.
    described
        Name and tag of each image of the description.
    pinned
        Name, tag and digest of builds that are in use whatever is described: they stay.

    The newest build of each described image stays; so does, for each name of one, the build before
    it, to go back to. Others that are described no more go.
    """
    wanted = set(described)
    names = {name for name, _ in wanted}
    newest_first = sorted(builds, key=lambda one: one.at, reverse=True)
    stay = [one for one in newest_first if (one.name, one.tag, one.digest) in pinned]
    for name in sorted(names):
        mine = [one for one in newest_first if one.name == name]
        heads: dict[str, Build] = {}
        for one in mine:
            if (name, one.tag) in wanted:
                heads.setdefault(one.tag, one)
        digests = {one.digest for one in heads.values()}
        stay += heads.values()
        stay += [one for one in mine if one.digest not in digests][:1]
    return [one for one in newest_first if one not in stay]


def in_use(
    builds: Iterable[Build],
    digests: Collection[str],
    unsure: Collection[str],
) -> set[tuple[str, str, str]]:
    """
    Return name, tag and digest of the builds that swarms run, or may run, see ``surplus``.

    builds
        All of them.
    digests
        Those that swarms have.
    unsure
        Names of images that a swarm may have which does not say so.
    """
    return {
        (one.name, one.tag, one.digest)
        for one in builds
        if one.digest in digests or one.name in unsure
    }


def unsure(
    images: Mapping[str, ContainerImage], used: Collection[str], builds: Iterable[Build]
) -> set[str]:
    """
    Return the names of images that a swarm may have which does not say so.

    images
        Entries of the section ``container_images`` that are built or copied.
    used
        Entries that workloads of that swarm use.
    builds
        All builds: what is described no more may go on there, as nobody can tell whether a
        highstate was since.
    """
    names = {entry: wanted(entry, image)["name"] for entry, image in images.items()}
    here = {names[entry] for entry in used if entry in names}
    return here | {one.name for one in builds} - set(names.values())


def manifests(
    gone: Sequence[Build],
    all_builds: Iterable[Build],
    listed: Callable[[str], Iterable[str]] = lambda _digest: (),
) -> list[tuple[str, str]]:
    """
    Return the manifests to delete, as name and digest: indexes before what they point to.

    gone
        Builds that go.
    all_builds
        All of them: what another one shares stays.
    listed
        What an index points to, by its digest: a copy has more architectures than the nodes.
    """

    def digests(build: Build) -> list[str]:
        known = (one["digest"] for one in build.platforms.values())
        return [build.digest, *known, *listed(build.digest)]

    rest = [one for one in all_builds if one not in gone]
    used = {(one.name, digest) for one in rest for digest in digests(one)}
    found = [(one.name, digest) for one in gone for digest in digests(one)]
    return [pair for pair in dict.fromkeys(found) if pair not in used]
