"""
Insert, or update what is there: the one statement that SQLite and PostgreSQL spell alike and
SQLAlchemy spells twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    overwrite: Sequence[str],
    add: Sequence[str] = (),
) -> None:
    """
    Insert rows; where one with the same primary key is there, change it.

    connection, table, rows
        Where, and what: each row with all its columns.
    overwrite
        Columns that take the new value.
    add
        Columns to which the new value is added.
    """
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    new = statement.excluded
    values = {name: new[name] for name in overwrite}
    values |= {name: table.c[name] + new[name] for name in add}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values),
        [dict(row) for row in rows],
    )
