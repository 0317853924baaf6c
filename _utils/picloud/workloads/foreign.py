"""
Images of other registries, as their manifests tell: architectures, digest, and size.

The documents are those of OCI (https://github.com/opencontainers/image-spec, version 1.0) or of
Docker (Image Manifest Version 2, Schema 2), which name the same things alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from picloud.parts import Arch

#: Debian's architecture for what Go calls architecture and variant. A Pi 1 is ARMv6; of what is
#: made for ARMv5 or ARMv6 each node of armel can run both.
ARCHS: Mapping[tuple[str, str], Arch] = {
    ("amd64", ""): "amd64",
    ("arm64", ""): "arm64",
    ("arm64", "v8"): "arm64",
    ("arm", ""): "armhf",
    ("arm", "v7"): "armhf",
    ("arm", "v6"): "armel",
    ("arm", "v5"): "armel",
}


def digest(raw: bytes) -> str:
    """
    Return the digest of a document.

    raw
        The document as it is served.
    """
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def platforms(raw: bytes, config: Mapping[str, Any] | None = None) -> dict[Arch, str]:
    """
    Return the digests of what an image has for each architecture that a Pi cloud may have.

    raw
        The manifest, or the index of manifests, as it is served.
    config
        The configuration of an image that has no index; it names the one platform.

    Raises ValueError when it is no such document.

    >>> platforms(b'{"manifests": [{"digest": "sha256:1", "platform": {"architecture": "amd64"}}]}')
    {'amd64': 'sha256:1'}
    """
    listed = _read(raw).get("manifests")
    if listed is None:
        listed = [{"digest": digest(raw), "platform": config or {}}]
    found: dict[Arch, str] = {}
    for one in listed if isinstance(listed, list) else ():
        about = one.get("platform") if isinstance(one, dict) else None
        if not isinstance(about, dict) or about.get("os", "linux") != "linux":
            continue
        arch = ARCHS.get((str(about.get("architecture")), str(about.get("variant") or "")))
        if arch is not None:
            # The first one is the one that Docker takes.
            found.setdefault(arch, str(one.get("digest")))
    return found


def size(raw: bytes) -> int:
    """
    Return how many bytes a node downloads for a manifest.

    raw
        The manifest of one platform as it is served.

    Raises ValueError when it is no such document.
    """
    said = _read(raw)
    try:
        return len(raw) + sum(int(one["size"]) for one in (said["config"], *said["layers"]))
    except (KeyError, TypeError, ValueError) as err:
        raise ValueError(f"it is no manifest of an image: {err}") from err


def _read(raw: bytes) -> dict[str, Any]:
    said = json.loads(raw)
    if not isinstance(said, dict):
        raise ValueError("it is no manifest")
    return said
