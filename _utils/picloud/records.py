"""
Nodes and racks with everything that follows from the description: what ``Cloud`` is made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple


class Node(NamedTuple):
    """A node with all that its rack and its design say about it."""

    id: str
    fqdn: str
    rack: str
    slot: str
    tower: str
    position: int
    site: str
    model: str
    ram_mb: int
    image: str
    roles: tuple[str, ...]
    parts: tuple[str, ...]
    address: str | None
    ipv6: str | None
    mac: str | None
    serial: str | None
    port: int | None
    hub: int | None
    hub_port: int | None


@dataclass(frozen=True)
class Rack:
    """
    A rack.

    name, site, design
        Its name, and those of its site and design.
    towers
        Its towers and their heights, in order.
    key
        Digest of everything that its nodes' views depend on.
    columns
        Its nodes, field by field: a tuple of values for each field of ``Node``, in their order.
    """

    name: str
    site: str
    design: str
    towers: Mapping[str, int]
    key: str
    columns: tuple[tuple[Any, ...], ...]

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Nodes by slot, in the order of the design."""
        return {node.slot: node for node in map(Node._make, zip(*self.columns, strict=True))}

    def column(self, field: str) -> tuple[Any, ...]:
        """Return one field of every node, without making the nodes."""
        return self.columns[_FIELDS[field]] if self.columns else ()

    def packed(self) -> bytes:
        """Return the rack as bytes for a cache."""
        values = (self.name, self.site, self.design, self.towers, self.key, self.columns)
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Rack:
        """Return the rack that ``packed`` made bytes of."""
        name, site, design, towers, key, columns = json.loads(data)
        rows = tuple(
            tuple(map(tuple, column)) if place in _LISTS else tuple(column)
            for place, column in enumerate(columns)
        )
        return cls(name, site, design, towers, key, rows)


_FIELDS = {field: place for place, field in enumerate(Node._fields)}
_LISTS = {_FIELDS["roles"], _FIELDS["parts"]}
