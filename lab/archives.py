"""Files for nodes that do not come from the checkout: container images and Salt's wheels."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

from lab import shell, wheels
from lab.errors import LabError
from lab.settings import Settings

IMAGE, TAG = "picloud/busybox", "1.35"
ARCHIVE = "busybox-1.35-amd64.tar"


def images_folder(settings: Settings) -> Path:
    """Where the docker part looks for archives; git-ignored."""
    return settings.checkout / "salt" / "docker" / "images"


def wheels_folder(settings: Settings) -> Path:
    """Where the salt_minion part looks for wheels; git-ignored."""
    return settings.checkout / "salt" / "salt_minion" / "wheels"


def place(settings: Settings, node_image: str) -> None:
    """
    Put the busybox archive and the wheels into the file root, when they are not there.

    node_image
        Image whose apt fetches Debian's busybox-static: the host's packages stay as they are.
    """
    archive = images_folder(settings) / ARCHIVE
    if not archive.exists():
        kept = settings.cache / ARCHIVE
        if not kept.exists():
            binary = _busybox(settings, node_image)
            kept.write_bytes(loadable(binary, "amd64"))
        archive.parent.mkdir(parents=True, exist_ok=True)
        _put(kept, archive)
    place_wheels(settings)


def _put(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def place_wheels(settings: Settings) -> int:
    """Hard links (or copies) of the wheelhouse in the file root; old ones go. Returns how many."""
    packages = wheels.closure(wheels.NODE)
    folder, house = wheels_folder(settings), settings.cache / "wheels"
    wheels.fill(house, packages)
    wanted = {path.name: path for path in wheels.files(house, packages)}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        if old.name not in wanted:
            old.unlink()
    for name, path in wanted.items():
        if not (folder / name).exists():
            _put(path, folder / name)
    return len(wanted)


def _busybox(settings: Settings, node_image: str) -> bytes:
    """The program out of Debian's busybox-static."""
    script = (
        "apt-get -o Acquire::Check-Valid-Until=false -qq update >&2 && cd /tmp && "
        "apt-get -qq download busybox-static >&2 && "
        "dpkg-deb --fsys-tarfile busybox-static_*.deb"
    )
    shell.note(f"+ docker run {node_image} sh -c {script!r}")
    target = settings.cache / "busybox.fsys.tar"
    shell.run(
        [
            "docker",
            "run",
            "--rm",
            "--network",
            "host",
            "--volume",
            f"{settings.cache}:/cache",
            node_image,
            "sh",
            "-c",
            f"({script}) > /cache/{target.name}",
        ],
        what="busybox-static was not fetched",
    )
    try:
        with tarfile.open(target) as package:
            member = package.extractfile("./bin/busybox")
            if member is None:
                raise LabError("busybox-static holds no /bin/busybox", "look at the package")
            return member.read()
    except (OSError, KeyError, tarfile.TarError) as err:
        raise LabError(f"busybox-static cannot be read: {err}", "run it again") from err
    finally:
        target.unlink(missing_ok=True)


def _tar(files: dict[str, tuple[bytes, int]], links: tuple[str, ...] = ()) -> bytes:
    """A tar whose bytes depend on its content only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (data, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
        for name in links:
            info = tarfile.TarInfo(f"bin/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(info)
    return buffer.getvalue()


def loadable(binary: bytes, arch: str) -> bytes:
    """
    An archive for ``docker load`` with one layer: busybox and its links.

    Same input, same bytes, so that a rebuilt archive is no change for a node.

    Example: ``loadable(Path("/bin/busybox").read_bytes(), "amd64")``
    """
    links = ("sh", "sleep", "ls", "cat", "echo", "httpd", "wget", "nc", "true", "ping", "ip", "ps")
    layer = _tar({"bin/busybox": (binary, 0o755)}, links)
    diff = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": arch,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "busybox-static"}],
        },
        sort_keys=True,
    ).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps(
        [
            {
                "Config": f"{name}.json",
                "RepoTags": [f"{IMAGE}:{TAG}"],
                "Layers": [f"{diff}/layer.tar"],
            }
        ]
    ).encode()
    return _tar(
        {
            f"{diff}/layer.tar": (layer, 0o644),
            f"{name}.json": (config, 0o644),
            "manifest.json": (manifest, 0o644),
        }
    )


def remove(settings: Settings) -> None:
    """Remove what :func:`place` made, and the cache."""
    for folder in (images_folder(settings), wheels_folder(settings), settings.cache):
        shutil.rmtree(folder, ignore_errors=True)
