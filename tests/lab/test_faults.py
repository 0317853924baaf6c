"""What a cloud must survive: master, node, disk or description failing while nodes run."""

import re
import time

import pytest

from lab.apart import Apart


def status(lab, node):
    """What ``picloud.node`` says of a node: LED and reason."""
    return lab.run("picloud.node", node)["node"]


def highstate(lab, node):
    """Apply the highstate; the comments of failed states and the ids of changed ones."""
    states = lab.salt(node, "state.highstate", "queue=True")
    assert isinstance(states, dict), states
    failed = {s["__id__"]: s["comment"] for s in states.values() if s["result"] is False}
    return failed, {s["__id__"] for s in states.values() if s["changes"]}


def converged(lab, node):
    """True when a highstate fails in nothing and a second one changes nothing."""
    failed, _ = highstate(lab, node)
    assert not failed, failed
    lab.wait(f"{node} answers", lambda: lab.salt(node, "test.ping", timeout=10), 120)
    assert highstate(lab, node) == ({}, set())
    return True


def start_highstate(lab, node):
    """Start a highstate and return its job id."""
    said = lab.execute("head", "salt", "--async", "--list", node, "state.highstate").stdout
    return re.search(r"\d{20}", said).group()


def make_work(lab, node):
    """Take Docker Engine off a node, so that its next highstate has seconds of work."""
    states = lab.salt(node, "state.apply", "docker.absent", "queue=True")
    assert all(state["result"] for state in states.values()), states


def repaired(lab, node):
    """What an admin does about a node without Docker Engine; true when it is converged after it."""
    highstate(lab, node)
    said = lab.run("swarm.join", f"nodes={node}")
    assert said["refused"] == {}, said
    return converged(lab, node)


def package_work_began(lab, node):
    """True while the node's package manager is at work."""
    return lab.execute(node, "pgrep", "-x", "dpkg|apt-get", check=False).returncode == 0


def test_the_master_is_restarted_in_the_middle_of_a_highstate(lab: Apart):
    make_work(lab, "pi1")
    jid = start_highstate(lab, "pi1")
    lab.wait("pi1 is at work", lambda: package_work_began(lab, "pi1"), 60)
    lab.execute("head", "systemctl", "restart", "salt-master")
    lab.wait("pi1 answers again", lambda: lab.salt("pi1", "test.ping", timeout=10), 180)
    lab.wait(
        f"the return of {jid} is in the job cache",
        lambda: lab.run("jobs.lookup_jid", jid).get("pi1"),
        180,
    )
    assert lab.execute("pi1", "docker", "version", check=False).returncode == 0
    assert repaired(lab, "pi1")
    assert status(lab, "pi1")["state"] == "converged"


def test_a_node_is_killed_in_the_middle_of_a_highstate(lab: Apart):
    make_work(lab, "pi2")
    start_highstate(lab, "pi2")
    lab.wait("pi2 is at work", lambda: package_work_began(lab, "pi2"), 60)
    time.sleep(1)
    lab.docker("kill", lab.settings.container("pi2"))
    shown = lab.wait(
        "the master sees that pi2 is gone",
        lambda: (node := status(lab, "pi2"))["state"] == "silent" and node,
        120,
    )
    assert shown["reason"]
    lab.docker("start", lab.settings.container("pi2"))
    lab.wait("pi2 answers again", lambda: lab.salt("pi2", "test.ping", timeout=10), 180)
    assert repaired(lab, "pi2")
    assert lab.execute("pi2", "dpkg", "--audit").stdout == ""
    assert status(lab, "pi2")["state"] == "converged"


FULL = """
mkdir -p /tmp/kept && cp -a {folder}/. /tmp/kept/
mount -t tmpfs -o size=64k tmpfs {folder} && cp -a /tmp/kept/. {folder}/
dd if=/dev/zero of={folder}/filler bs=1k 2>/dev/null; true
"""
FREE = "umount {folder} && rm -rf /tmp/kept"


@pytest.mark.parametrize(
    ("folder", "file", "said"),
    [
        ("/boot/firmware", "config.txt", "boot-config"),
        ("/etc/docker", "daemon.json", "docker-daemon"),
    ],
)
def test_the_disk_of_a_node_is_full(lab: Apart, folder, file, said):
    names = ("boot", "docker", "rollout")
    boot, docker, rollout = (lab.checkout / "pillar" / "cloud" / f"{x}.sls" for x in names)
    kept = {path: path.read_text() for path in (boot, docker, rollout)}
    before = lab.execute("pi1", "cat", f"{folder}/{file}").stdout
    lab.execute("pi1", "sh", "-c", FULL.format(folder=folder))
    try:
        boot.write_text(kept[boot].replace("gpu_mem: 16", "gpu_mem: 32"))
        docker.write_text(kept[docker].replace('max-size: "1m"', 'max-size: "3m"'))
        rollout.write_text("rollout: {parts: []}\n")
        assert boot.read_text() != kept[boot]
        assert docker.read_text() != kept[docker]
        failed, _ = highstate(lab, "pi1")
        assert "No space left on device" in failed[said]
        assert f"{folder}/{file}" in failed[said]
        assert lab.execute("pi1", "cat", f"{folder}/{file}").stdout == before
        seen = status(lab, "pi1")
        assert seen["state"] == "drifted"
        assert said in str(seen)
        lab.execute("pi1", "rm", f"{folder}/filler")
        failed, changed = highstate(lab, "pi1")
        assert not failed
        assert said in changed
    finally:
        for path, text in kept.items():
            path.write_text(text)
        lab.execute("pi1", "sh", "-c", FREE.format(folder=folder))
    assert converged(lab, "pi1")


def test_the_description_breaks_while_nodes_run(lab: Apart):
    rack = lab.checkout / "pillar" / "cloud" / "racks" / "rack1.sls"
    sound = rack.read_text()
    before = lab.salt("pi0", "pillar.get", "picloud:node", "unmask=True")
    rack.write_text(sound.replace("model: pi1b", "model: pi1x", 1))
    line = next(n for n, text in enumerate(rack.read_text().splitlines(), 1) if "pi1x" in text)
    try:
        stopped = lab.salt("pi0", "state.highstate", "queue=True")
        assert isinstance(stopped, list), stopped
        reason = "\n".join(stopped)
        assert f"racks/rack1.sls:{line}" in reason
        assert "picloud.validate" in reason
        assert lab.salt("pi0", "test.ping") is True
        assert lab.salt("pi0", "pillar.get", "picloud:node", "unmask=True") == before
        faults = lab.execute("head", "salt-run", "picloud.validate", check=False)
        assert faults.returncode != 0
        assert 'did you mean "pi1b"' in faults.stdout
        assert f"racks/rack1.sls:{line}" in lab.execute("head", "salt-run", "picloud.status").stdout
        log = lab.execute("head", "sh", "-c", "cat /var/log/salt/master; journalctl -u salt-master")
        assert f"racks/rack1.sls:{line}" in log.stdout
    finally:
        rack.write_text(sound)
    assert converged(lab, "pi0")
