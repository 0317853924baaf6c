"""
Making images: the root file systems of all architectures are put together in a folder of images
(OCI layout), and pushed as one name.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from picloud.workloads import oci
from picloud.workloads.seal import Build

from picloud_images import layers
from picloud_images.orders import Order
from picloud_images.registry import Registry


def make(order: Order, options: Mapping[str, str], registry: Registry) -> Build:
    """
    Make an image for all its architectures, and push it; NoAnswerError says what failed. What was
    made for some of them until then is used at the next try.

    order
        The image.
    options
        See ``machine.apt_options``.
    registry
        Where it is pushed to.
    """
    made = {arch: layers.root_fs(order, arch, options) for arch in order.image.archs}
    platforms = [
        oci.platform(arch, order.build, one.layer, order.date.isoformat())
        for arch, one in made.items()
    ]
    index = oci.index(platforms)
    documents = [index, *(one.config for one in platforms), *(one.manifest for one in platforms)]
    with tempfile.TemporaryDirectory(dir=layers.CACHE, prefix=layers.UNFINISHED) as folder:
        layout = Path(folder) / "layout"
        blobs = layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for one in made.values():
            if not (target := blobs / _number(one.layer.blob.digest)).exists():
                os.link(one.file, target)
        for document in documents:
            (blobs / _number(document.blob.digest)).write_bytes(document.data)
        for name, data in oci.layout(index):
            (layout / name).write_bytes(data)
        registry.push(layout, order.name, order.image.tag, index.blob.digest)
    layers.forget(order.entry)
    return Build(
        order.name,
        order.image.tag,
        index.blob.digest,
        {one.arch: {"digest": one.manifest.blob.digest, "size": one.size} for one in platforms},
        {arch: one.packages for arch, one in made.items()},
        order.described,
        order.packaged,
        time.time(),
    )


def _number(digest: str) -> str:
    return digest.removeprefix("sha256:")
