"""``card.prepare`` with Salt's own loader and key store, and the shipped description."""

import picloud_salt
import pytest
import salt.config
import salt.crypt
import salt.key
import salt.loader
from picloud_rejoin.keys import KeyStore


@pytest.fixture(scope="module")
def opts(repo, tmp_path_factory):
    root = tmp_path_factory.mktemp("master")
    overrides = {
        "root_dir": str(root),
        "pki_dir": str(root / "pki"),
        "cachedir": str(root / "cache"),
        "sock_dir": str(root / "sock"),
        "module_dirs": [str(repo)],
        "ext_pillar": [{"picloud": {"path": str(repo / "pillar/cloud")}}],
        "user": "root",
    }
    (root / "master").write_text("")
    config = salt.config.master_config(str(root / "master"))
    config.update(overrides, __role="master")
    salt.crypt.MasterKeys(config)
    return config


@pytest.fixture
def context():
    return {}


@pytest.fixture
def prepare(opts, context):
    return salt.loader.runner(opts, context=context)["card.prepare"]


@pytest.fixture
def refuse(prepare, context, opts):
    """Ask for a card that cannot be made; the message, which comes with exit status 1."""

    def ask(node, directory):
        answer = prepare(node, directory=str(directory))
        assert (answer["retcode"], context["retcode"]) == (1, 1)
        assert (answer["show"], answer["outputter"]) == ("message", "picloud")
        return answer["message"]

    return ask


def accepted(opts):
    return salt.key.Key(opts).list_keys()["minions"]


def by_node(made):
    """Cards of an answer by node, with the card's id."""
    return {card["node"]: {**card, "id": name} for name, card in made["cards"].items()}


def test_cards_of_described_nodes_are_accepted_in_advance(opts, prepare, tmp_path):
    made = prepare("pi0,pi1", directory=str(tmp_path))
    cards = by_node(made)
    assert set(cards) == {"pi0", "pi1"}
    assert {"pi0", "pi1"} <= set(accepted(opts))
    seed = tmp_path / "pi0" / cards["pi0"]["id"] / "picloud-seed"
    assert cards["pi0"]["seed"] == str(seed)
    public = (seed / "minion.pub").read_text()
    assert salt.key.Key(opts).key_str("pi0")["minions"]["pi0"] == public
    assert salt.crypt.MasterKeys(opts).get_pub_str() == (seed / "master.pub").read_text()
    assert "PRIVATE KEY" in (seed / "minion.pem").read_text()
    assert "private keys" in made["warning"]


@pytest.mark.parametrize("node", ["stranger", 5, 1.5, ["stranger"], [5], "", "../pi0"])
def test_a_node_that_is_not_described_is_refused_by_name(opts, refuse, tmp_path, node):
    before = accepted(opts)
    name = node[0] if isinstance(node, list) else node
    said = refuse(node, tmp_path)
    assert said.startswith(f"No card for {name}: {name} is not in the description")
    assert accepted(opts) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"node": "pi0", "spare": True},
        {"node": "pi0", "count": 0},
        {"node": "pi0", "count": "x"},
        {"node": []},
        {"spare": "false"},
        {"spare": "true"},
        {"node": "pi0", "spare": "false"},
    ],
)
def test_what_is_wanted_has_to_be_said_clearly(prepare, tmp_path, wanted):
    answer = prepare(directory=str(tmp_path), **wanted)
    assert answer["message"] == "Say node=<id> or spare=true, and count=1 to 1000."
    assert answer["retcode"] == 1


@pytest.mark.parametrize("directory", [5, ["/root"], True, "/root/a\0b"])
def test_what_is_no_directory_is_named(opts, prepare, context, directory):
    before = accepted(opts)
    said = prepare("pi10", directory=directory)["message"]
    assert said == f"{directory!r} is no directory; write its path: directory=/root/cards"
    assert (context["retcode"], accepted(opts)) == (1, before)


@pytest.mark.parametrize("wanted", [{"node": "pi0"}, {"spare": True}])
def test_without_a_good_description_its_faults_are_the_answer(opts, tmp_path, wanted):
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "cloud.sls").write_text("clout: {}\n")
    master = {**opts, "ext_pillar": [{"picloud": {"path": str(tmp_path / "cloud")}}]}
    master["cachedir"] = str(tmp_path / "cache")
    context = {}
    prepare = salt.loader.runner(master, context=context)["card.prepare"]
    said = prepare(directory=str(tmp_path / "seeds"), **wanted)["message"]
    assert said.startswith("No card can be made without a description:\n")
    assert "cloud.sls" in said
    assert context["retcode"] == 1
    assert not (tmp_path / "seeds").exists()


def test_a_refusal_names_the_cards_made_before_it(opts, refuse, tmp_path):
    said = refuse("pi4,stranger,pi5", tmp_path)
    (seed,) = tmp_path.glob("pi4/*/picloud-seed")
    assert said.startswith("No card for stranger: ")
    assert said.endswith(f"Made before that, and good: {seed}")
    assert "pi4" in accepted(opts)
    assert "pi5" not in accepted(opts)


