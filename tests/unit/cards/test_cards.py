"""Cards and their seeds: recorded first, readable by nobody else, never used twice."""

import json
import stat

import pytest
from picloud import cards
from picloud.identity import CardState
from picloud.ledger import DecisionRow, Rejoin, StorageError

from tests.unit.cards.office import Keys, office, tiny


@pytest.fixture
def keys():
    return Keys()


@pytest.fixture
def desk(keys, tmp_path):
    return office(tmp_path / "seeds", keys)


def test_the_first_card_of_a_node_is_let_in_at_once(desk, keys):
    (card,) = desk.prepare("pi2")
    assert card.seed == desk.folder / "pi2" / card.card / "picloud-seed"
    assert keys.known("pi2") == [("accepted", "public 1\n")]
    assert json.loads((card.seed / "card.json").read_text()) == {
        "card": card.card,
        "node": "pi2",
        "master": "head.pi.example",
        "master_address": "10.80.0.2",
    }
    assert (card.seed / "minion.pem").read_text() == "private 1\n"
    assert (card.seed / "master.pub").read_text() == "master\n"


def test_what_is_on_record_is_the_public_half_and_who_asked(desk):
    (card,) = desk.prepare("pi2")
    row = desk.ledger.cards.get(card.card)
    assert (row.node, row.spare, row.state) == ("pi2", False, CardState.IN_USE)
    assert (row.public, row.made_by, row.made_at) == ("public 1\n", "jane", 1000.0)
    assert b"private" not in (desk.folder.parent / "ledger" / "ledger.db").read_bytes()


def test_a_card_for_a_node_that_runs_leaves_it_alone(desk, keys):
    keys.store["pi2"] = [("accepted", "of the Pi that runs")]
    (card,) = desk.prepare("pi2")
    assert keys.store["pi2"] == [("accepted", "of the Pi that runs")]
    assert desk.ledger.cards.get(card.card).state is CardState.ISSUED
    assert "gets in when nobody answers" in card.reason


@pytest.mark.parametrize("state", ["pending", "denied"])
def test_a_key_that_knocks_is_neither_replaced_nor_accepted(desk, keys, state):
    keys.store["pi2"] = [(state, "another")]
    desk.prepare("pi2")
    assert keys.store["pi2"] == [(state, "another")]


@pytest.mark.parametrize("beside", [[], [("denied", "another")]])
def test_a_rejected_key_of_a_stranger_is_replaced(desk, keys, beside):
    keys.store["pi2"] = [("rejected", "of a stranger"), *beside]
    (card,) = desk.prepare("pi2")
    assert keys.store["pi2"] == [("accepted", "public 1\n")]
    assert desk.ledger.cards.get(card.card).state is CardState.IN_USE
    assert card.reason == "the rejected key of pi2 is of no card in use; this one replaces it"


@pytest.mark.parametrize("state", [CardState.REVOKED, CardState.RETIRED])
def test_a_rejected_key_of_a_card_that_is_out_is_replaced(desk, keys, state):
    first = desk.prepare("pi2")[0]
    keys.store["pi2"] = [("rejected", "public 1\n")]
    desk.ledger.cards.mark(first.card, state, 1.0, "stolen")
    desk.prepare("pi2")
    assert keys.store["pi2"] == [("accepted", "public 2\n")]


def test_a_card_of_ours_that_was_rejected_stays_out_and_the_way_in_is_named(desk, keys):
    first = desk.prepare("pi2")[0]
    keys.store["pi2"] = [("rejected", "public 1\n")]
    (card,) = desk.prepare("pi2")
    assert keys.store["pi2"] == [("rejected", "public 1\n")]
    assert desk.ledger.cards.get(card.card).state is CardState.ISSUED
    assert card.reason.startswith(f"the key of {first.card} was rejected")
    assert card.reason.endswith("take that key away: salt-key -d pi2")


@pytest.mark.parametrize("known", [[], [("rejected", "of a stranger")], [("accepted", "old")]])
def test_where_nobody_gets_in_by_himself_an_admin_adopts_each_card(tmp_path, keys, known):
    cloud = tiny(**{"roles:\n": "rejoin: {admit: nobody}\n\nroles:\n"})
    keys.store["pi2"] = list(known)
    desk = office(tmp_path / "seeds", keys, cloud)
    (card,) = desk.prepare("pi2")
    assert keys.store["pi2"] == known
    assert desk.ledger.cards.get(card.card).state is CardState.ISSUED
    assert card.reason.endswith(f"salt-run rejoin.adopt card={card.card} node=pi2")
    assert desk.prepare("pi2")[0].card == card.card


