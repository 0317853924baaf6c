"""What Docker and Swarm would refuse, or take otherwise than it is meant, is a fault before."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml
from picloud.cloud import build
from picloud.faults import DescriptionError
from picloud.load import from_texts

from .world import texts

RACKS = {"r1": ["small", "large"]}


def faults(
    more: Mapping[str, object] | None = None,
    secrets: Mapping[str, object] | None = None,
    web: Mapping[str, object] | None = None,
) -> list[str]:
    """Rules, problems and remedies of a description with a workload ``web``, each in one text."""
    described = texts(RACKS, {"web": web} if web else {}, more=more)
    if secrets:
        described["secrets/s.sls"] = yaml.safe_dump({"secrets": secrets})
    try:
        build(from_texts(described))
    except DescriptionError as error:
        return [f"{one.path}: {one.rule}: {one.problem}; {one.remedy}" for one in error.faults]
    return []


@pytest.mark.parametrize(
    ("web", "path", "words"),
    [
        ({"resources": {"memory_mb": 5}}, "resources.memory_mb", "a number not less than 6"),
        ({"resources": {"memory_mb": 10**20}}, "resources.memory_mb", "not more than 1000000"),
        ({"limits": {"memory_mb": 3}}, "limits.memory_mb", "a number not less than 6"),
        ({"resources": {"cpus": 0.0004}}, "resources.cpus", "a number not less than 0.001"),
        ({"limits": {"cpus": 0.0004}}, "limits.cpus", "a number not less than 0.001"),
        ({"limits": {"pids": 10**20}}, "limits.pids", "not more than 2147483647"),
        ({"replicas": 2**31}, "replicas", "not more than 2147483647"),
        ({"update": {"parallelism": 2**31}}, "update.parallelism", "not more than 2147483647"),
        ({"restart": {"max_attempts": 2**64}}, "restart.max_attempts", "not more than 2147483647"),
        (
            {"healthcheck": {"test": ["a"], "retries": 2**31}},
            "healthcheck.retries",
            "not more than 2147483647",
        ),
        (
            {"mounts": [{"target": "/a", "type": "tmpfs", "size_mb": 10**7}]},
            "mounts.0.size_mb",
            "not more than 1000000",
        ),
        (
            {"configs": {"page": {"target": "/a", "contents": "x", "uid": 2**32}}},
            "configs.page.uid",
            "not more than 2147483647",
        ),
        *(
            ({"healthcheck": {"test": ["a"], key: 0.0001}}, f"healthcheck.{key}", "write 0, or a")
            for key in ("interval_s", "timeout_s", "start_s")
        ),
    ],
)
def test_numbers_have_bounds(web: Mapping[str, object], path: str, words: str) -> None:
    (fault,) = faults(web=web)
    assert fault.startswith(f"workloads.web.{path}: out-of-range: ")
    assert words in fault


def test_the_least_that_is_possible_passes() -> None:
    least = {"cpus": 0.001, "memory_mb": 6}
    times = {"test": ["a"], "interval_s": 0, "timeout_s": 0.001, "start_s": 0}
    assert faults(web={"resources": least, "limits": least, "healthcheck": times}) == []


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        ({"configs": {"a": {"target": "/a", "contents": ""}}}, "configs.a.contents: empty-value"),
        (
            {"configs": {"a": {"target": "/a", "contents": "é" * 256_000}}},
            "configs.a.contents: too-large: 512000 bytes",
        ),
        ({"mounts": [{"target": "/"}]}, "mounts.0.target: bad-path: / is"),
        ({"mounts": [{"target": "/a/.."}]}, "mounts.0.target: bad-path: /a/.. is"),
        ({"mounts": [{"target": "//"}]}, "mounts.0.target: bad-path: // is"),
        (
            {"mounts": [{"target": "/data"}, {"target": "/data/", "type": "tmpfs"}]},
            "mounts.1: duplicate-target: /data is taken",
        ),
        (
            {"mounts": [{"target": "/a/../b"}, {"target": "//b"}]},
            "mounts.1: duplicate-target: /b is taken",
        ),
        (
            {
                "mounts": [{"target": "/etc/x", "type": "tmpfs"}],
                "configs": {"a": {"target": "/etc//x", "contents": "a"}},
            },
            "configs.a: duplicate-target: /etc/x is taken",
        ),
        ({"mounts": [{"target": "/a", "source": "-x"}]}, "mounts.0.source: mount-source: "),
        ({"mounts": [{"target": "/a", "source": "x"}]}, "mounts.0.source: mount-source: "),
        ({"mounts": [{"target": "/a", "source": "x:y"}]}, "mounts.0.source: mount-source: "),
        ({"cap_add": ["NET_ADMN"]}, 'cap_add.0: unknown-value: unknown: "NET_ADMN"; did you mean'),
        ({"cap_drop": ["CAP_EVERYTHING"]}, "cap_drop.0: unknown-value: "),
        (
            {"healthcheck": {"test": ["CMD-SHELL", "curl x"]}},
            "healthcheck.test: healthcheck-test: begins with CMD-SHELL, and is the command itself, "
            'word by word; write [sh, -c, "the line"]',
        ),
        ({"healthcheck": {"test": ["CMD", "true"]}}, "healthcheck.test: healthcheck-test: "),
        ({"healthcheck": {"test": ["NONE"]}}, "healthcheck.test: healthcheck-test: "),
    ],
)
def test_what_no_container_can_have(web: Mapping[str, object], expected: str) -> None:
    (fault,) = faults(web=web)
    assert fault.startswith(f"workloads.web.{expected}")


def test_what_containers_can_have() -> None:
    web = {
        "cap_add": ["NET_ADMIN", "cap_sys_time", "CAP_CHOWN"],
        "cap_drop": ["ALL"],
        "mounts": [{"target": "/a", "source": "my_data.1"}, {"target": "/b"}],
        "configs": {"a": {"target": "/c", "contents": "x" * 511_999}},
        "healthcheck": {"test": ["sh", "-c", "CMD"]},
    }
    assert faults(web=web) == []


@pytest.mark.parametrize("target", ["/run/secrets/k/", "//run/secrets/k", "/run/secrets/./k"])
def test_a_secret_and_a_config_meet_however_they_are_written(target: str) -> None:
    (fault,) = faults(
        secrets={"key": {"contents": "hush"}},
        web={
            "secrets": [{"source": "key", "target": "k"}],
            "configs": {"a": {"target": target, "contents": "x"}},
        },
    )
    assert fault.startswith("workloads.web.secrets.0: duplicate-target: /run/secrets/k is taken")


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ("", "empty-value: is empty; write what it holds"),
        ("x" * 512_000, "too-large: breaks the rule too-large: secrets and configs hold less"),
    ],
)
def test_secrets_have_a_size(contents: str, expected: str) -> None:
    (fault,) = faults(secrets={"key": {"contents": contents}})
    assert fault.startswith(f"secrets.key.contents: {expected}")
    assert "xx" not in fault


@pytest.mark.parametrize("name", ["ingress", "host", "bridge", "none"])
def test_networks_of_docker_are_not_ours(name: str) -> None:
    (fault,) = faults({"overlays": {name: {"internal": True}}})
    assert fault.startswith(f"overlays.{name}: reserved-name: ")


@pytest.mark.parametrize(
    ("subnets", "expected"),
    [
        (["10.9.0.0/24", "10.9.1.0/24", None], None),
        (["10.9.0.0/29"], None),
        (["10.9.0.0/30"], "overlays.o0.subnet: out-of-range"),
        (["0.0.0.0/0"], "overlays.o0.subnet: out-of-range"),
        (["8.0.0.0/7"], "overlays.o0.subnet: out-of-range"),
        (["10.99.0.7/24"], "overlays.o0.subnet: bad-subnet"),
        (
            ["10.2.3.0/24"],
            "overlays.o0.subnet: subnet-overlap: 10.2.3.0/24 overlaps 10.2.0.0/16 of",
        ),
        (
            ["10.9.0.0/24", "10.9.0.0/16"],
            "overlays.o1.subnet: subnet-overlap: 10.9.0.0/16 overlaps 10.9.0.0/24 of overlays.o0",
        ),
    ],
)
def test_subnets_of_overlays(subnets: list[str | None], expected: str | None) -> None:
    overlays = {
        f"o{number}": {"subnet": subnet} if subnet else {} for number, subnet in enumerate(subnets)
    }
    found = faults({"overlays": overlays})
    assert len(found) == (expected is not None)
    assert all(fault.startswith(str(expected)) for fault in found)


@pytest.mark.parametrize(
    ("web", "said"),
    [
        (
            {"image": "docker.io/library/redis:7"},
            'workloads.web.image: bad-name: "docker.io/library/redis:7" is not an entry of'
            " container_images; describe the image there (copy_of: ",
        ),
        (
            {"publish": ["8080:80"]},
            'workloads.web.publish.0: wrong-type: is the text "8080:80", not a mapping; write name:'
            " value, with names such as published, target, protocol",
        ),
    ],
)
def test_who_writes_it_as_for_docker_run_is_told_what_belongs_there(
    web: Mapping[str, object], said: str
) -> None:
    (found,) = faults(web=web)
    assert found.startswith(said)
