"""The lab's images: made by mmdebstrap and docker build, again only when their inputs change."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab import hostapt, shell, wheels
from lab.description import Site
from lab.errors import LabError
from lab.settings import STATE, Settings

HERE = Path(__file__).parent / "image"
REPOSITORY = "picloud-lab"
# In the state of a lab: which images it needs, for other labs on this machine.
NEEDED = "images.json"
# Beside the description's packages: what a container needs and a Pi has otherwise, and gnupg, with
# which the master reads what is encrypted in a description (docs/install.md has it for a real one).
LAB_PACKAGES = ("ca-certificates", "gnupg", "iproute2", "iptables", "kmod", "procps", "tzdata")
LEAVE_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*/*")


def digest(parts: Iterable[object]) -> str:
    """Short digest of an image's inputs; files by their content."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()[:12]


def exists(image: str) -> bool:
    """True when Docker Engine has the image."""
    return shell.succeeds(["docker", "image", "inspect", image])


def _packages(site: Site) -> list[str]:
    return sorted({*site.image["packages"], *LAB_PACKAGES})


def _sources(site: Site) -> list[str]:
    """The lines of sources.list, with the mirrors that are described."""
    image: dict[str, Any] = site.image
    suite, components = image["suite"], " ".join(image["components"])
    sources = [
        f"deb {image['mirror']} {suite} {components}",
        f"deb {image['mirror']} {suite}-updates {components}",
    ]
    if image.get("security_mirror"):
        sources.append(f"deb {image['security_mirror']} {suite}-security {components}")
    return sources


def _base(site: Site) -> str:
    """The name of the image that the others begin with."""
    inputs = [*_packages(site), *_sources(site), *LEAVE_OUT, site.locale, HERE / "customize.sh"]
    return f"{REPOSITORY}/base:{digest(inputs)}"


def build_base(site: Site) -> str:
    """Debian with the description's packages; returns the image's name."""
    name = _base(site)
    if exists(name):
        return name
    packages, sources, suite = _packages(site), _sources(site), site.image["suite"]
    script = HERE / "customize.sh"
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        f"--include={','.join(packages)}",
        *(f"--dpkgopt=path-exclude={path}" for path in LEAVE_OUT),
        *(f"--aptopt={option}" for option in hostapt.options()),
        f'--customize-hook={script} "$1"',
        suite,
        "-",
        *(hostapt.at_host(line, suite) for line in sources),
    ]
    load = shell.program(
        ["docker", "import", "--change", "LABEL picloud.lab.image=base", "-", name]
    )
    env = os.environ | {"PICLOUD_SOURCES": "\n".join(sources), "PICLOUD_LOCALE": site.locale}
    shell.note(f"+ {' '.join(command)} | {' '.join(load)}")
    with (shell.log_path() or Path("/dev/null")).open("ab") as log:
        make = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=env)
        into = subprocess.run(load, stdin=make.stdout, stdout=log, stderr=log, check=False)
        assert make.stdout is not None
        make.stdout.close()
        if make.wait() or into.returncode:
            shell.succeeds(["docker", "image", "rm", name])
            raise LabError(
                "mmdebstrap did not make the root file system",
                "read the end of the log: mostly the mirror was not reachable "
                "(see mirror: in pillar/cloud/images.sls), or a package has no such name",
            )
    return name


def _build(target: str, base: str, site: Site, context: Path, inputs: list[object]) -> str:
    name = f"{REPOSITORY}/{target}:{digest([base, *inputs])}"
    if not exists(name):
        env = os.environ | {"DOCKER_BUILDKIT": "0"}
        arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"SALT={site.salt_version}"]
        network = "host" if target in ("aptcache", "master") else "none"
        shell.run(
            [
                "docker",
                "build",
                "--network",
                network,
                "--target",
                target,
                "--tag",
                name,
                "--label",
                f"picloud.lab.image={target}",
                *arguments,
                str(context),
            ],
            what=f"docker build of the {target} image failed",
            env=env,
        )
    return name


