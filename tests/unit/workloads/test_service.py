"""What managers are told: services that the swarm's own states accept, and nothing for others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from picloud import swarms
from picloud.cloud import Cloud, build
from picloud.load import from_texts
from picloud.workloads import fleet

from _modules import swarmspec
from tests.unit.swarm.spec import LOADED

from .world import cloud, texts

RACKS = {"r1": ["small", "large"], "r2": ["small"], "b-r3": ["small"]}


@pytest.fixture
def configure_loader_modules() -> dict[Any, Any]:
    return LOADED


def told(made: Cloud, node: str = "n0") -> dict[str, Any]:
    found: dict[str, Any] = made.view(node)["workloads"]
    return found


def service(work: Mapping[str, object], **more: object) -> dict[str, Any]:
    found: dict[str, Any] = told(cloud(RACKS, {"web": work}, **more))["services"]["web"]
    return found


FULL = {
    "command": ["httpd"],
    "args": ["-p", "80"],
    "env": {"LEVEL": "debug"},
    "user": "1000:1000",
    "workdir": "/srv",
    "read_only": True,
    "cap_drop": ["ALL"],
    "cap_add": ["NET_BIND_SERVICE"],
    "replicas": 2,
    "resources": {"cpus": 0.5, "memory_mb": 64, "mbps": 10},
    "limits": {"cpus": 1, "memory_mb": 128, "pids": 50},
    "placement": {"max_per_node": 1, "models": ["small"]},
    "publish": [{"published": 8080, "target": 80}],
    "mounts": [
        {"target": "/data", "source": "data"},
        {"target": "/host", "type": "bind", "source": "/srv", "read_only": True},
        {"target": "/tmp", "type": "tmpfs", "size_mb": 16},
    ],
    "healthcheck": {"test": ["true"], "interval_s": 5},
    "secrets": [{"source": "key", "target": "tls.key", "mode": "0400", "uid": 33}],
    "configs": {"page": {"target": "/page", "contents": "hello"}},
    "networks": ["back"],
}


@pytest.fixture
def full() -> dict[str, str]:
    more = {"overlays": {"back": {"encrypted": True, "subnet": "10.9.0.0/24"}, "unused": {}}}
    described = texts(RACKS, {"web": FULL}, more=more)
    described["secrets/work.sls"] = "secrets: {key: {contents: hush}, other: {contents: hush2}}"
    return described


def test_a_service_has_everything_in_the_words_of_docker(
    full: dict[str, str],
) -> None:
    found = told(build(from_texts(full)))
    assert found["configs"] == {"web_page": "hello"}
    assert found["secrets"] == {"key": "hush"}
    assert found["networks"] == {"back": {"subnets": ["10.9.0.0/24"], "options": {"encrypted": ""}}}
    one = found["services"]["web"]
    docker = swarmspec.service("web", one)
    task = docker["TaskTemplate"]
    assert task["ContainerSpec"]["Image"] == "picloud/any:1"
    assert task["ContainerSpec"]["Command"] == ["httpd"]
    assert task["ContainerSpec"]["Args"] == ["-p", "80"]
    assert task["ContainerSpec"]["Env"] == ["LEVEL=debug"]
    assert task["ContainerSpec"]["Healthcheck"]["Interval"] == 5 * 10**9
    assert task["ContainerSpec"]["Secrets"][0]["File"] == {
        "Name": "tls.key",
        "UID": "33",
        "GID": "0",
        "Mode": 0o400,
    }
    assert task["ContainerSpec"]["Configs"][0]["ConfigName"] == "web_page"
    assert task["Resources"]["Reservations"] == {
        "NanoCPUs": 5 * 10**8,
        "MemoryBytes": 64 * 2**20,
        "GenericResources": [{"DiscreteResourceSpec": {"Kind": "mbps", "Value": 10}}],
    }
    assert task["Resources"]["Limits"] == {
        "NanoCPUs": 10**9,
        "MemoryBytes": 128 * 2**20,
        "Pids": 50,
    }
    assert task["Placement"]["MaxReplicas"] == 1
    assert docker["Mode"] == {"Replicated": {"Replicas": 2}}
    assert docker["EndpointSpec"]["Mode"] == "dnsrr"
    assert docker["UpdateConfig"]["FailureAction"] == "rollback"
    assert docker["Labels"] == {"picloud.workload": "web"}


@pytest.mark.parametrize(
    ("work", "mode"),
    [
        ({}, {"Replicated": {"Replicas": 1}}),
        ({"mode": "global"}, {"Global": {}}),
        (
            {"mode": "job", "replicas": 9, "max_concurrent": 2},
            {"ReplicatedJob": {"TotalCompletions": 9, "MaxConcurrent": 2}},
        ),
        ({"mode": "job"}, {"ReplicatedJob": {"TotalCompletions": 1, "MaxConcurrent": 1}}),
    ],
)
def test_modes(work: Mapping[str, object], mode: dict[str, Any]) -> None:
    assert swarmspec.service("web", service(work))["Mode"] == mode


def test_what_a_replica_may_take_is_what_it_is_given() -> None:
    assert service({})["resources"]["limits"] == {"memory": "32M"}


def test_the_routing_mesh_needs_an_address_for_all() -> None:
    one = service({"publish": [{"published": 80, "mode": "ingress"}]})
    assert one["endpoint_mode"] == "vip"
    assert swarmspec.service("web", one)["EndpointSpec"]["Ports"] == [
        {"TargetPort": 80, "PublishedPort": 80, "Protocol": "tcp", "PublishMode": "ingress"}
    ]


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ({}, []),
        ({"models": ["small"]}, ["node.labels.model == small"]),
        ({"models": ["small", "large"]}, []),
        ({"racks": ["r2", "b-r3"]}, ["node.labels.rack == r2"]),
        ({"archs": ["arm64"]}, ["node.labels.arch == arm64"]),
        ({"sites": ["a"]}, []),
    ],
)
def test_constraints(placement: Mapping[str, object], expected: list[str]) -> None:
    found = service({"placement": placement})["placement"]
    assert found["constraints"] == ["node.labels.site == a", *expected]
    assert found["spread"] == ["node.labels.rack"]


def test_one_of_several_values_is_none_of_the_others() -> None:
    racks = {"r1": ["small"], "r2": ["small"], "r3": ["small"]}
    made = cloud(racks, {"web": {"placement": {"racks": ["r1", "r3"]}}})
    found = told(made)["services"]["web"]["placement"]["constraints"]
    assert found == ["node.labels.site == a", "node.labels.rack != r2"]


def test_workloads_that_keep_away_have_lanes() -> None:
    work = {"one": {"placement": {"anti_affinity": ["two"]}}, "two": {}, "three": {}}
    services = told(cloud(RACKS, work))["services"]
    lanes = {
        name: [text for text in one["placement"]["constraints"] if "lane" in text]
        for name, one in services.items()
    }
    assert lanes["one"] + lanes["two"] == ["node.labels.lane == 0", "node.labels.lane == 1"]
    assert lanes["three"] == []
    for name, one in services.items():
        swarmspec.service(name, one)


def test_labels_and_plan_agree_on_lanes() -> None:
    work = {"one": {"placement": {"anti_affinity": ["two"]}}, "two": {}}
    racks = {"r1": ["small"] * 5, "r2": ["large"] * 2}
    made = cloud(racks, work)
    view = made.view("n0")
    known = swarms.laned(view["members"]["nodes"], view["workloads"]["lanes"])
    for host in fleet.swarms(made, made.common.workloads)["a"].hosts:
        assert known[host.node]["labels"]["lane"] == str(host.lane)
    view = cloud(racks, {}).view("n0")
    assert view["workloads"]["lanes"] == 1
    assert "lane" not in swarms.laned(view["members"]["nodes"], 1)["n1"]["labels"]


@pytest.mark.parametrize(
    ("lanes", "expected"),
    [(1, [None, None, None]), (2, ["0", "1", "0"]), (3, ["0", "1", "2"])],
)
def test_a_lane_follows_from_the_place_and_how_many_there_are(
    lanes: int, expected: list[str | None]
) -> None:
    nodes = {f"n{n}": {"role": "worker", "place": n, "labels": {"rack": "r"}} for n in range(3)}
    found = swarms.laned(nodes, lanes)
    assert [one["labels"].get("lane") for one in found.values()] == expected
    assert all(one.keys() == {"role", "labels"} for one in found.values())
    assert all(one["labels"]["rack"] == "r" for one in found.values())
    assert nodes["n0"]["labels"] == {"rack": "r"}


def test_members_are_told_their_managers_and_managers_all_members() -> None:
    made = cloud(RACKS, {}, uplink=100)
    assert made.view("n1")["members"] == {"managers": {"n0": None}}
    swarm = made.view("n0")["members"]
    assert list(swarm["nodes"]) == ["n0", "n1", "n2"]
    assert swarm["nodes"]["n0"]["role"] == "manager"
    assert swarm["nodes"]["n2"] == {
        "role": "worker",
        "place": 0,
        "labels": {
            "site": "a",
            "rack": "r2",
            "tower": "t",
            "model": "small",
            "arch": "armel",
            "uplink": "100",
        },
    }
    # A site without a manager has no swarm.
    assert made.view("n3")["members"] == {"managers": {}}


def keys_of(racks: Mapping[str, list[str]], managers: tuple[str, ...] = ("n0",)) -> dict[str, str]:
    """Keys of racks that stand in a file each."""
    described = texts(racks, {}, managers=managers)
    of_all = yaml.safe_load(described.pop("racks.sls"))["racks"]
    for name, rack in of_all.items():
        described[f"{name}.sls"] = yaml.safe_dump({"racks": {name: rack}}, sort_keys=False)
    return {name: rack.key for name, rack in build(from_texts(described)).racks.items()}


def test_views_are_made_again_of_those_who_are_told_something_else() -> None:
    racks = {"r1": ["small"], "r2": ["small"], "r3": ["small"], "b-r4": ["small"]}
    before = keys_of(racks)
    # Another member of the swarm, in r3: the manager in r1 has to know its labels, r2 has not.
    now = keys_of({**racks, "r3": ["large"]})
    assert [name for name in racks if now[name] != before[name]] == ["r1", "r3"]
    # Managers at the site are known to all its nodes, and to nobody else.
    now = keys_of(racks, ("n0", "n1", "n2"))
    assert [name for name in racks if now[name] != before[name]] == ["r1", "r2", "r3"]
    # While the site has no manager there is nothing to tell.
    assert keys_of(racks, ())["b-r4"] == before["b-r4"]


def test_only_managers_are_told_and_only_of_their_site(full: dict[str, str]) -> None:
    made = build(from_texts(full))
    for node in ("n1", "n2", "n3"):
        assert "workloads" not in made.view(node)
        assert "hush" not in json.dumps(made.view(node))
    work = {"here": {"placement": {"sites": ["a"]}}, "there": {"placement": {"sites": ["b"]}}}
    made = cloud(RACKS, work, managers=("n0", "n3"))
    assert list(told(made, "n0")["services"]) == ["here"]
    assert list(told(made, "n3")["services"]) == ["there"]


def test_a_manager_without_workloads_is_told_that_there_are_none() -> None:
    assert told(cloud(RACKS, {})) == {
        "services": {},
        "networks": {},
        "secrets": {},
        "configs": {},
        "images": {},
        "lanes": 1,
    }


def test_replicas_are_shared_by_sites() -> None:
    made = cloud(RACKS, {"web": {"replicas": 3}}, managers=("n0", "n3"))
    assert told(made, "n0")["services"]["web"]["replicas"] == 2
    assert told(made, "n3")["services"]["web"]["replicas"] == 1


def test_only_racks_with_managers_change_with_the_workloads() -> None:
    before, after = cloud(RACKS, {"web": {}}), cloud(RACKS, {"web": {"replicas": 2}})
    changed = [name for name in before.racks if before.racks[name].key != after.racks[name].key]
    assert changed == ["r1"]
    assert cloud(RACKS, {"web": {}}).racks["r1"].key == before.racks["r1"].key


def test_views_may_be_changed() -> None:
    made = cloud(RACKS, {"web": {}})
    told(made)["services"].clear()
    assert list(told(made)["services"]) == ["web"]
