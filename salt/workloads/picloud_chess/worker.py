"""
A worker: takes parts from the queue one after the other, and lets Stockfish search them.

It ends when its engine fails, and is started anew by whoever runs it; the part goes to another one.
Asked to end, it gives its part back at once.

Environment: ``QUEUE``, the URL of Redis; ``NODE``, the name of the node (that of the host when left
out); ``WORKER``, a name that no other worker has; ``LEASE``, seconds without a sign of life after
which its part goes to another worker (10); ``ENGINE``, the engine's program (Stockfish).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from types import FrameType

from picloud_chess.engine import PROGRAM, Engine, EngineError
from picloud_chess.queue import LEASE_S, Outage, Queue, Taken, patiently
from picloud_chess.tasks import Result, Task

#: Seconds to wait for a part before looking for abandoned ones again.
WAIT_S = 2.0


class Stopped(BaseException):
    """The worker was asked to end."""


class Worker:
    """
    One worker with its engine.

    queue
        Where parts come from.
    node
        The node that results name.
    name
        A name that no other worker has.
    """

    def __init__(self, queue: Queue, node: str, name: str, program: str = PROGRAM) -> None:
        self._queue, self._node, self._name = queue, node, name
        self._place: Taken | None = None
        self._engine = Engine(self._beat, every=queue.lease / 3, program=program)

    def run(self) -> None:
        """Work until an error, or until the process is asked to end."""
        try:
            while True:
                try:
                    taken = self._queue.take(self._name, WAIT_S)
                except Outage as err:
                    print(f"the queue cannot be used: {err}", file=sys.stderr, flush=True)
                    time.sleep(WAIT_S)
                    continue
                if taken:
                    self._do(*taken)
        finally:
            self._engine.close()

    def _do(self, place: Taken, task: Task) -> None:
        self._place = place
        start = time.monotonic()
        try:
            look = task.kind == "look"
            found = self._engine.look(task.fen) if look else self._engine.search(task)
        except Stopped:
            with suppress(Outage):
                self._queue.give_back(self._name, place)
            raise
        result = Result(self._node, time.monotonic() - start, found)
        # When the queue stays away the part is lost with it, and is put in again by who waits.
        patiently(lambda: self._queue.done(place, task, result), seconds=60)
        self._place = None

    def _beat(self) -> None:
        if self._place:
            with suppress(Outage):
                self._queue.beat(self._name, self._place)


def main() -> int:
    """Run a worker; return the exit status."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    host = socket.gethostname()
    node = os.environ.get("NODE") or host
    name = os.environ.get("WORKER") or f"{host}.{os.getpid()}"
    lease = float(os.environ.get("LEASE", LEASE_S))
    queue = Queue(os.environ.get("QUEUE", "redis://chess-queue:6379"), lease)
    try:
        Worker(queue, node, name, os.environ.get("ENGINE", PROGRAM)).run()
    except Stopped:
        return 0
    except EngineError as err:
        print(f"picloud_chess.worker: {err}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
