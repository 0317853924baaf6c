"""
The shipped workloads on real nodes, from the images that the master builds: each is used as its
user would, a node is lost meanwhile, and in the end all of them are removed.

Spark has a test of its own (test_spark), as the programs of the benchmark have (test_benchmark).
"""

import json
import re
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from picloud_chess import ask as chess_client
from picloud_chess import pages as chess_pages

from lab import web
from lab.apart import Apart
from lab.swarm import LABEL, Swarm
from tests.lab.boinc_project import Project

NODES = ("pi0", "pi1", "pi2")
IMAGES = ("boinc", "chess", "haproxy", "redis", "sensors", "web")
#: How many tasks of each workload run on three nodes.
RUNNING = {
    "boinc": 1,
    "chess": 2,
    "chess-queue": 1,
    "chess-worker": 4,
    "mqtt": 1,
    "sensor": 3,
    "sensors": 1,
    web.BALANCER: 2,
    web.WEB: 3,
}
WEB, CHESS, SENSORS = 80, 8010, 8020
#: Without the proxies of this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
#: Of Morphy's game at the opera: some seconds of work for four workers.
GAME = """[White "Morphy"]
[Black "Duke Karl"]
[Result "*"]

1. e4 e5 2. Nf3 d6 3. d4 Bg4 4. dxe5 Bxf3 5. Qxf3 dxe5 6. Bc4 Nf6 7. Qb3 Qe7 8. Nc3 c6 9. Bg5 b5
10. Nxb5 cxb5 *
"""
DEPTH = "14"
#: What BOINC says of its projects, and that there is none.
STATE, IDLE = ("boinccmd", "--get_state"), re.compile(r"= Projects =+\s+=+ Applications =")


def url(lab: Apart, node: str, port: int) -> str:
    return f"http://{lab.subnet}1.{NODES.index(node) + 1}:{port}"


def read(lab: Apart, node: str, port: int, path: str = "/", **headers: str) -> str:
    asked = urllib.request.Request(url(lab, node, port) + path, headers=headers)
    with DIRECT.open(asked, timeout=5) as reply:
        return reply.read().decode()


def replica(lab: Apart, node: str) -> str:
    """The replica of the web service that answers at a node, as ``2 on pi1``, or what failed."""
    try:
        page = read(lab, node, WEB)
    except OSError as err:
        return f"failed: {getattr(err, 'reason', err)}"
    assert "Hello from the Pi cloud" in page
    return re.findall(r"Replica (\d+ on \w+)\.", page)[0]


def replicas(lab: Apart, node: str, times: int = 20) -> Counter[str]:
    """How often each replica answers at a node, or what failed."""
    return Counter(replica(lab, node) for _ in range(times))


def said(lab: Apart, workload: str) -> list[tuple[str, str]]:
    """What the tasks of a workload logged, each line with its node."""
    lines = lab.run("workload.logs", f"workload={workload}", "lines=50")["lines"]
    return [(line["node"], line["text"]) for line in lines]


def inside(lab: Apart, workload: str, *command: str, check: bool = True) -> str:
    """Run a command in the one container of a workload; what it printed, empty if it failed."""
    swarm = Swarm(lab, ["pi0"])
    (node,) = swarm.running(workload)
    (container,) = swarm.containers(node, workload)
    done = lab.execute(node, "docker", "exec", container, *command, check=check)
    return "" if done.returncode else done.stdout


def measured(lab: Apart) -> dict[str, str]:
    """The states of all sensors that have measured a temperature, as the aggregator tells."""
    swarm = Swarm(lab, ["pi0"])
    try:
        (node,) = swarm.running("sensors")
        sensors = json.loads(read(lab, node, SENSORS))["sensors"]
    except (OSError, ValueError):  # it has not started yet
        return {}
    return {
        name: one["state"] for name, one in sensors.items() if "temperature" in one["quantities"]
    }


def cut_power(lab: Apart, node: str) -> None:
    """Kill a node so that it says nothing more to anybody: a killed process would still hang up."""
    rules = "iptables -I OUTPUT -o eth0 -j DROP && iptables -I FORWARD -o eth0 -j DROP"
    lab.execute(node, "sh", "-c", rules)
    lab.docker("kill", lab.settings.container(node))


