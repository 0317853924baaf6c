"""
What the swarm of a site survives: nodes, managers, the master, the registry, cables and cards that
fail, images that do not start. Four nodes in three racks, three of them managers.
"""

import json
import os
import re
import time

import pytest

from lab import mishaps
from lab.apart import Apart
from lab.swarm import Swarm
from tests.lab.surviving import (
    ALL,
    DEALT,
    LESS,
    MANAGERS,
    NODES,
    WORKLOADS,
    row,
    status,
    used,
    voting,
    well,
)

#: Longest that a swarm of this size may take to heal, on a busy machine too.
SOON = 60
#: Seconds that the master is away at least, and between two rounds of losses meanwhile.
AWAY_S, PAUSE_S = int(os.environ.get("PICLOUD_TEST_AWAY_S", "0")), 300


@pytest.fixture(scope="module")
def managers(repo, tmp_path_factory):
    """A lab of the three managers and a worker, removed in the end."""
    if os.geteuid() != 0:
        pytest.fail("the lab needs root: run make test as root or with sudo")
    apart = Apart("picloud-vote", repo, tmp_path_factory.mktemp("vote") / "checkout", "10.84.")
    with apart.running(",".join(NODES)) as running:
        yield running


@pytest.fixture(scope="module")
def busy(managers):
    """The swarm of that lab, with the workloads of these tests."""
    made = Swarm(managers, MANAGERS)
    made.describe(WORKLOADS)
    made.apply()
    settled(made)
    return made


def settled(swarm):
    """Wait until all runs, and no update is under way: a node lost in its middle may undo it."""
    swarm.until_full(ALL)
    leader = swarm.leader()
    for name in ALL:
        swarm.lab.salt(leader, "swarmservice.wait", name, "timeout=120")


@pytest.fixture
def swarm(busy):
    """The same as described, also after a test that failed; all its nodes are there again then."""
    busy.describe(WORKLOADS)
    busy.apply()
    settled(busy)
    yield busy
    busy.start(NODES)


def test_a_manager_with_a_new_card_takes_its_vote_again(managers):
    all_three = dict.fromkeys(MANAGERS, "reachable")
    assert voting(managers, "pi0") == all_three
    leader = managers.run("swarm.status")["sites"]["glasgow"]["leads"]
    before = managers.salt(leader, "swarmnode.find", leader)["id"]
    mishaps.run(managers.settings, "swap", leader)
    assert voting(managers, "pi14") == all_three
    after = managers.salt("pi14", "swarmnode.find", leader)
    assert after["id"] != before
    assert after["labels"]["site"] == "glasgow"


def test_a_killed_node_is_healed_in_seconds_and_used_again(swarm):
    assert swarm.running("many")["pi1"]
    swarm.heal(["pi1"], LESS, SOON)
    assert used(swarm, swarm.running("page")) == {b"here\n"}
    said = status(swarm.lab)
    assert said["notices"] == ["glasgow: down: pi1"]
    bad = {name: one["glasgow"]["bad"] for name, one in said["workloads"].items()}
    assert bad == {"page": "", "each": "3 of 4 tasks run", "many": ""}
    waits = said["workloads"]["each"]["glasgow"]["fault"]
    assert "waits: no suitable node (host-mode port already in use on 3 nodes" in waits

    swarm.start(["pi1"])
    swarm.until_full(ALL)
    swarm.lab.wait("pi1 answers", lambda: swarm.lab.salt("pi1", "test.ping", timeout=10))
    # Swarm moves nothing back by itself; the master deals out anew what is crowded, and only that.
    page = swarm.running("page")
    swarm.describe(DEALT)
    swarm.lab.wait("many is dealt out anew", lambda: mended(swarm) and swarm.running("many")["pi1"])
    swarm.lab.salt(swarm.leader(), "swarmservice.wait", "many", "timeout=120")
    assert swarm.running("page") == page
    assert well(swarm.lab)
    assert mended(swarm)["spread"] == []


def mended(swarm):
    """What the regular look of the master at the swarm did."""
    return swarm.lab.run("swarm.mend")["sites"]["glasgow"]


