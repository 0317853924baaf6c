"""A name and tag are those of one image, and files of an image do not get into each other's way."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from picloud.cloud import build
from picloud.faults import DescriptionError
from picloud.load import from_texts

from .world import texts

BUILD = {"suite": "bookworm"}
ARCHS = ["armel", "arm64"]


def faults(images: Mapping[str, object]) -> list[str]:
    """Rules and problems of a description with some images, each in one text."""
    described = texts({"r1": ["small", "large"]}, {}, more={"container_images": images})
    try:
        build(from_texts(described))
    except DescriptionError as error:
        return [f"{one.path}: {one.rule}: {one.problem}" for one in error.faults]
    return []


def files(*paths: str) -> dict[str, object]:
    """Return images, one of them with these files."""
    build_with = {**BUILD, "files": {path: {"contents": "x"} for path in paths}}
    return {"any": {"tag": "1", "archs": ARCHS, "build": build_with}}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/etc/a", "/etc/ab", "/etc/b/c"], []),
        (["/x", "/x/y"], ["/x/y: image-file: /x is a file, at "]),
        (["/x", "/x/y/z"], ["/x/y/z: image-file: /x is a file, at "]),
        (["/etc/../x"], ["/etc/../x: bad-path: "]),
        (["/x", "/x/"], ["/x/: bad-path: "]),
        (["//x"], ["//x: bad-path: "]),
        (["/"], ["/: bad-path: "]),
    ],
)
def test_files_of_images(paths: list[str], expected: list[str]) -> None:
    found = faults(files(*paths))
    heads = [f"container_images.any.build.files.{one}" for one in expected]
    assert len(found) == len(heads)
    assert all(fault.startswith(head) for fault, head in zip(found, heads, strict=True))


DIGESTS = [f"sha256:{digit * 64}" for digit in "ab"]


@pytest.mark.parametrize(
    ("one", "two", "twice"),
    [
        ({"name": "foo/bar", "build": BUILD}, {"name": "foo/bar", "build": BUILD}, True),
        ({"build": BUILD}, {"name": "picloud/one", "copy_of": "docker.io/library/redis:7"}, True),
        ({"name": "foo/bar"}, {"name": "foo/bar", "build": BUILD}, True),
        ({"name": "foo/bar", "build": BUILD}, {"name": "foo/bar", "tag": "2"}, False),
        ({"build": BUILD}, {"build": BUILD}, False),
        (
            {"name": "foo/bar", "build": BUILD, "digest": DIGESTS[0]},
            {"name": "foo/bar", "build": BUILD, "digest": DIGESTS[1]},
            True,
        ),
        (
            {"name": "foo/bar", "digest": DIGESTS[0]},
            {"name": "foo/bar", "digest": DIGESTS[1]},
            False,
        ),
    ],
)
def test_a_name_and_tag_are_those_of_one_image(
    one: Mapping[str, object], two: Mapping[str, object], twice: bool
) -> None:
    plain = {"tag": "1", "archs": ARCHS}
    images = {"one": {**plain, **one}, "two": {**plain, **two}}
    found = faults(images)
    assert len(found) == twice
    head = "container_images.two: duplicate-image: duplicate image name: "
    assert all(
        fault.startswith(head) and "that of one too, at all.sls:" in fault for fault in found
    )
