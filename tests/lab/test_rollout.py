"""A change goes from node to node, stops by itself, and goes back: on real nodes."""

import pytest

from tests.lab.rolling import NODES, Guarded

BROKEN = "20.10.99-1+lab1"
BUILD = f"""
set -e
mkdir -p /srv/broken /var/tmp/broken
cd /var/tmp/broken
apt-get -qq update
apt-get -qq download docker.io
dpkg-deb -R docker.io_*.deb package
sed -i 's/^Version: .*/Version: {BROKEN}/' package/DEBIAN/control
printf '#!/bin/sh\\necho "exec format error" >&2\\nexit 1\\n' > package/usr/sbin/dockerd
dpkg-deb -Znone -b package /srv/broken/docker.io_{BROKEN}.deb
cd /srv/broken
{{ dpkg-deb -f docker.io_{BROKEN}.deb
echo "Filename: ./docker.io_{BROKEN}.deb"
echo "Size: $(stat -c %s docker.io_{BROKEN}.deb)"
echo "SHA256: $(sha256sum docker.io_{BROKEN}.deb | cut -d' ' -f1)"
}} > Packages
echo 'deb [trusted=yes] file:/srv/broken ./' > /etc/apt/sources.list.d/broken.list
apt-get -qq update
rm -r /var/tmp/broken
"""


@pytest.fixture
def guarded(lab):
    """Return the lab with its description as it was, also after the test."""
    made = Guarded(lab)
    yield made
    made.restore()


@pytest.fixture
def archive(lab):
    """Give the nodes an archive with a version of Docker Engine whose daemon does not start."""
    for node in NODES:
        lab.execute(node, "sh", "-c", BUILD)
    yield
    for node in NODES:
        lab.execute(node, "rm", "-r", "/srv/broken", "/etc/apt/sources.list.d/broken.list")
        lab.execute(node, "apt-get", "-qq", "update")


def memory(lab, node):
    """What the node's firmware gives the graphics."""
    text = lab.execute(node, "cat", "/boot/firmware/config.txt").stdout
    (line,) = [line for line in text.splitlines() if line.startswith("gpu_mem=")]
    return line.partition("=")[2]


def test_a_setting_goes_from_node_to_node_also_when_the_master_is_killed(lab, guarded):
    guarded.guard("boot", "pi0", tries=3)
    guarded.edit("boot.sls", "gpu_mem: 16", "gpu_mem: 32")
    states = lab.salt("pi1", "state.highstate", "queue=True")
    assert not [state["__id__"] for state in states.values() if state["changes"]]
    assert [s["__id__"] for s in states.values() if s["result"] is None] == ["waiting-boot"]
    assert lab.run("picloud.node", "pi1")["node"]["state"] == "converged"
    assert lab.run("rollout.plan")["changes"] == {"gpu_mem: 16 -> 32": 56}

    begun = lab.run("rollout.start")
    assert begun["waves"][:3] == ["canaries", "rack1 (1)", "rack1 (2)"]
    assert "goes on" not in begun["message"]
    lab.run("rollout.pause")
    paused = guarded.until("next wave", wave=2)
    assert "is paused" in paused["reason"]
    assert guarded.states() == {"pi0": "healthy", "pi1": "waiting", "pi2": "waiting"}
    assert [memory(lab, node) for node in NODES] == ["32", "16", "16"]

    lab.run("rollout.start")
    guarded.until("converging", wave=2)
    lab.execute("head", "systemctl", "kill", "--signal=KILL", "salt-master")
    lab.execute("head", "systemctl", "restart", "salt-master")
    done = guarded.until("done")
    assert {done["nodes"][node]["state"] for node in NODES} == {"healthy"}
    assert [memory(lab, node) for node in NODES] == ["32", "32", "32"]
    kinds = [
        (one["kind"], one["action"])
        for one in lab.run("rejoin.history", "node=pi1")["decisions"]
        if one["at"] > done["began_at"]
    ]
    assert kinds == [("rollout", "converged")], "pi1 was converged more than once"


def refused(lab, version):
    """Whether no rollout begins because a version is blocked."""
    said = lab.run("rollout.start")["message"]
    return f"docker.version: {version} is blocked on armel (pi" in said


def test_a_broken_engine_stops_at_the_canary_and_is_taken_off_again(lab, guarded, archive):
    old = lab.salt("pi1", "dockerengine.packages", '["docker.io"]')["docker.io"]["version"]
    guarded.guard("docker", "pi1", tries=1)
    file = guarded.folder / "docker.sls"
    described = next(line for line in file.read_text().splitlines() if "  version: " in line)
    guarded.edit("docker.sls", described, '  version: "1.7.0-1"')
    assert refused(lab, "1.7.0-1")

    guarded.edit("docker.sls", '  version: "1.7.0-1"', f'  version: "{BROKEN}"')
    assert "begins" in lab.run("rollout.start")["message"]
    stopped = guarded.until("stopped")
    reason = stopped["reason"]
    assert "wave 1 (canaries): 1 of 1 node failed, 100 % have to be healthy: pi1: " in reason
    assert "services are down: docker" in reason
    assert "docker-daemon: Docker Engine does not start: exec format error" in reason
    assert "put back: 1 of 1" in reason
    assert guarded.states() == {"pi0": "waiting", "pi1": "back", "pi2": "waiting"}
    for node in NODES:
        found = lab.salt(node, "dockerengine.packages", '["docker.io"]')["docker.io"]
        assert found == {"version": old, "held": True, "known": True}
        lab.execute(node, "docker", "info")
    search = ("grep", "--quiet", "--fixed-strings", BROKEN, "/var/log/dpkg.log")
    assert [lab.execute(node, *search, check=False).returncode == 0 for node in NODES] == [
        False,
        True,
        False,
    ]

    # Now that everybody knows.
    rule = f"{{version: {BROKEN}, archs: [armel], reason: it breaks, use: {old}}}"
    guarded.edit("docker.sls", "  blocked:\n", f"  blocked:\n    - {rule}\n")
    assert refused(lab, BROKEN)
    assert lab.run("rollout.status")["rollout"] == stopped["rollout"]


WORK = """
container_images: {busybox: {tag: "1.35", archs: [armel, armhf, amd64]}}
workloads:
  steady:
    image: busybox
    command: [sleep, "100000"]
    replicas: 2
    resources: {cpus: 0.05, memory_mb: 16}
    update: {monitor_s: 3}
    stop_grace_s: 1
"""


def test_a_workload_that_swarm_takes_back_stops_at_its_site(lab, guarded):
    guarded.changed = ("pi0",)
    guarded.describe("steady.sls", WORK)
    lab.salt("pi0", "state.apply", "swarm", "queue=True")
    guarded.guard("workloads", "pi2", tries=1)
    guarded.edit("steady.sls", '[sleep, "100000"]', "[sh, -c, exit 3]")
    states = lab.salt("pi0", "state.apply", "swarm", "queue=True")
    assert not [state["__id__"] for state in states.values() if state["changes"]]

    assert lab.run("rollout.start")["waves"] == ["site glasgow"]
    stopped = guarded.until("stopped")
    assert stopped["nodes"]["pi0"]["state"] == "back"
    assert (
        "pi0: was not well any more after a while: steady: is not as described: command"
        in (stopped["reason"])
    )
    assert "update rollback" in stopped["reason"]
    found = lab.run("workload.status")["workloads"]["steady"]["glasgow"]
    assert (found["running"], found["drift"]) == (2, "")
    lab.salt("pi0", "swarmservice.wait", "steady")
