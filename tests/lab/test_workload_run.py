"""Workloads of three real nodes: shown, scaled, restarted, read, and moved off a node."""

import pytest

NODES = ("pi0", "pi1", "pi2")
#: What the tests describe: one that says hello with its address, and one that fails at once.
WORKLOADS = """
container_images:
  busybox: {tag: "1.35", archs: [armel, armhf, arm64, amd64]}
workloads:
  hello:
    image: busybox
    command: [sh, -c, "echo hello from $(hostname); exec httpd -f -p 8080"]
    replicas: 2
    resources: {cpus: 0.1, memory_mb: 16}
    publish: [{published: 8080}]
    stop_grace_s: 1
    placement: {racks: [rack1]}
    update: {monitor_s: 1}
  broken:
    image: busybox
    command: [sh, -c, "exit 3"]
    resources: {cpus: 0.1, memory_mb: 16}
    placement: {racks: [rack1]}
    restart: {delay_s: 2}
"""


@pytest.fixture(scope="module")
def swarm(lab):
    """Return the lab with other workloads described than the shipped ones, which are put back."""
    folder = lab.checkout / "pillar/cloud"
    shipped = {path: path.read_text() for path in folder.glob("workloads*/**/*.sls")}
    shipped |= {path: path.read_text() for path in folder.glob("workloads.sls")}
    for path in shipped:
        path.unlink()
    (folder / "workloads.sls").write_text(WORKLOADS)
    yield lab
    said = lab.run("workload.status")
    for node in said["drained"]:
        lab.run("workload.undrain", f"node={node}")
    for name in said["scaled"]:
        lab.run("workload.scale", f"workload={name}", "replicas=described")
    for path, text in shipped.items():
        path.write_text(text)
    lab.salt("pi0", "state.apply", "swarm", "queue=True")


def applied(lab):
    """Apply part swarm on the manager; what changed, by id of the state."""
    states = lab.salt("pi0", "state.apply", "swarm", "queue=True")
    assert all(one["result"] for one in states.values()), states
    return {one["__id__"]: one["changes"] for one in states.values() if one["changes"]}


def status(lab, workload="hello"):
    return lab.run("workload.status", f"workload={workload}")["workloads"][workload]["glasgow"]


def docker(lab, node, *command):
    return lab.execute(node, "docker", *command).stdout


def containers(lab):
    """Containers of the workload that run, by node."""
    return {
        node: docker(lab, node, "ps", "-q", "--filter", "label=com.docker.swarm.service.name=hello")
        for node in NODES
    }


def test_workloads_from_a_first_look_to_a_drained_node(swarm):
    assert status(swarm)["drift"] == "no: the swarm has no such service yet"

    scaled = swarm.run("workload.scale", "workload=hello", "replicas=3")
    assert scaled.get("changes") == {"glasgow": {"service": {"old": None, "new": "hello"}}}, scaled
    row = status(swarm)
    assert (row["nodes"], row["scaled"], row["drift"]) == (dict.fromkeys(NODES, 1), 3, "")
    page = swarm.execute("head", "salt-run", "workload.status", check=False)
    assert "scaled to 3 by hand, 2 described" in page.stdout
    assert page.returncode == 1
    assert "swarm-service-broken" in applied(swarm)
    failed = swarm.wait("it failed", lambda: status(swarm, "broken")["fault"])
    assert "non-zero exit (3)" in failed

    logs = swarm.run("workload.logs", "workload=hello", "lines=50")
    assert {line["node"] for line in logs["lines"]} == set(NODES), logs
    assert all(line["text"].startswith("hello from ") for line in logs["lines"])

    # Somebody changes it by hand: seen; restarted: all containers are others; and put right.
    update = ("service", "update", "--detach", "--env-add", "X=1", "--no-resolve-image", "hello")
    docker(swarm, "pi0", *update)
    assert status(swarm)["drift"] == "no: env.X differs"
    assert applied(swarm)["swarm-service-hello"] == {"env.X": {"old": "1", "new": None}}
    swarm.wait("three run", lambda: status(swarm)["nodes"] == dict.fromkeys(NODES, 1))
    old = containers(swarm)
    restarted = swarm.run("workload.restart", "workload=hello")
    assert restarted["message"] == "hello at glasgow: all tasks are new"
    new = containers(swarm)
    assert all(new.values()), new
    assert not set(old.values()) & set(new.values())
    assert status(swarm)["drift"] == ""

    # Three replicas publish one port on three nodes: one has nowhere to go.
    drained = swarm.run("workload.drain", "node=pi1")
    assert drained["moved"] == ["broken", "hello"] or drained["moved"] == ["hello"]
    assert "Could go nowhere: hello." in drained["message"], drained
    assert "no suitable node" in drained["message"]
    assert containers(swarm)["pi1"] == ""
    assert applied(swarm) == {}
    assert swarm.salt("pi0", "swarmnode.find", "pi1")["availability"] == "drain"
    assert status(swarm)["wanted"] == 3
    back = swarm.run("workload.scale", "workload=hello", "replicas=described")
    assert back["message"] == "hello: 2 replicas, as described"
    assert status(swarm)["nodes"] == {"pi0": 1, "pi2": 1}

    # With room, it moves: pi1 takes tasks again, and what runs on pi2 goes there.
    assert swarm.run("workload.undrain", "node=pi1")["message"] == "pi1 takes tasks again"
    moved = swarm.run("workload.drain", "node=pi2")
    assert moved["message"].startswith("pi2 is empty"), moved
    assert "nowhere" not in moved["message"]
    swarm.wait("it runs on pi1", lambda: status(swarm)["nodes"] == {"pi0": 1, "pi1": 1})
    swarm.run("workload.undrain", "node=pi2")


def test_a_newcomers_mistakes(swarm):
    for command, words in (
        (("workload.logs", "workload=helo"), 'There is no workload "helo"; did you mean "hello"?'),
        (("workload.drain", "node=p1"), 'There is no node "p1"; did you mean "pi1"?'),
        (("workload.scale", "workload=hello", "replicas=many"), "replicas: must be a number"),
        (("workload.scale", "workload=hello", "replicas=15"), "15 replicas do not fit. hello:"),
        (("workload.drain", "node=pi5"), "pi5 is not in the swarm of glasgow yet"),
    ):
        done = swarm.execute("head", "salt-run", *command, check=False)
        assert done.returncode == 1, done.stdout
        assert words in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
