"""Which files ``make spark`` counts, what it describes for that, and what it makes of the logs."""

import os

import pytest
from picloud.workloads import seen

from lab import boards, description, host, lock, spark, workloads
from lab.errors import LabError
from lab.settings import Settings


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Make some files, and the folder that paths are relative to."""
    for name in ("a.txt", "b c.txt", "more/d.txt", "other/d.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("Hello Pi\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("", []),
        ("a.txt", ["a.txt"]),
        ("*.txt a.txt", ["a.txt", "b c.txt"]),
        ("'b c.txt' more/*", ["b c.txt", "more/d.txt"]),
        ("m*", None),
    ],
)
def test_files_are_named_as_in_a_shell(texts, files, names):
    if names is None:
        with pytest.raises(LabError, match=r"m\* is no file; for those in a folder: m\*/\*"):
            spark.chosen(files)
    else:
        assert [str(path) for path in spark.chosen(files)] == names


def test_all_files_that_cannot_be_counted_are_named_at_once(texts):
    with pytest.raises(LabError) as caught:
        spark.chosen("more other/ */d.txt nothing.txt")
    for reason in (
        "more is no file; for those in a folder: more/*",
        "other/ is no file; for those in a folder: other/*",
        "2 files are called d.txt",
        "there is no file nothing.txt",
    ):
        assert reason in caught.value.what
    with pytest.raises(LabError, match="No closing quotation"):
        spark.chosen("'a.txt")


@pytest.fixture
def own(repo, tmp_path):
    """Return a lab whose copy of the checkout is made."""
    made = Settings("spark", tmp_path / "copy", tmp_path)
    spark.copy(made, repo, "10.85.")
    return made


def test_the_copy_has_other_boards_and_addresses_and_no_workload(own, repo):
    site = description.read(own.checkout)
    assert site.subnet == "10.85.0.0/16"
    assert {node.model for node in site.nodes} == {spark.BOARD}
    assert boards.make("spark", site.nodes[0])
    assert description.cloud_of(own.checkout / "pillar/cloud").common.workloads == {}
    assert "web" in description.cloud_of(repo / "pillar/cloud").common.workloads


def test_what_does_not_fit_is_not_left_for_the_next_run(own, repo, texts):
    example = own.checkout / spark.EXAMPLE
    good = example.read_text()
    example.write_text(good.replace("workloads:\n", "workloads:\n  none: {image: none}\n", 1))
    with pytest.raises(LabError):
        spark.describe(own, [])
    assert not spark._described(own).exists()
    example.write_text(good)
    spark.describe(own, [])
    before = spark._described(own).read_text()
    example.write_text("workloads: {spark-count: {image: none}}\ncontainer_images: {}\n")
    with pytest.raises(LabError):
        spark.describe(own, [])
    assert spark._described(own).read_text() == before


def test_each_run_is_described_anew_and_stays_until_the_next(own, repo, texts, tmp_path):
    first = spark.describe(own, [])
    assert first["workloads"][spark.JOB]["args"][1] == "/usr/share/common-licenses/*"
    found = spark.describe(own, [tmp_path / "a.txt"])
    spark.copy(own, repo, "10.85.")
    described = description.cloud_of(own.checkout / "pillar/cloud").common.workloads
    job = described[spark.JOB]
    assert job.env == found["workloads"][spark.JOB]["env"]
    assert job.args == ("picloud_spark.wordcount", "/srv/text/*")
    assert [(one.target, one.source, one.read_only) for one in job.mounts] == [
        ("/tmp", None, False),
        ("/srv/text", "/srv/text", True),
    ]
    # Swarm's template, unread by Salt's.
    assert described["spark-worker"].env["NODE"] == "{{.Node.Hostname}}"


def test_runs_of_the_same_files_differ(repo):
    example = (repo / spark.EXAMPLE).read_text()
    one, two = (spark.described(example, True, run)["workloads"][spark.JOB] for run in "12")
    assert one != two
    assert one["args"] == two["args"]


def log(*texts, at="2026-11-21T15:02:07.123456789Z"):
    return [{"at": at, "text": text} for text in texts]


LAST = "6 words, 4 different ones, in 1 files, after 9.3 s; parts by node: pi0 1, pi14 2"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], None),
        (log("pi  3", "hello  1"), None),
        (log("", "26/11/21 WARN Java", "a  1,304", LAST, "good bye"), ["a  1,304", LAST]),
        (log("old", LAST, at="2026-11-21T15:02:06Z"), None),
        ([*log(LAST, at="2026-11-21T15:02:06Z"), *log("pi  3", LAST)], ["pi  3", LAST]),
    ],
)
def test_only_what_this_run_said_counts(lines, found):
    assert spark.said(lines, seen.seconds("2026-11-21T15:02:07Z")) == found


@pytest.fixture
def steps(monkeypatch, repo, tmp_path):
    """Run without a lab; return the settings, and what was done."""
    done = []
    monkeypatch.setattr(lock, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr("lab.settings.STATE", tmp_path / "state")
    monkeypatch.setattr(spark.cluster, "containers", lambda _: {})
    monkeypatch.setattr(host, "free_mb", lambda: 9000)
    site = description.read(repo)

    def bring(_settings, wanted, bare):
        done.append("up")
        assert bare
        return description.choose(site, wanted)

    monkeypatch.setattr(spark.up, "bring", bring)
    monkeypatch.setattr(spark, "_fetch", lambda *_: done.append("fetch") or "")
    monkeypatch.setattr(spark, "_deal_out", lambda *_: done.append("files") or "")
    monkeypatch.setattr(workloads, "build", lambda *_: done.append("build") or {})
    monkeypatch.setattr(workloads, "start", lambda _, names: done.append(" ".join(names)))
    monkeypatch.setattr(spark, "LOOK_S", 0)
    monkeypatch.setattr(seen, "seconds", lambda _: 1e12)
    return Settings("spark", repo, tmp_path / "cache"), done


def test_words_are_counted_after_all_is_there(steps, monkeypatch, capsys):
    settings, done = steps
    answers = [[], log("pi  3"), log("pi  3", LAST)]
    monkeypatch.setattr(workloads, "runner", lambda *_: {"lines": answers.pop(0)})
    assert spark.run(settings, "") == 0
    assert done == ["up", "fetch", "build", "files", "pi0 pi14 pi28"]
    said = capsys.readouterr().out
    assert "2 of 3 nodes counted" in said
    assert f"pi  3\n{LAST}\n" in said
    assert "make down LAB=spark" in said


def test_what_is_never_counted_is_said(steps, monkeypatch):
    settings, _ = steps
    monkeypatch.setattr(spark, "COUNT_S", 0.1)

    def busy(*_):
        raise LabError("workload.logs failed: pi0 does not answer", "")

    monkeypatch.setattr(workloads, "runner", busy)
    with pytest.raises(
        LabError, match=r"not counted after 0\.1 s: workload\.logs failed"
    ) as caught:
        spark.run(settings, "")
    assert "LAB=spark ARGS='workload.status workload=spark-count'" in caught.value.remedy


def test_without_memory_nothing_is_begun(steps, monkeypatch):
    settings, done = steps
    monkeypatch.setattr(host, "free_mb", lambda: 2000)
    with pytest.raises(LabError, match="Spark needs 2600 MB of memory, 2000 MB are free"):
        spark.run(settings, "")
    assert done == []
    assert os.listdir(settings.checkout)
