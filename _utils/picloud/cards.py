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
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

SEED = "picloud-seed"
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


def admit(node: str, public: str, known: list[tuple[str, str]]) -> tuple[bool, str]:
    """
    Decide whether the key of a new card may be accepted before it was ever seen.

    Only for a node that never had a key: another key under this id may be a Pi that runs, and
    whether its place may be taken is decided with evidence, not here.

    Example: ``admit("pi3", pem, []) == (True, "pi3 never had a key")``
    """
    if not known:
        return True, f"{node} never had a key"
    if ("accepted", public) in known:
        return True, "this key is accepted already"
    states = ", ".join(sorted({state for state, _ in known}))
    return False, (
        f"{node} has a key already ({states}); if that card is gone for good, "
        f"remove its key on the master (salt-key -d {node}) and prepare the card again"
    )


def prepare(node: str, view: Mapping[str, Any], keys: Keys, folder: Path) -> Card:
    """
    Make the seed of a card for a node, and preseed its key where :func:`admit` agrees.

    Run again before the folder was deleted, it returns the same card.

    node
        Id of a described node.
    view
        The node's view of the description (``Cloud.view``); empty for an unknown node.
    keys
        The master's key store.
    folder
        Where the seed's folder is made; ``<folder>/<node>/picloud-seed``.

    Raises CardError for a node that is not described, or that has a key already.

    Example: ``prepare("pi3", cloud.view("pi3"), keys, Path("/root/cards"))``
    """
    if not view:
        raise CardError(
            f"{node} is not in the description; add it to a rack in pillar/cloud/racks first"
        )
    home = folder / node
    seed = home / SEED
    made = _read(seed)
    if made is None:
        private, public = keys.generate()
        made = {"minion.pem": private, "minion.pub": public, "master.pub": keys.master()}
        made["card.json"] = json.dumps(_label(node, view)) + "\n"
    public = made["minion.pub"]
    accepted, reason = admit(node, public, keys.known(node))
    if not accepted:
        shutil.rmtree(home, ignore_errors=True)
        raise CardError(reason)
    _write(home, seed, made)
    keys.accept(node, public)
    return Card(json.loads(made["card.json"])["card"], node, seed, reason)


def _label(node: str, view: Mapping[str, Any]) -> dict[str, str]:
    master = view["site"]["master"]
    address = view.get("network", {}).get("hosts", {}).get(master, "")
    label = {"card": f"card-{uuid.uuid4().hex[:12]}", "node": node, "master": master}
    return label | ({"master_address": str(address)} if address else {})


def _read(seed: Path) -> dict[str, str] | None:
    """A seed made before, when it is whole."""
    try:
        names = [line.split()[1] for line in (seed / "SHA256SUMS").read_text().splitlines()]
        files = {name: (seed / name).read_text() for name in names}
    except OSError:
        return None
    return files if _sums(files) == (seed / "SHA256SUMS").read_text() else None


def _sums(files: Mapping[str, str]) -> str:
    return "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in files.items()
    )


def _write(home: Path, seed: Path, files: Mapping[str, str]) -> None:
    """Write the seed so that nobody else can read it; the checksums come last."""
    for directory in (home.parent, home, seed):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in (home, seed):
        directory.chmod(0o700)
    for name, text in (*files.items(), ("SHA256SUMS", _sums(files))):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(seed / name, flags, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text)
