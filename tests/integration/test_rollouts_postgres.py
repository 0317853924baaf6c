"""The tests of pins and rollouts once more, on a PostgreSQL server that is only for them."""

import pytest

from tests.integration.test_ledger_postgres import server  # noqa: F401
from tests.unit.ledger.test_rollouts import *  # noqa: F403 - all of them, with another database


@pytest.fixture
def url(server):  # noqa: F811
    """Return the URL of an empty database."""
    return server.database("rollouts")
