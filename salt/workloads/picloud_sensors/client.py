"""
The connection to the broker, kept up by paho (1.6, Debian 12's): reached again with growing pauses
whenever it is lost, and each change told once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt

from picloud_sensors.settings import Settings
from picloud_sensors.start import say

#: Seconds after which a broker that says nothing counts as lost, and those between two attempts.
KEEPALIVE_S, FIRST_S, LONGEST_S = 20, 1, 60


class Link:
    """
    A connection to the broker.

    at
        Where it is, and as whom to log in.
    secret
        The password.
    name
        What the broker knows this client by; no other one may have it.
    clean
        Whether the broker forgets what it has for this client when the client has gone.
    connected
        Called whenever the broker has been reached, with the client.

    ``client`` is paho's client: give it a will and what it is to be called with, then ``connect``.
    """

    def __init__(
        self,
        at: Settings,
        secret: str,
        name: str,
        clean: bool,
        connected: Callable[[mqtt.Client], None],
    ) -> None:
        self._at, self._connected = at, connected
        self._told = ""
        self.up = False
        self.client = mqtt.Client(name, clean_session=clean)
        self.client.username_pw_set(at.user, secret)
        self.client.reconnect_delay_set(FIRST_S, LONGEST_S)
        self.client.on_connect = self._on_connect
        self.client.on_connect_fail = self._on_connect_fail
        self.client.on_disconnect = self._on_disconnect

    def connect(self) -> None:
        """Have the client's loop reach the broker, now or when it is there."""
        self.client.connect_async(self._at.host, self._at.port, KEEPALIVE_S)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: int) -> None:
        if code:
            self._tell(f"the broker refuses: {mqtt.connack_string(code)}")
            return
        self.up = True
        self._tell(f"connected to the broker at {self._at.host}:{self._at.port}")
        self._connected(client)

    def _on_connect_fail(self, _client: mqtt.Client, _data: Any) -> None:
        # Called while the reason is being handled.
        self._tell(f"the broker at {self._at.host} cannot be reached: {sys.exc_info()[1]}")

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, code: int) -> None:
        if code and self.up:
            self._tell("the broker is lost; it is tried again")
        self.up = False

    def _tell(self, text: str) -> None:
        if text != self._told:
            say(text)
        self._told = text
