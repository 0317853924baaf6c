"""
Cards: the identity that is put on a card before it goes into a Pi.

A *seed* is the folder ``picloud-seed`` for the boot partition: the minion's key pair, the
master's public key, and ``card.json``, with checksums over them. ``firstboot/picloud-firstboot``
installs and wipes it. Whether a seed may be made and its key accepted at once is decided here;
the key store is Salt's and is handed in, so this module knows nothing of Salt.
"""

import hashlib
import json
import os
import shutil
import stat
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

SEED = "picloud-seed"
FILES = ("minion.pem", "minion.pub", "master.pub", "card.json")
WARNING = (
    "This folder holds a private key: copy picloud-seed to the boot partition of one card only, "
    "then delete the folder."
)


class CardError(Exception):
    """A card cannot be prepared; the text says why and what to do."""


class Keys(Protocol):
    """What is needed of the master's key store."""

    def known(self, node: str) -> list[tuple[str, str]]:
        """State and public half of every key the master has for a node id."""

    def accept(self, node: str, public: str) -> None:
        """Put a public half among the accepted keys."""

    def generate(self) -> tuple[str, str]:
        """A new key pair: private and public half as PEM text."""

    def master(self) -> str:
        """The master's public key."""


@dataclass(frozen=True)
class Card:
    """
    A prepared card.

    card
        Its id.
    node
        The node it is for.
    seed
        The folder for its boot partition.
    reason
        Why its key was accepted, in words.
    """

    card: str
    node: str
    seed: Path
    reason: str


def admit(node: str, known: list[tuple[str, str]]) -> tuple[bool, str]:
    """
    Decide whether the key of a new card may be accepted before it was ever seen.

    Only for a node without a key: another key under this id may be a Pi that runs, and
    whether its place may be taken is decided with evidence, not here.

    Example: ``admit("pi3", []) == (True, "pi3 has no key")``
    """
    if not known:
        return True, f"{node} has no key"
    states = ", ".join(sorted({state for state, _ in known}))
    return False, (
        f"{node} has a key already ({states}); if that card is gone for good, "
        f"remove its key on the master (salt-key -d {node}) and prepare the card again"
    )


def prepare(node: str, view: Mapping[str, Any], keys: Keys, folder: Path) -> Card:
    """
    Make the seed of a card for a node, and preseed its key where :func:`admit` agrees.

    Run again before the folder was deleted, it returns the same card, as long as the master has
    its key among the accepted ones; once that key was removed, the old seed is never used again.

    node
        Id of a described node.
    view
        The node's view of the description (``Cloud.view``); empty for an unknown node.
    keys
        The master's key store.
    folder
        Where the seed's folder is made; ``<folder>/<node>/picloud-seed``.

    Raises CardError for a node that is not described, or that has a key already, and when the
    node's folder is not the caller's alone; OSError when it cannot be written.

    Example: ``prepare("pi3", cloud.view("pi3"), keys, Path("/root/cards"))``
    """
    if not view:
        raise CardError(
            f"{node} is not in the description; add it to a rack in pillar/cloud/racks first"
        )
    home = folder / node
    seed = home / SEED
    for directory in (home, seed):
        _trust(directory)
    known, made = keys.known(node), _read(seed)
    if made is not None and ("accepted", made["minion.pub"]) in known:
        return _card(node, seed, made, "this key is accepted already")
    # Any other seed is of no use; its key may be one that was taken off the master on purpose.
    if home.exists():
        shutil.rmtree(home)
    accepted, reason = admit(node, known)
    if not accepted:
        raise CardError(reason)
    private, public = keys.generate()
    made = {"minion.pem": private, "minion.pub": public, "master.pub": keys.master()}
    made["card.json"] = json.dumps(_label(node, view)) + "\n"
    _write(home, seed, made)
    keys.accept(node, public)
    return _card(node, seed, made, reason)


def _card(node: str, seed: Path, made: Mapping[str, str], reason: str) -> Card:
    return Card(json.loads(made["card.json"])["card"], node, seed, reason)


def _trust(directory: Path) -> None:
    """Refuse a folder in which somebody else may have put a key, or could read one."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        wrong = "is a link or no folder"
    elif found.st_uid != os.geteuid():
        wrong = "belongs to another user"
    elif found.st_mode & 0o077:
        wrong = "is open to other users"
    else:
        return
    raise CardError(
        f"{directory} {wrong}, so what is in it is not trusted; remove it or name another directory"
    )


def _label(node: str, view: Mapping[str, Any]) -> dict[str, str]:
    master = view["site"]["master"]
    address = view.get("network", {}).get("hosts", {}).get(master, "")
    label = {"card": f"card-{uuid.uuid4().hex[:12]}", "node": node, "master": master}
    return label | ({"master_address": str(address)} if address else {})


def _read(seed: Path) -> dict[str, str] | None:
    """A seed made before, when it is whole."""
    try:
        files = {name: (seed / name).read_text("utf-8") for name in FILES}
        return files if _sums(files) == (seed / "SHA256SUMS").read_text("utf-8") else None
    except (OSError, ValueError):
        return None


def _sums(files: Mapping[str, str]) -> str:
    return "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in files.items()
    )


def _write(home: Path, seed: Path, files: Mapping[str, str]) -> None:
    """Write a new seed so that nobody else can read it; the checksums come last."""
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in (home, seed):
        directory.mkdir(mode=0o700)
    for name, text in (*files.items(), ("SHA256SUMS", _sums(files))):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(seed / name, flags, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text)
