"""A swarm of three real nodes: made, joined, labelled, used, changed, and taken apart by states."""

import json

import pytest

NODES = ("pi0", "pi1", "pi2")
PASSWORD = "correct-horse-battery"
SLS = """
{% for node in ["pi0", "pi1", "pi2"] %}
node-{{ node }}:
  swarmnode.present:
    - name: {{ node }}
    - labels: {rack: rack1, node: {{ node }}}
    - availability: active
{% endfor %}
net:
  swarmnetwork.present:
    - settings: {attachable: true}
page:
  swarmdata.config_present:
    - contents: {{ pillar.get("page", "one") | json }}
password:
  swarmdata.secret_present:
    - contents_pillar: swarm_test:password
web:
  swarmservice.present:
    - spec:
        image: picloud/busybox:1.35
        command: httpd -f -p 8080 -h /srv
        replicas: 2
        networks: [net]
        endpoint_mode: dnsrr
        publish: [{target: 8080, published: 8080, mode: host}]
        configs: [{source: page, target: /srv/index.html}]
        secrets: [password]
        stop_grace_period: 1s
        resources: {limits: {memory: 32M}, reservations: {memory: 16M}}
        placement: {constraints: [node.labels.rack == rack1], max_replicas_per_node: 1}
    - timeout: 240
"""
ABSENT = """
web: swarmservice.absent
password: swarmdata.secret_absent
page: swarmdata.config_absent
net: swarmnetwork.absent
"""


def apply(lab, node, sls, **pillar):
    """Apply an SLS in test mode and really; what changed, by id, which must be the same."""
    runs = []
    for test in (True, False):
        given = [f"pillar={json.dumps(pillar)}", f"test={test}", "queue=True"]
        states = lab.salt(node, "state.apply", sls, *given, timeout=600)
        assert isinstance(states, dict), states
        bad = {s["__id__"]: s["comment"] for s in states.values() if s["result"] is False}
        assert not bad, bad
        runs.append({s["__id__"]: s["changes"] for s in states.values() if s["changes"]})
    assert runs[0] == runs[1]
    return runs[1]


def single(lab, node, function, **arguments):
    """Apply one state; its return."""
    given = [f"{key}={json.dumps(value)}" for key, value in {"name": "x", **arguments}.items()]
    found = lab.salt(node, "state.single", function, *given)
    assert isinstance(found, dict), found
    (state,) = found.values()
    return state


def address(lab, node):
    return lab.salt(node, "pillar.get", "picloud:node:address", "unmask=True")


def sealed(lab, node, role="worker"):
    """The token of a role as the master's side asks a manager for it."""
    key = lab.execute("head", "cat", f"/etc/salt/pki/master/minions/{node}").stdout
    node_id = lab.salt(node, "swarm.info")["node_id"]
    more = [f"node_id={node_id}"] if node_id else []
    token = lab.salt("pi0", "swarm.join_token", role, f"public_key={key}", *more)
    assert token.startswith("sealed:"), token
    return token


@pytest.fixture(scope="module")
def swarm(lab):
    """Return the lab without its own swarm and with the SLS of this test; all is put back."""
    top = lab.checkout / "pillar/top.sls"
    top_before = top.read_text()
    top.write_text("base: {'*': [swarm_test]}\n")
    (lab.checkout / "pillar/swarm_test.sls").write_text(f"swarm_test: {{password: {PASSWORD}}}\n")
    folder = lab.checkout / "salt/swarm_test"
    folder.mkdir()
    (folder / "init.sls").write_text(SLS)
    (folder / "absent.sls").write_text(ABSENT)
    for node in NODES:
        lab.salt(node, "swarm.leave", "force=True")
        lab.salt(node, "saltutil.refresh_pillar", "wait=True")
    yield lab
    for node in NODES:
        lab.salt(node, "swarm.leave", "force=True")
    top.write_text(top_before)
    (lab.checkout / "pillar/swarm_test.sls").unlink()
    for path in (folder / "init.sls", folder / "absent.sls"):
        path.unlink()
    folder.rmdir()
    for node in NODES:
        lab.salt(node, "saltutil.refresh_pillar", "wait=True")
    lab.run("swarm.forget", "glasgow")
    assert lab.run("swarm.join", f"nodes={','.join(NODES)}")["refused"] == {}


