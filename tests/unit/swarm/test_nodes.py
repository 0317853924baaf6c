"""Nodes of a swarm: labels, availability, roles, entries of cards that are gone. Both modes."""

import datetime

import pytest
from salt.exceptions import CommandExecutionError

from _modules import swarmnode
from _states import swarmnode as states
from tests.clock import set_clock

from .engine import node, refuse

LABELS = {"rack": "rack1", "tower": "left"}


@pytest.fixture
def configure_loader_modules(loaded):
    return loaded


@pytest.fixture
def nodes(engine):
    """A manager and a worker, and the worker's entry from before its card was swapped."""
    engine.node_list = [
        node("pi0", role="manager"),
        node("pi3", id="old", state="down"),
        node("pi3", labels={"rack": "rack2", "own": "1"}),
    ]
    return engine


def test_a_node_gets_what_is_described_and_again(nodes, testmode):
    ret = states.present("pi3", LABELS, "drain", "worker")
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {
        "dead entries": {"old": ["old"], "new": []},
        "availability": {"old": "active", "new": "drain"},
        "labels.own": {"old": "1", "new": None},
        "labels.rack": {"old": "rack2", "new": "rack1"},
        "labels.tower": {"old": None, "new": "left"},
    }
    assert nodes.asked == ([] if testmode else ["update_node", "remove_node"])
    if not testmode:
        again = states.present("pi3", LABELS, "drain", "worker")
        assert (again["result"], again["changes"]) == (True, {})


def test_what_is_left_out_stays(nodes):
    states.present("pi3", availability="pause")
    assert swarmnode.find("pi3")["labels"] == {"rack": "rack2", "own": "1"}
    assert swarmnode.find("pi3")["role"] == "worker"


def test_a_dead_manager_is_demoted_and_removed(nodes):
    nodes.node_list[1] = node("pi3", id="old", state="down", role="manager")
    ret = states.present("pi3")
    assert ret["result"] is True
    assert nodes.asked == ["update_node", "remove_node"]
    assert [item["ID"] for item in nodes.node_list] == ["id-pi0", "id-pi3"]


def test_a_failure_tells_what_was_done(nodes):
    nodes.client.remove_node.side_effect = refuse("no majority")
    ret = states.present("pi3", availability="drain")
    assert ret["result"] is False
    assert ret["changes"] == {"availability": {"old": "active", "new": "drain"}}
    assert "no majority" in ret["comment"]


def test_an_unknown_node(nodes, testmode):
    ret = states.present("pi9", LABELS)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].startswith("pi9: no node of the swarm")


def test_all_faults_at_once(nodes, testmode):
    ret = states.present("pi3", {"rack": 1}, "away", "boss")
    assert (ret["result"], ret["changes"]) == (False, {})
    for field in ("labels", "availability", "role"):
        assert f"{field}: must be" in ret["comment"]


def test_two_live_nodes_of_a_name_are_told_apart_by_id(nodes):
    nodes.node_list[1]["Status"]["State"] = "ready"
    ret = states.present("pi3", LABELS)
    assert ret["result"] is False
    assert "2 nodes of the swarm have this hostname (id-pi3, old)" in ret["comment"]
    assert states.present("old", LABELS)["result"] is True


def test_absent(nodes, testmode):
    nodes.node_list[2]["Status"]["State"] = "down"
    ret = states.absent("pi3")
    assert ret["result"] is (None if testmode else True)
    assert sorted(ret["changes"]["entries"]["old"]) == ["id-pi3", "old"]
    assert len(nodes.node_list) == (3 if testmode else 1)
    if not testmode:
        assert states.absent("pi3")["changes"] == {}


def test_a_node_that_is_up_goes_by_force_only(nodes, testmode):
    ret = states.absent("pi3")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "pi3: is ready; let it leave" in ret["comment"]
    assert states.absent("pi3", force=True)["result"] is (None if testmode else True)


def test_the_module_removes_what_is_down_only(nodes):
    with pytest.raises(CommandExecutionError, match="only a node that is down"):
        swarmnode.remove("id-pi3")
    swarmnode.remove("pi9")
    assert nodes.asked == []


def test_a_manager_that_keeps_its_vote_is_not_removed(nodes, monkeypatch):
    nodes.client.update_node.side_effect = lambda *_args, **_more: True
    clock = iter(range(0, 10**6, 20))
    set_clock(monkeypatch, swarmnode, monotonic=lambda: next(clock), sleep=lambda _: None)
    with pytest.raises(CommandExecutionError, match="still has a vote"):
        swarmnode.remove("pi0", force=True)
    assert len(nodes.node_list) == 3


