"""What mishaps and ``make up`` say when the cloud does not make of them what it should."""

import json
import re

import pytest
from picloud.ledger import Ledger, Rejoin
from picloud.rejoin import pages, steps

from lab import (
    __main__,
    boards,
    cluster,
    console,
    converge,
    description,
    ended,
    host,
    mishaps,
    rejoin,
    shell,
    up,
)
from lab.errors import LabError
from lab.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.settings.STATE", tmp_path)
    found = Settings("lab", tmp_path, tmp_path)
    found.state.mkdir()
    return found


@pytest.fixture
def doing(repo, settings, monkeypatch):
    monkeypatch.setattr(cluster, "containers", lambda _: {"head": "running", "pi3": "running"})
    monkeypatch.setattr(cluster, "is_master_up", lambda _: True)
    return mishaps.Mishaps(settings, description.read(repo))


def row(step, **said):
    """Return a row as ``salt-run rejoin.status`` prints it."""
    return {
        "kind": "new card",
        "step": step,
        "reason": "its reason",
        "step_at": 2.0,
        "seconds": {"asked": 1.0},
    } | said


@pytest.mark.parametrize(
    ("what", "names", "said"),
    [
        ("swap", ["pi4"], "pi4 is not in this lab: this lab has pi3"),
        ("swap", ["pi33333"], 'pi33333 is not in this lab: did you mean "pi3"? this lab has pi3'),
        ("swap", [""], "no node was named: this lab has pi3"),
        ("exchange", ["pi3", "p13"], 'p13 is not in this lab: did you mean "pi3"?'),
        ("exchange", ["pi3", ""], "no node was named: this lab has pi3"),
        ("exchange", ["pi3", "pi3"], "pi3 cannot be exchanged with itself"),
        ("powercut", ["rack2"], "no node of rack2 runs: this lab has rack1"),
        ("powercut", ["rakc1"], 'no node of rakc1 runs: did you mean "rack1"? this lab has rack1'),
        ("powercut", [""], "no rack was named: this lab has rack1"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_those_that_are(doing, what, names, said):
    with pytest.raises(LabError, match=f"^{re.escape(said)}"):
        getattr(doing, what)(*names)


@pytest.mark.parametrize(
    ("name", "said", "remedy"),
    [
        ("pi2", "pi2 is not in this lab: this lab has pi3", "run: make up NODES=pi2,pi3"),
        ("pi77", "pi77 is not in this lab: this lab has pi3", "say NODE=<id>"),
        ("p13", 'p13 is not in this lab: did you mean "pi3"? this lab has pi3', "say NODE=<id>"),
        ("pi3", "pi3 does not run", "run: make up NODES=pi3"),
        ("spare1", "spare1 does not run", "run: make up"),
        ("head", "lab-head does not run", "run: make up"),
    ],
)
def test_no_shell_is_opened_where_nothing_runs(repo, monkeypatch, name, said, remedy):
    failed = []
    monkeypatch.setattr(console, "failed", failed.append)
    monkeypatch.setattr(host, "require_root", lambda: None)
    monkeypatch.setattr(host, "engine_answers", lambda: True)
    monkeypatch.setattr(shell, "log_to", lambda _: None)
    monkeypatch.setattr(shell, "succeeds", lambda *_, **__: False)
    have = {"head": "exited", "pi3": "exited", "spare1": "exited"}
    monkeypatch.setattr(cluster, "containers", lambda _: have)
    checkout = ["--name", "lab", "--checkout", str(repo)]
    for command in ("shell", "logs"):
        assert __main__.main([*checkout, command, "--node", name]) == 1
        error = failed.pop()
        assert error.what == said
        assert error.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("swap", ["pi3"]),
        ("spare", ["pi3"]),
        ("swap_board", ["pi3"]),
        ("exchange", ["pi3", "pi2"]),
        ("clone", ["pi3"]),
        ("powercut", ["rack1"]),
    ],
)
def test_nothing_is_done_to_a_node_that_is_held_by_hand(doing, monkeypatch, what, names):
    held = pages.rejoin(steps.held_by_hand(Rejoin("pi3", ""), "its fan is broken", 1.0), 2.0)
    said = {"pi2": row("held", kind="wrong model"), "pi3": held}
    have = {"head": "running", "pi2": "running", "pi3": "running"}
    monkeypatch.setattr(cluster, "containers", lambda _: have)
    monkeypatch.setattr(rejoin, "rows", lambda _: said)
    monkeypatch.setattr(rejoin, "keys", lambda _: dict.fromkeys(said, "aa"))
    with pytest.raises(
        LabError, match="nothing would bring it back: pi3 is held by hand"
    ) as caught:
        getattr(doing, what)(*names)
    assert caught.value.remedy == "salt-run rejoin.release node=pi3"


def test_a_held_node_without_a_key_may_get_a_card_because_it_cannot_be_released(doing, monkeypatch):
    monkeypatch.setattr(rejoin, "rows", lambda _: {"pi3": row("held", kind="held by hand")})
    monkeypatch.setattr(rejoin, "keys", lambda _: {})
    assert [node.id for node in doing._ready("pi3")] == ["pi3"]


@pytest.mark.parametrize(("there", "adopts"), [(["pi0", "pi3"], "pi2"), (None, "<id>")])
def test_a_spare_is_put_into_a_pi_that_could_be_a_node_and_is_not(
    doing, monkeypatch, capsys, there, adopts
):
    by_id = {node.id: node for node in doing.site.nodes}
    have = dict.fromkeys(["head", "spare1", *(there or by_id)], "running")
    made = {}
    monkeypatch.setattr(cluster, "containers", lambda _: have)
    boards.write(doing._board("pi1"), boards.make("lab", by_id["pi1"]))  # it is being swapped
    monkeypatch.setattr(cluster, "prepare_spare", lambda _: f"{cluster.SEEDS}/spare/card-1/seed")
    monkeypatch.setattr(cluster, "insert_card", lambda _, name, seed: made.update({name: seed}))
    monkeypatch.setattr(cluster, "forget_seeds", lambda _, seeds: made.update(gone=seeds))
    monkeypatch.setattr(doing, "_image", lambda _: "image")
    monkeypatch.setattr(doing, "_start", lambda _: None)
    monkeypatch.setattr(doing, "_stray", lambda _, __, board, ___: made.update(board=board))
    watched = []
    monkeypatch.setattr(rejoin, "watch", lambda _, names, __, good: watched.extend([*names, good]))
    doing.spare()
    assert watched == ["card-1", "lobby"]
    assert made["spare2"] == f"{cluster.SEEDS}/spare/card-1/seed"
    assert made["gone"] == ["spare/card-1"]
    like = boards.make("lab", by_id.get(adopts, doing.site.nodes[-1]))
    assert (made["board"].name, made["board"].serial != like.serial) == (like.name, True)
    command = f'make run ARGS="rejoin.adopt card=card-1 node={adopts}"'
    assert command in capsys.readouterr().out


def test_another_board_differs_in_all_that_tells_boards_apart(doing):
    node = doing._node("pi3")
    one, two = boards.another(node, "1"), boards.another(node, "2")
    assert len({one.serial, two.serial}) == len({one.mac, two.mac}) == len({one.cid, two.cid}) == 2
    assert (one.revision, one.name) == (two.revision, two.name)


def test_a_card_keeps_its_own_number_in_another_board(doing, monkeypatch):
    monkeypatch.setattr(mishaps, "docker", lambda *_, **__: "")
    monkeypatch.setattr(doing, "_start", lambda _: None)
    node = doing._node("pi3")
    first, other = boards.make("lab", node), boards.another(node, "other")
    boards.write(doing._board("pi3"), first)
    folder = doing._board("pi3").stat().st_ino
    doing._put({"pi3": other})
    now = boards.read(doing._board("pi3"))
    assert (now.serial, now.mac, now.cid) == (other.serial, other.mac, first.cid)
    assert doing._board("pi3").stat().st_ino == folder


@pytest.mark.parametrize("step", ["held", "quarantined"])
def test_a_node_that_did_not_converge_is_a_failure_with_its_reason(doing, monkeypatch, step):
    monkeypatch.setattr(rejoin, "wait", lambda *_: {"pi3": row(step)})
    monkeypatch.setattr(rejoin, "decisions", lambda *_: [])
    with pytest.raises(LabError, match=f"pi3 is {step}, not converged: its reason") as caught:
        rejoin.watch(doing.settings, ["pi3"], 0.0)
    assert "rejoin.history pi3" in caught.value.remedy


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ({"pi3": row("held")}, "pi3 is not back: held: its reason"),
        ({}, "pi3 is not back: the master has not heard of it"),
    ],
)
def test_a_node_that_does_not_come_back_is_named_with_where_it_is(doing, monkeypatch, rows, where):
    monkeypatch.setattr(rejoin, "wait", lambda *_: {})
    monkeypatch.setattr(rejoin, "rows", lambda _: rows)
    with pytest.raises(LabError, match=where):
        rejoin.watch(doing.settings, ["pi3"], 0.0)


