"""How the master gets nodes into their swarms: what is asked of whom, and what is on record."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from unittest.mock import create_autospec

import picloud_ask
import picloud_swarm
import pytest
import salt.client
from picloud.cloud import build
from picloud.ledger import Ledger
from picloud.ledger.swarms import Swarm
from picloud.load import read
from picloud_rejoin.keys import KeyStore
from salt.exceptions import AuthorizationError, SaltClientError

MANAGERS = {"pi0": "10.80.1.1", "pi14": "10.80.2.1", "pi28": "10.80.3.1"}


class Nodes:
    """Nodes behind Salt's own client: what each knows of its swarm, and what it was asked."""

    def __init__(self, ledger, view):
        self.ledger, self.view = ledger, view
        self.roles, self.leader = {}, None
        self.off, self.asked, self.said = set(), [], {}
        self.fault = None

    def info(self, name):
        role = self.roles.get(name)
        return {
            "state": "active" if role else "inactive",
            "role": role,
            "leads": name == self.leader,
            "cluster": "cluster" if role == "manager" else None,
            "managers": [f"{address}:2377" for address in MANAGERS.values()] if role else [],
            "node_id": f"id-{name}" if role else None,
        }

    def apply(self, name):
        view = self.view(name)
        told = picloud_swarm.pillar(view, picloud_swarm.recorded(self.ledger, view))
        if told["begin"]:
            self.roles[name], self.leader = "manager", name
        elif name not in self.roles and told["token"] is None:
            return {"member": {"result": False, "comment": "token: there is none"}}
        elif name not in self.roles:
            self.roles[name] = told["token"].removeprefix("sealed:")
        return {"member": {"result": True, "comment": ""}}

    def cmd_iter_no_block(self, tgt, fun, arg=(), tgt_type="glob", **_more):
        assert tgt_type == "list"
        if self.fault:
            raise self.fault
        self.asked.append((fun, sorted(tgt)))
        for name in tgt:
            if name in self.off:
                continue
            if (fun, name) in self.said:
                found = self.said[fun, name]
            elif fun == "swarm.info":
                found = self.info(name)
            elif fun == "swarm.join_tokens":
                found = {one: f"sealed:{said['role']}" for one, said in arg[0].items()}
            else:
                found = self.apply(name)
            yield {name: {"ret": found, "jid": "1"}}


@pytest.fixture(scope="module")
def described(repo):
    return build(read(repo / "pillar" / "cloud"))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def nodes(ledger, described):
    return Nodes(ledger, described.view)


@pytest.fixture
def swarms(nodes, ledger, described, monkeypatch, tmp_path):
    """The swarms of a master of these nodes; every described node has an accepted key."""
    client = create_autospec(salt.client.LocalClient, instance=True)
    client.cmd_iter_no_block.side_effect = nodes.cmd_iter_no_block
    monkeypatch.setattr(salt.client, "get_local_client", lambda c_path: nullcontext(client))
    keys = create_autospec(KeyStore, instance=True)
    keys.accepted.side_effect = lambda name: f"key of {name}" if described.node(name) else None
    monkeypatch.setattr(picloud_swarm, "KeyStore", lambda opts: keys)

    class Store:
        @staticmethod
        def view(name):
            return described.view(name) or None, ()

    opts = {"conf_file": "master", "user": "Reactor", "cachedir": str(tmp_path)}
    return picloud_swarm.Swarms(opts, ledger, Store)


def test_the_first_nodes_begin_a_swarm_and_join_it(swarms, nodes, ledger):
    (found,) = swarms.join(["pi0", "pi1", "pi14"])
    assert (found.site, found.members, found.refused) == ("glasgow", ["pi0", "pi1", "pi14"], {})
    assert nodes.roles == {"pi0": "manager", "pi14": "manager", "pi1": "worker"}
    assert ledger.swarms.get("glasgow")[:3] == ("glasgow", "pi0", "cluster")
    # A token that was taken is no longer in the pillar.
    assert ledger.swarms.token("pi1") is None
    # In the end the one that leads lays labels on them.
    assert nodes.asked[-1] == ("state.apply", ["pi0"])


def test_who_begins_then_keeps_what_a_manager_that_leads_does(swarms, nodes):
    nodes.off = {"pi14", "pi28"}
    swarms.join(["pi0"])
    applied = [names for function, names in nodes.asked if function == "state.apply"]
    assert applied == [["pi0"], ["pi0"]]


