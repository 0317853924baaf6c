"""
Answers for browsers.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]

_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left}"
    "tr:nth-child(even){background:#eee}.error{color:#a00}"
)
_MINUTE = ("minute", "count", "mean", "min", "max")


def overview(data: Data) -> str:
    """
    Return the page of all sensors, which loads itself again every ten seconds.

    data
        Of ``report.overview``.
    """
    rows = []
    for name, sensor in data["sensors"].items():
        link = f'<a href="/sensors/{html.escape(name)}">{html.escape(name)}</a>'
        for quantity, one in sensor["quantities"].items():
            cells = (sensor["state"], quantity, f"{one['value']:.10g}", *_cells(one["minutes"][0]))
            rows.append((link, *map(_text, cells)))
        if not sensor["quantities"]:
            rows.append((link, _text(sensor["state"]), *[""] * (2 + len(_MINUTE))))
    body = _table(("sensor", "state", "quantity", "value", *_MINUTE), rows)
    wrong = data["wrong"]
    if wrong["total"]:
        body += f'<p class="error">{wrong["total"]} messages could not be used:</p>'
        kinds = (map(_text, (one["topic"], one["reason"], one["count"])) for one in wrong["kinds"])
        body += _table(("topic", "why", "count"), kinds)
    return _page("Sensors", body, refresh=10)


def sensor(data: Data) -> str:
    """
    Return the page of one sensor.

    data
        Of ``report.one``.
    """
    body = f"<p>{_text(data['state'])}, seen {_text(data['seen'])}</p>"
    for quantity, one in data["quantities"].items():
        rows = (map(_text, _cells(minute)) for minute in one["minutes"])
        body += f"<h2>{_text(quantity)}: {one['value']:.10g}</h2>{_table(_MINUTE, rows)}"
    return _page(data["sensor"], f'{body}<p><a href="/">All sensors</a></p>')


def failure(reason: str) -> str:
    """
    Return the page that says why there is none.

    reason
        The reason.
    """
    said = f'<p class="error">{_text(reason)}</p><p><a href="/">All sensors</a></p>'
    return _page("Sensors", said)


def _cells(minute: Data) -> Sequence[object]:
    numbers = (f"{minute[key]:.10g}" for key in ("mean", "min", "max"))
    return (minute["start"], minute["count"], *numbers)


def _text(data: object) -> str:
    return html.escape(str(data))


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>"


def _page(title: str, body: str, refresh: int = 0) -> str:
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title>{again}'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{_text(title)}</h1>{body}</html>\n"
    )
