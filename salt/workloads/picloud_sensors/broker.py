"""
Start Mosquitto with the login that its clients have.

Environment: ``MQTT_USER`` and ``PASSWORD_FILE`` as for the clients; ``FOLDER`` for what Mosquitto
reads, best in memory only (/tmp); ``LISTEN``, port and address to listen on (1883 on all).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from picloud_sensors.mosquitto import SHIPPED, access, config, options
from picloud_sensors.settings import Settings
from picloud_sensors.start import configured, say


def prepare(folder: Path, at: Settings, secret: str, listen: str) -> list[str]:
    """
    Write what Mosquitto reads, and return the command that starts it.

    folder
        Where to.
    at, secret
        The login.
    listen
        See ``mosquitto.config``.
    """
    os.umask(0o077)
    passwords = folder / "passwords"
    passwords.write_text(f"{at.user}:{secret}\n", "utf-8")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    (folder / "access").write_text(access(at.user), "utf-8")
    (folder / "mosquitto.conf").write_text(config(str(folder), listen), "utf-8")
    (folder / "mosquitto_sub").write_text(options(at.user, secret, listen), "utf-8")
    return ["mosquitto", "-c", str(folder / "mosquitto.conf")]


def main() -> int:
    """Become Mosquitto; returns an exit status only where that fails."""
    at, secret = configured()
    env = os.environ
    if secret == SHIPPED:
        say("the password is the shipped one, which everybody knows: see docs/sensors.md")
    try:
        command = prepare(Path(env.get("FOLDER", "/tmp")), at, secret, env.get("LISTEN", "1883"))
        os.execvp(command[0], command)
    except (OSError, subprocess.CalledProcessError) as err:
        say(f"Mosquitto was not started: {err}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
