"""The wheelhouse: Salt and what it needs, as wheels made on this machine."""

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lab import shell
from lab.errors import LabError

NODE = ("salt", "saltext-dockermod", "docker")
MASTER = ("pydantic", "rich", "sqlalchemy")
# Source package that needs a compiler; Salt uses it for one Jinja filter only.
OPTIONAL = {"timelib"}
IMAGE_PYTHON = (3, 11)


def closure(names: tuple[str, ...]) -> dict[str, str]:
    """
    Names and versions of packages with all they need, as installed in this environment.

    Example: ``closure(("rich",)) == {"rich": "15.0.0", "pygments": ...}``
    """
    found: dict[str, str] = {}
    todo = list(names)
    while todo:
        name = canonicalize_name(todo.pop())
        if name in found or name in OPTIONAL:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError as err:
            raise LabError(
                f"{name} is not installed in the virtual environment", "run: make venv"
            ) from err
        found[name] = package.version
        for text in package.requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                todo.append(need.name)
    return found


def files(wheelhouse: Path, packages: dict[str, str]) -> list[Path]:
    """The wheel of each package that the wheelhouse has."""
    found = []
    for wheel in sorted(wheelhouse.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        if packages.get(canonicalize_name(name)) == version:
            found.append(wheel)
    return found


def fill(wheelhouse: Path, packages: dict[str, str]) -> int:
    """
    Make the wheels that are missing with pip; returns how many were.

    wheelhouse
        Folder for them, kept between runs.
    packages
        What :func:`closure` returned.
    """
    if sys.version_info[:2] != IMAGE_PYTHON:
        raise LabError(
            f"the image has Python 3.11, this environment {sys.version_info[0]}."
            f"{sys.version_info[1]}: compiled wheels would not fit",
            "remove .venv and make it with Python 3.11: make venv PYTHON=python3.11",
        )
    wheelhouse.mkdir(parents=True, exist_ok=True)
    have = {canonicalize_name(path.name.split("-")[0]) for path in files(wheelhouse, packages)}
    missing = [f"{name}=={version}" for name, version in packages.items() if name not in have]
    if missing:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        shell.run(
            [*pip, "--no-deps", "--wheel-dir", str(wheelhouse), *missing],
            what="pip cannot make the wheels",
        )
    return len(missing)
