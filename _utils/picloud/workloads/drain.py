"""
Emptying a node of tasks: what is still on it, and what went nowhere.
"""

from __future__ import annotations

from collections.abc import Collection

from picloud.workloads.seen import ALIVE, WAITING, Seen, Task


def left(seen: Seen, node: str) -> list[Task]:
    """
    Return the tasks that a node still has.

    seen
        What a manager says.
    node
        Its name.
    """
    ids = seen.ids(node)
    return [task for task in seen.tasks if task.node in ids and task.state in ALIVE]


def others(seen: Seen, node: str) -> list[str]:
    """
    Return the nodes beside one that are up and may run something.

    seen, node
        As for :func:`left`.
    """
    return [
        one.hostname
        for one in seen.nodes
        if (one.state, one.availability) == ("ready", "active") and one.hostname != node
    ]


def waiting(seen: Seen, services: Collection[str]) -> list[Task]:
    """
    Return the tasks of services that no node has taken yet.

    seen
        What a manager says.
    services
        Names of services.
    """
    return [
        task
        for task in seen.tasks
        if task.service in services
        and task.state in WAITING
        and task.desired in ("", "running", "complete", "ready")
    ]


def settled(seen: Seen, node: str, services: Collection[str]) -> bool:
    """
    Say whether a node is empty, and of each task that went from it either runs elsewhere or Swarm
    says why not.

    seen, node
        As for :func:`left`.
    services
        Services that had tasks on it.
    """
    return not left(seen, node) and all(task.error for task in waiting(seen, services))


def named(tasks: Collection[Task]) -> str:
    """
    Name tasks, each with what it does or why it waits.

    tasks
        The tasks.

    .. code-block:: python

        named(left(seen, "pi3"))        # "web.1 (running)"
    """
    return ", ".join(
        f"{task.service}{f'.{task.slot}' if task.slot else ''} ({task.error or task.state})"
        for task in sorted(tasks, key=lambda task: (task.service, task.slot))
    )
