"""
What is to be made: the images that were asked for, all that goes into them, and what stands in the
way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from picloud.workloads import archs, recipe
from picloud.workloads.images import ContainerImage, ImageBuild
from picloud.workloads.recipe import Archive, Made, Release
from picloud.workloads.seal import Build

from picloud_images import machine
from picloud_images.registry import Registry


class Order(NamedTuple):
    """
    An image that is to be made, and all that goes into it.

    entry, image
        Its name in the description, and what that says.
    files
        Its own files.
    parts
        The parts of Debian's archive, with what they say of themselves.
    """

    entry: str
    image: ContainerImage
    files: tuple[Made, ...]
    parts: Mapping[Archive, Release]

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.image.name or f"picloud/{self.entry}"

    @property
    def build(self) -> ImageBuild:
        """How it is made."""
        assert self.image.build is not None
        return self.image.build

    def layer(self, arch: str) -> str:
        """Return a digest of all that goes into its root file system for an architecture."""
        lists = recipe.packaged([arch], self.parts)
        return recipe.layered(self.build, arch, self.files, lists, self.date)

    @property
    def described(self) -> str:
        """See ``recipe.described``."""
        return recipe.described(self.image, self.files)

    @property
    def packaged(self) -> str:
        """See ``recipe.packaged``."""
        return recipe.packaged(self.image.archs, self.parts)

    @property
    def date(self) -> datetime:
        """When its suite was last released: files are never dated later, so that bytes repeat."""
        return next(iter(self.parts.values())).date


def read_files(entry: str, image: ContainerImage) -> tuple[list[Made], list[str]]:
    """
    Return an image's own files, and what cannot be read, one line each.

    entry, image
        Its name in the description, and what that says.
    """
    made, faults = [], []
    for path, file in image.build.files.items() if image.build else ():
        try:
            data = (file.contents or "").encode() if not file.source else _read(file.source)
        except OSError as err:
            faults.append(
                f"container_images.{entry}.build.files.{path}: cannot read {file.source} on the"
                f" master: {err.strerror}"
            )
        else:
            made.append(Made(recipe.inside(path), data, int(file.mode, 8)))
    return made, faults


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def orders(
    images: Mapping[str, ContainerImage],
    cards: Sequence[Any],
    options: Mapping[str, str],
    only: Collection[str] = (),
) -> tuple[list[Order], list[str]]:
    """
    Look up what goes into images; also everything that stands in the way of any of them, one line
    each.

    images
        Entries of the section ``container_images``.
    cards
        Entries of the section ``images``.
    options
        See ``machine.apt_options``.
    only
        See ``machine.architectures``.
    """
    found, faults = [], []
    seen: dict[Archive, Release] = {}
    failed: dict[Archive, str] = {}
    without: dict[Archive, list[str]] = {}
    for entry, image in images.items():
        if image.build is None:
            continue
        files, wrong = read_files(entry, image)
        parts = recipe.archives(image.build, cards)
        fetched, unread = machine.releases(
            [one for one in parts if one not in seen and one not in failed], options
        )
        seen |= fetched
        failed |= unread
        for one in parts:
            if one in failed:
                without.setdefault(one, []).append(entry)
        if parts[0] in seen:
            lacking = recipe.missing(image.build, image.archs, seen[parts[0]])
            wrong += [f"container_images.{entry}.archs: {one}" for one in lacking]
        if refused := archs.refusal(image.archs, only):
            wrong.append(f"{entry}: {refused}")
        if not wrong and all(one in seen for one in parts):
            found.append(Order(entry, image, tuple(files), {one: seen[one] for one in parts}))
        faults += wrong
    faults += [f"{', '.join(entries)}: {failed[one]}" for one, entries in without.items()]
    wanted = sorted({arch for order in found for arch in order.image.archs})
    return found, faults + machine.emulated(wanted)


def unchanged(order: Order, last: Build | None, registry: Registry) -> bool:
    """
    Return whether an image need not be made: nothing that goes into it has changed, and the
    registry has all of it.

    order
        The image.
    last
        Its newest build.
    registry
        Where it should be.
    """
    if last is None or (last.described, last.packaged) != (order.described, order.packaged):
        return False
    digests = [last.digest, *(one["digest"] for one in last.platforms.values())]
    return all(registry.has(last.name, digest) for digest in digests)
