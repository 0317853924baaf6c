"""Results over time, as tables and as a picture."""

import json
from xml.etree import ElementTree

import pytest
from picloud import tables
from picloud.benchmark import pages, plot
from picloud.benchmark import results as said
from picloud.benchmark.measures import MEASURES
from picloud.benchmark.results import Result

DAY = 86400.0
FACTS = {"method": "1", "size_mb": "64", "sysbench": "1.0.20", "card": "c1", "load": "0.1"}


def result(node="pi3", day=1, name="memory", samples=(100, 104, 108), model="pi1b", **facts):
    return Result(node, day * DAY, name, model, samples, FACTS | facts)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ([208, 209, 210], [100, 104, 108], (209 / 104 - 1, True)),
        ([50, 52, 90], [100, 104, 108], (0.5 - 1, True)),
        ([107, 130, 140], [100, 104, 108], (0.25, False)),
        ([104], [104], (0.0, False)),
        ([208, 209], [100, 104, 108], (208.5 / 104 - 1, False)),
    ],
)
def test_a_change_is_real_where_the_tries_do_not_meet(now, before, expected):
    assert said.change(result(samples=now), result(samples=before)) == pytest.approx(expected)


@pytest.mark.parametrize("fact", [{"sysbench": "1.1"}, {"method": "2"}, {"size_mb": "8"}])
def test_what_was_measured_otherwise_is_not_compared(fact):
    assert said.change(result(**fact), result()) is None
    assert said.change(result(), None) is None


def test_another_card_is_compared_and_told():
    new = result(day=2, samples=(10, 11, 12), card="c2", load="0.9")
    assert said.change(new, result()).real
    assert said.others(new.facts, FACTS) == ["card c1, now c2"]


def test_one_disturbed_try_does_not_count():
    assert result(samples=(100, 101, 3)).value == 100


def test_a_model_is_the_middle_of_its_nodes_as_they_come_in():
    found = said.by_model(
        [
            result("b", 2, samples=[30]),
            result("a", 1, samples=[10]),
            result("c", 3, samples=[20]),
            result("a", 4, samples=[40]),
            result("z", 4, samples=[1], model="pi4b"),
        ]
    )
    mine = [(one.at / DAY, sorted(one.samples), one.value) for one in found if one.node == "pi1b"]
    assert mine == [(1, [10], 10), (2, [10, 30], 20), (3, [10, 20, 30], 20), (4, [20, 30, 40], 30)]
    assert [one.value for one in found if one.node == "pi4b"] == [1]


def test_the_table_of_nodes():
    found = [
        result("pi4", day=1, samples=[50]),
        result("pi3", day=1),
        result("pi3", day=2, samples=[200, 208, 209]),
        result("pi3", day=2, name="cpu_one", samples=[12.345]),
    ]
    page = pages.by_node(found, 2 * DAY + 3600, ["pi4", "pi3"])
    assert page["heads"] == ["node", "model", "measured", "cpu_one events/s", "memory MiB/s"]
    assert page["rows"][0] == ["pi4", "pi1b", "25 h ago", "-", "50.0"]
    assert page["rows"][1][3:] == ["12.3", "208 +100%"]
    shown = page["nodes"]["pi3"]["results"]["memory"]
    assert (shown["value"], shown["change"], shown["real"], shown["runs"]) == (208, 1.0, True, 2)
    assert json.loads(json.dumps(page)) == page
    assert "2 nodes; more is better" in tables.render(page)


def test_the_table_of_models():
    page = pages.by_model([result("a", samples=[10]), result("b", samples=[30])], 2 * DAY)
    assert page["rows"] == [["pi1b", "24 h ago", "20.0 (10.0 to 30.0)"]]
    assert page["models"]["pi1b"]["results"]["memory"]["samples"] == [10, 30]


def test_the_history_of_a_node_tells_what_was_changed():
    page = pages.history("pi3", [result(day=2, card="c2"), result(day=1)])
    assert [row[-1] for row in page["rows"]] == ["-", "card c1, now c2"]
    assert page["rows"][0][:3] == ["1970-01-02 00:00:00Z", "104", "0.1"]
    assert page["runs"][1]["results"]["memory"]["versions"]["card"] == "c2"
    assert json.loads(json.dumps(page)) == page


def test_nothing_measured_says_what_to_run():
    assert "salt-run benchmark.run" in tables.render(pages.by_node([], 0))
    assert "salt-run benchmark.run nodes=pi3" in tables.render(pages.history("pi3", []))


def test_a_line_is_whole():
    one = json.loads(said.line(result()))
    assert one == {
        **{"node": "pi3", "model": "pi1b", "at": DAY, "name": "memory", "unit": "MiB/s"},
        **{"value": 104, "samples": [100, 104, 108], "versions": FACTS},
    }


def drawn(results):
    text = plot.svg(results, "Benchmark <by> node")
    picture = ElementTree.fromstring(text)
    names = {tag: [] for tag in ("text", "polyline", "circle", "title", "rect", "line")}
    for one in picture.iter():
        names.setdefault(one.tag.partition("}")[2], []).append(one)
    return picture, names


def test_the_picture_has_a_panel_for_each_measure_and_a_line_for_each_node():
    found = [
        result(node, day, name, [day * 10])
        for node in ("pi10", "pi3")
        for day in (1, 2, 3)
        for name in MEASURES
    ]
    picture, names = drawn(found)
    assert len(names["polyline"]) == 2 * len(MEASURES)
    said_of = [one.text for one in names["title"]]
    assert "pi3, 1970-01-03: 20.0 MiB/s" in said_of
    assert len(said_of) == 2 * 3 * len(MEASURES)
    texts = [one.text for one in names["text"]]
    assert texts[:3] == ["Benchmark <by> node", "pi3", "pi10"]
    _, _, wide, high = map(float, picture.get("viewBox").split())
    for one in names["circle"]:
        assert 0 < float(one.get("cx")) < wide
        assert 0 < float(one.get("cy")) < high


def test_more_is_higher_and_later_is_further_right():
    _, names = drawn([result(day=day, samples=[value]) for day, value in ((1, 5), (2, 9), (4, 7))])
    (line,) = names["polyline"]
    points = [tuple(map(float, one.split(","))) for one in line.get("points").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[1][1] < points[2][1] < points[0][1]


@pytest.mark.parametrize("many", [1, 60])
def test_one_node_once_or_many_can_be_drawn(many):
    _, names = drawn([result(f"pi{number}") for number in range(many)])
    assert len(names["polyline"]) == many
    assert ("and 20 more" in [one.text for one in names["text"]]) is (many == 60)
