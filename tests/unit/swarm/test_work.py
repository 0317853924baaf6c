"""Workloads as a manager was told to run them: looked at, put right, and what their tasks say."""

import threading

import pytest
from salt.exceptions import CommandExecutionError

from _modules import swarm, swarmnode, swarmservice, swarmwork
from _states import swarmnode as swarmnode_state
from _states import swarmwork as swarmwork_state
from tests.clock import set_clock

from .engine import node

LABELS = {"picloud.workload": "web"}
SPEC = {"image": "picloud/web:1", "replicas": 2, "labels": LABELS}


@pytest.fixture(autouse=True)
def begun(engine):
    """This node is in a swarm."""
    swarm.initialise()


@pytest.fixture
def told():
    """What the master says of this swarm."""
    return {"picloud": {"workloads": {"services": {"web": SPEC}}}}


@pytest.fixture
def configure_loader_modules(loaded, told):
    functions = loaded[swarm]["__salt__"]
    functions["pillar.items"] = lambda unmask: told if unmask else None
    functions |= {
        f"swarmwork.{name}": getattr(swarmwork, name) for name in ("applied", "set_applied")
    }
    state = {"__salt__": functions, "__opts__": loaded[swarmnode_state]["__opts__"]}
    return {**loaded, swarmwork: {"__salt__": functions}, swarmwork_state: state}


def task(engine, name, slot, state="running", **more):
    """Add a task to the engine."""
    (service,) = [one for one in engine.service_list if one["Spec"]["Name"] == name]
    engine.task_list.append(
        {
            "ID": f"{name}{slot}",
            "ServiceID": service["ID"],
            "Slot": slot,
            "NodeID": more.get("node", "id-pi1"),
            "UpdatedAt": "2026-01-01",
            "DesiredState": "running",
            "Spec": service["Spec"]["TaskTemplate"],
            "Status": {"State": state, "Timestamp": "2026-01-01", "Err": more.get("err", "")},
        }
    )


@pytest.mark.parametrize(
    ("pillar", "said"),
    [
        ({"_errors": ["broken"], "picloud": {}}, "no sound pillar"),
        ({}, "tells this node of no workloads"),
        ({"picloud": {"node": {}}}, "tells this node of no workloads"),
    ],
)
def test_what_is_described_is_asked_of_the_master(told, pillar, said):
    assert swarmwork.described()["services"] == {"web": SPEC}
    assert swarmwork.described()["refused"] == {}
    told["_errors"], told["picloud"]["last_good"] = ["broken"], True
    assert swarmwork.described()["services"] == {"web": SPEC}
    told.clear()
    told.update(pillar)
    with pytest.raises(CommandExecutionError, match=said):
        swarmwork.described()


def test_a_service_is_made_changed_and_taken_away_as_the_master_says(engine, told):
    services = told["picloud"]["workloads"]["services"]
    assert swarmwork.settle("web") == {"service": {"old": None, "new": "web"}}
    assert swarmwork.settle("web") == {}
    services["web"] = {**SPEC, "replicas": 5}
    assert swarmwork.settle("web") == {"replicas": {"old": 2, "new": 5}}
    del services["web"]
    assert swarmwork.settle("web") == {"service": {"old": "web", "new": None}}
    assert (engine.service_list, swarmwork.settle("web")) == ([], {})


def test_values_of_environment_variables_are_not_told(told):
    services = told["picloud"]["workloads"]["services"]
    swarmwork.settle("web")
    services["web"] = {**SPEC, "replicas": 5, "env": {"KEY": "secret"}}
    blank, replicas = {"old": "", "new": ""}, {"old": 2, "new": 5}
    assert swarmwork.settle("web") == {"replicas": replicas, "env.KEY": blank}
    services["web"] = SPEC
    assert swarmwork.settle("web")["env.KEY"] == blank


def test_a_service_that_somebody_else_made_is_not_taken_away(engine, told):
    told["picloud"]["workloads"]["services"] = {}
    swarmservice.apply_("web", {"image": "picloud/web:1"})
    with pytest.raises(CommandExecutionError, match="not made from a description"):
        swarmwork.settle("web")
    assert len(engine.service_list) == 1