def test_a_swarm_from_nothing_to_nothing(swarm):
    manager = address(swarm, "pi0")
    settings = {"default_addr_pool": ["10.128.0.0/9"], "task_history_limit": 2}
    made = single(swarm, "pi0", "swarm.initialised", advertise_addr=manager, settings=settings)
    assert made["result"] is True, made
    again = single(swarm, "pi0", "swarm.initialised", advertise_addr=manager, settings=settings)
    assert (again["result"], again["changes"]) == (True, {})
    for node in ("pi1", "pi2"):
        given = {"managers": [manager], "token": sealed(swarm, node)}
        joined = single(swarm, node, "swarm.joined", **given)
        assert joined["changes"] == {"swarm": {"old": "inactive", "new": "worker"}}, joined
        assert single(swarm, node, "swarm.joined", **given)["changes"] == {}

    assert set(apply(swarm, "pi0", "swarm_test")) >= {"net", "page", "password", "web", "node-pi1"}
    assert apply(swarm, "pi0", "swarm_test") == {}
    status = swarm.salt("pi0", "swarmservice.status", "web")
    assert (status["running"], len(status["nodes"])) == (2, 2)
    known = {node["id"]: node["hostname"] for node in swarm.salt("pi0", "swarmnode.list")}
    for node_id in status["nodes"]:
        url = f"http://{address(swarm, known[node_id])}:8080/"
        page = swarm.execute("head", "python3", "-c", f"from urllib.request import urlopen\n"
                             f"print(urlopen('{url}', timeout=20).read().decode())")  # fmt: skip
        assert page.stdout.strip() == "one"

    # Somebody changes it by hand.
    update = ("docker", "service", "update", "--detach", "--env-add", "X=1", "--replicas", "1")
    swarm.execute("pi0", *update, "--no-resolve-image", "web")
    changed = apply(swarm, "pi0", "swarm_test")
    assert changed == {
        "web": {"env.X": {"old": "1", "new": None}, "replicas": {"old": 1, "new": 2}}
    }
    # Another page: a new version of the config, and the service gets it in the same run.
    changed = apply(swarm, "pi0", "swarm_test", page="two")
    assert changed["page"]["version"] == {"old": "page-v1", "new": "page-v2"}
    assert changed["web"]["configs"]["new"][0]["source"] == "page-v2"
    assert apply(swarm, "pi0", "swarm_test", page="two") == {}

    assert set(apply(swarm, "pi0", "swarm_test.absent")) == {"web", "password", "page", "net"}
    assert apply(swarm, "pi0", "swarm_test.absent") == {}


def test_a_node_removed_while_it_is_up_joins_anew_and_only_when_told(swarm):
    manager = address(swarm, "pi0")
    old = sealed(swarm, "pi2")
    refused = single(swarm, "pi0", "swarmnode.absent", name="pi2")
    assert (refused["result"], refused["changes"]) == (False, {}), refused
    swarm.salt("pi0", "swarmnode.remove", "pi2", "force=True")
    # The node does not know, and a token from before does not say.
    unaware = single(swarm, "pi2", "swarm.joined", managers=[manager], token=old)
    assert unaware["changes"] == {}
    joined = single(swarm, "pi2", "swarm.joined", managers=[manager], token=sealed(swarm, "pi2"))
    assert joined["changes"] == {"swarm": {"old": "forgotten", "new": "worker"}}, joined
    assert swarm.salt("pi0", "swarmnode.find", "pi2")["state"] == "ready"


def test_a_dead_entry_goes_when_the_node_is_back(swarm):
    manager = address(swarm, "pi0")
    swarm.salt("pi2", "swarm.leave")
    swarm.wait("pi2 is down", lambda: swarm.salt("pi0", "swarmnode.find", "pi2")["state"] == "down")
    single(swarm, "pi2", "swarm.joined", managers=[manager], token=sealed(swarm, "pi2"))
    assert len(swarm.salt("pi0", "swarmnode.find", "pi2")["dead"]) == 1
    swarm.salt("pi0", "state.single", "swarmnode.present", "name=pi2")
    assert swarm.salt("pi0", "swarmnode.find", "pi2")["dead"] == []


def test_tokens_and_secrets_are_nowhere_on_the_master_and_in_no_log(swarm):
    for node, places in (
        ("head", "/var/cache/salt/master/jobs /var/log/salt"),
        *((node, "/var/log/salt /var/cache/salt/minion/proc") for node in NODES),
    ):
        found = swarm.execute(
            node, "sh", "-c", f"grep -rlE 'SWMTKN|{PASSWORD}' {places} 2>/dev/null", check=False
        )
        assert found.stdout == "", f"{node}: {found.stdout}"
