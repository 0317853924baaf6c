"""
The aggregator: hears all sensors, keeps an hour of minutes of each in memory, and serves them over
HTTP: ``/`` and ``/sensors/<name>``, JSON for programs and pages for browsers, and ``/health``.

Environment: see ``settings``; ``ADDRESS`` to listen on (all).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt

from picloud_sensors import pages, report
from picloud_sensors.client import Link
from picloud_sensors.history import History
from picloud_sensors.readings import TOPICS, WrongError, read
from picloud_sensors.start import configured, say
from picloud_sensors.wrong import Wrong

Data = dict[str, Any]


class Aggregator:
    """
    What is known, shared by the connection and those who ask.

    silent
        Seconds without a word after which a sensor counts as silent.
    """

    def __init__(self, silent: float) -> None:
        self._silent = silent
        self._lock = threading.Lock()
        self._history, self._wrong = History(), Wrong()

    def hear(self, topic: str, payload: bytes) -> None:
        """
        Take in a message.

        topic, payload
            The message. One that cannot be used is counted, and the first of its kind told.
        """
        now = time.time()
        with self._lock:
            try:
                self._history.add(read(topic, payload, now), now)
            except WrongError as err:
                kind = self._wrong.count(topic, str(err))
                if kind:
                    say(f"{kind.topic}: {kind.reason}; more of that are only counted")

    def overview(self) -> Data:
        """Return all sensors."""
        with self._lock:
            now = time.time()
            self._history.forget(now)
            return report.overview(self._history, self._wrong, now, self._silent)

    def one(self, name: str) -> Data | None:
        """
        Return one sensor, or None where it is not known.

        name
            The sensor.
        """
        with self._lock:
            now = time.time()
            self._history.forget(now)
            return report.one(self._history, name, now, self._silent)


class Handler(BaseHTTPRequestHandler):
    """Answers one request; ``aggregator`` and ``link`` are given by ``serve``."""

    aggregator: Aggregator
    link: Link
    timeout = 30
    server_version = "picloud-sensors"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer ``/``, ``/sensors/<name>`` and ``/health``."""
        path = urlsplit(self.path).path
        if path == "/health":
            # Well without the broker, too: another aggregator would not reach it either, and know
            # nothing of the last hour.
            broker = "the broker is there" if self.link.up else "the broker is away"
            self._send(200, "text/plain", f"well; {broker}\n")
        elif path == "/":
            said: Data = {"broker": self.link.up, **self.aggregator.overview()}
            self._answer(said, pages.overview)
        elif path.startswith("/sensors/"):
            name = unquote(path.removeprefix("/sensors/"))
            found = self.aggregator.one(name)
            if found:
                self._answer(found, pages.sensor)
            else:
                self._fail(404, f"nothing was heard of a sensor {name[:80]!r} for an hour")
        else:
            self._fail(404, "there are /, /sensors/<name> and /health")

    def _answer(self, data: Data, page: Any) -> None:
        if self._wants_page():
            self._send(200, "text/html", page(data))
        else:
            self._send(200, "application/json", json.dumps(data) + "\n")

    def _fail(self, status: int, reason: str) -> None:
        if self._wants_page():
            self._send(status, "text/html", pages.failure(reason))
        else:
            self._send(status, "application/json", json.dumps({"error": reason}) + "\n")

    def _wants_page(self) -> bool:
        return "text/html" in self.headers.get("Accept", "")

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Log nothing of what went well."""
        if str(code) not in ("200", "HTTPStatus.OK"):
            super().log_request(code, size)


class Server(ThreadingHTTPServer):
    """A server that does not report a user who has gone."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what is our fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def serve(aggregator: Aggregator, link: Link, address: str, port: int) -> Server:
    """
    Return a server that listens; ``serve_forever`` answers.

    aggregator
        What is known.
    link
        The connection to the broker.
    address, port
        Where to listen.
    """
    given = {"aggregator": aggregator, "link": link}
    return Server((address, port), type("SensorsHandler", (Handler,), given))


def main() -> int:
    """Run the aggregator; return the exit status."""

    def stop(_number: int, _frame: Any) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    at, secret = configured()
    aggregator = Aggregator(at.silent)

    def connected(client: mqtt.Client) -> None:
        client.subscribe(TOPICS, qos=1)

    def heard(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(not UTF-8)"
        aggregator.hear(topic, message.payload)

    # The broker keeps messages for it by this name while it is restarted.
    link = Link(at, secret, f"aggregator-{at.name}", clean=False, connected=connected)
    link.client.on_message = heard
    with serve(aggregator, link, os.environ.get("ADDRESS", ""), at.listen) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        say(f"listening on port {at.listen}")
        link.connect()
        link.client.loop_forever(retry_first_connection=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
