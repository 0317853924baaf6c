"""
Ask a front for an analysis, and print it: ``python3 -m picloud_chess.ask http://pi3:8080 FEN``.

Several fronts may be given, with commas between them: when one is away the next is asked, and gives
what was found so far at once.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from picloud_chess.pages import text

#: Seconds in which a front that is there can be reached, and those that an answer may take.
REACHED_S, ANSWERED_S = 3, 3600

#: Seconds of silence after which the front's system is asked whether it is there, and again after;
#: how often in vain until the front is taken for lost.
_KEEPALIVE = {"TCP_KEEPIDLE": 3, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}


class AskError(Exception):
    """There is no answer; the text says why."""


class _Connection(http.client.HTTPConnection):
    """Ends within seconds when the other side has lost its power, however long an answer takes."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):  # each system has names of its own
                self.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, request)


# Nodes are neighbours: a proxy for the world outside does not know them.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Handler())


def ask(fronts: Sequence[str], fields: dict[str, str], patience: float = 60) -> dict[str, Any]:
    """
    Return the answer of the first front that gives one.

    fronts
        Their addresses: ``http://pi3:8080``.
    fields
        ``fen`` or ``pgn``, and ``depth`` where it is not the usual one.
    patience
        Seconds for which no front may be reached after one was; a sixth of that before. Raises
        AskError then, and with the reason when a front refuses the question.
    """
    away, most = time.monotonic(), patience / 6
    reasons: dict[str, str] = {}
    while True:
        for front in fronts:
            asked = time.monotonic()
            try:
                return _get(front, fields)
            except urllib.error.HTTPError as err:
                reason = _reason(err)
                if err.code != 503:
                    raise AskError(reason) from err
                reasons[front], most = reason, patience
            except (OSError, ValueError) as err:
                reasons[front] = str(getattr(err, "reason", err))
                if time.monotonic() - asked > 1:  # it was at work on it, and was lost just now
                    away, most = time.monotonic(), patience
        if time.monotonic() - away > most:
            raise AskError("; ".join(f"{front}: {reason}" for front, reason in reasons.items()))
        time.sleep(1)


def _get(front: str, fields: dict[str, str]) -> dict[str, Any]:
    base = front.rstrip("/")
    # A node that is off does not answer at all: that is seen in seconds, before the long question.
    with _DIRECT.open(f"{base}/health", timeout=REACHED_S):
        pass
    request = urllib.request.Request(
        f"{base}/analysis", urlencode(fields).encode(), {"Accept": "application/json"}
    )
    with _DIRECT.open(request, timeout=ANSWERED_S) as reply:
        data = json.loads(reply.read())
    if not isinstance(data, dict) or data.get("kind") not in ("position", "game"):
        raise ValueError("the answer is no analysis")
    return data


def _reason(err: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(err.read())["error"])
    except (OSError, ValueError, TypeError, KeyError):
        return f"HTTP status {err.code}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="ask", description=__doc__)
    parser.add_argument("fronts", help="http://pi3:8080, several with commas between them")
    parser.add_argument("fen", nargs="?", help="a position, or startpos")
    parser.add_argument("--pgn", type=Path, help="a file with a game")
    parser.add_argument("--depth", default="", help="half moves")
    parser.add_argument("--json", action="store_true", help="print the data")
    given = parser.parse_args(arguments)
    fields = {"fen": given.fen or "", "depth": given.depth}
    try:
        if given.pgn:
            fields["pgn"] = given.pgn.read_text(encoding="utf-8", errors="replace")
            if not fields["pgn"].strip():
                raise AskError(f"{given.pgn} is empty; it should hold one game")
        fronts = [front for front in given.fronts.split(",") if front]
        said = ask(fronts, {key: value for key, value in fields.items() if value})
    except (AskError, OSError) as err:
        print(f"no analysis: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; ask again, and what was found is used", file=sys.stderr)
        return 130
    print(json.dumps(said, indent=2) if given.json else text(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
