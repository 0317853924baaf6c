"""
Root file systems of images, one for each architecture: mmdebstrap writes them, here they are
packed. Those of an image stay until all of it is in the registry, so that a build that was cut
short, or failed for one architecture, begins where it ended.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from picloud.workloads import oci, pypi, recipe
from picloud.workloads.recipe import Made
from picloud_watch import NoAnswerError

from picloud_images import wheels
from picloud_images.orders import Order

#: Where root file systems are made: they are big, and /tmp may be in memory.
CACHE = Path("/var/cache/picloud/images")
#: How folders begin that nothing has been finished in.
UNFINISHED = "unfinished-"
CHUNK = 2**20
#: Mounts and processes of a build are its own, and end with whoever began it.
APART = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"),
    "nice",
)


class RootFs(NamedTuple):
    """A root file system: the packed layer, its file, and versions of the packages in it."""

    layer: oci.Layer
    file: Path
    packages: Mapping[str, str]


def root_fs(order: Order, arch: str, options: Mapping[str, str]) -> RootFs:
    """
    Return the root file system of an image for one architecture, made unless it is there already;
    NoAnswerError says why it was not made.

    order, arch
        The image, and the architecture.
    options
        See ``machine.apt_options``.
    """
    folder = CACHE / f"{order.entry}-{arch}-{order.layer(arch)[:16]}"
    if not folder.exists():
        _make(order, arch, options, folder)
    try:
        said = json.loads((folder / "layer.json").read_text(encoding="utf-8"))
        layer = oci.Layer(oci.Blob(*said["blob"]), said["diff"])
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise NoAnswerError(f"{folder} is damaged: {err}; remove it and build again") from err
    return RootFs(layer, folder / "layer.tar.gz", said["packages"])


def forget(entry: str) -> None:
    """
    Remove the root file systems and wheels of an image, of whatever description.

    entry
        Its name in the description.
    """
    for kind in (*oci.PLATFORMS, wheels.KIND):
        for folder in CACHE.glob(f"{entry}-{kind}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def tidy() -> None:
    """
    Remove what a build left that was killed; to be called while none is at work. NoAnswerError
    when something is mounted there: nothing of that is removed.
    """
    mounted = recipe.mounted_below(Path("/proc/self/mountinfo").read_text("utf-8"), str(CACHE))
    if mounted:
        raise NoAnswerError(
            f"Below {CACHE} something is mounted: {', '.join(mounted)}; unmount it (umount)"
        )
    for folder in CACHE.glob(f"{UNFINISHED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _make(order: Order, arch: str, options: Mapping[str, str], target: Path) -> None:
    """Make a root file system; its folder appears when all of it is there."""
    try:
        CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise NoAnswerError(f"{CACHE} cannot be made: {err.strerror}") from err
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=UNFINISHED) as temporary:
        root = Path(temporary)
        made, files, listing = root / "made", root / "files.tar", root / "packages"
        made.mkdir()
        _archive(order.files, int(order.date.timestamp()), files)
        pip = order.build.pip
        hooks = [wheels.hook(pip, wheels.made(order, CACHE, UNFINISHED))] if pip else []
        command = recipe.command(
            order.build,
            arch,
            list(order.parts),
            options=[f'{name} "{value}"' for name, value in sorted(options.items())],
            files=str(files),
            listing=str(listing),
            hooks=hooks,
        )
        layer = _run(order, arch, command, made / "layer.tar.gz")
        packages = recipe.packages(listing.read_text(encoding="utf-8")) | pypi.versions(pip)
        said = {"blob": list(layer.blob), "diff": layer.diff, "packages": packages}
        (made / "layer.json").write_text(json.dumps(said), encoding="utf-8")
        made.rename(target)


def _archive(files: Sequence[Made], date: int, path: Path) -> None:
    """Write the image's own files as a tar archive that is the same each time."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for file in sorted(files):
            info = tarfile.TarInfo(f"./{file.path}")
            info.size, info.mode, info.mtime = len(file.data), file.mode, date
            archive.addfile(info, io.BytesIO(file.data))


def _run(order: Order, arch: str, command: Sequence[str], packed: Path) -> oci.Layer:
    """Run mmdebstrap, and pack what it writes."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
        "TMPDIR": str(packed.parent.parent),
        "SOURCE_DATE_EPOCH": str(int(order.date.timestamp())),
    }
    with tempfile.TemporaryFile(dir=packed.parent.parent) as said:
        try:
            running = subprocess.Popen(
                [*APART, *command],
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
