"""What the environment says, and what Mosquitto is told."""

import re

import pytest
from picloud_sensors import mosquitto
from picloud_sensors.settings import Settings, SettingsError, password, settings


def test_the_defaults_are_those_of_the_shipped_workload():
    assert settings({}, "box") == Settings(
        "mqtt", 1883, "sensors", "/run/secrets/mqtt-password", "box", 10, 60, 8080
    )


def test_all_can_be_said():
    env = {
        "BROKER": "10.0.0.1:1884",
        "MQTT_USER": "me",
        "PASSWORD_FILE": "/p",
        "NODE": "pi3",
        "INTERVAL": "0.5",
        "SILENT": "5",
        "PORT": "80",
    }
    assert settings(env, "box") == Settings("10.0.0.1", 1884, "me", "/p", "pi3", 0.5, 5, 80)


@pytest.mark.parametrize(
    ("env", "fault"),
    [
        ({"BROKER": ":1883"}, "BROKER names no host"),
        ({"BROKER": "mqtt:0"}, "BROKER has the port '0'"),
        ({"BROKER": "mqtt:x"}, "BROKER has the port 'x'"),
        ({"PORT": "65536"}, "PORT has the port '65536'"),
        ({"NODE": "a/b"}, "NODE is 'a/b'"),
        ({"NODE": "+"}, "NODE is '+'"),
        ({"INTERVAL": "0"}, "INTERVAL is '0'"),
        ({"INTERVAL": "nan"}, "INTERVAL is 'nan'"),
        ({"SILENT": "soon"}, "SILENT is 'soon'"),
    ],
)
def test_a_fault_is_named(env, fault):
    with pytest.raises(SettingsError, match=re.escape(fault)):
        settings(env, "box")


def test_all_faults_are_named_together():
    with pytest.raises(SettingsError) as caught:
        settings({"BROKER": "mqtt:x", "NODE": "#", "SILENT": ""}, "box")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("text", ["", "\n", "a\nb\n", "a\tb"])
def test_a_password_is_one_line(text):
    with pytest.raises(SettingsError, match="the password is not one line of text"):
        password(text)


def test_nobody_is_let_in_without_the_login():
    lines = mosquitto.config("/tmp", "1884 127.0.0.1").splitlines()
    assert lines[0] == "listener 1884 127.0.0.1"
    assert "allow_anonymous false" in lines
    assert "password_file /tmp/passwords" in lines
    assert mosquitto.access("me").splitlines()[0] == "user me"


@pytest.mark.parametrize(
    ("listen", "lines"),
    [
        ("1883", ["--username me", "--pw a b", "--port 1883"]),
        ("1884 127.0.0.1", ["--username me", "--pw a b", "--port 1884", "--host 127.0.0.1"]),
    ],
)
def test_a_health_check_finds_the_login(listen, lines):
    assert mosquitto.options("me", "a b", listen).splitlines() == lines
