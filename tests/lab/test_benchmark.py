"""The benchmark on real nodes: programs from the site's registry, a neighbour, and nothing left."""

import json
from xml.etree import ElementTree

import pytest
from picloud.benchmark.measures import MEASURES

from lab.apart import Apart

NODES = ("pi0", "pi1", "pi2")
LEFT = ("docker", "ps", "--all", "--quiet", "--filter", "label=picloud.benchmark")
VOLUMES = ("docker", "volume", "ls", "--quiet")


def docker_part(lab: Apart) -> None:
    """Let all nodes know of the registry, or of none."""
    for node in NODES:
        lab.salt(node, "saltutil.refresh_pillar", "wait=True")
        states = lab.salt(node, "state.apply", "docker", "queue=True")
        assert all(one["result"] for one in states.values()), states


@pytest.fixture(scope="module")
def bench(lab: Apart):
    """Return the lab with the image of the benchmark, made for its nodes alone."""
    described = lab.checkout / "pillar/cloud/workloads/benchmark.sls"
    shipped = described.read_text()
    described.write_text(shipped.replace("[armel, armhf, arm64, amd64]", "[amd64]"))
    said = lab.run("image.registry")
    assert "changed" in said, said
    said = lab.run("image.build", "benchmark")
    assert said.get("failed") == [], said
    docker_part(lab)
    yield lab
    described.write_text(shipped)
    lab.run("image.registry", "absent=True")
    docker_part(lab)


def measure(lab: Apart, *arguments: str) -> dict:
    said = lab.run("benchmark.run", "times=1", "size_mb=8", *arguments)
    assert said.get("faults") == {}, said
    return said


def test_a_node_is_measured_twice_and_compared(bench: Apart):
    volumes = {node: bench.execute(node, *VOLUMES).stdout for node in NODES}
    first = measure(bench, "nodes=pi1")
    values = {one["name"]: one["value"] for one in first["lines"]}
    assert set(values) == set(MEASURES)
    assert all(value > 0 for value in values.values())
    versions = first["lines"][0]["versions"]
    assert versions["sysbench"].startswith("1.")
    assert versions["card"]
    for node in NODES:
        assert bench.execute(node, *LEFT).stdout == ""
        assert bench.execute(node, *VOLUMES).stdout == volumes[node]
        assert bench.execute(node, "which", "sysbench", check=False).returncode == 1

    measure(bench, "nodes=pi1,pi2", "tests=memory,containers")
    runs = bench.run("benchmark.history", "pi1")["runs"]
    assert [set(run["results"]) for run in runs] == [set(MEASURES), {"memory", "containers"}]
    assert runs[1]["changed"] == []
    table = bench.run("benchmark.table", "by=model")
    (model,) = table["models"].values()
    assert len(model["results"]["memory"]["samples"]) == 2
    said = bench.execute("head", "salt-run", "benchmark.export", "nodes=pi2").stdout
    assert {json.loads(line)["node"] for line in said.splitlines()} == {"pi2"}
    bench.run("benchmark.plot", "file=/tmp/benchmark.svg", "by=node")
    picture = bench.execute("head", "cat", "/tmp/benchmark.svg").stdout
    assert "pi1" in "".join(ElementTree.fromstring(picture).itertext())


def test_a_node_that_is_not_converged_is_left_alone(bench: Apart):
    done = bench.execute("head", "salt-run", "benchmark.run", "nodes=pi5", check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("No node can be measured:\npi5: it is not as described: ")