def test_nothing_is_done_while_no_master_would_see_it(doing, monkeypatch):
    monkeypatch.setattr(cluster, "is_master_up", lambda _: False)
    with pytest.raises(LabError, match="salt-master does not run"):
        doing.swap("pi3")


def test_an_impostor_that_nobody_heard_is_a_failure(doing, monkeypatch):
    before = [{"name": "pi3", "at": 1.0, "reason": "an older one"}]
    monkeypatch.setattr(mishaps, "KNOCKS", 0)
    monkeypatch.setattr(rejoin, "refused", lambda _: before)
    with pytest.raises(LabError, match="nobody who called himself pi3 was refused"):
        doing._refusals("pi3", 5.0)


@pytest.mark.parametrize(("after", "fails"), [({"pi3": "aa"}, False), ({"pi3": "bb"}, True)])
def test_keys_that_changed_under_an_impostor_are_a_failure(doing, monkeypatch, after, fails):
    keys = iter([{"pi3": "aa"}, after])
    boards.write(doing._board("pi3"), boards.make("lab", doing._node("pi3")))
    monkeypatch.setattr(rejoin, "keys", lambda _: next(keys))
    monkeypatch.setattr(mishaps, "docker", lambda *_, **__: "")
    monkeypatch.setattr(cluster, "remove", lambda _: None)
    monkeypatch.setattr(doing, "_stray", lambda *_: None)
    monkeypatch.setattr(doing, "_own_card", lambda *_: None)
    monkeypatch.setattr(doing, "_refusals", lambda *_: [row("", times=2)])
    if fails:
        with pytest.raises(LabError, match="accepted keys changed"):
            doing.impostor("pi3")
    else:
        doing.impostor("pi3")


