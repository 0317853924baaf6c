"""
Messages of sensors: written, and read again by whoever trusts none of them.

``sensors/<sensor>/<quantity>`` carries a reading, a plain number (``21.5``) or a JSON object with
``value`` and where possible ``at``, ``run`` and ``seq``; ``sensors/<sensor>/state`` says ``online``
or ``offline``, which is also the sensor's last will.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

#: The topic to which an aggregator subscribes, and the last word of a sensor's own state.
TOPICS, STATE = "sensors/+/+", "state"
ONLINE, OFFLINE = "online", "offline"
#: Most bytes of a message.
LONGEST = 512
#: Greatest number that is taken for a measurement: sums of them stay finite.
GREATEST = 1e12
#: Seconds for which readings are of use, and seconds that a sensor's clock may be ahead.
KEPT_S, AHEAD_S = 3600, 120

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class WrongError(ValueError):
    """A message is not what a sensor says; the text is why."""


class Reading(NamedTuple):
    """
    One measurement.

    sensor, quantity
        What was measured where: ``pi3``, ``temperature``.
    value
        The measurement, a finite number.
    at
        When, in seconds since 1970.
    run, seq
        Which start of the sensor it comes from, and its number since then; QoS 1 may bring it more
        than once. Empty and 0 where the sensor does not say.
    """

    sensor: str
    quantity: str
    value: float
    at: float
    run: str = ""
    seq: int = 0

    @property
    def topic(self) -> str:
        """Where it is sent to."""
        return f"sensors/{self.sensor}/{self.quantity}"

    @property
    def text(self) -> str:
        """The message."""
        data = {"value": self.value, "at": round(self.at, 3), "run": self.run, "seq": self.seq}
        return json.dumps(data, separators=(",", ":"))


class Presence(NamedTuple):
    """
    Whether a sensor is there.

    sensor
        Its name.
    online
        False when it has ended, or has lost the broker.
    """

    sensor: str
    online: bool


def is_name(text: str) -> bool:
    """
    Say whether a text can be the name of a sensor or of what it measures.

    >>> is_name("pi3"), is_name("pi/3"), is_name("")
    (True, False, False)
    """
    return _NAME.fullmatch(text) is not None


def state_topic(sensor: str) -> str:
    """
    Return where a sensor says that it is there.

    >>> state_topic("pi3")
    'sensors/pi3/state'
    """
    return f"sensors/{sensor}/{STATE}"


def read(topic: str, payload: bytes, now: float) -> Reading | Presence:
    """
    Return what a message says.

    topic, payload
        The message, from anybody. Raises WrongError when it says nothing that can be used.
    now
        The time, in seconds since 1970: that of a reading which does not say its own.

    >>> read("sensors/pi3/temperature", b"21.5", 7.0)
    Reading(sensor='pi3', quantity='temperature', value=21.5, at=7.0, run='', seq=0)
    """
    words = topic.split("/")
    if len(words) != 3 or words[0] != "sensors" or not all(map(is_name, words[1:])):
        raise WrongError("the topic is not sensors/<sensor>/<quantity> with plain names")
    sensor, quantity = words[1:]
    if len(payload) > LONGEST:
        raise WrongError(f"the message is longer than {LONGEST} bytes")
    if quantity == STATE:
        if payload not in (ONLINE.encode(), OFFLINE.encode()):
            raise WrongError(f"the state is neither {ONLINE} nor {OFFLINE}")
        return Presence(sensor, payload == ONLINE.encode())
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        raise WrongError("the message is neither a number nor a JSON object") from None
    if not isinstance(data, dict):
        return Reading(sensor, quantity, _number("the message", data), now)
    if "value" not in data:
        raise WrongError("the message has no value")
    value = _number("the value", data["value"])
    at = _time(_number("at", data["at"]), now) if "at" in data else now
    run, seq = data.get("run", ""), data.get("seq", 0)
    if not isinstance(run, str) or type(seq) is not int:
        raise WrongError("run is a text, and seq a whole number")
    return Reading(sensor, quantity, value, at, run, seq)


def _number(what: str, data: object) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise WrongError(f"{what} is not a number")
    if not -GREATEST <= data <= GREATEST:  # NaN is not, either
        raise WrongError(f"{what} is not between -{GREATEST:g} and {GREATEST:g}")
    return float(data)


def _time(at: float, now: float) -> float:
    if at > now + AHEAD_S:
        raise WrongError(f"the sensor's clock is more than {AHEAD_S} s ahead")
    if at <= now - KEPT_S:
        raise WrongError(f"it was measured more than {KEPT_S // 60} minutes ago")
    return at
