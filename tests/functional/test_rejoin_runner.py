"""``salt-run rejoin`` with Salt's own loader, a ledger on disk, and the shipped description."""

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import picloud_salt
import pytest
import salt.config
import salt.crypt
import salt.loader
import salt.runner
from picloud.identity import CardState
from picloud.ledger import CardRow, DecisionRow, Rejoin
from picloud.ledger.strangers import Stranger
from picloud_rejoin.keys import KeyStore

SERIAL, MAC = "10000000a3c1d2e4", "b8:27:eb:c1:d2:e4"
CARD = "card-0123456789ab"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Make a master's key pair, which takes longer than most of these tests."""
    folder = tmp_path_factory.mktemp("master")
    config = salt.config.master_config(None)
    config.update(root_dir=str(folder), pki_dir=str(folder / "pki"), cachedir=str(folder / "cache"))
    config.update(user="root", __role="master")
    config["keys.cache_driver"] = "localfs_key"
    salt.crypt.MasterKeys(config)
    return folder / "pki"


@pytest.fixture
def opts(repo, tmp_path, pki):
    shutil.copytree(pki, tmp_path / "pki")
    overrides = {
        "root_dir": str(tmp_path),
        "pki_dir": str(tmp_path / "pki"),
        "cachedir": str(tmp_path / "cache"),
        "sock_dir": str(tmp_path / "sock"),
        "module_dirs": [str(repo)],
        "ext_pillar": [{"picloud": {"path": str(repo / "pillar/cloud")}}],
        "user": "root",
    }
    (tmp_path / "master").write_text("")
    config = salt.config.master_config(str(tmp_path / "master"))
    config.update(overrides, __role="master")
    KeyStore(config).accept("pi3", "public\n")
    KeyStore(config).accept(CARD, "spare\n")
    return config


@pytest.fixture
def ledger(opts):
    return picloud_salt.ledger(opts)


@pytest.fixture
def run(opts):
    """Run a function as ``salt-run`` does; what it says, and the exit status."""

    def ask(function, *args, **kwargs):
        context = {}
        said = salt.loader.runner(opts, context=context)[function](*args, **kwargs)
        assert said.get("retcode", 0) == context.get("retcode", 0)
        return said, context.get("retcode", 0)

    return ask


def row(node="pi3", step="waiting", **more):
    now = time.time()
    return Rejoin(node, step, "new card", "a reason", since=now, step_at=now, **more)


def guest(ledger, **more):
    """A spare card that waits in the lobby."""
    ledger.cards.add([CardRow(CARD, None, True, "f" * 64, CardState.ISSUED, public="spare\n")])
    ledger.boards.saw(SERIAL, MAC, "pi1b", time.time())
    ledger.rejoins.put([row(CARD, "lobby", card=CARD, serial=SERIAL, **more)])


def hints(ledger):
    return [(hint.kind, hint.node, hint.data) for hint in ledger.journal.waiting(100)]


def test_status_lists_who_is_on_the_way_and_leaves_out_who_came_back(run, ledger):
    ledger.rejoins.put([row(), row("pi4", "converged"), row("pi5", "held")])
    said, code = run("rejoin.status")
    assert (code, said["outputter"], said["show"]) == (0, "picloud", "table")
    assert list(said["nodes"]) == ["pi5", "pi3"]
    assert set(run("rejoin.status", all=True)[0]["nodes"]) == {"pi3", "pi4", "pi5"}
    assert list(run("rejoin.status", node="pi4")[0]["nodes"]) == ["pi4"]
    assert run("rejoin.status", node="pi6")[0]["nodes"] == {}
    assert said["notices"] == []


