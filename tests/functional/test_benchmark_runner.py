"""``salt-run benchmark`` with Salt's own loader and the shipped description; nodes are played."""

import json
import shutil

import picloud_benchmark
import picloud_watch
import pytest
from picloud import tables
from picloud.ledger import Ledger
from picloud.workloads.seal import Build

DIGEST = f"sha256:{'a' * 64}"
ARCHS = ("armel", "armhf", "arm64", "amd64")
MEMORY = "== memory\n1.00 MiB transferred (100.00 MiB/sec)\n"
IPERF = json.dumps({"end": {"sum_received": {"bits_per_second": 9e7}}})
SAID = {"memory": MEMORY, "network": f"== network_out\n{IPERF}\n== network_in\n{IPERF}\n"}


@pytest.fixture
def opts(repo, master, tmp_path):
    cloud = shutil.copytree(repo / "pillar" / "cloud", tmp_path / "cloud")
    places = {"folder": str(tmp_path / "reg"), "storage": str(tmp_path / "stored")}
    return master(cloud, picloud_registry=places)


@pytest.fixture
def run(salt_run):
    """Run a function of the runner; what it returned, and its exit status."""
    return lambda function, *args, **named: salt_run(f"benchmark.{function}", *args, **named)


@pytest.fixture
def built(opts, tmp_path):
    """Record a build of the image, and a registry."""
    (tmp_path / "reg").mkdir()
    for name in ("ca.crt", "password"):
        (tmp_path / "reg" / name).write_text("x\n")
    platforms = {arch: {"digest": DIGEST, "size": 2**20} for arch in ARCHS}
    packages = {arch: {"sysbench": "1.0.20", "iperf3": "3.12"} for arch in ARCHS}
    build = Build("picloud/benchmark", "1", DIGEST, platforms, packages, "d", "p", 1.0)
    Ledger(opts["picloud_database"]).builds.put(build)


@pytest.fixture
def nodes(monkeypatch):
    """Let all nodes of rack 1 be converged, others not; record what they are asked."""
    asked, away = [], set()

    def rows(self, declared):
        return {
            node.id: {
                **{"id": node.id, "rack": node.rack, "model": node.model, "connected": True},
                "state": "converged" if node.rack == "rack1" else "silent",
                "reason": "never heard",
                "declared": {"address": node.address},
                "seen": {"model": "pi1b", "parts": ["docker"], "address": [f"10.80.9.{node.id}"]},
            }
            for node in declared
        }

    def answers(self, names, function, given):
        for name in names:
            asked.append((name, function, given))
            if name in away:
                continue
            if function == "prepare":
                yield name, {"arch": "armel", "kernel": "6.1", "card": "c1"}, False
            elif function == "containers":
                yield name, [1.5] * given[2], False
            else:
                yield name, SAID.get(given[1], "served") if len(given) > 1 else 1, False

    monkeypatch.setattr(picloud_watch.Watch, "rows", rows)
    monkeypatch.setattr(picloud_benchmark.Bench, "_answers", answers)
    return asked, away


def test_nodes_are_measured_and_it_is_kept(run, built, nodes):
    said, code = run("run", nodes="pi1,pi0", tests="memory,containers,network", times=2)
    assert (code, said["faults"]) == (0, {})
    assert list(said["nodes"]) == ["pi0", "pi1"]
    assert said["nodes"]["pi0"]["results"]["containers"]["value"] == 1.5
    assert said["nodes"]["pi0"]["results"]["network_in"]["value"] == 90.0
    (versions,) = {json.dumps(one["versions"], sort_keys=True) for one in said["lines"]}
    assert json.loads(versions)["sysbench"] == "1.0.20"
    again, _ = run("table")
    assert set(again["nodes"]) == {"pi0", "pi1"}
    assert "pi0" in tables.render(again)
    lines = run("export", nodes="pi1")[0]["message"].splitlines()
    assert {json.loads(line)["node"] for line in lines} == {"pi1"}


