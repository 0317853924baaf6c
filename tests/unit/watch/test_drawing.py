"""Pictures and tables: the same layout in colour, in a pipe and in ASCII."""

import re

import pytest
from picloud import drawing, status, tables
from rich.cells import cell_len
from rich.console import Console, Group

STATES = ["converged"] * 10 + ["drifted", "silent", "rejoining", "unknown"]
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def node(number, state="converged", **more):
    return {
        "id": f"pi{number}",
        "state": state,
        "reason": f"because pi{number} is {state}",
        "notes": [],
        "slot": f"rack1/left/{number + 1}",
        "model": "pi1b",
        "position": number % 7 + 1,
        "port": number + 1,
        "hub": number // 7 + 1,
        "hub_port": number % 7 + 1,
        "key": "accepted",
        "denied": False,
        "connected": state != "silent",
        "declared": {"model": "pi1b"},
        "seen": {},
        "differs": [],
        "reboot_needed": [],
        "highstate": None,
        **more,
    }


def rack(hubs=2, ports=16):
    nodes = [node(number, state) for number, state in enumerate(STATES)]
    return {
        "site": "glasgow",
        "design": "lego14",
        "towers": {"left": nodes[:7], "right": nodes[7:]},
        "hubs": [
            {"number": number, "tower": tower, "name": "usb7"}
            for number, tower in enumerate(("left", "right")[:hubs], 1)
        ],
        "switch": {"name": "Netgear GS116E", "ports": ports},
        "counts": status.counts(STATES),
    }


def page(*racks):
    drawn = {f"rack{number}": one for number, one in enumerate(racks or (rack(),), 1)}
    return {"show": "racks", "racks": drawn, "counts": status.counts(STATES), "now": 0.0}


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_pipe_gets_no_colour_and_the_same_layout():
    piped = tables.render(page())
    coloured = tables.render(page(), colour=True, width=200)
    assert "\x1b" not in piped
    assert "\x1b" in coloured
    stripped = [line.rstrip() for line in ANSI.sub("", coloured).splitlines()]
    assert stripped == piped.splitlines()


def test_ascii_has_the_same_layout():
    piped, ascii_ = tables.render(page()), tables.render(page(), unicode=False)
    assert ascii_.isascii()
    assert [len(line) for line in ascii_.splitlines()] == [len(line) for line in piped.splitlines()]


def test_the_picture_fits_in_80_columns():
    assert max(map(cell_len, tables.render(page()).splitlines())) <= tables.PICTURE_WIDTH


def test_slot_one_is_at_the_bottom_and_each_node_beside_its_hub_port():
    lines = [line for line in tables.render(page()).splitlines() if "━━┤" in line]
    assert len(lines) == 7
    assert "pi6 " in lines[0]
    assert "pi13 " in lines[0]
    assert "━━┤ 7 │   │ 7 ├━━" in lines[0]
    assert "pi0 " in lines[6]


def test_every_state_has_its_own_glyph_and_is_counted():
    states = list(status.State)
    one = rack()
    one["towers"]["left"] = [node(number, state) for number, state in enumerate(states)]
    one["counts"] = status.counts(states)
    text = tables.render({**page(one), "counts": one["counts"]})
    assert len(set(drawing.GLYPHS.values())) == len(states)
    assert len(set(drawing.COLOURS.values())) == len(states)
    for number, state in enumerate(states):
        assert f"{drawing.GLYPHS[state]} {state} 1" in text
        assert f"{drawing.GLYPHS[state]} pi{number} " in text


def test_the_legend_names_rare_states_only_when_there_are_any():
    counts = status.counts(["silent", "lobby"])
    text = drawing.legend(counts).plain
    assert [name for name in status.State if f" {name} " in text] == [
        "converged",
        "drifted",
        "rejoining",
        "silent",
        "unknown",
        "lobby",
    ]


