"""Spark on real nodes as ``make spark`` brings it: its image, workers that count, and no trace."""

import re
from collections import Counter

import pytest

from lab.apart import Apart
from lab.swarm import Swarm

TEXTS = {"one.txt": "Hello world, hello Pi!\n", "two.txt": "One Pi, two Pis.\n"}
MANAGERS = ("pi0", "pi14", "pi28")


@pytest.fixture(scope="module")
def user(repo):
    """Return a lab apart that is not up; what it leaves is removed."""
    made = Apart("picloud-sp", repo, repo, "10.86.")
    made.make("down")
    yield made
    made.make("down")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with texts."""
    made = tmp_path_factory.mktemp("text")
    for name, text in TEXTS.items():
        (made / name).write_text(text)
    return made


def counted(user: Apart, files: str) -> str:
    """What is printed of files."""
    return user.make("spark", "--subnet", user.subnet, "--files", files)


@pytest.fixture(scope="module")
def first(user: Apart, folder):
    """Return what is printed of all texts, the lab being made for it."""
    return counted(user, f"{folder}/*")


def listed(text: str) -> dict[str, int]:
    """The words in what was printed."""
    return {word: int(number) for word, number in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}


def test_words_of_files_are_counted_on_the_nodes(user: Apart, first):
    words = Counter(re.findall(r"\w+", "".join(TEXTS.values()).lower()))
    assert listed(first) == dict(words)
    summary = rf"{words.total()} words, {len(words)} different ones, in 2 files"
    assert re.search(rf"{summary}, after [\d.]+ s; parts by node: pi\d+ ", first), first
    assert re.search(r"count +[12] of 3 nodes counted", first), first
    assert user.run("image.show", "spark")["packages"]["amd64"]["pyspark (PyPI)"] == "3.5.9"
    worker = user.run("workload.status")["workloads"]["spark-worker"]["glasgow"]
    assert (worker["drift"], len(worker["nodes"])) == ("", 2)


def test_other_files_are_counted_in_the_same_lab(user: Apart, first, folder):
    again = counted(user, str(folder / "two.txt"))
    assert "spark: unchanged" in again
    assert listed(again) == {"one": 1, "pi": 1, "pis": 1, "two": 1}
    assert "in 1 files" in again


def test_nothing_is_left_when_it_is_described_no_more(user: Apart, first):
    copy = user.settings.state / "checkout"
    lab = Apart(user.name, user.source, copy, user.subnet)
    swarm = Swarm(lab, MANAGERS)
    assert swarm.ask("service", "ls", "--quiet")
    (copy / "pillar/cloud/workloads/spark.sls").unlink()
    swarm.apply()
    assert swarm.ask("service", "ls", "--quiet") == ""
    overlays = swarm.ask("network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}")
    assert overlays.split() == ["ingress"]