def test_a_second_card_waits_for_the_first_to_go(desk, keys):
    first, second = desk.prepare("pi2", count=2)
    assert keys.known("pi2") == [("accepted", "public 1\n")]
    assert desk.ledger.cards.in_use("pi2").card == first.card
    assert second.reason == f"gets in when {first.card}, prepared before for pi2, is gone"
    assert [row.stands for row in desk.ledger.cards.list("pi2")] == [CardState.ISSUED] * 2
    desk.ledger.cards.runs_on(first.card, "10000000a3c1d2e4")
    assert desk.ledger.cards.get(first.card).stands is CardState.IN_USE
    third = desk.prepare("pi2", count=2)[1]
    assert third.reason == f"gets in when {first.card}, the present card of pi2, is gone"


def test_spares_go_by_their_own_id(desk, keys):
    made = desk.prepare(None, count=2)
    assert len({card.card for card in made}) == 2
    for card in made:
        assert card.seed.parent.parent.name == "spare"
        assert "node" not in json.loads((card.seed / "card.json").read_text())
        assert keys.known(card.card)[0][0] == "accepted"
        assert desk.ledger.cards.get(card.card).state is CardState.ISSUED


def test_nobody_else_can_read_a_seed(desk):
    seed = desk.prepare("pi2")[0].seed
    for folder in (desk.folder, seed.parent.parent, seed.parent, seed):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((seed / "minion.pem").stat().st_mode) == 0o600


def test_prepared_again_before_use_it_is_the_same_card(desk, keys):
    first, again = desk.prepare("pi2")[0], desk.prepare("pi2")[0]
    assert (again.card, again.seed, keys.made) == (first.card, first.seed, 1)
    assert again.reason == "this card is prepared already"


def test_a_damaged_seed_is_not_used_again(desk):
    first = desk.prepare("pi2")[0]
    (first.seed / "minion.pem").write_text("half")
    again = desk.prepare("pi2")[0]
    assert again.card != first.card
    assert not first.seed.exists()


def test_a_key_that_was_removed_is_never_accepted_again(desk, keys):
    first = desk.prepare("pi2")[0]
    del keys.store["pi2"]
    again = desk.prepare("pi2")[0]
    assert again.card != first.card
    assert keys.known("pi2") == [("accepted", "public 2\n")]
    assert desk.ledger.cards.get(first.card).state is CardState.RETIRED


def seen_on_a_board(ledger, card):
    ledger.cards.runs_on(card.card, "00000000e0000001")


def started_and_not_heard_yet(ledger, _card):
    ledger.rejoins.put([Rejoin("pi2", "asked", step_at=1001.0)])


def runs_for_long(ledger, card):
    ledger.rejoins.put([Rejoin("pi2", "converged", card=card.card, step_at=999.0)])


def was_refused(ledger, card):
    row = DecisionRow("pi2", 1001.0, "copy of a card", "refuse", "still answers", card.card)
    ledger.decisions.add(row)


@pytest.mark.parametrize(
    "seen", [seen_on_a_board, started_and_not_heard_yet, runs_for_long, was_refused]
)
def test_the_seed_of_a_card_that_was_seen_is_never_handed_out_again(desk, keys, seen):
    first = desk.prepare("pi2")[0]
    seen(desk.ledger, first)
    again = desk.prepare("pi2")[0]
    assert again.card != first.card
    assert not first.seed.parent.exists()
    assert keys.known("pi2") == [("accepted", "public 1\n")]
    assert again.reason.startswith(f"gets in when {first.card}, ")


def test_a_spare_that_was_in_the_lobby_is_not_handed_out_again(desk):
    first = desk.prepare(None)[0]
    desk.ledger.rejoins.put([Rejoin(first.card, "lobby", step_at=1001.0)])
    assert desk.prepare(None)[0].card != first.card


def test_what_the_node_did_before_a_card_was_made_does_not_count(desk):
    desk.ledger.rejoins.put([Rejoin("pi2", "converged", card="card-before", step_at=999.0)])
    desk.ledger.decisions.add(DecisionRow("pi2", 999.0, "restart", "leave", "", "card-before"))
    assert desk.prepare("pi2")[0].card == desk.prepare("pi2")[0].card


