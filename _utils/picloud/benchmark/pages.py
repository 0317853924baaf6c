"""
The pages of ``salt-run benchmark``: tables per node and per model, and how a node did over time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from picloud.benchmark import results as said
from picloud.benchmark.measures import MEASURES
from picloud.benchmark.results import Result
from picloud.rejoin.pages import table, when
from picloud.status import ago

BY = ("node", "model")

Page = dict[str, Any]


def by_node(results: Iterable[Result], now: float, nodes: Sequence[str] = ()) -> Page:
    """
    Return the table of nodes: the last result of each measure, and the change since the one before.

    results
        All results of the nodes to show.
    now
        The time, in seconds since 1970.
    nodes
        The order of rows; others come after them.
    """
    return _table(said.series(results), now, "node", nodes)


def by_model(results: Iterable[Result], now: float) -> Page:
    """
    Return the table of models: the middle of their nodes, and from which to which they go.

    results
        All results of the nodes that count.
    now
        The time, in seconds since 1970.
    """
    return _table(said.series(said.by_model(results)), now, "model", ())


def _table(
    series: Mapping[tuple[str, str], Sequence[Result]], now: float, by: str, order: Sequence[str]
) -> Page:
    names = [name for name in MEASURES if any(key[1] == name for key in series)]
    owners = list(dict.fromkeys(owner for owner, _ in series))
    places = {owner: place for place, owner in enumerate(order)}
    owners.sort(key=lambda one: (places.get(one, len(places)), said.by_name(one)))
    data: dict[str, Any] = {}
    rows = []
    for owner in owners:
        mine = {name: series[owner, name] for name in names if (owner, name) in series}
        last = max((every[-1] for every in mine.values()), key=lambda one: one.at)
        data[owner] = {
            "model": last.model,
            "at": last.at,
            "results": {name: _shown(every) for name, every in mine.items()},
        }
        first = [owner, last.model] if by == "node" else [owner]
        cells = [_cell(mine[name], by) if name in mine else "-" for name in names]
        rows.append([*first, ago(last.at, now), *cells])
    heads = ["node", "model"] if by == "node" else ["model"]
    heads += ["measured", *(f"{name} {MEASURES[name].unit}" for name in names)]
    count = f"{len(owners)} {by}{'' if len(owners) == 1 else 's'}"
    summary = f"{count}; more is better; % is the change since the last time, where it is no chance"
    if not rows:
        summary = "Nothing was measured yet: salt-run benchmark.run"
    return table(heads, rows, summary) | {"by": by, f"{by}s": data}


def _shown(every: Sequence[Result]) -> dict[str, Any]:
    last, before = every[-1], every[-2] if len(every) > 1 else None
    change = said.change(last, before)
    return {
        "value": last.value,
        "unit": MEASURES[last.name].unit,
        "samples": list(last.samples),
        "change": change.ratio if change else None,
        "real": change.real if change else False,
        "runs": len(every),
    }


def _cell(every: Sequence[Result], by: str) -> str:
    last = every[-1]
    text = number(last.value)
    if by == "model" and len(last.samples) > 1:
        text += f" ({number(min(last.samples))} to {number(max(last.samples))})"
    change = said.change(last, every[-2] if len(every) > 1 else None)
    return f"{text} {change.ratio:+.0%}" if change and change.real else text


def history(node: str, results: Iterable[Result]) -> Page:
    """
    Return how a node did over time: one row for each run, and what has changed since the one
    before.

    node, results
        The node, and its results.
    """
    runs: dict[float, dict[str, Result]] = {}
    for one in sorted(results, key=lambda one: one.at):
        runs.setdefault(one.at, {})[one.name] = one
    names = [name for name in MEASURES if any(name in run for run in runs.values())]
    rows, data = [], []
    facts: Mapping[str, str] | None = None
    for at, run in runs.items():
        now = next(iter(run.values())).facts
        changed = said.others(now, facts) if facts is not None else []
        facts = now
        cells = [number(run[name].value) if name in run else "-" for name in names]
        load = now.get("load", "-")
        rows.append([when(at), *cells, load, "; ".join(changed) or "-"])
        data.append(
            {
                "at": at,
                "results": {name: said.data(one) for name, one in run.items()},
                "changed": changed,
            }
        )
    heads = ["when", *(f"{name} {MEASURES[name].unit}" for name in names), "load", "changed"]
    summary = f"{node}: {len(runs)} run{'' if len(runs) == 1 else 's'}; load is that of the minute"
    summary += " before, by core"
    if not runs:
        summary = f"{node} was not measured yet: salt-run benchmark.run nodes={node}"
    return table(heads, rows, summary) | {"node": node, "runs": data}


def number(value: float) -> str:
    """
    Return a value with as many places as say something.

    >>> [number(one) for one in (12345.6, 45.67, 3.456)]
    ['12,346', '45.7', '3.46']
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
