"""How this machine's own apt reaches Debian: mirrors, proxy, checks. The lab goes the same way."""

import os
import subprocess
from functools import cache

_PASSED_ON = (
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::https::CAInfo",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
)


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


@cache
def options() -> tuple[str, ...]:
    """The host's apt options that matter for reaching a mirror, as ``Name "value"``."""
    found = []
    for line in _output("apt-config", "dump", "--format", "%F %v%n").splitlines():
        name, _, value = line.partition(" ")
        if name in _PASSED_ON and value:
            found.append(f'{name} "{value}"')
    return tuple(found)


@cache
def _uris(suite: str) -> tuple[str, ...]:
    """Repositories of the suite (main, updates, security) that the host's apt is set to."""
    listed = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"
    )
    pairs = (line.split() for line in listed.splitlines())
    mine = {uri.rstrip("/") for uri, code in pairs if code.startswith(suite)}
    return tuple(sorted(mine))


def mirror(described: str, suite: str) -> str:
    """
    The host's address for a mirror: the described one when the host uses it or has none.

    Example: ``mirror("http://deb.debian.org/debian", "bookworm")``
    """
    plain = described.rstrip("/")
    known = _uris(suite)
    security = plain.endswith("-security")
    same_kind = [uri for uri in known if uri.endswith("-security") is security]
    return plain if plain in known or not same_kind else same_kind[0]


def at_host(line: str, suite: str) -> str:
    """A line of sources.list with the host's mirror in place of the described one."""
    kind, described, rest = line.split(maxsplit=2)
    return f"{kind} {mirror(described, suite)} {rest}"


def proxy() -> str | None:
    """The HTTP proxy the host's apt uses, if any."""
    for option in options():
        name, _, value = option.partition(" ")
        if name == "Acquire::http::Proxy" and value.strip('"') not in ("", "DIRECT"):
            return value.strip('"')
    return os.environ.get("http_proxy") or None
