"""Parts base and boot through Salt's real loader: they render, and their states converge."""

import json
import re
from pathlib import Path

import pytest
from saltfactories.utils.functional import Loaders

NODE = "pi3"
PARTS = ("base", "boot", "base.absent", "boot.absent")


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The board of pi3 as its kernel would show it: a Pi 1 B."""
    root = tmp_path_factory.mktemp("board")
    (root / "proc/device-tree/system").mkdir(parents=True)
    (root / "proc/device-tree/serial-number").write_bytes(b"00000000a3c1d2e4\0")
    (root / "proc/device-tree/system/linux,revision").write_bytes(bytes.fromhex("0000000e"))
    (root / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    (root / "sys/class/thermal/thermal_zone0/temp").write_text("41000\n")
    return root


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """A second file root, for the states that a test makes up."""
    return tmp_path_factory.mktemp("states")


@pytest.fixture(scope="module")
def loaders(salt_factories, repo, board, states, tmp_path_factory):
    plain = tmp_path_factory.mktemp("pillar")
    (plain / "top.sls").write_text("base: {}\n")
    overrides = {
        "file_client": "local",
        "file_roots": {"base": [str(repo / "salt"), str(states)]},
        "pillar_roots": {"base": [str(plain)]},
        "pillar_dirs": [str(repo / "_pillar")],
        "utils_dirs": [str(repo / "_utils")],
        "ext_pillar": [{"picloud": {"path": str(repo / "pillar/cloud")}}],
        "picloud_board_root": str(board),
    }
    minion = salt_factories.salt_minion_daemon(NODE, overrides=overrides)  # not started
    loaders = Loaders(minion.config.copy())
    loaders.modules.saltutil.sync_all(refresh=True)
    loaders.reload_all()
    return loaders


@pytest.fixture
def run(loaders, states):
    """Apply the text of an SLS."""

    def apply(text, **options):
        (states / "case.sls").write_text(text)
        return loaders.modules.state.apply("case", **options)

    return apply


@pytest.fixture
def converges(run):
    """Apply states: planned, done, and nothing left; nothing touched by the plan."""

    def apply(text, watched):
        def look():
            return {
                path: (path.lstat().st_mode, path.read_bytes())
                for path in Path(watched).rglob("*")
                if path.is_file()
            }

        before = look()
        plan = run(text, test=True)
        assert look() == before
        done, again = run(text), run(text)
        assert all(state.result is True for state in done), [state.comment for state in done]
        assert {s.id for s in plan if s.changes} == {s.id for s in done if s.changes}
        assert not [state.id for state in again if state.changes]
        return done

    return apply


@pytest.mark.parametrize("sls", PARTS)
def test_parts_render_for_a_shipped_node(loaders, sls):
    shown = loaders.modules.state.show_sls(sls)
    assert isinstance(shown, dict), shown
    part = sls.partition(".")[0]
    assert all(name.startswith(f"{part}-") for name in shown)
    assert all(name.endswith("-absent") is sls.endswith(".absent") for name in shown)


@pytest.mark.parametrize("sls", ["base.absent", "boot.absent"])
def test_absent_renders_when_the_pillar_has_the_part_no_more(loaders, sls):
    view = {**loaders.opts["pillar"]["picloud"]} if "pillar" in loaders.opts else {}
    view = view or loaders.modules.pillar.items(unmask=True)["picloud"]
    without = {name: value for name, value in view.items() if name not in {"base", "boot"}}
    without["parts"] = []
    shown = loaders.modules.state.show_sls(sls, pillar={"picloud": without})
    assert isinstance(shown, dict), shown


def files_of(shown, name):
    options = next(entry for entry in shown[name]["pifile"] if "files" in entry)
    return options["files"]


def test_names_come_from_the_description(loaders):
    files = files_of(loaders.modules.state.show_sls("base"), "base-names")
    assert files["/etc/hostname"]["contents"] == f"{NODE}\n"
    hosts = files["/etc/hosts"]["contents"]
    assert re.search(rf"^10\.80\.\d+\.\d+ {NODE}\.pi\.example {NODE}$", hosts, re.MULTILINE)
    assert re.search(r"^10\.80\.0\.2 head\.pi\.example head$", hosts, re.MULTILINE)
    assert " pi0.pi.example pi0" in hosts
    assert "pi20" not in hosts  # another rack's


def view_of(loaders):
    return loaders.modules.pillar.items(unmask=True)["picloud"]


@pytest.mark.parametrize(
    ("admins", "places", "asked"),
    [
        ({}, ".ssh/authorized_keys /etc/ssh/authorized_keys.d/%u", ["root"]),
        ({"jane": {"keys": []}}, "/etc/ssh/authorized_keys.d/%u", ["root", "jane"]),
    ],
)
def test_keys_in_homes_count_only_without_admins(loaders, admins, places, asked):
    view = view_of(loaders)
    view = {**view, "base": {**view["base"], "admins": admins}}
    shown = loaders.modules.state.show_sls("base", pillar={"picloud": view})
    text = files_of(shown, "base-sshd")["/etc/ssh/sshd_config.d/00-picloud.conf"]["contents"]
    assert f"\nAuthorizedKeysFile {places}\n" in text
    apply = next(entry["apply"] for entry in shown["base-sshd"]["pifile"] if "apply" in entry)
    assert apply[-1][4:] == asked


def test_swap_is_looked_after_only_if_there_is_some(loaders):
    view = view_of(loaders)
    for size in (0, 512):
        base = {**view["base"], "swap_mb": size}
        shown = loaders.modules.state.show_sls("base", pillar={"picloud": {**view, "base": base}})
        assert ("base-swap-up" in shown) is bool(size)


def test_swap_is_never_for_containers(loaders):
    files = files_of(loaders.modules.state.show_sls("base"), "base-swap")
    unit = files["/etc/systemd/system/picloud-swap.service"]["contents"]
    assert "ConditionVirtualization=!container" in unit
    script = files["/usr/local/lib/picloud/swap"]["contents"]
    assert script.index("systemd-detect-virt") < script.index("swapon")


def test_templates_call_builtin_modules_only(repo):
    ours = {path.stem for path in (repo / "_modules").glob("*.py")}
    for part in ("base", "boot"):
        for path in (repo / "salt" / part).iterdir():
            called = set(re.findall(r"""salt\[["'](\w+)\.""", path.read_text()))
            assert not called & ours, path


