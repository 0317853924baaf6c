"""``salt-run workload.status|logs|scale|restart|drain|undrain`` against managers that answer."""

import contextlib
import shutil

import picloud_drain
import picloud_salt
import pytest
import salt.client
import salt.config
import salt.loader
import salt.pillar
from picloud import tables
from picloud.ledger.swarms import Swarm as Recorded
from picloud_rejoin.keys import KeyStore

from tests.clock import set_clock

from .managers import FULL, MANAGERS, Swarm

WORKLOADS = """
container_images:
  web: {tag: "1", archs: [armel, armhf, arm64, amd64]}
workloads:
  web:
    image: web
    replicas: 3
    resources: {cpus: 0.1, memory_mb: 16, uplink_mbps: 5}
    publish: [{published: 80}]
"""


@pytest.fixture
def swarm(monkeypatch):
    one = Swarm()
    monkeypatch.setattr(salt.client, "get_local_client", lambda mopts: contextlib.nullcontext(one))
    monkeypatch.setattr(picloud_drain, "PACE_S", 0)
    return one


@pytest.fixture
def opts(repo, master, tmp_path):
    """A master with the shipped nodes and one workload, whose managers have all joined."""
    cloud = shutil.copytree(
        repo / "pillar" / "cloud", tmp_path / "cloud", ignore=shutil.ignore_patterns("workloads*")
    )
    (cloud / "workloads.sls").write_text(WORKLOADS)
    config = master(cloud)
    for name in MANAGERS:
        KeyStore(config).accept(name, f"key of {name}\n")
    return config


@pytest.fixture
def pillar(opts):
    """What a node sees of the cloud."""
    return lambda node: salt.pillar.Pillar(opts, {}, node, "base").compile_pillar()["picloud"]


@pytest.fixture
def run(salt_run, swarm, pillar):
    """Run a function of the runner; what it returned, and its exit status."""
    swarm.described = lambda: pillar("pi0")["workloads"]["services"]["web"]["replicas"]
    return lambda function, *args, **named: salt_run(f"workload.{function}", *args, **named)


def test_the_status_has_a_row_for_each_workload(run, swarm):
    said, code = run("status")
    assert code == 0
    assert said["rows"] == [
        [
            *("web", "glasgow", "picloud/web:1", "replicated", "3 of 3", "yes"),
            *("rack1: pi0; rack2: pi14; rack3: pi28", "-"),
        ]
    ]
    swarm.replicas = 1
    said, code = run("status", workload="web")
    assert code == 1
    assert "as described: no: replicas is 1, not 3" in tables.render(said)
    assert said["notices"][-1].startswith("web is reached at 10.80.1.1:80 (pi0)")
    assert [row[:4] for row in said["rows"]] == [
        ["web.1", "pi0", "rack1", "running"],
        ["web.2", "pi14", "rack2", "running"],
        ["web.3", "pi28", "rack3", "running"],
    ]


def test_any_manager_that_answers_will_do(run, swarm):
    swarm.silent = {"pi0"}
    swarm.inactive = {"pi14"}
    said, code = run("status")
    assert (code, said["rows"][0][4]) == (0, "3 of 3")
    assert swarm.asked[-1][:2] == ("pi28", "swarmwork.look")


@pytest.mark.parametrize(
    "answers",
    [
        (MANAGERS, (), "No manager of the swarm of glasgow can be reached: pi0 does not answer;"),
        ((), MANAGERS, "There is no swarm at glasgow yet (pi0 manages none: inactive;"),
        (("pi0",), ("pi14", "pi28"), "pi0 does not answer; pi14 manages none: inactive"),
    ],
)
@pytest.mark.parametrize(
    "asked",
    [
        ("status", {}),
        ("logs", {"workload": "web"}),
        ("scale", {"workload": "web", "replicas": 5}),
        ("restart", {"workload": "web"}),
        ("drain", {"node": "pi1"}),
        ("undrain", {"node": "pi1"}),
    ],
)
def test_without_a_manager_there_is_one_clear_error(run, swarm, opts, asked, answers):
    function, given = asked
    silent, inactive, words = answers
    swarm.silent, swarm.inactive = set(silent), set(inactive)
    said, code = run(function, **given)
    assert (code, said["show"]) == (1, "message")
    assert words in said["message"]
    overrides = picloud_salt.ledger(opts).overrides
    assert (overrides.scales(), overrides.drains()) == ({}, {})


