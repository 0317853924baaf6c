"""For which architectures images are needed."""

from typing import Any

import pytest
from picloud.workloads.archs import configured, narrowed


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, ()),
        ({"archs": ["amd64"]}, ("amd64",)),
        ({"archs": ["armhf", "armel", "armhf"]}, ("armhf", "armel")),
    ],
)
def test_a_master_says_what_its_nodes_have(given: Any, found: tuple[str, ...]) -> None:
    assert configured(given) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("amd64", r"picloud_images is 'amd64'; write picloud_images: \{archs: \[armhf, arm64\]\}"),
        ({"arch": ["amd64"]}, "write picloud_images: "),
        ({}, "picloud_images.archs is None; it must be a list"),
        ({"archs": "amd64"}, "picloud_images.archs is 'amd64'; it must be a list"),
        ({"archs": []}, "it must be a list"),
        (
            {"archs": ["amd64", "x86_64", ["arm"]]},
            r"has 'x86_64', \['arm'\]; there are amd64, arm64, armel, armhf",
        ),
    ],
)
def test_what_cannot_be_used_is_said(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        configured(given)


@pytest.mark.parametrize(
    ("described", "only", "needed"),
    [
        (["armel", "amd64"], [], ("armel", "amd64")),
        (["armel", "amd64"], ["amd64"], ("amd64",)),
        (["armel", "armhf", "amd64"], ["amd64", "armel"], ("armel", "amd64")),
        # Nothing here can run it: all of it is asked for, so that it is refused.
        (["armel"], ["amd64"], ("armel",)),
        ([], ["amd64"], ()),
    ],
)
def test_only_what_nodes_have_is_needed(
    described: list[str], only: list[str], needed: tuple[str, ...]
) -> None:
    assert narrowed(described, only) == needed
