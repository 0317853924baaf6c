"""Services of a swarm: made, changed, put right, waited for, gone. Both modes."""

import pytest
from salt.exceptions import CommandExecutionError

from _modules import swarmservice
from _states import swarmdata, swarmnetwork
from _states import swarmservice as states
from tests.clock import set_clock

from .engine import refuse

SPEC = {"image": "picloud/web:1", "replicas": 2, "env": {"A": "1"}}


@pytest.fixture
def configure_loader_modules(loaded):
    return loaded


@pytest.fixture
def service(engine):
    """The service as it was made before."""
    states.present("web", SPEC)
    engine.asked.clear()
    return engine.service_list[0]


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock costs 20 seconds."""
    ticks = iter(range(0, 10**6, 20))
    set_clock(monkeypatch, swarmservice, monotonic=lambda: next(ticks), sleep=lambda _: None)


def task(service, state="running", **more):
    """A task of a service as Docker's API has it."""
    spec = service["Spec"]["TaskTemplate"]
    found = {
        "ID": "t",
        "ServiceID": service["ID"],
        "NodeID": more.pop("node", "n1"),
        "UpdatedAt": "2026-01-01",
        "DesiredState": "complete" if state == "complete" else "running",
        "Spec": {**spec, **more.pop("spec", {})},
        "Status": {"State": state, "Err": more.pop("err", "")},
    }
    return {**found, **more}


def test_a_service_and_again(engine, testmode):
    ret = states.present("web", SPEC)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"service": {"old": None, "new": "picloud/web:1"}}
    assert engine.asked == ([] if testmode else ["create_service"])
    if not testmode:
        again = states.present("web", SPEC)
        assert (again["result"], again["changes"]) == (True, {})
        assert engine.asked == ["create_service"]


def test_changes_are_told_and_made(engine, service, planned):
    spec = {**SPEC, "image": "picloud/web:2", "replicas": 3}
    told = {
        "image": {"old": "picloud/web:1", "new": "picloud/web:2"},
        "replicas": {"old": 2, "new": 3},
    }
    with planned():
        ret = states.present("web", spec)
    assert (ret["result"], ret["changes"], engine.asked) == (None, told, [])
    ret = states.present("web", spec)
    assert (ret["result"], ret["changes"], engine.asked) == (True, told, ["update_service"])
    assert states.present("web", spec)["changes"] == {}


def test_what_was_changed_by_hand_is_put_right_and_restarts_are_kept(engine, service):
    swarmservice.restart("web")
    container = service["Spec"]["TaskTemplate"]["ContainerSpec"]
    container["Env"].append("B=2")
    container["DNSConfig"] = {"Nameservers": ["1.1.1.1"]}
    ret = states.present("web", SPEC)
    assert set(ret["changes"]) == {
        "env.B",
        "other.TaskTemplate.ContainerSpec.DNSConfig.Nameservers",
    }
    template = engine.service_list[0]["Spec"]["TaskTemplate"]
    assert "DNSConfig" not in template["ContainerSpec"]
    assert template["ForceUpdate"] == 1


def test_another_mode_is_a_new_service(engine, service, testmode):
    ret = states.present("web", {"image": "picloud/web:1", "mode": "global"})
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]["mode"] == {"old": "replicated", "new": "global"}
    assert "made anew" in ret["comment"]
    assert engine.asked == ([] if testmode else ["remove_service", "create_service"])


def test_what_docker_does_not_keep_is_told(engine):
    engine.client.create_service.side_effect = lambda *_args, **_more: engine.service_list.append(
        {
            "ID": "s",
            "Version": {"Index": 1},
            "Spec": {
                "Name": "web",
                "Mode": {"Replicated": {"Replicas": 1}},
                "TaskTemplate": {"ContainerSpec": {"Image": "picloud/web:1"}},
            },
        }
    )
    ret = states.present("web", {"image": "picloud/web:1", "replicas": 2})
    assert ret["result"] is False
    assert "did not keep what was set: replicas: is 1, not 2" in ret["comment"]


