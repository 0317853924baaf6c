"""The swarm of the lab: all nodes are in it, it runs what is described, swaps leave it whole."""

import pytest

from lab import mishaps

NODES = ("pi0", "pi1", "pi2")
WORK = """
container_images:
  busybox: {tag: "1.35", archs: [armel, armhf, amd64]}
overlays: {back: {}}
workloads:
  page:
    image: busybox
    command: [httpd, -f, -p, "8080", -h, /srv]
    replicas: 2
    resources: {cpus: 0.05, memory_mb: 16, mbps: 10}
    publish: [{published: 8080}]
    networks: [back]
    configs: {text: {target: /srv/index.html, contents: "TEXT"}}
    secrets: [{source: page-key}]
    stop_grace_s: 1
    placement: {racks: [rack1]}
"""
SECRET = "correct-horse-battery"


def nodes_of(lab, manager="pi0"):
    """The nodes of the swarm that are up as a manager has them; each name is there once."""
    found = lab.salt(manager, "swarmnode.list")
    assert isinstance(found, list), found
    names = [one["hostname"] for one in found]
    assert len(set(names)) == len(names), names
    return {one["hostname"]: one for one in found if one["state"] != "down"}


def applied(lab, node="pi0", **given):
    """Apply part swarm on a node; what it changed, by state."""
    arguments = [f"{key}={value}" for key, value in given.items()]
    states = lab.salt(node, "state.apply", "swarm", "queue=True", *arguments)
    assert isinstance(states, dict), states
    bad = {one["__id__"]: one["comment"] for one in states.values() if one["result"] is False}
    assert not bad, bad
    return {one["__id__"]: one["changes"] for one in states.values() if one["changes"]}


def both(lab):
    """Apply part swarm on the manager, which must do what test mode says; then again, nothing."""
    planned, done = applied(lab, test=True), applied(lab)
    assert planned == done
    assert applied(lab, test=True) == {}
    return done


def page(lab):
    """What each node that runs a replica of the page says over HTTP, once all of them run."""
    lab.salt("pi0", "swarmservice.wait", "page", "timeout=90")
    known = {one["id"]: one["address"] for one in lab.salt("pi0", "swarmnode.list")}
    said = {}
    for node_id in lab.salt("pi0", "swarmservice.status", "page")["nodes"]:
        program = (
            "from urllib.request import urlopen; "
            f"print(urlopen('http://{known[node_id]}:8080/', timeout=20).read().decode())"
        )
        said[node_id] = lab.execute("head", "python3", "-c", program).stdout.strip()
    return list(said.values())


def test_up_left_one_swarm_of_all_nodes(lab):
    found = nodes_of(lab)
    assert sorted(found) == list(NODES)
    assert {name: one["role"] for name, one in found.items()} == {
        "pi0": "manager", "pi1": "worker", "pi2": "worker",
    }  # fmt: skip
    for number, name in enumerate(NODES, 1):
        one = found[name]
        assert (one["state"], one["availability"]) == ("ready", "active")
        assert one["address"] == f"{lab.subnet}1.{number}"
        assert one["resources"] == {"mbps": 100}
        assert one["labels"] == {
            "site": "glasgow", "rack": "rack1", "tower": "left", "model": "pi1b", "arch": "armel",
            "uplink": "100",
        }  # fmt: skip
        assert applied(lab, name) == {}
    assert lab.run("swarm.status")["sites"]["glasgow"]["leads"] == "pi0"


def test_what_has_no_image_yet_is_not_started(lab):
    refused = lab.salt("pi0", "pillar.get", "picloud:workloads:refused", "unmask=True")
    assert "salt-run image.build web" in refused["web"]
    assert lab.salt("pi0", "swarm.ask", "services") == []