def test_a_service_that_is_refused_stays_as_it_is(engine, told):
    swarmwork.settle("web")
    told["picloud"]["workloads"] = {
        "services": {"web": {**SPEC, "image": "picloud/web:2"}},
        "refused": {"web": "picloud/web:2 was not built"},
    }
    with pytest.raises(CommandExecutionError, match="web: stays as it is: picloud/web:2 was not"):
        swarmwork.settle("web")
    seen = swarmwork.look()
    assert seen["refused"] == {"web": "picloud/web:2 was not built"}
    assert (seen["services"]["web"]["image"], seen["services"]["web"]["changes"]) == (
        "picloud/web:1",
        {},
    )


def test_settling_waits_for_the_tasks_and_says_what_is_in_the_way(engine, monkeypatch):
    ticks = iter(range(0, 10**6, 20))
    set_clock(monkeypatch, swarmservice, monotonic=lambda: next(ticks), sleep=lambda _: None)
    swarmwork.settle("web")
    task(engine, "web", 1)
    with pytest.raises(CommandExecutionError, match="1 of 2 tasks run after 30 s"):
        swarmwork.settle("web", timeout=30)
    task(engine, "web", 2)
    assert swarmwork.settle("web", timeout=30) == {}


def test_a_look_at_what_runs(engine, told):
    engine.node_list = [node("pi0", role="manager"), node("pi1")]
    swarmwork.settle("web")
    swarmservice.apply_("old", {"image": "picloud/web:1", "mode": "global", "labels": LABELS})
    swarmservice.apply_("other", {"image": "picloud/other:1"})
    told["picloud"]["workloads"]["services"] = {
        "web": {**SPEC, "replicas": 3, "env": {"KEY": "secret"}},
        "new": SPEC,
        "bad": {**SPEC, "networks": ["none-such"]},
    }
    swarmservice.apply_("bad", SPEC)
    task(engine, "web", 1)
    task(engine, "web", 2, "failed", err="task: non-zero exit (1)")
    task(engine, "other", 1)
    engine.task_list.append({"ID": "net", "ServiceID": "", "Status": {"State": "running"}})
    seen = swarmwork.look()
    assert seen["nodes"][0] == {
        "id": "id-pi0",
        "hostname": "pi0",
        "state": "ready",
        "availability": "active",
        "at": "2026-01-02",
    }
    assert set(seen["services"]) == {"web", "old", "bad"}
    assert seen["services"]["web"] == {
        "image": "picloud/web:1",
        "mode": "replicated",
        "wanted": 2,
        "running": 1,
        "complete": 0,
        "outdated": 0,
        "update": "",
        "message": "",
        "described": True,
        "changes": {"replicas": ["2", "3"], "env.KEY": ["", ""]},
        "error": "",
        "at": "2026-01-03",
        "previous": "",
    }
    assert (seen["services"]["old"]["mode"], seen["services"]["old"]["described"]) == (
        "global",
        False,
    )
    assert "there is no network none-such" in seen["services"]["bad"]["error"]
    assert seen["missing"] == ["new"]
    assert [(one["slot"], one["state"], one["error"]) for one in seen["tasks"]] == [
        (1, "running", ""),
        (2, "failed", "task: non-zero exit (1)"),
    ]
    assert "secret" not in str(seen)


def test_a_look_says_what_swarm_would_go_back_to(engine):
    swarmwork.settle("web")
    (service,) = engine.service_list
    service["PreviousSpec"] = {"TaskTemplate": {"ContainerSpec": {"Image": "picloud/web:0"}}}
    assert swarmwork.look()["services"]["web"]["previous"] == "picloud/web:0"


def test_a_look_at_who_differs_and_whether_it_was_applied(engine, told):
    swarmwork.settle("web")
    engine.node_list = [node("pi0", role="manager"), node("pi1")]
    assert swarmwork.look()["members"] == []
    one = {"role": "worker", "labels": {"rack": "r1"}, "availability": "active", "id": "id-pi1"}
    told["picloud"]["swarm"] = {"nodes": {"pi0": {"role": "manager"}, "pi1": one}}
    assert swarmwork.look()["members"] == ["pi1"]
    swarmnode.set_("id-pi1", labels={"rack": "r1"})
    assert swarmwork.look()["members"] == []

    assert swarmwork.look()["unchanged"] is False
    ret = swarmwork_state.applied("x", swarmwork.digest(told["picloud"]))
    assert (ret["result"], ret["changes"]) == (True, {})
    assert swarmwork.look()["unchanged"] is True
    # The rest of the swarm's specification stays.
    assert engine.swarm["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"]
    told["picloud"]["workloads"]["described"] = "edited"
    assert swarmwork.look()["unchanged"] is False


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"swarm": {"token": "sealed:x", "nodes": {}}}, True),
        ({"swarm": {"nodes": {"pi0": {"role": "manager"}}}}, False),
        ({"workloads": {"services": {}, "described": "edited"}}, False),
        ({"workloads": {"services": {"web": {**SPEC, "replicas": 3}}, "described": "abc"}}, True),
        ({"workloads": {"services": {}, "described": "abc"}}, True),
        # A master that does not tell it yet.
        ({"workloads": {"services": {"web": SPEC}}}, False),
    ],
)
def test_the_digest_is_of_what_is_described_and_not_of_what_was_said_by_hand(change, same):
    before = {"workloads": {"services": {"web": SPEC}, "described": "abc"}}
    assert (swarmwork.digest({**before, **change}) == swarmwork.digest(before)) is same


