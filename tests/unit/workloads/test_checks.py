"""Workloads and images in a description: what passes, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from picloud.cloud import build
from picloud.faults import DescriptionError
from picloud.load import from_texts

from .world import cloud, texts

RACKS = {"r1": ["small", "large"], "r2": ["small"], "b-r3": ["small"]}
HELLO = {"page": {"target": "/page", "contents": "hello"}}
PORT = {"published": 80}


def faults(
    workloads: Mapping[str, Mapping[str, object]],
    racks: Mapping[str, list[str]] = RACKS,
    **more: object,
) -> list[str]:
    """Rules and problems of a description, each in one text."""
    try:
        build(from_texts(texts(racks, workloads, **more)))  # type: ignore[arg-type]
    except DescriptionError as error:
        return [f"{fault.path}: {fault.rule}: {fault.problem}" for fault in error.faults]
    return []


def test_a_workload_with_everything_passes() -> None:
    work = {
        "everything": {
            "command": ["httpd"],
            "args": ["-p", "80"],
            "env": {"LEVEL": "debug"},
            "user": "1000:1000",
            "replicas": 1,
            "resources": {"cpus": 0.5, "memory_mb": 64, "mbps": 10, "uplink_mbps": 1},
            "limits": {"cpus": 1, "memory_mb": 128, "pids": 50},
            "placement": {
                "models": ["small"],
                "archs": ["armel"],
                "racks": ["r1", "r2"],
                "sites": ["a"],
                "max_per_node": 1,
                "anti_affinity": ["other"],
            },
            "publish": [PORT, {"published": 81, "target": 80, "protocol": "udp"}],
            "mounts": [
                {"target": "/data", "source": "data"},
                {"target": "/host", "type": "bind", "source": "/srv", "read_only": True},
                {"target": "/tmp", "type": "tmpfs", "size_mb": 16},
            ],
            "healthcheck": {"test": ["true"], "interval_s": 5},
            "update": {"parallelism": 2, "order": "start-first"},
            "rollback": {"failure_action": "continue"},
            "restart": {"condition": "on-failure"},
            "secrets": [{"source": "key", "target": "tls.key", "mode": "0400"}],
            "configs": HELLO,
            "networks": ["back"],
        },
        "other": {"publish": [PORT]},
    }
    more = {"overlays": {"back": {"encrypted": True}}}
    described = texts(RACKS, work, managers=("n0", "n3"), more=more)
    described["secrets/work.sls"] = "secrets: {key: {contents: very-secret}}"
    build(from_texts(described))


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ({"image": "anny"}, 'image: unknown-reference: "anny" is not in container_images'),
        (
            {"placement": {"models": ["smal"]}},
            'placement.models.0: unknown-reference: "smal" is not in boards',
        ),
        (
            {"placement": {"racks": ["r9"]}},
            'placement.racks.0: unknown-reference: "r9" is not in racks',
        ),
        (
            {"placement": {"sites": ["c"]}},
            'placement.sites.0: unknown-reference: "c" is not in sites',
        ),
        (
            {"placement": {"anti_affinity": ["wob"]}},
            'placement.anti_affinity.0: unknown-reference: "wob" is not in workloads',
        ),
        (
            {"secrets": [{"source": "key"}]},
            'secrets.0.source: unknown-reference: "key" is not in secrets',
        ),
        ({"networks": ["back"]}, 'networks.0: unknown-reference: "back" is not in overlays'),
        (
            {"placement": {"archs": ["amd64"]}},
            "placement.archs.0: container-arch: image any:1 may run on armel, arm64, not on amd64",
        ),
        (
            {"placement": {"anti_affinity": ["web"]}},
            "placement.anti_affinity.0: anti-affinity: a workload cannot keep away from itself",
        ),
        (
            {"max_concurrent": 2},
            "max_concurrent: mode-key: is for jobs, and this one is replicated",
        ),
        (
            {"mode": "job", "update": {"parallelism": 2}},
            "update: mode-key: a job is never updated: a changed one runs anew",
        ),
        (
            {"publish": [PORT, PORT]},
            "publish.1: port-conflict: 80/tcp is published already, at all.sls:LINE",
        ),
        (
            {"mounts": [{"target": "/a", "type": "bind", "source": "a"}]},
            "mounts.0: mount-source: a bind mount needs a folder of the node",
        ),
        (
            {"mounts": [{"target": "/a", "type": "tmpfs", "source": "a"}]},
            "mounts.0.source: mount-source: a tmpfs has no source",
        ),
        (
            {"mounts": [{"target": "/a", "size_mb": 8}]},
            "mounts.0.size_mb: mount-source: only a tmpfs has a size, and this is a volume",
        ),
        (
            {"mounts": [{"target": "/page"}], "configs": HELLO},
            "configs.page: duplicate-target: /page is taken in the container, at all.sls:LINE",
        ),
        (
            {"resources": {"cpus": 0.5}, "limits": {"cpus": 0.2}},
            "limits.cpus: limit-too-small: 0.2 is less than the 0.5 of resources.cpus",
        ),
        (
            {"env": {"PORT": 80}},
            "env.PORT: unquoted-text: 80 is read as a number, and must be text",
        ),
        ({"replica": 3}, "replica: unknown-key: unknown key"),
        (
            {"placement": {"sites": ["b"]}},
            "placement.sites.0: no-swarm: b has no swarm: no node of it has the role swarm-manager",
        ),
    ],
)
def test_what_is_refused(work: Mapping[str, object], expected: str) -> None:
    found = [fault for fault in faults({"web": work}) if "workload-fit" not in fault]
    (fault,) = found
    head, _, rest = fault.partition("all.sls:")
    shown = head + ("all.sls:LINE" if rest else "")
    assert shown == f"workloads.web.{expected}"


@pytest.mark.parametrize(
    ("one", "two", "conflict"),
    [
        ({"publish": [PORT]}, {"publish": [PORT]}, True),
        ({"publish": [PORT]}, {"publish": [{**PORT, "protocol": "udp"}]}, False),
        (
            {"publish": [PORT], "placement": {"models": ["small"]}},
            {"publish": [PORT], "placement": {"models": ["large"]}},
            False,
        ),
        (
            {"publish": [PORT], "placement": {"anti_affinity": ["two"]}},
            {"publish": [PORT]},
            False,
        ),
        (
            {"publish": [{**PORT, "mode": "ingress"}], "placement": {"models": ["small"]}},
            {"publish": [PORT], "placement": {"models": ["large"]}},
            True,
        ),
    ],
)
def test_ports_meet_where_both_may_run(
    one: Mapping[str, object], two: Mapping[str, object], conflict: bool
) -> None:
    found = faults({"one": one, "two": two})
    assert [fault.split(": ")[1] for fault in found] == ["port-conflict"] * conflict


@pytest.mark.parametrize(
    ("racks", "managers", "words"),
    [
        ({"r1": ["small"] * 3}, ("n0",), None),
        ({"r1": ["small"] * 3}, ("n0", "n1", "n2"), None),
        ({"r1": ["small"] * 3}, ("n0", "n1"), "2 nodes of a have this role"),
        (
            {"r1": ["small"] * 3, "r2": ["small"]},
            ("n0", "n1", "n2"),
            "3 of the 3 managers of a are in r1",
        ),
        ({"r1": ["small"] * 2, "r2": ["small"]}, ("n0", "n1", "n2"), None),
        ({"r1": ["small"], "b-r2": ["small"] * 2}, ("n0", "n1", "n2"), "2 nodes of b have"),
        ({"r1": ["small"] * 7}, tuple(f"n{n}" for n in range(7)), None),
        (
            {"r1": ["small"] * 9},
            tuple(f"n{n}" for n in range(9)),
            "9 nodes of a have this role, and",
        ),
    ],
)
def test_managers_are_odd_and_apart(
    racks: Mapping[str, list[str]], managers: tuple[str, ...], words: str | None
) -> None:
    found = faults({}, racks, managers=managers)
    assert len(found) == (words is not None)
    assert all(f"swarm-managers: {words}" in fault for fault in found)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"max_concurrent": 1}, "1 is less than the 2 sites that the job runs at, and"),
        ({"max_concurrent": 2}, None),
        ({"max_concurrent": 1, "replicas": 1}, None),
        ({"max_concurrent": 1, "placement": {"sites": ["b"]}}, None),
        ({}, None),
    ],
)
def test_a_job_runs_once_at_each_of_its_sites_at_least(
    job: Mapping[str, object], words: str | None
) -> None:
    found = faults({"sums": {"mode": "job", "replicas": 6, **job}}, managers=("n0", "n3"))
    assert len(found) == (words is not None)
    assert all(f"workloads.sums.max_concurrent: job-sites: {words}" in one for one in found)


def test_all_that_a_workload_names_is_told_in_one_run() -> None:
    place = {"archs": ["x86"], "models": ["pi9"], "racks": ["rack9", "rack/9"], "sites": ["c"]}
    wrong = {
        "image": "anny",
        "placement": {**place, "anti_affinity": ["wob"]},
        "secrets": [{"source": "key"}],
        "networks": ["back"],
        "replicas": "many",
    }
    found = [fault.split(": ")[:2] for fault in faults({"web": wrong})]
    assert sorted(found) == [
        ["workloads.web.image", "unknown-reference"],
        ["workloads.web.networks.0", "unknown-reference"],
        ["workloads.web.placement.anti_affinity.0", "unknown-reference"],
        ["workloads.web.placement.archs.0", "unknown-value"],
        ["workloads.web.placement.models.0", "unknown-reference"],
        ["workloads.web.placement.racks.0", "unknown-reference"],
        ["workloads.web.placement.racks.1", "bad-name"],
        ["workloads.web.placement.sites.0", "unknown-reference"],
        ["workloads.web.replicas", "wrong-type"],
        ["workloads.web.secrets.0.source", "unknown-reference"],
    ]
    assert faults({"web": {"placement": "anywhere", "networks": {"back": {}}, "secrets": "key"}})


def test_workloads_without_a_fault_are_fitted_beside_those_with_one() -> None:
    work = {
        "x": {"replicas": 500},
        "y": {"publish": [PORT]},
        "z": {"publish": [{"published": 22}], "replicas": 900},
        "web": {"publish": [PORT]},
        "far": {"placement": {"sites": ["b"]}},
    }
    found = [fault.split(": ")[:2] for fault in faults(work)]
    assert sorted(found) == [
        ["workloads.far.placement", "workload-fit"],
        ["workloads.far.placement.sites.0", "no-swarm"],
        ["workloads.web.publish.0", "port-conflict"],
        ["workloads.x.resources", "workload-fit"],
        ["workloads.y.resources", "workload-fit"],
        ["workloads.z.publish.0", "reserved-port"],
    ]
    # A fault of anything else may be why they do not fit.
    boards = texts(RACKS, work)
    boards["all.sls"] = boards["all.sls"].replace("cpus: 1", "cpus: no")
    with pytest.raises(DescriptionError) as caught:
        build(from_texts(boards))
    assert "workload-fit" not in {fault.rule for fault in caught.value.faults}


def test_workloads_wait_for_the_first_swarm() -> None:
    assert faults({"web": {}}, managers=()) == []


def test_together_workloads_fit_or_not() -> None:
    half = {"resources": {"memory_mb": 128}, "replicas": 2}
    racks = {"r1": ["small", "small"]}
    assert faults({"one": half, "two": half}, racks) == []
    found = faults({"one": half, "two": half, "zero": {"resources": {"memory_mb": 6}}}, racks)
    assert [fault.split(": ")[:2] for fault in found] == [
        ["workloads.zero.resources", "workload-fit"]
    ]


def test_what_fitted_is_not_looked_at_again_until_it_changes() -> None:
    described = texts({"r1": ["small"]}, {"web": {}})
    kept: dict[str, bytes] = {}
    build(from_texts(described), kept)
    fits = [key for key in kept if key.startswith("fit:")]
    assert len(fits) == 1
    described["all.sls"] = described["all.sls"].replace("ram_mb: 256", "ram_mb: 16")
    with pytest.raises(DescriptionError, match="memory is short"):
        build(from_texts(described), kept)


def test_an_image_blocked_on_one_architecture_runs_on_the_others() -> None:
    block = {"tag": "1*", "archs": ["armel"], "reason": "it crashes", "use": "2"}
    image = {"tag": "1.0", "archs": ["armel", "arm64"], "blocked": [block]}
    more = {"container_images": {"any": image}}
    assert faults({"web": {"mode": "global"}}, more=more) == []
    (fault,) = faults({"web": {"placement": {"models": ["small"]}}}, more=more)
    assert fault.endswith("image any:1.0 may run on arm64, and small is armel")
    image["archs"] = ["armel"]
    found = faults({}, more=more)
    assert found == ["container_images.any.tag: blocked-image: version 1.0 is blocked: it crashes"]


def test_secrets_stand_in_their_folder_and_are_never_shown() -> None:
    described = texts({"r1": ["small"]}, {})
    described["work.sls"] = "secrets: {key: {contents: hush, contens: hush}}"
    with pytest.raises(DescriptionError) as caught:
        build(from_texts(described))
    assert {fault.rule for fault in caught.value.faults} == {"secret-outside", "unknown-key"}
    assert "hush" not in str(caught.value)


def test_names_of_workloads_are_short() -> None:
    (fault,) = faults({"a" * 29: {}})
    assert "bad-name" in fault
    assert cloud({"r1": ["small"]}, {"a" * 28: {}}).common.workloads
