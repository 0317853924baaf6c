"""
The results over time as a picture (SVG): a panel for each measure, a line for each node or model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from picloud.benchmark.measures import MEASURES
from picloud.benchmark.pages import number
from picloud.benchmark.results import Result, by_name, series

#: Tones that can be told apart by the colour-blind, on white and on black (Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#a89f00", "#858585")
#: Panels in a row, their size, and what is left free in and around them.
ACROSS, WIDE, HIGH, GAP, MARGIN = 2, 420, 180, 30, 60
TOP, LINE = 40, 18
#: Names that the legend has room for in a row, and in all.
NAMES, MOST = 8, 40


def svg(results: Iterable[Result], title: str) -> str:
    """
    Return the picture.

    results
        Results of nodes, or of models (``results.by_model``).
    title
        What stands above it.

    Every panel begins at zero, so that heights can be compared; a bar through a point goes from the
    worst try to the best one (of a model: from its slowest node to its fastest).
    """
    found = series(results)
    names = [name for name in MEASURES if any(key[1] == name for key in found)]
    owners = sorted({owner for owner, _ in found}, key=by_name)
    times = [one.at for every in found.values() for one in every]
    span = (min(times, default=0.0), max(times, default=0.0))
    legend = TOP + LINE * -(-min(len(owners), MOST + 1) // NAMES)
    rows = -(-len(names) // ACROSS)
    width = MARGIN + ACROSS * (WIDE + MARGIN)
    height = legend + rows * (HIGH + GAP + TOP) + GAP
    picture = ElementTree.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        attrib={"font-family": "sans-serif", "font-size": "12"},
    )
    _add(picture, "rect", width=width, height=height, fill="#ffffff")
    _text(picture, MARGIN, 24, title, size=16)
    colours = {owner: COLOURS[place % len(COLOURS)] for place, owner in enumerate(owners)}
    _legend(picture, owners, colours)
    for place, name in enumerate(names):
        mine = {owner: found[owner, name] for owner in owners if (owner, name) in found}
        left = MARGIN + place % ACROSS * (WIDE + MARGIN)
        top = legend + TOP + place // ACROSS * (HIGH + GAP + TOP)
        _panel(picture, (left, top), name, mine=mine, colours=colours, span=span)
    return ElementTree.tostring(picture, encoding="unicode") + "\n"


def _legend(
    picture: ElementTree.Element, owners: Sequence[str], colours: Mapping[str, str]
) -> None:
    step = ACROSS * (WIDE + MARGIN) // NAMES
    for place, owner in enumerate(owners[:MOST]):
        x, y = MARGIN + place % NAMES * step, TOP + LINE * (place // NAMES)
        _add(picture, "circle", cx=x + 4, cy=y, r=4, fill=colours[owner])
        _text(picture, x + 12, y + 4, owner)
    if len(owners) > MOST:
        y = TOP + LINE * (MOST // NAMES)
        _text(picture, MARGIN, y + 4, f"and {len(owners) - MOST} more")


def _panel(
    picture: ElementTree.Element,
    corner: tuple[int, int],
    name: str,
    *,
    mine: Mapping[str, Sequence[Result]],
    colours: Mapping[str, str],
    span: tuple[float, float],
) -> None:
    left, top = corner
    first, last = span
    most = max(max(one.samples) for every in mine.values() for one in every)

    def x(at: float) -> float:
        share = (at - first) / (last - first) if last > first else 0.5
        return round(left + 8 + share * (WIDE - 16), 1)

    def y(value: float) -> float:
        return round(top + HIGH * (1 - value / most), 1)

    measure = MEASURES[name]
    _text(picture, left, top - 8, f"{name}: {measure.what}, {measure.unit}", size=13)
    for share in (0.0, 0.5, 1.0):
        at = y(most * share)
        _add(picture, "line", x1=left, x2=left + WIDE, y1=at, y2=at, stroke="#dddddd")
        _text(picture, left - 4, at + 4, number(most * share) if share else "0", anchor="end")
    days = dict.fromkeys((_day(first), _day(last)))
    for day, place, anchor in zip(days, (left, left + WIDE), ("start", "end"), strict=False):
        _text(picture, place, top + HIGH + 16, day, anchor=anchor)
    for owner, every in mine.items():
        colour = colours[owner]
        points = " ".join(f"{x(one.at)},{y(one.value)}" for one in every)
        _add(picture, "polyline", points=points, fill="none", stroke=colour)
        for one in every:
            here = x(one.at)
            low, high = y(min(one.samples)), y(max(one.samples))
            _add(picture, "line", x1=here, x2=here, y1=low, y2=high, stroke=colour)
            dot = _add(picture, "circle", cx=here, cy=y(one.value), r=3, fill=colour)
            told = f"{owner}, {_day(one.at)}: {number(one.value)} {measure.unit}"
            _add(dot, "title").text = told


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _add(parent: ElementTree.Element, tag: str, **attributes: object) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {key: str(one) for key, one in attributes.items()})


def _text(
    parent: ElementTree.Element,
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "",
) -> None:
    made = _add(parent, "text", x=x, y=y, fill="#333333")
    if size != 12:
        made.set("font-size", str(size))
    if anchor:
        made.set("text-anchor", anchor)
    made.text = text