def _link(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        try:
            os.link(path, folder / path.name)
        except OSError:
            shutil.copy2(path, folder / path.name)


def _context(checkout: Path, folder: Path, node: list[Path], master: list[Path]) -> None:
    """Lay out what the Dockerfile copies."""
    shutil.copy2(HERE / "Dockerfile", folder / "Dockerfile")
    _link(node, folder / "wheels")
    _link(master, folder / "master/tmp/wheels")
    units = folder / "context/etc/systemd/system"
    programs = folder / "context/usr/lib/picloud"
    minion = folder / "context/etc/salt/minion.d"
    for path in (units, programs, minion, folder / "master/etc/systemd/system"):
        path.mkdir(parents=True, exist_ok=True)
    for unit in (*(checkout / "firstboot").glob("*.service"), HERE / "picloud-lab-files.service"):
        shutil.copy2(unit, units)
    for program in (checkout / "firstboot/picloud-firstboot", HERE / "picloud-lab-files"):
        shutil.copy2(program, programs)
        (programs / program.name).chmod(0o755)
    for config in (*(checkout / "master/minion.d").glob("*.conf"), HERE / "board.conf"):
        shutil.copy2(config, minion)
    shutil.copytree(HERE / "boot", folder / "context/boot/firmware")
    for unit in _units(checkout):
        shutil.copy2(unit, folder / "master/etc/systemd/system")


def _units(checkout: Path) -> list[Path]:
    """The units of a master."""
    keep = checkout / "master/keep"
    return [
        checkout / "master/salt-master.service",
        checkout / "master/limit/picloud-limit.service",
        *sorted([*keep.glob("*.service"), *keep.glob("*.timer")]),
    ]


def build(settings: Settings, site: Site) -> dict[str, str]:
    """
    Make what is missing; returns the names of the images node, master and aptcache.

    Example: ``build(settings, site)["node"] == "picloud-lab/node:2b1f..."``
    """
    for_node, for_master = wheels.closure(wheels.NODE), wheels.closure(wheels.MASTER)
    if for_node["salt"] != site.salt_version:
        raise LabError(
            f"salt_minion.version is {site.salt_version}, the virtual environment has Salt "
            f"{for_node['salt']}",
            "make both the same: pillar/cloud/salt_minion.sls, requirements.lock",
        )
    for_master = {name: for_master[name] for name in for_master if name not in for_node}
    base = _base(site)
    own = [
        path
        for folder in (settings.checkout / "firstboot", settings.checkout / "master/minion.d", HERE)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    own += _units(settings.checkout)
    node_inputs = [*sorted(for_node.items()), *own]
    master_inputs = [*node_inputs, *sorted(for_master.items())]
    names = {
        "node": f"{REPOSITORY}/node:{digest([base, *node_inputs])}",
        "master": f"{REPOSITORY}/master:{digest([base, *master_inputs])}",
        "aptcache": f"{REPOSITORY}/aptcache:{digest([base])}",
    }
    _note(settings, [*names.values(), base])
    build_base(site)
    if all(exists(name) for name in names.values()):
        return names
    wheelhouse = settings.cache / "wheels"
    wheels.fill(wheelhouse, for_node | for_master)
    with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
        context = Path(folder)
        _context(
            settings.checkout,
            context,
            wheels.files(wheelhouse, for_node),
            wheels.files(wheelhouse, for_master),
        )
        _build("node", base, site, context, list(node_inputs))
        _build("master", base, site, context, list(master_inputs))
        _build("aptcache", base, site, context, [])
    remove_old([*names.values(), base])
    return names


def _note(settings: Settings, names: list[str]) -> None:
    """Say which images a lab needs, before they are made; ``down`` takes the note away."""
    if settings.state.is_dir():
        new = settings.state / f"{NEEDED}.new"
        new.write_text(json.dumps(names), "utf-8")
        new.replace(settings.state / NEEDED)


def _needed() -> set[str]:
    """Images that any lab of this machine needs, of whatever checkout."""
    found: set[str] = set()
    for note in STATE.glob(f"*/{NEEDED}"):
        with suppress(OSError, ValueError):  # a lab is taken down at this moment
            found.update(json.loads(note.read_text("utf-8")))
    return found


def remove_old(keep: Iterable[str]) -> None:
    """
    Remove lab images that nothing uses any more.

    keep
        Images to keep, beside those of any container and those that a lab needs, see ``NEEDED``.
    """
    listed = shell.run(
        [
            "docker",
            "image",
            "ls",
            "--format",
            "{{.Repository}}:{{.Tag}}",
            "--filter",
            f"reference={REPOSITORY}/*",
        ],
        what="docker image ls failed",
    )
    made = shell.run(["docker", "ps", "--all", "--format", "{{.Image}}"], what="docker ps failed")
    used = {*keep, *_needed(), *made.split()}
    for name in listed.split():
        if name not in used:
            shell.succeeds(["docker", "image", "rm", name])


def remove_all() -> None:
    """Remove every image that no other lab needs (``make clean``)."""
    remove_old(())
