"""
Cards: the identity that is put on a card before it goes into a Pi.

A *seed* is the folder ``picloud-seed`` for the boot partition: the minion's key pair, the
master's public key, and ``card.json``, with checksums over them. ``firstboot/picloud-firstboot``
installs and wipes it. The private half is in the seed only; the ledger keeps the public half. The
key store is Salt's and is handed in, so this module knows nothing of Salt.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from picloud.cloud import Cloud
from picloud.identity import CardState, fingerprint
from picloud.ledger import CardRow, Ledger, StorageError

SEED = "picloud-seed"
FILES = ("minion.pem", "minion.pub", "master.pub", "card.json")
#: The modules that nodes get, ``{"modules/pirejoin.py": text, ...}``: a card that has them can say
#: at once who it is. Ones that are old by then, or missing, are brought first.
MODULES = "modules.json"
SUMS = "SHA256SUMS"
#: Names of the folders that are made here; what else lies beside them is not looked at.
MADE = re.compile(r"card-[0-9a-f]{12}")
#: The folder of seeds of spare cards, where those of a node are in one of its name.
SPARE = "spare"
WARNING = (
    "These folders hold private keys: copy each picloud-seed to the boot partition of one card "
    "only, then delete the folder."
)


class CardError(Exception):
    """A card cannot be prepared; the text says why and what to do."""


class Keys(Protocol):
    """What is needed of the master's key store."""

    def known(self, name: str) -> list[tuple[str, str]]:
        """State and public half of every key the master has for a minion id."""

    def accept(self, name: str, public: str) -> None:
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
        The node it is for; None for a spare.
    seed
        The folder for its boot partition.
    reason
        What the master does with its key, in words.
    """

    card: str
    node: str | None
    seed: Path
    reason: str


@dataclass(frozen=True)
class Office:
    """
    What cards are issued with: who issues them, where and when.

    cloud
        The description.
    ledger
        Where cards are recorded before any key is accepted.
    keys
        The master's key store.
    folder
        Where seeds go: ``<folder>/<node>/<card>/picloud-seed``, mode 0700.
    by, at
        Who asked for it, and when (seconds since 1970).
    modules
        The modules that nodes get: text by path, such as ``modules/pirejoin.py``.
    """

    cloud: Cloud
    ledger: Ledger
    keys: Keys
    folder: Path
    by: str
    at: float
    modules: Mapping[str, str]

    def prepare(self, node: str | None, count: int = 1) -> list[Card]:
        """
        Issue cards for a node, or spares.

        node
            Id of a described node; None for spares.
        count
            How many. Cards whose seeds are still in the folder and that nobody ever saw count
            among them: run again, it returns the same ones. The seed of a card that was seen, or
            whose key was taken off the master since, is removed: a second card with it would be a
            copy.

        The key of a card for a node that has none is accepted at once, but not where the
        description says ``admit: nobody``; a node that has one keeps it, and the card gets in when
        the other one answers no more (``identity.admit``). A spare is let in under the id of the
        card.

        Raises CardError for a node that is not described and when a folder is not the caller's
        alone; OSError when it cannot be written; StorageError when the ledger cannot: then no card
        is left behind.

        Example: ``office.prepare("pi3")[0].seed``
        """
        if node is not None and self.cloud.node(node) is None:
            raise CardError(
                f"{node} is not in the description; add it to a rack in pillar/cloud/racks first"
            )
        home = self.folder / (node or SPARE)
        _trust(home)
        made = []
        there = sorted(home.iterdir()) if home.exists() else ()
        for folder in (one for one in there if MADE.fullmatch(one.name)):
            for directory in (folder, folder / SEED):
                _trust(directory)
            if (card := self._again(node, folder)) is not None:
                made.append(card)
            else:
                remove_seed(folder)
        return made[:count] + [self._issue(node, home) for _ in range(count - len(made))]

    def _again(self, node: str | None, folder: Path) -> Card | None:
        """The card of a seed made before, as long as it may still be used."""
        files = _read(folder / SEED)
        row = self.ledger.cards.by_fingerprint(fingerprint(files["minion.pub"])) if files else None
        if files is None or row is None or row.node != node or self._seen(row):
            return None
        accepted = ("accepted", files["minion.pub"]) in self.keys.known(node or row.card)
        if row.state is CardState.ISSUED and (accepted or node is not None):
            return Card(row.card, node, folder / SEED, "this card is prepared already")
        if row.state is CardState.IN_USE and accepted:
            return Card(row.card, node, folder / SEED, "this card is prepared already")
        return None

    def _seen(self, row: CardRow) -> bool:
        """Whether a card was ever heard of, which means that its seed is on one."""
        name = row.node or row.card
        told_of = {one.card for one in self.ledger.decisions.of(name)}
        way = self.ledger.rejoins.get(name)
        if row.board is not None or row.card in told_of:
            return True
        if way is None:
            return False
        # A node that has just started has not said yet on which board it runs.
        started = row.state is CardState.IN_USE and way.step_at >= row.made_at
        return started or row.card in (name, way.card)

    def _issue(self, node: str | None, home: Path) -> Card:
        name = f"card-{uuid.uuid4().hex[:12]}"
        private, public = self.keys.generate()
        at_once, reason = self._in_advance(node, name)
        present = self.ledger.cards.in_use(node) if node is not None and at_once else None
        files = {"minion.pem": private, "minion.pub": public, "master.pub": self.keys.master()}
        files["card.json"] = json.dumps(self._label(name, node)) + "\n"
        files[MODULES] = json.dumps(self.modules) + "\n"
        folder = home / name
        try:
            write_seed(folder, files)
            in_use = at_once and node is not None
            row = CardRow(
                card=name,
                node=node,
                spare=node is None,
                fingerprint=fingerprint(public),
                state=CardState.IN_USE if in_use else CardState.ISSUED,
                public=public,
                reason=reason,
                made_at=self.at,
                made_by=self.by,
                changed_at=self.at,
            )
            self.ledger.cards.add([row])
            if present is not None:
                why = "its key was taken off the master by hand"
                self.ledger.cards.mark(present.card, CardState.RETIRED, self.at, why)
            if at_once:
                self.keys.accept(node or name, public)
        except BaseException:
            with contextlib.suppress(OSError):
                remove_seed(folder)
            with contextlib.suppress(StorageError):
                self.ledger.cards.forget([name])
            raise
        return Card(name, node, folder / SEED, reason)

    def _in_advance(self, node: str | None, new: str) -> tuple[bool, str]:
        """Whether the key of a new card is accepted before it was ever seen, and why."""
        if node is None:
            return True, "a spare: it waits in the lobby until its board or port names a node"
        if self.cloud.rejoin.admit == "nobody":
            return False, (
                "the description lets nobody in by itself (rejoin.admit: nobody); let it in:"
                f" salt-run rejoin.adopt card={new} node={node}"
            )
        keys = dict(self.keys.known(node))
        if "rejected" in keys:
            return self._rejected(node, keys["rejected"])
        if not keys:
            return True, f"{node} had no key, so this one was accepted in advance"
        if (present := self.ledger.cards.in_use(node)) is not None:
            which = "the present card of" if present.board else "prepared before for"
            return False, f"gets in when {present.card}, {which} {node}, is gone"
        states = ", ".join(sorted(keys))
        return False, f"gets in when nobody answers with the present key ({states})"

    def _rejected(self, node: str, public: str) -> tuple[bool, str]:
        """
        The same for a node whose key was rejected.

        The master keeps nothing of what is offered in its place, so a card that is not accepted in
        advance would never be heard of.
        """
        card = self.ledger.cards.by_fingerprint(fingerprint(public))
        if card is None or card.state in (CardState.RETIRED, CardState.REVOKED):
            return True, f"the rejected key of {node} is of no card in use; this one replaces it"
        return False, (
            f"the key of {card.card} was rejected, so nobody gets in as {node}; to let this card"
            f" in, take that key away: salt-key -d {node}"
        )

    def _label(self, card: str, node: str | None) -> dict[str, str]:
        sites = self.cloud.common.sites
        known = self.cloud.node(node) if node is not None else None
        site = sites[known.site] if known is not None else next(iter(sites.values()))
        label = {"card": card, "master": site.master} | ({"node": node} if node else {})
        address = self.cloud.common.network.hosts.get(site.master) or next(
            (one.address for one in self.cloud.nodes.values() if one.fqdn == site.master), None
        )
        return label | ({"master_address": str(address)} if address else {})


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


def _read(seed: Path) -> dict[str, str] | None:
    """A seed made before, when it is whole."""
    try:
        names = (*FILES, MODULES) if (seed / MODULES).exists() else FILES
        files = {name: (seed / name).read_text("utf-8") for name in names}
        return files if _sums(files) == (seed / SUMS).read_text("utf-8") else None
    except (OSError, ValueError):
        return None


def _sums(files: Mapping[str, str]) -> str:
    return "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in files.items()
    )


def write_seed(folder: Path, files: Mapping[str, str]) -> None:
    """
    Write a new seed so that nobody else can read it; the checksums come last.

    folder
        Where the seed goes, ``<folder>/picloud-seed``; it must not be there yet.
    files
        Text of each of ``FILES``, and of ``MODULES``.
    """
    seed = folder / SEED
    folder.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    for directory in (folder, seed):
        directory.mkdir(mode=0o700)
    for name, text in (*files.items(), (SUMS, _sums(files))):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(seed / name, flags, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text)


def remove_seed(folder: Path) -> None:
    """
    Remove a seed, and the folders around it when nothing else is in them.

    folder
        The folder that holds the seed. Raises OSError when a file of it cannot be removed.
    """
    seed = folder / SEED
    for name in (*FILES, MODULES, SUMS):
        (seed / name).unlink(missing_ok=True)
    for directory in (seed, folder):
        with contextlib.suppress(OSError):
            directory.rmdir()
