"""Networks of a swarm: made, made anew, refused by field, gone. Both modes."""

import pytest

from _modules import swarmnetwork
from _states import swarmnetwork as states
from tests.clock import set_clock

from .engine import refuse

SETTINGS = {
    "attachable": True,
    "subnets": ["10.200.1.0/24", "10.200.0.0/24"],
    "gateways": ["10.200.1.9"],
    "options": {"encrypted": ""},
    "labels": {"a": "b"},
}


@pytest.fixture
def configure_loader_modules(loaded):
    return loaded


def test_a_network_and_again(engine, testmode):
    ret = states.present("web", SETTINGS)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {
        "network": {"old": None, "new": "overlay"},
        **{key: {"old": None, "new": value} for key, value in SETTINGS.items()},
    }
    assert engine.asked == ([] if testmode else ["create_network"])
    if not testmode:
        assert states.present("web", SETTINGS)["changes"] == {}


def test_what_docker_chooses_is_no_difference(engine):
    states.present("web")
    assert engine.network_list[0]["IPAM"]["Config"]
    assert states.present("web")["changes"] == {}


def test_one_that_differs_is_made_anew(engine, testmode, planned):
    engine.create_network(
        "web", scope="swarm", driver="overlay", attachable=False, internal=False,
        enable_ipv6=False, ipam=None, options=None, labels=None,
    )  # fmt: skip
    ret = states.present("web", {"internal": True})
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"internal": {"old": False, "new": True}}
    assert engine.asked == ([] if testmode else ["remove_network", "create_network"])


def test_one_that_is_used_is_told_by_field(engine):
    states.present("web")
    engine.used.add("id-web")
    ret = states.present("web", {"internal": True})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "Network web differs in internal" in ret["comment"]
    assert "in use by service web" in ret["comment"]


def test_all_faults_at_once(engine, testmode):
    bad = {
        "colour": 1,
        "internal": "yes",
        "labels": {"a": 1},
        "subnets": ["10.0.0.0/33"],
        "gateways": ["10.0.0.1", "10.0.0.2"],
    }
    ret = states.present("web", bad)
    assert (ret["result"], ret["changes"]) == (False, {})
    for field in bad:
        assert f"{field}: " in ret["comment"], field


def test_networks_of_one_node_are_not_seen(engine):
    engine.network_list.append({"Name": "web", "Id": "x", "Scope": "local", "Driver": "bridge"})
    assert states.absent("web")["changes"] == {}


def test_absent(engine, testmode, loaded):
    engine.create_network(
        "web", scope="swarm", driver="overlay", attachable=False, internal=False,
        enable_ipv6=False, ipam=None, options=None, labels=None,
    )  # fmt: skip
    ret = states.absent("web")
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"network": {"old": "web", "new": None}}
    assert len(engine.network_list) == int(testmode)
    if not testmode:
        assert states.absent("web")["changes"] == {}


def test_tasks_that_are_ending_are_waited_for(engine):
    states.present("web")
    answers = iter([refuse("network id-web is in use by task 1"), None])

    def remove(net_id):
        if error := next(answers):
            raise error

    engine.client.remove_network.side_effect = remove
    assert states.absent("web")["result"] is True
    assert engine.client.remove_network.call_count == 2


def test_a_service_that_uses_it_is_told(engine):
    states.present("web")
    engine.used.add("id-web")
    ret = states.absent("web")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].startswith("Network web: Docker Engine refuses")


def test_a_network_is_waited_for_until_it_is_set_up(engine, monkeypatch):
    create, slept = engine.client.create_network.side_effect, []

    def create_later(*args, **more):
        create(*args, **more)
        engine.network_list[0]["Driver"] = ""

    def sleep(seconds):
        slept.append(seconds)
        engine.network_list[0]["Driver"] = "overlay"

    engine.client.create_network.side_effect = create_later
    set_clock(monkeypatch, swarmnetwork, sleep=sleep)
    assert states.present("web")["result"] is True
    assert len(slept) == 1


def test_a_network_that_no_manager_sets_up_is_told(engine, monkeypatch):
    create = engine.client.create_network.side_effect
    engine.client.create_network.side_effect = lambda *args, **more: create(
        *args, **{**more, "driver": ""}
    )
    clock = iter(range(0, 10**6, 20))
    set_clock(monkeypatch, swarmnetwork, monotonic=lambda: next(clock), sleep=lambda _: None)
    ret = states.present("web")
    assert ret["result"] is False
    assert "no manager sets it up" in ret["comment"]


def test_what_is_not_described_goes_and_what_others_made_stays(engine, testmode, planned):
    for name, labels in (("a", {"own": "x"}), ("b", {"own": "x"}), ("c", {})):
        engine.create_network(
            name, scope="swarm", driver="overlay", attachable=False, internal=False,
            enable_ipv6=False, ipam=None, options=None, labels=labels,
        )  # fmt: skip
    ret = states.pruned("x", "own", ["a"])
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"networks": {"old": ["b"], "new": []}}
    left = ["a", "b", "c"] if testmode else ["a", "c"]
    assert [item["Name"] for item in engine.network_list] == left
    if not testmode:
        assert states.pruned("x", "own", ["a"])["changes"] == {}
        engine.used.add("id-a")
        ret = states.pruned("x", "own", [])
        assert (ret["result"], ret["changes"]) == (False, {})
        assert "is in use by service web" in ret["comment"]
