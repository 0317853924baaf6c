"""
What the packages of an image bring and nobody needs: removed before the image is packed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

#: Each pattern in turn, as the shell of the image finds its paths.
EACH = (
    "for pattern do set -- $pattern;"
    ' if [ ! -e "$1" ] && [ ! -L "$1" ]; then'
    ' echo "E: build.exclude: there is no $pattern" >&2; exit 1; fi;'
    ' rm -rf -- "$@" || exit 1; done'
)


def remove(paths: Sequence[str]) -> str:
    """
    Return the command with which mmdebstrap removes paths from an image; it fails at one that is
    the path of nothing.

    paths
        ``build.exclude`` of the image.

    It runs inside the image, where no link leads to anything of the machine that builds.
    """
    return f'chroot "$1" {shlex.join(["sh", "-c", EACH, "exclude", *paths])}'
