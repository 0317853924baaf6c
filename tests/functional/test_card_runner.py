"""``card.prepare`` with Salt's own loader and key store, and the shipped description."""

import pytest
import salt.config
import salt.crypt
import salt.key
import salt.loader
from salt.exceptions import CommandExecutionError


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


@pytest.fixture(scope="module")
def prepare(opts):
    return salt.loader.runner(opts)["card.prepare"]


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


def test_a_stranger_is_refused_by_name(opts, prepare, tmp_path):
    with pytest.raises(CommandExecutionError, match="stranger is not in the description"):
        prepare("stranger", directory=str(tmp_path))
    assert "stranger" not in accepted(opts)


def test_a_key_that_is_there_is_never_replaced(opts, prepare, tmp_path):
    prepare("pi2", directory=str(tmp_path / "one"))
    before = salt.key.Key(opts).key_str("pi2")
    with pytest.raises(CommandExecutionError, match="pi2 has a key already"):
        prepare("pi2", directory=str(tmp_path / "two"))
    assert salt.key.Key(opts).key_str("pi2") == before


def test_a_key_that_waits_is_not_taken_for_the_card(opts, prepare, tmp_path):
    _, public = salt.crypt.gen_keys(2048)
    salt.key.Key(opts).cache.store("keys", "pi3", {"state": "pending", "pub": public})
    with pytest.raises(CommandExecutionError, match=r"pi3 has a key already \(pending\)"):
        prepare("pi3", directory=str(tmp_path))
    assert "pi3" not in accepted(opts)
