"""What a node has on record of a guarded part, and what it gets then."""

import pytest
from picloud.rollout.guarded import kept, laid, rescaled, touched

KEY = {"secrets": [{"source": "key"}]}


def work(**services):
    shared = {"networks": {}, "configs": {}, "images": {}}
    return {"services": services, **shared}


def test_no_secret_is_on_record():
    described = work(web=KEY) | {"secrets": {"key": "hush"}}
    assert kept("workloads", described, {}) == work(web=KEY)
    assert kept("docker", {"version": "1", "secrets": 2}, {}) == {"version": "1", "secrets": 2}


ASK = {"name": "picloud/a", "tag": "1"}


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ({}, None),
        ({("picloud/a", "1"): "sha256:a", ("picloud/a", "2"): "sha256:b"}, "sha256:a"),
        ({("picloud/a", "2"): "sha256:b"}, None),
    ],
)
def test_on_record_is_the_build_that_an_image_stands_for(heads, expected):
    described = work() | {"images": {"picloud/a:1": ASK}}
    found = kept("workloads", described, heads)
    assert found["images"] == {"picloud/a:1": ASK | {"build": expected}}
    assert described["images"] == {"picloud/a:1": ASK}


@pytest.mark.parametrize(
    ("secrets", "told", "held"),
    [
        ({"key": "new", "other": "x"}, {"key": "new"}, None),
        ({}, {}, ["key"]),
    ],
)
def test_secrets_are_as_described_now(secrets, told, held):
    found = laid("workloads", {"services": {}}, work(web=KEY), secrets)
    assert found["services"] == {"web": KEY}
    assert found["secrets"] == told
    assert found.get("held") == held


def test_a_part_is_what_is_on_record():
    assert laid("docker", {"version": "2"}, {"version": "1"}, {"key": "x"}) == {"version": "1"}


def test_a_number_said_by_hand_holds_also_for_what_is_on_record():
    pinned = work(web={"image": "web:1", "replicas": 3}, shop={"replicas": 2})
    told = work(web={"image": "web:2", "replicas": 5}, shop={"replicas": 4}, new={"replicas": 1})
    found = rescaled(pinned, told, {"web", "new", "gone"})
    assert found["services"] == {"web": {"image": "web:1", "replicas": 5}, "shop": {"replicas": 2}}
    assert pinned["services"]["web"]["replicas"] == 3


def test_lanes_are_those_on_record_or_else_those_that_are_described():
    described = work() | {"lanes": 3}
    assert laid("workloads", described, work() | {"lanes": 2}, {})["lanes"] == 2
    assert laid("workloads", described, work(), {})["lanes"] == 3


A = {"image": "a:1"}
B = {"image": "b:1", "networks": ["back"], "configs": [{"source": "b_page", "target": "/srv"}]}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (work(a=A, b=B), set()),
        (work(a=A | {"image": "a:2"}, b=B), {"a"}),
        (work(a=A, b=B, c=A), {"c"}),
        (work(a=A), set()),
        (work(a=A, b=B) | {"configs": {"b_page": "Hello", "c_page": "Hi"}}, {"b"}),
        (work(a=A, b=B) | {"networks": {"back": {"internal": True}}}, {"b"}),
        (work(a=A, b=B) | {"images": {"a:1": {"archs": ["armhf"]}}}, {"a"}),
    ],
)
def test_the_services_that_a_change_is_about(new, expected):
    assert touched(work(a=A, b=B), new) == expected


def test_another_number_of_lanes_is_about_the_services_that_have_one():
    alone = A | {"placement": {"constraints": ["node.labels.rack == r1", "node.labels.lane == 1"]}}
    old = work(a=alone, b=B) | {"lanes": 2}
    assert touched(old, old | {"lanes": 2}) == set()
    assert touched(old, old | {"lanes": 3}) == {"a"}
