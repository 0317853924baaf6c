"""Counting words part by part, and how Spark is started; it runs in the integration tests."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picloud_spark import start, wordcount, words
from picloud_spark.words import Part, parts

TEXT = "Der Bär, der Bär!\nIt's a well-known fact; IT'S.\n\n_x_ 42\nlast line without an end"


@given(text=st.text(alphabet="ab \n'ä", max_size=200), size=st.integers(1, 50))
def test_however_a_file_is_split_each_word_counts_once(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("text") / "a"
    path.write_bytes(text.encode())
    split = parts([("a", path.stat().st_size)], size)
    found = sum((words.count(path, one.start, one.end) for one in split), Counter())
    assert found == Counter(word for line in text.split("\n") for word in words.WORD.findall(line))


def test_words_are_of_any_language_and_in_lower_case(tmp_path):
    (tmp_path / "a").write_text(TEXT)
    found = words.count(tmp_path / "a", 0, 10**6)
    assert found == {
        **{"der": 2, "bär": 2, "it's": 2, "a": 1, "well-known": 1, "fact": 1, "x": 1, "42": 1},
        **{"last": 1, "line": 1, "without": 1, "an": 1, "end": 1},
    }


def test_what_is_no_utf8_is_counted_all_the_same(tmp_path):
    (tmp_path / "a").write_bytes(b"good \xff\xfe bad\n")
    assert words.count(tmp_path / "a", 0, 99) == {"good": 1, "bad": 1}


def test_a_file_that_is_empty_has_no_part():
    assert parts([("a", 0), ("b", 3)], 2) == [Part("b", 0, 2), Part("b", 2, 3)]


def test_files_by_pattern(tmp_path):
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "link.txt").symlink_to("b.txt")
    found, faults = words.files([f"{tmp_path}/*.txt", f"{tmp_path}/a.txt"])
    assert ([path.name for path in found], faults) == (["a.txt", "b.txt"], [])


def test_all_that_is_wrong_with_files_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "x").mkdir()
    for path in (tmp_path / "a", tmp_path / "x" / "a"):
        path.write_text("x")
    monkeypatch.setattr("os.access", lambda path, mode: path.parent != tmp_path)
    given = ["text", f"{tmp_path}/nothing*", "/", f"{tmp_path}/a", f"{tmp_path}/x/a", "--top", "0"]
    assert wordcount.main(given) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "Nothing was counted:"
    assert [line.partition(":")[0] for line in said[1:]] == [
        "text",
        f"{tmp_path}/nothing*",
        "/",
        "a",
        f"{tmp_path}/a",
        "--top",
    ]


def test_a_worker_takes_what_it_is_given_and_finds_its_master():
    said = start.command("worker", "10.0.1.3", {"SPARK_HOME": "/spark", "MEMORY": "1g"})
    assert said[:4] == [
        "/spark/bin/spark-class",
        "org.apache.spark.deploy.worker.Worker",
        "--host",
        "10.0.1.3",
    ]
    assert said[-7:-5] == ["--work-dir", "/tmp/work"]
    assert said[-5:] == ["--cores", "1", "--memory", "1g", "spark://spark-master:7077"]
    assert start.address({"SPARK_LOCAL_IP": "10.0.1.3"}) == "10.0.1.3"


@pytest.mark.parametrize(
    ("role", "environment", "words"),
    [
        ("boss", {"SPARK_HOME": "/spark"}, "'boss' is no role"),
        ("master", {}, "SPARK_HOME is not set"),
    ],
)
def test_what_cannot_be_started_says_why(role, environment, words):
    with pytest.raises(start.RoleError, match=words):
        start.command(role, "10.0.1.3", environment)


def test_a_missing_spark_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("SPARK_HOME", "/nowhere")
    monkeypatch.setenv("SPARK_LOCAL_IP", "10.0.1.3")
    assert start.main(["master"]) == 1
    assert "No such file or directory" in capsys.readouterr().err
    assert start.main([]) == 1


def test_the_driver_is_reached_at_its_own_address():
    said = wordcount.settings("10.0.1.4", {"MASTER": "spark://x:1", "EXECUTOR_MEMORY": "1g"})
    assert (said["spark.master"], said["spark.driver.host"]) == ("spark://x:1", "10.0.1.4")
    assert said["spark.executor.memory"] == "1g"


def test_what_was_found_for_people():
    found = {"files": 2, "words": 1234, "different": 2, "top": {"the": 1200, "a": 34}}
    text = wordcount.text({**found, "nodes": {"pi0": 3}, "seconds": 4.2})
    assert text.splitlines() == [
        "the  1,200",
        "a    34",
        "1,234 words, 2 different ones, in 2 files, after 4.2 s; parts by node: pi0 3",
    ]


def test_the_example_has_all_programs(repo):
    text = (repo / "examples/spark.sls").read_text()
    listed = re.findall(r"/srv/picloud/(salt/workloads/picloud_spark/\S+?)}", text)
    there = sorted((repo / "salt/workloads/picloud_spark").glob("*.py"))
    assert [Path(repo / name) for name in sorted(listed)] == there
