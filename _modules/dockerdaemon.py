"""
The daemon of Docker Engine: whether it runs and starts at boot, restarts, images, containers.

Reads ``/proc``, links and Docker's own socket instead of starting programs, so that a look at a
converged node costs milliseconds on a Pi 1.
"""

import http.client
import json
import os
import socket
import urllib.parse
from pathlib import Path

from salt.exceptions import CommandExecutionError

__virtualname__ = "dockerdaemon"

SERVICE = "docker.service"


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "dockerdaemon: Docker Engine runs on Linux only"
    return __virtualname__


class _Connection(http.client.HTTPConnection):
    """An HTTP connection over Docker's socket."""

    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ask(method, path, sock="/run/docker.sock", timeout=60):
    connection = _Connection(sock, timeout)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as err:
        raise CommandExecutionError(f"Docker Engine does not answer on {sock}: {err}") from err
    finally:
        connection.close()
    try:
        data = json.loads(body) if body else None
    except ValueError:
        data = None
    return answer.status, data


def _run(command):
    answer = __salt__["cmd.run_all"](command, python_shell=False, ignore_retcode=True)
    if answer["retcode"] != 0:
        raise CommandExecutionError(f"{' '.join(command)} failed: {answer['stderr']}")


def is_running(pid_file="/run/docker.pid", proc="/proc"):
    """
    Return whether the daemon runs, by its pid file.

    pid_file
        Where the daemon keeps its process id.
    proc
        Where the kernel shows its processes.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.is_running
    """
    try:
        pid = int(Path(pid_file).read_text(encoding="ascii"))
        return Path(proc, str(pid), "comm").read_text(encoding="utf-8").strip() == "dockerd"
    except (OSError, ValueError):
        return False


def is_replaced(pid_file="/run/docker.pid", proc="/proc"):
    """
    Return whether the daemon that runs is another program than the one that is installed: Debian's
    package does not restart it when it is upgraded.

    pid_file
        Where the daemon keeps its process id.
    proc
        Where the kernel shows its processes.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.is_replaced
    """
    try:
        pid = int(Path(pid_file).read_text(encoding="ascii"))
        # What the kernel adds to the path of a program whose file is gone, proc_pid_exe(5).
        return os.readlink(os.path.join(proc, str(pid), "exe")).endswith(" (deleted)")
    except (OSError, ValueError):
        return False


def is_enabled(units="/etc/systemd/system"):
    """
    Return whether the service starts at boot.

    units
        The folder of systemd's links.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.is_enabled
    """
    return os.path.lexists(os.path.join(units, "multi-user.target.wants", SERVICE))


def enable():
    """
    Let the service start at boot.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.enable
    """
    _run(["systemctl", "enable", SERVICE])


def restart():
    """
    Restart the daemon and wait until it answers; say in its own words why it does not.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.restart
    """
    # Debian's unit allows three starts in a minute; a refused file must not use them up.
    _run(["systemctl", "reset-failed", SERVICE])
    try:
        _run(["systemctl", "restart", SERVICE])
        status, _ = _ask("GET", "/_ping")
        if status != http.client.OK:
            raise CommandExecutionError(f"Docker Engine answers {status}")
    except CommandExecutionError as err:
        lines = __salt__["cmd.run_stdout"](
            ["journalctl", "-u", SERVICE, "-t", "dockerd", "-o", "cat", "-n", "20", "--no-pager"],
            python_shell=False,
            ignore_retcode=True,
        ).splitlines()
        said = [line for line in lines if line and "level=info" not in line]
        reason = said[-1] if said else str(err).splitlines()[0]
        raise CommandExecutionError(f"Docker Engine does not start: {reason}") from err


def image_id(name, tag):
    """
    Return the id of an image on this node, or None if it is not here.

    name
        The image without its tag.
    tag
        The tag.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.image_id picloud/busybox 1.35
    """
    status, data = _ask("GET", f"/images/{urllib.parse.quote(f'{name}:{tag}')}/json")
    if status == http.client.NOT_FOUND:
        return None
    if status != http.client.OK or not isinstance(data, dict):
        raise CommandExecutionError(f"Docker Engine answers {status} about {name}:{tag}")
    return data["Id"]


def contents():
    """
    Return how many containers, running containers and images Docker Engine has.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.contents
    """
    status, data = _ask("GET", "/info")
    if status != http.client.OK or not isinstance(data, dict):
        raise CommandExecutionError(f"Docker Engine answers {status}")
    return {
        "containers": data["Containers"],
        "running": data["ContainersRunning"],
        "images": data["Images"],
    }


def stop_containers(seconds=10):
    """
    Stop all running containers (with live-restore they would outlive the daemon). Return how many.

    seconds
        How long each may take before it is killed.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' dockerdaemon.stop_containers
    """
    status, running = _ask("GET", "/containers/json")
    if status != http.client.OK:
        raise CommandExecutionError(f"Docker Engine answers {status}")
    for container in running:
        status, data = _ask(
            "POST", f"/containers/{container['Id']}/stop?t={int(seconds)}", timeout=seconds + 60
        )
        if status >= http.client.INTERNAL_SERVER_ERROR:
            reason = (data or {}).get("message", status)
            raise CommandExecutionError(f"{container['Names'][0]} does not stop: {reason}")
    return len(running)
