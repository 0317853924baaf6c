"""
Checks of container images.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from picloud.checks.context import Known
from picloud.faults import OTHER, Path, Problem
from picloud.workloads.images import reference, tagged
from picloud.workloads.tasks import allowed_archs


def images(known: Known) -> Iterator[Problem]:
    """Images and files have one origin, and a version that is blocked everywhere is refused."""
    for name, image in known.common.container_images.items():
        base = ("container_images", name)
        files = image.build.files if image.build else {}
        if image.build and image.copy_of:
            problem = "is built here, and cannot be the copy of another one as well"
            yield Problem((*base, "copy_of"), "image-origin", problem, "leave out one of them")
        for path, file in files.items():
            if (file.contents is None) == (file.source is None):
                problem = "has both contents and source" if file.source else "holds nothing"
                advice = "give it either contents or source"
                yield Problem((*base, "build", "files", path), "image-file", problem, advice)
        yield from _places((*base, "build", "files"), files)
        if not allowed_archs(image):
            blocked = next(one for one in image.blocked if one.reason)
            problem = f"version {image.tag} is blocked: {blocked.reason}"
            yield Problem((*base, "tag"), "blocked-image", problem, f"use {blocked.use}")


def _places(base: Path, files: Iterable[str]) -> Iterator[Problem]:
    """Paths of files are written in one way, and none of them is a folder for another."""
    whole = set(files)
    for path in files:
        plain = posixpath.normpath(f"/{path.lstrip('/')}")
        if plain == "/":
            problem = f'"{path}" is the whole image'
            yield Problem((*base, path), "bad-path", problem, "name a file in it, as in /etc/motd")
        elif plain != path:
            problem = f'"{path}" does not go straight to its file'
            yield Problem((*base, path), "bad-path", problem, f'write "{plain}"')
            continue
        above = posixpath.dirname(path)
        while above != "/" and above not in whole:
            above = posixpath.dirname(above)
        if above != "/":
            problem = f"{above} is a file, at {OTHER}, and this lies below it"
            advice = "give one of them another path"
            yield Problem((*base, path), "image-file", problem, advice, other=(*base, above))


def twice(known: Known) -> Iterator[Problem]:
    """A name and tag belong to one image: the registry of a site keeps one under them."""
    seen: dict[str, Path] = {}
    for name, image in known.common.container_images.items():
        path = ("container_images", name)
        text = tagged(name, image) if image.is_ours else reference(name, image)
        if text in seen:
            problem = f"duplicate image name: {text} is that of {seen[text][1]} too, at {OTHER}"
            advice = "give one of them another name or tag"
            yield Problem(path, "duplicate-image", problem, advice, other=seen[text])
        seen.setdefault(text, path)


CHECKS = (images, twice)
