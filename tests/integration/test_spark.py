"""
Spark as it runs in its containers, on loopback: the packages of PyPI that its image has, without
what the image leaves out. A worker that is killed in the middle changes nothing but the time.
"""

import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path
from random import Random

import jinja2
import pytest
import yaml

from tests.integration.programs import DIRECT, until

PYTHON = "/usr/bin/python3"
#: Debian's default-jre-headless, in the release that the image is made of.
JAVA = "/usr/lib/jvm/java-17-openjdk-*/bin/java"
MASTER, LEFT, RIGHT, DRIVER = "127.0.47.1", "127.0.47.2", "127.0.47.3", "127.0.47.4"
#: Seconds for Java and Spark to start on a busy machine.
STARTED_S = 240


@pytest.fixture(scope="module")
def build(repo):
    """Return how the image of the example is built."""
    text = jinja2.Template((repo / "examples/spark.sls").read_text()).render()
    return yaml.safe_load(text)["container_images"]["spark"]["build"]


@pytest.fixture(scope="module")
def installed(build):
    """Return a folder with what the image has of PyPI, and no more."""
    with tempfile.TemporaryDirectory(prefix="picloud-spark-") as temporary:
        folder = Path(temporary)
        (folder / "requirements.txt").write_text("\n".join(build["pip"]))
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--require-hashes", "--requirement", folder / "requirements.txt"),
                *("--dest", folder / "pypi"),
            ],
            check=True,
        )
        unpack(folder, build)
        folder.chmod(0o755)
        yield folder / "packages"


def unpack(folder, build):
    """Unpack what was downloaded where ``SPARK_HOME`` of the image would be, but for excluded."""
    packages = folder / "packages"
    (wheel,) = (folder / "pypi").glob("py4j-*.whl")
    zipfile.ZipFile(wheel).extractall(packages)
    (source,) = (folder / "pypi").glob("pyspark-*.tar.gz")
    excluded = dict.fromkeys(build["exclude"], 0)
    with tarfile.open(source) as archive:
        for member in archive:
            # The archive has below deps what is installed below pyspark.
            top, _, name = member.name.partition("/")[2].partition("/")
            if top not in ("deps", "pyspark"):
                continue
            there = f"{build['env']['SPARK_HOME']}/{name}"
            found = [one for one in excluded if fnmatch(there, one) or there.startswith(f"{one}/")]
            for pattern in found:
                excluded[pattern] += 1
            if not found:
                member.name = f"pyspark/{name}"
                archive.extract(member, packages)
    # What is not there could not be built: see excluded.remove.
    assert [pattern for pattern, times in excluded.items() if not times] == []


class Cluster:
    """Programs of the image, each with an address of its own; all are ended in the end."""

    def __init__(self, stack, folder, checkout, installed, build):
        java = next(Path("/").glob(JAVA[1:]), None)
        if java is None:
            pytest.fail(f"{JAVA} is missing: make test installs openjdk-17-jre-headless")
        self.stack, self.folder, self.master = stack, folder, None
        self.env = {
            **build["env"],
            "PATH": os.environ["PATH"],
            "JAVA_HOME": str(java.parent.parent),
            "SPARK_HOME": str(installed / "pyspark"),
            "PYTHONPATH": f"{checkout / 'salt/workloads'}:{installed}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYSPARK_PYTHON": PYTHON,
            "MASTER": f"spark://{MASTER}:7077",
        }

    def start(self, *command, address, **options):
        own = self.folder / address
        own.mkdir(exist_ok=True)
        env = {**self.env, "SPARK_LOCAL_IP": address, "NODE": address, "TMPDIR": str(own)}
        env["SPARK_LOCAL_DIRS"] = str(own)
        log = self.stack.enter_context(open(self.folder / f"{address}.log", "a"))  # noqa: SIM115
        process = subprocess.Popen(
            [PYTHON, "-m", *command],
            **{"stdout": log, "stderr": log, **options},
            env=env,
            cwd=own,
            text=True,
            start_new_session=True,
        )
        self.stack.callback(self.kill, process)
        return process

    @staticmethod
    def kill(process):
        """What a node does to all processes of a container when it loses its power."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, address):
        path = self.folder / f"{address}.log"
        return path.read_text() if path.exists() else ""

    def start_master(self):
        self.master = self.start("picloud_spark.start", "master", address=MASTER)

    def start_worker(self, address):
        return self.start("picloud_spark.start", "worker", address=address)

    def workers_of_master(self):
        """How many workers have found the master, as its page has it."""
        try:
            with DIRECT.open(f"http://{MASTER}:8080/json/", timeout=20) as reply:
                said = json.load(reply)
        except OSError:
            return 0
        return sum(one["state"] == "ALIVE" for one in said["workers"])

    def count(self, *arguments):
        """Start to count words, as a user does."""
        options = {"stdout": subprocess.PIPE}
        return self.start("picloud_spark.wordcount", *arguments, address=DRIVER, **options)

    def said(self, job):
        """What a job has found, when it ends."""
        said, _ = job.communicate(timeout=600)
        assert job.returncode == 0, self.log(DRIVER)
        return said


@pytest.fixture(scope="module")
def cluster(repo, installed, build):
    """Return a master with two workers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picloud-spark-")))
        made = Cluster(stack, folder, repo, installed, build)
        made.start_master()
        made.workers = {address: made.start_worker(address) for address in (LEFT, RIGHT)}
        what = "both workers have found the master"
        until(lambda: made.workers_of_master() == 2, STARTED_S, what)
        yield made


