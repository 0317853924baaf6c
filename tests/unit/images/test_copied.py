"""Images of other registries: looked at before they are copied."""

import json

import pytest
from picloud.workloads import foreign
from picloud.workloads.images import ContainerImage, ImageBuild
from picloud_images import copied
from picloud_watch import NoAnswerError

MANIFEST = json.dumps({"config": {"size": 5}, "layers": [{"size": 7}]}).encode()
INDEX = json.dumps(
    {
        "manifests": [
            {"digest": "sha256:a", "platform": {"os": "linux", "architecture": "arm64"}},
            {"digest": "sha256:b", "platform": {"os": "linux", "architecture": "amd64"}},
        ]
    }
).encode()
HERE = "registry.example:5000/team/app"


class Registry:
    """Ours, which keeps what it is given."""

    def __init__(self):
        self.held, self.copies = set(), []

    def has(self, name, digest):
        return (name, digest) in self.held

    def copy(self, origin, name, tag, digest):
        self.copies.append((origin, name, tag))
        self.held.add((name, digest))


@pytest.fixture
def served(monkeypatch):
    """What the other registry has, by name."""
    found = {
        f"{HERE}:1": INDEX,
        f"{HERE}@sha256:a": MANIFEST,
        f"{HERE}@sha256:b": MANIFEST,
        f"{HERE}:one": MANIFEST,
        f"{HERE}@{foreign.digest(MANIFEST)}": MANIFEST,
    }

    def skopeo(command, kind, origin, timeout):
        assert (command, timeout) == ("inspect", copied.ASK_S)
        if kind == "--config":
            return '{"os": "linux", "architecture": "arm", "variant": "v7"}'
        name = origin.removeprefix("docker://")
        if name not in found:
            raise NoAnswerError("skopeo failed: manifest unknown")
        return found[name].decode()

    monkeypatch.setattr(copied, "skopeo", skopeo)
    return found


def image(copy_of=f"{HERE}:1", archs=("arm64",), **more):
    return ContainerImage(tag="1", archs=archs, copy_of=copy_of, **more)


def test_it_is_copied_once_and_again_when_it_has_changed(served):
    registry = Registry()
    made = copied.copy("app", image(), None, registry)
    assert registry.copies == [(f"docker://{HERE}:1", "picloud/app", "1")]
    size = {"digest": "sha256:a", "size": 12 + len(MANIFEST)}
    assert (made.digest, made.platforms) == (foreign.digest(INDEX), {"arm64": size})
    assert copied.copy("app", image(), made, registry) is made
    assert len(registry.copies) == 1
    # Gone from ours; other bytes there; another architecture described.
    registry.held.clear()
    assert copied.copy("app", image(), made, registry).digest == made.digest
    served[f"{HERE}:1"] = INDEX + b"\n"
    assert copied.copy("app", image(), made, registry).digest != made.digest
    wider = copied.copy("app", image(archs=("arm64", "amd64")), made, registry)
    assert set(wider.platforms) == {"arm64", "amd64"}
    assert len(registry.copies) == 4


def test_an_image_of_one_platform(served):
    made = copied.copy("app", image(f"{HERE}:one", ("armhf",)), None, Registry())
    assert made.platforms["armhf"]["digest"] == made.digest == foreign.digest(MANIFEST)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (image(archs=("arm64", "armel")), "made for amd64, arm64, not for armel; take that out"),
        (image(digest=f"sha256:{'0' * 64}"), f"it has the digest {foreign.digest(INDEX)} there"),
        (image(f"{HERE}:2"), "manifest unknown"),
        (image(f"{HERE}:html"), "Expecting value"),
    ],
)
def test_what_is_not_as_described_is_not_copied(served, asked, said):
    served[f"{HERE}:html"] = b"<html>"
    registry = Registry()
    with pytest.raises(NoAnswerError, match=r"container_images\.app: registry\.example") as err:
        copied.copy("app", asked, None, registry)
    assert said in str(err.value)
    assert registry.copies == []
    built = ContainerImage(tag="1", archs=("arm64",), build=ImageBuild(suite="sid"))
    found = copied.faults({"app": asked, "good": image(), "built": built, "again": asked})
    assert [one.partition(":")[0] for one in found] == [
        "container_images.app",
        "container_images.again",
    ]
    assert found[0] == str(err.value)