def docker_part(lab: Apart) -> None:
    """Let all nodes know of the registry, or of none."""

    def apply(node: str) -> dict:
        lab.salt(node, "saltutil.refresh_pillar", "wait=True")
        return lab.salt(node, "state.apply", "docker", "queue=True")

    with ThreadPoolExecutor(len(NODES)) as pool:
        for states in pool.map(apply, NODES):
            assert all(one["result"] for one in states.values()), states


def remove_all(lab: Apart) -> None:
    """Take all workloads out of the description, and see that nothing of them is left."""
    swarm = Swarm(lab, ["pi0"])
    for path in (lab.checkout / "pillar/cloud").glob("workloads*/**/*.sls"):
        path.unlink()
    (lab.checkout / "pillar/cloud/workloads.sls").unlink()
    swarm.apply()
    for kind in ("service", "config", "secret"):
        assert swarm.ask(kind, "ls", "--quiet") == "", kind
    overlays = swarm.ask("network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}")
    assert overlays.split() == ["ingress"]
    ran = ("docker", "ps", "--quiet", "--filter", f"label={LABEL}")
    lab.wait("no container runs", lambda: not any(lab.execute(n, *ran).stdout for n in NODES), 60)
    for node in NODES:
        for port in (WEB, CHESS, SENSORS):
            with pytest.raises(OSError, match="refused"):
                read(lab, node, port)


@pytest.fixture(scope="module")
def shipped(lab: Apart):
    """Return the lab while all shipped workloads run on it; they and the registry go again."""
    folder = lab.checkout / "pillar/cloud"
    files = [folder / "workloads.sls", *folder.glob("workloads/**/*.sls")]
    texts = {path: path.read_text("utf-8") for path in files}
    try:
        set_up = lab.run("image.registry")
        assert "registry-service" in set_up.get("changed", ()), set_up
        built = lab.run("image.build", ",".join(IMAGES))
        assert built.get("failed") == [], built
        shown = lab.make("up", "--nodes", ",".join(NODES))
        assert "haproxy: unchanged" in shown
        answer = r"behind its balancer: http://\S+ Hello from the Pi cloud Replica \d on pi\d"
        assert re.search(answer, shown), shown
        Swarm(lab, ["pi0"]).until_full(RUNNING)
        yield lab
        remove_all(lab)
    finally:
        for path, text in texts.items():
            path.write_text(text, "utf-8")
        lab.run("image.registry", "absent=True")
        web.forget(lab.settings)
        docker_part(lab)
        Swarm(lab, ["pi0"]).apply()


@pytest.fixture(scope="module")
def analysis(shipped: Apart, tmp_path_factory) -> tuple[list[str], str]:
    """Return what ``make chess`` prints of a game, and its last line, on who did it."""
    path = tmp_path_factory.mktemp("chess") / "game.pgn"
    path.write_text(GAME, "utf-8")
    *lines, work = shipped.make("chess", "--pgn", str(path), "--depth", DEPTH).splitlines()
    return lines, work


def test_requests_reach_every_replica_of_the_web_service(shipped: Apart):
    for node in Swarm(shipped, ["pi0"]).running(web.BALANCER):
        found = replicas(shipped, node)
        assert {one.split()[0] for one in found} == {"1", "2", "3"}, found


def test_every_node_is_measured_and_the_aggregator_tells(shipped: Apart):
    online = dict.fromkeys(NODES, "online")
    shipped.wait("all sensors are heard", lambda: measured(shipped) == online, 60)
    (node,) = Swarm(shipped, ["pi0"]).running("sensors")
    for name in NODES:
        one = json.loads(read(shipped, node, SENSORS, f"/sensors/{name}"))
        temperature = one["quantities"]["temperature"]
        assert 10 < temperature["value"] < 32
        assert temperature["minutes"][0]["count"] >= 1
        page = read(shipped, node, SENSORS, Accept="text/html")
        assert f'<a href="/sensors/{name}">' in page
    assert json.loads(read(shipped, node, SENSORS))["wrong"]["total"] == 0
    assert any("everybody knows" in text for _, text in said(shipped, "mqtt"))


def test_boinc_idles_says_so_and_lets_nobody_in(shipped: Apart):
    (node,) = Swarm(shipped, ["pi0"]).running("boinc")
    idle = (node, "no project is attached, so it idles; see docs/boinc.md")
    assert idle in said(shipped, "boinc")
    state = inside(shipped, "boinc", *STATE)
    assert IDLE.search(state), state
    guess = ("boinccmd", "--passwd", "guessed", "--set_run_mode", "auto")
    assert inside(shipped, "boinc", *guess, check=False) == ""
    assert len(inside(shipped, "boinc", "cat", "gui_rpc_auth.cfg").strip()) == 32
    # What it does lies in a volume of the node.
    volumes = shipped.execute(node, "docker", "volume", "ls", "--quiet").stdout.split()
    assert "boinc" in volumes


