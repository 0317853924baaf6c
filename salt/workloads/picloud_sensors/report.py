"""
What the aggregator answers: plain data of what is known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from picloud_sensors.history import History, Minute, Sensor
from picloud_sensors.wrong import Wrong

Data = dict[str, Any]


def overview(history: History, wrong: Wrong, now: float, silent: float) -> Data:
    """
    Return all sensors, each quantity with its last value and its latest minute.

    history, wrong
        What is known.
    now
        The time.
    silent
        Seconds without a word after which a sensor counts as silent.
    """
    sensors = {
        name: _sensor(sensor, now, silent, most=1)
        for name, sensor in sorted(history.sensors.items())
    }
    kinds = [{**kind._asdict(), "count": count} for kind, count in wrong.kinds.most_common()]
    return {
        "sensors": sensors,
        "repeated": history.repeated,
        "wrong": {"total": wrong.total, "kinds": kinds},
    }


def one(history: History, name: str, now: float, silent: float) -> Data | None:
    """
    Return one sensor with all its minutes, the latest first; None when it is not known.

    history
        What is known.
    name
        The sensor.
    now, silent
        As for ``overview``.
    """
    sensor = history.sensors.get(name)
    return None if sensor is None else {"sensor": name, **_sensor(sensor, now, silent)}


def _sensor(sensor: Sensor, now: float, silent: float, most: int | None = None) -> Data:
    quantities = {}
    for quantity, series in sorted(sensor.series.items()):
        starts = sorted(series.minutes, reverse=True)[:most]
        quantities[quantity] = {
            "value": series.last.value,
            "at": _time(series.last.at),
            "minutes": [_minute(start, series.minutes[start]) for start in starts],
        }
    state = sensor.state(now, silent)
    return {"state": state, "seen": _time(sensor.seen), "quantities": quantities}


def _minute(start: int, minute: Minute) -> Data:
    return {
        "start": _time(start),
        "count": minute.count,
        "mean": round(minute.mean, 6),
        "min": minute.least,
        "max": minute.most,
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
