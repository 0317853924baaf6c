"""What a host shows of itself: name, host keys of its own, packages, services."""

import base64
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.modules import cmdmod

from _modules import pifile as pifile_mod
from _modules import pihost as module
from _states import pihost

FRESH = b"fresh key"


@pytest.fixture
def commands():
    return create_autospec(pifile_mod.run)


@pytest.fixture
def run_all():
    return create_autospec(cmdmod.run_all)


@pytest.fixture
def configure_loader_modules(commands, run_all):
    names = (
        "hostname set_hostname foreign_host_keys has_noted_host_keys note_host_keys new_host_keys "
        "missing_packages is_surely_up services"
    )
    salt = {f"pihost.{name}": getattr(module, name) for name in names.split()}
    shared = {"pifile.run": commands, "cmd.run_all": run_all}
    shared |= {"pifile.put": pifile_mod.put, "pifile.look": pifile_mod.look}
    return {
        module: {"__salt__": dict(shared), "__grains__": {"kernel": "Linux"}},
        pihost: {"__opts__": {"test": False}, "__salt__": salt | shared, "__states__": {}},
    }


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(pihost.__opts__, {"test": request.param}):
        yield request.param


def fingerprint(blob):
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def write_key(folder, blob, kind="ed25519"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"ssh_host_{kind}_key").write_text("private")
    public = f"ssh-{kind} {base64.b64encode(blob).decode()} root@image\n"
    (folder / f"ssh_host_{kind}_key.pub").write_text(public)


@pytest.fixture
def host(tmp_path, commands):
    """A host with one key, made after its machine id; ssh-keygen -A makes the key FRESH."""
    (tmp_path / "machine-id").write_text("aaaa\n")
    os.utime(tmp_path / "machine-id", (1000, 1000))
    write_key(tmp_path / "ssh", b"own key")

    def run(command, problem=""):
        if command[0] == "ssh-keygen":
            write_key(Path(command[-1]) / "etc/ssh", FRESH)

    commands.side_effect = run
    return {
        "ssh": str(tmp_path / "ssh"),
        "record": str(tmp_path / "hostkeys.json"),
        "baked": str(tmp_path / "image-hostkeys"),
        "machine_id": str(tmp_path / "machine-id"),
    }


def own(host, node="pi3", **more):
    return pihost.own_host_keys(node, apply=[["reload"]], **host, **more)


def keys(host):
    return list(module.host_keys(host["ssh"]).values())


def test_fingerprint_is_that_of_ssh_keygen(tmp_path):
    write_key(tmp_path, b"blob")
    (tmp_path / "ssh_host_rsa_key.pub").write_text("not a key")
    assert module.host_keys(str(tmp_path)) == {"ssh_host_ed25519_key": fingerprint(b"blob")}


def test_own_keys_are_noted_once(host, testmode):
    ret = own(host)
    assert ret["changes"] == {"host_keys": "noted as this node's own"}
    assert ret["result"] is (None if testmode else True)
    assert keys(host) == [fingerprint(b"own key")]
    if not testmode:
        assert not own(host)["changes"]


def spoil(host, how):
    if how == "none":
        for name in os.listdir(host["ssh"]):
            os.unlink(os.path.join(host["ssh"], name))
    elif how == "baked":
        with open(host["baked"], "w", encoding="utf-8") as handle:
            handle.write(f"{fingerprint(b'own key')}\n")
    elif how == "old":
        for name in os.listdir(host["ssh"]):
            os.utime(os.path.join(host["ssh"], name), (500, 500))
    elif how == "node":
        module.note_host_keys("pi4", host["ssh"], host["record"], host["machine_id"])
    elif how == "machine":
        module.note_host_keys("pi3", host["ssh"], host["record"], host["machine_id"])
        with open(host["machine_id"], "w", encoding="ascii") as handle:
            handle.write("bbbb\n")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("none", "there are no host keys"),
        ("baked", "came with an image"),
        ("old", "older than this installation"),
        ("node", "made for pi4"),
        ("machine", "made for another installation"),
    ],
)
def test_foreign_keys_are_replaced(host, commands, testmode, how, said):
    spoil(host, how)
    before = keys(host)
    ret = own(host)
    assert said in ret["changes"]["host_keys"]
    assert ret["result"] is (None if testmode else True)
    if testmode:
        assert keys(host) == before
        assert not commands.called
    else:
        assert keys(host) == [fingerprint(FRESH)]
        assert commands.call_args.args[0] == ["reload"]
        assert not own(host)["changes"]


