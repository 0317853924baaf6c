"""What Docker gives back is compared with what is wanted: same meaning, no difference."""

import copy
import json

import pytest

from _modules import swarmdiff, swarmspec
from tests.conftest import REPO
from tests.unit.swarm.spec import LOADED

#: A specification that says everything, and what Docker Engine 20.10 gave back for it.
REAL = json.loads((REPO / "tests/data/swarm/service.json").read_text())
NETWORKS = {item["id"]: item["name"] for item in REAL["references"]["networks"].values()}
#: What the docker client makes of "docker service create --name web picloud/web:1".
BY_CLIENT = {
    "Name": "web",
    "Labels": {},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "picloud/web:1@sha256:" + "a" * 64,
            "Init": False,
            "StopGracePeriod": 10**10,
            "DNSConfig": {},
            "Isolation": "default",
        },
        "Resources": {"Limits": {}, "Reservations": {}},
        "RestartPolicy": {"Condition": "any", "Delay": 5 * 10**9, "MaxAttempts": 0},
        "Placement": {},
        "ForceUpdate": 3,
        "Runtime": "container",
    },
    "Mode": {"Replicated": {"Replicas": 1}},
    "UpdateConfig": {
        "Parallelism": 1,
        "FailureAction": "pause",
        "Monitor": 5 * 10**9,
        "MaxFailureRatio": 0,
        "Order": "stop-first",
    },
    "RollbackConfig": {
        "Parallelism": 1,
        "FailureAction": "pause",
        "Monitor": 5 * 10**9,
        "MaxFailureRatio": 0,
        "Order": "stop-first",
    },
    "EndpointSpec": {"Mode": "vip"},
}


@pytest.fixture
def configure_loader_modules():
    return LOADED


def wanted(**changed):
    spec = {**REAL["specification"], **changed}
    return swarmspec.service("full", spec, REAL["references"])


def difference(old, new):
    return swarmdiff.difference(old, new, NETWORKS)


def test_what_docker_gives_back_is_what_was_wanted():
    assert difference(REAL["docker"], wanted()) == {}


def test_order_that_means_nothing_is_no_difference():
    other = copy.deepcopy(REAL["docker"])
    container, task = other["TaskTemplate"]["ContainerSpec"], other["TaskTemplate"]
    for entries in (
        *(container[key] for key in ("Env", "Mounts", "Configs")),
        *(other["EndpointSpec"]["Ports"], task["Placement"]["Constraints"]),
    ):
        assert len(entries) > 1
        entries.reverse()
    assert difference(other, wanted()) == {}


def test_order_that_means_something_is_one():
    other = copy.deepcopy(REAL["docker"])
    other["TaskTemplate"]["Placement"]["Preferences"].reverse()
    assert list(difference(other, wanted())) == ["placement.spread"]


