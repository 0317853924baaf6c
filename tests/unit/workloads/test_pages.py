"""What ``salt-run workload.plan`` shows, as data and as text."""

from __future__ import annotations

import json

from picloud import tables
from picloud.cloud import Cloud, build
from picloud.load import from_texts
from picloud.workloads import pages
from picloud.workloads.placement import plan

from .world import texts


def fits_or_not(workloads: dict[str, dict[str, object]], **more: object) -> Cloud:
    racks = {"r1": ["small"] * 6, "r2": ["large"]}
    return build(from_texts(texts(racks, workloads, **more)), fitting=False)  # type: ignore[arg-type]


def lines(
    cloud: Cloud, running: dict[str, dict[str, int]] | None = None, before: Cloud | None = None
) -> list[str]:
    page = pages.plan(cloud, plan(cloud, cloud.common.workloads, running), before=before)
    assert json.loads(json.dumps(page)) == page
    return tables.render(page).splitlines()


def test_a_plan_has_a_line_for_each_workload_and_a_sum_for_each_site() -> None:
    cloud = fits_or_not({"web": {"replicas": 12}, "one": {"mode": "global"}}, uplink=50)
    assert lines(cloud, {"one": {"n1": 1}, "old": {"n2": 3}}) == [
        "workload  image  mode        replicas  changes  where",
        "web       any:1  replicated  12        +12      r1: n0 n1 n2 n3 and 2 more; r2: n6 x6",
        "one       any:1  global      7         +6       r1: n0 n1 n2 n3 and 2 more; r2: n6",
        "old       -      gone        0         -3       -",
        "",
        "2 workloads, 19 replicas: all fit.",
        "",
        "  a: 1.9 of 10 CPU, memory 608 of 2560 MB, network 0 of 1600 Mb/s, uplink 0 of 50 Mb/s;"
        " Gb/s per GHz: network 0.16, uplink 0.005",
    ]


def test_what_is_edited_is_told_beside_what_comes_and_goes() -> None:
    before = fits_or_not({"web": {"env": {"KEY": "hush"}}, "old": {}})
    after = fits_or_not({"web": {"env": {"KEY": "psst"}, "replicas": 2}, "new": {}})
    shown = lines(after, {"web": {"n0": 1}, "old": {"n1": 1}}, before)
    assert [" ".join(line.split()[3:6]) for line in shown[1:4]] == [
        "2 +1 edited",
        "1 +1 r2:",
        "0 -1 -",
    ]
    assert "  web is edited: env.KEY differs" in shown
    assert shown[-1].startswith("  Changes are told against the description in force and its plan")
    assert "salt-run workload.status" in shown[-1]
    assert not lines(after)[-1].startswith("  Changes")


def test_what_does_not_fit_has_its_reason() -> None:
    cloud = fits_or_not({"web": {"placement": {"models": ["large"]}, "resources": {"cpus": 5}}})
    shown = lines(cloud)
    assert shown[1].split()[3:6] == ["0", "of", "1"]
    assert "1 workload: 1 does not fit." in shown
    assert (
        "  web: 0 of 1 replicas fit at a: of 7 nodes of its swarm it may run on 1"
        " (placement.models: 6 ruled out); CPU is short on 1 node: a replica takes 5 CPU, and n6"
        " has most left, 4 CPU, so 1 CPU are missing"
    ) in shown
    assert shown[-1].endswith("uplink 0 of an unknown speed; Gb/s per GHz: network 0.16")


def test_a_description_without_workloads() -> None:
    assert lines(fits_or_not({}))[0] == (
        "The description has no workloads yet; docs/workloads.md tells how to write one."
    )
