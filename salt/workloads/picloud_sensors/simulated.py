"""
A sensor that is none: temperatures of a room, which follow from the sensor's name and the time.
"""

from __future__ import annotations

import math
import random

DAY_S = 86400


def temperature(sensor: str, at: float) -> float:
    """
    Return a temperature in degrees Celsius: warmest at three in the afternoon (UTC).

    sensor
        Name of the sensor: each has its own place in the room.
    at
        When, in seconds since 1970.

    >>> temperature("pi3", 0.0) == temperature("pi3", 0.0)
    True
    """
    place = random.Random(sensor).uniform(-2, 2)
    swing = 3 * math.sin(2 * math.pi * (at / DAY_S - 9 / 24))
    noise = random.Random(f"{sensor}:{at:.0f}").gauss(0, 0.2)
    return round(21 + place + swing + noise, 2)
