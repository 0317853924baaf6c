"""What every level of tests shares: where the checkout is, and where daemons may write."""

from pathlib import Path

import pytest

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
