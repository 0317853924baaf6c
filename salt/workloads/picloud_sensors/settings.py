"""
What the environment says: where the broker is, and as whom to log in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from picloud_sensors.readings import is_name

USER, PASSWORD_FILE = "sensors", "/run/secrets/mqtt-password"


class SettingsError(Exception):
    """The environment is not right; the text has one line for each fault."""


class Settings(NamedTuple):
    """
    How to reach the broker.

    host, port
        Where it is.
    user, password_file
        The login: its name, and the file with its password.
    name
        Name of this client, which no other one has: the node's.
    interval
        Seconds between two readings.
    silent
        Seconds without a word after which a sensor counts as silent.
    listen
        Port of the aggregator.
    """

    host: str
    port: int
    user: str
    password_file: str
    name: str
    interval: float
    silent: float
    listen: int


def settings(env: Mapping[str, str], host: str) -> Settings:
    """
    Return the settings; SettingsError names all faults.

    env
        The environment: ``BROKER`` (``mqtt``, or ``mqtt:1884``), ``MQTT_USER`` (sensors),
        ``PASSWORD_FILE`` (/run/secrets/mqtt-password), ``NODE``, ``INTERVAL`` (10), ``SILENT``
        (60), ``PORT`` (8080).
    host
        Name of the host: the client's, where ``NODE`` is left out.

    >>> settings({"BROKER": "10.0.0.1:1884", "NODE": "pi3"}, "box")[:3]
    ('10.0.0.1', 1884, 'sensors')
    """
    faults: list[str] = []
    broker, _, port = env.get("BROKER", "mqtt").partition(":")
    if not broker:
        faults.append("BROKER names no host; give host or host:port")
    name = env.get("NODE") or host
    if not is_name(name):
        faults.append(f"NODE is {name!r}; take letters, digits, and . _ - after the first")
    found = Settings(
        broker,
        _port("BROKER", port or "1883", faults),
        env.get("MQTT_USER") or USER,
        env.get("PASSWORD_FILE") or PASSWORD_FILE,
        name,
        _seconds("INTERVAL", env.get("INTERVAL", "10"), faults),
        _seconds("SILENT", env.get("SILENT", "60"), faults),
        _port("PORT", env.get("PORT", "8080"), faults),
    )
    if faults:
        raise SettingsError("\n".join(faults))
    return found


def password(text: str) -> str:
    """
    Return the password that a file holds; SettingsError when it holds none.

    text
        Its contents: one line.

    >>> password("secret\\n")
    'secret'
    """
    found = text.rstrip("\r\n")
    if not found or not found.isprintable():
        raise SettingsError("the password is not one line of text; correct the secret")
    return found


def _port(name: str, text: str, faults: list[str]) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536:
        return int(text)
    faults.append(f"{name} has the port {text!r}; give a number from 1 to 65535")
    return 0


def _seconds(name: str, text: str, faults: list[str]) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.1 <= found <= 3600:
        faults.append(f"{name} is {text!r}; give seconds from 0.1 to 3600")
    return found