def test_folders_made_by_others_are_not_looked_at(desk):
    kept = [
        desk.folder / "pi2" / name
        for name in ("thesis/thesis.tex", "card-notes/a", "card-0123456789abc/b", "notes")
    ]
    for path in kept:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text("mine")
    (desk.folder / "pi2").chmod(0o700)
    (desk.folder / "pi2" / "thesis").chmod(0o755)
    desk.prepare("pi2")
    assert [path.read_text() for path in kept] == ["mine"] * len(kept)


def test_what_else_lies_beside_a_seed_stays(desk):
    first = desk.prepare("pi2")[0]
    kept = [first.seed / "notes", first.seed.parent / "label.odt"]
    for path in kept:
        path.write_text("mine")
    desk.ledger.cards.mark(first.card, CardState.REVOKED, 1.0, "stolen")
    desk.prepare("pi2")
    assert [path.read_text() for path in kept] == ["mine", "mine"]
    assert [path.name for path in first.seed.iterdir()] == ["notes"]


@pytest.mark.parametrize("state", [CardState.REVOKED, CardState.RETIRED])
def test_a_seed_of_a_card_that_is_out_is_not_used_again(desk, state):
    first = desk.prepare("pi2")[0]
    desk.ledger.cards.mark(first.card, state, 1.0, "stolen")
    assert desk.prepare("pi2")[0].card != first.card


def test_a_ledger_that_cannot_be_written_leaves_no_card(desk, keys, monkeypatch):
    def full(_rows):
        raise StorageError("database or disk is full")

    monkeypatch.setattr(desk.ledger.cards, "add", full)
    with pytest.raises(StorageError):
        desk.prepare("pi2")
    assert keys.store == {}
    assert list((desk.folder / "pi2").iterdir()) == []


def test_a_key_store_that_cannot_be_written_leaves_no_card(desk, keys, monkeypatch):
    def full(_name, _public):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys, "accept", full)
    with pytest.raises(OSError, match="No space left"):
        desk.prepare("pi2")
    assert list((desk.folder / "pi2").iterdir()) == []
    assert desk.ledger.cards.list() == []


def whole_seed(tmp_path):
    """A whole seed whose key somebody else has."""
    return office(tmp_path / "elsewhere" / "seeds").prepare("pi2")[0].seed


def linked_home(tmp_path, folder):
    (folder / "pi2").symlink_to(whole_seed(tmp_path).parent.parent)


def linked_seed(tmp_path, folder):
    made = folder / "pi2" / "card-0123456789ab"
    made.mkdir(mode=0o700, parents=True)
    (folder / "pi2").chmod(0o700)
    (made / "picloud-seed").symlink_to(whole_seed(tmp_path))


def open_home(tmp_path, folder):
    whole_seed(tmp_path).parent.parent.rename(folder / "pi2").chmod(0o750)


def open_seed(tmp_path, folder):
    seed = whole_seed(tmp_path)
    seed.chmod(0o701)
    seed.parent.parent.rename(folder / "pi2")


def a_file(_tmp_path, folder):
    (folder / "pi2").write_text("")


@pytest.mark.parametrize(
    ("laid", "wrong"),
    [
        (linked_home, "pi2 is a link"),
        (linked_seed, "picloud-seed is a link"),
        (open_home, "pi2 is open to other users"),
        (open_seed, "picloud-seed is open to other users"),
        (a_file, "pi2 is a link or no folder"),
    ],
)
def test_a_folder_laid_out_by_somebody_else_is_refused(desk, keys, tmp_path, laid, wrong):
    desk.folder.mkdir()
    laid(tmp_path, desk.folder)
    with pytest.raises(cards.CardError, match=f"{wrong}.* not trusted; remove it"):
        desk.prepare("pi2")
    assert (keys.made, keys.store) == (0, {})


def test_a_folder_of_another_user_is_refused(desk, monkeypatch):
    desk.prepare("pi2")
    uid = cards.os.geteuid()
    monkeypatch.setattr(cards.os, "geteuid", lambda: uid + 1)
    with pytest.raises(cards.CardError, match="pi2 belongs to another user"):
        desk.prepare("pi2")


def test_a_stranger_gets_nothing(desk, keys):
    with pytest.raises(cards.CardError, match="stranger is not in the description"):
        desk.prepare("stranger")
    assert (keys.made, keys.store) == (0, {})


def test_a_master_may_be_a_node(tmp_path):
    cloud = tiny(**{"master: head.pi.example": "master: pi0.pi.example"})
    card = office(tmp_path / "seeds", cloud=cloud).prepare("pi2")[0]
    assert json.loads((card.seed / "card.json").read_text())["master_address"] == "10.80.1.1"
