"""The lab itself: up again changes nothing, cards are one-way, down leaves nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.apart import Apart
from lab.host import container_flags
from lab.settings import STATE


def left_over(lab: Apart) -> dict[str, list[str]]:
    """What of a lab this machine still has."""
    name = lab.name
    label = ("--filter", f"label=picloud.lab={name}")
    listed = {
        "containers": lab.docker("ps", "--all", "--quiet", *label).split(),
        "networks": lab.docker("network", "ls", "--quiet", *label).split(),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if name in line],
        "interfaces": [path.name for path in Path("/sys/class/net").glob(f"br-{name}*"[:15])],
        "state": [str(path) for path in STATE.glob(name)],
    }
    return {kind: found for kind, found in listed.items() if found}


def containers(lab: Apart) -> set[str]:
    """Ids of the containers of a lab."""
    label = f"label=picloud.lab={lab.name}"
    return set(lab.docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split())


def volumes(lab: Apart, container: str) -> set[str]:
    """Volumes of a container."""
    form = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    return set(lab.docker("inspect", "--format", form, container).split())


def test_up_again_changes_nothing(lab: Apart):
    listing = ("ps", "--no-trunc", "--filter", f"label=picloud.lab={lab.name}", "--format")
    before = lab.docker(*listing, "{{.ID}} {{.Names}}")
    said = lab.make("up", "--nodes", "pi0,pi1,pi2", "--bare")
    assert "0 of them started now" in said
    assert "none to prepare" in said
    assert lab.docker(*listing, "{{.ID}} {{.Names}}") == before


def test_the_master_is_shipped_closed(lab: Apart):
    found = json.loads(
        lab.execute("head", "salt-call", "--local", "--out=json", "test.ping", check=False).stdout
        or "{}"
    )
    assert found == {"local": True}
    config = lab.run("config.get", "auto_accept"), lab.run("config.get", "open_mode")
    assert config == (False, False)
    keys = lab.run("salt.cmd", "test.ping")
    assert keys is True
    listed = json.loads(lab.execute("head", "salt-key", "--out=json", "-L").stdout)
    assert listed["minions"] == ["pi0", "pi1", "pi2"]
    assert not listed["minions_pre"]
    assert not listed["minions_denied"]


def test_a_node_has_its_own_identity_and_no_seed_is_left(lab: Apart):
    own = {"/etc/machine-id": set(), "/etc/ssh/ssh_host_ed25519_key.pub": set()}
    for node in ("pi0", "pi1", "pi2"):
        for path, seen in own.items():
            seen.add(lab.execute(node, "cat", path).stdout.split()[-2:][0])
        assert lab.execute(node, "ls", "/boot/firmware/picloud-seed", check=False).returncode
        card = json.loads(lab.execute(node, "cat", "/etc/picloud/card.json").stdout)
        assert card["node"] == node
    assert {path: len(seen) for path, seen in own.items()} == dict.fromkeys(own, 3)
    seeds = lab.execute("head", "find", "/var/cache/salt/master/picloud/seeds", "-name", "*.pem")
    assert seeds.stdout == ""


def test_docker_has_no_mount_over_files_that_states_manage(lab: Apart):
    mounts = lab.execute("pi0", "cat", "/proc/mounts").stdout
    assert [line for line in mounts.splitlines() if " /etc/" in line] == []


def test_a_card_without_a_seed_starts_no_minion(lab: Apart):
    name, image = (
        f"{lab.name}-blank",
        lab.docker(
            "inspect", "--format", "{{.Config.Image}}", lab.settings.container("pi0")
        ).strip(),
    )
    flags = ("--detach", "--label", f"picloud.lab={lab.name}", "--network", "none")
    lab.docker("run", *flags, "--name", name, *container_flags(), image)
    try:
        lab.wait(
            "first boot gives up",
            lambda: (
                "failed"
                in lab.execute(
                    "blank", "systemctl", "is-active", "picloud-firstboot", check=False
                ).stdout
            ),
            60,
        )
        said = lab.execute("blank", "journalctl", "--no-pager", "-u", "picloud-firstboot").stdout
        assert "will not guess" in said
        assert "salt-run card.prepare" in said
        minion = lab.execute("blank", "systemctl", "is-active", "salt-minion", check=False)
        assert minion.stdout.strip() == "inactive"
    finally:
        lab.docker("rm", "--force", "--volumes", name)


@pytest.fixture
def half(repo, tmp_path):
    """A lab of one node on a third subnet, not started."""
    apart = Apart("picloud-half", repo, tmp_path / "checkout", subnet="10.82.")
    apart.make("down")
    apart.copy()
    yield apart
    apart.make("down")


def test_down_of_a_half_made_lab_leaves_nothing(lab: Apart, half: Apart):
    """Interrupted while the node boots; down removes it all; a second down finds nothing."""
    arguments = (
        "--name",
        half.name,
        "--checkout",
        str(half.checkout),
        "--cache",
        str(half.settings.cache),
        "up",
        "--nodes",
        "1",
        "--bare",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", *arguments],
        cwd=half.checkout,
        env={**os.environ, "PYTHONPATH": ".:_utils"},
        stdout=subprocess.DEVNULL,
    )
    node = half.settings.container("pi0")
    half.wait(
        "the node is made",
        lambda: node in half.docker("ps", "--all", "--format", "{{.Names}}").split(),
        180,
    )
    process.terminate()
    process.wait()
    assert left_over(half)
    made = containers(half)
    used = set().union(*(volumes(half, one) for one in made))
    assert used
    half.make("down")
    assert left_over(half) == {}
    assert not used & set(half.docker("volume", "ls", "--quiet").split())
    assert not made & {group.name for group in Path("/sys/fs/cgroup").glob("*/docker/*")}
    assert "there was nothing" in half.make("down")
    assert "3 run" in lab.make("up", "--nodes", "pi0,pi1,pi2", "--bare")


def test_a_taken_subnet_is_named(lab: Apart, repo, tmp_path):
    same = Apart("picloud-same", repo, tmp_path / "checkout", subnet=lab.subnet)
    same.copy()
    try:
        with pytest.raises(AssertionError) as caught:
            same.make("up", "--nodes", "1", "--bare")
        said = " ".join(str(caught.value).replace("│", " ").split())
        assert f"cannot make the network {lab.subnet}0.0/16" in said
        assert lab.name in said
        assert "make down" in said
        assert "picloud-same.log" in said
    finally:
        same.make("down")
    assert left_over(same) == {}
