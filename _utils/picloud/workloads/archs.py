"""
For which architectures images are needed: a master may say that its nodes have only some of those
that images are described for, as those of a lab do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import get_args

from picloud.parts import Arch

#: Where a master says it.
OPTION = "picloud_images"


def configured(given: object) -> tuple[str, ...]:
    """
    Return the architectures that the nodes of a master have; none when it does not say, which means
    whatever is described. ValueError names every fault.

    given
        The option ``picloud_images`` of the master: ``{archs: [amd64]}``.

    >>> configured({"archs": ["amd64"]})
    ('amd64',)
    """
    if given is None:
        return ()
    if not isinstance(given, dict) or not given.keys() <= {"archs"}:
        raise ValueError(f"{OPTION} is {given!r}; write {OPTION}: {{archs: [armhf, arm64]}}")
    archs, known = given.get("archs"), get_args(Arch)
    if not isinstance(archs, list) or not archs:
        raise ValueError(f"{OPTION}.archs is {archs!r}; it must be a list such as [armhf, arm64]")
    wrong = [repr(arch) for arch in archs if arch not in known]
    if wrong:
        raise ValueError(f"{OPTION}.archs has {', '.join(wrong)}; there are {', '.join(known)}")
    return tuple(dict.fromkeys(archs))


def narrowed(archs: Iterable[str], only: Collection[str]) -> tuple[str, ...]:
    """
    Return those of an image's architectures that nodes have.

    archs
        Those that it is described for.
    only
        See ``configured``.

    An image that is for none of them is left as it is described: nothing here can run it, and it is
    refused unless all of it was built.

    >>> narrowed(["armel", "amd64"], ["amd64"])
    ('amd64',)
    """
    described = tuple(archs)
    return tuple(arch for arch in described if arch in only) or described


def refusal(archs: Iterable[str], only: Collection[str]) -> str:
    """
    Return in words why an image is not built for architectures that no node has; else nothing.

    archs
        See ``narrowed``.
    only
        See ``configured``.

    >>> refusal(["armel", "amd64"], ["amd64"])
    ''
    """
    described = tuple(archs)
    if not only or not set(only).isdisjoint(described):
        return ""
    ours, its = ", ".join(only), ", ".join(described)
    return (
        f"this master builds for {ours} alone ({OPTION}.archs in its configuration), and the image"
        f" has {its}: add {ours} to its archs, or add {its} to {OPTION}.archs, restart salt-master"
        " and run: salt-run image.registry"
    )