CHANGES = [
    (
        {"image": "picloud/busybox:1.36"},
        {"image": ("picloud/busybox:1.35", "picloud/busybox:1.36")},
    ),
    ({"replicas": 3}, {"replicas": (2, 3)}),
    ({"command": ["ash"]}, {"command": (["sh", "-c"], ["ash"])}),
    ({"args": None}, {"args": (["sleep 1000"], None)}),
    (
        {"env": {"A": "2", "E": "", "F": "f"}},
        {"env.A": ("1", "2"), "env.B": ("x=y", None), "env.F": (None, "f")},
    ),
    ({"user": "1"}, {"user": ("0", "1")}),
    ({"init": None}, {"init": (True, False)}),
    ({"stop_grace_period": None}, {"stop_grace_period": ("2s", "10s")}),
    ({"labels": {"l": "2"}}, {"labels.e": ("", None)}),
    (
        {"resources": {"limits": {"memory": "64M", "cpus": 0.25, "pids": 50}}},
        {
            "resources.limits.memory": ("32M", "64M"),
            "resources.reservations.cpus": (0.1, None),
            "resources.reservations.memory": ("16M", None),
        },
    ),
    (
        {"placement": {**REAL["specification"]["placement"], "max_replicas_per_node": 1}},
        {"placement.max_replicas_per_node": (2, 1)},
    ),
    (
        {"healthcheck": {**REAL["specification"]["healthcheck"], "interval": "1m5s"}},
        {"healthcheck.interval": ("5s", "1m5s")},
    ),
    (
        {"update_config": None},
        {
            "update_config.delay": ("1.5s", "0s"),
            "update_config.failure_action": ("rollback", "pause"),
            "update_config.max_failure_ratio": (0.5, 0.0),
            "update_config.monitor": ("3s", "5s"),
            "update_config.order": ("start-first", "stop-first"),
            "update_config.parallelism": (0, 1),
        },
    ),
    (
        {"restart_policy": {"condition": "on-failure"}},
        {
            "restart_policy.delay": ("0s", "5s"),
            "restart_policy.max_attempts": (3, 0),
            "restart_policy.window": ("2m0s", "0s"),
        },
    ),
    (
        {"log_driver": {"name": "json-file", "options": {"max-size": "2m"}}},
        {"log_driver.options.max-size": ("1m", "2m")},
    ),
    (
        {"networks": ["net"]},
        {"networks": ([{"name": "net", "aliases": ["b", "a"]}], [{"name": "net"}])},
    ),
    (
        {"secrets": []},
        {
            "secrets": (
                [{"source": "pw-v1", "target": "pw", "uid": "0", "gid": "0", "mode": "0444"}],
                None,
            )
        },
    ),
]


@pytest.mark.parametrize(("changed", "told"), CHANGES, ids=[next(iter(c)) for c, _ in CHANGES])
def test_each_change_is_told_by_field(changed, told):
    found = difference(REAL["docker"], wanted(**changed))
    assert found == {key: {"old": old, "new": new} for key, (old, new) in told.items()}


def test_what_the_docker_client_adds_is_no_difference():
    assert difference(BY_CLIENT, swarmspec.service("web", {"image": "picloud/web:1"})) == {}


@pytest.mark.parametrize(
    ("here", "new", "same"),
    [
        ("web:1@sha256:aa", "web:1", True),
        ("web:1@sha256:aa", "web:1@sha256:aa", True),
        ("web:1@sha256:aa", "web:1@sha256:bb", False),
        ("web:1", "web:1@sha256:bb", False),
        ("web:latest", "web", True),
        ("docker.io/library/web:1", "web:1", True),
        ("pi0:5000/web", "pi0:5000/web:latest", True),
        ("web:2@sha256:aa", "web:1", False),
    ],
)
def test_images(here, new, same):
    old = {**BY_CLIENT, "TaskTemplate": {"ContainerSpec": {"Image": here}}}
    found = difference(old, swarmspec.service("web", {"image": new}))
    assert ("image" not in found) is same


def test_fields_that_are_not_ours_are_told_too():
    other = copy.deepcopy(BY_CLIENT)
    other["TaskTemplate"]["ContainerSpec"]["DNSConfig"] = {"Nameservers": ["1.1.1.1"]}
    other["TaskTemplate"]["Resources"]["Limits"]["Odd"] = 5
    found = difference(other, swarmspec.service("web", {"image": "picloud/web:1"}))
    assert found == {
        "other.TaskTemplate.ContainerSpec.DNSConfig.Nameservers": {"old": ["1.1.1.1"], "new": None},
        "resources.limits.Odd": {"old": 5, "new": None},
    }


@pytest.mark.parametrize("mode", ["global", "replicated-job", "global-job"])
def test_modes_have_what_they_have(mode):
    found = swarmdiff.fields(swarmspec.service("web", {"image": "web:1", "mode": mode}))
    assert found["mode"] == mode
    assert ("replicas" in found) is (mode == "replicated-job")
    assert ("update_config.order" in found) is (mode == "global")
