"""
What happens to Pis: a card is swapped, a board dies, somebody plugs in a Pi of his own.

Each mishap is done to the lab's containers as a hand would do it to Pis; nobody tells the master.
What the cloud made of it is printed, with the seconds of each step.
"""

import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import salt.crypt
from picloud import cards, suggest
from picloud.rejoin.steps import BY_HAND

from lab import boards, cluster, console, converge, description, lock, rejoin, web
from lab.cluster import docker, execute
from lab.description import Node, Site
from lab.errors import LabError
from lab.settings import Settings

#: Seconds until an impostor has surely booted and knocked, and for which it may go on after that.
KNOCKS, GOES_ON = 90, 15


class Mishaps:
    """
    What may happen to a lab that is up.

    settings, site
        The lab, and what it takes from the description.

    Each raises LabError when the cloud does not make of it what it should.
    """

    def __init__(self, settings: Settings, site: Site) -> None:
        self.settings, self.site = settings, site

    def swap(self, name: str) -> None:
        """Another card: a node's disk is thrown away, a new card is put into the same board."""
        self._ready(name)
        self._replace("swap", name, self._card(name))

    def spare(self, name: str = "") -> None:
        """
        A spare card: in the board of a node it becomes that node; else in a Pi that nobody has
        seen yet, where it waits in the lobby and stays, so that it can be adopted.
        """
        if name:
            self._ready(name)
            self._replace("spare", name, self._card(None))
            return
        have = cluster.containers(self.settings)
        first = next((node.id for node in self.site.nodes if node.id in have), "")
        image = self._image(self._node(first).id)
        # A node that is being swapped has no container for a while, but its board stays.
        there = {node.id for node in self.site.nodes if self._board(node.id).exists()} | set(have)
        like = next((node for node in self.site.nodes if node.id not in there), self.site.nodes[-1])
        place = next(f"spare{n}" for n in itertools.count(1) if f"spare{n}" not in have)
        seed, begin = self._card(None), time.time()
        card = Path(seed).parent.name
        with console.step("spare") as now:
            self._stray(place, place, boards.another(like, str(begin)), image)
            cluster.insert_card(self.settings, place, seed)
            self._start([place])
            now.result = (
                f"{card} is in a {like.model} that nobody knows; see make logs NODE={place}"
            )
        cluster.forget_seeds(self.settings, [f"{cards.SPARE}/{card}"])
        rejoin.watch(self.settings, [card], begin, good="lobby")
        node = "<id>" if like.id in there else like.id
        console.say(f"  to make it a node: salt-run rejoin.adopt card={card} node={node}")

    def swap_board(self, name: str) -> None:
        """Another board: the card of a node goes into a Pi that nobody has seen yet."""
        (node,) = self._ready(name)
        other = boards.another(node, str(time.time()))
        begin = time.time()
        with console.step("swap-board") as now:
            self._put({name: other})
            now.result = f"the card of {name} is in board {other.serial}"
        rejoin.watch(self.settings, [name], begin)

    def exchange(self, one: str, other: str) -> None:
        """Two nodes whose cards were put into each other's boards."""
        if one == other:
            raise LabError(
                f"{one or 'no node'} cannot be exchanged with itself", "say A=<one> B=<another>"
            )
        self._ready(one, other)
        had = {name: boards.read(self._board(name)) for name in (one, other)}
        begin = time.time()
        with console.step("exchange") as now:
            self._put({one: had[other], other: had[one]})
            now.result = f"the cards of {one} and {other} are in each other's boards"
        rejoin.watch(self.settings, [one, other], begin)

    def clone(self, name: str) -> None:
        """A copy of a node's card, in another Pi that runs beside the node."""
        (node,) = self._ready(name)
        copy, image = f"{name}-copy", f"picloud-lab/{self.settings.name}-{name}-copy"
        begin = time.time()
        with console.step("clone") as now:
            docker("commit", self.settings.container(name), image, what="the card cannot be copied")
            now.result = f"the card of {name} is copied"
        try:
            board = boards.another(node, "a copy")
            with console.step("boot") as now:
                self._stray(copy, name, board, image)
                docker("start", self.settings.container(copy), what="the copy does not start")
                now.result = f"the copy runs in board {board.serial}"
            rejoin.watch(self.settings, [name], begin, good="quarantined")
            console.say(f"  both are out; a new card brings the node back: make swap NODE={name}")
        finally:
            cluster.remove([self.settings.container(copy)])
            docker("image", "rm", image, what="the copied card cannot be deleted")

    def impostor(self, name: str) -> None:
        """A Pi that calls itself a node, with its serial and MAC, and a key of its own."""
        self._node(name)
        fake, before, begin = f"{name}-fake", rejoin.keys(self.settings), time.time()
        try:
            with console.step("impostor") as now:
                self._stray(fake, name, boards.read(self._board(name)), self._image(name))
                self._own_card(fake, name)
                docker("start", self.settings.container(fake), what="the impostor does not start")
                refusals = self._refusals(name, begin)
                now.result = f"a Pi that calls itself {name} has knocked"
        finally:
            cluster.remove([self.settings.container(fake)])
        for row in refusals:
            console.say(f"  refused: {row['reason']}")
        if rejoin.keys(self.settings) != before:
            raise LabError(
                f"the master's accepted keys changed while a stranger called itself {name}",
                f"see: make run ARGS='rejoin.history {name}'; this must not be: report it",
            )
        console.say("  no key was accepted, nothing was changed")

    def powercut(self, rack: str) -> None:
        """All running nodes of a rack lose their power at once, and get it back."""
        have = cluster.containers(self.settings)
        names = [name for name in self._of(rack) if have.get(name) == "running"]
        if not names:
            all_racks = {node.rack for node in self.site.nodes}
            racks = dict.fromkeys(node.rack for node in self.site.nodes if node.id in have)
            raise LabError(
                (f"no node of {rack} runs: " if rack else "no rack was named: ")
                + _instead(rack, racks, all_racks),
                "say RACK=<one of them>, or run: make up",
            )
        self._ready(*names)
        containers = [self.settings.container(name) for name in names]
        with console.step("powercut") as now:
            docker("kill", *containers, what="the nodes cannot be killed")
            begin = time.time()
            self._start(names)
            now.result = f"{len(names)} nodes of {rack} were off and are on again"
        rejoin.watch(self.settings, names, begin)

    def touches(self, what: str, *arguments: str) -> list[str]:
        """Which nodes a mishap is done to; see :func:`run` for ``what`` and ``arguments``."""
        if what == "powercut":
            return self._of(*arguments)
        if what == "spare" and not any(arguments):
            return ["spare"]
        return [node.id for node in self.site.nodes if node.id in arguments]

    def _of(self, rack: str) -> list[str]:
        return [node.id for node in self.site.nodes if node.rack == rack]

    def _node(self, name: str) -> Node:
        node = next((node for node in self.site.nodes if node.id == name), None)
        have = cluster.containers(self.settings)
        if node is None or name not in have:
            raise away(self.site, have, name)
        self._require_master()
        return node

    def _require_master(self) -> None:
        """LabError when nobody would see what is done."""
        have = cluster.containers(self.settings)
        if have.get("head") != "running" or not cluster.is_master_up(self.settings):
            raise LabError(
                "salt-master does not run, so nobody would see it come back",
                "run: make up; if it says the same: make logs",
            )

    def _ready(self, *names: str) -> list[Node]:
        """Nodes that the master would bring back; LabError when one is not there, or held."""
        found = [self._node(name) for name in names]
        rows = rejoin.rows(self.settings)
        held = [name for name in names if rows.get(name, {}).get("kind") == BY_HAND]
        # One without a key cannot be released before a card has brought it one.
        keys = rejoin.keys(self.settings) if held else {}
        if held := [name for name in held if name in keys]:
            raise LabError(
                "nothing would bring it back: "
                + "; ".join(f"{name} is {rows[name]['reason']}" for name in held),
                " and ".join(f"salt-run rejoin.release node={name}" for name in held),
            )
        return found

    def _card(self, name: str | None) -> str:
        """Have a card issued for a node, or a spare; the folder of its seed on the master."""
        with console.step("card") as now:
            if name is None:
                seed = cluster.prepare_spare(self.settings)
            else:
                seed = cluster.prepare_cards(self.settings, [name])[name]
            now.result = f"{Path(seed).parent.name} is prepared for {name or 'any node'}"
        return seed

    def _replace(self, step: str, name: str, seed: str) -> None:
        """Throw a node's disk away, and put the card of a seed into the same board."""
        node, image = self._node(name), self._image(name)
        applied = converge.fingerprint(self.settings.checkout) + web.built(self.settings)
        converge.forget(self.settings, [name])
        board, begin = boards.read(self._board(name)), time.time()
        with console.step(step) as now:
            cluster.remove([self.settings.container(name)])
            self._write(name, board, boards.another(node, str(begin)).cid)
            cluster.create_node(self.settings, self.site, node, image)
            cluster.insert_card(self.settings, name, seed)
            self._start([name])
            now.result = f"{name} has a new card in the same board"
        cluster.forget_seeds(self.settings, [str(Path(seed).parent.relative_to(cluster.SEEDS))])
        rejoin.watch(self.settings, [name], begin)
        converge.remember(self.settings, [name], applied)

    def _start(self, names: Sequence[str]) -> None:
        for _ in cluster.start_nodes(self.settings, names, wave=len(names)):
            pass

    def _image(self, name: str) -> str:
        form = ("--format", "{{.Config.Image}}", self.settings.container(name))
        return docker("inspect", *form, what="docker inspect failed").strip()

    def _board(self, name: str) -> Path:
        return self.settings.state / "boards" / name

    def _put(self, wanted: dict[str, boards.Board]) -> None:
        """
        Put cards into boards, power off meanwhile.

        Only the files that the board is read from change: Docker gives a container its network
        address when it is made, and the grain reads the MAC from the board's files too.
        """
        containers = [self.settings.container(name) for name in wanted]
        docker("kill", *containers, what="the nodes cannot be killed")
        for name, board in wanted.items():
            self._write(name, board, boards.read(self._board(name)).cid)
        self._start(list(wanted))

    def _write(self, name: str, board: boards.Board, cid: str) -> None:
        """Put another board into a slot, with a card; the folder stays, containers have it open."""
        for path in self._board(name).iterdir():
            shutil.rmtree(path)
        boards.write(self._board(name), replace(board, cid=cid))

    def _stray(self, name: str, calls_itself: str, board: boards.Board, image: str) -> None:
        """Make the container of a Pi that is no node of the description."""
        cluster.remove([self.settings.container(name)])
        shutil.rmtree(self._board(name), ignore_errors=True)
        boards.write(self._board(name), board)
        node = Node(name, "", "", None, None, None, 0)
        cluster.create_node(self.settings, self.site, node, image, calls_itself)

    def _own_card(self, container: str, node: str) -> None:
        """Put a card into a Pi that names a node, with a key that nobody issued."""
        label = {"card": "card-impostor", "node": node, "master": self.site.master}
        private, public = salt.crypt.gen_keys(2048)
        files = {
            "minion.pem": private,
            "minion.pub": public,
            "master.pub": execute(
                self.settings.head,
                *("cat", "/etc/salt/pki/master/master.pub"),
                what="the master has no key",
            ),
            "card.json": json.dumps(label | {"master_address": self.site.master_address}),
        }
        with tempfile.TemporaryDirectory() as folder:
            cards.write_seed(Path(folder, "home", "card"), files)
            seed = str(Path(folder, "home", "card", cards.SEED))
            target = f"{self.settings.container(container)}:/boot/firmware"
            docker("cp", seed, target, what="the card cannot be written")

    def _refusals(self, name: str, since: float) -> list[dict[str, Any]]:
        """Wait until a stranger was refused under a name, let it go on, and say why it was."""
        deadline = time.monotonic() + KNOCKS
        while True:
            found = [
                row
                for row in rejoin.refused(self.settings)
                if row["name"] == name and row["at"] >= since
            ]
            if found:
                time.sleep(GOES_ON)
                return found
            if time.monotonic() > deadline:
                raise LabError(
                    f"nobody who called himself {name} was refused within {KNOCKS} s",
                    "see: make run ARGS=rejoin.refused, and: make logs",
                )
            time.sleep(1)


