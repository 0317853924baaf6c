"""Spark on real nodes: its image has packages of PyPI, two workers count words, and all goes."""

import json
import re
import subprocess
import sys
from collections import Counter

import jinja2
import pytest
import yaml

from lab.apart import Apart
from lab.swarm import Swarm

pytestmark = pytest.mark.slow  # 300 MB from PyPI, and an image of 560 MB on each node

NODES = ("pi0", "pi1", "pi2")
#: A board with room for Spark and the lab's architecture.
BOARD = """
boards:
  pc:
    name: A node of the lab with more memory
    soc: none
    arch: amd64
    ram_mb: [4096]
    cpus: 4
    ghz: 1.0
    nic_mbps: 1000
    peak_ma: 500
    poe: false
    source: https://www.debian.org
"""
TEXT = "Hello world, hello Pi!\nOne Pi, two Pis.\n"
#: Where the head finds what was brought there, as PyPI is not reached from containers.
PIP = "[global]\nno-index = true\nfind-links = /srv/pypi\n"


def pypi(folder, pins):
    """Fetch packages, and what building them takes."""
    (folder / "requirements.txt").write_text("\n".join(pins))
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    subprocess.run([*fetch, "--requirement", folder / "requirements.txt"], check=True)
    subprocess.run([*fetch, "packaging", "setuptools", "wheel"], check=True)


def docker_part(lab):
    """Let all nodes know of the registry, or of none."""
    for node in NODES:
        lab.salt(node, "saltutil.refresh_pillar", "wait=True")
        states = lab.salt(node, "state.apply", "docker", "queue=True")
        assert all(one["result"] for one in states.values()), states


@pytest.fixture(scope="module")
def spark(lab: Apart, tmp_path_factory):
    """Return the lab with the image of Spark, on nodes that have room for it."""
    cloud = lab.checkout / "pillar/cloud"
    files = [cloud / "racks/rack1.sls", *cloud.glob("workloads*/**/*.sls"), cloud / "workloads.sls"]
    texts = {path: path.read_text("utf-8") for path in files}
    example = (lab.checkout / "examples/spark.sls").read_text()
    described = yaml.safe_load(jinja2.Template(example).render())
    folder = tmp_path_factory.mktemp("pypi")
    pypi(folder, described["container_images"]["spark"]["build"]["pip"])
    lab.docker("cp", str(folder), f"{lab.settings.container('head')}:/srv/pypi")
    lab.execute("head", "sh", "-c", f"printf '{PIP}' >/etc/pip.conf")
    count = described["workloads"]["spark-count"]
    count["args"][1:] = ["/srv/text/*", "--json"]
    count["configs"] = {"hello": {"target": "/srv/text/hello", "contents": TEXT}}
    described["container_images"]["spark"]["archs"] = ["amd64"]
    swarm = Swarm(lab, ["pi0"])
    try:
        (cloud / "boards/pc.sls").write_text(BOARD)
        rack = texts[files[0]].replace("model: pi1b", "model: pc")
        files[0].write_text(rack)
        swarm.describe(f"{{% raw %}}{json.dumps(described)}{{% endraw %}}")
        lab.run("image.registry")
        said = lab.run("image.build", "spark")
        assert said.get("failed") == [], said
        docker_part(lab)
        swarm.apply()
        yield lab
        (cloud / "workloads.sls").unlink()
        swarm.apply()
        assert swarm.ask("service", "ls", "--quiet") == ""
        overlays = swarm.ask("network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}")
        assert overlays.split() == ["ingress"]
    finally:
        for path, text in texts.items():
            path.write_text(text, "utf-8")
        (cloud / "boards/pc.sls").unlink(missing_ok=True)
        lab.run("image.registry", "absent=True")
        lab.execute("head", "rm", "-r", "/etc/pip.conf", "/srv/pypi")
        docker_part(lab)
        swarm.apply()


def result(lab: Apart) -> dict | None:
    """What the job has said, once it has."""
    lines = lab.run("workload.logs", "workload=spark-count", "lines=200").get("lines", ())
    found = [line["text"] for line in lines if re.match(r"\{.*\}$", line["text"])]
    return json.loads(found[-1]) if found else None


def test_words_are_counted_on_the_nodes(spark: Apart):
    found = spark.wait("the words are counted", lambda: result(spark), 400)
    words = Counter(re.findall(r"\w+", TEXT.lower()))
    assert (found["words"], found["different"]) == (words.total(), len(words))
    assert found["top"] == dict(words)
    assert set(found["nodes"]) <= set(NODES)
    said = spark.run("image.show", "spark")
    assert said["packages"]["amd64"]["pyspark (PyPI)"] == "3.5.9"
    rows = spark.run("workload.status")["workloads"]
    assert rows["spark-worker"]["glasgow"]["drift"] == ""
    assert len(rows["spark-worker"]["glasgow"]["nodes"]) == 2
