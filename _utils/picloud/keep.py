"""
Kept data: which key may reach which repository, and which archives stay.

A node's data lie in a repository of its own at the master, where it can only append. What is here
decides; ``master/keep/authorized_keys`` and the runner ``keep`` act on it. Nothing but the standard
library is imported: sshd asks for a key at each login.
"""

from __future__ import annotations

import base64
import binascii
import re
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

#: The one kind of key that Salt makes.
KEY_TYPE = "ssh-rsa"
#: DER of the algorithm rsaEncryption with no parameters: RFC 8017, appendix A.1.
RSA_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")
#: A node's id, as ``formats.LABEL`` has it: what else Salt has accepted reaches no repository.
NODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def pem(blob: str) -> str | None:
    """
    Return an RSA public key as Salt keeps it (PEM, SubjectPublicKeyInfo), or None for no such key.

    blob
        The key as sshd gives it: base64 of RFC 4253, section 6.6 (``%k`` of sshd_config).

    .. code-block:: python

        pem("AAAAB3NzaC1yc2E...") == Path("/etc/salt/pki/master/minions/pi3").read_text()
    """
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return None
    fields = []
    while data:
        size = int.from_bytes(data[:4], "big")
        fields.append(data[4 : 4 + size])
        if len(fields[-1]) != size:
            return None
        data = data[4 + size :]
    if len(fields) != 3 or fields[0] != KEY_TYPE.encode():
        return None
    exponent, modulus = fields[1], fields[2]
    key = _der(0x30, _der(0x02, modulus) + _der(0x02, exponent))
    info = _der(0x30, RSA_ALGORITHM + _der(0x03, b"\0" + key))
    lines = textwrap.wrap(base64.b64encode(info).decode(), 64)
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----"])


def _der(tag: int, data: bytes) -> bytes:
    """Return a value of DER: tag, length, content (X.690, section 8.1)."""
    if len(data) < 0x80:
        return bytes([tag, len(data)]) + data
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + data


def authorized(node: str, blob: str, quota_mb: int, folder: str) -> str | None:
    """
    Return the line of ``authorized_keys`` for a node's key; None for a name that is no node's.

    The key can start one program, on one repository, in which it cannot free what was written.

    node
        The id under which Salt has accepted the key.
    blob
        The key, as in ``pem``.
    quota_mb
        How much room the repository may take.
    folder
        Where repositories are.

    .. code-block:: python

        authorized("pi3", "AAAAB3NzaC1yc2E...", 1024, "/var/lib/picloud-keep")
    """
    if not NODE.fullmatch(node):
        return None
    # Borg would take some options from what the node asks for; it gets to ask for nothing.
    command = (
        f"env -u SSH_ORIGINAL_COMMAND borg serve --append-only --storage-quota {int(quota_mb)}M "
        f"--restrict-to-repository {folder}/{node}"
    )
    return f'restrict,command="{command}" {KEY_TYPE} {blob}'


class Seen(NamedTuple):
    """
    An archive that the master has seen.

    name
        What the node calls it.
    at
        When it was made, as far as the node can be believed: see ``merge``.
    dropping
        Whether the master itself is about to delete it.
    """

    name: str
    at: float
    dropping: bool = False


class Found(NamedTuple):
    """An archive as the repository lists it now, with the time that the node gave it."""

    id: str
    name: str
    claimed: float


def merge(
    before: Mapping[str, Seen], found: Iterable[Found], looked_at: float, now: float
) -> dict[str, Seen]:
    """
    Return what the master knows of a node's archives after another look, by id.

    A node that was broken into can give its archives any time, and so push good ones out of the
    periods that are kept. Therefore a time counts only within the span since the last look.

    before
        What was known.
    found
        What the repository lists.
    looked_at
        When the last look was; 0 when there was none: then the times that archives claim count.
    now
        The master's time.
    """
    listed = {one.id: one for one in found}
    known = {key: seen for key, seen in before.items() if key in listed or not seen.dropping}
    for key, one in listed.items():
        if key not in known:
            known[key] = Seen(one.name, min(max(one.claimed, looked_at), now))
    return known


def gone(known: Mapping[str, Seen], found: Iterable[Found]) -> list[Seen]:
    """
    Return archives that the master has seen and did not delete, and that are there no more.

    Only their node can have deleted them. Nothing is lost yet: a repository that only grows has
    them until the master compacts it.
    """
    listed = {one.id for one in found}
    return [seen for key, seen in known.items() if key not in listed and not seen.dropping]


#: Periods of which the newest archive stays: the setting, and what makes two times fall together.
PERIODS = (
    ("hours", "%Y-%m-%d %H"),
    ("days", "%Y-%m-%d"),
    ("weeks", "%G-%V"),
    ("months", "%Y-%m"),
)


def surplus(known: Mapping[str, Seen], policy: Mapping[str, int]) -> list[str]:
    """
    Return the ids of archives that need not stay, oldest first. The newest always stays.

    known
        Archives by id.
    policy
        ``keep.archives`` of the description: ``hours``, ``days``, ``weeks``, ``months``.

    .. code-block:: python

        surplus({"a": Seen("1", 0.0), "b": Seen("2", 60.0)}, {"hours": 1}) == ["a"]
    """
    newest_first = sorted(known, key=lambda key: (known[key].at, known[key].name), reverse=True)
    stay = set(newest_first[:1])
    for setting, form in PERIODS:
        periods: dict[str, str] = {}
        for key in newest_first:
            at = datetime.fromtimestamp(known[key].at, UTC)
            periods.setdefault(at.strftime(form), key)
        stay.update(list(periods.values())[: policy.get(setting, 0)])
    return [key for key in reversed(newest_first) if key not in stay]


def record(known: Mapping[str, Seen], looked_at: float) -> dict[str, Any]:
    """Return what the master knows as plain data for a file; ``recorded`` reads it again."""
    return {"looked_at": looked_at, "archives": {key: list(seen) for key, seen in known.items()}}


def recorded(data: Mapping[str, Any]) -> tuple[dict[str, Seen], float]:
    """Return what ``record`` made data of: archives by id, and when the last look was."""
    archives = {key: Seen(*seen) for key, seen in data.get("archives", {}).items()}
    return archives, float(data.get("looked_at", 0))
