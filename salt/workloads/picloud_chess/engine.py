"""
One Stockfish, asked through its standard input and output by the Universal Chess Interface.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator

from picloud_chess.positions import other_side
from picloud_chess.tasks import Look, Task
from picloud_chess.uci import Found, checkers, counted_move, info

PROGRAM = "/usr/games/stockfish"
#: Megabytes of the memory of positions: with it a worker needs 90 MB, and parts are small.
HASH_MB = 4


class EngineError(Exception):
    """The engine ended or said nothing: start another one."""


class Engine:
    """
    A running engine; a context manager that ends it.

    beat
        Called every ``every`` seconds while the engine thinks; what it raises ends the search.
    every
        Seconds.
    silence
        Seconds without a word after which the engine counts as broken.
    program
        The engine, another one that speaks the same language will do.

    .. code-block:: python

        with Engine() as engine:
            engine.look(positions.START).moves
    """

    def __init__(
        self,
        beat: Callable[[], None] = lambda: None,
        every: float = 3,
        silence: float = 300,
        program: str = PROGRAM,
    ) -> None:
        self._beat, self._every, self._silence = beat, every, silence
        self._rest = b""
        try:
            self._process = subprocess.Popen(
                [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
        except OSError as err:
            raise EngineError(f"{program} cannot be started: {err}") from err
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._ask("uci", until="uciok")
        self._tell("setoption name Threads value 1", f"setoption name Hash value {HASH_MB}")

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the engine, whatever it does."""
        self._selector.close()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def look(self, fen: str) -> Look:
        """
        Return which moves there are, and whether the position is possible at all.

        fen
            The position in normal form.
        """
        if self._in_check(other_side(fen)):
            return Look((), False, True)
        check = self._in_check(fen)
        self._tell(f"position fen {fen}")
        found = map(counted_move, self._ask("go perft 1", until="Nodes searched"))
        return Look(tuple(sorted(filter(None, found))), check, False)

    def search(self, task: Task) -> Found:
        """
        Search a part to its depth, with an empty memory: the result follows from the part alone.

        task
            The part.
        """
        self._tell("ucinewgame")
        made = f" moves {' '.join(task.moves)}" if task.moves else ""
        self._tell(f"position fen {task.fen}{made}")
        found = None
        for line in self._ask(f"go depth {task.depth}", until="bestmove"):
            found = info(line) or found
        if found is None:
            raise EngineError("the engine gave no score")
        return found

    def _in_check(self, fen: str) -> bool:
        self._tell(f"position fen {fen}")
        return any(map(checkers, self._ask("d", until="Checkers")))

    def _tell(self, *lines: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        except OSError as err:
            raise EngineError(f"the engine has ended: {err}") from err

    def _ask(self, line: str, until: str) -> list[str]:
        """Return what the engine says, up to the line that begins with ``until``."""
        self._tell(line)
        said = []
        for answer in self._lines():
            said.append(answer)
            if answer.startswith(until):
                return said
        raise EngineError(f'the engine ended at "{line}", status {self._process.wait()}')

    def _lines(self) -> Iterator[str]:
        heard = beaten = time.monotonic()
        while True:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                yield line.decode(errors="replace").rstrip("\r")
            ready = self._selector.select(self._every)
            now = time.monotonic()
            if now - beaten >= self._every:
                beaten = now
                self._beat()
            if ready:
                heard = now
                some = os.read(self._out, 65536)
                if not some:
                    return
                self._rest += some
            elif now - heard > self._silence:
                raise EngineError(f"the engine said nothing for {self._silence:.0f} s")
