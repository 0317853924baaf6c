"""What every level of tests shares: where the checkout is, and where daemons may write."""

from pathlib import Path

import pytest
import salt._logging

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo():
    """Return the root of the checkout."""
    return REPO


@pytest.fixture(scope="session")
def salt_factories_config(tmp_path_factory):
    """Keep what the daemons write under pytest's own folder (salt-factories' default is /tmp)."""
    return {
        "code_dir": str(REPO),
        "root_dir": str(tmp_path_factory.mktemp("daemons")),
        "inject_sitecustomize": False,
        "start_timeout": 120,
    }


@pytest.fixture(autouse=True, scope="session")
def no_log_on_a_terminal():
    """Keep Salt from printing at its end, on a stream that pytest has closed, what it logged."""
    salt._logging.shutdown_temp_handler()