def test_status_says_what_a_node_waits_for(run, repo, opts, ledger, tmp_path):
    described = shutil.copytree(repo / "pillar/cloud", tmp_path / "cloud")
    policy = (described / "rejoin.sls").read_text()
    (described / "rejoin.sls").write_text(policy.replace("hub: 7", "hub: 2"))
    opts["ext_pillar"] = [{"picloud": {"path": str(described)}}]
    soon = row("pi28", not_before=time.time() + 90)
    busy = [row("pi0", "converging"), row("pi1", "converging")]
    ledger.rejoins.put([*busy, row("pi3"), row("pi7"), soon, row("pi99")])
    nodes = run("rejoin.status")[0]["nodes"]
    full = "hub 1 of rack1 has 2 at work, and rejoin.at_once.hub is 2"
    assert nodes["pi3"]["waits"] == full
    assert nodes["pi7"]["waits"] == "goes on as soon as the engine looks"
    assert nodes["pi28"]["waits"].startswith("next try in ")
    assert nodes["pi99"]["waits"] == "is not in the description any more"
    assert nodes["pi0"]["waits"] is None
    (cells,) = run("rejoin.status", node="pi3")[0]["rows"]
    assert cells[-1] == f"a reason; {full}"


def test_status_says_that_all_wait_while_the_description_has_faults(run, opts, ledger, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "cloud.sls").write_text("cloud: [")
    opts["ext_pillar"] = [{"picloud": {"path": str(broken)}}]
    ledger.rejoins.put([row(), row("pi4", "asked")])
    nodes = run("rejoin.status")[0]["nodes"]
    assert nodes["pi3"]["waits"].endswith("salt-run picloud.validate")
    assert nodes["pi4"]["waits"] is None


def test_a_format_asked_for_gets_the_data_alone(opts, ledger):
    ledger.rejoins.put([row()])
    said = salt.loader.runner({**opts, "output": "json"}, context={})["rejoin.status"]()
    assert "outputter" not in said
    assert said["nodes"]["pi3"]["step"] == "waiting"


def test_status_says_when_the_engine_does_not_look(run, ledger, monkeypatch):
    run("rejoin.hold", "pi3")
    later = time.time() + 600
    monkeypatch.setattr(time, "time", lambda: later)
    (notice,) = run("rejoin.status")[0]["notices"]
    assert "has not looked at pi3 for 10 min" in notice


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("rejoin.status", {"node": "pi03"}, 'There is no node "pi03"; did you mean "pi3"?'),
        ("rejoin.history", {"node": "pi03"}, 'did you mean "pi3"?'),
        ("rejoin.history", {"node": "pi3", "most": "many"}, '"many" is no number'),
        ("rejoin.history", {"node": "pi3", "most": 0}, "say most=1 to 200"),
        ("rejoin.history", {"node": "pi3", "most": -1}, "say most=1 to 200"),
        ("rejoin.history", {"node": "pi3", "most": 10**30}, "say most=1 to 200"),
        ("rejoin.history", {"node": "pi3", "most": float("inf")}, '"inf" is no number'),
        ("rejoin.retry", {"node": "*"}, 'There is no node "*"'),
        ("rejoin.retry", {"node": "pi4"}, "salt-run card.prepare node=pi4"),
        ("rejoin.release", {"node": "pi4"}, "pi4 is not on its way back"),
        ("rejoin.hold", {"node": "../pi3"}, 'There is no node "../pi3"'),
        ("rejoin.adopt", {"node": "pi03"}, 'did you mean "pi3"?'),
        ("rejoin.adopt", {"node": "pi3"}, "No board waits to be confirmed; pi3 has not come back"),
        (
            "rejoin.adopt",
            {"node": "pi3", "card": "card-1"},
            'There is no card in the lobby "card-1"',
        ),
        ("rejoin.port", {"mac": "b8:27", "rack": "rack1", "port": 3}, '"b8:27" is no MAC address'),
        (
            "rejoin.port",
            {"mac": MAC + "\n", "rack": "rack1", "port": 3},
            f'"{MAC}\\n" is no MAC address',
        ),
        ("rejoin.port", {"mac": MAC, "rack": "rack01", "port": 3}, 'did you mean "rack1"?'),
        ("rejoin.port", {"mac": MAC, "rack": "rack1", "port": 17}, "has ports 1 to 16"),
        ("rejoin.port", {"mac": MAC, "rack": "rack1", "port": "x"}, '"x" is no number'),
        ("rejoin.retire_board", {"serial": SERIAL}, f'No board "{SERIAL}" was ever seen.'),
    ],
)
def test_what_cannot_be_done_is_one_message_and_changes_nothing(
    run, ledger, function, arguments, message
):
    said, code = run(function, **arguments)
    assert (code, said["show"]) == (1, "message")
    assert message in said["message"]
    assert hints(ledger) == []
    assert ledger.rejoins.all() == []


