"""The module of the nodes, on a Docker client in memory."""

from unittest.mock import create_autospec

import docker
import pytest
from docker.errors import ImageNotFound
from requests.exceptions import ConnectionError as Lost
from salt.exceptions import CommandExecutionError, SaltInvocationError

from _modules import pibenchmark, swarm

IMAGE = "head:5000/picloud/benchmark:1@sha256:aa"


@pytest.fixture
def engine(monkeypatch):
    """A client whose containers end at once with status 0 and say ``said``."""
    client = create_autospec(docker.APIClient, instance=True)
    client.create_container.return_value = {"Id": "c1"}
    client.create_host_config.side_effect = lambda **options: options
    client.wait.return_value = {"StatusCode": 0}
    client.logs.return_value = b"said\n"
    client.containers.return_value = []
    client.version.return_value = {"Version": "20.10"}
    monkeypatch.setattr(swarm, "__context__", {"swarm.client": client}, raising=False)
    monkeypatch.setattr(pibenchmark, "__salt__", {"swarm.ask": swarm.ask}, raising=False)
    monkeypatch.setattr(pibenchmark, "__opts__", {"id": "pi3"}, raising=False)
    grains = {"osarch": "armel", "pi": {"serial": "10", "card_id": "card-1"}}
    monkeypatch.setattr(pibenchmark, "__grains__", grains, raising=False)
    return client


def made(engine):
    """How the last container was made, and with what around it."""
    options = engine.create_container.call_args.kwargs
    return options, options["host_config"]


def test_a_test_runs_in_a_container_that_can_do_little(engine):
    assert pibenchmark.run(IMAGE, "card", "sysbench x", 60) == "said\n"
    options, host = made(engine)
    assert options["entrypoint"] + options["command"] == ["/bin/sh", "-c", "sysbench x"]
    assert options["volumes"] == ["/card"]
    assert host["network_mode"] == "none"
    assert (host["cap_drop"], host["read_only"]) == (["ALL"], True)
    assert host["mem_limit"] <= 192 * 2**20
    engine.wait.assert_called_once_with("c1", timeout=60)
    engine.remove_container.assert_called_once_with("c1", v=True, force=True)


def test_the_network_is_measured_from_the_node_itself_to_its_own_neighbour(engine):
    pibenchmark.run(IMAGE, "network", "iperf3 x", 60, {"pi3": "10.0.0.4", "pi9": "10.0.0.9"})
    options, host = made(engine)
    assert options["environment"] == {"PEER": "10.0.0.4"}
    assert options["volumes"] is None
    assert host["network_mode"] == "host"


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ({"wait.return_value": {"StatusCode": 2}}, r"memory failed \(2\): said"),
        ({"wait.side_effect": Lost("Read timed out.")}, "memory has not ended after 60 s"),
        ({"wait.side_effect": Lost("refused")}, "Docker Engine does not answer: refused"),
        ({"start.side_effect": Lost("refused")}, "Docker Engine does not answer"),
    ],
)
def test_what_fails_says_why_and_leaves_nothing(engine, fails, words):
    engine.configure_mock(**fails)
    with pytest.raises(CommandExecutionError, match=words):
        pibenchmark.run(IMAGE, "memory", "sysbench x", 60)
    engine.remove_container.assert_called_once_with("c1", v=True, force=True)


@pytest.mark.parametrize(
    ("test", "seconds", "words"),
    [
        ("memory", 0, "seconds"),
        ("memory", True, "seconds"),
        ("memory", 9999, "seconds"),
        ("../x", 60, "test"),
        (None, 60, "test"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(engine, test, seconds, words):
    with pytest.raises(SaltInvocationError, match=words):
        pibenchmark.run(IMAGE, test, "x", seconds)
    engine.create_container.assert_not_called()


def test_containers_a_second(engine):
    rates = pibenchmark.containers(IMAGE, 4, 2)
    assert len(rates) == 2
    assert all(rate > 0 for rate in rates)
    assert engine.create_container.call_count == engine.remove_container.call_count == 8
    with pytest.raises(SaltInvocationError, match="number: 1000"):
        pibenchmark.containers(IMAGE, 1000, 2)


def test_a_server_takes_the_place_of_what_was_left(engine):
    engine.containers.return_value = [{"Id": "old"}]
    engine.inspect_image.side_effect = [ImageNotFound("none", explanation="none"), {"Id": "x"}]
    assert pibenchmark.serve(IMAGE, "timeout 9 iperf3 --server") == "c1"
    engine.remove_container.assert_called_once_with("old", v=True, force=True)
    engine.pull.assert_called_once_with(IMAGE)
    assert engine.containers.call_args.kwargs["filters"] == {"label": "picloud.benchmark"}
    assert made(engine)[0]["labels"] == {"picloud.benchmark": "server"}


def test_a_node_tells_what_it_is_and_has_the_image(engine):
    told = pibenchmark.prepare(IMAGE)
    assert (told["arch"], told["board"], told["card"]) == ("armel", "10", "card-1")
    assert told["load"] >= 0
    engine.pull.assert_not_called()


def test_an_image_that_is_missing_is_pulled(engine):
    missing = ImageNotFound("none", explanation="none")
    engine.inspect_image.side_effect = [missing, {"Id": "x"}]
    pibenchmark.prepare(IMAGE)
    engine.pull.assert_called_once_with(IMAGE)


def test_a_failed_pull_says_why(engine):
    engine.inspect_image.side_effect = ImageNotFound("none", explanation="none")
    engine.pull.return_value = '{"status":"Pulling"}\r\n{"error":"no such manifest"}\r\n'
    with pytest.raises(CommandExecutionError, match="cannot be pulled: no such manifest"):
        pibenchmark.prepare(IMAGE)


def test_an_image_without_a_digest_is_refused(engine):
    with pytest.raises(SaltInvocationError, match="has no digest"):
        pibenchmark.prepare("debian:12")
    engine.pull.assert_not_called()
