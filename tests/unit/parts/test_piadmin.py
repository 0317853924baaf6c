"""Admins: ours come and go, nobody else's account is touched."""

import json
import pwd
from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

from _modules import piadmin as module
from _modules import pifile as pifile_mod
from _states import piadmin

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA jane@laptop"
JANE = {"jane": {"keys": [KEY], "sudo": True, "comment": "Jane Doe"}}


class System:
    """Accounts in memory, changed by the commands that useradd and usermod would be."""

    def __init__(self, folder):
        self.accounts, self.expires, self.commands = {"root": 0, "pi": 1000}, {}, []
        self.shadow = folder / "shadow"
        self.files = {
            "record": folder / "admins.json",
            "sudoers": folder / "sudoers",
            "keys": folder / "keys",
        }
        self.write()

    def write(self):
        # Fields: name, password, last change, min, max, warn, inactive, expire, reserved.
        lines = [f"{name}:*:1:0:99999:7::{self.expires.get(name, '')}:" for name in self.accounts]
        self.shadow.write_text("\n".join(lines) + "\n")

    def run(self, command, problem=""):
        self.commands.append(command)
        if command[0] == "useradd":
            self.accounts[command[-1]] = 1000 + len(self.accounts)
        elif command[0] == "usermod":
            self.expires[command[-1]] = command[command.index("--expiredate") + 1]
        self.write()

    def getpwnam(self, name):
        uid = self.accounts[name]
        return pwd.struct_passwd((name, "x", uid, uid, "", f"/home/{name}", "/bin/bash"))


@pytest.fixture
def configure_loader_modules():
    return {
        module: {"__grains__": {"kernel": "Linux"}},
        piadmin: {"__opts__": {"test": False}, "__salt__": {}},
    }


@pytest.fixture
def system(tmp_path, monkeypatch):
    system = System(tmp_path)
    monkeypatch.setattr(module.pwd, "getpwnam", system.getpwnam)
    record, sudoers, keys = (system.files[name] for name in ("record", "sudoers", "keys"))
    pifile = {
        "pifile.look": pifile_mod.look,
        "pifile.put": pifile_mod.put,
        "pifile.test": create_autospec(pifile_mod.test),
        "pifile.run": create_autospec(pifile_mod.run, side_effect=system.run),
    }
    salt = {
        "piadmin.plan": lambda admins: module.plan(admins, shadow=system.shadow, **system.files),
        "piadmin.add": lambda name, comment: module.add(name, comment, record),
        "piadmin.unlock": module.unlock,
        "piadmin.lock": lambda name: module.lock(name, record, keys),
        "piadmin.forget": lambda name: module.forget(name, record, keys),
        "piadmin.set_keys": lambda name, lines: module.set_keys(name, lines, keys),
        "piadmin.write_sudoers": lambda admins: module.write_sudoers(admins, sudoers),
    }
    with patch.dict(module.__salt__, pifile), patch.dict(piadmin.__salt__, salt):
        yield system


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(piadmin.__opts__, {"test": request.param}):
        yield request.param


def test_a_new_admin(system, testmode):
    ret = piadmin.managed("admins", JANE)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"add": ["jane"], "keys": ["jane"], "sudoers": True}
    if testmode:
        assert not system.commands
        assert not system.files["record"].exists()
        return
    assert system.commands[0][0] == "useradd"
    assert "Jane Doe" in system.commands[0]
    assert json.loads(system.files["record"].read_text()) == {"jane": system.accounts["jane"]}
    assert KEY in (system.files["keys"] / "jane").read_text()
    assert "jane ALL=(ALL:ALL) NOPASSWD: ALL" in system.files["sudoers"].read_text()
    again = piadmin.managed("admins", JANE)
    assert (again["result"], again["changes"]) == (True, {})


def test_an_admin_without_sudo(system):
    piadmin.managed("admins", {"jane": {"keys": [KEY], "sudo": False}})
    assert not system.files["sudoers"].exists()


def test_who_leaves_is_locked_and_keeps_the_home(system):
    piadmin.managed("admins", JANE)
    ret = piadmin.absent("admins")
    assert ret["changes"] == {"lock": ["jane"], "sudoers": True}
    assert system.expires["jane"] == "1"
    assert "jane" in system.accounts
    assert not (system.files["keys"] / "jane").exists()
    assert not system.files["sudoers"].exists()
    again = piadmin.absent("admins")
    assert (again["result"], again["changes"]) == (True, {})