def test_boot_files_converge_and_come_back(converges, tmp_path):
    boot = tmp_path / "firmware"
    boot.mkdir()
    (boot / "config.txt").write_text("# mine\n[pi4]\narm_boost=1\n")
    (boot / "cmdline.txt").write_text("root=PARTUUID=1-02 rootwait cgroup_disable=memory\n")
    before = {path.name: path.read_bytes() for path in boot.iterdir()}
    common = f"- reboot_file: {tmp_path}/reboot-needed"
    present = f"""
config:
  piboard.config:
    - name: {boot}/config.txt
    - options: {{gpu_mem: 16, arm_freq: 900}}
    - limits: {{arm_freq: 1000}}
    {common}
cmdline:
  piboard.cmdline:
    - name: {boot}/cmdline.txt
    - words: [cgroup_enable=memory, cgroup_memory=1]
    - drop: [cgroup_disable=memory]
    - record: {tmp_path}/cmdline.json
    {common}
"""
    absent = f"""
config:
  piboard.config_absent:
    - name: {boot}/config.txt
    {common}
cmdline:
  piboard.cmdline_absent:
    - name: {boot}/cmdline.txt
    - record: {tmp_path}/cmdline.json
    {common}
"""
    assert all(state.changes for state in converges(present, boot))
    reasons = (tmp_path / "reboot-needed").read_text().splitlines()
    assert reasons == [f"boot: {boot}/{name} changed" for name in ("config.txt", "cmdline.txt")]
    (tmp_path / "reboot-needed").unlink()
    assert not any(state.changes for state in converges(present, boot))
    assert not (tmp_path / "reboot-needed").exists()
    converges(absent, boot)
    after = {path.name: path.read_bytes() for path in boot.iterdir() if path.suffix != ".bak"}
    assert after == before
    assert all(state.changes for state in converges(present, boot))