@pytest.fixture
def described(lab):
    """What describes the page with some text, and nothing more in the end."""
    folder = lab.checkout / "pillar" / "cloud"
    files = folder / "page.sls", folder / "secrets" / "page.sls"
    files[1].parent.mkdir(exist_ok=True)

    def describe(text=None):
        if text is None:
            for file in files:
                file.unlink(missing_ok=True)
            return
        files[0].write_text(WORK.replace("TEXT", text))
        files[1].write_text(f"secrets: {{page-key: {{contents: {SECRET}}}}}\n")

    yield describe
    describe()
    files[1].parent.rmdir()
    applied(lab)


def test_the_swarm_runs_what_is_described_and_nothing_else_of_ours(lab, described):
    lab.execute("pi0", "docker", "network", "create", "--driver", "overlay", "own")
    described("one")
    made = both(lab)
    assert set(made) == {
        "swarm-network-back", "swarm-config-page_text", "swarm-secret-page-key",
        "swarm-service-page",
    }  # fmt: skip
    assert page(lab) == ["one", "one"]
    find = "docker ps -q --filter label=com.docker.swarm.service.name=page"
    (node, *_) = [name for name in NODES if lab.execute(name, "sh", "-c", find).stdout]
    shown = f"docker exec $({find}) cat /run/secrets/page-key"
    assert lab.execute(node, "sh", "-c", shown).stdout == SECRET

    # Somebody changes it by hand.
    update = ("docker", "service", "update", "--detach", "--no-resolve-image")
    lab.execute("pi0", *update, "--replicas", "1", "--env-add", "X=1", "page")
    lab.salt("pi0", "swarmservice.wait", "page", "timeout=90")
    assert both(lab) == {
        "swarm-service-page": {
            "env.X": {"old": "1", "new": None},
            "replicas": {"old": 1, "new": 2},
        }
    }
    assert page(lab) == ["one", "one"]
    lab.execute("pi0", "docker", "node", "update", "--label-add", "rack=rack9", "pi1")
    # Not in test mode, where a node that joined less than two minutes ago is no difference.
    assert applied(lab)["swarm-nodes"] == {"pi1": {"labels.rack": {"old": "rack9", "new": "rack1"}}}

    # It is described anew, and then no more.
    described("two")
    changed = both(lab)
    assert changed["swarm-config-page_text"]["version"]["new"] == "page_text-v2"
    assert page(lab) == ["two", "two"]
    described()
    gone = both(lab)
    assert gone["swarm-services-old"] == {"services": {"old": ["page"], "new": []}}
    assert set(gone) == {
        "swarm-services-old", "swarm-configs-old", "swarm-secrets-old", "swarm-networks-old",
    }  # fmt: skip
    assert "own" in lab.execute("pi0", "docker", "network", "ls").stdout
    lab.execute("pi0", "docker", "network", "rm", "own")


def test_a_worker_with_a_new_card_is_in_it_again(lab):
    before = nodes_of(lab)["pi1"]
    mishaps.run(lab.settings, "swap", "pi1")
    after = nodes_of(lab)["pi1"]
    assert after["id"] != before["id"]
    same = ("state", "role", "labels", "availability", "resources", "address")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_a_node_leaves_and_comes_back_by_one_command(lab):
    left = lab.salt("pi2", "state.apply", "swarm.absent", "queue=True")
    assert [one["changes"] for one in left.values()] == [
        {"swarm": {"old": "worker", "new": "inactive"}}
    ]
    states = lab.salt("pi2", "state.apply", "swarm", "queue=True")
    assert "token: this node is not in the swarm" in str(states)
    assert lab.run("swarm.join", "nodes=pi2") == {"members": {"glasgow": ["pi2"]}, "refused": {}}
    assert nodes_of(lab)["pi2"]["state"] == "ready"


def test_no_token_is_open_anywhere(lab):
    for node, places in (
        ("head", "/var/cache/salt/master/jobs /var/log/salt /var/lib/picloud"),
        *((node, "/var/log/salt /var/cache/salt/minion") for node in NODES),
    ):
        command = f"grep -rlE 'SWMTKN|{SECRET}' {places} 2>/dev/null"
        assert lab.execute(node, "sh", "-c", command, check=False).stdout == "", node