def test_what_somebody_changes_by_hand_is_put_right_and_an_edit_waits(swarm):
    assert mended(swarm)["mended"] == []
    swarm.ask("service", "scale", "--detach", "many=3")
    swarm.ask("service", "rm", "page")
    swarm.ask("node", "update", "--availability", "drain", "pi1")
    # The master looks by itself too, so that it may have been first.
    mended(swarm)
    log = swarm.lab.execute("head", "cat", "/var/log/salt/master").stdout
    for change in ("many: replicas is 3, not 8", "page: the swarm has no such service", "node pi1"):
        assert re.search(f"is put right, somebody changed it: .*{change}", log)
    swarm.until_full(ALL)
    assert mended(swarm)["mended"] == []
    assert used(swarm, swarm.running("page")) == {b"here\n"}

    swarm.describe(WORKLOADS.replace("ONE", "TWO"))
    said = mended(swarm)
    assert said["mended"] == []
    assert "many: env.EDITION differs; what is described came later" in said["words"][1]


STEADY = """
  steady:
    image: steady
    replicas: 2
    resources: {{cpus: 0.05, memory_mb: 16}}
    update: {{monitor_s: 3}}
    restart: {{delay_s: 1}}
    stop_grace_s: 1
"""
ENTRYPOINTS = {
    "1": '["sleep", "100000"]',
    "2": '["sh", "-c", "echo no settings found >&2; exit 3"]',
}


def steady(tag):
    """The workloads with one whose image runs with tag 1, and crashes at start with tag 2."""
    image = f'  steady: {{tag: "{tag}", archs: [armel]}}\nworkloads:'
    return WORKLOADS.replace("workloads:", image) + STEADY.format()


def test_an_image_that_crashes_at_start_is_taken_back_and_nothing_else_is_touched(swarm):
    lab = swarm.lab
    for node in NODES:
        for tag, entrypoint in ENTRYPOINTS.items():
            recipe = f"FROM picloud/busybox:1.35\\nENTRYPOINT {entrypoint}\\n"
            build = f"printf '{recipe}' | docker build --quiet --tag picloud/steady:{tag} -"
            lab.execute(node, "sh", "-c", build)
    swarm.describe(steady("1"))
    swarm.apply()
    swarm.until_full({"steady": 2})
    others = {(node, name): swarm.containers(node, name) for node in NODES for name in ALL}

    swarm.describe(steady("2"))
    assert set(swarm.apply()) == {"swarm-service-steady"}
    found = lab.wait(
        "Swarm went back",
        lambda: (one := row(lab, "steady")).get("update") == "rollback_completed" and one,
    )
    assert found["drift"] == "no: image is picloud/steady:1, not picloud/steady:2"
    assert "update rollback completed" in found["bad"]
    assert "non-zero exit (3)" in found["fault"]
    assert "salt-run workload.logs workload=steady" in found["remedy"]
    assert "no settings found" in str(lab.run("workload.logs", "workload=steady")["lines"])
    swarm.until_full({"steady": 2})
    assert others == {(node, name): swarm.containers(node, name) for node in NODES for name in ALL}

    # The description follows, and all is well.
    swarm.describe(steady("1"))
    assert swarm.apply() == {}
    assert well(lab)
    swarm.describe(WORKLOADS)
    assert set(swarm.apply()) == {"swarm-services-old"}


def test_an_update_comes_to_its_end_though_a_node_is_killed_in_the_middle(swarm):
    lab = swarm.lab
    swarm.describe(WORKLOADS.replace("ONE", "TWO"))
    assert set(swarm.apply()) == {"swarm-service-many"}
    leader = swarm.leader()
    lab.wait(
        "some are new, some are old",
        lambda: 2 <= lab.salt(leader, "swarmservice.status", "many")["outdated"] <= 6,
    )
    lab.docker("kill", lab.settings.container("pi1"))
    try:
        # Swarm waits for ever for a task that the node had been given; the master sees that.
        lab.wait("it is lost", lambda: swarm.nodes()["pi1"].startswith("Down"))
        mended(swarm)
        lab.salt(leader, "swarmservice.wait", "many", "timeout=180")
        swarm.until_full(LESS, ["pi1"])
        found = row(lab, "many")
        assert (found["drift"], found["update"]) == ("", "completed")
        assert lab.salt(leader, "swarmservice.status", "many")["outdated"] == 0
    finally:
        swarm.start(["pi1"])
    assert swarm.apply() == {}
    swarm.lab.wait("all is well", lambda: well(lab))


