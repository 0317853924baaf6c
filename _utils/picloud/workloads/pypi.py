"""
Packages of PyPI in an image: pinned by version and hash, the same files on every architecture.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Sequence

#: How a wheel ends that has no compiled code.
ANYWHERE = "-none-any.whl"


def pins(requirements: Iterable[str]) -> list[str]:
    """
    Return what is installed, without hashes.

    requirements
        ``build.pip`` of an image.

    >>> pins(["py4j==0.10.9.7 --hash=sha256:85de"])
    ['py4j==0.10.9.7']
    """
    return [one.split()[0] for one in requirements]


def versions(requirements: Iterable[str]) -> dict[str, str]:
    """
    Return versions by package, as they stand beside those of Debian.

    requirements
        ``build.pip`` of an image.

    >>> versions(["py4j==0.10.9.7 --hash=sha256:85de"])
    {'py4j (PyPI)': '0.10.9.7'}
    """
    pairs = (one.split("==", 1) for one in pins(requirements))
    return {f"{name} (PyPI)": version for name, version in pairs}


def digest(requirements: Iterable[str]) -> str:
    """
    Return what the wheels of these requirements are known by.

    requirements
        ``build.pip`` of an image.
    """
    return hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()


def wheel(python: str, listed: str, folder: str) -> list[str]:
    """
    Return the command that makes the wheels; it takes nothing whose hash is another one.

    python
        The interpreter whose pip is used.
    listed
        A file with the requirements, one on each line.
    folder
        Where the wheels go.
    """
    return [
        *(python, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
        *(
            "--no-cache-dir",
            "--use-pep517",
            "--no-deps",
            "--require-hashes",
            "--requirement",
            listed,
        ),
        *("--wheel-dir", folder),
    ]


def foreign(wheels: Iterable[str]) -> list[str]:
    """
    Return the wheels that do not run on every architecture.

    wheels
        Their file names.

    >>> foreign(["py4j-0.10.9.7-py2.py3-none-any.whl", "msgpack-1.1-cp311-cp311-linux_x86_64.whl"])
    ['msgpack-1.1-cp311-cp311-linux_x86_64.whl']
    """
    return sorted(name for name in wheels if not name.endswith(ANYWHERE))


def install(python: str, requirements: Sequence[str], folder: str) -> str:
    """
    Return the command with which mmdebstrap puts wheels where the image's own Python finds them.

    python
        The interpreter whose pip is used, that of the machine that builds.
    requirements
        ``build.pip`` of the image.
    folder
        Where the wheels are.

    Nothing is compiled: what Python makes of its sources carries times. Programs are left out, for
    they would name the Python of the machine that builds.
    """
    pip = shlex.join(
        [
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--root-user-action", "ignore", "--no-cache-dir", "--no-index", "--no-deps"),
            *("--no-compile", "--find-links", folder, *pins(requirements)),
        ]
    )
    return (
        'set -- "$1" "$1"/usr/lib/python3.[0-9]*;'
        ' if [ ! -d "$2" ]; then echo "E: build.pip needs python3 among packages" >&2; exit 1; fi;'
        ' there="$1/usr/local/lib/${2##*/}/dist-packages";'
        f' {pip} --target "$there" && rm -rf "$there/bin"'
    )