def test_overclock_beyond_the_board_is_refused(run, tmp_path):
    path = tmp_path / "config.txt"
    (done,) = run(
        f"""
config:
  piboard.config:
    - name: {path}
    - options: {{arm_freq: 1200}}
    - limits: {{arm_freq: 1000}}
    - model: pi1b
"""
    )
    assert done.result is False
    assert "arm_freq=1200 is over the limit of 1000" in done.comment
    assert not path.exists()


def group(files, keep, apply):
    return f"""
group:
  pifile.managed:
    - files: {json.dumps(files)}
    - apply: {json.dumps(apply)}
    - keep: {keep}
"""


def test_file_groups_converge_and_come_back(converges, tmp_path):
    etc, keep = tmp_path / "etc", tmp_path / "originals"
    etc.mkdir()
    (etc / "hosts").write_text("127.0.0.1 localhost\n")
    files = {
        f"{etc}/hosts": {"contents": "127.0.0.1 localhost pi3\n"},
        f"{etc}/d/new": {"contents": "a=1\n", "mode": "0600"},
        f"{etc}/zone": {"link": "/usr/share/zoneinfo/Europe/London"},
    }
    touched = tmp_path / "applied"
    converges(group(files, keep, [["touch", str(touched)]]), etc)
    assert touched.exists()
    converges(f"group:\n  pifile.absent:\n    - keep: {keep}\n", etc)
    assert [str(path.relative_to(etc)) for path in etc.rglob("*") if path.is_file()] == ["hosts"]
    assert (etc / "hosts").read_text() == "127.0.0.1 localhost\n"


def test_a_group_that_cannot_be_applied_is_put_back(run, tmp_path):
    files = {f"{tmp_path}/new": {"contents": "a=1\n"}}
    text = group(files, tmp_path / "originals", [["false"]])
    for _ in range(2):
        (done,) = run(text)
        assert (done.result, done.changes) == (False, {})
        assert "`false` ended with 1" in done.comment
        assert not (tmp_path / "new").exists()


def test_host_keys_are_made_by_the_real_program(run, loaders, tmp_path):
    (tmp_path / "ssh").mkdir()
    (tmp_path / "machine-id").write_text("aaaa\n")
    text = f"""
pi3:
  pihost.own_host_keys:
    - ssh: {tmp_path}/ssh
    - record: {tmp_path}/hostkeys.json
    - baked: {tmp_path}/image-hostkeys
    - machine_id: {tmp_path}/machine-id
"""
    first, again = (run(text)[0] for _ in range(2))
    assert first.changes == {"host_keys": "there are no host keys"}
    assert (again.result, again.changes) == (True, {})
    (tmp_path / "machine-id").write_text("bbbb\n")  # the card was copied
    before = loaders.modules.pihost.host_keys(str(tmp_path / "ssh"))
    copied = run(text)[0]
    assert "another installation" in copied.changes["host_keys"]
    assert loaders.modules.pihost.host_keys(str(tmp_path / "ssh")) != before


def test_readings_and_grain(loaders, board):
    assert loaders.modules.piboard.temperature() == pytest.approx(41.0)
    assert loaders.modules.piboard.decode_revision("a02082")["model"] == "pi3b"
    grain = loaders.modules.grains.items()["pi"]
    assert grain["serial"] == "00000000a3c1d2e4"
    assert (grain["model"], grain["ram_mb"]) == ("pi1b", 512)
