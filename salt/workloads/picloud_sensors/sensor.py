"""
A sensor: measures a (simulated) temperature and sends each reading with QoS 1. Readings wait while
the broker is away, the newest of them for an hour; the broker itself says ``offline`` for a sensor
that is lost (its last will).

Environment: see ``settings``.
"""

from __future__ import annotations

import random
import secrets
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from types import FrameType
from typing import Any

import paho.mqtt.client as mqtt

from picloud_sensors.client import Link
from picloud_sensors.readings import KEPT_S, OFFLINE, ONLINE, Reading, state_topic
from picloud_sensors.settings import Settings
from picloud_sensors.simulated import temperature
from picloud_sensors.start import configured, say


class Sensor:
    """
    One sensor with its connection.

    at
        The settings.
    secret
        The password.
    """

    def __init__(self, at: Settings, secret: str) -> None:
        self._at, self._state = at, state_topic(at.name)
        self._run, self._seq = secrets.token_hex(4), 0
        self._waiting: deque[Reading] = deque(maxlen=max(1, int(KEPT_S / at.interval)))
        self._sent: int | None = None
        self._acknowledged: set[int] = set()
        self._wake = threading.Event()
        self._ending = self._dropping = False
        self._link = Link(at, secret, f"sensor-{at.name}", clean=True, connected=self._on_connect)
        self._link.client.will_set(self._state, OFFLINE, qos=1, retain=True)
        self._link.client.on_publish = self._on_publish

    def run(self) -> None:
        """Measure and send until ``end``."""
        self._link.connect()
        self._link.client.loop_start()
        # Sensors that were started together do not all speak at the same time.
        due = time.monotonic() + random.uniform(0, self._at.interval)
        while not self._ending:
            if time.monotonic() >= due:
                due = max(due + self._at.interval, time.monotonic())
                self._measure()
            self._send()
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
        self._leave()

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Have ``run`` come to its end; a signal's handler."""
        self._ending = True
        self._wake.set()

    def _measure(self) -> None:
        now, name = time.time(), self._at.name
        self._seq += 1
        if len(self._waiting) == self._waiting.maxlen and not self._dropping:
            self._dropping = True
            say("the broker is away for an hour: the oldest readings are dropped")
        value = temperature(name, now)
        self._waiting.append(Reading(name, "temperature", value, now, self._run, self._seq))

    def _send(self) -> None:
        """Send the next reading once the last one has arrived, so that they arrive in order."""
        if self._sent in self._acknowledged:
            self._sent = None
        if self._sent is None and self._link.up and self._waiting:
            self._acknowledged.clear()
            reading = self._waiting.popleft()
            # The client keeps it from here on: lost on the way, it is sent again.
            self._sent = self._link.client.publish(reading.topic, reading.text, qos=1).mid

    def _leave(self) -> None:
        if self._link.up:
            said = self._link.client.publish(self._state, OFFLINE, qos=1, retain=True)
            with suppress(RuntimeError, ValueError):  # it is lost just now, and has the will
                said.wait_for_publish(2)
        self._link.client.disconnect()
        self._link.client.loop_stop()

    def _on_connect(self, client: mqtt.Client) -> None:
        self._dropping = False
        client.publish(self._state, ONLINE, qos=1, retain=True)
        self._wake.set()

    def _on_publish(self, _client: mqtt.Client, _data: Any, message: int) -> None:
        # Called with the client's lock held: nothing here may wait for another.
        self._acknowledged.add(message)
        self._wake.set()


def main() -> int:
    """Run a sensor; return the exit status."""
    at, secret = configured()
    sensor = Sensor(at, secret)
    signal.signal(signal.SIGTERM, sensor.end)
    signal.signal(signal.SIGINT, sensor.end)
    sensor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