def test_faults_name_the_fields(engine, testmode):
    ret = states.present("web", {"replicas": "two", "networks": ["net"]})
    assert (ret["result"], ret["changes"]) == (False, {})
    for words in ("image: is missing", "replicas: must be", "networks[0].name: there is no"):
        assert words in ret["comment"]


def test_names_are_those_of_the_swarm(engine):
    swarmnetwork.present("net")
    swarmdata.config_present("web", contents="1")
    spec = {**SPEC, "networks": ["net"], "configs": ["web"]}
    assert states.present("web", spec)["result"] is True
    template = engine.service_list[0]["Spec"]["TaskTemplate"]
    assert template["Networks"] == [{"Target": "id-net"}]
    assert template["ContainerSpec"]["Configs"][0]["ConfigName"] == "web-v1"
    assert states.present("web", spec)["changes"] == {}


def test_a_rotated_config_reaches_the_service_as_a_test_run_said(engine, planned):
    spec = {**SPEC, "configs": ["web"], "secrets": ["pw"], "networks": ["net"]}

    def apply(text):
        rets = [
            swarmnetwork.present("net"),
            swarmdata.config_present("web", contents=text),
            swarmdata.secret_present("pw", contents=text),
            states.present("web", spec),
        ]
        assert all(ret["result"] is not False for ret in rets), rets
        return [ret["changes"] for ret in rets]

    with planned():
        plan = apply("1")
    assert apply("1") == plan
    with planned():
        plan = apply("2")
    done = apply("2")
    assert done == plan
    assert done[3]["configs"]["new"][0]["source"] == "web-v2"
    assert done[3]["secrets"]["new"][0]["source"] == "pw-v2"
    assert apply("2") == [{}, {}, {}, {}]


def test_waiting_until_it_runs(engine, service):
    engine.task_list = [task(service), task(service, node="n2")]
    ret = states.present("web", SPEC, timeout=5)
    assert ret["result"] is True
    assert "2 of 2 tasks run" in ret["comment"]


def test_what_is_in_the_way_is_told(engine, service, clock):
    engine.task_list = [task(service), task(service, "pending", err="no suitable node")]
    ret = states.present("web", SPEC, timeout=30)
    assert ret["result"] is False
    assert "1 of 2 tasks run; tasks say: no suitable node after 30 s" in ret["comment"]


def test_tasks_of_the_specification_before_do_not_count(engine, service, clock):
    engine.task_list = [task(service), task(service, spec={"ContainerSpec": {"Image": "old"}})]
    with pytest.raises(CommandExecutionError, match="2 of 2 tasks run, 1 of them as specified"):
        swarmservice.wait("web", 30)


def test_tasks_of_a_node_that_is_down_do_not_count(engine, service, clock):
    engine.task_list = [task(service), task(service, node="n2", DesiredState="shutdown")]
    with pytest.raises(CommandExecutionError, match="1 of 2 tasks run"):
        swarmservice.wait("web", 30)


def test_an_update_that_goes_on_is_waited_for(engine, service, clock):
    service["UpdateStatus"] = {"State": "updating", "Message": "update in progress"}
    engine.task_list = [task(service), task(service)]
    with pytest.raises(CommandExecutionError, match=r"update updating \(update in progress\)"):
        swarmservice.wait("web", 30)


def test_an_update_that_was_stopped_is_an_error_in_each_run(engine, service):
    service["UpdateStatus"] = {"State": "paused", "Message": "update paused"}
    ret = states.present("web", SPEC)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "update paused (update paused)" in ret["comment"]


