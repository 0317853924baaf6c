"""
Measure this node: one container after the other, each small and ended for certain.

What runs in them, and what their output says, is the master's business (``salt-run benchmark``).
Programs come in an image, so nothing is installed on the node.
"""

import json
import os
import platform
import re
import time

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pibenchmark"

#: By which the containers of a benchmark are known.
LABEL = "picloud.benchmark"
NAME = re.compile(r"[a-z]{1,20}")
#: Memory that a container may take, and characters of its output that are returned.
MEMORY_MB, MOST = 192, 256 * 1024
#: Where the card is in the container: a volume, which Docker keeps on it.
FOLDER = "/card"
MOST_SECONDS, MOST_CONTAINERS, MOST_TIMES = 3600, 20, 20


def __virtual__():
    if "swarm.ask" not in __salt__:
        return False, "pibenchmark: the execution module swarm is not loaded"
    return __virtualname__


def _ask(function, *args, **kwargs):
    return __salt__["swarm.ask"](function, *args, **kwargs)


def _whole(name, value, most):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise SaltInvocationError(f"{name}: {value!r} is no number from 1 to {most}")
    return value


def prepare(image):
    """
    Pull the image unless it is here, and remove what a benchmark left that was cut short. Return
    what this node is: ``load`` (of the last minute, by core), ``kernel``, ``docker``, ``arch``,
    ``board`` and ``card``.

    image
        The image, with the digest of what was built.

    CLI Example:

    .. code-block:: bash

        salt pi3 pibenchmark.prepare head.pi.example:5000/picloud/benchmark:1@sha256:0123...
    """
    clear()
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    _pull(image)
    board = __grains__.get("pi") or {}
    return {
        "load": round(load, 2),
        "kernel": platform.release(),
        "docker": str(_ask("version").get("Version", "")),
        "arch": str(__grains__.get("osarch", "")),
        "board": str(board.get("serial") or ""),
        "card": str(board.get("card_id") or ""),
    }


def _pull(image):
    if "@sha256:" not in str(image):
        raise SaltInvocationError(f"image: {image!r} has no digest")
    if _ask("inspect_image", image) is not None:
        return
    # What fails then is told among the lines of the answer.
    said = str(_ask("pull", image))
    if _ask("inspect_image", image) is None:
        words = [json.loads(line).get("error") for line in said.splitlines() if '"error"' in line]
        raise CommandExecutionError(f"{image} cannot be pulled: {words[-1] if words else said}")


def run(image, test, script, seconds, peers=None):
    """
    Run a script in a container of its own, and return what it wrote.

    image
        See :py:func:`prepare`.
    test
        The name of the test; ``network`` has the node's own network, others have none.
    script
        What to run, for ``/bin/sh``.
    seconds
        After how many it is ended, which is an error.
    peers
        Addresses by node id: the script finds that of this node in the variable ``PEER``.

    CLI Example:

    .. code-block:: bash

        salt pi3 pibenchmark.run IMAGE memory 'sysbench memory run' 60
    """
    _whole("seconds", seconds, MOST_SECONDS)
    peer = (peers or {}).get(__opts__["id"])
    made = _make(image, test, ["/bin/sh", "-c", script], host=test == "network", peer=peer)
    try:
        _ask("start", made)
        try:
            status = _ask("wait", made, timeout=seconds)["StatusCode"]
        except CommandExecutionError as err:
            if "timed out" not in str(err).lower():
                raise
            raise CommandExecutionError(f"{test} has not ended after {seconds} s") from err
        said = _ask("logs", made, stdout=True, stderr=bool(status))[-MOST:]
        text = said.decode("utf-8", "replace")
        if status:
            raise CommandExecutionError(f"{test} failed ({status}): {text.strip()[-300:]}")
        return text
    finally:
        _remove(made)


def containers(image, number, times):
    """
    Start and remove some containers, one after the other; return how many a second, each time.

    image
        See :py:func:`prepare`.
    number
        How many each time.
    times
        How often that is measured.

    CLI Example:

    .. code-block:: bash

        salt pi3 pibenchmark.containers IMAGE 5 3
    """
    _whole("number", number, MOST_CONTAINERS)
    rates = []
    for _ in range(_whole("times", times, MOST_TIMES)):
        began = time.monotonic()
        for _ in range(number):
            made = _make(image, "containers", ["/bin/true"], host=False)
            try:
                _ask("start", made)
                _ask("wait", made, timeout=120)
            finally:
                _remove(made)
        rates.append(number / (time.monotonic() - began))
    return rates


def serve(image, command):
    """
    Have a server run for a neighbour's ``network``, until :py:func:`clear`; return its container.

    image, command
        The image, and what runs in it; it is to end by itself after a time.

    CLI Example:

    .. code-block:: bash

        salt pi4 pibenchmark.serve IMAGE 'timeout 600 iperf3 --server'
    """
    clear()
    _pull(image)
    made = _make(image, "server", ["/bin/sh", "-c", command], host=True)
    try:
        _ask("start", made)
    except CommandExecutionError:
        _remove(made)
        raise
    return made


def clear():
    """
    Remove the containers of benchmarks from this node, whatever they do; return how many.

    CLI Example:

    .. code-block:: bash

        salt pi4 pibenchmark.clear
    """
    found = _ask("containers", all=True, filters={"label": LABEL})
    for one in found:
        _remove(one["Id"])
    return len(found)


def _make(image, test, command, host, peer=None):
    if not NAME.fullmatch(str(test)):
        raise SaltInvocationError(f"test: {test!r} is no name of a test")
    options = {
        "mem_limit": MEMORY_MB * 2**20,
        "pids_limit": 200,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "network_mode": "host" if host else "none",
        "read_only": True,
        "tmpfs": {"/tmp": "size=4m"},
        "log_config": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
    }
    return _ask(
        "create_container",
        image,
        command=command[1:],
        entrypoint=command[:1],
        environment={"PEER": peer} if peer else None,
        volumes=[FOLDER] if test == "card" else None,
        labels={LABEL: test},
        host_config=_ask("create_host_config", **options),
    )["Id"]


def _remove(container):
    _ask("remove_container", container, v=True, force=True)