def test_requests_are_left_for_the_engine(run, ledger):
    ledger.rejoins.put([row(step="quarantined", serial=SERIAL)])
    before = ledger.rejoins.all()
    for function, more in (("retry", {}), ("release", {}), ("hold", {"reason": "fan"})):
        said, code = run(f"rejoin.{function}", node="pi3", **more)
        assert (code, said["node"]) == (0, "pi3")
    assert sorted(hints(ledger)) == [
        ("hold", "pi3", {"reason": "fan"}),
        ("release", "pi3", {}),
        ("retry", "pi3", {}),
    ]
    assert ledger.rejoins.all() == before


def test_a_reason_is_one_short_line(run, ledger):
    run("rejoin.hold", node="pi3", reason="its fan\nRejoin of pi4: converged\x1b[2J" + "!" * 9000)
    ((_, _, data),) = hints(ledger)
    assert data["reason"].startswith(r"its fan\nRejoin of pi4: converged\x1b[2J!!!")
    assert len(data["reason"]) == 500
    ledger.boards.saw(SERIAL, MAC, "pi1b", 0.0)
    run("rejoin.retire_board", SERIAL, reason="dead\nport")
    assert ledger.boards.get(SERIAL).reason == r"dead\nport"


def test_release_takes_the_board_back_into_service(run, ledger):
    ledger.boards.saw(SERIAL, MAC, "pi1b", 0.0)
    assert run("rejoin.retire_board", SERIAL, reason="dead port")[1] == 0
    assert ledger.boards.get(SERIAL).retired
    ledger.rejoins.put([row(step="held", serial=SERIAL)])
    assert run("rejoin.release", node="pi3")[1] == 0
    assert not ledger.boards.get(SERIAL).retired


@pytest.mark.parametrize(
    ("step", "kind", "code"),
    [
        ("held", "new board", 0),
        ("held", "card moved to another board", 0),
        ("held", "wrong model", 1),
        ("waiting", "new board", 1),
    ],
)
def test_only_another_board_is_confirmed(run, ledger, step, kind, code):
    ledger.rejoins.put([replace(row(step=step, serial=SERIAL), kind=kind)])
    said, found = run("rejoin.adopt", node="pi3")
    assert found == code
    assert hints(ledger) == ([] if code else [("adopt", "pi3", {})])
    if code:
        assert said["message"].endswith(f"pi3 is {step}: a reason")


def test_the_lobby_shows_the_command_that_adopts_and_the_command_works(run, ledger):
    guest(ledger)
    (card,) = run("rejoin.lobby")[0]["cards"].values()
    assert card["command"] == f"salt-run rejoin.adopt card={CARD} node=<id>"
    assert (card["serial"], card["mac"], card["model"]) == (SERIAL, MAC, "pi1b")
    assert "pi3" in card["fits"]
    assert run("rejoin.port", MAC.upper().replace(":", "-"), "rack1", "4")[1] == 0
    assert hints(ledger) == [("start", CARD, {})]
    (card,) = run("rejoin.lobby")[0]["cards"].values()
    assert (card["port"], card["node"]) == (("rack1", 4), "pi3")
    program, function, *words = card["command"].split()
    assert program == "salt-run"
    said, code = run(function, **dict(word.split("=") for word in words))
    assert (code, said["node"]) == (0, "pi3")
    assert ("adopt", CARD, {"node": "pi3"}) in hints(ledger)


