"""
The front: answers questions over HTTP, ``GET /analysis?fen=...`` or ``POST /analysis`` with a form
or a PGN. JSON for programs, a page for browsers (``Accept: text/html``).

A question asked again is answered from what was found before, so whoever loses the connection just
asks again, here or at another front.

Environment: ``QUEUE``, the URL of Redis; ``PORT`` (8080); ``ADDRESS`` to listen on (all);
``PATIENCE``, seconds without any result after which a question fails (120).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from picloud_chess import answer, notation, pages, tasks
from picloud_chess.positions import InputError
from picloud_chess.queue import FullError, LateError, Queue
from picloud_chess.request import LONGEST_PGN, Question, fields, question
from picloud_chess.tasks import Look, Result, Task
from picloud_chess.uci import Found

#: Questions that are worked on at the same time; more are turned away.
MOST_QUESTIONS = 8
#: Most bytes of a question: a PGN in a form takes up to three times its own length.
LONGEST_BODY = 3 * LONGEST_PGN + 1024


class FailedError(Exception):
    """A part has no result, though nothing is wrong with the question."""


class Analyst:
    """
    Answers questions.

    queue
        Where parts go.
    patience
        Seconds without any result after which a question fails.
    """

    def __init__(self, queue: Queue, patience: float) -> None:
        self._queue, self._patience = queue, patience

    def reply(self, asked: Question) -> answer.Answer:
        """
        Return the answer to a question.

        asked
            The question. Raises InputError when it cannot be answered by anybody, LateError and
            FullError when nobody does at the moment, FailedError when the work fails.
        """
        start = time.monotonic()
        said, results = self._game(asked) if asked.pgn else self._position(asked)
        return {**said, "work": answer.work(results, time.monotonic() - start)}

    def _position(self, asked: Question) -> tuple[answer.Answer, list[Result]]:
        (seen,) = self._ask([tasks.look(asked.fen)])
        look = seen.found
        assert isinstance(look, Look)
        over = answer.ended(look)
        if over:
            return answer.over(asked.fen, over), [seen]
        found = self._ask(tasks.of_position(asked.fen, look.moves, asked.depth))
        founds = dict(zip(look.moves, _founds(found), strict=True))
        lines = notation.lines_of([(asked.fen, (move, *one.line)) for move, one in founds.items()])
        said = dict(zip(founds, lines, strict=True))
        return answer.position(asked.fen, asked.depth, founds, said), [seen, *found]

    def _game(self, asked: Question) -> tuple[answer.Answer, list[Result]]:
        played = notation.game(asked.pgn)
        (seen,) = self._ask([tasks.look(played.fen)])
        assert isinstance(seen.found, Look)
        answer.ended(seen.found)
        found = self._ask(tasks.of_game(played.fen, played.moves, asked.depth))
        founds = _founds(found)
        whole = [
            (played.fen, (*played.moves[:ply], *one.line)) if one.line else (played.fen, ())
            for ply, one in enumerate(founds)
        ]
        said = [line[ply:] for ply, line in enumerate(notation.lines_of(whole))]
        return answer.game(played, asked.depth, founds, said), [seen, *found]

    def _ask(self, wanted: Sequence[Task]) -> list[Result]:
        """Return the results of parts in their order."""
        results = self._queue.collect(wanted, self._patience)
        found = [results[task.key] for task in wanted]
        for result in found:
            if result.error:
                raise FailedError(result.error)
        return found


def _founds(results: Sequence[Result]) -> list[Found]:
    return [result.found for result in results if isinstance(result.found, Found)]


class Handler(BaseHTTPRequestHandler):
    """Answers one request; ``analyst`` and ``free`` are given by ``serve``."""

    analyst: Analyst
    free: threading.Semaphore
    timeout = 30
    server_version = "picloud-chess"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer ``/`` with the form, ``/health``, and ``/analysis`` with a query."""
        path = urlsplit(self.path).path
        if path == "/":
            self._send(200, "text/html", pages.form())
        elif path == "/health":
            self._send(200, "text/plain", "well\n")
        elif path == "/analysis":
            self._analysis("")
        else:
            self._fail(404, "there are / and /analysis")

    def do_POST(self) -> None:
        """Answer ``/analysis`` with a form or a PGN."""
        if urlsplit(self.path).path != "/analysis":
            self._fail(404, "send it to /analysis")
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            self._fail(411, "the request does not say how long it is")
        elif int(length) > LONGEST_BODY:
            self._fail(413, f"the PGN is longer than {LONGEST_PGN // 1024} KiB")
        else:
            self._analysis(self.rfile.read(int(length)).decode(errors="replace"))

    def _analysis(self, body: str) -> None:
        kind = self.headers.get("Content-Type", "")
        if not self.free.acquire(blocking=False):
            self._fail(503, f"{MOST_QUESTIONS} questions are worked on; ask again later")
            return
        try:
            said = self.analyst.reply(question(fields(kind, urlsplit(self.path).query, body)))
        except InputError as err:
            self._fail(400, str(err))
        except (LateError, FullError) as err:
            self._fail(503, str(err))
        except (FailedError, notation.NotationError) as err:
            self._fail(500, str(err))
        else:
            if self._wants_page():
                self._send(200, "text/html", pages.page(said))
            else:
                self._send(200, "application/json", json.dumps(said) + "\n")
        finally:
            self.free.release()

    def _wants_page(self) -> bool:
        return "text/html" in self.headers.get("Accept", "")

    def _fail(self, status: int, reason: str) -> None:
        if self._wants_page():
            self._send(status, "text/html", pages.form(error=reason))
        else:
            self._send(status, "application/json", json.dumps({"error": reason}) + "\n")

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if status == 503:
            self.send_header("Retry-After", "5")
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Log nothing of what went well; questions may be private."""
        if str(code) not in ("200", "HTTPStatus.OK"):
            super().log_request(code, size)


class Server(ThreadingHTTPServer):
    """A server that does not report a user who has gone."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what is our fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def serve(queue: Queue, address: str, port: int, patience: float) -> Server:
    """
    Return a server that listens; ``serve_forever`` answers.

    queue
        Where parts go.
    address, port
        Where to listen; port 0 takes a free one.
    patience
        Seconds without any result after which a question fails.
    """
    given = {
        "analyst": Analyst(queue, patience),
        "free": threading.Semaphore(MOST_QUESTIONS),
    }
    return Server((address, port), type("AnalysisHandler", (Handler,), given))


def main() -> int:
    """Run the front; return the exit status."""
    env = os.environ
    queue = Queue(env.get("QUEUE", "redis://chess-queue:6379"))
    patience = float(env.get("PATIENCE", "120"))
    with serve(queue, env.get("ADDRESS", ""), int(env.get("PORT", "8080")), patience) as server:
        host, port = server.server_address[:2]
        print(f"listening on {host!s}:{port}", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
