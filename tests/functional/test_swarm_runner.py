"""``salt-run swarm`` with Salt's own loader, the shipped description, and canned answers."""

from types import SimpleNamespace

import picloud_salt
import picloud_swarm
import pytest
import salt.config
import salt.loader
import salt.utils.templates
import yaml
from picloud.ledger.swarms import Swarm

MANAGERS = ("pi0", "pi14", "pi28")
OFF = {"state": "inactive", "role": None, "cluster": None, "managers": []}
LEADS = {"state": "active", "role": "manager", "cluster": "c1", "leads": True, "managers": []}
ALONE = {**LEADS, "cluster": None, "leads": False}


@pytest.fixture
def opts(repo, tmp_path):
    (tmp_path / "master").write_text("")
    config = salt.config.master_config(str(tmp_path / "master"))
    places = ("cachedir", "pki_dir", "sock_dir", "extension_modules")
    config.update(
        dict.fromkeys(places, str(tmp_path)),
        root_dir=str(tmp_path),
        module_dirs=[str(repo)],
        file_roots={"base": [str(repo / "salt")]},
        pillar_roots={"base": [str(tmp_path / "pillar")]},
        ext_pillar=[{"picloud": {"path": str(repo / "pillar/cloud")}}],
        __role="master",
    )
    return config


@pytest.fixture
def nodes(monkeypatch):
    """What nodes answer, by function and id; and what they were asked."""
    known = SimpleNamespace(answers={}, asked=[])

    def returns(self, names, function, arguments, **more):
        known.asked.append((function, list(names)))
        yield from ((name, known.answers[name]) for name in names if name in known.answers)

    monkeypatch.setattr(picloud_swarm.Swarms, "_returns", returns)
    monkeypatch.setattr(picloud_swarm.KeyStore, "accepted", lambda self, name: "a key")
    return known


@pytest.fixture
def run(salt_run):
    """Run a function; what it says, and its exit status."""
    return salt_run


@pytest.fixture
def begun(opts):
    """The site has had a swarm."""
    picloud_salt.ledger(opts).swarms.put(Swarm("glasgow", "pi0", "c1", 1.0))


def test_how_the_swarms_stand(run, nodes, begun):
    nodes.answers = dict.fromkeys(MANAGERS, LEADS)
    said, code = run("swarm.status")
    assert (code, said["message"]) == (0, "The swarm of glasgow works, pi0 leads it.")
    assert said["sites"]["glasgow"]["works"] is True
    assert nodes.asked == [("swarm.info", list(MANAGERS))]


def test_a_lost_majority_is_seen_and_what_to_do_is_said(run, nodes, begun):
    nodes.answers = {"pi0": ALONE, "pi28": OFF}
    said, code = run("swarm.status", site="glasgow")
    assert code == 1
    assert said["message"] == (
        "The managers of the swarm of glasgow have lost their majority: no answer from pi14;"
        " in no swarm: pi28; its data is still on pi0.\n"
        "See what to do: salt-run swarm.recover site=glasgow"
    )


def test_a_swarm_that_is_gone_says_what_to_do_and_one_not_begun_does_not(run, nodes, opts):
    nodes.answers = dict.fromkeys(MANAGERS, OFF)
    said, code = run("swarm.status")
    assert code == 1
    assert said["message"] == "Glasgow has no swarm yet: in no swarm: pi0, pi14, pi28."
    picloud_salt.ledger(opts).swarms.put(Swarm("glasgow", "pi0", "c1", 1.0))
    said, _ = run("swarm.status")
    assert said["message"].startswith("No manager of the swarm of glasgow has its data any more")
    assert said["message"].endswith("salt-run swarm.recover site=glasgow")


def test_managers_that_do_not_answer_are_no_reason_to_recover(run, nodes, begun):
    said, code = run("swarm.status")
    assert code == 1
    assert said["message"] == (
        "No manager of the swarm of glasgow answers, it may be well:"
        " no answer from pi0, pi14, pi28."
    )


def test_an_unknown_site_is_named(run, nodes):
    for function in ("swarm.status", "swarm.recover"):
        said, code = run(function, site="glasgov")
        assert code == 1
        assert "glasgow" in said["message"]


def test_recovery_asks_first(run, nodes, begun):
    nodes.answers = {"pi0": ALONE, "pi28": OFF}
    said, code = run("swarm.recover", site="glasgow")
    assert code == 1
    assert "pi0 goes on alone with what the swarm has" in said["message"]
    assert said["message"].endswith("salt-run swarm.recover site=glasgow confirm=true")
    assert {function for function, _ in nodes.asked} == {"swarm.info"}


