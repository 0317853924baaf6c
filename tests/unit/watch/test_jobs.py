"""Reading the master's job cache: newest first, bounded, and never upset by what lies in it."""

import os

import picloud_jobs
import pytest
import salt.utils.jid
import salt.utils.msgpack
from picloud.status import Key

T0 = "20261120100000000000"  # each minute of the tests is one more
START = picloud_jobs._time(T0)


@pytest.fixture
def opts(tmp_path):
    return {"cachedir": str(tmp_path), "job_cache": True, "master_job_cache": "local_cache"}


@pytest.fixture
def job(opts, tmp_path):
    """Return a function that puts a job into the cache as local_cache does."""

    def put(path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(salt.utils.msgpack.packb(data, use_bin_type=True))

    def make(minute, targets, returns, *, fun="state.highstate", arg=(), touched=None):
        jid = f"2026112010{minute:02d}00000000"
        folder = salt.utils.jid.jid_dir(jid, str(tmp_path / "jobs"), "sha256")
        base = tmp_path / os.path.relpath(folder, tmp_path)
        put(base / ".load.p", {"fun": fun, "arg": list(arg), "jid": jid})
        put(base / ".minions.p", list(targets))
        for node, returned in returns.items():
            put(base / node / "return.p", {"return": returned, "retcode": 0, "success": True})
        when = START + 60 * (minute if touched is None else touched)
        os.utime(base, (when, when))
        return base

    return make


def states(outcome=True):
    return {"test_|-a_|-a_|-nop": {"result": outcome, "changes": {}, "__id__": "a"}}


def find(opts, *nodes, **kwargs):
    return picloud_jobs.highstates(opts, set(nodes), **kwargs)


def test_a_master_that_never_ran_a_job(opts):
    assert find(opts, "pi0") == ({}, [])


def test_the_newest_highstate_counts(opts, job):
    job(1, ["pi0"], {"pi0": states(False)})
    job(2, ["pi0"], {"pi0": states()})
    records, _ = find(opts, "pi0")
    assert records["pi0"].last.ok
    assert records["pi0"].last.at == START + 120


def test_an_older_job_that_was_touched_later_does_not_win(opts, job):
    job(1, ["pi0", "pi1"], {"pi0": states(False), "pi1": states()}, touched=9)  # pi1 was slow
    job(2, ["pi0"], {"pi0": states()})
    records, _ = find(opts, "pi0")
    assert records["pi0"].last.at == START + 120


def test_other_jobs_partial_runs_and_busy_answers_do_not_count(opts, job):
    job(1, ["pi0"], {"pi0": states()})
    job(2, ["pi0"], {"pi0": states(False)}, fun="state.apply", arg=["docker"])
    job(3, ["pi0"], {"pi0": True}, fun="test.ping")
    busy = ['The function "state.highstate" is running as PID 7 and was started at 1 with jid 2']
    job(4, ["pi0"], {"pi0": busy})
    records, _ = find(opts, "pi0")
    assert records["pi0"].last.at == START + 60


def test_a_highstate_that_did_not_come_back_is_awaited(opts, job):
    job(1, ["pi0", "pi1"], {"pi0": states(), "pi1": states()})
    job(2, ["pi0", "pi1", "pi2"], {"pi0": states()})
    records, _ = find(opts, "pi0", "pi1", "pi2")
    assert records["pi0"].awaited_at is None
    assert records["pi1"].awaited_at == START + 120
    assert records["pi2"] == (None, START + 120)


def test_an_answer_after_an_unanswered_one_ends_the_wait(opts, job):
    job(1, ["pi0"], {})
    job(2, ["pi0"], {"pi0": states()})
    assert find(opts, "pi0")[0]["pi0"].awaited_at is None


def test_only_the_nodes_asked_for_are_read(opts, job):
    job(1, ["pi0", "pi1"], {"pi0": states(), "pi1": states()})
    assert set(find(opts, "pi1")[0]) == {"pi1"}


def test_reading_stops_once_every_node_is_found(opts, job, monkeypatch):
    for minute in range(1, 30):
        job(minute, ["pi0"], {"pi0": states()})
    opened = []
    real = picloud_jobs._Cache.job
    monkeypatch.setattr(
        picloud_jobs._Cache, "job", lambda self, path: opened.append(path) or real(self, path)
    )
    find(opts, "pi0")
    assert len(opened) == 1


def test_a_long_cache_is_read_up_to_a_limit_that_is_told(opts, job):
    for minute in range(1, 9):
        job(minute, ["pi1"], {"pi1": True}, fun="test.ping")
    records, notices = find(opts, "pi0", most=5)
    assert records == {}
    assert notices == ["Only the newest 5 jobs of the cache were looked through."]


def test_broken_files_are_passed_over(opts, job):
    job(1, ["pi0"], {"pi0": states()})
    (job(2, ["pi0"], {"pi0": states()}) / "pi0" / "return.p").write_bytes(b"\xc1half")
    (job(3, ["pi0"], {"pi0": states()}) / ".load.p").write_bytes(b"")
    (job(4, ["pi0"], {"pi0": states()}) / ".load.p").unlink()
    records, _ = find(opts, "pi0")
    assert records["pi0"].last.at == START + 60


def test_node_ids_that_look_like_paths_are_only_names(opts, job):
    job(1, ["pi0"], {"pi0": states()})
    assert find(opts, "../../etc", "*", "pi0\n")[0] == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ext_job_cache": "redis"}, "'redis'"),
        ({"master_job_cache": "pgjsonb"}, "'pgjsonb'"),
        ({"job_cache": False}, "job_cache: false"),
    ],
)
def test_other_job_caches_are_named(opts, changed, words):
    records, notices = find({**opts, **changed}, "pi0")
    assert records == {}
    assert words in notices[0]


def test_keys():
    keys = picloud_jobs.Keys(
        frozenset({"a", "d"}), frozenset({"b"}), frozenset({"c"}), frozenset({"d"})
    )
    assert [keys.of(name) for name in "abcde"] == [
        Key.ACCEPTED,
        Key.PENDING,
        Key.REJECTED,
        Key.ACCEPTED,
        Key.NONE,
    ]


def test_connections_are_told_by_address(monkeypatch):
    monkeypatch.setattr("salt.utils.network.local_port_tcp", lambda port: {"10.80.1.1"})
    told = {
        "pi0": ({"ipv4": ["127.0.0.1", "10.80.1.1"]}, 1),
        "pi1": ({"ipv4": ["127.0.0.1", "10.80.1.2"], "ipv6": ["::1"]}, 1),
    }
    assert picloud_jobs.connected({"publish_port": 4505}, told) == {"pi0"}
    assert picloud_jobs.connected({"minion_data_cache": False}, told) is None


def test_nodes_of_the_masters_own_machine_connect_over_loopback(monkeypatch):
    monkeypatch.setattr("salt.utils.network.local_port_tcp", lambda port: {"127.0.0.1"})
    monkeypatch.setattr("salt.utils.network.ip_addrs", lambda: ["10.80.0.2"])
    monkeypatch.setattr("salt.utils.network.ip_addrs6", lambda: [])
    told = {"head": ({"ipv4": ["10.80.0.2"]}, 1), "pi1": ({"ipv4": ["127.0.0.1"]}, 1)}
    assert picloud_jobs.connected({"publish_port": 4505}, told) == {"head"}
