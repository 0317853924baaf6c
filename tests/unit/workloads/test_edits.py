"""What an edit changes in the services themselves, in words and without a secret."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from picloud.cloud import Cloud, build
from picloud.load import from_texts
from picloud.workloads.edits import edits
from picloud.workloads.overrides import told

from .world import cloud, texts

WEB = {
    "env": {"LEVEL": "very-secret", "OLD": "very-secret"},
    "args": ["--password", "very-secret"],
    "publish": [{"published": 80}],
    "mounts": [{"target": "/data", "source": "data"}],
    "cap_add": ["NET_ADMIN", "SYS_TIME"],
    "configs": {"page": {"target": "/page", "contents": "very-secret"}},
    "networks": ["back"],
}
RACKS = {"r1": ["small", "large"], "b-r2": ["small", "large"]}


def described(web: Mapping[str, object], **more: object) -> Cloud:
    sections = {"overlays": {"back": {}, "front": {}}, **more}
    work = {"web": {"replicas": 2, **web}, "other": {}}
    return cloud(RACKS, work, managers=("n0", "n2"), more=sections)


@pytest.mark.parametrize(
    ("web", "words"),
    [
        ({}, None),
        ({"replicas": 4}, None),
        (
            {"env": {"LEVEL": "hush", "NEW": "hush"}},
            "env.LEVEL differs, env.OLD is gone, env.NEW is new",
        ),
        ({"env": {}}, "env.LEVEL is gone, env.OLD is gone"),
        ({"args": ["--password", "hush"]}, "args differs"),
        ({"command": ["hush"]}, "command differs"),
        ({"read_only": True}, "read_only false -> true"),
        ({"init": False}, "init true -> false"),
        ({"user": "1000"}, "user nothing -> 1000"),
        ({"publish": [{"published": 81}]}, "publish.80/tcp is gone, publish.81/tcp is new"),
        ({"publish": [{"published": 80, "target": 8080}]}, "publish.80/tcp.target 80 -> 8080"),
        ({"mounts": []}, "mounts./data is gone"),
        ({"cap_add": ["SYS_TIME"]}, "cap_add.NET_ADMIN is gone"),
        ({"cap_add": ["SYS_TIME", "NET_ADMIN"]}, "cap_add: another order"),
        ({"networks": ["back", "front"]}, "networks.front is new"),
        (
            {"configs": {"page": {"target": "/page", "contents": "hush"}}},
            "configs.web_page.contents differs",
        ),
        ({"healthcheck": {"test": ["hush"]}}, "healthcheck is new"),
        ({"resources": {"mbps": 5}}, "resources.reservations.generic.mbps nothing -> 5"),
        ({"update": {"parallelism": 2}}, "update_config.parallelism 1 -> 2"),
        ({"placement": {"max_per_node": 1}}, "placement.max_replicas_per_node nothing -> 1"),
        (
            {"placement": {"models": ["small"]}},
            "placement.constraints.node.labels.model == small is new",
        ),
    ],
)
def test_fields_are_named(web: Mapping[str, object], words: str | None) -> None:
    found = edits(told(described(WEB), {}), told(described({**WEB, **web}), {}))
    assert found == ({} if words is None else {"web": words.split(", ")})
    assert "hush" not in str(found)
    assert "very-secret" not in str(found)


def test_what_a_service_uses_is_a_part_of_it() -> None:
    file = {"secrets": [{"source": "key"}], **WEB}
    image = {"tag": "1", "archs": ["armel", "arm64"], "build": {"suite": "bookworm"}}

    def made(tag: str, secret: str, **network: object) -> Cloud:
        built = {**image, "tag": tag}
        more = {"container_images": {"any": built}, "overlays": {"back": network}}
        said = texts(RACKS, {"web": file, "other": {}}, managers=("n0", "n2"), more=more)
        said["secrets/work.sls"] = f"secrets: {{key: {{contents: {secret}}}}}"
        return build(from_texts(said))

    before, after = made("1", "hush"), made("2", "psst", internal=True)
    found = edits(told(before, {}), told(after, {}))
    assert found["other"] == ["image picloud/any:1 -> picloud/any:2"]
    assert found["web"] == [
        "secrets.key.contents differs",
        "image picloud/any:1 -> picloud/any:2",
        "networks.back.internal false -> true",
    ]


def test_what_differs_at_one_site_only_has_its_name() -> None:
    before, after = described({}), described({"placement": {"racks": ["r1", "b-r2"]}})
    assert edits(told(before, {}), told(after, {})) == {}
    wider = cloud({**RACKS, "r3": ["small"]}, {"web": {"replicas": 3}}, managers=("n0", "n2"))
    in_two = {"replicas": 3, "placement": {"racks": ["r1", "b-r2"]}}
    narrow = cloud({**RACKS, "r3": ["small"]}, {"web": in_two}, managers=("n0", "n2"))
    assert edits(told(wider, {}), told(narrow, {})) == {
        "web": ["placement.constraints.node.labels.rack == r1 is new"]
    }


def test_another_number_of_lanes_moves_a_workload() -> None:
    keep: Mapping[str, object] = {"placement": {"anti_affinity": ["b", "c"]}}
    racks = {"r1": ["small"] * 3}
    two = cloud(racks, {"a": keep | {"placement": {"anti_affinity": ["b"]}}, "b": {}, "c": {}})
    three = cloud(racks, {"a": keep, "b": {"placement": {"anti_affinity": ["c"]}}, "c": {}})
    found = edits(told(two, {}), told(three, {}))
    assert "the nodes of its lane, of which there are 2 -> 3" in found["a"]