def test_up_looks_anew_at_nodes_that_were_stopped_but_not_by_hand(settings, monkeypatch):
    known = {
        "pi0": row("converged"),
        "pi1": row("held"),
        "pi2": row("quarantined"),
        "pi3": row("held", kind="held by hand"),
    }
    monkeypatch.setattr(rejoin, "keys", lambda _: dict.fromkeys(known, "aa"))
    assert up._stopped(settings, [*known, "pi4"], known) == ["pi1", "pi2"]


def test_up_says_how_a_node_whose_key_was_taken_gets_back(settings, monkeypatch):
    monkeypatch.setattr(rejoin, "keys", lambda _: {"pi0": "aa"})
    with pytest.raises(LabError, match="pi1 has no key: its reason") as caught:
        up._stopped(settings, ["pi0", "pi1"], {"pi1": row("quarantined")})
    assert caught.value.remedy == "make swap NODE=pi1"


def test_up_applies_nothing_twice_to_nodes_that_the_master_converged(settings, monkeypatch):
    since, known = (
        5.0,
        {
            "pi0": row("converged", step_at=9.0, kind="first join"),
            "pi1": row("converged", step_at=9.0, kind="restart"),
            "pi2": row("converged", step_at=9.0, kind="restart"),
            "pi3": row("converged", step_at=1.0, kind="first join"),
        },
    )
    monkeypatch.setattr(rejoin, "rows", lambda _: known)
    monkeypatch.setattr(rejoin, "_ended", lambda *_: iter([known]))
    monkeypatch.setattr(cluster, "wait_for_switch", lambda *_: None)
    up._join(settings, list(known), ["pi0", "pi1"], since, "digest")
    assert set(converge.converged(settings)) == {"pi0", "pi1"}


def test_up_ends_with_the_reason_of_a_node_that_the_master_could_not_converge(
    settings, monkeypatch
):
    known = {"pi0": row("quarantined", step_at=9.0)}
    monkeypatch.setattr(rejoin, "rows", lambda _: known)
    monkeypatch.setattr(rejoin, "_ended", lambda *_: iter([known]))
    with pytest.raises(LabError, match="1 of 1 nodes did not converge; pi0 is quarantined: its"):
        up._join(settings, ["pi0"], ["pi0"], 5.0, "digest")
    assert converge.converged(settings) == {}


def test_a_node_with_an_empty_card_is_not_what_was_applied_before(settings):
    converge.remember(settings, ["pi0", "pi1"], "digest")
    converge.forget(settings, ["pi1", "pi9"])
    assert converge.converged(settings) == {"pi0": "digest"}


def test_only_ways_back_that_began_later_and_have_ended_are_done(tmp_path, monkeypatch, capsys):
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger' / 'ledger.db'}")
    steps = {"pi0": "converged", "pi1": "converged", "pi2": "converging", "pi3": "quarantined"}
    rows = [
        Rejoin(node, step, step_at=1.0 if node == "pi1" else 9.0) for node, step in steps.items()
    ]
    ledger.rejoins.put([*rows, Rejoin("pi4", "converged", step_at=9.0)])
    monkeypatch.setattr(ended.picloud_salt, "ledger", lambda _: ledger)
    ended.main({"names": list(steps), "since": 5.0, "seconds": 0})
    (said,) = capsys.readouterr().out.splitlines()
    assert {node: found["step"] for node, found in json.loads(said).items()} == {
        "pi0": "converged",
        "pi3": "quarantined",
    }


def test_a_master_that_is_starting_is_asked_again(settings, monkeypatch):
    answers = [[], [{"pi0": row("converged")}], [{"pi0": row("converged"), "pi1": row("held")}]]
    monkeypatch.setattr(rejoin, "_ended", lambda *_: iter(answers.pop(0)))
    monkeypatch.setattr(rejoin.time, "sleep", lambda _: None)
    seen = []
    done = rejoin.wait(settings, ["pi0", "pi1"], 5.0, 60, lambda found: seen.append(len(found)))
    assert set(done) == {"pi0", "pi1"}
    assert (seen, answers) == ([1, 2], [])
