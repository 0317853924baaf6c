"""Part swarm through Salt's real loader: what is made of what the master says, on each node."""

import pytest
from saltfactories.utils.functional import Loaders

LABELS = {"rack": "rack1", "arch": "armel"}
SWARM = {
    "settings": {"default_addr_pool": ["10.128.0.0/9"], "task_history_limit": 2},
    "role": "worker",
    "managers": ["10.80.1.1", "10.80.2.1"],
    "begin": False,
    "token": None,
}
NODES = {
    "pi0": {"role": "manager", "labels": LABELS, "availability": "active"},
    "pi3": {"role": "worker", "labels": LABELS, "availability": "drain"},
}
WORK = {
    "services": {"web": {"image": "picloud/web:1", "replicas": 2, "networks": ["back"]}},
    "networks": {"back": {"options": {"encrypted": ""}}},
    "configs": {"web_page": "{{ no jinja }}\n"},
    "secrets": {"key": "hush"},
}


@pytest.fixture(scope="module")
def loaders(salt_factories, repo, tmp_path_factory):
    overrides = {
        "file_client": "local",
        "file_roots": {"base": [str(repo / "salt")]},
        "pillar_roots": {"base": [str(tmp_path_factory.mktemp("pillar"))]},
        "docker.url": "unix:///nonexistent/docker.sock",
    }
    minion = salt_factories.salt_minion_daemon("pi3", overrides=overrides)  # not started
    loaders = Loaders(minion.config.copy())
    loaders.modules.saltutil.sync_all()
    return loaders


@pytest.fixture
def shown(loaders):
    """Render an SLS for a node; return function and arguments of each state, in order."""

    def show(sls, joining=False, work=None, **swarm):
        view = {
            "node": {"id": "pi3", "address": "10.80.1.4"},
            "rack": {"name": "rack1"},
            "board": {"model": "pi1b", "nic_mbps": 100},
            "parts": ["docker", "swarm"],
            "docker": {"version": "20.10*"},
            "swarm": {**SWARM, **swarm},
            **({"workloads": work} if work else {}),
        }
        pillar = {"picloud": view} | ({"picloud_rejoin": True} if joining else {})
        states = loaders.modules.state.show_sls(sls, pillar=pillar)
        assert isinstance(states, dict), states
        found = {}
        for name, state in states.items():
            ((module, entries),) = [item for item in state.items() if not item[0].startswith("__")]
            given = {k: v for one in entries if isinstance(one, dict) for k, v in one.items()}
            function = next(one for one in entries if isinstance(one, str))
            found[name] = {"function": f"{module}.{function}", **given}
        return dict(sorted(found.items(), key=lambda item: item[1].pop("order")))

    return show


def test_a_node_joins_with_what_the_master_gave_it(shown):
    states = shown("swarm", token="sealed:x")
    assert list(states) == ["swarm-member"]
    assert states["swarm-member"] == {
        "function": "swarm.joined",
        "managers": SWARM["managers"],
        "role": "worker",
        "token": "sealed:x",
        "advertise_addr": "10.80.1.4",
        "later": False,
    }


def test_only_in_a_rejoin_a_token_may_come_later(shown):
    assert shown("swarm", joining=True)["swarm-member"]["later"] is True


def test_one_manager_begins_the_swarm(shown):
    states = shown("swarm", role="manager", begin=True, nodes=NODES)
    assert states["swarm-member"] == {
        "function": "swarm.initialised",
        "advertise_addr": "10.80.1.4",
        "settings": SWARM["settings"],
    }


def test_who_does_not_lead_keeps_itself_only(shown):
    # There is no Docker Engine here, so this node does not lead.
    assert list(shown("swarm", role="manager", nodes=NODES, work=WORK)) == ["swarm-member"]


def test_who_leads_keeps_the_nodes(shown):
    states = shown("swarm.leader", role="manager", nodes=NODES)
    assert states["swarm-settings"]["settings"] == SWARM["settings"]
    assert states["swarm-nodes"]["nodes"] == NODES
    assert states["swarm-nodes"]["function"] == "swarmnode.members"


def test_who_leads_runs_what_is_described_and_only_that(shown):
    states = shown("swarm.workloads", work=WORK)
    assert list(states) == [
        "swarm-services-old",
        "swarm-network-back",
        "swarm-config-web_page",
        "swarm-secret-key",
        "swarm-service-web",
        "swarm-configs-old",
        "swarm-secrets-old",
        "swarm-networks-old",
    ]
    own = {"picloud.part": "swarm"}
    assert states["swarm-network-back"]["settings"] == {"options": {"encrypted": ""}, "labels": own}
    assert states["swarm-config-web_page"]["contents"] == "{{ no jinja }}\n"
    assert states["swarm-service-web"]["spec"] == WORK["services"]["web"]
    kept = {name: one["keep"] for name, one in states.items() if "keep" in one}
    assert kept == {
        "swarm-services-old": ["web"],
        "swarm-configs-old": ["web_page"],
        "swarm-secrets-old": ["key"],
        "swarm-networks-old": ["back"],
    }
    assert {one["label"] for name, one in states.items() if name in list(kept)[1:]} == set(own)


def test_no_secret_is_in_the_compiled_state(shown):
    states = shown("swarm.workloads", work=WORK)
    assert states["swarm-secret-key"]["contents_pillar"] == "picloud:workloads:secrets:key"
    assert "hush" not in str(states)


def test_a_secret_that_is_described_no_more_and_still_used_stays(shown):
    states = shown("swarm.workloads", work={**WORK, "held": ["old-key"]})
    assert states["swarm-secrets-old"]["keep"] == ["key", "old-key"]
    assert "swarm-secret-old-key" not in states


def test_a_service_whose_image_is_refused_is_left_as_it_is(shown):
    states = shown("swarm.workloads", work={**WORK, "refused": {"web": 'no "build" yet'}})
    said = states["swarm-service-web"]
    assert said["function"] == "test.succeed_without_changes"
    assert said["name"] == 'web is left as it is: no "build" yet'
    assert states["swarm-services-old"]["keep"] == ["web"]


def test_a_swarm_without_workloads_keeps_none(shown):
    states = shown("swarm.workloads")
    assert {tuple(one["keep"]) for one in states.values()} == {()}


def test_absent_needs_nothing_of_the_part_from_the_pillar(loaders):
    states = loaders.modules.state.show_sls("swarm.absent", pillar={"picloud": {"parts": []}})
    assert list(states) == ["swarm-left"]


def test_docker_suits_a_swarm_where_there_is_one(shown):
    config = shown("docker")["docker-daemon"]["config"]
    assert config["live-restore"] is False
    assert config["node-generic-resources"] == ["mbps=100"]


def test_what_is_applied_is_noted_once_all_of_it_is(shown, loaders):
    here = {"role": "manager", "nodes": NODES, "work": WORK}
    digests = []
    for described in ("abc", "abc", "edited"):
        work = {**WORK, "described": described}
        (noted,) = shown("swarm.applied", **{**here, "work": work}).values()
        assert noted["function"] == "swarmwork.applied"
        assert noted["require"] == [{"sls": "swarm.leader"}, {"sls": "swarm.workloads"}]
        digests.append(noted["digest"])
    assert digests[0] == digests[1] != digests[2]
