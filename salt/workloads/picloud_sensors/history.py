"""
What is known of all sensors: minutes with count, mean, least and greatest value, of the last hour,
in bounded memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from picloud_sensors.readings import KEPT_S, Presence, Reading, WrongError

#: Most sensors, and most quantities of all sensors, each: an hour of them takes about 12 MB.
MOST = 1000

State = Literal["online", "offline", "silent"]


@dataclass(frozen=True, slots=True)
class Minute:
    """
    The readings of one minute.

    count, total
        How many, and their sum.
    least, most
        The smallest and the greatest.
    """

    count: int
    total: float
    least: float
    most: float

    @property
    def mean(self) -> float:
        """
        Their mean.

        >>> Minute(2, 43.0, 21.0, 22.0).mean
        21.5
        """
        return self.total / self.count

    def plus(self, value: float) -> Minute:
        """
        Return the minute with one more reading.

        >>> Minute(1, 21.0, 21.0, 21.0).plus(22.0)
        Minute(count=2, total=43.0, least=21.0, most=22.0)
        """
        least, most = min(self.least, value), max(self.most, value)
        return Minute(self.count + 1, self.total + value, least, most)


@dataclass
class Series:
    """
    One quantity of one sensor.

    last
        The reading that was measured last.
    newest
        The number by which the newest message of each run is known, see ``Reading.seq``.
    minutes
        Minutes by their first second since 1970.
    """

    last: Reading
    newest: tuple[str, int] = ("", 0)
    minutes: dict[int, Minute] = field(default_factory=dict)


@dataclass
class Sensor:
    """
    One sensor.

    seen
        When it was heard of last.
    online
        What it says of itself; None when it says nothing.
    series
        What it measures, by quantity.
    """

    seen: float
    online: bool | None = None
    series: dict[str, Series] = field(default_factory=dict)

    def state(self, now: float, silent: float) -> State:
        """
        Return whether it is there.

        now
            The time.
        silent
            Seconds without a word after which it counts as silent: it is there but does not work,
            or nobody could tell that it has gone.

        >>> Sensor(seen=100, online=True).state(130, silent=20)
        'silent'
        """
        if self.online is False:
            return "offline"
        return "online" if now - self.seen <= silent else "silent"


class History:
    """
    The last hour of all sensors.

    most
        How many quantities of sensors it knows at most.

    >>> history = History()
    >>> history.add(Reading("pi3", "temperature", 21.5, at=60.0), now=60.0)
    True
    >>> history.sensors["pi3"].series["temperature"].minutes
    {60: Minute(count=1, total=21.5, least=21.5, most=21.5)}
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._pruned = 0
        self.sensors: dict[str, Sensor] = {}
        #: Messages that were brought more than once.
        self.repeated = 0

    def add(self, said: Reading | Presence, now: float) -> bool:
        """
        Take in what a sensor says.

        said
            Its message. Raises WrongError when there is no room for one more.
        now
            The time; what is older than an hour is forgotten.

        Returns False for a message that it has had before.
        """
        self.forget(now)
        if isinstance(said, Presence):
            self._sensor(said.sensor, now).online = said.online
            return True
        sensor = self._sensor(said.sensor, now)
        series = sensor.series.get(said.quantity)
        if series is None:
            if sum(len(one.series) for one in self.sensors.values()) >= self._most:
                raise WrongError(f"{self._most} quantities are measured already, no more are kept")
            series = sensor.series[said.quantity] = Series(said)
        elif said.run and said.run == series.newest[0] and said.seq <= series.newest[1]:
            self.repeated += 1
            return False
        if sensor.online is False:
            sensor.online = None  # it is not: what it says of itself is older
        series.newest = (said.run, said.seq)
        series.last = max(said, series.last, key=lambda one: one.at)
        start = int(said.at // 60) * 60
        minute = series.minutes.get(start)
        first = Minute(1, said.value, said.value, said.value)
        series.minutes[start] = minute.plus(said.value) if minute else first
        return True

    def forget(self, now: float) -> None:
        """
        Forget what is older than an hour, once a minute.

        now
            The time.
        """
        if self._pruned == now // 60:
            return
        self._pruned = int(now // 60)
        oldest = now - KEPT_S
        for name, sensor in list(self.sensors.items()):
            for quantity, series in list(sensor.series.items()):
                for start in [one for one in series.minutes if one + 60 <= oldest]:
                    del series.minutes[start]
                if not series.minutes:
                    del sensor.series[quantity]
            if not sensor.series and sensor.seen <= oldest:
                del self.sensors[name]

    def _sensor(self, name: str, now: float) -> Sensor:
        sensor = self.sensors.get(name)
        if sensor is None:
            if len(self.sensors) >= self._most:
                raise WrongError(f"{self._most} sensors are known already, no more are kept")
            sensor = self.sensors[name] = Sensor(now)
        sensor.seen = now
        return sensor
