"""Manifests of images in other registries."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from picloud.faults import DescriptionError
from picloud.workloads import foreign
from picloud.workloads.images import ContainerImage

from .world import cloud


def listed(*platforms: str) -> bytes:
    """An index; platforms as os/architecture/variant."""
    manifests = []
    for number, text in enumerate(platforms):
        system, arch, *variant = text.split("/")
        about = {"os": system, "architecture": arch} | ({"variant": variant[0]} if variant else {})
        manifests.append({"digest": f"sha256:{number}", "platform": about})
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


@pytest.mark.parametrize(
    ("platforms", "found"),
    [
        (["linux/amd64", "linux/arm64/v8"], {"amd64": "sha256:0", "arm64": "sha256:1"}),
        (["linux/arm64", "linux/arm/v7"], {"arm64": "sha256:0", "armhf": "sha256:1"}),
        (["linux/arm/v6", "linux/arm/v5"], {"armel": "sha256:0"}),
        (["linux/arm/v5"], {"armel": "sha256:0"}),
        (["windows/amd64", "linux/s390x", "unknown/unknown"], {}),
    ],
)
def test_the_architectures_of_an_index(platforms: list[str], found: dict[str, str]) -> None:
    assert foreign.platforms(listed(*platforms)) == found


def test_an_image_of_one_platform_is_named_by_its_configuration() -> None:
    raw = b'{"schemaVersion": 2, "layers": []}'
    mine = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert foreign.platforms(raw, {"os": "linux", "architecture": "amd64"}) == {"amd64": mine}
    assert foreign.platforms(raw, {"os": "linux", "architecture": "mips"}) == {}
    assert foreign.platforms(raw) == {}


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'"x"', b"\xff"])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is json's own
        foreign.platforms(raw)


@pytest.mark.parametrize("listed", ["x", [1], [{"platform": 1}], {}])
def test_an_index_of_anything_has_no_architectures(listed: Any) -> None:
    assert foreign.platforms(json.dumps({"manifests": listed}).encode()) == {}


def test_the_size_is_what_a_node_downloads() -> None:
    raw = json.dumps({"config": {"size": 10}, "layers": [{"size": 100}, {"size": 200}]}).encode()
    assert foreign.size(raw) == 310 + len(raw)
    with pytest.raises(ValueError, match="no manifest of an image"):
        foreign.size(b'{"layers": []}')


@pytest.mark.parametrize(
    "name",
    ["docker.io/library/redis:7.2", "head.pi.example:5000/a/b-c:1", f"ghcr.io/x@sha256:{'0' * 64}"],
)
def test_an_image_of_another_registry_is_named_in_full(name: str) -> None:
    assert ContainerImage(tag="1", archs=("armhf",), copy_of=name).is_ours


@pytest.mark.parametrize("name", ["redis", "redis:7.2", "docker.io/library/redis", "a/b:1 c"])
def test_a_short_name_is_a_fault(name: str) -> None:
    image = {"tag": "1", "archs": ["armel", "arm64"], "copy_of": name}
    with pytest.raises(DescriptionError) as err:
        cloud({"r": ["small"]}, {"web": {}}, more={"container_images": {"any": image}})
    (fault,) = err.value.faults
    assert "docker.io/library/redis:7.2" in str(fault)


def test_an_image_is_built_or_copied() -> None:
    build = {"suite": "bookworm", "packages": ["busybox"]}
    image = {"tag": "1", "archs": ["armel", "arm64"], "copy_of": "docker.io/a/b:1", "build": build}
    with pytest.raises(DescriptionError) as err:
        cloud({"r": ["small"]}, {"web": {}}, more={"container_images": {"any": image}})
    assert [fault.rule for fault in err.value.faults] == ["image-origin"]
