"""The program that restarts the minion: waits, looks for the connection, puts back."""

import importlib.util
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "salt/salt_minion/files/minion_switch.py"


@pytest.fixture
def program(monkeypatch):
    spec = importlib.util.spec_from_file_location("minion_switch", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("RETURN_GRACE", "LOOK_EVERY"):
        monkeypatch.setattr(module, name, 0)
    return module


@pytest.fixture
def system(program, monkeypatch):
    """Systemctl and the connection, as a test wants them."""

    class System:
        reachable = (True,)
        commands = ()

    def run(command, **_more):
        System.commands += (command,)
        return subprocess.CompletedProcess(command, 0)

    def restart(plan):
        System.commands += (["restart", plan["service"]],)
        first, *rest = System.reachable
        System.reachable = (*rest, first) if rest else (first,)
        return first

    monkeypatch.setattr(program.subprocess, "run", run)
    monkeypatch.setattr(program, "restart", restart)
    return System


@pytest.fixture
def plan(program, tmp_path):
    prefix = tmp_path / "opt"
    for version in ("3007.1", "3008.3", "3008.4"):
        (prefix / f"salt-{version}").mkdir(parents=True)
    (prefix / "salt").symlink_to("salt-3008.3")
    config = tmp_path / "picloud.conf"
    config.write_text("new: true\n")
    plan = {
        "state": "pending",
        "link": {"path": str(prefix / "salt"), "old": "salt-3008.3", "new": "salt-3008.4"},
        "config": {"path": str(config), "old": "old: true\n", "new": "new: true\n"},
        "service": "salt-minion",
        "port": 4505,
        "timeout": 1,
        "jobs": str(tmp_path / "proc"),
        "threads": False,
        "pid": 1,
        "pid_start": -1,
        "boot": program.boot_id(),
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    (tmp_path / "switch.service").touch()
    return path


def carried_out(program, plan):
    program.main(str(plan), str(plan.parent / "switch.service"))
    return json.loads(plan.read_text())["state"]


def link(plan):
    return os.readlink(plan.parent / "opt/salt")


def test_it_takes_over_and_tidies_up(program, system, plan, tmp_path):
    assert carried_out(program, plan) == "done"
    assert link(plan) == "salt-3008.4"
    assert (tmp_path / "picloud.conf").read_text() == "new: true\n"
    left = sorted(path.name for path in (tmp_path / "opt").iterdir())
    assert left == ["salt", "salt-3008.3", "salt-3008.4"]
    assert not (tmp_path / "switch.service").exists()
    assert system.commands[-2][:2] == ["systemctl", "disable"]


def test_without_a_connection_all_is_put_back(program, system, plan, tmp_path):
    system.reachable = (False, True)
    assert carried_out(program, plan) == "put back"
    assert link(plan) == "salt-3008.3"
    assert (tmp_path / "picloud.conf").read_text() == "old: true\n"
    assert not (tmp_path / "opt/salt-3008.4").exists()


def test_a_master_that_is_away_is_not_held_against_the_version(program, system, plan, tmp_path):
    system.reachable = (False, False)
    assert carried_out(program, plan) == "master away"
    assert link(plan) == "salt-3008.3"
    assert (tmp_path / "opt/salt-3008.4").exists()


def test_a_configuration_that_was_not_there_is_removed(program, system, plan, tmp_path):
    data = json.loads(plan.read_text())
    data["config"]["old"] = None
    plan.write_text(json.dumps(data))
    system.reachable = (False, True)
    carried_out(program, plan)
    assert not (tmp_path / "picloud.conf").exists()


def test_after_a_power_cut_it_goes_on(program, system, plan):
    data = {**json.loads(plan.read_text()), "state": "switching", "boot": "another"}
    plan.write_text(json.dumps(data))
    system.reachable = (False, True)
    assert carried_out(program, plan) == "put back"


def test_a_plan_that_ended_is_not_carried_out_again(program, system, plan):
    data = {**json.loads(plan.read_text()), "state": "done"}
    plan.write_text(json.dumps(data))
    assert carried_out(program, plan) == "done"
    assert link(plan) == "salt-3008.3"


def test_a_later_job_that_took_over_the_plan_is_waited_for_too(program, system, plan, monkeypatch):
    waited_for = []

    def wait(data):
        waited_for.append(data["pid"])
        if len(waited_for) == 1:
            plan.write_text(json.dumps({**data, "pid": 2}))

    monkeypatch.setattr(program, "wait_for_job", wait)
    assert carried_out(program, plan) == "done"
    assert waited_for == [1, 2]


def test_it_waits_for_the_job(program):
    job = subprocess.Popen(["sleep", "0.3"])
    try:
        start = program.process_start(job.pid)
        assert start is not None
    finally:
        job.wait()
    assert program.process_start(job.pid) is None


def test_it_waits_for_jobs_that_are_threads(program, plan, tmp_path, monkeypatch):
    jobs = tmp_path / "proc"
    jobs.mkdir()
    (jobs / "20261121000000000000").touch()
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        for path in jobs.iterdir():
            path.unlink()

    monkeypatch.setattr(program.time, "sleep", sleep)
    program.wait_for_job({**json.loads(plan.read_text()), "threads": True})
    assert looks == [1, 0]


def test_an_established_connection_of_the_process_counts(program):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not program.connected({os.getpid()}, port)
        with socket.create_connection(("127.0.0.1", port)):
            assert program.connected({os.getpid()}, port)
            assert not program.connected({1 << 30}, port)
            assert not program.connected(set(), port)
    assert not program.connected({os.getpid()}, port)


def test_the_processes_of_a_service(program, tmp_path):
    for pid, group in (("7", "system.slice/salt-minion.service"), ("8", "user.slice")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cgroup").write_text(f"1:name=systemd:/{group}\n0::/{group}\n")
    (tmp_path / "9").mkdir()
    (tmp_path / "net").mkdir()
    assert program.service_pids("salt-minion", str(tmp_path)) == {7}