def test_managers_that_were_never_let_in_are_not_asked(run, swarm, opts):
    shutil.rmtree(opts["pki_dir"])
    said, code = run("status")
    assert code == 1
    assert "pi0 has no accepted key; pi14 has no accepted key" in said["message"]
    assert swarm.asked == []


def test_another_swarm_than_the_one_on_record_is_not_asked(run, swarm, opts):
    picloud_salt.ledger(opts).swarms.put(Recorded("glasgow", "pi0", "c2", 1.0))
    said, code = run("status")
    assert code == 1
    assert "pi0 is in another swarm" in said["message"]


def test_managers_without_the_modules_and_odd_answers_are_named(run, swarm):
    swarm.missing = {"swarmwork.look"}
    said, _ = run("status")
    assert said["message"] == (
        "pi0: has no swarmwork.look yet; bring it the modules: salt pi0 saltutil.sync_all"
    )
    swarm.missing = set()
    swarm.swarmwork_look = lambda _name: {"nodes": "\x1b[2J"}
    said, code = run("status")
    assert code == 1
    assert "pi0 answered swarmwork.look with what no manager says: nodes:" in said["message"]
    swarm.failing = {"swarmwork.look": "Docker Engine refuses: there is no leader.\x07"}
    said, _ = run("status")
    assert said["message"] == ("pi0: Docker Engine refuses: there is no leader.\\x07")


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("status", {"workload": "wbe"}, 'There is no workload "wbe"; did you mean "web"?'),
        ("logs", {"workload": "wbe"}, 'There is no workload "wbe"; did you mean "web"?'),
        ("restart", {"workload": "zzz"}, 'There is no workload "zzz"; known workloads: web'),
        ("scale", {"workload": "Web", "replicas": 3}, 'did you mean "web"?'),
        ("scale", {"workload": "web", "replicas": "five"}, "replicas: must be a number such as 5"),
        ("scale", {"workload": "web", "replicas": -1}, "replicas: must be a number such as 5"),
        ("scale", {"workload": "web", "replicas": 3, "timeout": "x"}, "timeout: must be a number"),
        ("logs", {"workload": "web", "lines": "all"}, "lines: must be a number such as 100"),
        ("logs", {"workload": "web", "lines": 0}, "lines: must be 1 to 5000; it is 0"),
        ("drain", {"node": "pi03"}, 'There is no node "pi03"; did you mean "pi3"?'),
        ("undrain", {"node": "pi03"}, 'There is no node "pi03"; did you mean "pi3"?'),
        ("drain", {"node": "pi5"}, "pi5 is not in the swarm of glasgow yet; its highstate"),
    ],
)
def test_a_newcomers_mistakes(run, swarm, function, given, words):
    said, code = run(function, **given)
    assert (code, said["show"]) == (1, "message")
    assert words in said["message"]
    assert not [one for one in swarm.asked if one[1] in ("swarmwork.settle", "swarmnode.set")]


def test_a_scale_is_kept_told_to_the_managers_and_shown(run, swarm, opts, pillar):
    said, code = run("scale", workload="web", replicas=5)
    assert code == 0, said
    assert said["message"] == (
        "web: 5 replicas by hand, 3 described. To go back:"
        " salt-run workload.scale workload=web replicas=described"
    )
    assert said["changes"] == {"glasgow": {"replicas": {"old": 3, "new": 5}}}
    assert pillar("pi14")["workloads"]["services"]["web"]["replicas"] == 5
    said, code = run("status")
    assert (code, said["scaled"]) == (0, {"web": 5})
    assert said["rows"][0][4:6] == ["5 of 5", "scaled to 5 by hand, 3 described"]
    said, _ = run("plan")
    assert said["workloads"]["web"]["wanted"] == 5
    assert "web: 5 replicas by hand, 3 described" in said["notices"]
    said, code = run("scale", workload="web", replicas="described")
    assert (code, said["message"]) == (0, "web: 3 replicas, as described")
    assert pillar("pi0")["workloads"]["services"]["web"]["replicas"] == 3
    assert picloud_salt.ledger(opts).overrides.scales() == {}


def test_a_scale_for_which_there_is_no_room_is_refused(run, swarm, opts):
    said, code = run("scale", workload="web", replicas=57)
    assert code == 1
    assert "web stays as it is, because 57 replicas do not fit. web: " in said["message"]
    assert "the uplink of glasgow is short" in said["message"]
    assert picloud_salt.ledger(opts).overrides.scales() == {}
    assert swarm.asked == []