def test_keys_named_as_shared_are_replaced(host):
    ret = own(host, shared=[fingerprint(b"own key")])
    assert "came with an image" in ret["changes"]["host_keys"]
    assert keys(host) == [fingerprint(FRESH)]


def test_keys_made_by_hand_are_noted_and_kept(host):
    own(host)
    write_key(Path(host["ssh"]), b"by hand")
    assert own(host)["changes"] == {"host_keys": "noted as this node's own"}
    assert keys(host) == [fingerprint(b"by hand")]


def test_old_keys_stay_if_no_new_ones_can_be_made(host, commands):
    spoil(host, "old")
    commands.side_effect = CommandExecutionError("ssh-keygen: no space")
    ret = own(host)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert keys(host) == [fingerprint(b"own key")]
    assert not [name for name in os.listdir(host["ssh"]) if name.startswith(".picloud")]


def test_hostname(testmode):
    names = ["raspberrypi"]
    mocks = {
        "pihost.hostname": create_autospec(module.hostname, side_effect=lambda: names[-1]),
        "pihost.set_hostname": create_autospec(module.set_hostname, side_effect=names.append),
    }
    with patch.dict(pihost.__salt__, mocks):
        ret = pihost.hostname("pi3")
        assert ret["result"] is (None if testmode else True)
        assert ret["changes"] == {"hostname": {"old": "raspberrypi", "new": "pi3"}}
        assert mocks["pihost.set_hostname"].called is not testmode
        assert not pihost.hostname(names[-1])["changes"]


def test_hostname_refused(testmode):
    mocks = {
        "pihost.set_hostname": create_autospec(
            module.set_hostname, side_effect=CommandExecutionError("not permitted")
        )
    }
    with patch.dict(pihost.__salt__, mocks):
        ret = pihost.hostname("no-such-name")
    assert ret["result"] is (None if testmode else False)


STATUS = """Package: sudo
Status: install ok installed
Version: 1

Package: docker.io
Status: hold ok installed

Package: gone
Status: deinstall ok config-files
"""


def test_missing_packages(tmp_path):
    status = tmp_path / "status"
    status.write_text(STATUS)
    wanted = ["sudo", "docker.io", "gone", "tree"]
    assert module.missing_packages(wanted, status) == ["gone", "tree"]
    with pytest.raises(CommandExecutionError, match="none"):
        module.missing_packages(wanted, tmp_path / "none")


def test_only_missing_packages_reach_pkg_installed():
    calls = []
    missing = create_autospec(module.missing_packages, side_effect=[["tree"], []])
    installed = {"pkg.installed": lambda **options: calls.append(options) or {"result": True}}
    with (
        patch.dict(pihost.__salt__, {"pihost.missing_packages": missing}),
        patch.dict(pihost.__states__, installed),
    ):
        assert pihost.packages("base", ["sudo", "tree"]) == {"result": True}
        assert not pihost.packages("base", ["sudo", "tree"])["changes"]
    assert calls == [
        {"name": "base", "pkgs": ["tree"], "install_recommends": False, "refresh": True}
    ]


def unit_tree(root, *, container=False, pid="77", comm="sshd"):
    files = {
        "etc/systemd/system/multi-user.target.wants/ssh.service": "",
        "etc/systemd/system/multi-user.target.wants/other.service": "",
        "etc/systemd/system/sysinit.target.wants/time.service": "",
        "lib/systemd/system/time.service": "[Unit]\nConditionVirtualization=!container\n",
        "lib/systemd/system/other.service": "[Unit]\n",
        "run/sshd.pid": f"{pid}\n",
        "proc/77/comm": f"{comm}\n",
        "proc/1/cgroup": "9:name=systemd:/docker/c9/init.scope\n0::/docker/c9/init.scope\n",
        "sys/fs/cgroup/systemd/docker/c9/system.slice/other.service/cgroup.procs": "99\n",
        "sys/fs/cgroup/systemd/docker/c9/system.slice/time.service/cgroup.procs": "",
    }
    if container:
        files[".dockerenv"] = ""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_files_show_what_is_up(tmp_path):
    root = unit_tree(tmp_path)
    assert module.is_surely_up("ssh.service", root)
    assert module.is_surely_up("other.service", root)
    assert not module.is_surely_up("time.service", root)
    assert not module.is_surely_up("unknown.service", root)