def test_batches_at_the_same_time_begin_one_swarm(swarms, nodes):
    nodes.off = {"pi14", "pi28"}
    begun = []
    apply = nodes.apply

    def slow(name):
        begun.append(name)
        time.sleep(0.05)
        return apply(name)

    nodes.apply = slow
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(swarms.join, (["pi1"], ["pi2"], ["pi0"], ["pi3"])))
    assert [one.refused for (one,) in found] == [{}] * 4
    assert nodes.roles == {"pi0": "manager", "pi1": "worker", "pi2": "worker", "pi3": "worker"}
    assert begun[:2] == ["pi0", "pi0"]


def test_a_rack_joins_a_few_nodes_at_a_time(swarms, nodes):
    rack = [f"pi{number}" for number in range(14)]
    (found,) = swarms.join(rack)
    assert found.refused == {}
    applied = [len(names) for function, names in nodes.asked if function == "state.apply"]
    assert applied == [1, 1, 8, 5, 1]


@pytest.mark.parametrize("silent", [0, 1, 2, 5])
def test_a_manager_too_busy_to_answer_is_told_again_who_joined(swarms, nodes, silent):
    swarms.join(["pi0"])
    nodes.asked.clear()
    answers, apply = iter([False] * silent), nodes.apply
    nodes.apply = lambda name: next(answers, {}) if name == "pi0" else apply(name)
    (found,) = swarms.join(["pi1"])
    assert found.refused == {}
    told = [names for function, names in nodes.asked if function == "state.apply"]
    assert told == [["pi1"], *[["pi0"]] * min(silent + 1, 3)]


def test_a_manager_whose_states_fail_is_told_once(swarms, nodes):
    swarms.join(["pi0"])
    nodes.asked.clear()
    apply, failed = nodes.apply, {"nodes": {"result": False, "comment": "no"}}
    nodes.apply = lambda name: failed if name == "pi0" else apply(name)
    swarms.join(["pi1"])
    assert [names for function, names in nodes.asked if function == "state.apply"] == [
        ["pi1"],
        ["pi0"],
    ]


def test_who_is_in_is_asked_once_and_nothing_else_happens(swarms, nodes):
    swarms.join(["pi0", "pi1"])
    nodes.asked.clear()
    (found,) = swarms.join(["pi1"])
    assert found.members == ["pi1"]
    assert nodes.asked == [("swarm.info", ["pi0", "pi1", "pi14", "pi28"])]


def test_ids_are_what_nodes_say_of_themselves_and_managers_are_told_of_them(swarms, nodes, ledger):
    swarms.join(["pi0", "pi1"])
    assert ledger.swarms.members("glasgow") == {"pi0": "id-pi0", "pi1": "id-pi1"}
    view = nodes.view("pi0")
    told = picloud_swarm.pillar(view, picloud_swarm.recorded(ledger, view))["nodes"]
    assert (told["pi0"]["id"], told["pi1"]["id"]) == ("id-pi0", "id-pi1")
    assert "id" not in told["pi14"]
    # A new card has another id.
    nodes.said["swarm.info", "pi1"] = {**nodes.info("pi1"), "node_id": "new"}
    swarms.join(["pi1"])
    assert ledger.swarms.members("glasgow")["pi1"] == "new"
    swarms.forget("glasgow")
    assert ledger.swarms.members("glasgow") == {}


def test_a_node_that_says_to_be_another_one_is_not_believed(swarms, nodes, ledger, caplog):
    swarms.join(["pi0", "pi1"])
    nodes.said["swarm.info", "pi1"] = {**nodes.info("pi1"), "node_id": "id-pi0"}
    assert swarms.know("glasgow", ["pi1"]) is False
    assert ledger.swarms.members("glasgow") == {"pi0": "id-pi0", "pi1": "id-pi1"}
    assert "pi1 says to be id-pi0, another node" in caplog.text
    nodes.said["swarm.info", "pi1"] = {"state": "inactive", "node_id": None}
    assert swarms.know("glasgow", ["pi1", "pi28"]) is False


def test_while_nobody_knows_who_is_who_managers_are_told_of_no_nodes(nodes):
    told = picloud_swarm.pillar(nodes.view("pi0"), None)
    assert "nodes" not in told
    assert told["role"] == "manager"