def test_every_glyph_has_a_letter_of_its_own():
    nodes = {f"pi{i}": node(i, state) for i, state in enumerate(status.State)}
    data = {"show": "nodes", "nodes": nodes, "counts": status.counts([]), "now": 0.0}
    lines = tables.render(data, unicode=False).splitlines()[1 : len(nodes) + 1]
    assert len({line[0] for line in lines}) == len(nodes)
    assert not {line[0] for line in lines} & {" ", "#"}


def test_ports_show_who_is_connected():
    text = tables.render(page())
    assert "11▪ 12▫ 13▪" in text
    assert "15· 16·" in text


def test_a_switch_with_many_ports_takes_more_lines():
    text = tables.render(page(rack(ports=48)))
    assert "48·" in text
    assert max(map(cell_len, text.splitlines())) <= tables.PICTURE_WIDTH


@pytest.mark.parametrize("hubs", [0, 1, 2])
def test_racks_with_fewer_hubs_are_straight_too(hubs):
    lines = [line for line in tables.render(page(rack(hubs=hubs))).splitlines() if "██" in line]
    assert len({len(line) for line in lines}) == 1


def test_one_three_and_uneven_towers():
    for heights in ((3,), (2, 5), (1, 2, 3)):
        one = rack()
        one["towers"] = {f"t{i}": [node(i)] + [None] * (high - 1) for i, high in enumerate(heights)}
        one["hubs"] = []
        text = tables.render(page(one))
        assert text.count("pi0 ") == 1
        assert text.count("empty") == sum(heights) - len(heights)


def test_many_racks_or_a_narrow_terminal_get_lines():
    for text in (
        tables.render(page(*[rack() for _ in range(tables.PICTURES + 1)])),
        tables.render(page(), width=60),
    ):
        assert "rack1  ●●●●●●●  ●●●▲✗◐○" in text.replace("   ", "  ")
        assert "██" not in text


def test_concerns_are_grouped_and_worst_first():
    nodes = [
        node(1),
        node(2, "silent", reason="not connected"),
        node(3, "silent", reason="not connected"),
    ]
    nodes.append(node(4, "drifted"))
    nodes.append(node(5, "unknown", reason="run: salt pi5 state.highstate"))

    def lines(*args):
        console = Console(width=200, force_terminal=False, color_system=None)
        with console.capture() as captured:
            console.print(Group(*drawing.concerns(nodes, *args)))
        return [line.strip() for line in captured.get().splitlines()][1:]

    assert lines() == [
        "▲  pi4       because pi4 is drifted",
        "✗  pi2, pi3  not connected",
        "○  pi5       run: salt pi5 state.highstate",
    ]
    assert lines(1)[-1] == "and 3 more nodes: salt-run picloud.nodes"


def test_text_of_a_node_cannot_steer_the_terminal():
    evil = node(1, "drifted", reason="\x1b]0;owned\x07\x9b2J[bold]x[/bold]")
    data = {"show": "nodes", "nodes": {"pi1": evil}, "counts": status.counts([]), "now": 0.0}
    text = tables.render(data)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "?]0;owned??2J[bold]x[/bold]" in text


def test_a_piped_table_has_one_line_per_node():
    rows = {f"pi{i}": node(i, reason="long " * 60) for i in range(3)}
    data = {"show": "nodes", "nodes": rows, "counts": status.counts([]), "now": 0.0}
    lines = tables.render(data).splitlines()
    assert [line.split()[1] for line in lines[1:4]] == ["pi0", "pi1", "pi2"]


def test_one_node_shows_every_state_that_is_not_right():
    last = {
        "jid": "20261120",
        "at": 0.0,
        "states": 31,
        "changed": 1,
        "failed": [{"id": "docker", "function": "pkg.installed", "sls": "docker", "comment": "no"}],
        "would_change": [],
        "not_run": 2,
        "error": "",
    }
    one = node(3, "drifted", highstate=last, seen={"model": "pi2b"}, differs=["model: other"])
    text = tables.render({"show": "node", "node": one, "now": 60.0})
    assert "failed  docker  pkg.installed in docker: no" in text
    assert "not run because of these: 2" in text
    assert "model: other" in text