def test_sessions_do_not_make_a_dead_sshd_look_alive(tmp_path):
    assert not module.is_surely_up("ssh.service", unit_tree(tmp_path, pid="78"))
    assert not module.is_surely_up("ssh.service", unit_tree(tmp_path, comm="bash"))


def test_a_unit_that_its_condition_keeps_down_in_a_container(tmp_path):
    root = unit_tree(tmp_path, container=True)
    assert module.is_surely_up("time.service", root)
    assert module.is_surely_up("other.service", root)


def test_swap_is_up_while_the_kernel_swaps_there(tmp_path):
    root = unit_tree(tmp_path)
    unit = "picloud-swap.service"
    (root / "etc/systemd/system/multi-user.target.wants" / unit).touch()
    assert not module.is_surely_up(unit, root)
    head = "Filename Type Size Used Priority\n"
    (root / "proc/swaps").write_text(f"{head}/var/picloud.swap.old file 1 0 -2\n")
    assert not module.is_surely_up(unit, root)
    (root / "proc/swaps").write_text(f"{head}/var/picloud.swap file 1048572 0 -2\n")
    assert module.is_surely_up(unit, root)


SHOWN = """Id={id}
LoadState={load}
ActiveState={active}
UnitFileState={enabled}
ConditionResult={condition}
ConditionTimestampMonotonic={tried}
"""


def shown(unit, active="active", enabled="enabled", condition="yes", tried="12", *, load="loaded"):
    return SHOWN.format(
        id=unit, active=active, enabled=enabled, condition=condition, tried=tried, load=load
    )


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        ({}, None),
        ({"active": "inactive"}, "not started"),
        ({"active": "failed"}, "not started"),
        ({"enabled": "disabled"}, "not enabled"),
        ({"active": "inactive", "condition": "no"}, None),
        ({"active": "inactive", "condition": "no", "tried": "0"}, "not started"),
    ],
)
def test_services(run_all, commands, testmode, told, changed):
    answers = [shown("a.service", **told), shown("a.service")]
    run_all.side_effect = lambda *_, **__: {
        "retcode": 0,
        "stdout": answers[0] if len(answers) == 1 else answers.pop(0),
        "stderr": "",
    }
    quick = create_autospec(module.is_surely_up, return_value=False)
    with patch.dict(pihost.__salt__, {"pihost.is_surely_up": quick}):
        ret = pihost.services_up("services", ["a.service"])
    if changed is None:
        assert (ret["result"], ret["changes"]) == (True, {})
        assert not commands.called
    else:
        assert ret["changes"] == {"a.service": {"old": changed, "new": "enabled and up"}}
        assert ret["result"] is (None if testmode else True)
        assert commands.called is not testmode


def test_a_service_that_does_not_stay_up_is_a_failure(run_all):
    run_all.return_value = {"retcode": 0, "stdout": shown("a.service", "failed"), "stderr": ""}
    quick = create_autospec(module.is_surely_up, return_value=False)
    with patch.dict(pihost.__salt__, {"pihost.is_surely_up": quick}):
        ret = pihost.services_up("services", ["a.service"])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "a.service did not stay up" in ret["comment"]


def test_a_unit_that_is_not_there_yet_is_no_plan(run_all, testmode):
    told = shown("a.service", "inactive", "", "no", "0", load="not-found")
    run_all.return_value = {"retcode": 0, "stdout": told, "stderr": ""}
    quick = create_autospec(module.is_surely_up, return_value=False)
    with patch.dict(pihost.__salt__, {"pihost.is_surely_up": quick}):
        ret = pihost.services_up("services", ["a.service"])
    assert (ret["result"], ret["changes"]) == (testmode, {})


