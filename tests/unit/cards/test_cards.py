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


def test_a_key_that_was_removed_is_never_accepted_again(keys, tmp_path):
    first = cards.prepare("pi3", VIEW, keys, tmp_path)
    del keys.store["pi3"]
    again = cards.prepare("pi3", VIEW, keys, tmp_path)
    assert again.card != first.card
    assert keys.known("pi3") == [("accepted", "public 2\n")]
    assert (again.seed / "minion.pem").read_text() == "private 2\n"


def elsewhere(tmp_path):
    """A whole seed whose key somebody else has."""
    seed = cards.prepare("pi3", VIEW, Keys(), tmp_path / "elsewhere").seed
    return seed.parent, seed


def linked_home(tmp_path, folder):
    home, _ = elsewhere(tmp_path)
    (folder / "pi3").symlink_to(home)


def linked_seed(tmp_path, folder):
    _, seed = elsewhere(tmp_path)
    (folder / "pi3").mkdir(mode=0o700)
    (folder / "pi3/picloud-seed").symlink_to(seed)


def open_home(tmp_path, folder):
    home, _ = elsewhere(tmp_path)
    home.rename(folder / "pi3").chmod(0o750)


def open_seed(tmp_path, folder):
    home, seed = elsewhere(tmp_path)
    seed.chmod(0o701)
    home.rename(folder / "pi3")


def a_file(tmp_path, folder):
    (folder / "pi3").write_text("")


@pytest.mark.parametrize(
    ("laid", "wrong"),
    [
        (linked_home, "pi3 is a link"),
        (linked_seed, "picloud-seed is a link"),
        (open_home, "pi3 is open to other users"),
        (open_seed, "picloud-seed is open to other users"),
        (a_file, "pi3 is a link or no folder"),
    ],
)
def test_a_folder_laid_out_by_somebody_else_is_refused(keys, tmp_path, laid, wrong):
    folder = tmp_path / "cards"
    folder.mkdir()
    laid(tmp_path, folder)
    with pytest.raises(cards.CardError, match=f"{wrong}.* not trusted; remove it"):
        cards.prepare("pi3", VIEW, keys, folder)
    assert (keys.made, keys.store) == (0, {})


def test_a_folder_of_another_user_is_refused(keys, tmp_path, monkeypatch):
    cards.prepare("pi3", VIEW, keys, tmp_path)
    uid = cards.os.geteuid()
    monkeypatch.setattr(cards.os, "geteuid", lambda: uid + 1)
    with pytest.raises(cards.CardError, match="pi3 belongs to another user"):
        cards.prepare("pi3", VIEW, keys, tmp_path)


def test_a_stranger_gets_nothing(keys, tmp_path):
    with pytest.raises(cards.CardError, match="stranger is not in the description"):
        cards.prepare("stranger", {}, keys, tmp_path)
    assert (keys.made, keys.store) == (0, {})


def test_a_master_known_by_dns_needs_no_address(keys, tmp_path):
    view = {"site": {"master": "head.pi.example"}, "network": {"hosts": {}}}
    card = cards.prepare("pi3", view, keys, tmp_path)
    assert "master_address" not in json.loads((card.seed / "card.json").read_text())
