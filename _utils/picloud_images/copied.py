"""
Images that are copied from other registries: once to the master, so that nodes pull from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from picloud.workloads import foreign, recipe, seal
from picloud.workloads.images import ContainerImage
from picloud.workloads.seal import Build
from picloud_watch import NoAnswerError

from picloud_images.programs import skopeo
from picloud_images.registry import Registry

#: Seconds for another registry to answer a question.
ASK_S = 120


def copy(entry: str, image: ContainerImage, last: Build | None, registry: Registry) -> Build:
    """
    Have the registry hold an image as another registry has it now, with all its architectures and
    the same digest.

    entry, image
        Its name in the description, and what that says.
    last
        What was copied before, None for nothing. It is returned when there is nothing to be done.
    registry
        Where it is copied to.

    NoAnswerError when the other registry does not have it, or not as described; nothing is copied
    then.
    """
    ask = seal.wanted(entry, image)
    origin = f"docker://{image.copy_of}"
    there, digest = _look(entry, image)
    try:
        described = recipe.described(image, ())
        same = last is not None and (last.digest, last.described) == (digest, described)
        if last is not None and same and registry.has(last.name, digest):
            return last
        head, _, tail = origin.partition("@")[0].rpartition("/")
        base = f"{head}/{tail.partition(':')[0]}"
        found = {}
        for arch in image.archs:
            about = skopeo("inspect", "--raw", f"{base}@{there[arch]}", timeout=ASK_S)
            found[arch] = {"digest": there[arch], "size": foreign.size(about.encode())}
        registry.copy(origin, ask["name"], image.tag, digest)
    except (NoAnswerError, ValueError) as err:
        raise NoAnswerError(f"container_images.{entry}: {image.copy_of}: {err}") from err
    return Build(ask["name"], image.tag, digest, found, {}, described, "", time.time())


def faults(images: Mapping[str, ContainerImage]) -> list[str]:
    """
    Return why images could not be copied as other registries have them now, one line each.

    images
        Entries of the section ``container_images``; those that are built are passed over.
    """
    found = []
    for entry, image in images.items():
        try:
            if image.copy_of:
                _look(entry, image)
        except NoAnswerError as err:
            found.append(str(err))
    return found


def _look(entry: str, image: ContainerImage) -> tuple[dict[str, str], str]:
    """The digest of an image for each architecture in the other registry, and its own."""
    origin = f"docker://{image.copy_of}"
    try:
        raw = skopeo("inspect", "--raw", origin, timeout=ASK_S).encode()
        one = "manifests" not in json.loads(raw)
        config = json.loads(skopeo("inspect", "--config", origin, timeout=ASK_S)) if one else None
        there, digest = foreign.platforms(raw, config), foreign.digest(raw)
        _check(entry, image, set(there), digest)
    except (NoAnswerError, ValueError) as err:
        raise NoAnswerError(f"container_images.{entry}: {image.copy_of}: {err}") from err
    return there, digest


def _check(entry: str, image: ContainerImage, there: set[str], digest: str) -> None:
    if lacking := [arch for arch in image.archs if arch not in there]:
        made = ", ".join(sorted(there)) or "no architecture of a node"
        raise NoAnswerError(
            f"it is made for {made}, not for {', '.join(lacking)}; take that out of archs"
        )
    if image.digest not in (None, digest):
        raise NoAnswerError(
            f"it has the digest {digest} there, and {image.digest} is described; see which of them"
            " is right before you correct container_images"
        )