def test_swap_turned_off_by_hand_is_turned_on(run_all, commands, monkeypatch):
    unit = "picloud-swap.service"
    run_all.return_value = {"retcode": 0, "stdout": shown(unit), "stderr": ""}
    on = iter([False, True])
    monkeypatch.setattr(module, "_swaps_on", lambda *_: next(on))
    quick = create_autospec(module.is_surely_up, return_value=False)
    with patch.dict(pihost.__salt__, {"pihost.is_surely_up": quick}):
        ret = pihost.services_up("services", [unit])
    assert (ret["result"], set(ret["changes"])) == (True, {unit})
    assert commands.call_args.args[0] == ["systemctl", "restart", unit]


def test_systemd_is_not_asked_about_what_files_show(run_all):
    quick = create_autospec(module.is_surely_up, return_value=True)
    with patch.dict(pihost.__salt__, {"pihost.is_surely_up": quick}):
        assert pihost.services_up("services", ["a.service"])["result"] is True
    assert not run_all.called


def test_units_need_their_suffix():
    with pytest.raises(SaltInvocationError, match="suffix"):
        module.services(["ssh"])


@pytest.mark.parametrize(
    ("grains", "wrong"),
    [
        ({"os": "Debian", "oscodename": "bookworm", "osarch": "armel"}, None),
        ({"os": "Debian", "oscodename": "bookworm", "osarch": "amd64"}, None),
        ({"os": "Raspbian", "oscodename": "bookworm", "osarch": "armhf"}, "os is Raspbian"),
        ({"os": "Debian", "oscodename": "trixie", "osarch": "armel"}, "oscodename is trixie"),
        ({"os": "Debian", "oscodename": "bookworm", "osarch": "armhf"}, "osarch is armhf"),
        ({}, "os is unknown"),
    ],
)
def test_the_system_is_the_described_one(testmode, grains, wrong):
    with patch.dict(pihost.__grains__, grains, clear=True):
        ret = pihost.system("base-system", "bookworm", "armel")
    assert (ret["result"], ret["changes"]) == (wrong is None, {})
    assert (wrong or "This is Debian") in ret["comment"]


DEBIAN = "# Debian\n\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n"


@pytest.mark.parametrize("text", ["", "Port 22\n", f"PasswordAuthentication yes\n{DEBIAN}"])
def test_sshd_reads_our_files_first(tmp_path, commands, testmode, text):
    path = tmp_path / "sshd_config"
    path.write_text(text)
    path.chmod(0o600)
    ret = pihost.sshd_include(str(path), [["reload"]])
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]
    assert commands.called is not testmode
    if testmode:
        assert path.read_text() == text
        return
    assert path.read_text() == pihost.INCLUDE + text
    assert path.stat().st_mode & 0o777 == 0o600
    assert not pihost.sshd_include(str(path))["changes"]
    assert pihost.sshd_include_absent(str(path))["changes"]
    assert path.read_text() == text
    assert not pihost.sshd_include_absent(str(path))["changes"]


def test_debians_own_include_is_left_alone(tmp_path, commands):
    path = tmp_path / "sshd_config"
    path.write_text(DEBIAN)
    for state in (pihost.sshd_include, pihost.sshd_include_absent):
        ret = state(str(path), [["reload"]])
        assert (ret["result"], ret["changes"]) == (True, {})
    assert not commands.called
    assert pihost.sshd_include(str(tmp_path / "none"))["changes"] == {}


def test_an_include_that_sshd_refuses_is_put_back(tmp_path, commands):
    path = tmp_path / "sshd_config"
    path.write_text("Port 22\n")
    commands.side_effect = CommandExecutionError("bad file")
    ret = pihost.sshd_include(str(path), [["sshd", "-t"]])
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "bad file")
    assert path.read_text() == "Port 22\n"


def test_keys_that_first_boot_is_making_are_waited_for(host, tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    monkeypatch.setattr(module, "KEYS_LOCK", str(lock))
    shutil.rmtree(host["ssh"])
    script = "touch lock.held; sleep 0.5; mv made ssh"
    write_key(tmp_path / "made", b"made")
    with subprocess.Popen(["flock", str(lock), "sh", "-c", script], cwd=tmp_path):
        while not (tmp_path / "lock.held").exists():
            time.sleep(0.01)
        assert module.foreign_host_keys("pi3", **host) == ""
