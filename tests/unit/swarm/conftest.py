"""The modules and states of Swarm at work on an engine in memory."""

from types import SimpleNamespace
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from _modules import (
    swarm,
    swarmdata,
    swarmdiff,
    swarmfields,
    swarmnetwork,
    swarmnode,
    swarmservice,
    swarmspec,
    swarmvalues,
)
from _states import swarm as swarm_state
from _states import swarmdata as swarmdata_state
from _states import swarmnetwork as swarmnetwork_state
from _states import swarmnode as swarmnode_state
from _states import swarmservice as swarmservice_state

from .engine import Engine

MODULES = (
    swarm,
    swarmdata,
    swarmdiff,
    swarmfields,
    swarmnetwork,
    swarmnode,
    swarmservice,
    swarmspec,
    swarmvalues,
)
STATES = (
    swarm_state,
    swarmdata_state,
    swarmnetwork_state,
    swarmnode_state,
    swarmservice_state,
)


@pytest.fixture(scope="session")
def key():
    """Return a minion's key pair: ``private`` and ``public`` in PEM."""
    private = rsa.generate_private_key(65537, 2048)
    return SimpleNamespace(
        private=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
        public=private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def pillar():
    return {}


@pytest.fixture
def loaded(engine, pillar, key, tmp_path, monkeypatch):
    """What each module finds around it: itself and the others, an engine, a minion's key."""
    (tmp_path / "minion.pem").write_bytes(key.private)
    opts = {"test": False, "pki_dir": str(tmp_path)}
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    functions = {"config.get": lambda name, default: default}
    for module in MODULES:
        alias = getattr(module, "__func_alias__", {})
        for name in dir(module):
            function = getattr(module, name)
            if callable(function) and getattr(function, "__module__", "") == module.__name__:
                functions[f"{module.__virtualname__}.{alias.get(name, name)}"] = function
    client, run = {"swarm.client": engine.client}, {}
    packs = {
        module: {"__salt__": functions, "__opts__": opts, "__context__": client}
        for module in MODULES
    }
    for state in STATES:
        packs[state] = {
            "__salt__": functions,
            "__opts__": opts,
            "__pillar__": pillar,
            "__context__": run,
        }
    return packs


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request, planned):
    """Run the test in both modes."""
    if not request.param:
        yield False
        return
    with planned():
        yield True


@pytest.fixture
def planned(loaded):
    """Switch test mode on for a while: ``with planned(): ...``."""
    opts = next(iter(loaded.values()))["__opts__"]
    return lambda: patch.dict(opts, {"test": True})
