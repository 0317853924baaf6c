"""Nodes come back by themselves, on real systemd and first boot; nobody else gets in."""

import subprocess
import time

import pytest

from lab import boards, cluster, description, mishaps, rejoin
from lab.apart import Apart
from lab.converge import answering

#: Seconds until a spare card is what it should be.
PATIENCE = 240


@pytest.fixture
def happen(lab: Apart):
    """Return what does a mishap to the lab and sees that it ends as it should."""
    return lambda what, *names: mishaps.run(lab.settings, what, *names)


def newest(lab: Apart, node: str) -> dict:
    """Return the way back of a node."""
    return rejoin.rows(lab.settings)[node]


def step_now(lab: Apart, node: str, since: float) -> str:
    """Return the step of a node, at once: a runner takes longer than some steps."""
    query = f"select step from rejoins where node = '{node}' and since > {since}"
    program = (
        "import sqlite3; ledger = sqlite3.connect('/var/lib/picloud/ledger.db'); "
        f'print(*ledger.execute("{query}").fetchone() or [])'
    )
    return lab.execute("head", "/opt/picloud/salt/bin/python", "-c", program).stdout.strip()


def kinds(lab: Apart, node: str, since: float) -> list[str]:
    """Return what was decided about a node since a time, the first first."""
    return [
        one["kind"]
        for one in reversed(rejoin.decisions(lab.settings, node))
        if one["at"] >= since and one["action"] not in ("converged", "leave")
    ]


def cards(lab: Apart, node: str) -> list[str]:
    """Return the states of the cards of a node, sorted."""
    return sorted(card["state"] for card in lab.run("card.list", f"node={node}")["cards"].values())


def test_up_left_all_nodes_converged_by_the_master_itself(lab: Apart):
    for node in ("pi0", "pi1", "pi2"):
        found = rejoin.decisions(lab.settings, node)
        assert "first join" in [one["kind"] for one in found], found
        assert newest(lab, node)["step"] == "converged"


def test_a_swapped_card_comes_back_with_nobody_typing(lab: Apart, happen):
    begin, before = time.time(), cards(lab, "pi1")
    happen("swap", "pi1")
    assert kinds(lab, "pi1", begin)[:2] == ["new card", "new card"]
    assert cards(lab, "pi1") == sorted([*before, "retired"])
    assert lab.salt("pi1", "test.ping") is True
    assert lab.execute("pi1", "ls", "/boot/firmware/picloud-seed", check=False).returncode != 0


def test_a_second_swap_in_the_middle_of_the_first(lab: Apart):
    doing = mishaps.Mishaps(lab.settings, description.read(lab.checkout))
    node = next(one for one in doing.site.nodes if one.id == "pi1")
    image = lab.docker("inspect", "--format", "{{.Config.Image}}", lab.settings.container("pi1"))
    seed = cluster.prepare_cards(lab.settings, ["pi1"])["pi1"]
    cluster.remove([lab.settings.container("pi1")])
    cluster.create_node(lab.settings, doing.site, node, image.strip())
    cluster.insert_card(lab.settings, "pi1", seed)
    begin = time.time()
    lab.docker("start", lab.settings.container("pi1"))
    lab.wait(
        "the first new card is let in",
        lambda: (
            newest(lab, "pi1")["step_at"] > begin
            and newest(lab, "pi1")["step"] in ("admitted", "asked", "waiting", "converging")
        ),
        90,
    )
    doing.swap("pi1")
    assert cards(lab, "pi1").count("in use") == 1


def test_another_board_in_the_slot_is_learned(lab: Apart, happen):
    begin = time.time()
    happen("swap-board", "pi1")
    assert kinds(lab, "pi1", begin) == ["new board"]
    board = boards.read(lab.settings.state / "boards" / "pi1")
    assert newest(lab, "pi1")["serial"] == board.serial


