"""
Nodes looked up one at a time: what decides about a node needs a few of them, never the whole cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Generic, Protocol, TypeVar

from picloud.database import Database
from picloud.policy import Rejoin
from picloud.records import Node
from picloud.rollout.policy import Rollout

Key_contra = TypeVar("Key_contra", contravariant=True)


class Lookup(Protocol[Key_contra]):
    """Ids of nodes by something that is declared for one node only."""

    def get(self, key: Key_contra, /) -> str | None:
        """Return the id of a node, or None."""


class Described(Protocol):
    """What is described, as :class:`picloud.cloud.Cloud` and :class:`Register` have it."""

    @property
    def rejoin(self) -> Rejoin:
        """The policy of rejoin."""

    @property
    def rollout(self) -> Rollout:
        """The policy of rollouts."""

    @property
    def by_serial(self) -> Lookup[str]:
        """Ids of nodes by the serial that is declared for them."""

    @property
    def by_mac(self) -> Lookup[str]:
        """Ids of nodes by the MAC address that is declared for them, in lower case."""

    @property
    def by_port(self) -> Lookup[tuple[str, int]]:
        """Ids of nodes by rack and switch port."""

    def node(self, node_id: str, /) -> Node | None:
        """Return a node by id, or None."""

    def ids(self) -> Collection[str]:
        """Return the ids of all nodes."""

    def each(self) -> Iterable[Node]:
        """Return all nodes, in no order."""


class Register:
    """
    The nodes that a store keeps, see :meth:`picloud.store.Store.register`.

    database
        Where they are kept.
    rejoin, rollout
        The policies of rejoin and of rollouts.

    Lookups raise :class:`picloud.database.StorageError` when the file cannot be read.
    """

    def __init__(self, database: Database, rejoin: Rejoin, rollout: Rollout) -> None:
        self.rejoin, self.rollout = rejoin, rollout
        self.by_serial: Lookup[str] = _Find(lambda serial: database.find(serial=serial))
        self.by_mac: Lookup[str] = _Find(lambda mac: database.find(mac=mac))
        self.by_port: Lookup[tuple[str, int]] = _Find(lambda port: database.find(port=port))
        self._database = database
        self._nodes: dict[str, Node] = {}

    def node(self, node_id: str, /) -> Node | None:
        """Return a node by id, or None."""
        found = self._nodes.get(node_id) or self._database.node(node_id)
        if found is not None:
            self._nodes[node_id] = found
        return found

    def ids(self) -> Collection[str]:
        """Return the ids of all nodes."""
        return self._database.ids()

    def each(self) -> Iterable[Node]:
        """Return all nodes, in no order; none of them is kept in memory for that."""
        return self._database.nodes()


class _Find(Generic[Key_contra]):
    """A query of one column, as a mapping that is only asked."""

    def __init__(self, query: Callable[[Key_contra], str | None]) -> None:
        self.get = query
