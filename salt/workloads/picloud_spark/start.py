"""
Start Spark's master or a worker of it: ``python3 -m picloud_spark.start master``, or ``worker``.

Environment: ``SPARK_HOME``; ``SPARK_LOCAL_IP``, this container's address where it is not the one of
its host name; ``MASTER``, the master's URL, for workers; ``CORES`` (1) and ``MEMORY`` (512m) that a
worker has to give to executors; ``TMPDIR`` (/tmp).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence

ROLES = ("master", "worker")
PORT, PAGE = 7077, 8080
MASTER = "spark://spark-master:7077"


class RoleError(Exception):
    """It cannot be started; the text says why."""


def address(environment: Mapping[str, str]) -> str:
    """
    Return this container's own address in the overlay network, by which others reach it.

    environment
        The variables.

    Docker writes it into ``/etc/hosts``, for the host's name; other networks do not stand there.
    """
    return environment.get("SPARK_LOCAL_IP") or socket.gethostbyname(socket.gethostname())


def command(role: str, own: str, environment: Mapping[str, str]) -> list[str]:
    """
    Return the command that a container becomes; RoleError when there is no such role.

    role
        ``master`` or ``worker``.
    own
        The container's address, see ``address``.
    environment
        The variables.

    >>> command("master", "10.0.1.2", {"SPARK_HOME": "/spark"})[:2]
    ['/spark/bin/spark-class', 'org.apache.spark.deploy.master.Master']
    """
    home = environment.get("SPARK_HOME", "")
    if role not in ROLES or not home:
        wrong = f"{role!r} is no role" if home else "SPARK_HOME is not set"
        raise RoleError(f"{wrong}; say master or worker, in the image of examples/spark.sls")
    start = [f"{home}/bin/spark-class", f"org.apache.spark.deploy.{role}.{role.capitalize()}"]
    if role == "master":
        return [*start, "--host", own, "--port", str(PORT), "--webui-port", str(PAGE)]
    cores, memory = environment.get("CORES", "1"), environment.get("MEMORY", "512m")
    folder = f"{environment.get('TMPDIR', '/tmp')}/work"
    return [
        *(*start, "--host", own, "--webui-port", str(PAGE), "--work-dir", folder),
        *("--cores", cores, "--memory", memory, environment.get("MASTER", MASTER)),
    ]


def main(arguments: Sequence[str]) -> int:
    """Become Spark; return the exit status when that fails."""
    try:
        if len(arguments) != 1:
            raise RoleError("say master or worker")
        words = command(arguments[0], address(os.environ), os.environ)
        os.execv(words[0], words)
    except (RoleError, OSError) as err:
        print(f"Spark cannot be started: {err}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
