"""
Making images: mmdebstrap writes a root file system for each architecture, which is packed into a
folder of images (OCI layout) and pushed as one name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from picloud.workloads import oci, recipe
from picloud.workloads.images import ContainerImage
from picloud.workloads.recipe import Archive, Made, Release
from picloud.workloads.seal import Build
from picloud_watch import NoAnswerError

from picloud_images import machine
from picloud_images.registry import Registry

#: Root file systems are big; /tmp may be in memory.
WORK = "/var/tmp"
CHUNK = 2**20


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
    images: Mapping[str, ContainerImage], cards: Sequence[Any], options: Mapping[str, str]
) -> tuple[list[Order], list[str]]:
    """
    Look up what goes into images; also everything that stands in the way, one line each.

    images
        Entries of the section ``container_images``.
    cards
        Entries of the section ``images``.
    options
        See ``machine.apt_options``.
    """
    found, faults = [], []
    seen: dict[Archive, Release] = {}
    failed: set[Archive] = set()
    for entry, image in images.items():
        if image.build is None:
            continue
        files, wrong = read_files(entry, image)
        faults += wrong
        parts = recipe.archives(image.build, cards)
        fetched, wrong = machine.releases(
            [one for one in parts if one not in seen and one not in failed], options
        )
        seen |= fetched
        failed |= {one for one in parts if one not in seen}
        faults += wrong
        if parts[0] in seen:
            lacking = recipe.missing(image.build, image.archs, seen[parts[0]])
            faults += [f"container_images.{entry}.archs: {one}" for one in lacking]
        if all(one in seen for one in parts):
            found.append(Order(entry, image, tuple(files), {one: seen[one] for one in parts}))
    if found and not faults:
        archs = sorted({arch for order in found for arch in order.image.archs})
        faults += machine.emulated(archs)
    return found, faults


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


def make(order: Order, options: Mapping[str, str], registry: Registry) -> Build:
    """
    Make an image for all its architectures, and push it; NoAnswerError says what failed.

    order
        The image.
    options
        See ``machine.apt_options``.
    registry
        Where it is pushed to.
    """
    with tempfile.TemporaryDirectory(dir=WORK, prefix="picloud-image-") as folder:
        root = Path(folder)
        layout = root / "layout"
        (layout / "blobs" / "sha256").mkdir(parents=True)
        files = root / "files.tar"
        _archive(order.files, int(order.date.timestamp()), files)
        platforms, packages = [], {}
        for arch in order.image.archs:
            listing = root / f"packages-{arch}"
            command = recipe.command(
                _build(order),
                arch,
                list(order.parts),
                options=[f'{name} "{value}"' for name, value in sorted(options.items())],
                files=str(files),
                listing=str(listing),
            )
            layer = _layer(order, arch, command, layout)
            made = oci.platform(arch, _build(order), layer, order.date.isoformat())
            for document in (made.config, made.manifest):
                _put(layout, document)
            platforms.append(made)
            packages[arch] = recipe.packages(listing.read_text(encoding="utf-8"))
        index = oci.index(platforms)
        _put(layout, index)
        for name, data in oci.layout(index):
            (layout / name).write_bytes(data)
        registry.push(layout, order.name, order.image.tag, index.blob.digest)
    return Build(
        order.name,
        order.image.tag,
        index.blob.digest,
        {one.arch: {"digest": one.manifest.blob.digest, "size": one.size} for one in platforms},
        packages,
        order.described,
        order.packaged,
        time.time(),
    )


def _build(order: Order) -> Any:
    assert order.image.build is not None
    return order.image.build


def _archive(files: Sequence[Made], date: int, path: Path) -> None:
    """Write the image's own files as a tar archive that is the same each time."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for file in sorted(files):
            info = tarfile.TarInfo(f"./{file.path}")
            info.size, info.mode, info.mtime = len(file.data), file.mode, date
            archive.addfile(info, io.BytesIO(file.data))


def _layer(order: Order, arch: str, command: Sequence[str], layout: Path) -> oci.Layer:
    """Run mmdebstrap, and pack what it writes."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
        "TMPDIR": str(layout.parent),
        "SOURCE_DATE_EPOCH": str(int(order.date.timestamp())),
    }
    packed = layout / f"{arch}.tar.gz"
    with tempfile.TemporaryFile(dir=layout.parent) as said:
        try:
            running = subprocess.Popen(
                ["nice", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment,
                umask=0o022,
            )
        except OSError as err:
            raise NoAnswerError(f"cannot run mmdebstrap: {err}") from err
        assert running.stdout is not None
        try:
            layer = _pack(running.stdout, packed)
        except OSError as err:
            running.kill()
            raise NoAnswerError(f"{order.entry} for {arch} cannot be packed: {err}") from err
        finally:
            running.stdout.close()
            status = running.wait()
        if status:
            said.seek(0)
            why = recipe.failure(said.read().decode("utf-8", "replace"))
            raise NoAnswerError(f"{order.entry} for {arch} was not made: {why}")
    packed.rename(_blob(layout, layer.blob.digest))
    return layer


def _pack(stream: IO[bytes], path: Path) -> oci.Layer:
    """Compress a stream into a file; the digests of both. The same bytes make the same file."""
    plain, packed = hashlib.sha256(), _Counted(path)
    with packed.file, gzip.GzipFile("", "wb", 6, packed, mtime=0) as into:  # type: ignore[arg-type]
        while chunk := stream.read(CHUNK):
            plain.update(chunk)
            into.write(chunk)
    blob = oci.Blob(oci.LAYER, f"sha256:{packed.digest.hexdigest()}", packed.size)
    return oci.Layer(blob, f"sha256:{plain.hexdigest()}")


class _Counted:
    """A file that is written once, with its digest and size."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write, and count."""
        self.digest.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self) -> None:
        """Flush the file, as a compressor asks."""
        self.file.flush()


def _put(layout: Path, document: oci.Document) -> None:
    _blob(layout, document.blob.digest).write_bytes(document.data)


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
