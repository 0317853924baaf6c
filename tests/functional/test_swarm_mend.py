"""``salt-run swarm.mend`` with Salt's own loader, the shipped nodes, and managers that answer."""

import contextlib
import shutil

import picloud_mend
import picloud_salt
import picloud_swarm
import pytest
import salt.client
from picloud.ledger.swarms import Swarm as Recorded
from picloud_rejoin.keys import KeyStore
from picloud_watch import NoAnswerError
from salt.exceptions import SaltClientError

from .managers import MANAGERS, Swarm

WORKLOADS = """
container_images:
  web: {tag: "1", archs: [armel, armhf, arm64, amd64]}
workloads:
  web: {image: web, replicas: 3}
"""
EARLY, LATE, BACK = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
LOST = {"state": "active", "role": "manager", "cluster": None, "leads": False}


class Managers(Swarm):
    """Managers that also do what one that leads does, and say whether they have a majority."""

    def __init__(self):
        super().__init__()
        self.unchanged, self.members, self.lost, self.fault = True, [], False, ""
        self.at = dict.fromkeys(self.availability, EARLY)

    def swarm_info(self, name):
        if self.lost:
            return LOST
        return super().swarm_info(name) | {"leads": name == "pi14", "node_id": f"id-{name}"}

    def swarmwork_look(self, name):
        seen = super().swarmwork_look(name)
        seen["services"]["web"]["at"] = LATE
        for one in seen["nodes"]:
            one["at"] = self.at[one["hostname"]]
        return seen | {"unchanged": self.unchanged, "members": self.members}

    def state_apply(self, name, sls, queue):
        assert (name, sls, queue) == ("pi14", "swarm.leader", True)
        if not self.fault:
            self.members = []
        return {"x": {"result": not self.fault, "comment": self.fault, "changes": {}}}

    def swarmwork_settle(self, _name, workload):
        assert workload == "web"
        self.replicas = 3


@pytest.fixture
def managers(monkeypatch):
    one = Managers()
    client = contextlib.nullcontext(one)
    monkeypatch.setattr(salt.client, "get_local_client", lambda *_args, **_more: client)

    def returns(self, names, function, arguments, kwarg=None, **_more):
        for part in one.cmd_iter_no_block(
            names, function, arguments, tgt_type="list", kwarg=kwarg or {}
        ):
            yield from ((name, said["ret"]) for name, said in part.items())

    monkeypatch.setattr(picloud_swarm.Swarms, "_returns", returns)
    return one


@pytest.fixture
def events(monkeypatch):
    """What was told on the bus."""
    found = []

    class Bus:
        def fire_event(self, data, tag):
            found.append((tag, data))

    bus = contextlib.nullcontext(Bus())
    monkeypatch.setattr(picloud_mend.salt.utils.event, "get_master_event", lambda *_a, **_m: bus)
    return found


@pytest.fixture
def opts(repo, master, tmp_path):
    ignored = shutil.ignore_patterns("workloads*")
    cloud = shutil.copytree(repo / "pillar/cloud", tmp_path / "cloud", ignore=ignored)
    (cloud / "workloads.sls").write_text(WORKLOADS)
    config = master(cloud)
    for name in MANAGERS:
        KeyStore(config).accept(name, f"key of {name}\n")
    picloud_salt.ledger(config).swarms.put(Recorded("glasgow", "pi0", "c1", 1.0))
    return config


@pytest.fixture
def run(salt_run, managers, events):
    return lambda **named: salt_run("swarm.mend", **named)


WORKS = "The swarm of glasgow works, pi14 leads it."


def told(managers):
    """What managers were told to do."""
    does = ("state.apply", "swarmwork.settle", "swarmservice.restart")
    return [one[1:] for one in managers.asked if one[1] in does]


def test_what_is_as_described_stays_as_it_is(run, managers, events):
    for _ in range(2):
        said, code = run()
        assert (said["message"], code) == (WORKS, 0)
    assert (told(managers), events) == ([], [])


def test_what_somebody_changes_by_hand_is_put_right_and_no_more(run, managers):
    managers.replicas, managers.members = 5, ["pi1"]
    said, code = run()
    assert code == 0
    change = "web: replicas is 5, not 3; node pi1"
    assert said["message"] == f"{WORKS}\nGlasgow: put right: {change}."
    assert said["sites"]["glasgow"]["mended"] == ("web: replicas is 5, not 3", "node pi1")
    assert told(managers) == [
        ("swarmwork.settle", "web"),
        ("state.apply", "swarm.leader", True),
    ]
    assert run()[0]["message"] == WORKS
    managers.replicas = 1
    run()
    assert told(managers)[2:] == [("swarmwork.settle", "web")]


def test_an_edited_description_waits_for_the_highstate(run, managers):
    managers.replicas, managers.unchanged = 5, False
    said, code = run()
    assert (code, told(managers)) == (0, [])
    assert "what is described came later: the next highstate of its managers" in said["message"]


def test_a_rollback_by_hand_is_put_right_and_one_of_swarm_is_named(run, managers):
    managers.replicas, managers.update, managers.previous = 5, "rollback_completed", "web:1"
    assert run()[0]["sites"]["glasgow"]["mended"] == ("web: replicas is 5, not 3",)
    managers.replicas, managers.previous = 5, ""
    said, code = run()
    assert (code, told(managers)) == (0, [("swarmwork.settle", "web")])
    assert said["message"] == (
        f"{WORKS}\nGlasgow: left as it is: web: replicas is 5, not 3; Swarm took its last update"
        " back; the next highstate of the managers tries it again."
    )


