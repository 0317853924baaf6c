"""
What happens to Pis: a card is swapped, a board dies, somebody plugs in a Pi of his own.

Each mishap is done to the lab's containers as a hand would do it to Pis; nobody tells the master.
What the cloud made of it is printed, with the seconds of each step.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import salt.crypt
from picloud import cards

from lab import boards, cluster, console, converge, description, lock, rejoin
from lab.cluster import docker, execute
from lab.description import Node, Site
from lab.errors import LabError
from lab.settings import Settings

#: Seconds for which a mishap is watched. A first highstate takes up to a minute here.
PATIENCE = 420
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
        node, image = self._node(name), self._image(name)
        seed, applied = self._card(name), converge.fingerprint(self.settings.checkout)
        converge.forget(self.settings, [name])
        board, begin = boards.read(self._board(name)), time.time()
        with console.step("swap") as now:
            cluster.remove([self.settings.container(name)])
            self._write(name, board, boards.another(node, str(begin)).cid)
            cluster.create_node(self.settings, self.site, node, image)
            cluster.insert_card(self.settings, name, seed)
            self._start([name])
            now.result = f"{name} has a new card in the same board"
        cluster.forget_seeds(self.settings, [name])
        self._watch([name], begin)
        converge.remember(self.settings, [name], applied)

    def swap_board(self, name: str) -> None:
        """Another board: the card of a node goes into a Pi that nobody has seen yet."""
        other = boards.another(self._node(name), str(time.time()))
        begin = time.time()
        with console.step("swap-board") as now:
            self._put({name: other})
            now.result = f"the card of {name} is in board {other.serial}"
        self._watch([name], begin)

    def exchange(self, one: str, other: str) -> None:
        """Two nodes whose cards were put into each other's boards."""
        for name in (one, other):
            self._node(name)
        if one == other:
            raise LabError(f"{one} cannot be exchanged with itself", "say A=<one> B=<another>")
        had = {name: boards.read(self._board(name)) for name in (one, other)}
        begin = time.time()
        with console.step("exchange") as now:
            self._put({one: had[other], other: had[one]})
            now.result = f"the cards of {one} and {other} are in each other's boards"
        self._watch([one, other], begin)

    def clone(self, name: str) -> None:
        """A copy of a node's card, in another Pi that runs beside the node."""
        node = self._node(name)
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
            self._watch([name], begin, good="quarantined")
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
            racks = ", ".join(dict.fromkeys(node.rack for node in self.site.nodes))
            raise LabError(f"no node of {rack} runs; there are: {racks}", "run: make up")
        containers = [self.settings.container(name) for name in names]
        with console.step("powercut") as now:
            docker("kill", *containers, what="the nodes cannot be killed")
            begin = time.time()
            self._start(names)
            now.result = f"{len(names)} nodes of {rack} were off and are on again"
        self._watch(names, begin)

    def touches(self, what: str, *arguments: str) -> list[str]:
        """Which nodes a mishap is done to; see :func:`run` for ``what`` and ``arguments``."""
        if what == "powercut":
            return self._of(*arguments)
        return [node.id for node in self.site.nodes if node.id in arguments]

    def _of(self, rack: str) -> list[str]:
        return [node.id for node in self.site.nodes if node.rack == rack]

    def _node(self, name: str) -> Node:
        node = next((node for node in self.site.nodes if node.id == name), None)
        have = cluster.containers(self.settings)
        if node is None or name not in have:
            running = sorted(set(have) & {node.id for node in self.site.nodes})
            raise LabError(
                f"{name or 'no node'}: this lab has {', '.join(running) or 'no nodes'}",
                "say NODE=<one of them>, or run: make up",
            )
        if have.get("head") != "running" or not cluster.is_master_up(self.settings):
            raise LabError(
                "salt-master does not run, so nobody would see it come back",
                "run: make up; if it says the same: make logs",
            )
        return node

    def _card(self, name: str) -> str:
        with console.step("card") as now:
            seed = cluster.prepare_cards(self.settings, [name])[name]
            now.result = f"{Path(seed).parent.name} is prepared for {name}"
        return seed

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

    def _watch(self, names: list[str], begin: float, good: str = "converged") -> None:
        """Wait for what the cloud makes of it, print it, and see that it is what it should be."""
        with console.step("rejoin") as now:
            found = rejoin.wait(self.settings, names, begin, PATIENCE)
            missing = sorted(set(names) - set(found))
            if missing:
                rows = rejoin.rows(self.settings)
                raise LabError(
                    "; ".join(f"{name} is not back: {_where(rows.get(name))}" for name in missing),
                    "see: make run ARGS=rejoin.status, and: make logs",
                )
            back = [name for name, row in found.items() if row["step"] == "converged"]
            cluster.wait_for_switch(self.settings, back)
            seconds = max(row["step_at"] for row in found.values()) - begin
            many = "1 node is" if len(found) == 1 else f"{len(found)} nodes are"
            now.result = f"{many} done, {seconds:.0f} s after it began"
        for name, row in found.items():
            for line in reversed(rejoin.decisions(self.settings, name)):
                if line["at"] >= begin and line["action"] != "converged":
                    console.say(f"  {name}  {line['kind']}: {line['reason']}")
            took = "  ".join(f"{step} {s:.1f} s" for step, s in row["seconds"].items())
            console.say(f"  {name}  {row['step']}; {took}")
        for name, row in found.items():
            if row["step"] != good:
                raise LabError(
                    f"{name} is {row['step']}, not {good}: {row['reason']}",
                    f"see: make run ARGS='rejoin.history {name}', and: make logs NODE={name}",
                )


def _where(row: dict[str, Any] | None) -> str:
    """In which step a node is, and why."""
    return "the master has not heard of it" if row is None else f"{row['step']}: {row['reason']}"


def run(settings: Settings, what: str, *arguments: str) -> None:
    """
    Do a mishap; LabError when it did not end as it should, or another command is at its nodes.

    what
        ``swap``, ``swap-board``, ``exchange``, ``clone``, ``impostor`` or ``powercut``.
    arguments
        The nodes, or the rack.
    """
    mishaps = Mishaps(settings, description.read(settings.checkout))
    with lock.nodes(settings, mishaps.touches(what, *arguments)):
        getattr(mishaps, what.replace("-", "_"))(*arguments)
