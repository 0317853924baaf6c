"""Messages of sensors: what is read of them, and what is refused with which reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picloud_sensors import readings, simulated
from picloud_sensors.readings import Presence, Reading, WrongError, read

NOW = 1_800_000_000.0
TOPIC = "sensors/pi3/temperature"
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (b"21.5", Reading("pi3", "temperature", 21.5, NOW)),
        (b" -3\n", Reading("pi3", "temperature", -3.0, NOW)),
        (b"1e3", Reading("pi3", "temperature", 1000.0, NOW)),
        (b'{"value": 7}', Reading("pi3", "temperature", 7.0, NOW)),
        (b'{"value": 7, "unit": "C"}', Reading("pi3", "temperature", 7.0, NOW)),
        (
            b'{"value": 7, "at": 1799999990, "run": "a", "seq": 3}',
            Reading("pi3", "temperature", 7.0, NOW - 10, "a", 3),
        ),
    ],
)
def test_a_reading_is_a_number_or_an_object_with_one(payload, wanted):
    assert read(TOPIC, payload, NOW) == wanted


@pytest.mark.parametrize(("payload", "online"), [(b"online", True), (b"offline", False)])
def test_a_sensor_says_whether_it_is_there(payload, online):
    assert read("sensors/pi3/state", payload, NOW) == Presence("pi3", online)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("sensors/pi3", b"1", "the topic is not"),
        ("sensors/pi3/a/b", b"1", "the topic is not"),
        ("other/pi3/temperature", b"1", "the topic is not"),
        ("sensors//temperature", b"1", "the topic is not"),
        ("sensors/<b>/temperature", b"1", "the topic is not"),
        ("sensors/pi3/" + "x" * 64, b"1", "the topic is not"),
        ("sensors/pi3/state", b"Online", "the state is neither"),
        (TOPIC, b"1" * 513, "longer than 512 bytes"),
        (TOPIC, b"", "neither a number nor"),
        (TOPIC, b"warm", "neither a number nor"),
        (TOPIC, b"\xff\xfe", "neither a number nor"),
        (TOPIC, b"[" * 512, "neither a number nor"),
        (TOPIC, b'{"value": 1', "neither a number nor"),
        (TOPIC, b"[1]", "the message is not a number"),
        (TOPIC, b"null", "the message is not a number"),
        (TOPIC, b"true", "the message is not a number"),
        (TOPIC, b'"21"', "the message is not a number"),
        (TOPIC, b"NaN", "the message is not between"),
        (TOPIC, b"-Infinity", "the message is not between"),
        (TOPIC, b"1e400", "the message is not between"),
        (TOPIC, b"9" * 400, "the message is not between"),
        (TOPIC, b'{"temperature": 1}', "the message has no value"),
        (TOPIC, b'{"value": "1"}', "the value is not a number"),
        (TOPIC, b'{"value": 1, "at": "now"}', "at is not a number"),
        (TOPIC, b'{"value": 1, "at": 1800000121}', "clock is more than 120 s ahead"),
        (TOPIC, b'{"value": 1, "at": 1799996400}', "more than 60 minutes ago"),
        (TOPIC, b'{"value": 1, "at": -1e11}', "more than 60 minutes ago"),
        (TOPIC, b'{"value": 1, "run": 5}', "run is a text"),
        (TOPIC, b'{"value": 1, "seq": true}', "run is a text"),
    ],
)
def test_what_no_sensor_says_is_refused_with_the_reason(topic, payload, reason):
    with pytest.raises(WrongError, match=reason):
        read(topic, payload, NOW)


@given(st.text(), st.binary(max_size=600))
def test_no_message_does_more_than_be_refused(topic, payload):
    for place in (topic, TOPIC, "sensors/pi3/state"):
        try:
            found = read(place, payload, NOW)
        except WrongError:
            continue
        assert found.sensor == "pi3"


@given(names, names.filter(lambda name: name != "state"), st.floats(-1e12, 1e12), st.integers())
def test_a_reading_is_read_as_it_was_written(sensor, quantity, value, seq):
    made = Reading(sensor, quantity, value, NOW - 1, "run", seq)
    assert read(made.topic, made.text.encode(), NOW) == made
    assert json.loads(made.text)["value"] == value


@given(names)
def test_a_simulated_room_is_warm_and_changes_slowly(sensor):
    day = [simulated.temperature(sensor, NOW + 3600 * hour) for hour in range(24)]
    assert all(10 < value < 32 for value in day)
    assert max(day) - min(day) > 4
    assert day[0] == simulated.temperature(sensor, NOW)


def test_each_sensor_has_its_own_place():
    assert len({simulated.temperature(f"pi{number}", NOW) for number in range(8)}) > 4


def test_the_state_of_a_sensor_is_heard_by_who_hears_its_readings():
    first, sensor, rest = readings.TOPICS.split("/")
    assert (first, sensor, rest) == ("sensors", "+", "+")
    assert readings.state_topic("pi3") == "sensors/pi3/state"