def test_a_format_asked_for_gets_the_data_alone(opts, tmp_path):
    runner = salt.loader.runner({**opts, "output": "json"}, context={})
    assert "outputter" not in runner["card.prepare"]("stranger", directory=str(tmp_path))


def test_a_directory_that_cannot_be_written_is_named(refuse, tmp_path):
    (tmp_path / "file").write_text("")
    assert f"{tmp_path}/file" in refuse("pi6", tmp_path / "file")


def test_a_new_card_leaves_the_key_of_the_node_alone(opts, prepare, tmp_path):
    prepare("pi2", directory=str(tmp_path / "one"))
    before = salt.key.Key(opts).key_str("pi2")
    made = by_node(prepare("pi2", directory=str(tmp_path / "two")))
    assert "gets in when card-" in made["pi2"]["key"]
    assert salt.key.Key(opts).key_str("pi2") == before


def test_a_key_that_was_deleted_is_not_accepted_again(opts, prepare, tmp_path):
    prepare("pi7", directory=str(tmp_path))
    before = salt.key.Key(opts).key_str("pi7")
    salt.key.Key(opts).delete_key("pi7")
    prepare("pi7", directory=str(tmp_path))
    assert salt.key.Key(opts).key_str("pi7") not in ({}, before)


def test_a_stranger_that_was_rejected_does_not_keep_a_card_out(opts, prepare, tmp_path):
    _, public = salt.crypt.gen_keys(2048)
    keys = salt.key.Key(opts)
    keys.cache.store("keys", "pi9", {"state": "pending", "pub": public})
    keys.reject("pi9")
    assert KeyStore(opts).rejected("pi9")
    card = by_node(prepare("pi9", directory=str(tmp_path)))["pi9"]
    assert "this one replaces it" in card["key"]
    assert "pi9" in accepted(opts)
    assert not KeyStore(opts).rejected("pi9")
    assert not KeyStore(opts).rejected("../pi9")


def test_a_key_that_waits_is_not_taken_for_the_card(opts, prepare, tmp_path):
    _, public = salt.crypt.gen_keys(2048)
    salt.key.Key(opts).cache.store("keys", "pi3", {"state": "pending", "pub": public})
    prepare("pi3", directory=str(tmp_path))
    assert "pi3" not in accepted(opts)


def test_cards_are_listed_shown_and_revoked(opts, prepare, context, tmp_path):
    card = by_node(prepare("pi8", directory=str(tmp_path)))["pi8"]["id"]
    runner = salt.loader.runner(opts, context=context)
    assert runner["card.list"](node="pi8", state="issued")["cards"][card]["state"] == "issued"
    assert runner["card.list"](node="pi8", state="in use")["cards"] == {}
    picloud_salt.ledger(opts).cards.runs_on(card, "10000000a3c1d2e4")
    assert runner["card.list"](node="pi8", state="in use")["cards"][card]["state"] == "in use"
    shown = runner["card.show"](card)
    assert (shown["card"]["node"], shown["card"]["state"]) == ("pi8", "in use")
    assert ["made", "0 s ago"] in shown["rows"]
    assert shown["card"]["made_at"] > 1e9
    assert runner["card.revoke"](card, reason="stolen")["keys_removed"] == ["pi8"]
    assert "pi8" not in accepted(opts)
    assert runner["card.list"](state="revoked")["cards"][card]["reason"] == "stolen"
    assert runner["card.revoke"](card)["message"] == f"{card} was revoked before: stolen"
    assert runner["card.list"](state="revoked")["cards"][card]["reason"] == "stolen"
    assert context["retcode"] == 0


def test_the_reason_of_a_revocation_is_one_short_line(opts, prepare, context, tmp_path):
    card = by_node(prepare("pi9", directory=str(tmp_path)))["pi9"]["id"]
    runner = salt.loader.runner(opts, context=context)
    runner["card.revoke"](card, reason="lost\nRejoin of pi4: converged\x1b[2J" + "!" * 9000)
    said = runner["card.show"](card)["card"]["reason"]
    assert said.startswith(r"lost\nRejoin of pi4: converged\x1b[2J!!!")
    assert len(said) == 500


def test_a_node_without_a_card_has_an_empty_list(opts, context):
    assert salt.loader.runner(opts, context=context)["card.list"](node="pi13")["cards"] == {}
    assert context["retcode"] == 0


@pytest.mark.parametrize(
    ("function", "wanted", "said"),
    [
        ("list", {"node": "pi99x"}, 'There is no node "pi99x"'),
        ("list", {"node": 5}, 'There is no node "5"'),
        ("list", {"node": ["pi0"]}, "There is no node"),
        ("show", {"card": "card-nobody"}, 'There is no card "card-nobody"'),
        ("revoke", {"card": "card-nobody"}, 'There is no card "card-nobody"'),
        ("list", {"state": "retierd"}, 'There is no state "retierd"; did you mean "retired"?'),
    ],
)
def test_what_there_is_not_is_named(opts, context, function, wanted, said):
    answer = salt.loader.runner(opts, context=context)[f"card.{function}"](**wanted)
    assert answer["message"].startswith(said)
    assert context["retcode"] == 1
