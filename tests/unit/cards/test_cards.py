"""Seeds and the decision whether a new card's key is accepted before it was seen."""

import json
import stat

import pytest
from picloud import cards

VIEW = {
    "site": {"master": "head.pi.example"},
    "network": {"hosts": {"head.pi.example": "10.80.0.2"}},
}


class Keys:
    """A key store in memory."""

    def __init__(self):
        self.store, self.made = {}, 0

    def known(self, node):
        return list(self.store.get(node, []))

    def accept(self, node, public):
        self.store[node] = [("accepted", public)]

    def generate(self):
        self.made += 1
        return f"private {self.made}\n", f"public {self.made}\n"

    def master(self):
        return "master\n"


@pytest.fixture
def keys():
    return Keys()


def test_a_new_node_gets_a_seed_and_its_key_is_accepted(keys, tmp_path):
    card = cards.prepare("pi3", VIEW, keys, tmp_path)
    assert card.seed == tmp_path / "pi3" / "picloud-seed"
    assert keys.known("pi3") == [("accepted", "public 1\n")]
    assert json.loads((card.seed / "card.json").read_text()) == {
        "card": card.card,
        "node": "pi3",
        "master": "head.pi.example",
        "master_address": "10.80.0.2",
    }
    assert (card.seed / "minion.pem").read_text() == "private 1\n"
    assert (card.seed / "master.pub").read_text() == "master\n"


def test_nobody_else_can_read_a_seed(keys, tmp_path):
    seed = cards.prepare("pi3", VIEW, keys, tmp_path / "seeds").seed
    for folder in (tmp_path / "seeds", seed.parent, seed):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((seed / "minion.pem").stat().st_mode) == 0o600


def test_prepared_again_before_use_it_is_the_same_card(keys, tmp_path):
    first = cards.prepare("pi3", VIEW, keys, tmp_path)
    again = cards.prepare("pi3", VIEW, keys, tmp_path)
    assert (again.card, keys.made) == (first.card, 1)
    assert again.reason == "this key is accepted already"


def test_a_damaged_seed_is_not_used_again(keys, tmp_path):
    first = cards.prepare("pi3", VIEW, keys, tmp_path)
    (first.seed / "minion.pem").write_text("half")
    with pytest.raises(cards.CardError, match="pi3 has a key already"):
        cards.prepare("pi3", VIEW, keys, tmp_path)


@pytest.mark.parametrize("state", ["accepted", "pending", "rejected", "denied"])
def test_a_node_with_any_key_keeps_it_and_no_seed_is_left(keys, tmp_path, state):
    keys.store["pi3"] = [(state, "another")]
    with pytest.raises(cards.CardError) as caught:
        cards.prepare("pi3", VIEW, keys, tmp_path)
    assert str(caught.value) == (
        f"pi3 has a key already ({state}); if that card is gone for good, remove its key on the "
        "master (salt-key -d pi3) and prepare the card again"
    )
    assert keys.store["pi3"] == [(state, "another")]
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_gets_nothing(keys, tmp_path):
    with pytest.raises(cards.CardError, match="stranger is not in the description"):
        cards.prepare("stranger", {}, keys, tmp_path)
    assert (keys.made, keys.store) == (0, {})


def test_a_master_known_by_dns_needs_no_address(keys, tmp_path):
    view = {"site": {"master": "head.pi.example"}, "network": {"hosts": {}}}
    card = cards.prepare("pi3", view, keys, tmp_path)
    assert "master_address" not in json.loads((card.seed / "card.json").read_text())
