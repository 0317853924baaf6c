"""
What the packages of an image bring and nobody needs: removed before the image is packed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

#: What nobody reads in a container; licences stay.
LEFT_OUT = ("doc/*", "man/*", "info/*", "locale/*/*", "lintian/*")
KEPT = ("doc/*/copyright",)
SHARE = "/usr/share"
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


def leave_out() -> str:
    """
    Return the command with which mmdebstrap removes what nobody reads of the packages that it
    extracts, and tells dpkg to leave it out of those to come.

    Told from the beginning, mmdebstrap starts a filter in Python for each package that it extracts,
    which takes as long as half of all else.
    """
    rules = [f"path-exclude={SHARE}/{path}" for path in LEFT_OUT]
    rules += [f"path-include={SHARE}/{path}" for path in KEPT]
    out = " -o ".join(f"-path './{path}'" for path in LEFT_OUT)
    kept = " ".join(f"! -path './{path}'" for path in KEPT)
    return (
        f'cd "$1{SHARE}" && find . ! -type d \\( {out} \\) {kept} -delete'
        f" && find . -type d \\( {out} \\) -empty -delete"
        f" && printf '%s\\n' {shlex.join(rules)} >>\"$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap\""
    )
