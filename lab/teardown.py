"""Remove a lab, whole or half made, so that nothing of it is left."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from lab import host, shell
from lab.cluster import containers, docker
from lab.settings import LABEL, STATE, Settings


def down(settings: Settings) -> list[str]:
    """Remove all of a lab, whatever state it is in; returns the names of what was removed."""
    gone = [settings.container(name) for name in containers(settings)]
    mine = ("--filter", f"label={LABEL}={settings.name}")
    identities = docker("ps", "--all", "--quiet", "--no-trunc", *mine, what="docker ps failed")
    for begin in range(0, len(gone), 10):
        docker(
            "rm",
            "--force",
            "--volumes",
            *gone[begin : begin + 10],
            what="containers were not removed",
        )
    networks = docker(
        "network", "ls", *mine, "--format", "{{.Name}}", what="docker network ls failed"
    ).split()
    if networks:
        docker("network", "rm", *networks, what="the network was not removed")
    _remove_cgroups(identities.split())
    shutil.rmtree(settings.state, ignore_errors=True)
    if not any(path.is_dir() for path in STATE.glob("*")):
        host.restore_sysctls()
        shutil.rmtree(STATE, ignore_errors=True)
    return [*gone, *(f"network {name}" for name in networks)]


def _remove_cgroups(gone: Sequence[str]) -> None:
    """systemd in a container on cgroup v1 leaves the container's empty control groups behind."""
    for parent in Path("/sys/fs/cgroup").glob("*/docker"):
        for identity in gone:
            if (parent / identity).is_dir():
                _rmdir_tree(parent / identity)


def _rmdir_tree(folder: Path) -> None:
    for child in folder.iterdir():
        if child.is_dir():
            _rmdir_tree(child)
    try:
        folder.rmdir()
    except OSError:
        shell.note(f"{folder} is still in use")
