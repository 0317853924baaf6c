"""
A real master with the configuration we ship, and real minions, as processes of this machine.

The description is a copy, so a test may edit or break it; the rest is the checkout itself.
"""

import shutil

import pytest
import yaml


@pytest.fixture(scope="session")
def description(tmp_path_factory, repo):
    """Return the folder of a copy of the shipped description, free to be edited by tests."""
    folder = tmp_path_factory.mktemp("description") / "cloud"
    shutil.copytree(repo / "pillar" / "cloud", folder)
    return folder


@pytest.fixture(scope="session")
def master_config(repo, description):
    """Return the shipped master configuration with the paths of this checkout."""
    text = (repo / "master" / "master.d" / "picloud.conf").read_text()
    text = text.replace("/srv/picloud/pillar/cloud", str(description))
    return yaml.safe_load(text.replace("/srv/picloud", str(repo)))


@pytest.fixture(scope="session")
def master(salt_factories, master_config):
    """Start a master with the shipped configuration."""
    overrides = {**master_config, "fips_mode": False}
    factory = salt_factories.salt_master_daemon("head", overrides=overrides)
    with factory.started():
        yield factory


def _minion(master, node_id):
    return master.salt_minion_daemon(
        node_id, overrides={"autoload_dynamic_modules": False, "fips_mode": False}
    )


@pytest.fixture(scope="session")
def pi0(master):
    """Start a minion that is node ``pi0`` of the description."""
    with (factory := _minion(master, "pi0")).started():
        yield factory


@pytest.fixture(scope="session")
def pi1(master):
    """Start a minion that is node ``pi1`` of the description."""
    with (factory := _minion(master, "pi1")).started():
        yield factory


@pytest.fixture(scope="session")
def stranger(master):
    """Start a minion that has a key on the master, but no place in the description."""
    with (factory := _minion(master, "stranger")).started():
        yield factory
