"""
The tables of the ledger, at their present version. Times are seconds since 1970.
"""

import re
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    types,
)

#: What is no text to a database: NUL to PostgreSQL, half a surrogate pair to both.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class _Storable(TypeDecorator[str]):
    """Text as it comes from the network; what no database takes becomes U+FFFD."""

    impl: Any = types.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make a text storable; its length stays."""
        return None if value is None else _NO_TEXT.sub("\ufffd", value)


class String(_Storable):
    """A text of limited length."""

    impl = types.String
    cache_ok = True


class Text(_Storable):
    """A text of any length."""

    cache_ok = True


metadata = MetaData()

version = Table("version", metadata, Column("number", Integer, primary_key=True))

cards = Table(
    "cards",
    metadata,
    Column("card", String(64), primary_key=True),
    Column("node", String(63)),
    Column("spare", Boolean, nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("public", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("board", String(16)),
    Column("image", String(64)),
    Column("made_at", Float, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("cards_by_node", "node", "state"),
)

boards = Table(
    "boards",
    metadata,
    Column("serial", String(64), primary_key=True),
    Column("mac", String(17)),
    Column("model", String(63)),
    Column("node", String(63), unique=True),
    Column("retired", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seen_at", Float, nullable=False),
)

ports = Table(
    "ports",
    metadata,
    Column("mac", String(17), primary_key=True),
    Column("rack", String(63), nullable=False),
    Column("port", Integer, nullable=False),
    Column("seen_at", Float, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("data", JSON, nullable=False),
    Column("at", Float, nullable=False),
    Column("times", Integer, nullable=False),
    Index("journal_by_time", "at"),
)

rejoins = Table(
    "rejoins",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("step", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("card", String(64), nullable=False),
    Column("serial", String(64), nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("aside", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("since", Float, nullable=False),
    Column("step_at", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("limit_at", Float),
    Column("seconds", JSON, nullable=False),
    Index("rejoins_due", "step", "limit_at"),
)

batches = Table(
    "batches",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("nonce", String(64), nullable=False),
    Column("nodes", JSON, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("claimed", Boolean, nullable=False),
)

admissions = Table(
    "admissions",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("card", String(64), nullable=False),
    Column("public", Text, nullable=False),
    Column("replaces", String(64)),
    Column("at", Float, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("node", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("card", String(64)),
    Column("serial", String(64)),
    Index("decisions_by_node", "node", "id"),
)

strangers = Table(
    "strangers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("at", Float, nullable=False),
    Index("strangers_by_time", "at"),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("at", Float, nullable=False),
)

swarms = Table(
    "swarms",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("began_by", String(63), nullable=False),
    Column("cluster", String(64)),
    Column("at", Float, nullable=False),
)

swarm_members = Table(
    "swarm_members",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("site", String(63), nullable=False),
    Column("id", String(64), nullable=False, unique=True),
)

swarm_watch = Table(
    "swarm_watch",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("lost_at", Float),
    Column("words", Text, nullable=False),
)

swarm_tokens = Table(
    "swarm_tokens",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("token", Text, nullable=False),
    Column("at", Float, nullable=False),
)

scales = Table(
    "scales",
    metadata,
    Column("workload", String(63), primary_key=True),
    Column("replicas", Integer, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Float, nullable=False),
)

drains = Table(
    "drains",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("by", String(64), nullable=False),
    Column("at", Float, nullable=False),
)

builds = Table(
    "builds",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("digest", String(71), primary_key=True),
    Column("platforms", JSON, nullable=False),
    Column("packages", JSON, nullable=False),
    Column("described", String(64), nullable=False),
    Column("packaged", String(64), nullable=False),
    Column("at", Float, nullable=False),
)

measured = Table(
    "measured",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("at", Float, primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("samples", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
)

part_settings = Table(
    "part_settings",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("settings", JSON, nullable=False),
)

pins = Table(
    "pins",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("part", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("part", String(32), nullable=False),
    Column("step", String(16), nullable=False),
    Column("waves", JSON, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("wish", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("began_by", String(64), nullable=False),
    Column("began_at", Float, nullable=False),
    Column("step_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),
    Index("rollouts_by_end", "ended_at"),
)

rollout_nodes = Table(
    "rollout_nodes",
    metadata,
    Column("rollout", Integer, primary_key=True),
    Column("node", String(63), primary_key=True),
    Column("wave", Integer, nullable=False),
    Column("old", String(64), nullable=False),
    Column("new", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("pin", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Index("rollout_nodes_by_wave", "rollout", "wave"),
)
