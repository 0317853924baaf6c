"""The pipeline of sensors as it runs in its containers: a real Mosquitto with a login, sensors and
an aggregator on loopback. What is lost in the middle is there again when all are."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from picloud_sensors.mosquitto import SHIPPED

from tests.integration.programs import free_port, get, until

PYTHON = "/usr/bin/python3"
PACKAGES = "mosquitto, mosquitto-clients, python3-paho-mqtt"
NEEDED = ("/usr/sbin/mosquitto", "/usr/bin/mosquitto_pub", "/usr/lib/python3/dist-packages/paho")


class Pipeline:
    """The programs of one pipeline, as nobody, each ended when the test ends."""

    def __init__(self, stack, folder, checkout):
        self.stack, self.folder = stack, folder
        shutil.copytree(checkout / "salt/workloads/picloud_sensors", folder / "picloud_sensors")
        self.memory = folder / "memory"
        self.memory.mkdir()
        shutil.chown(self.memory, "nobody")
        folder.chmod(0o755)
        (folder / "password").write_text(f"{SHIPPED}\n")
        self.port = free_port()
        self.env = {
            "PATH": os.environ["PATH"] + ":/usr/sbin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "BROKER": f"127.0.0.1:{self.port}",
            "PASSWORD_FILE": f"{folder}/password",
            "XDG_CONFIG_HOME": str(self.memory),
            "INTERVAL": "0.2",
            "SILENT": "3",
        }
        self.broker, self.aggregator, self.url = None, None, ""

    def start(self, program, **env):
        log = self.stack.enter_context(open(self.folder / "log", "a"))  # noqa: SIM115
        process = subprocess.Popen(
            [PYTHON, "-m", f"picloud_sensors.{program}"],
            env={**self.env, **env},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            user="nobody",
            group="nogroup",
            extra_groups=[],
        )
        self.stack.callback(self.kill, process)
        return process

    @staticmethod
    def kill(process):
        """What a node does to its processes when it loses its power."""
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def start_broker(self):
        listen = {"LISTEN": f"{self.port} 127.0.0.1", "FOLDER": str(self.memory)}
        self.broker = self.start("broker", **listen)
        until(self.healthy)

    def healthy(self):
        """What the broker's container asks for its health check."""
        command = ["mosquitto_sub", "-t", "$SYS/broker/version", "-C", "1", "-W", "10"]
        done = subprocess.run(command, env=self.env, check=False, capture_output=True, text=True)
        return done.stdout.startswith("mosquitto version")

    def start_aggregator(self):
        port = free_port()
        where = {"ADDRESS": "127.0.0.1", "PORT": str(port), "NODE": "1"}
        self.aggregator = self.start("aggregator", **where)
        self.url = f"http://127.0.0.1:{port}"
        until(lambda: get(f"{self.url}/health")[0] == 200)

    def publish(self, topic, message, *login):
        """Send a message as a user does, by default with the right login; its exit status."""
        login = login or ("-u", "sensors", "-P", SHIPPED)
        where = ("-p", str(self.port), "-q", "1", "-t", topic, "-m", message)
        command = ["mosquitto_pub", *login, *where]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode

    def all(self):
        return json.loads(get(f"{self.url}/")[2])

    def state(self, sensor):
        return self.all()["sensors"].get(sensor, {}).get("state")

    def count(self, sensor):
        """How many temperatures of a sensor are in its minutes."""
        status, _, text = get(f"{self.url}/sensors/{sensor}")
        if status != 200:
            return 0
        quantities = json.loads(text)["quantities"]
        minutes = quantities.get("temperature", {"minutes": []})["minutes"]
        return sum(minute["count"] for minute in minutes)

    def log(self):
        return (self.folder / "log").read_text()


@pytest.fixture(scope="module")
def pipeline(repo):
    """Return a broker and an aggregator; tests start sensors with names of their own."""
    if missing := [path for path in NEEDED if not os.path.exists(path)]:
        pytest.fail(f"{', '.join(missing)} is missing: make test installs {PACKAGES}")
    if os.geteuid() != 0:
        pytest.fail("the programs are run as nobody, which needs root")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picloud-sensors-")))
        found = Pipeline(stack, folder, repo)
        found.start_broker()
        found.start_aggregator()
        yield found


def test_sensors_are_seen_with_minutes_of_what_they_measure(pipeline):
    sensors = [pipeline.start("sensor", NODE=name) for name in ("pi1", "pi2")]
    until(lambda: pipeline.count("pi1") > 5 and pipeline.count("pi2") > 5)
    said = pipeline.all()
    assert said["broker"] is True
    for name in ("pi1", "pi2"):
        assert said["sensors"][name]["state"] == "online"
        measured = said["sensors"][name]["quantities"]["temperature"]
        (minute,) = measured["minutes"]
        assert minute["min"] <= minute["mean"] <= minute["max"]
        assert 10 < measured["value"] < 32
    status, kind, page = get(f"{pipeline.url}/", Accept="text/html")
    assert (status, kind) == (200, "text/html")
    assert '<a href="/sensors/pi1">' in page
    status, kind, page = get(f"{pipeline.url}/sensors/pi2", Accept="text/html")
    assert (status, kind) == (200, "text/html")
    assert "<h2>temperature: " in page
    assert get(f"{pipeline.url}/health")[2] == "well; the broker is there\n"
    for sensor in sensors:
        sensor.terminate()
        assert sensor.wait(20) == 0
    until(lambda: pipeline.state("pi1") == pipeline.state("pi2") == "offline")


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", ["/sensors/%3Cb%3E", "/sensors/", "/etc/passwd"])
def test_what_is_not_there_is_not_found(pipeline, path, accept):
    status, kind, text = get(pipeline.url + path, Accept=accept)
    assert (status, kind) == (404, accept)
    assert "<b>" not in text or accept == "application/json"