def test_facts_of_a_node(nodes):
    found = swarmnode.list_()[0]
    assert (found["hostname"], found["reachability"], found["arch"]) == (
        "pi0",
        "reachable",
        "armv7l",
    )
    assert found["resources"] == {"mbps": 100}


@pytest.mark.parametrize(
    ("own", "leader", "leads"),
    [("id-pi0", True, True), ("id-pi0", False, False), ("id-pi3", True, False)],
)
def test_one_manager_leads(nodes, own, leader, leads):
    nodes.state, nodes.role, nodes.node_id = "active", "manager", own
    nodes.node_list[0]["ManagerStatus"]["Leader"] = leader
    assert swarmnode.leads() is leads
    assert swarmnode.keeps({"pi0": {"role": "manager"}}) is leads


def test_a_worker_and_a_node_without_docker_do_not_lead(nodes):
    nodes.state, nodes.role = "active", "worker"
    assert swarmnode.leads() is False
    nodes.client.info.side_effect = refuse("down")
    assert swarmnode.leads() is False


@pytest.mark.parametrize(
    ("own", "leader", "roles", "leads"),
    [
        pytest.param("pi1", "pi0", "wmm", True, id="the first of those that stay"),
        pytest.param("pi2", "pi0", "wmm", False, id="another one of those that stay"),
        pytest.param("pi1", "pi0", "mmm", False, id="who leads stays"),
        pytest.param("pi1", None, "wmm", False, id="nobody leads"),
        pytest.param("pi1", "pi0", "wwm", False, id="goes too"),
        pytest.param("pi3", "pi0", "wwwm", False, id="is no manager yet"),
    ],
)
def test_while_who_leads_is_to_be_no_manager_another_one_does_its_work(
    engine, own, leader, roles, leads
):
    names = ("pi0", "pi1", "pi2")
    engine.node_list = [node(name, role="manager") for name in names] + [node("pi3")]
    for one in engine.node_list[:3]:
        one["ManagerStatus"]["Leader"] = one["ID"] == f"id-{leader}"
    engine.state, engine.node_id = "active", f"id-{own}"
    engine.role = "worker" if own == "pi3" else "manager"
    kinds = {"w": "worker", "m": "manager"}
    told = {f"pi{number}": {"role": kinds[role]} for number, role in enumerate(roles)}
    assert swarmnode.keeps(told) is leads
    assert swarmnode.leads() is False


WANTED = {
    "pi0": {"role": "manager", "labels": {}, "availability": "active"},
    "pi3": {"role": "worker", "labels": LABELS, "availability": "active"},
}


def ago(seconds):
    """A time as Docker writes it."""
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S')}.123456789Z"


def made(name, seconds, **more):
    return {**node(name, **more), "CreatedAt": ago(seconds)}


def test_members_get_what_is_described_and_again(engine, testmode):
    engine.node_list = [
        made("pi0", 9000, role="manager"),
        made("pi3", 9000, id="old", state="down"),
        made("pi3", 4000, labels={"rack": "rack2"}),
    ]
    ret = states.members("x", WANTED)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {
        "pi3": {
            "labels.rack": {"old": "rack2", "new": "rack1"},
            "labels.tower": {"old": None, "new": "left"},
            "dead entries": {"old": ["old"], "new": []},
        }
    }
    assert engine.asked == ([] if testmode else ["update_node", "remove_node"])
    if not testmode:
        again = states.members("x", WANTED)
        assert (again["result"], again["changes"]) == (True, {})


def test_who_is_not_there_yet_is_passed_over(engine):
    engine.node_list = [made("pi0", 9000, role="manager")]
    assert states.members("x", WANTED)["changes"] == {}


def test_who_has_just_joined_is_no_difference_in_test_mode(engine, testmode):
    engine.node_list = [made("pi0", 9000, role="manager"), made("pi3", 0)]
    assert bool(states.members("x", WANTED)["changes"]) is not testmode


@pytest.mark.parametrize(
    ("entries", "stays", "asked"),
    [
        pytest.param([made("pi9", 99, state="down")], [], ["remove_node"], id="down"),
        pytest.param([made("pi9", 99, labels={"rack": "r"})], ["id-pi9"], ["update_node"], id="up"),
        pytest.param(
            [made("pi9", 99, state="down", role="manager")],
            [],
            ["update_node", "remove_node"],
            id="a manager that is down",
        ),
        pytest.param([made("pi9", 99)], ["id-pi9"], [], id="has nothing of ours"),
    ],
)
def test_a_node_that_is_not_described(engine, entries, stays, asked):
    engine.node_list = [made("pi0", 9000, role="manager"), *entries]
    assert states.members("x", WANTED)["result"] is True
    assert [item["ID"] for item in engine.node_list[1:]] == stays
    assert engine.asked == asked
    for item in engine.node_list[1:]:
        assert (item["Spec"]["Role"], item["Spec"]["Labels"]) == ("worker", {})