def test_exchanged_boards_are_both_learned(lab: Apart, happen):
    had = {name: newest(lab, name)["serial"] for name in ("pi1", "pi2")}
    happen("exchange", "pi1", "pi2")
    assert newest(lab, "pi1")["serial"] == had["pi2"]
    assert newest(lab, "pi2")["serial"] == had["pi1"]
    assert {newest(lab, name)["kind"] for name in had} == {"boards exchanged"}


def test_a_power_cut_of_the_rack_changes_nothing(lab: Apart, happen):
    happen("powercut", "rack1")
    assert {newest(lab, name)["kind"] for name in ("pi0", "pi1", "pi2")} == {"restart"}


def test_an_impostor_gets_nothing_and_is_named(lab: Apart, happen):
    happen("impostor", "pi2")
    (line,) = [one for one in rejoin.refused(lab.settings) if one["name"] == "pi2"]
    assert "no card was issued here" in line["reason"]
    assert newest(lab, "pi2")["step"] == "converged"
    log = lab.execute("head", "journalctl", "-u", "salt-master", "--no-pager").stdout
    assert "Rejoin refuses 'pi2': 'pi2' offers a key of which no card was issued here" in log


def test_a_new_card_gets_in_although_an_impostor_was_there_first(lab: Apart, happen):
    happen("swap", "pi2")


def test_a_node_killed_in_the_middle_goes_on(lab: Apart):
    doing = mishaps.Mishaps(lab.settings, description.read(lab.checkout))
    begin = time.time()
    doing._put({"pi1": boards.another(doing._node("pi1"), "one more")})
    end = time.monotonic() + 90
    while step_now(lab, "pi1", begin) != "converging":
        assert time.monotonic() < end, newest(lab, "pi1")
    lab.docker("kill", lab.settings.container("pi1"))
    lab.docker("start", lab.settings.container("pi1"))
    assert rejoin.wait(lab.settings, ["pi1"], begin, PATIENCE)["pi1"]["step"] == "converged"


def test_a_copied_card_is_stopped_and_a_new_one_brings_the_node_back(lab: Apart, happen):
    happen("clone", "pi1")
    assert newest(lab, "pi1")["kind"] == "copy of a card"
    assert "in use" not in cards(lab, "pi1")
    assert answering(lab.settings, ["pi1"], 5) == set()
    happen("swap", "pi1")


def test_a_spare_card_in_a_known_board_is_the_node_of_that_board(lab: Apart, happen):
    begin, before = time.time(), cards(lab, "pi2")
    happen("spare", "pi2")
    card = newest(lab, "pi2")["card"]
    assert newest(lab, "pi2")["step"] == "converged"
    assert set(kinds(lab, card, begin)) == {"spare card"}
    assert cards(lab, "pi2") == sorted([*before, "retired"])
    assert lab.salt("pi2", "test.ping") is True
    assert card not in rejoin.keys(lab.settings)
    assert lab.run("rejoin.lobby")["cards"] == {}


def test_a_spare_card_waits_in_the_lobby_until_it_is_adopted(lab: Apart, happen):
    begin, card = time.time(), ""
    try:
        happen("spare")
        ((card, guest),) = lab.run("rejoin.lobby")["cards"].items()
        assert rejoin.rows(lab.settings)[card]["step"] == "lobby"
        seen = lab.salt(card, "pillar.items")
        assert set(seen) == {"picloud_lobby"}
        assert f"salt-run rejoin.adopt card={card}" in str(guest)
        lab.run("rejoin.adopt", f"card={card}", "node=pi5")
        adopted = rejoin.wait(lab.settings, ["pi5"], begin, PATIENCE)["pi5"]
        assert adopted["step"] == "converged"
        assert lab.salt("pi5", "test.ping") is True
        assert answering(lab.settings, [card], 5) == set()
    finally:
        subprocess.run(
            ["docker", "rm", "-f", "-v", lab.settings.container("spare1")],
            check=False,
            capture_output=True,
        )
        lab.run("card.revoke", f"card={card}")
