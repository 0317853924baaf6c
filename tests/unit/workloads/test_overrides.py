"""What is said by hand of workloads, laid over what is described."""

from __future__ import annotations

import json

import pytest
from picloud.cloud import Cloud, build
from picloud.load import from_texts
from picloud.workloads import overrides, pages
from picloud.workloads.overrides import Overrides

from .world import cloud, made, texts

RACKS = {"r1": ["small"] * 3, "r2": ["large"]}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (5, 5),
        ("5", 5),
        (0, 0),
        (" 12 ", 12),
        (100_000, 100_000),
        ("described", None),
        ("five", "a number such as 5, or described; it is"),
        ("", "a number"),
        ("-1", "a number"),
        (2.5, "a number"),
        ("٣", "a number"),
        (True, "a number"),
        (None, "a number"),
        ("9" * 5000, "a number"),
        (100_001, "more than 100000"),
    ],
)
def test_what_somebody_wrote_for_a_number(said: object, meant: object) -> None:
    if isinstance(meant, str):
        with pytest.raises(ValueError, match=meant):
            overrides.number(said)
    else:
        assert overrides.number(said) == meant


def test_only_what_has_replicas_can_be_scaled() -> None:
    work = made({"web": {}, "all": {"mode": "global"}, "once": {"mode": "job"}})
    said = {name: overrides.refusal(name, one) for name, one in work.items()}
    assert said["web"] is None
    assert "all is global" in str(said["all"])
    assert "once is a job" in str(said["once"])
    scaled = overrides.scaled(work, {"web": 7, "all": 2, "once": 3, "gone": 4})
    assert {name: one.replicas for name, one in scaled.items()} == {
        "web": 7,
        "all": None,
        "once": None,
    }
    assert work["web"].replicas is None


def told(one: Cloud, scales: dict[str, int]) -> dict[str, dict[str, int]]:
    return {
        site: {name: spec["replicas"] for name, spec in json.loads(work)["services"].items()}
        for site, work in overrides.told(one, scales).items()
    }


def test_managers_are_told_their_share_of_the_number_said_by_hand() -> None:
    one = cloud(
        {"r1": ["small"] * 2, "b-1": ["small"] * 2},
        {"web": {"replicas": 1}, "db": {"replicas": 2}},
        managers=["n0", "n2"],
    )
    assert told(one, {}) == {"a": {"web": 1, "db": 1}, "b": {"db": 1}}
    assert told(one, {"web": 4}) == {"a": {"web": 2, "db": 1}, "b": {"web": 2, "db": 1}}
    assert told(one, {"web": 0}) == {"a": {"db": 1}, "b": {"db": 1}}
    assert one.common.workloads["web"].replicas == 1


def test_a_plan_puts_nothing_on_a_drained_node() -> None:
    one = cloud(RACKS, {"web": {"replicas": 4, "placement": {"max_per_node": 2}}})
    before = overrides.plan(one, Overrides())
    assert before.where["web"] == {"n0": 1, "n1": 1, "n3": 2}
    after = overrides.plan(one, Overrides({}, ["n3"]), before.where)
    assert (after.where["web"], after.misfits) == ({"n0": 2, "n1": 1, "n2": 1}, ())
    assert overrides.worse(before, after) == []


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        (Overrides({"web": 2}), None),
        (Overrides({"web": 9}), 8),
        (Overrides({}, ["n0", "n1"]), 4),
        (Overrides({}, ["n0", "n1", "n2", "n3"]), 0),
        (Overrides({"gone": 5}, ["n99"]), None),
    ],
)
def test_what_fits_no_more_is_found(said: Overrides, placed: int | None) -> None:
    one = cloud(RACKS, {"web": {"replicas": 7, "placement": {"max_per_node": 2}}})
    found = overrides.worse(
        overrides.plan(one, Overrides()), overrides.plan(one, said._replace(scales=said.scales))
    )
    assert [lack.placed for lack in found] == ([] if placed is None else [placed])


def test_what_did_not_fit_before_is_no_news() -> None:
    racks = {"r1": ["small"]}
    work: dict[str, dict[str, object]] = {"web": {"replicas": 9, "resources": {"memory_mb": 64}}}
    one = build(from_texts(texts(racks, work)), fitting=False)
    before = overrides.plan(one, Overrides())
    assert [(lack.wanted, lack.placed) for lack in before.misfits] == [(9, 4)]
    assert overrides.worse(before, overrides.plan(one, Overrides({"web": 6}))) == []
    assert len(overrides.worse(before, overrides.plan(one, Overrides({"web": 10})))) == 1


def test_the_page_of_a_plan_says_what_is_by_hand() -> None:
    one = cloud(RACKS, {"web": {"replicas": 2}, "all": {"mode": "global"}})
    said = Overrides({"web": 3, "all": 9, "gone": 1}, ["n2"])
    page = pages.plan(one, overrides.plan(one, said), said)
    assert page["notices"][:2] == [
        "web: 3 replicas by hand, 2 described",
        "Drained by hand, so nothing runs there: n2",
    ]
    assert page["workloads"]["web"]["wanted"] == 3
    assert page["workloads"]["all"]["wanted"] == 3
    assert page["sites"]["a"]["memory_mb"]["total"] == 256 * 2 + 1024
    assert pages.load(one, overrides.plan(one, said), ["n0", "n1", "n2", "n3"])["a"]["cpus"] == {
        "taken": 0,
        "total": 0,
    }