def away(site: Site, have: Collection[str], name: str) -> LabError:
    """
    What is to be said of a node that is not there, or does not run.

    site, have
        What the lab takes from the description, and the containers that it has.
    name
        What somebody wrote.

    Example: ``raise away(site, cluster.containers(settings), "pi77")``
    """
    described = [node.id for node in site.nodes]
    there = [one for one in described if one in have]
    what = f"{name} is not in this lab: " if name else "no node was named: "
    what = f"{name} does not run" if name in have else what + _instead(name, there, described)
    if name in described:
        wanted = [one for one in described if one in have or one == name]
        return LabError(what, f"run: make up NODES={','.join(wanted)}")
    if name in have:
        return LabError(what, "run: make up")
    return LabError(what, "say NODE=<id> (make exchange: A=<id> B=<id>), or run: make up")


def _instead(name: str, known: Iterable[str], described: Iterable[str]) -> str:
    """What there is, and what was probably meant by a name that is not described at all."""
    names = list(known)
    near = suggest.closest(name, names) if name and name not in set(described) else None
    meant = f'did you mean "{near}"? ' if near else ""
    return f"{meant}this lab has {', '.join(names) or 'none yet'}"


def run(settings: Settings, what: str, *arguments: str) -> None:
    """
    Do a mishap; LabError when it did not end as it should, or another command is at its nodes.

    what
        ``swap``, ``spare``, ``swap-board``, ``exchange``, ``clone``, ``impostor`` or ``powercut``.
    arguments
        The nodes, or the rack.
    """
    mishaps = Mishaps(settings, description.read(settings.checkout))
    with lock.nodes(settings, mishaps.touches(what, *arguments)):
        getattr(mishaps, what.replace("-", "_"))(*arguments)
