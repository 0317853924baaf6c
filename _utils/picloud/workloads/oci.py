"""
Documents of an OCI image: the configuration and manifest of each platform, and the index that puts
them under one name (https://github.com/opencontainers/image-spec, version 1.0).

Same input, same bytes: a digest tells whether two images are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from picloud.parts import Arch
from picloud.workloads.images import ImageBuild

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

#: Debian's architectures as Go, and so Docker, calls them. Debian's armel needs ARMv5 at least and
#: armhf ARMv7, https://wiki.debian.org/SupportedArchitectures; a Pi 1 (ARMv6) takes armel.
PLATFORMS: Mapping[Arch, Mapping[str, str]] = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "arm64": {"architecture": "arm64", "os": "linux", "variant": "v8"},
    "armhf": {"architecture": "arm", "os": "linux", "variant": "v7"},
    "armel": {"architecture": "arm", "os": "linux", "variant": "v5"},
}


class Blob(NamedTuple):
    """Some bytes of an image, as others refer to them: media type, digest and length."""

    media: str
    digest: str
    size: int

    def descriptor(self) -> dict[str, Any]:
        """Return it as documents name it."""
        return {"mediaType": self.media, "digest": self.digest, "size": self.size}


class Document(NamedTuple):
    """A document and its bytes."""

    blob: Blob
    data: bytes


class Layer(NamedTuple):
    """A root file system: the compressed archive, and the digest of what it holds unpacked."""

    blob: Blob
    diff: str


class Platform(NamedTuple):
    """What one architecture has of an image; ``size`` is what a node downloads."""

    arch: Arch
    config: Document
    manifest: Document
    size: int


def document(media: str, content: Mapping[str, Any]) -> Document:
    """
    Return a document with its digest.

    media
        Its media type.
    content
        What it says; keys are written in the order of their names.

    >>> document(CONFIG, {"b": 1, "a": 2}).data
    b'{"a":2,"b":1}'
    """
    data = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return Document(Blob(media, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)), data)


def platform(arch: Arch, build: ImageBuild, layer: Layer, created: str) -> Platform:
    """
    Return the documents of one architecture.

    arch
        Debian's name of it.
    build
        What the description says of the image.
    layer
        Its root file system.
    created
        When what is in it was made, as RFC 3339 has it.
    """
    process = {
        "Env": [f"{name}={value}" for name, value in build.env.items()],
        "User": build.user,
        "WorkingDir": build.workdir,
        "Entrypoint": list(build.entrypoint),
        "Cmd": list(build.args),
    }
    config = document(
        CONFIG,
        {
            **PLATFORMS[arch],
            "created": created,
            "config": {name: value for name, value in process.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff]},
        },
    )
    manifest = document(
        MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.blob.descriptor(),
            "layers": [layer.blob.descriptor()],
        },
    )
    size = layer.blob.size + config.blob.size + manifest.blob.size
    return Platform(arch, config, manifest, size)


def index(platforms: Iterable[Platform]) -> Document:
    """
    Return the one document that stands for all architectures; its digest is that of the image.

    platforms
        What each architecture has.
    """
    listed = sorted(platforms, key=lambda one: one.arch)
    manifests = [
        {**one.manifest.blob.descriptor(), "platform": dict(PLATFORMS[one.arch])} for one in listed
    ]
    return document(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def layout(image: Document) -> Sequence[tuple[str, bytes]]:
    """
    Return the files of a folder of images that are not blobs, with their content.

    image
        The index of its one image.
    """
    root = {"schemaVersion": 2, "manifests": [image.blob.descriptor()]}
    return (
        ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        ("index.json", document(INDEX, root).data),
    )