def test_the_digest_knows_nodes_by_what_is_described_of_them():
    def of(**more):
        return swarmwork.digest({"swarm": {"nodes": {"pi1": {"role": "worker", **more}}}})

    assert of() == of(availability="drain") == of(id="x")
    assert of() != of(labels={"rack": "r2"})


def test_nothing_is_noted_in_test_mode(engine, told, testmode):
    assert swarmwork_state.applied("x", "abc")["result"] is True
    assert swarmwork.applied() == (None if testmode else "abc")


def line(at, number, text, host="id-pi1"):
    """A line as Docker's API has it with details and times."""
    facts = f"com.docker.swarm.node.id={host},com.docker.swarm.service.id=service1"
    return f"{at} {facts},com.docker.swarm.task.id=web{number} {text}\n".encode()


def test_lines_of_all_tasks_are_in_the_order_of_time(engine):
    engine.node_list = [node("pi1")]
    swarmwork.settle("web")
    task(engine, "web", 1)
    task(engine, "web", 2)
    said = [
        line("2026-01-01T00:00:03Z", 1, "three"),
        line("2026-01-01T00:00:04Z", 1, "four " + "x" * 5000)[:90],
        line("2026-01-01T00:00:04Z", 1, "four " + "x" * 5000)[90:],
        line("2026-01-01T00:00:02Z", 2, "two", "id-gone") + line("2026-01-01T00:00:01Z", 2, "\xff"),
        b"error grabbing logs: node pi9 is not available",
    ]
    engine.client.service_logs.side_effect = lambda *_args, **_more: iter(said)
    found = swarmwork.logs("web", 3)
    assert [(one["node"], one["task"], one["text"][:5]) for one in found["lines"]] == [
        ("id-gone", "web.2", "two"),
        ("pi1", "web.1", "three"),
        ("pi1", "web.1", "four "),
    ]
    assert len(found["lines"][-1]["text"]) == swarmwork.MOST_LINE
    assert found["trouble"] == ["error grabbing logs: node pi9 is not available"]
    given = engine.client.service_logs.call_args.kwargs
    assert (given["tail"], given["stdout"], given["stderr"]) == (3, True, True)


def test_a_node_that_sends_no_logs_stops_nobody(engine, monkeypatch):
    monkeypatch.setattr(swarmwork, "LOG_SECONDS", 0.05)
    release = threading.Event()

    def stream(*_args, **_more):
        yield line("2026-01-01T00:00:01Z", 1, "one")
        release.wait()

    swarmwork.settle("web")
    engine.client.service_logs.side_effect = stream
    found = swarmwork.logs("web")
    release.set()
    assert [one["text"] for one in found["lines"]] == ["one"]
    assert "a node has not sent all of its lines" in found["trouble"][0]


def test_logs_that_break_off_and_logs_without_end(engine, monkeypatch):
    monkeypatch.setattr(swarmwork, "MOST_BYTES", 1000)

    def broken(*_args, **_more):
        yield line("2026-01-01T00:00:01Z", 1, "one")
        raise OSError("connection reset")

    def endless(*_args, **_more):
        while True:
            yield line("2026-01-01T00:00:01Z", 1, "again")

    swarmwork.settle("web")
    engine.client.service_logs.side_effect = broken
    assert swarmwork.logs("web")["trouble"] == ["reading stopped: connection reset"]
    engine.client.service_logs.side_effect = endless
    assert "were read" in swarmwork.logs("web")["trouble"][0]


def test_logs_of_no_service():
    with pytest.raises(CommandExecutionError, match="the swarm has no such service"):
        swarmwork.logs("web")
