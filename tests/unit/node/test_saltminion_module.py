"""Wheels that fit, a virtual environment that is tried before it is used, and the plan."""

import json
import os
import subprocess
import sys
import zipfile
from unittest.mock import create_autospec

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.modules import cmdmod, cp

from _modules import saltminion
from tests.clock import set_clock

OWN = f"cp{sys.version_info[0]}{sys.version_info[1]}"
FOLDER = "salt_minion/wheels"


class Master:
    """The files that a master serves."""

    def __init__(self, root, cache):
        self.root, self.cache, self.commands = root, cache, []
        cache.mkdir()

    def add(self, name):
        path = self.root / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    def list_master(self, saltenv=None, prefix=""):
        return [str(path.relative_to(self.root)) for path in (self.root / prefix).glob("*")]

    def cache_file(self, path, saltenv=None, **_more):
        copy = self.cache / os.path.basename(path)
        copy.write_bytes((self.root / path.removeprefix("salt://")).read_bytes())
        return str(copy)

    def get_file(self, path, dest, **_more):
        return dest

    def run_all(self, command, **_more):
        self.commands.append(command)
        if command[0] == "systemctl":
            return {"retcode": 0, "stdout": "", "stderr": ""}
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path / "srv", tmp_path / "cache")


@pytest.fixture
def configure_loader_modules(master, files, tmp_path):
    salt = {
        **files,
        "cp.list_master": create_autospec(cp.list_master, side_effect=master.list_master),
        "cp.cache_file": create_autospec(cp.cache_file, side_effect=master.cache_file),
        "cp.get_file": create_autospec(cp.get_file, side_effect=master.get_file),
        "cmd.run_all": create_autospec(cmdmod.run_all, side_effect=master.run_all),
        "cmd.run_stdout": create_autospec(cmdmod.run_stdout, return_value="inactive"),
    }
    opts = {"cachedir": str(tmp_path / "minion")}
    return {saltminion: {"__salt__": salt, "__opts__": opts}}


def test_wheels_that_fit_and_no_others(master):
    for name in (
        "salt-3008.3-py3-none-any.whl",
        "salt-3008.4-py3-none-any.whl",
        "msgpack-1.1.0-py3-none-any.whl",
        "msgpack-1.2.0-py3-none-any.whl",
        f"pyzmq-27.0-{OWN}-{OWN}-linux_s390x.whl",
        "pyzmq-26.0-cp27-cp27m-win32.whl",
        "README.txt",
    ):
        master.add(name)
    assert saltminion.wheels("3008.3") == [
        f"salt://{FOLDER}/msgpack-1.2.0-py3-none-any.whl",
        f"salt://{FOLDER}/salt-3008.3-py3-none-any.whl",
    ]


def test_a_version_the_master_lacks_is_told(master):
    master.add("salt-3008.3-py3-none-any.whl")
    with pytest.raises(CommandExecutionError, match=r"no wheel of Salt 3008\.9"):
        saltminion.wheels("3008.9")


def fake_salt(path, version, says):
    """A wheel with a salt-call that says a version, and the modules that are tried."""
    info = f"salt-{version}.dist-info"
    entries = {
        "salt/__init__.py": "",
        "salt/minion.py": "",
        "salt/crypt.py": "",
        "salt/channel/__init__.py": "",
        "salt/channel/client.py": "",
        "salt/scripts.py": f"def salt_call():\n    print('salt-call {says} (Argon)')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: salt\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nsalt-call = salt.scripts:salt_call\n",
    }
    entries[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in entries)
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in entries.items():
            wheel.writestr(name, text)


def test_a_version_is_built_and_tried_once(master, tmp_path):
    fake_salt(master.add("salt-3008.4-py3-none-any.whl"), "3008.4", "3008.4")
    prefix = tmp_path / "opt"
    target = saltminion.build("3008.4", str(prefix), python=sys.executable)
    assert target == str(prefix / "salt-3008.4")
    assert list(master.cache.iterdir()) == []
    count = len(master.commands)
    assert saltminion.build("3008.4", str(prefix), python=sys.executable) == target
    assert len(master.commands) == count
    saltminion.relink("3008.4", str(prefix))
    assert saltminion.linked(str(prefix)) == "3008.4"