@pytest.mark.slow
def test_the_swarm_heals_alone_while_the_master_is_away(swarm):
    lab = swarm.lab
    lab.docker("stop", lab.settings.head)
    end, rounds = time.monotonic() + AWAY_S, 0
    try:
        while rounds < 2 or time.monotonic() < end:
            swarm.heal(["pi1"], LESS, 2 * SOON)
            swarm.start(["pi1"])
            swarm.until_full(ALL)
            leader = swarm.leader()
            swarm.heal([leader], LESS, 2 * SOON)
            assert swarm.leader() != leader
            assert used(swarm, swarm.running("page")) == {b"here\n"}
            swarm.start([leader])
            swarm.until_full(ALL)
            swarm.until_ready(NODES)
            rounds += 1
            print(f"round {rounds}: {leader} led and was killed; all is there again")
            time.sleep(max(0, min(PAUSE_S, end - time.monotonic())))
    finally:
        lab.docker("start", lab.settings.head)
    lab.wait("the master sees that all is well", lambda: well(lab), 300)
    assert voting(lab, "pi0") == dict.fromkeys(MANAGERS, "reachable")
    assert swarm.apply() == {}


def is_full(swarm, wanted, without):
    """Whether all runs; not while managers elect one that leads."""
    try:
        return swarm.is_full(wanted, without)
    except AssertionError:
        return False


CUT = "iptables -{0} INPUT -s {1} -j DROP && iptables -{0} OUTPUT -d {1} -j DROP"


@pytest.mark.slow
def test_two_racks_that_cannot_reach_each_other_are_one_swarm_again(swarm):
    lab = swarm.lab
    lab.run("workload.restart", "workload=many")
    leader = swarm.leader()
    far = next(name for name in MANAGERS if name != leader)
    near = Swarm(lab, [leader])
    rack = f"{lab.subnet}{NODES[leader].partition('.')[0]}.0/24"
    kept = swarm.containers(far, "many")
    assert kept
    lab.execute(far, "sh", "-c", CUT.format("I", rack))
    try:
        lab.wait(
            "one side runs all of it, or one that both reach leads",
            lambda: near.leader() != leader or is_full(near, LESS, [far]),
        )
        if near.leader() == leader:
            assert near.nodes()[far].startswith("Down")
            assert f"glasgow: down: {far}" in status(lab)["notices"]
        else:
            near.until_full(ALL)
        # What ran on the other side goes on until it is known that it runs elsewhere.
        assert swarm.containers(far, "many") == kept
    finally:
        lab.execute(far, "sh", "-c", CUT.format("D", rack))
    swarm.until_ready(NODES)
    swarm.until_full(ALL)
    lab.wait(
        "nothing runs twice",
        lambda: sum(len(swarm.containers(node, "many")) for node in NODES) == 8,
    )
    lab.wait("all is well", lambda: well(lab))
    assert voting(lab, "pi0") == dict.fromkeys(MANAGERS, "reachable")
    assert swarm.apply() == {}


FILLED = "/var/lib/docker/containers"
FULL = f"""
size=$(( $(du --summarize --block-size=1K {FILLED} | cut --fields=1) + 512 ))
mkdir /tmp/kept && cp -a {FILLED}/. /tmp/kept/ &&
mount -t tmpfs -o size=${{size}}k tmpfs {FILLED} && cp -a /tmp/kept/. {FILLED}/ &&
systemd-run --quiet --unit=filler \\
    sh -c 'while :; do cat /dev/zero >>{FILLED}/filler; sleep 0.1; done'
"""
FREE = f"systemctl stop filler; umount --lazy {FILLED} && rm -rf /tmp/kept"
LATE = """
  late:
    image: busybox
    command: [sleep, "100000"]
    replicas: 4
    resources: {cpus: 0.05, memory_mb: 16}
    restart: {delay_s: 1}
    stop_grace_s: 1
"""


@pytest.mark.slow
def test_a_node_whose_card_is_full_says_so_and_others_do_its_work(swarm):
    lab = swarm.lab
    before = swarm.running("page"), swarm.running("many")
    lab.execute("pi1", "sh", "-c", FULL)
    try:
        swarm.describe(WORKLOADS + LATE)
        swarm.apply()
        found = lab.wait("it is said", lambda: (one := row(lab, "late")).get("fault") and one)
        assert found["fault"].startswith("pi1, ")
        assert "no space left on device" in found["fault"]
        assert found["remedy"].startswith("the card of pi1 is full")
        swarm.until_full({"late": 4}, ["pi1"])
        assert row(lab, "late")["bad"] == ""
        assert (swarm.running("page"), swarm.running("many")) == before
    finally:
        lab.execute("pi1", "sh", "-c", FREE)
    swarm.describe(WORKLOADS)
    swarm.apply()
    assert swarm.lab.execute("pi1", "docker", "run", "--rm", "picloud/busybox:1.35", "true")