def test_a_plain_number_is_a_reading(pipeline):
    assert pipeline.publish("sensors/lab/humidity", "48.5") == 0
    found = until(lambda: pipeline.all()["sensors"].get("lab"))
    assert found["quantities"]["humidity"]["value"] == 48.5


def test_nobody_speaks_without_the_login(pipeline):
    assert pipeline.publish("sensors/thief/humidity", "1", "-i", "thief") != 0
    guess = ("-u", "sensors", "-P", "guessed")
    assert pipeline.publish("sensors/thief/humidity", "1", *guess) != 0
    # With the login, but not to a topic of sensors: Mosquitto takes it and lets nobody have it.
    pipeline.publish("other/thief/humidity", "1")
    pipeline.publish("sensors/honest/humidity", "1")
    until(lambda: pipeline.state("honest"))
    assert pipeline.state("thief") is None
    assert pipeline.all()["wrong"]["total"] == 0
    assert pipeline.healthy()


def test_a_sensor_with_another_password_says_so_once_and_goes_on(pipeline):
    other = pipeline.folder / "other"
    other.write_text("guessed\n")
    sensor = pipeline.start("sensor", NODE="locked-out", PASSWORD_FILE=str(other))
    until(lambda: "the broker refuses" in pipeline.log())
    time.sleep(3)
    assert pipeline.log().count("the broker refuses") == 1
    assert pipeline.state("locked-out") is None
    sensor.terminate()
    assert sensor.wait(20) == 0


def test_wrong_messages_are_counted_and_named_once_and_do_no_harm(pipeline):
    for message in ("warm", "NaN", "[" * 500, "9" * 400, '{"value": null}', "warm", "warm"):
        assert pipeline.publish("sensors/odd/temperature", message) == 0
    assert pipeline.publish("sensors/odd/state", "asleep") == 0
    assert pipeline.publish("sensors/<b>odd/temperature", "1") == 0
    assert pipeline.publish("sensors/odd/pressure", "1013") == 0
    until(lambda: pipeline.state("odd") == "online")
    said = pipeline.all()
    assert said["wrong"]["total"] == 9
    assert {kind["count"] for kind in said["wrong"]["kinds"]} == {1, 2, 4}
    named = "sensors/odd/temperature: the message is neither a number nor a JSON object"
    assert pipeline.log().count(named) == 1
    assert set(said["sensors"]["odd"]["quantities"]) == {"pressure"}
    page = get(f"{pipeline.url}/", Accept="text/html")[2]
    assert "9 messages could not be used" in page
    assert "<b>" not in page


def test_a_broker_that_is_lost_costs_no_reading(pipeline):
    sensor = pipeline.start("sensor", NODE="pi3")
    first = until(lambda: pipeline.count("pi3"))
    start = time.monotonic()
    pipeline.kill(pipeline.broker)
    until(lambda: get(f"{pipeline.url}/health")[2] == "well; the broker is away\n")
    assert pipeline.all()["broker"] is False
    until(lambda: pipeline.state("pi3") == "silent")
    time.sleep(2)
    pipeline.start_broker()

    def nearly_all():
        """Readings of the whole time are there, those of the five seconds without a broker too."""
        return pipeline.count("pi3") - first >= 0.9 * (time.monotonic() - start) / 0.2

    until(nearly_all, seconds=20)
    assert pipeline.state("pi3") == "online"
    assert pipeline.all()["broker"] is True
    sensor.terminate()
    assert sensor.wait(20) == 0
    assert pipeline.log().count("the broker is lost") == 2


def test_an_aggregator_that_is_restarted_hears_what_was_said_meanwhile(pipeline):
    pipeline.kill(pipeline.aggregator)
    for number in range(3):
        assert pipeline.publish("sensors/pi4/temperature", str(20 + number)) == 0
    pipeline.start_aggregator()
    until(lambda: pipeline.count("pi4") == 3)


def test_a_sensor_that_is_lost_is_offline_by_its_last_will(pipeline):
    sensor = pipeline.start("sensor", NODE="pi5")
    until(lambda: pipeline.state("pi5") == "online")
    pipeline.kill(sensor)
    until(lambda: pipeline.state("pi5") == "offline")


@pytest.mark.parametrize("program", ["sensor", "aggregator", "broker"])
def test_bad_settings_are_one_error(pipeline, program):
    before = len(pipeline.log())
    process = pipeline.start(program, BROKER="x:y", NODE="a/b", PASSWORD_FILE="/nowhere")
    assert process.wait(20) == 1
    both = r"picloud_sensors: NODE is 'a/b'.*\nBROKER has the port 'y'"
    assert re.search(both, pipeline.log()[before:])
    assert pipeline.start(program, PASSWORD_FILE="/nowhere").wait(20) == 1
    assert "No such file or directory: '/nowhere'" in pipeline.log()[before:]


def test_the_shipped_password_is_warned_of_and_nothing_shows_it(pipeline):
    log = pipeline.log()
    assert "the password is the shipped one, which everybody knows" in log
    assert SHIPPED not in log
    assert SHIPPED not in (pipeline.memory / "passwords").read_text()
    assert "Traceback" not in log