def test_a_version_that_says_another_one_is_not_used(master, tmp_path):
    fake_salt(master.add("salt-3008.4-py3-none-any.whl"), "3008.4", "3008.3")
    with pytest.raises(CommandExecutionError, match=r"should be Salt 3008\.4 but says"):
        saltminion.build("3008.4", str(tmp_path / "opt"), python=sys.executable)
    assert not (tmp_path / "opt/salt-3008.4/.complete").exists()


def test_a_card_without_room_is_told_before_anything_is_fetched(master, tmp_path, monkeypatch):
    master.add("salt-3008.4-py3-none-any.whl")
    monkeypatch.setattr(saltminion, "ROOM_MB", 1 << 40)
    with pytest.raises(CommandExecutionError, match="MB left"):
        saltminion.build("3008.4", str(tmp_path / "opt"))
    assert not saltminion.__salt__["cp.cache_file"].called


def test_a_link_to_nothing_is_refused(tmp_path):
    with pytest.raises(SaltInvocationError, match="does not exist"):
        saltminion.relink("3008.4", str(tmp_path))
    assert saltminion.linked(str(tmp_path)) is None


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setattr(saltminion, "UNIT", str(tmp_path / "units/picloud-minion-switch.service"))
    return str(tmp_path / "var/plan.json")


def test_two_changes_of_one_job_make_one_plan(master, plan, tmp_path):
    assert saltminion.plan(plan) == {}
    config = {"path": "/etc/salt/minion.d/picloud.conf", "old": "a", "new": "b"}
    link = {"path": "/opt/picloud/salt", "old": "salt-3008.3", "new": "salt-3008.4"}
    saltminion.schedule(config=config, path=plan)
    saltminion.schedule(link=link, timeout=60, path=plan)
    saltminion.schedule(config={**config, "old": "b", "new": "c"}, path=plan)
    now = saltminion.plan(plan)
    assert now["state"] == "pending"
    assert now["link"] == link
    assert now["config"] == {**config, "old": "a", "new": "c"}
    assert now["pid"] == os.getpid()
    assert now["port"] == 4505
    unit = (tmp_path / "units/picloud-minion-switch.service").read_text()
    assert f" {plan} {saltminion.UNIT}\n" in unit
    start = ["systemctl", "start", "--no-block", "picloud-minion-switch.service"]
    assert master.commands[-1] == start


def test_a_new_plan_does_not_carry_the_last_one(plan):
    link = {"path": "/opt/picloud/salt", "old": "salt-3008.3", "new": "salt-3008.4"}
    saltminion.schedule(link=link, path=plan)
    was = {**saltminion.plan(plan), "state": "put back"}
    saltminion.__salt__["pifile.put"](plan, {"contents": json.dumps(was), "mode": "0600"})
    assert saltminion.schedule(path=plan)["link"] is None
    assert saltminion.forget(plan) is True
    assert saltminion.forget(plan) is False


def carried_out(plan):
    was = {**saltminion.schedule(path=plan), "state": "switching"}
    saltminion.__salt__["pifile.put"](plan, {"contents": json.dumps(was), "mode": "0600"})
    saltminion.__salt__["cmd.run_stdout"].return_value = "active"
    return was


def test_a_plan_being_carried_out_is_waited_for(plan, monkeypatch):
    was = carried_out(plan)

    def sleep(_seconds):
        saltminion.__salt__["cmd.run_stdout"].return_value = "inactive"
        done = {**was, "state": "done"}
        saltminion.__salt__["pifile.put"](plan, {"contents": json.dumps(done), "mode": "0600"})

    set_clock(monkeypatch, saltminion, sleep=sleep)
    link = {"path": "/opt/picloud/salt", "old": "salt-3008.3", "new": "salt-3008.4"}
    assert saltminion.schedule(link=link, path=plan)["link"] == link


def test_a_plan_that_is_carried_out_for_ever_is_left_alone(plan, monkeypatch):
    carried_out(plan)
    clock = iter(range(0, 10**6, 1000))
    set_clock(monkeypatch, saltminion, monotonic=lambda: next(clock), sleep=lambda _: None)
    with pytest.raises(CommandExecutionError, match="is being restarted"):
        saltminion.schedule(path=plan)


def test_a_damaged_plan_is_told(plan):
    saltminion.__salt__["pifile.put"](plan, {"contents": "{", "mode": "0600"})
    with pytest.raises(CommandExecutionError, match="is damaged"):
        saltminion.plan(plan)
