"""What is kept of readings: minutes, an hour of them, and never more than there is room for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picloud_sensors import pages, report
from picloud_sensors.history import History, Minute, Sensor
from picloud_sensors.readings import Presence, Reading, WrongError
from picloud_sensors.wrong import Wrong

NOW = 1_800_000_000.0  # the first second of a minute


def reading(value, at=NOW, seq=0, sensor="pi3", run=""):
    return Reading(sensor, "temperature", value, at, run, seq)


def minutes(history, sensor="pi3"):
    return history.sensors[sensor].series["temperature"].minutes


@given(st.lists(st.floats(-1e12, 1e12), min_size=1))
def test_a_minute_is_what_its_readings_are(values):
    history = History()
    for value in values:
        assert history.add(reading(value), NOW)
    (minute,) = minutes(history).values()
    assert (minute.count, minute.least, minute.most) == (len(values), min(values), max(values))
    assert minute.mean == pytest.approx(sum(values) / len(values), abs=1)


def test_each_reading_is_of_the_minute_in_which_it_was_measured():
    history = History()
    for at, value in ((NOW + 59.9, 1), (NOW + 60, 2), (NOW + 30, 3)):
        history.add(reading(value, at), NOW + 70)
    assert minutes(history) == {NOW: Minute(2, 4, 1, 3), NOW + 60: Minute(1, 2, 2, 2)}
    assert history.sensors["pi3"].series["temperature"].last.value == 2


def test_a_message_that_is_brought_again_counts_once():
    history = History()
    runs = [("a", 1), ("a", 2), ("a", 1), ("a", 2), ("a", 3), ("b", 1), ("", 0), ("", 0)]
    new = [history.add(reading(1, seq=seq, run=run), NOW) for run, seq in runs]
    assert new == [True, True, False, False, True, True, True, True]
    assert (history.repeated, minutes(history)[NOW].count) == (2, 6)


def test_an_hour_is_kept_and_the_minute_under_way():
    history = History()
    for minute in range(120):
        history.add(reading(minute, NOW + 60 * minute), NOW + 60 * minute)
    assert len(minutes(history)) == 61
    assert min(minutes(history)) == NOW + 60 * 59


def test_a_sensor_that_is_gone_is_forgotten_after_an_hour():
    history = History()
    history.add(reading(1), NOW)
    history.add(Presence("pi4", False), NOW)
    history.forget(NOW + 3500)
    assert set(history.sensors) == {"pi3", "pi4"}
    history.forget(NOW + 3660)
    assert history.sensors == {}


def test_there_is_room_for_so_many_and_the_known_ones_go_on():
    history = History(most=2)
    for name in ("pi1", "pi2"):
        history.add(reading(1, sensor=name), NOW)
    with pytest.raises(WrongError, match="2 sensors are known already"):
        history.add(reading(1, sensor="pi3"), NOW)
    with pytest.raises(WrongError, match="2 sensors are known already"):
        history.add(Presence("pi3", True), NOW)
    with pytest.raises(WrongError, match="2 quantities are measured already"):
        history.add(Reading("pi1", "humidity", 1, NOW), NOW)
    assert history.add(reading(2, sensor="pi1"), NOW)
    assert set(history.sensors) == {"pi1", "pi2"}
    assert history.add(reading(1, NOW + 7200, sensor="pi3"), NOW + 7200)


@pytest.mark.parametrize(
    ("online", "ago", "state"),
    [
        (True, 5, "online"),
        (None, 5, "online"),
        (True, 61, "silent"),
        (None, 61, "silent"),
        (False, 5, "offline"),
        (False, 61, "offline"),
    ],
)
def test_a_sensor_is_there_silent_or_gone(online, ago, state):
    assert Sensor(seen=NOW - ago, online=online).state(NOW, silent=60) == state


def test_who_speaks_again_is_there_again():
    history = History()
    history.add(Presence("pi3", False), NOW)
    history.add(reading(1), NOW)
    assert history.sensors["pi3"].state(NOW, 60) == "online"
    history.add(Presence("pi3", False), NOW)
    assert history.sensors["pi3"].state(NOW, 60) == "offline"


def test_wrong_messages_are_all_counted_and_each_kind_is_named_once():
    wrong = Wrong(most=2)
    told = [wrong.count(topic, "bad") for topic in ("a", "b", "a", "c", "c")]
    assert [bool(kind) for kind in told] == [True, True, False, False, False]
    assert wrong.total == 5
    assert {kind.topic: count for kind, count in wrong.kinds.items()} == {"a": 2, "b": 1}


def test_a_topic_is_shown_short_and_harmless():
    kind = Wrong().count("\x1b[31m" + "x" * 500, "bad")
    assert kind.topic == "?[31m" + "x" * 75 + "..."


@pytest.fixture
def known():
    history, wrong = History(), Wrong()
    for minute in range(3):
        for value in (20, 21.5):
            at = NOW + 60 * minute
            history.add(reading(value, at), at)
    history.add(Presence("pi4", False), NOW + 120)
    wrong.count("sensors/<script>/x", "bad")
    return history, wrong


def test_the_answer_has_the_last_value_and_the_latest_minute_of_each(known):
    said = report.overview(*known, NOW + 130, 60)
    assert json.loads(json.dumps(said)) == said
    assert said["sensors"]["pi3"] == {
        "state": "online",
        "seen": "2027-01-15T08:02:00+00:00",
        "quantities": {
            "temperature": {
                "value": 21.5,
                "at": "2027-01-15T08:02:00+00:00",
                "minutes": [
                    {
                        "start": "2027-01-15T08:02:00+00:00",
                        "count": 2,
                        "mean": 20.75,
                        "min": 20,
                        "max": 21.5,
                    }
                ],
            }
        },
    }
    assert said["sensors"]["pi4"]["state"] == "offline"
    assert said["wrong"]["total"] == 1


def test_one_sensor_has_all_its_minutes_the_latest_first(known):
    said = report.one(known[0], "pi3", NOW + 130, 60)
    starts = [minute["start"][14:16] for minute in said["quantities"]["temperature"]["minutes"]]
    assert starts == ["02", "01", "00"]
    assert report.one(known[0], "pi9", NOW, 60) is None


def test_pages_show_what_is_known_and_nothing_of_it_is_markup(known):
    page = pages.overview(report.overview(*known, NOW + 130, 60))
    assert "<td>20.75</td>" in page
    assert "<td>offline</td>" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "<h2>temperature: 21.5</h2>" in pages.sensor(report.one(known[0], "pi3", NOW, 60))
    assert "<b>" not in pages.failure("<b>")
