"""What the tests of the node's own states share."""

import pytest

from _modules import pifile


@pytest.fixture
def files():
    """Return the module pifile at work on the real (temporary) file system."""
    names = ("look", "put", "write", "restore", "originals")
    return {f"pifile.{name}": getattr(pifile, name) for name in names}