def test_who_comes_back_is_unlocked(system):
    piadmin.managed("admins", JANE)
    piadmin.absent("admins")
    ret = piadmin.managed("admins", JANE)
    assert ret["changes"] == {"unlock": ["jane"], "keys": ["jane"], "sudoers": True}
    assert system.expires["jane"] == ""
    assert not piadmin.managed("admins", JANE)["changes"]


def test_keys_are_exactly_these(system):
    piadmin.managed("admins", JANE)
    path = system.files["keys"] / "jane"
    path.write_text(f"{path.read_text()}ssh-ed25519 AAAA mallory\n")
    assert piadmin.managed("admins", JANE)["changes"] == {"keys": ["jane"]}
    assert "mallory" not in path.read_text()


def test_an_account_of_somebody_else_is_not_taken_over(system, testmode):
    ret = piadmin.managed("admins", {"pi": JANE["jane"]})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "account pi exists on this node and was not made by Salt" in ret["comment"]
    assert not system.commands


def test_an_account_made_anew_by_hand_is_not_ours(system):
    piadmin.managed("admins", JANE)
    system.accounts["jane"] = 4242
    ret = piadmin.managed("admins", JANE)
    # Keys and sudo were for our account, not for whoever has its name now.
    assert (ret["result"], ret["changes"]) == (False, {"forget": ["jane"], "sudoers": True})
    assert not system.files["sudoers"].exists()
    assert not system.expires
    assert not (system.files["keys"] / "jane").exists()
    assert not piadmin.absent("admins")["changes"]


def test_lock_refuses_strangers(system):
    with pytest.raises(SaltInvocationError, match="not made by Salt"):
        module.lock("pi", system.files["record"], system.files["keys"])
    assert not system.commands


def test_a_wrong_new_admin_does_not_keep_a_leaver_in(system, testmode):
    two = {**JANE, "joe": {"keys": [KEY], "sudo": True}}
    with patch.dict(piadmin.__opts__, {"test": False}):
        piadmin.managed("admins", two)
    wanted = {"root": JANE["jane"], "joe": {"keys": [KEY], "sudo": False}}
    ret = piadmin.managed("admins", wanted)
    assert (ret["result"], ret["changes"]) == (False, {"lock": ["jane"], "sudoers": True})
    assert "account root exists" in ret["comment"]
    assert system.files["sudoers"].exists() is testmode
    assert (system.files["keys"] / "jane").exists() is testmode
    assert not (system.files["keys"] / "root").exists()
    if not testmode:
        assert system.expires["jane"] == "1"
        again = piadmin.managed("admins", wanted)
        assert (again["result"], again["changes"]) == (False, {})


def test_a_failed_new_account_keeps_nobody_elses_change_back(system):
    piadmin.managed("admins", JANE)
    real = module.__salt__["pifile.run"].side_effect

    def run(command, problem=""):
        if command[0] == "useradd":
            raise CommandExecutionError("no space left")
        real(command, problem)

    module.__salt__["pifile.run"].side_effect = run
    wanted = {"jane": {"keys": [f"{KEY}2"], "sudo": False}, "joe": JANE["jane"]}
    ret = piadmin.managed("admins", wanted)
    assert (ret["result"], ret["changes"]) == (False, {"sudoers": True, "keys": ["jane"]})
    assert ret["comment"] == "no space left"
    assert not system.files["sudoers"].exists()
    assert not (system.files["keys"] / "joe").exists()


def test_sudoers_that_visudo_refuses_are_not_used(system):
    refused = CommandExecutionError("sudoers is refused")
    module.__salt__["pifile.test"].side_effect = refused
    ret = piadmin.managed("admins", JANE)
    assert (ret["result"], ret["comment"]) == (False, "sudoers is refused")
    assert {"add": ["jane"], "keys": ["jane"]}.items() <= ret["changes"].items()
    assert not system.files["sudoers"].exists()
    module.__salt__["pifile.test"].side_effect = None
    assert piadmin.managed("admins", JANE)["changes"] == {"sudoers": True}


def test_a_failed_useradd_is_reported(system):
    module.__salt__["pifile.run"].side_effect = CommandExecutionError("no space left")
    ret = piadmin.managed("admins", JANE)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "no space left"


def test_a_damaged_record_is_named(system):
    system.files["record"].write_text("{")
    ret = piadmin.managed("admins", JANE)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert str(system.files["record"]) in ret["comment"]


def test_list_is_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RECORD", str(tmp_path / "admins.json"))
    assert module.list_() == {}
    Path(module.RECORD).write_text('{"jane": 1001}')
    assert module.list_() == {"jane": 1001}
