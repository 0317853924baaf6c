"""
Nodes and racks with everything that follows from the description: what ``Cloud`` is made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
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


#: Fields that are kept for each node; the others follow from these and from the rack.
COLUMNS = (
    "id",
    "slot",
    "model",
    "ram_mb",
    "image",
    "roles",
    "parts",
    "address",
    "ipv6",
    "mac",
    "serial",
    "port",
    "hub",
    "hub_port",
)


@dataclass(frozen=True)
class Rack:
    """
    A rack.

    name, site, design
        Its name, and those of its site and design.
    domain
        The domain of its nodes.
    towers
        Its towers and their heights, in order.
    key
        Digest of everything that its nodes' views depend on.
    columns
        Its nodes in the order of the design, field by field; roles and parts joined by spaces.
    """

    name: str
    site: str
    design: str
    domain: str
    towers: Mapping[str, int]
    key: str
    columns: Mapping[str, Sequence[Any]]

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Nodes by slot, in the order of the design."""
        rows = zip(*(self.columns[field] for field in COLUMNS), strict=True)
        nodes = {row[1]: self._node(dict(zip(COLUMNS, row, strict=True))) for row in rows}
        return MappingProxyType(nodes)

    def _node(self, row: dict[str, Any]) -> Node:
        tower, _, position = row["slot"].partition("/")
        return Node(
            **{
                **row,
                "fqdn": f"{row['id']}.{self.domain}",
                "rack": self.name,
                "tower": tower,
                "position": int(position),
                "site": self.site,
                "roles": tuple(row["roles"].split()),
                "parts": tuple(row["parts"].split()),
            }
        )

    def column(self, field: str) -> Sequence[Any]:
        """
        Return one field of every node, without making the nodes.

        field
            One of ``COLUMNS``.
        """
        return self.columns[field]

    @staticmethod
    def columns_of(nodes: Sequence[Node]) -> dict[str, Sequence[Any]]:
        """Return nodes, in the order of the design, field by field."""
        columns: dict[str, Sequence[Any]] = {
            field: [getattr(node, field) for node in nodes] for field in COLUMNS
        }
        for field in ("roles", "parts"):
            columns[field] = [" ".join(value) for value in columns[field]]
        return columns

    def packed(self) -> bytes:
        """Return the rack as bytes for a cache; a column with one value throughout is kept once."""
        columns = [
            values[0] if len(values) > 1 and len(set(values)) == 1 else list(values)
            for values in (self.columns[field] for field in COLUMNS)
        ]
        values = (self.name, self.site, self.design, self.domain, self.towers, columns)
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def unpacked(cls, key: str, data: bytes) -> Rack:
        """Return the rack that ``packed`` made bytes of."""
        name, site, design, domain, towers, columns = json.loads(data)
        size = len(columns[0])
        whole = {
            field: values if isinstance(values, list) else [values] * size
            for field, values in zip(COLUMNS, columns, strict=True)
        }
        return cls(name, site, design, domain, towers, key, whole)
