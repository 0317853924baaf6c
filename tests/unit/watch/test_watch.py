"""Declared joined with seen, over the shipped description."""

import json

import pytest
from picloud import cloud as clouds
from picloud import load, status, watch
from picloud.highstate import Highstate
from picloud.status import Evidence, Key

NOW = 1000.0
GRAINS = {
    "pi": {"model": "pi2b", "serial": "00000000a3c1d2e4", "mac": "b8:27:eb:c1:d2:e4"},
    "picloud": {"parts": ["base"], "modules_digest": "old", "reboot_needed": ["boot"]},
    "ip4_interfaces": {"lo": ["127.0.0.1"], "eth0": ["10.80.9.9"], "docker0": ["172.17.0.1"]},
    "saltversion": "3008.3",
}
SEEN = watch.Seen(Evidence(Key.ACCEPTED, connected=True, last=Highstate("1", 900.0, 3)), GRAINS)


@pytest.fixture(scope="module")
def cloud(repo):
    return clouds.build(load.read(repo / "pillar" / "cloud"))


def test_a_row_holds_what_is_declared_and_what_is_seen(cloud):
    row = watch.row(cloud.node("pi3"), SEEN, "new", NOW)
    assert (row["slot"], row["state"]) == ("rack1/left/4", "converged")
    assert row["seen"]["address"] == ["10.80.9.9"]
    assert row["differs"] == [
        "model: declared pi1b, seen pi2b",
        "address: declared 10.80.1.4, seen 10.80.9.9",
    ]
    assert row["modules"] == watch.OLD
    assert row["reboot_needed"] == ["boot"]
    json.dumps(row)


@pytest.mark.parametrize("grains", [{}, {"pi": "text", "picloud": ["x"], "ip4_interfaces": None}])
def test_a_node_that_says_nothing_or_nonsense(cloud, grains):
    row = watch.row(cloud.node("pi3"), watch.Seen(Evidence(), grains), None, NOW)
    assert (row["state"], row["seen"], row["differs"]) == ("unknown", {}, [])


def test_a_rack_has_every_node_in_its_place(cloud):
    rows = {node.id: watch.row(node, SEEN, None, NOW) for node in cloud.nodes.values()}
    rack = watch.rack(cloud.racks["rack1"], cloud, rows)
    assert [node["id"] for node in rack["towers"]["left"]] == [f"pi{n}" for n in range(7)]
    assert [node["id"] for node in rack["towers"]["right"]] == [f"pi{n}" for n in range(7, 14)]
    assert [hub["tower"] for hub in rack["hubs"]] == ["left", "right"]
    assert rack["switch"]["ports"] == 16
    assert rack["counts"] == status.counts(["converged"] * 14)
    json.dumps(rack)


def test_strangers_are_ids_without_a_place(cloud):
    assert watch.strangers(cloud, {"pi3", "laptop"}) == ["laptop"]


def test_unknown_names_get_a_suggestion():
    assert watch.find("pi03", ["pi3"], "node") == 'There is no node "pi03"; did you mean "pi3"?'
    assert watch.find("x", ["rack1"], "rack") == 'There is no rack "x"; known racks: rack1'