STORED = """
  stored:
    image: stored
    command: [sleep, "100000"]
    replicas: {replicas}
    resources: {{cpus: 0.05, memory_mb: 16}}
    placement: {{racks: [{racks}], max_per_node: 1}}
    restart: {{delay_s: 2}}
    stop_grace_s: 1
"""
NAME = "head.pi.example:5000/picloud/stored"
PUSH = """
import json, pathlib, subprocess, sys
sys.path.insert(0, "/srv/picloud/_utils")
from picloud_images.registry import Registry
layout = pathlib.Path(sys.argv[1], "layout")
archive = "/srv/picloud/salt/docker/images/busybox-1.35-amd64.tar"
subprocess.run(["skopeo", "copy", f"docker-archive:{archive}", f"oci:{layout}:1"], check=True)
digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
Registry({}).push(layout, "picloud/stored", "1", digest)
"""


def stored(replicas, racks):
    """The workloads with one whose image is in the master's registry."""
    image = f'  stored: {{name: "{NAME}", tag: "1", archs: [armel]}}\nworkloads:'
    return WORKLOADS.replace("workloads:", image) + STORED.format(replicas=replicas, racks=racks)


@pytest.mark.slow
def test_what_runs_goes_on_without_the_registry_and_what_cannot_be_pulled_is_named(swarm):
    lab = swarm.lab
    lab.run("image.registry")
    folder = lab.execute("head", "mktemp", "--directory").stdout.strip()
    lab.execute("head", "/opt/picloud/salt/bin/python", "-c", PUSH, folder)
    for node in NODES:
        lab.salt(node, "saltutil.refresh_pillar", "wait=True")
        states = lab.salt(node, "state.apply", "docker", "queue=True")
        assert all(one["result"] for one in states.values()), states
    swarm.describe(stored(2, "rack1"))
    swarm.apply()
    swarm.until_full({"stored": 2})

    lab.execute("head", "systemctl", "stop", "docker-registry")
    (crashed,) = swarm.containers("pi1", "stored")
    lab.execute("pi1", "docker", "kill", crashed)
    lab.wait("another one runs", lambda: swarm.containers("pi1", "stored") - {crashed})
    swarm.describe(stored(3, "rack1, rack2"))
    swarm.apply()
    found = lab.wait(
        "it is said", lambda: "No such" in (one := row(lab, "stored")).get("fault", "") and one
    )
    assert "2 of 3 tasks run" in found["bad"]
    assert found["remedy"].startswith(
        f"pi14 has no image {NAME}:1 and could not pull it from head.pi.example:5000"
    )
    assert swarm.is_full(ALL)
    said = lab.execute("pi14", "docker", "pull", f"{NAME}:1", check=False).stderr
    assert "connection refused" in said

    lab.execute("head", "systemctl", "start", "docker-registry")
    swarm.until_full({"stored": 3})
    swarm.describe(WORKLOADS)
    swarm.apply()
    assert well(lab)


def lost(lab):
    """What ``picloud.status`` says of a lost majority."""
    notices = lab.run("picloud.status")["notices"]
    return [one for one in notices if "lost their majority" in one]


def test_a_lost_majority_is_seen_and_brought_back_when_told_to(managers):
    """The last one: two managers do not come back."""
    services = managers.salt("pi0", "swarmservice.list")
    containers = [managers.settings.container(name) for name in ("pi14", "pi28")]
    managers.docker("kill", *containers)
    managers.wait(
        "the majority is lost",
        lambda: not managers.run("swarm.status")["sites"]["glasgow"]["works"],
    )
    managers.run("swarm.mend")
    (notice,) = lost(managers)
    assert notice.endswith("See what to do: salt-run swarm.recover site=glasgow")
    said = managers.run("swarm.recover", "site=glasgow")
    assert "pi0 goes on alone with what the swarm has" in json.dumps(said)
    assert managers.salt("pi0", "swarm.info")["leads"] is False
    done = managers.run("swarm.recover", "site=glasgow", "confirm=true")
    assert done["message"].startswith("Done: the swarm of glasgow works, pi0 leads it"), done
    assert managers.salt("pi0", "swarmservice.list") == services
    managers.run("swarm.mend")
    assert lost(managers) == []