def text(folder, name, size, seed):
    """Write a text of at least so many bytes, and return how often it has each word."""
    random = Random(seed)
    words = ["pi", "well-known", "it's", "Bär", "raspberry", *(f"w{n}" for n in range(500))]
    counted = Counter()
    with (folder / name).open("w") as file:
        while file.tell() < size:
            line = random.choices(words, k=1000)
            counted.update(word.casefold() for word in line)
            file.write(" ".join(line) + ".\n")
    return counted


def test_a_lost_worker_and_a_lost_master_change_nothing_but_the_time(cluster, tmp_path):
    # A name that could not stand in the address of a page as it is.
    expected = text(tmp_path, "a 100% bär #1.txt", 8 * 2**20, 1)
    expected += text(tmp_path, "b.txt", 16 * 2**20, 2)
    job = cluster.count(f"{tmp_path}/*.txt", "--json", "--top", "7")
    for one in cluster.workers:
        work = cluster.folder / one / "work"
        until(lambda folder=work: list(folder.glob("app-*/*/b.txt")), STARTED_S, f"{one} counts")
    cluster.kill(cluster.workers.pop(RIGHT))
    cluster.kill(cluster.master)
    assert job.poll() is None
    found = json.loads(cluster.said(job))
    assert (found["files"], found["words"]) == (2, expected.total())
    assert found["different"] == len(expected)
    top = sorted(expected.items(), key=lambda one: (-one[1], one[0]))[:7]
    assert list(found["top"].items()) == top
    # 3 + 5 parts of 4 MiB; those of the lost worker are done again.
    assert found["nodes"] == {LEFT: 8}

    # Swarm starts both anew; the worker that was there finds the new master.
    cluster.start_master()
    cluster.workers[RIGHT] = cluster.start_worker(RIGHT)
    what = "both workers are the new master's"
    until(lambda: cluster.workers_of_master() == 2, STARTED_S, what)
    for name in ("c", "d"):
        (tmp_path / name).write_text("Hello world, hello Pi!\nOne Pi, two Pis.\n")
    said = cluster.said(cluster.count(f"{tmp_path}/[cd]", "--top", "2")).splitlines()
    assert said[:2] == ["hello  4", "pi     4"]
    assert said[2].startswith("16 words, 6 different ones, in 2 files, after ")


#: A program of a user: tables, SQL, the formats of files, and a function of Python.
SQL = """
import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, udf

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.range(1000).withColumn("rest", col("id") % 7).createOrReplaceTempView("numbers")
table = spark.sql("select rest, count(*) as times from numbers group by rest")
for form in ("csv", "json", "orc", "parquet"):
    table.write.format(form).save(f"{sys.argv[1]}/{form}")
    assert spark.read.format(form).load(f"{sys.argv[1]}/{form}").count() == 7
double = udf(lambda times: 2 * times, "long")
print(table.where("rest = 0").select(double("times").alias("twice")).first().twice)
"""


def test_sql_misses_nothing_that_the_image_leaves_out(cluster, tmp_path):
    program = cluster.folder / "program.py"
    program.write_text(SQL)
    env = {**cluster.env, "SPARK_LOCAL_IP": DRIVER, "SPARK_LOCAL_DIRS": str(tmp_path)}
    done = subprocess.run(
        [PYTHON, program, tmp_path], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "286"), done.stderr