def test_a_scale_that_does_not_come_about_stays_and_says_so(run, swarm, opts):
    swarm.failing = {"swarmwork.settle": "web: 3 of 5 tasks run after 120 s"}
    said, code = run("scale", workload="web", replicas=5)
    assert code == 1
    assert said["message"].startswith("pi0: web: 3 of 5 tasks run after 120 s\n")
    assert "is recorded all the same" in said["message"]
    assert picloud_salt.ledger(opts).overrides.scales()["web"].replicas == 5


def test_a_workload_that_is_described_no_more_can_be_forgotten(run, opts):
    run("scale", workload="web", replicas=5)
    file = f"{opts['ext_pillar'][0]['picloud']['path']}/workloads.sls"
    with open(file) as handle:
        text = handle.read()
    with open(file, "w") as handle:
        handle.write(text.replace("  web:\n    image: web", "  www:\n    image: web"))
    said, code = run("scale", workload="web", replicas=4)
    assert (code, said["message"]) == (1, "web is described no more, so it cannot be scaled")
    said, code = run("scale", workload="web", replicas="described")
    assert code == 0
    assert picloud_salt.ledger(opts).overrides.scales() == {}


def test_logs_name_the_node_of_each_line(run):
    said, code = run("logs", workload="web", lines=2)
    assert code == 0
    assert said["message"].splitlines() == [
        "pi3 web.1 | 3\\x1b[",
        "pi4 web.1 | 4\\x1b[",
        "glasgow: node pi9 is not available",
    ]
    assert [line["node"] for line in said["lines"]] == ["pi3", "pi4"]


def test_a_restart_waits_for_the_new_tasks(run, swarm):
    said, code = run("restart", workload="web", timeout=50)
    assert (code, said["message"]) == (0, "web at glasgow: all tasks are new")
    assert swarm.asked[-2:] == [
        ("pi0", "swarmservice.restart", "web"),
        ("pi0", "swarmservice.wait", "web", 50),
    ]
    swarm.failing = {"swarmservice.wait": "web: 2 of 3 tasks run; update paused (it failed)"}
    said, code = run("restart", workload="web")
    assert (code, said["message"]) == (1, "pi0: web: 2 of 3 tasks run; update paused (it failed)")


def test_a_drained_node_is_empty_until_it_is_taken_back(run, swarm, opts, pillar):
    said, code = run("drain", node="pi28")
    assert code == 0, said
    assert said["message"] == "pi28 is empty, until: salt-run workload.undrain node=pi28"
    assert (said["moved"], swarm.tasks[3]) == (["web"], "pi1")
    assert pillar("pi0")["drained"] == ["pi28"]
    assert "drained" not in pillar("pi28") or "workloads" in pillar("pi28")
    assert "drained" not in pillar("pi1")
    said, code = run("status")
    assert (code, said["notices"]) == (0, ["Drained until workload.undrain: pi28"])
    said, _ = run("plan")
    assert "pi28" not in said["workloads"]["web"]["nodes"]
    assert run("drain", node="pi28")[1] == 0
    said, code = run("undrain", node="pi28")
    assert (code, said["message"]) == (0, "pi28 takes tasks again")
    assert swarm.availability["pi28"] == "active"
    assert "drained" not in pillar("pi0")
    assert run("undrain", node="pi28")[0]["message"] == "pi28 was not drained"


def test_tasks_that_can_go_nowhere_are_named_with_the_reason(run, swarm):
    swarm.tasks[1] = "pi1"
    said, code = run("drain", node="pi28")
    assert code == 1
    assert said["message"].splitlines()[1] == f"Could go nowhere: web.3 ({FULL})"
    assert swarm.availability["pi28"] == "drain"


def test_a_drain_that_leaves_no_room_is_refused_unless_it_is_forced(run, swarm, opts):
    file = f"{opts['ext_pillar'][0]['picloud']['path']}/workloads.sls"
    with open(file) as handle:
        text = handle.read()
    with open(file, "w") as handle:
        handle.write(text.replace("replicas: 3", "replicas: 14\n    placement: {racks: [rack1]}"))
    said, code = run("drain", node="pi1")
    assert code == 1
    assert "pi1 is not drained, because not all that runs on it has room" in said["message"]
    assert "web: 13 of 14 replicas fit at glasgow" in said["message"]
    assert picloud_salt.ledger(opts).overrides.drains() == {}
    assert run("drain", node="pi1", force=True)[1] == 0
    assert list(picloud_salt.ledger(opts).overrides.drains()) == ["pi1"]


