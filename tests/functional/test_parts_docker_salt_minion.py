"""Parts docker and salt_minion through Salt's real loader: what the maps make of a view."""

import pytest
import yaml
from saltfactories.utils.functional import Loaders

DOCKER = {
    "package": "docker.io",
    "version": "20.10.24*",
    "blocked": [{"version": "1.7.0-1*", "archs": ["armhf"], "reason": "x", "use": "y"}],
    "daemon": {"registry-mirrors": [], "log-opts": {"max-size": "2m"}},
    "images": [
        {"name": "picloud/busybox", "tag": "1.35", "archive": "busybox-1.35"},
        {"name": "debian", "tag": "12"},
    ],
}


@pytest.fixture(scope="module")
def loaders(salt_factories, repo, tmp_path_factory):
    overrides = {
        "file_client": "local",
        "file_roots": {"base": [str(repo / "salt")]},
        "pillar_roots": {"base": [str(tmp_path_factory.mktemp("pillar"))]},
    }
    minion = salt_factories.salt_minion_daemon("pi3", overrides=overrides)  # not started
    return Loaders(minion.config.copy())


@pytest.fixture
def shown(loaders):
    """Render an SLS for a view; return the arguments of each state."""

    def show(sls, **view):
        base = {
            "node": {"id": "pi3"},
            "rack": {"name": "rack1"},
            "board": {"model": "pi1b", "ram_mb": 512},
            "parts": [],
        }
        states = loaders.modules.state.show_sls(sls, pillar={"picloud": {**base, **view}})
        assert isinstance(states, dict), states
        found = {}
        for name, state in states.items():
            ((module, entries),) = [item for item in state.items() if not item[0].startswith("__")]
            function = next(entry for entry in entries if isinstance(entry, str))
            arguments = [entry for entry in entries if isinstance(entry, dict)]
            found[name] = {k: v for entry in arguments for k, v in entry.items()}
            found[name]["function"] = f"{module}.{function}"
        return found

    return show


def test_the_daemon_has_limits_and_labels_and_no_empty_settings(shown):
    config = shown("docker", docker=DOCKER)["docker-daemon"]["config"]
    assert config == {
        "log-driver": "json-file",
        "log-opts": {"max-size": "2m", "max-file": "2"},
        "live-restore": True,
        "labels": ["picloud.node=pi3", "picloud.rack=rack1", "picloud.model=pi1b"],
    }


def test_swarm_nodes_can_switch_live_restore_off(shown):
    docker = {**DOCKER, "daemon": {"live-restore": False, "labels": ["own=1"]}}
    config = shown("docker", docker=docker)["docker-daemon"]["config"]
    assert config["live-restore"] is False
    assert config["labels"][-1] == "own=1"


def test_the_engine_and_the_images(shown, loaders):
    states = shown("docker", docker=DOCKER)
    assert states["docker-engine"]["version"] == "20.10.24*"
    assert states["docker-engine"]["blocked"] == DOCKER["blocked"]
    assert states["docker-engine"]["also"][0] == "ca-certificates"
    arch = loaders.modules.grains.get("osarch")
    load = f"salt://docker/images/busybox-1.35-{arch}.tar"
    assert states["docker-image-picloud/busybox-1.35"]["load"] == load
    assert "load" not in states["docker-image-debian-12"]


def test_small_boards_get_settings_for_little_memory(shown):
    own = {"version": "3008.3", "config": {"random_reauth_delay": 99}}
    states = shown("salt_minion", salt_minion=own)
    config = states["salt_minion-config"]["config"]
    assert config["process_count_max"] == 2
    assert config["random_reauth_delay"] == 99
    assert config["autoload_dynamic_modules"] is False
    assert not {"id", "master"} & config.keys()
    assert states["salt_minion-version"]["name"] == "3008.3"
    big = shown("salt_minion", salt_minion=own, board={"model": "pi4b", "ram_mb": 4096})
    assert "process_count_max" not in big["salt_minion-config"]["config"]


def test_a_new_node_has_the_configuration_that_a_small_board_gets(shown, repo):
    image = yaml.safe_load((repo / "master/minion.d/picloud.conf").read_text())
    description = yaml.safe_load((repo / "pillar/cloud/salt_minion.sls").read_text())
    states = shown("salt_minion", salt_minion=description["salt_minion"])
    assert states["salt_minion-config"]["config"] == image


@pytest.mark.parametrize(
    ("sls", "states"),
    [
        (
            "docker.absent",
            ["docker-absent", "docker-registry-trust-absent", "docker-registry-login-absent"],
        ),
        ("salt_minion.absent", ["salt_minion-absent"]),
    ],
)
def test_absent_needs_nothing_of_the_part_from_the_pillar(shown, sls, states):
    assert list(shown(sls)) == states
