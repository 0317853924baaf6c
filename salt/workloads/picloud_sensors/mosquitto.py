"""
What Mosquitto is told: where to listen, who may log in, and how much it may take.
"""

from __future__ import annotations

from picloud_sensors.readings import LONGEST

#: Most memory that Mosquitto takes: beyond that it refuses messages.
LIMIT_MB = 16
#: The password that is in the shipped description, and so is none.
SHIPPED = "sensors-of-the-pi-cloud"


def config(folder: str, listen: str) -> str:
    """
    Return the configuration of Mosquitto.

    folder
        Where its other files are.
    listen
        The port, and where not all the address after it.
    """
    lines = (
        f"listener {listen}",
        "allow_anonymous false",
        f"password_file {folder}/passwords",
        f"acl_file {folder}/access",
        "persistence false",
        "persistent_client_expiration 1h",
        "max_queued_messages 10000",
        f"max_packet_size {4 * LONGEST}",
        f"memory_limit {LIMIT_MB * 1000 * 1000}",
        "connection_messages false",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    )
    return "".join(f"{line}\n" for line in lines)


def access(user: str) -> str:
    """
    Return who may do what: the one login there is, with the topics of sensors, and read what
    Mosquitto says of itself.

    user
        Its name.
    """
    return f"user {user}\ntopic readwrite sensors/#\ntopic read $SYS/#\n"


def options(user: str, secret: str, listen: str) -> str:
    """
    Return what ``mosquitto_sub`` reads by itself: a health check need not tell the login.

    user, secret
        The login.
    listen
        The port, and where not all the address after it.
    """
    port, _, address = listen.partition(" ")
    host = f"--host {address}\n" if address else ""
    return f"--username {user}\n--pw {secret}\n--port {port}\n{host}"