def test_one_node_at_a_time_and_its_neighbour_is_left_clean(run, built, nodes):
    asked, _ = nodes
    run("run", nodes="pi0,pi1", tests="network", times=1)
    assert [(name, function) for name, function, _ in asked] == [
        *[("pi0", "prepare"), ("pi1", "serve"), ("pi0", "run"), ("pi1", "clear")],
        *[("pi1", "prepare"), ("pi2", "serve"), ("pi1", "run"), ("pi2", "clear")],
    ]
    image = asked[0][2][0]
    assert image == f"head.pi.example:5000/picloud/benchmark:1@{DIGEST}"
    assert set(asked[2][2][-1]) == {"pi0"}


def test_nodes_that_are_not_as_described_are_left_out_with_the_reason(run, built, nodes):
    asked, _ = nodes
    said, code = run("run", nodes="pi0,pi14", tests="memory", times=1)
    assert code == 1
    assert said["faults"] == {"pi14": ["it is not as described: silent, never heard"]}
    assert {name for name, _, _ in asked} == {"pi0"}
    assert "pi14: it is not as described" in tables.render(said)
    said, code = run("run", rack="rack2", tests="memory")
    assert code == 1
    assert said["message"].startswith("No node can be measured:\npi14: it is not as described")


def test_a_node_that_is_lost_in_the_middle_is_named_and_others_are_kept(run, built, nodes):
    nodes[1].add("pi1")
    said, code = run("run", nodes="pi0,pi1", tests="memory", times=1)
    assert (code, said["faults"]) == (1, {"pi1": ["it did not answer"]})
    assert list(said["nodes"]) == ["pi0"]
    said, code = run("run", nodes="pi0", tests="network", times=1)
    assert said["faults"] == {
        "pi1": ["network: it did not answer"],
        "pi0": ["network: its neighbour pi1 does not serve"],
    }


def test_all_mistakes_are_named_together(run):
    said, code = run("run", nodes="pi03", tests="disk", times=99, size_mb=10**6, per_rack="many")
    assert code == 1
    assert said["message"].splitlines() == [
        "times: must be a whole number from 1 to 9, not 99",
        "size_mb: must be a whole number from 1 to 256, not 1000000",
        "per_rack: must be a whole number from 1 to 4, not 'many'",
        "tests: disk is no test; take some of cpu, memory, card, network, containers",
        'There is no node "pi03"; did you mean "pi3"?',
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "pi1x"}, 'There is no model "pi1x"; did you mean "pi1b"?'),
        ({"rack": "rack9"}, 'There is no rack "rack9"'),
        ({"nodes": "pi0", "rack": "rack2"}, "No node of the description is all of what was asked"),
        ({"by": "rack"}, 'There is no table "rack"'),
    ],
)
def test_what_there_is_not_is_refused(run, arguments, words):
    said, code = run("table", **arguments)
    assert code == 1
    assert words in said["message"]


def test_without_registry_or_image_it_says_what_to_do(run, nodes, tmp_path):
    said, code = run("run", nodes="pi0")
    assert (code, said["message"]) == (
        1,
        "This master has no registry yet: salt-run image.registry",
    )
    (tmp_path / "reg").mkdir()
    for name in ("ca.crt", "password"):
        (tmp_path / "reg" / name).write_text("x\n")
    said, code = run("run", nodes="pi0")
    assert (code, said["message"]) == (
        1,
        "picloud/benchmark:1 was not built: salt-run image.build benchmark",
    )


def test_the_picture_is_written_whole_or_not_at_all(run, built, nodes, tmp_path):
    target = tmp_path / "x.svg"
    said, code = run("plot", file=str(target))
    assert (code, said["message"]) == (1, "Nothing was measured yet: salt-run benchmark.run")
    run("run", nodes="pi0", tests="memory", times=1)
    said, code = run("plot", file=str(target), by="node")
    assert (code, said["message"]) == (0, f"Written to {target}")
    assert target.read_text().startswith("<svg")
    assert "pi0" in target.read_text()
    said, code = run("plot", file=str(tmp_path / "no" / "x.svg"))
    assert code == 1
    assert "cannot be written: No such file or directory" in said["message"]
    assert [path.name for path in tmp_path.glob("*tmp*")] == []


def test_the_history_of_a_node(run, built, nodes):
    for _ in range(2):
        run("run", nodes="pi0", tests="memory", times=1)
    said, code = run("history", "pi0")
    assert (code, len(said["runs"])) == (0, 2)
    assert run("history", "pi55")[0]["runs"] == []
