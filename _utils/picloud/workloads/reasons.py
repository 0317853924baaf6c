"""
What can be done about a task that does not run, by what Docker says of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

#: What may stand in a command that is shown: names of nodes and workloads, and an image as Docker
#: names it. A node can say whatever it likes.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_IMAGE = re.compile(r"No such image: ([A-Za-z0-9][A-Za-z0-9._:/@-]*)")
_HUB = "docker.io"

_REMEDIES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, str], str]], ...] = (
    (
        _NO_IMAGE,
        lambda found, _workload, node: (
            f"{node} has no image {found[1]} and could not pull it from {registry(found[1])};"
            f" what that says: salt {node} cmd.run 'docker pull {found[1]}'"
        ),
    ),
    (
        re.compile("no space left on device", re.IGNORECASE),
        lambda _found, _workload, node: (
            f"the card of {node} is full; what takes the room:"
            f" salt {node} cmd.run 'df -h /var/lib/docker; docker system df'"
        ),
    ),
    (
        re.compile("unhealthy"),
        lambda _found, workload, node: (
            f"its health check failed on {node}; what it said: salt-run workload.logs"
            f" workload={workload}"
        ),
    ),
    # What Docker Engine says of containers that ran when it was killed.
    (
        re.compile(r"non-zero exit \(255\)"),
        lambda _found, workload, node: (
            f"it ended with its node {node}, or by itself; what it said: salt-run workload.logs"
            f" workload={workload}"
        ),
    ),
    (
        re.compile(r"non-zero exit \(137\)"),
        lambda _found, workload, node: (
            f"it was killed on {node}, for more memory than its limit or by somebody; what it said:"
            f" salt-run workload.logs workload={workload}"
        ),
    ),
    (
        re.compile("non-zero exit"),
        lambda _found, workload, node: (
            f"it ended by itself on {node}; what it said: salt-run workload.logs"
            f" workload={workload}"
        ),
    ),
)


def remedy(error: str, workload: str, node: str) -> str:
    """
    Return what is wrong and how to see more of it; nothing where Docker's own words are enough.

    error
        What Docker says of a task, on one line.
    workload, node
        The workload of the task, and the node that it was on.

    >>> remedy("task: non-zero exit (3)", "web", "pi3")
    'it ended by itself on pi3; what it said: salt-run workload.logs workload=web'
    """
    if not (_NAME.fullmatch(workload) and _NAME.fullmatch(node)):
        return ""
    for pattern, words in _REMEDIES:
        if found := pattern.search(error):
            return words(found, workload, node)
    return ""


def registry(image: str) -> str:
    """
    Return the registry that an image is pulled from.

    image
        Its name as Docker has it.

    >>> registry("head.pi.example:5000/picloud/web:1"), registry("picloud/web:1")
    ('head.pi.example:5000', 'docker.io')
    """
    first, slash, _rest = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else _HUB
