"""The tests of the ledger once more, on a PostgreSQL server of Debian that is only for them."""

import pytest
import sqlalchemy as sa

from tests.integration.postgres import Postgres
from tests.unit.ledger.test_ledger import *  # noqa: F403 - all of them, with another database


@pytest.fixture(scope="module")
def server():
    """Start a server; it ends with the tests."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def url(server):
    """Return the URL of an empty database."""
    return server.database("ledger")


def test_this_is_postgresql(ledger):
    with ledger.database.read() as connection:
        said = connection.execute(sa.text("select version()")).scalar_one()
    assert said.startswith("PostgreSQL")


def test_no_text_breaks_a_row(ledger):
    name = "x" * 500 + "\u20ac"
    ledger.decisions.add(DecisionRow("pi3", 1.0, "a", "b", name))  # noqa: F405
    assert ledger.decisions.of("pi3")[0].reason == name
