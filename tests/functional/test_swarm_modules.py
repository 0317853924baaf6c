"""The modules of Swarm with Salt's own loader, which knows nothing of each other's files."""

import pytest
import salt.config
import salt.loader


@pytest.fixture
def functions(repo, tmp_path):
    """Return the functions of a minion that has our modules, and an Engine nowhere."""
    opts = salt.config.DEFAULT_MINION_OPTS.copy()
    places = ("root_dir", "cachedir", "extension_modules", "pki_dir", "sock_dir")
    opts.update(dict.fromkeys(places, str(tmp_path)), module_dirs=[str(repo)], grains={})
    opts["file_client"] = "local"
    return salt.loader.minion_mods(opts)


def test_a_specification_goes_there_and_back(functions):
    described = {"image": "web:1", "resources": {"limits": {"memory": "64M"}}, "replicas": 2}
    docker = functions["swarmspec.service"]("web", described)
    assert docker["TaskTemplate"]["Resources"]["Limits"] == {"MemoryBytes": 2**26}
    assert functions["swarmdiff.fields"](docker)["resources.limits.memory"] == "64M"
    assert functions["swarmdiff.difference"](docker, docker) == {}
    more = functions["swarmspec.service"]("web", {**described, "replicas": 3})
    assert functions["swarmdiff.difference"](docker, more) == {"replicas": {"old": 2, "new": 3}}