def test_nodes_without_the_part_are_passed_over(swarms, nodes):
    assert swarms.join(["stranger", "card-0123456789ab"]) == []
    assert nodes.asked == []


def test_a_swapped_card_gets_a_new_token_through_whoever_leads(swarms, nodes, ledger):
    swarms.join(["pi0", "pi14", "pi28", "pi1"])
    nodes.leader = "pi28"
    del nodes.roles["pi0"]
    (found,) = swarms.join(["pi0"])
    assert found.members == ["pi0"]
    assert nodes.roles["pi0"] == "manager"
    assert ledger.swarms.get("glasgow").manager == "pi28"
    assert ("swarm.join_tokens", ["pi28"]) in nodes.asked
    assert nodes.asked[-1] == ("state.apply", ["pi28"])


def test_a_manager_that_is_off_is_not_waited_for(swarms, nodes):
    swarms.join(["pi0", "pi14", "pi28"])
    heard = []
    answers = nodes.info

    def info(name):
        heard.append(name)
        return answers(name)

    nodes.info = info
    swarms.join(["pi1"])
    # The first answers in this order: who leads, and who is to join; the others are not read.
    assert heard[:2] == ["pi0", "pi1"]
    assert "pi28" not in heard


def test_a_node_that_is_made_a_manager_is_changed_by_who_leads(swarms, nodes):
    swarms.join(["pi0", "pi14", "pi28"])
    nodes.roles["pi14"] = "worker"
    nodes.asked.clear()
    swarms.join(["pi14"])
    assert [one for one in nodes.asked if one[0] == "state.apply"] == [("state.apply", ["pi0"])]


def test_a_busy_node_holds_up_a_question_for_a_minute_and_states_for_longer(
    swarms, nodes, monkeypatch
):
    answers, longest = picloud_ask.answers, set()

    def asked(client, names, function, arguments, **more):
        longest.add((function, more["longest"]))
        return answers(client, names, function, arguments, **more)

    monkeypatch.setattr(picloud_ask, "answers", asked)
    swarms.join(["pi0", "pi1"])
    assert longest == {("swarm.info", 60), ("swarm.join_tokens", 60), ("state.apply", 1800)}


def test_while_no_manager_is_there_nobody_begins(swarms, nodes, ledger):
    nodes.off = set(MANAGERS)
    (found,) = swarms.join(["pi1"])
    assert "no manager of glasgow is there yet" in found.refused["pi1"]
    assert ledger.swarms.get("glasgow") is None


def test_no_second_swarm_when_all_managers_lost_theirs(swarms, nodes, ledger):
    ledger.swarms.put(Swarm("glasgow", "pi0", "cluster", 1.0))
    (found,) = swarms.join(["pi0", "pi1"])
    assert "swarm.recover site=glasgow" in found.refused["pi0"]
    assert nodes.roles == {}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({("swarm.join_tokens", "pi0"): "Docker Engine refuses: x"}, "gave no token for pi1: Dock"),
        ({("swarm.join_tokens", "pi0"): {"pi1": "SWMTKN-1-open"}}, "pi0 gave no token for pi1"),
        ({("state.apply", "pi1"): ["Rendering SLS failed"]}, "pi1 did not say what it did: ['Ren"),
        ({("state.apply", "pi1"): {"x": {"result": False, "comment": "no way"}}}, "no way"),
        ({("swarm.info", "pi1"): "The minion function caused an exception"}, "does not say"),
    ],
)
def test_why_a_node_is_not_in_its_swarm(swarms, nodes, ledger, said, why):
    nodes.said = said
    (found,) = swarms.join(["pi0", "pi1"])
    assert found.members == ["pi0"]
    assert why in found.refused["pi1"]
    assert "SWMTKN" not in found.refused["pi1"]
    assert "SWMTKN" not in str(ledger.swarms.token("pi1"))


@pytest.mark.parametrize("kind", [SaltClientError, AuthorizationError, OSError])
def test_a_master_that_cannot_ask_says_who_does_not_answer(swarms, nodes, kind, caplog):
    nodes.fault = kind("the bus is not there")
    (found,) = swarms.join(["pi1"])
    assert "the bus is not there" in caplog.text
    assert "no manager of glasgow is there yet" in found.refused["pi1"]