@pytest.mark.parametrize("state", [CardState.REVOKED, CardState.RETIRED, CardState.IN_USE])
def test_a_card_that_nobody_is_let_in_with_is_no_guest(run, ledger, state):
    guest(ledger)
    ledger.cards.mark(CARD, state, 1.0, "stolen")
    assert run("rejoin.lobby")[0]["cards"] == {}


def test_a_node_that_is_not_described_any_more_is_not_suggested(run, ledger):
    guest(ledger)
    ledger.boards.learn([(SERIAL, "renamed")])
    (card,) = run("rejoin.lobby")[0]["cards"].values()
    assert card["node"] is None
    assert card["command"] == f"salt-run rejoin.adopt card={CARD} node=<id>"


def test_a_board_taken_out_of_service_says_who_is_held(run, ledger):
    ledger.boards.saw(SERIAL, MAC, "pi1b", 0.0)
    ledger.boards.learn([(SERIAL, "pi3")])
    assert "pi3 is held as soon as" in run("rejoin.retire_board", SERIAL)[0]["message"]


def test_a_port_of_another_board_wakes_nobody(run, ledger):
    guest(ledger)
    assert run("rejoin.port", "b8:27:eb:00:00:01", "rack1", 4)[1] == 0
    assert hints(ledger) == []


@pytest.mark.parametrize(
    ("state", "node", "code"),
    [
        (CardState.ISSUED, "pi3", 0),
        (CardState.ISSUED, "pi4", 1),
        (CardState.RETIRED, "pi3", 1),
        (CardState.REVOKED, None, 1),
        (CardState.IN_USE, "pi3", 1),
    ],
)
def test_a_card_is_adopted_only_by_its_own_node_and_once(run, ledger, state, node, code):
    ledger.cards.add([CardRow(CARD, node, node is None, "f" * 64, state, public="x\n")])
    said, found = run("rejoin.adopt", node="pi3", card=CARD)
    assert found == code
    assert bool(hints(ledger)) is not bool(code)
    if code:
        assert f"{CARD} is {state}" in said["message"]
        assert "salt-run card.prepare node=pi3" in said["message"]


def test_a_spare_that_nobody_saw_is_not_adopted(run, ledger):
    ledger.cards.add([CardRow(CARD, None, True, "f" * 64, CardState.ISSUED, public="spare\n")])
    said, code = run("rejoin.adopt", node="pi3", card=CARD)
    assert (code, hints(ledger)) == (1, [])
    assert said["message"].startswith(f"{CARD} was prepared, and no Pi was seen with it yet")


def test_a_card_that_was_let_in_in_advance_is_issued_until_it_is_seen(run, ledger):
    ledger.cards.add([CardRow(CARD, "pi3", False, "f" * 64, CardState.IN_USE, public="x\n")])
    assert run("rejoin.history", node="pi3")[0]["cards"][CARD]["state"] == "issued"
    ledger.cards.runs_on(CARD, SERIAL)
    assert run("rejoin.history", node="pi3")[0]["cards"][CARD]["state"] == "in use"


def test_prepared_spares_are_no_strangers_on_the_page_of_the_cloud(run, ledger):
    ledger.cards.add([CardRow(CARD, None, True, "f" * 64, CardState.ISSUED, public="spare\n")])
    said = run("picloud.status")[0]
    assert (said["strangers"], said["lobby"], said["spares"]) == ([], [], [CARD])


def test_history_has_decisions_cards_and_boards(run, ledger):
    ledger.cards.add([CardRow(CARD, "pi3", False, "f" * 64, CardState.IN_USE, board=SERIAL)])
    ledger.decisions.add(DecisionRow("pi3", 0.0, "new card", "admit", "why", CARD))
    said, code = run("rejoin.history", node="pi3")
    assert (code, said["decisions"][0]["reason"], said["boards_before"]) == (0, "why", [SERIAL])
    assert said["cards"][CARD]["state"] == "in use"
    assert run("rejoin.history", node="pi4")[0]["rows"] == []