def test_an_update_that_was_rolled_back_is_told_once(engine, service):
    update = engine.client.update_service.side_effect

    def change_then_roll_back(*args, **more):
        update(*args, **more)
        service["UpdateStatus"] = {"State": "rollback_completed", "Message": "rolled back"}

    engine.client.update_service.side_effect = change_then_roll_back
    ret = states.present("web", {**SPEC, "replicas": 3})
    assert ret["result"] is False
    assert "update rollback completed (rolled back)" in ret["comment"]
    assert states.present("web", {**SPEC, "replicas": 3})["result"] is True


def test_a_job_is_done_when_its_tasks_are_complete(engine):
    spec = {"image": "picloud/web:1", "mode": "replicated-job", "replicas": 2}
    states.present("job", spec)
    (job,) = engine.service_list
    job["JobStatus"] = {"JobIteration": {"Index": 7}}
    now, before = {"JobIteration": {"Index": 7}}, {"JobIteration": {"Index": 3}}
    engine.task_list = [task(job, "complete", **now) for _ in range(2)]
    engine.task_list.append(task(job, "failed", err="of the run before", **before))
    ret = states.present("job", spec, timeout=5)
    assert ret["result"] is True
    assert "0 of 2 tasks run, 2 are complete" in ret["comment"]


def test_a_global_service_without_a_node_is_waited_for(engine, clock):
    states.present("all", {"image": "picloud/web:1", "mode": "global"})
    with pytest.raises(CommandExecutionError, match="0 of 0 tasks run after 30 s"):
        swarmservice.wait("all", 30)
    engine.task_list = [task(engine.service_list[0], node=node) for node in ("n1", "n2")]
    assert swarmservice.wait("all", 30)["nodes"] == ["n1", "n2"]


def test_absent(engine, service, testmode):
    engine.task_list = [task(service)]
    ret = states.absent("web")
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"service": {"old": "picloud/web:1", "new": None}}
    assert len(engine.service_list) == int(testmode)
    if not testmode:
        assert states.absent("web")["changes"] == {}


def test_tasks_that_do_not_end_are_told(engine, service, clock):
    engine.client.remove_service.side_effect = lambda service: engine.service_list.clear()
    engine.task_list = [task(service)]
    ret = states.absent("web", timeout=30)
    assert ret["result"] is False
    assert ret["changes"] == {"service": {"old": "picloud/web:1", "new": None}}
    assert "its tasks have not ended" in ret["comment"]


def test_the_beginning_of_an_id_is_no_name(engine, service):
    assert swarmservice.inspect("serv") is None
    assert states.absent("serv")["changes"] == {}
    with pytest.raises(CommandExecutionError, match="no such service"):
        swarmservice.status("serv")


def test_what_is_not_described_goes_and_what_others_made_stays(engine, testmode, planned):
    label = {"labels": {"picloud.workload": "x"}}
    for name, more in (("web", label), ("old", label), ("other", {})):
        engine.create_service(
            {"ContainerSpec": {"Image": "any:1"}}, name=name, mode={"Replicated": {}}, **more
        )
    ret = states.pruned("x", "picloud.workload", ["web"])
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"services": {"old": ["old"], "new": []}}
    left = ["web", "old", "other"] if testmode else ["web", "other"]
    assert [item["Spec"]["Name"] for item in engine.service_list] == left
    if not testmode:
        again = states.pruned("x", "picloud.workload", ["web"])
        assert (again["result"], again["changes"]) == (True, {})


def test_pruning_that_docker_refuses_is_told(engine):
    label = {"labels": {"picloud.workload": "x"}}
    for name in ("a", "b"):
        engine.create_service(
            {"ContainerSpec": {"Image": "any:1"}}, name=name, mode={"Replicated": {}}, **label
        )
    remove = engine.client.remove_service.side_effect

    def refused(service):
        if engine.inspect_service(service)["Spec"]["Name"] == "b":
            raise refuse("no leader")
        return remove(service)

    engine.client.remove_service.side_effect = refused
    ret = states.pruned("x", "picloud.workload", [])
    assert (ret["result"], ret["changes"]) == (False, {"services": {"old": ["a"], "new": []}})
    assert "no leader" in ret["comment"]