@pytest.mark.parametrize("was", ["active", "pause"])
def test_a_node_that_does_not_get_empty_is_put_back(run, swarm, opts, was, monkeypatch):
    ticks = iter(range(0, 10**6, 20))
    set_clock(monkeypatch, picloud_drain, monotonic=lambda: next(ticks))
    swarm.stuck, swarm.availability["pi28"] = True, was
    said, code = run("drain", node="pi28", timeout=60)
    assert code == 1
    assert "pi28 is not empty after 60 s: it still has web.3 (running)" in said["message"]
    assert swarm.availability["pi28"] == was
    assert picloud_salt.ledger(opts).overrides.drains() == {}


def test_the_last_node_that_is_up_is_drained_only_when_it_is_forced(run, swarm, opts):
    swarm.availability |= dict.fromkeys(("pi0", "pi1", "pi14"), "drain")
    said, code = run("drain", node="pi28")
    assert code == 1
    assert said["message"] == (
        "pi28 is not drained: no other node of glasgow is up and may run anything, so web would run"
        " nowhere. To drain it all the same: force=True"
    )
    assert picloud_salt.ledger(opts).overrides.drains() == {}
    run("drain", node="pi28", force=True)
    assert list(picloud_salt.ledger(opts).overrides.drains()) == ["pi28"]


def test_a_drain_that_is_refused_by_the_swarm_leaves_no_record(run, swarm, opts):
    swarm.failing = {"swarmnode.set": "Docker Engine refuses: update out of sequence"}
    said, code = run("drain", node="pi28")
    assert code == 1
    assert "pi0: Docker Engine refuses: update out of sequence" in said["message"]
    assert "It could not be put back yet" in said["message"]
    assert picloud_salt.ledger(opts).overrides.drains() == {}


@pytest.fixture(params=[SystemExit(0), KeyboardInterrupt()], ids=["salt-run", "python"])
def interrupt(request, swarm, monkeypatch):
    """Interrupt whoever asks a manager for some function, the first time."""

    def at(function):
        ask, left = swarm.cmd_iter_no_block, [request.param]

        def asked(names, called, *more, **named):
            if called == function and left:
                raise left.pop()
            return ask(names, called, *more, **named)

        monkeypatch.setattr(swarm, "cmd_iter_no_block", asked)

    return at


def test_a_drain_that_is_interrupted_is_put_back_and_says_so(run, swarm, opts, interrupt):
    interrupt("swarmnode.set")
    said, code = run("drain", node="pi28")
    assert (code, said["message"]) == (1, "Interrupted: pi28 is put back to what it was.")
    assert swarm.availability["pi28"] == "active"
    assert picloud_salt.ledger(opts).overrides.drains() == {}


def test_a_node_that_was_drained_before_stays_so_when_that_is_interrupted(run, opts, interrupt):
    run("drain", node="pi28")
    interrupt("swarmnode.set")
    said, code = run("drain", node="pi28")
    assert (code, said["message"]) == (1, "Interrupted: pi28 is drained, as it was before.")
    assert list(picloud_salt.ledger(opts).overrides.drains()) == ["pi28"]


def test_an_interrupted_drain_that_cannot_be_put_back_says_how(run, swarm, interrupt):
    swarm.failing = {"swarmnode.set": "Docker Engine refuses"}
    interrupt("swarmnode.set")
    said, code = run("drain", node="pi28")
    assert code == 1
    assert said["message"].startswith("Interrupted.\nIt could not be put back yet: ")


def test_a_scale_that_is_interrupted_stays_and_says_so(run, opts, interrupt):
    interrupt("swarmwork.settle")
    said, code = run("scale", workload="web", replicas=5)
    assert code == 1
    assert said["message"].startswith("Interrupted.\nThe number of replicas of web is recorded")
    assert picloud_salt.ledger(opts).overrides.scales()["web"].replicas == 5


@pytest.mark.parametrize(
    ("function", "given", "at"),
    [
        ("status", {}, "swarmwork.look"),
        ("restart", {"workload": "web"}, "swarmservice.wait"),
    ],
)
def test_whatever_is_interrupted_ends_with_one_line(run, interrupt, function, given, at):
    interrupt(at)
    said, code = run(function, **given)
    words = f"workload.{function} was interrupted before its end; run it again"
    assert (code, said["message"]) == (1, words)


def test_managers_are_told_what_is_described_while_the_ledger_cannot_be_read(
    opts, pillar, run, tmp_path
):
    run("scale", workload="web", replicas=5)
    picloud_salt.ledger(opts).database.close()
    (tmp_path / "ledger.db").write_bytes(b"no database" * 100)
    assert pillar("pi0")["workloads"]["services"]["web"]["replicas"] == 3