@pytest.fixture
def go(opts):
    """Run ``rejoin.go``; what it would orchestrate comes back."""
    runners = salt.loader.runner(opts, context={})

    runners["state.orchestrate"] = lambda mods, pillar: (mods, pillar["rejoin"])
    return runners["rejoin.go"]


def test_a_batch_is_converged_once(go, ledger):
    ledger.batches.add("token", "nonce", ["pi3", "gone"], time.time())
    nothing = "No such batch waits."
    assert go("forged") == nothing
    batch = {"nodes": ["pi3", "gone"], "members": ["pi3"], "nonce": "nonce"}
    assert go("token") == ("orch.rejoin", batch)
    assert go("token") == nothing


def test_a_ledger_that_cannot_be_used_is_one_message(run, opts):
    opts["picloud_database"] = "nonsense"
    said, code = run("rejoin.status")
    assert (code, said["show"]) == (1, "message")
    assert "picloud_database" in said["message"]


def test_the_cloud_shows_who_is_held_and_who_waits(run, ledger):
    ledger.rejoins.put([row(step="held"), row("pi5", "converging"), row("pi6", "quarantined")])
    guest(ledger)
    run("rejoin.port", MAC, "rack1", 5)
    ledger.strangers.saw(Stranger("pi7", "e" * 64, "no card was issued", 2, 0.0, time.time()))
    nodes = run("picloud.nodes", rack="rack1")[0]["nodes"]
    assert {name: nodes[name]["state"] for name in ("pi3", "pi4", "pi5", "pi6", "pi7")} == {
        "pi3": "held",
        "pi4": "lobby",
        "pi5": "rejoining",
        "pi6": "quarantined",
        "pi7": "rejoining",
    }
    assert re.match(r"converging since \d+ s: a reason", nodes["pi5"]["reason"])
    assert CARD in nodes["pi4"]["reason"]
    assert nodes["pi7"]["reason"].endswith("and is refused: no card was issued")
    status = run("picloud.status")[0]
    assert (status["lobby"], status["refused"], status["strangers"]) == ([CARD], 1, [])
    assert list(run("picloud.nodes", state="held,lobby")[0]["nodes"]) == ["pi3", "pi4"]


def test_who_was_refused_and_has_gone_is_not_remarked(run, ledger):
    at = time.time() - 3600
    ledger.strangers.saw(Stranger("pi7", "e" * 64, "no card was issued", 2, 0.0, at))
    assert run("picloud.node", "pi7")[0]["node"]["state"] == "unknown"
    assert run("picloud.status")[0]["refused"] == 1


@pytest.mark.parametrize("url", [None, "nonsense", "sqlite:////proc/no/ledger.db"])
def test_the_cloud_is_shown_without_a_ledger(run, opts, url, tmp_path):
    if url:
        opts["picloud_database"] = url
    said, code = run("picloud.status")
    assert code == 0
    assert said["counts"]["held"] == 0
    assert bool(said["notices"]) is (url is not None and "/proc" not in url)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        ("rejoin.adopt", [], "It needs node."),
        ("rejoin.hold", ["pi3", "reason", "more"], "rejoin.hold takes 2 arguments at most"),
        ("card.prepare", ["nod=pi5"], 'card.prepare has no argument "nod", did you mean "node"?'),
        ("picloud.node", [], "It needs name."),
    ],
)
def test_arguments_that_do_not_fit_are_named_by_salt_run(opts, capsys, function, given, said):
    opts.update(fun=function, arg=given, output="json", job_cache=False)
    Path(opts["cachedir"], "proc").mkdir(parents=True)
    with salt.runner.Runner(opts) as runner:
        answer = runner.run(full_return=True)
    assert answer["return"]["retcode"] == 1  # what salt-run exits with
    message = json.loads(capsys.readouterr().out)["message"]
    assert message.startswith(said)
    assert f"Usage: salt-run {function} " in message