def attach(lab: Apart, line: str) -> None:
    """Give BOINC another secret."""
    path = lab.checkout / "pillar/cloud/workloads/secrets/boinc.sls"
    described = json.dumps({"secrets": {"boinc-project": {"contents": line}}})
    path.write_text(f"{described}\n", "utf-8")
    Swarm(lab, ["pi0"]).apply()
    lab.salt("pi0", "swarmservice.wait", "boinc", "timeout=60")


def test_boinc_does_the_task_of_a_project_and_idles_again(shipped: Apart):
    account = "0123456789abcdef0123456789abcdef"
    with Project(f"{shipped.subnet}0.1", "Four words in all.\n") as project:
        attach(shipped, f"{project.url} {account}")
        try:
            shipped.wait("its task is done", lambda: project.done, 180)
        except AssertionError as err:
            raise AssertionError(said(shipped, "boinc")) from err
        finally:
            attach(shipped, "none")
    assert [(one.status, one.account) for one in project.done] == [("0", account)]
    assert project.uploaded == b"4\n"
    shipped.wait("it idles again", lambda: inside(shipped, "boinc", *STATE, check=False), 60)
    assert IDLE.search(inside(shipped, "boinc", *STATE))
    assert account not in str(said(shipped, "boinc"))


def test_a_game_is_analysed_by_several_nodes(analysis):
    lines, work = analysis
    text = "\n".join(lines)
    assert "Morphy - Duke Karl *" in text
    assert re.search(r"^9\.\.\. b5\?", text, re.MULTILINE), text
    assert f"{DEPTH} half moves deep." in text
    assert len(re.findall(r"pi\d \d+ parts?", work)) >= 2, work


def test_a_node_is_lost_and_nobody_notices(shipped: Apart, analysis):
    """It has part in all that is asked for meanwhile: a game's analysis, and pages."""
    swarm = Swarm(shipped, ["pi0"])
    lines, work = analysis
    busy = [swarm.running(name) for name in (web.WEB, "chess", "chess-worker")]
    victim = next(node for node in ("pi1", "pi2") if all(one[node] for one in busy))
    balancer = next(node for node in swarm.running(web.BALANCER) if node != victim)
    # The front on the victim is asked first.
    fronts = sorted(swarm.running("chess"), key=lambda node: node != victim)
    urls = [url(shipped, node, CHESS) for node in fronts]
    # All that was found before is forgotten, and no part of the game is known.
    inside(shipped, "chess-queue", "redis-cli", "flushall")
    undisturbed = float(re.findall(r"in ([\d.]+) s", work)[0])
    failures: Counter[str] = Counter()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(chess_client.ask, urls, {"pgn": GAME, "depth": DEPTH})
        time.sleep(undisturbed / 4)
        cut_power(shipped, victim)
        lost = time.monotonic()
        assert not asked.done()
        while not asked.done():
            found = replica(shipped, balancer)
            if "failed" in found or found.endswith(victim):
                failures[found] += 1
                assert time.monotonic() < lost + 8, failures
            time.sleep(0.1)
        answer = asked.result()
    assert failures.total() <= 5, failures
    assert chess_pages.text(answer).splitlines()[:-1] == lines
    still = replicas(shipped, balancer)
    assert not any("failed" in one or one.endswith(victim) for one in still), still

    shipped.docker("start", shipped.settings.container(victim))
    try:
        scaled = shipped.run("workload.scale", f"workload={web.WEB}", "replicas=5")
        assert "changes" in scaled, scaled
        shipped.wait(
            "new replicas answer",
            lambda: {"4", "5"} <= {one.split()[0] for one in replicas(shipped, balancer)},
            60,
        )
        swarm.start([victim])
    finally:
        shipped.run("workload.scale", f"workload={web.WEB}", "replicas=described", "timeout=0")
    swarm.until_full(RUNNING)
    online = dict.fromkeys(NODES, "online")
    shipped.wait("all sensors are heard again", lambda: measured(shipped) == online, 60)