def test_a_swarm_that_works_is_not_recovered(run, nodes, begun):
    nodes.answers = dict.fromkeys(MANAGERS, LEADS)
    said, code = run("swarm.recover", site="glasgow", confirm=True)
    assert code == 1
    assert said["message"].startswith("There is nothing to recover: the swarm of glasgow works")
    assert {function for function, _ in nodes.asked} == {"swarm.info"}


@pytest.fixture
def orchestrated(opts, repo, run):
    """Render the orchestration that recovers; function of each step, in order."""

    def render(**ask):
        functions = {
            "pillar.get": {"swarm_recover": ask}.get,
            "saltutil.runner": lambda name, kwarg: run(name, **kwarg)[0],
        }
        text = (repo / "salt/orch/swarm_recover.sls").read_text()
        context = {"salt": functions, "opts": opts, "saltenv": "base", "sls": "orch.swarm_recover"}
        return yaml.safe_load(salt.utils.templates.render_jinja_tmpl(text, context))

    return render


def required(steps):
    """Which step each one waits for to have gone well."""
    found = {}
    for name, step in steps.items():
        (said,) = step.values()
        given = {key: value for one in said for key, value in one.items()}
        found[name] = [one["salt"] for one in given.get("require", [])]
    return found


@pytest.mark.parametrize("ask", [{}, {"confirm": False}, {"confirm": "yes"}])
def test_the_orchestration_does_nothing_before_it_is_told_to(orchestrated, nodes, begun, ask):
    nodes.answers = {"pi0": ALONE}
    (step,) = orchestrated(site="glasgow", **ask).values()
    ((comment,),) = [[one["comment"] for one in said] for said in step.values()]
    assert list(step) == ["test.fail_without_changes"]
    assert comment.startswith("Nothing is done before confirm is true")


def test_the_orchestration_of_a_survivor(orchestrated, nodes, begun):
    nodes.answers = {"pi0": ALONE, "pi14": ALONE}
    steps = orchestrated(site="glasgow", confirm=True)
    # The others keep what they have until one leads.
    assert required(steps) == {
        "swarm-recover-survivor": [],
        "swarm-recover-leads": ["swarm-recover-survivor"],
        "swarm-recover-left": ["swarm-recover-leads"],
        "swarm-recover-joined": ["swarm-recover-left"],
    }
    told = {
        name: {key: value for one in step.popitem()[1] for key, value in one.items()}
        for name, step in steps.items()
    }
    assert told["swarm-recover-left"]["tgt"] == ["pi14"]
    assert told["swarm-recover-survivor"]["tgt"] == ["pi0"]
    assert told["swarm-recover-survivor"]["kwarg"] == {
        "advertise_addr": "10.80.1.1",
        "force_new_cluster": True,
    }
    assert told["swarm-recover-leads"]["name"] == "swarmnode.leads"
    assert told["swarm-recover-leads"]["tgt"] == ["pi0"]
    assert told["swarm-recover-joined"]["nodes"] == ["pi0", "pi14"]


def test_the_orchestration_of_the_only_one_that_is_left(orchestrated, nodes, begun):
    nodes.answers = {"pi0": ALONE, "pi14": OFF}
    steps = orchestrated(site="glasgow", confirm=True)
    assert required(steps) == {
        "swarm-recover-survivor": [],
        "swarm-recover-leads": ["swarm-recover-survivor"],
        "swarm-recover-joined": ["swarm-recover-leads"],
    }


def test_the_orchestration_without_a_survivor_forgets_the_swarm(orchestrated, nodes, begun):
    nodes.answers = {"pi0": OFF, "pi1": {**ALONE, "role": "worker"}}
    steps = orchestrated(site="glasgow", confirm=True)
    assert required(steps) == {
        "swarm-recover-left": [],
        "swarm-recover-forgotten": ["swarm-recover-left"],
        "swarm-recover-joined": ["swarm-recover-forgotten"],
    }


def test_what_a_recovery_does(run, nodes, begun):
    nodes.answers = {"pi0": ALONE, "pi14": ALONE}
    found, _ = run("swarm.recovery", "glasgow")
    assert (found["survivor"], found["address"], found["leave"]) == ("pi0", "10.80.1.1", ("pi14",))
    # Who is silent now joins when it comes back.
    assert found["members"] == ["pi0", "pi14"]


def test_joining_says_who_is_in_and_why_others_are_not(run, nodes, begun):
    nodes.answers = {"pi0": LEADS, "pi14": LEADS}
    said, code = run("swarm.join", nodes="pi14, pi3")
    assert code == 1
    assert said["members"] == {"glasgow": ["pi14"]}
    assert "pi3 does not say" in said["refused"]["pi3"]
