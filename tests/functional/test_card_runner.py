"""``card.prepare`` with Salt's own loader and key store, and the shipped description."""

import pytest
import salt.config
import salt.crypt
import salt.key
import salt.loader


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


def test_cards_of_described_nodes_are_accepted_in_advance(opts, prepare, tmp_path):
    made = prepare("pi0,pi1", directory=str(tmp_path))
    assert set(made["cards"]) == {"pi0", "pi1"}
    assert {"pi0", "pi1"} <= set(accepted(opts))
    seed = tmp_path / "pi0" / "picloud-seed"
    public = (seed / "minion.pub").read_text()
    assert salt.key.Key(opts).key_str("pi0")["minions"]["pi0"] == public
    assert salt.crypt.MasterKeys(opts).get_pub_str() == (seed / "master.pub").read_text()
    assert "PRIVATE KEY" in (seed / "minion.pem").read_text()
    assert "private key" in made["warning"]


@pytest.mark.parametrize("node", ["stranger", 5, 1.5, ["stranger"], [5], None, "", "../pi0"])
def test_a_node_that_is_not_described_is_refused_by_name(opts, refuse, tmp_path, node):
    before = accepted(opts)
    name = node[0] if isinstance(node, list) else node
    said = refuse(node, tmp_path)
    assert said.startswith(f"No card for {name}: {name} is not in the description")
    assert accepted(opts) == before
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_names_the_cards_made_before_it(opts, refuse, tmp_path):
    said = refuse("pi4,stranger,pi5", tmp_path)
    assert said.startswith("No card for stranger: ")
    assert said.endswith(f"Made before that, and good: {tmp_path}/pi4/picloud-seed")
    assert "pi4" in accepted(opts)
    assert "pi5" not in accepted(opts)


def test_a_format_asked_for_gets_the_data_alone(opts, tmp_path):
    runner = salt.loader.runner({**opts, "output": "json"}, context={})
    assert "outputter" not in runner["card.prepare"]("stranger", directory=str(tmp_path))


def test_a_directory_that_cannot_be_written_is_named(refuse, tmp_path):
    (tmp_path / "file").write_text("")
    assert f"{tmp_path}/file" in refuse("pi6", tmp_path / "file")


def test_a_key_that_is_there_is_never_replaced(opts, prepare, refuse, tmp_path):
    prepare("pi2", directory=str(tmp_path / "one"))
    before = salt.key.Key(opts).key_str("pi2")
    assert "pi2 has a key already" in refuse("pi2", tmp_path / "two")
    assert salt.key.Key(opts).key_str("pi2") == before


def test_a_key_that_was_deleted_is_not_accepted_again(opts, prepare, tmp_path):
    prepare("pi7", directory=str(tmp_path))
    before = salt.key.Key(opts).key_str("pi7")
    salt.key.Key(opts).delete_key("pi7")
    prepare("pi7", directory=str(tmp_path))
    assert salt.key.Key(opts).key_str("pi7") not in ({}, before)


def test_a_key_that_waits_is_not_taken_for_the_card(opts, refuse, tmp_path):
    _, public = salt.crypt.gen_keys(2048)
    salt.key.Key(opts).cache.store("keys", "pi3", {"state": "pending", "pub": public})
    assert "pi3 has a key already (pending)" in refuse("pi3", tmp_path)
    assert "pi3" not in accepted(opts)