def test_an_entry_of_the_card_before_that_is_not_known_to_be_down_goes_too(engine):
    engine.node_list = [made("pi3", 9000, id="old"), made("pi3", 20, id="new")]
    assert states.members("x", WANTED)["changes"]["pi3"]["dead entries"]["old"] == ["old"]
    assert [item["ID"] for item in engine.node_list] == ["new"]


def test_who_goes_by_the_name_of_a_node_is_not_that_node(engine):
    real = made("pi0", 9000, id="real", role="manager")
    engine.node_list = [real, made("pi0", 20, id="other")]
    wanted = {"pi0": {"role": "manager", "labels": {}, "id": "real"}, "pi3": {"role": "worker"}}
    states.members("x", wanted)
    assert engine.node_list == [real]
    assert real["Spec"]["Role"] == "manager"
    # A worker that says that it is pi0 stays what it is.
    engine.node_list.append(made("pi0", 9000, id="three"))
    wanted["pi3"]["id"] = "three"
    assert states.members("x", wanted)["changes"] == {}


@pytest.mark.parametrize(("state", "left"), [("ready", ["real", "new"]), ("down", ["real"])])
def test_who_is_up_while_the_node_is_away_may_be_its_new_card(engine, state, left):
    real = made("pi0", 9000, id="real", state="down")
    engine.node_list = [real, made("pi0", 20, id="new", state=state, role="worker")]
    states.members("x", {"pi0": {"role": "worker", "labels": {}, "id": "real"}})
    assert [item["ID"] for item in engine.node_list] == left
    if state == "ready":
        # Once it is known to be, the entry from before goes.
        states.members("x", {"pi0": {"role": "worker", "labels": {}, "id": "new"}})
        assert [item["ID"] for item in engine.node_list] == ["new"]


def test_who_has_not_said_its_name_yet_is_left_alone(engine):
    engine.node_list = [made("", 1, id="new", role="manager"), made("pi3", 99, id="three")]
    ret = states.members("x", {"pi0": {"role": "manager"}, "pi3": {"role": "worker"}})
    assert (ret["result"], ret["changes"]) == (True, {})
    assert engine.node_list[0]["Spec"]["Role"] == "manager"
    # Its id may be known by then.
    ret = states.members("x", {"pi0": {"role": "manager", "labels": {"a": "b"}, "id": "new"}})
    assert list(ret["changes"]) == ["pi0"]


def test_nobody_becomes_a_node_whose_entry_is_gone(engine):
    engine.node_list = [made("pi0", 9000, id="other")]
    ret = states.members("x", {"pi0": {"role": "manager", "labels": {}, "id": "real"}})
    assert (ret["result"], ret["changes"]) == (True, {})
    assert engine.node_list[0]["Spec"]["Role"] == "worker"


def test_a_manager_that_a_recovered_swarm_goes_on_without_is_removed(engine):
    old = made("pi0", 9000, id="old", state="down", role="manager")
    del old["ManagerStatus"]
    engine.node_list = [old, made("pi0", 20, id="new", role="manager")]
    assert states.members("x", WANTED)["result"] is True
    assert [item["ID"] for item in engine.node_list] == ["new"]


def test_a_new_manager_is_made_before_an_old_one_is_not_any_more(engine):
    engine.node_list = [made("pi0", 99), made("pi3", 99, role="manager")]
    changes = states.members("x", WANTED)["changes"]
    assert list(changes) == ["pi0", "pi3"]
    assert changes["pi0"] == {"role": {"old": "worker", "new": "manager"}}
    assert changes["pi3"]["role"] == {"old": "manager", "new": "worker"}


@pytest.fixture
def refused(engine):
    """Ids of nodes that Docker refuses to change."""
    found, change = set(), engine.client.update_node.side_effect

    def asked(node_id, *args, **kwargs):
        if node_id in found:
            raise refuse("this would cost the majority")
        return change(node_id, *args, **kwargs)

    engine.client.update_node.side_effect = asked
    return found


@pytest.fixture
def moved(engine, monkeypatch):
    """Three managers of which two are to be others; this node is the first."""
    ticks = iter(range(0, 10**6, 20))
    set_clock(monkeypatch, swarmnode, monotonic=lambda: next(ticks), sleep=lambda _: None)
    names = ("pi0", "pi1", "pi2")
    engine.node_list = [made(name, 9000, role="manager") for name in names]
    engine.node_list += [made("pi3", 9000), made("pi4", 9000)]
    engine.state, engine.role, engine.node_id = "active", "manager", "id-pi0"
    roles = {"pi0": "worker", "pi1": "worker", "pi2": "manager", "pi3": "manager", "pi4": "manager"}
    return {name: {"role": role, "labels": {}} for name, role in roles.items()}


