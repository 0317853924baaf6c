"""What the swarm of test_swarm_survives runs, and how it does."""

import urllib.request

MANAGERS = ("pi0", "pi14", "pi28")
#: Nodes with the ends of their addresses; pi0 and pi1 are in one rack.
NODES = {"pi0": "1.1", "pi1": "1.2", "pi14": "2.1", "pi28": "3.1"}
#: One that is used from outside, one that every node has its part of, one that may be anywhere.
#: None is dealt out anew by itself in the middle of a test.
WORKLOADS = """
container_images:
  busybox: {tag: "1.35", archs: [armel, armhf, arm64, amd64]}
workloads:
  page:
    image: busybox
    command: [sh, -c, "mkdir /www; echo here >/www/index.html; exec httpd -f -p 8080 -h /www"]
    replicas: 3
    resources: {cpus: 0.05, memory_mb: 16}
    placement: {rebalance_s: 0}
    publish: [{published: 8080}]
    stop_grace_s: 1
  each:
    image: busybox
    command: [sleep, "100000"]
    replicas: 4
    resources: {cpus: 0.05, memory_mb: 16}
    placement: {rebalance_s: 0}
    publish: [{published: 8081}]
    stop_grace_s: 1
  many:
    image: busybox
    command: [sleep, "100000"]
    env: {EDITION: "ONE"}
    replicas: 8
    resources: {cpus: 0.05, memory_mb: 16}
    placement: {rebalance_s: 0}
    update: {monitor_s: 1, delay_s: 1}
    stop_grace_s: 1
"""
#: The same, and the last one is dealt out anew.
DEALT = "rebalance_s: 1".join(WORKLOADS.rsplit("rebalance_s: 0", 1))
#: What runs with all nodes, and with three of them: one task of ``each`` has nowhere to go then.
ALL = {"page": 3, "each": 4, "many": 8}
LESS = {"page": 3, "each": 3, "many": 8}
#: Without the proxies of this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def voting(lab, manager):
    """Managers that have a vote, and whether they can be reached."""
    found = lab.salt(manager, "swarmnode.list")
    assert isinstance(found, list), found
    return {
        one["hostname"]: one["reachability"]
        for one in found
        if one["reachability"] and one["state"] != "down"
    }


def status(lab):
    """What ``workload.status`` says; None while the master does not answer."""
    try:
        said = lab.run("workload.status")
    except AssertionError:
        return None
    return said if "workloads" in said else None


def row(lab, workload):
    """What ``workload.status`` says of a workload."""
    said = status(lab)
    return {} if said is None else said["workloads"][workload]["glasgow"]


def well(lab):
    """Whether all workloads run as described, no node is down, and nothing is left to be said."""
    said = status(lab)
    if said is None:
        return False
    bad = [one["bad"] for rows in said["workloads"].values() for one in rows.values()]
    return not said["notices"] and not any(bad)


def used(swarm, nodes):
    """What the page says on each node, as its user sees it."""
    said = set()
    for node in nodes:
        with DIRECT.open(f"http://{swarm.lab.subnet}{NODES[node]}:8080/", timeout=20) as reply:
            said.add(reply.read())
    return said