def test_what_cannot_be_put_right_is_said(run, managers):
    managers.members, managers.fault = ["pi1"], "no room"
    said, code = run()
    assert code == 1
    assert said["message"].endswith("node pi1; not put right: no room.")
    managers.members, managers.replicas = [], 5
    managers.failing = {"swarmwork.settle": "no suitable node"}
    said, code = run()
    assert code == 1
    assert "not put right: pi0: no suitable node." in said["message"]
    managers.failing = {"swarmwork.look": "Docker Engine does not answer"}
    said, code = run()
    assert code == 1
    assert "Docker Engine does not answer" in said["message"]


def test_nodes_whose_ids_are_not_known_are_asked(run, managers, opts):
    ledger = picloud_salt.ledger(opts)
    assert ledger.swarms.members("glasgow") == {}
    run()
    assert ledger.swarms.members("glasgow") == {name: f"id-{name}" for name in MANAGERS}


def test_replicas_are_dealt_out_anew_when_their_node_is_back(run, managers):
    managers.tasks = {1: "pi0", 2: "pi1", 3: "pi28"}
    managers.at["pi14"] = BACK
    said, code = run(site="glasgow")
    assert code == 0
    assert said["message"] == f"{WORKS}\nGlasgow: nodes are back, dealt out anew: web."
    assert told(managers) == [("swarmservice.restart", "web")]


def test_one_workload_at_a_look_is_dealt_out_anew(run, managers, opts):
    path = picloud_salt.description(opts) / "workloads.sls"
    path.write_text(f"{WORKLOADS}  db: {{image: web, replicas: 3}}\n")
    managers.tasks, managers.at["pi14"] = {1: "pi0", 2: "pi1", 3: "pi28"}, BACK
    look, changed = managers.swarmwork_look, {"web": LATE, "db": LATE}

    def both(name):
        seen = look(name)
        for one in ("web", "db"):
            seen["services"][one] = {**seen["services"]["web"], "at": changed[one]}
        seen["tasks"] += [{**one, "service": "db"} for one in seen["tasks"]]
        return seen

    managers.swarmwork_look = both
    said, code = run(site="glasgow")
    ((_, first),) = told(managers)
    (second,) = changed.keys() - {first}
    assert (code, said["sites"]["glasgow"]["spread"]) == (0, (first,))
    assert said["message"].endswith(f"dealt out anew: {first}; at the next looks: {second}.")
    changed[first] = "2026-01-04T00:00:00Z"
    assert run()[0]["message"].endswith(f"dealt out anew: {second}.")
    changed[second] = changed[first]
    assert run()[0]["message"] == WORKS
    assert [name for _, name in told(managers)] == [first, second]


def test_an_update_that_waits_for_a_lost_node_is_begun_again(run, managers, monkeypatch):
    look = managers.swarmwork_look

    def seen(name):
        found = look(name)
        found["services"]["web"]["update"] = "updating"
        (lost,) = [one for one in found["nodes"] if one["hostname"] == "pi1"]
        lost["state"] = "down"
        stopped = {"state": "preparing", "desired": "shutdown", "at": BACK, "error": ""}
        found["tasks"].append({"service": "web", "slot": 1, "node": lost["id"], **stopped})
        return found

    monkeypatch.setattr(managers, "swarmwork_look", seen)
    said, code = run()
    assert (code, said["sites"]["glasgow"]["begun"]) == (0, ("web",))
    assert "the update of web waited for a lost node: begun again" in said["message"]
    assert ("swarmservice.restart", "web") in told(managers)


def test_a_lost_majority_is_told_once_and_so_is_its_end(run, managers, events, salt_run, caplog):
    managers.lost = True
    for _ in range(2):
        said, code = run()
        assert code == 1
        assert "have lost their majority" in said["message"]
    (event,) = events
    assert event[0] == "picloud/swarm/lost/glasgow"
    assert event[1]["words"].startswith("the managers of the swarm of glasgow have lost")
    assert len([one for one in caplog.records if "lost their majority" in one.message]) == 1
    notices = salt_run("picloud.status")[0]["notices"]
    (line,) = [one for one in notices if "lost their majority" in one]
    assert line.endswith("See what to do: salt-run swarm.recover site=glasgow")

    managers.lost = False
    assert run()[1] == 0
    assert [tag for tag, _data in events[1:]] == ["picloud/swarm/works/glasgow"]
    assert not [one for one in salt_run("picloud.status")[0]["notices"] if "swarm" in one]


def test_managers_that_do_not_answer_are_no_lost_majority(run, managers, events, salt_run, caplog):
    managers.silent = set(MANAGERS)
    for _ in range(2):
        said, code = run()
        assert code == 1
        assert "No manager of the swarm of glasgow answers, it may be well" in said["message"]
    assert len([one for one in caplog.records if "it may be well" in one.message]) == 1
    assert not [one for one in salt_run("picloud.status")[0]["notices"] if "swarm" in one]
    # What was lost is so until somebody says that it is not.
    managers.silent, managers.lost = set(), True
    run()
    managers.silent = set(MANAGERS)
    run()
    assert [tag for tag, _data in events] == ["picloud/swarm/lost/glasgow"]
    assert [one for one in salt_run("picloud.status")[0]["notices"] if "lost their majority" in one]


@pytest.mark.parametrize("kind", [NoAnswerError, SaltClientError, OSError])
def test_a_site_that_cannot_be_looked_at_does_not_hold_up_others(run, monkeypatch, kind):
    def standing(_self, _site):
        raise kind("no answer today")

    monkeypatch.setattr(picloud_swarm.Swarms, "standing", standing)
    said, code = run()
    assert (said["message"], code) == ("Glasgow: no answer today", 1)


def test_a_site_without_a_swarm_is_named(run):
    said, code = run(site="glasgov")
    assert code == 1
    assert "glasgow" in said["message"]