def managers(engine):
    return [one["ID"][3:] for one in engine.node_list if one["Spec"]["Role"] == "manager"]


def test_managers_are_moved_and_this_node_gives_its_role_up_last(engine, moved, testmode):
    ret = states.members("x", moved)
    assert ret["result"] is (None if testmode else True)
    assert managers(engine) == (["pi0", "pi1", "pi2"] if testmode else ["pi2", "pi3", "pi4"])
    asked = [call.args[0] for call in engine.client.update_node.call_args_list]
    assert asked == ([] if testmode else ["id-pi3", "id-pi4", "id-pi1", "id-pi0"])
    if not testmode:
        assert states.members("x", moved)["changes"] == {}


@pytest.mark.parametrize(
    ("hinder", "why"),
    [
        pytest.param(
            lambda engine, refused: refused.update(["id-pi3", "id-pi4"]),
            "pi3 is no manager; pi4 is no manager",
            id="refused",
        ),
        pytest.param(
            lambda engine, refused: setattr(engine, "reachability", "unknown"),
            "pi3 is not reachable for the others yet; pi4 is not reachable for the others yet",
            id="have no vote yet",
        ),
        pytest.param(
            lambda engine, refused: engine.node_list[3]["Status"].update(State="down"),
            "pi3 is down",
            id="down",
        ),
        pytest.param(
            lambda engine, refused: engine.node_list.__delitem__(slice(3, 5)),
            "1 of 3 described managers are in the swarm",
            id="away",
        ),
    ],
)
def test_no_manager_is_demoted_before_others_hold_the_majority(engine, moved, refused, hinder, why):
    hinder(engine, refused)
    ret = states.members("x", moved)
    assert ret["result"] is False
    said = "pi0, pi1: not demoted before those that are to be managers are: "
    assert f"{said}{why}" in ret["comment"]
    assert {"pi0", "pi1", "pi2"} <= set(managers(engine))
    assert not {"pi0", "pi1"} & set(ret["changes"])


def test_a_new_manager_that_takes_a_while_is_waited_for(engine, moved, monkeypatch):
    engine.reachability, seconds = "unknown", []

    def sleep(length):
        seconds.append(length)
        for one in engine.node_list[3:]:
            one["ManagerStatus"]["Reachability"] = "reachable"

    set_clock(monkeypatch, swarmnode, sleep=sleep)
    assert states.members("x", moved)["result"] is True
    assert (managers(engine), len(seconds)) == (["pi2", "pi3", "pi4"], 1)


def test_a_swarm_without_a_leader_for_a_moment_is_asked_again(engine, moved):
    read, refused = engine.client.nodes.side_effect, []

    def nodes():
        if engine.client.update_node.call_count == 2 and not refused:
            refused.append(1)
            raise refuse("The swarm does not have a leader")
        return read()

    engine.client.nodes.side_effect = nodes
    assert states.members("x", moved)["result"] is True
    assert managers(engine) == ["pi2", "pi3", "pi4"]


def test_this_node_stays_a_manager_while_the_rest_is_not_done(engine, moved, refused):
    refused.add("id-pi1")
    ret = states.members("x", moved)
    assert ret["result"] is False
    assert "pi0: is this node, not demoted before the rest is done" in ret["comment"]
    assert managers(engine) == ["pi0", "pi1", "pi2", "pi3", "pi4"]


def test_a_manager_that_is_lost_is_demoted_whoever_else_is_away(engine, moved):
    engine.node_list[1]["Status"]["State"] = engine.node_list[3]["Status"]["State"] = "down"
    engine.node_list[1]["ManagerStatus"]["Reachability"] = "unreachable"
    ret = states.members("x", moved)
    assert "pi0: not demoted before" in ret["comment"]
    assert "pi1" not in managers(engine)


def test_one_node_that_docker_refuses_does_not_stop_the_others(engine, refused):
    engine.node_list = [made("pi0", 99), made("pi3", 99)]
    refused.add("id-pi0")
    ret = states.members("x", WANTED)
    assert ret["result"] is False
    assert "pi0: Docker Engine refuses: this would cost the majority" in ret["comment"]
    assert list(ret["changes"]) == ["pi3"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"labels": {"a": 1}}, "nodes.pi3: labels: must be names with texts"),
        ({"role": "king"}, "nodes.pi3: role: must be one of"),
        ({"lables": {}}, "nodes.pi3: there is no lables"),
    ],
)
def test_members_that_cannot_be(engine, wanted, words, testmode):
    ret = states.members("x", {"pi3": wanted})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert words in ret["comment"]
