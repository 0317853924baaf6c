"""
What a node keeps when its card is swapped: its own paths and those of its roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from picloud import schema

#: The part that keeps; nodes that keep something have it without any role that names it.
PART = "keep"
#: What it comes after: users have to be there to own what is given back, and nothing that could
#: write to the paths may run before.
AFTER = "base"


def paths(common: schema.Common, roles: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
    """
    Return the paths that a node keeps, sorted.

    common
        The description but for its racks.
    roles
        The node's roles.
    own
        The node's own paths.
    """
    found = {path for role in roles for path in common.roles[role].keep}
    return tuple(sorted(found.union(own)))


def parts(
    of_roles: tuple[str, ...], common: schema.Common, roles: Sequence[str], node: schema.Node
) -> tuple[str, ...]:
    """
    Return the parts of a node: those of its roles, and ``keep`` when it keeps something.

    of_roles
        The parts of its roles.
    common
        The description but for its racks.
    roles
        The node's roles.
    node
        What is written of the node.
    """
    if not paths(common, roles, node.keep):
        return of_roles
    place = of_roles.index(AFTER) + 1 if AFTER in of_roles else 0
    return (*of_roles[:place], PART, *of_roles[place:])
