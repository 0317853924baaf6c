"""
How each program of the pipeline starts, and what it writes to its log.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from picloud_sensors.settings import Settings, SettingsError, password, settings


def say(text: str) -> None:
    """
    Write a line of the log.

    text
        The line.
    """
    print(text, file=sys.stderr, flush=True)


def configured() -> tuple[Settings, str]:
    """Return the settings and the password; exits with the reason where they are not right."""
    try:
        found = settings(os.environ, socket.gethostname())
        return found, password(Path(found.password_file).read_text("utf-8"))
    except (SettingsError, OSError, UnicodeDecodeError) as err:
        sys.exit(f"picloud_sensors: {err}")
