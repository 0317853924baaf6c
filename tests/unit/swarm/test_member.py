"""A node's own place: new swarms, joining with sealed tokens, leaving. Both modes."""

from contextlib import contextmanager

import pytest
from requests.exceptions import ConnectionError as Refused
from salt.exceptions import CommandExecutionError, SaltInvocationError

from _modules import swarm
from _states import swarm as states
from tests.clock import set_clock

from .engine import TOKENS, node

SETTINGS = {"default_addr_pool": ["10.128.0.0/9"], "task_history_limit": 2}


@pytest.fixture
def configure_loader_modules(loaded):
    return loaded


@pytest.fixture
def manager(engine):
    """An engine that is a manager."""
    engine.state, engine.role, engine.address = "active", "manager", "10.80.1.1"
    engine.managers = ["10.80.1.1:2377"]
    return engine


@pytest.fixture
def manager_of(engine):
    """Let the engine be a manager of some nodes for a while."""

    @contextmanager
    def be(nodes):
        engine.role, engine.node_list = "manager", nodes
        yield
        engine.role = None

    return be


@pytest.fixture
def sealed(engine, key):
    """Return a function that seals the token of a role for this node."""

    def seal(role="worker"):
        return swarm._seal(TOKENS[role.capitalize()], key.public)

    return seal


def test_a_new_swarm_and_again(engine, testmode):
    ret = states.initialised("x", "10.80.1.1", SETTINGS)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {
        "swarm": {"old": "inactive", "new": "manager"},
        "default_addr_pool": {"old": None, "new": ["10.128.0.0/9"]},
        "task_history_limit": {"old": None, "new": 2},
    }
    assert engine.asked == ([] if testmode else ["init_swarm", "update_swarm"])
    if not testmode:
        again = states.initialised("x", "10.80.1.1", SETTINGS)
        assert (again["result"], again["changes"]) == (True, {})


def test_a_setting_is_changed(manager, testmode):
    ret = states.initialised("x", settings={"heartbeat_s": 10})
    assert ret["changes"] == {"heartbeat_s": {"old": 5.0, "new": 10}}
    assert manager.swarm["Spec"]["Dispatcher"]["HeartbeatPeriod"] == (5 if testmode else 10) * 10**9


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"subnet_size": 26}, "settings.subnet_size: is 24 since the start"),
        ({"colour": 1, "subnet_size": "24"}, "settings.colour: there is no such"),
        ({"colour": 1, "subnet_size": "24"}, "settings.subnet_size: must be a number"),
    ],
)
def test_settings_that_cannot_be(manager, settings, words, testmode):
    ret = states.initialised("x", settings=settings)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert words in ret["comment"]


def test_another_address_is_told(manager):
    ret = states.initialised("x", "10.80.1.9")
    assert ret["result"] is False
    assert "advertise_addr: the swarm knows this node by 10.80.1.1" in ret["comment"]


def test_a_worker_is_no_manager(engine):
    engine.state, engine.role, engine.managers = "active", "worker", ["10.80.1.1:2377"]
    ret = states.initialised("x")
    assert ret["result"] is False
    assert "as a worker of 10.80.1.1:2377" in ret["comment"]


def test_live_restore_is_named(engine, testmode):
    engine.live_restore = True
    ret = states.initialised("x")
    assert ret["result"] is False
    assert ret["comment"].startswith("live-restore: ")


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_a_node_joins_and_again(engine, sealed, role, testmode):
    def apply():
        managers = ["10.80.1.1", "10.80.1.2"]
        return states.joined("x", managers, role, sealed(role), advertise_addr="10.80.1.2")

    ret = apply()
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"swarm": {"old": "inactive", "new": role}}
    assert engine.asked == ([] if testmode else ["join_swarm"])
    assert "SWMTKN" not in str(ret)
    if not testmode:
        assert engine.managers == ["10.80.1.1:2377"]  # not by way of itself
        again = states.joined("x", ["10.80.1.1"], role)
        assert (again["result"], again["changes"]) == (True, {})


def test_without_a_token(engine, testmode):
    ret = states.joined("x", ["10.80.1.1"])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].startswith("token: ")


def test_a_token_that_is_on_its_way_is_waited_for(engine, sealed, testmode):
    ret = states.joined("x", ["10.80.1.1"], later=True)
    assert ret["result"] is (None if testmode else True)
    # A highstate in test mode says that the node is not what it should be.
    assert bool(ret["changes"]) is testmode
    assert engine.asked == []
    if not testmode:
        ret = states.joined("x", ["10.80.1.1"], token=sealed(), later=True)
        assert ret["changes"] == {"swarm": {"old": "inactive", "new": "worker"}}


def test_the_wrong_token_is_told_without_showing_it(engine, key):
    wrong = swarm._seal("SWMTKN-1-stale", key.public)
    ret = states.joined("x", ["10.80.1.1"], token=wrong)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "invalid join token (the token)" in ret["comment"]
    assert "SWMTKN" not in ret["comment"]


def test_a_token_for_the_other_role_is_told(engine, sealed):
    ret = states.joined("x", ["10.80.1.1"], "manager", sealed("worker"))
    assert ret["result"] is False
    assert ret["changes"] == {"swarm": {"old": "inactive", "new": "manager"}}
    assert "the token made this node a worker" in ret["comment"]


def test_another_swarm_is_left_for_the_right_one(engine, sealed, testmode):
    engine.state, engine.role, engine.managers = "active", "manager", ["10.9.9.9:2377"]
    ret = states.joined("x", ["10.80.1.1"], token=sealed())
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"swarm": {"old": "foreign", "new": "worker"}}
    assert engine.asked == ([] if testmode else ["leave_swarm", "join_swarm"])


@pytest.mark.parametrize("state", ["pending", "active", "error"])
def test_a_node_its_managers_have_no_more_joins_anew(engine, manager_of, key, state, testmode):
    with manager_of([]):
        token = swarm.join_token("worker", key.public, "self")
    engine.state, engine.role, engine.error = state, "worker", "node is invalid"
    ret = states.joined("x", ["10.80.1.1"], token=token)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"swarm": {"old": "forgotten", "new": "worker"}}
    assert engine.asked == ([] if testmode else ["leave_swarm", "join_swarm"])
    if not testmode:
        # The same old token says nothing of the id that the node has now.
        engine.node_id = "self2"
        assert states.joined("x", ["10.80.1.1"], token=token)["changes"] == {}


def test_a_node_its_managers_still_have_stays(engine, manager_of, key, monkeypatch):
    with manager_of([node("pi3", id="self")]):
        token = swarm.join_token("worker", key.public, "self")
    engine.state, engine.role, engine.error = "error", "worker", "certificate has expired"
    ret = states.joined("x", ["10.80.1.1"], token=token)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "does not work: certificate has expired" in ret["comment"]
    assert engine.asked == []


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_a_worker_whose_joining_timed_out_joins_anew(engine, sealed, testmode, role):
    engine.state, engine.role, engine.error = "error", None, "context deadline exceeded"
    ret = states.joined("x", ["10.80.1.1"], role, sealed(role))
    if role == "manager":  # it may have others' votes in its keeping
        assert (ret["result"], ret["changes"], engine.asked) == (False, {}, [])
        return
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"swarm": {"old": "unfinished", "new": "worker"}}
    assert engine.asked == ([] if testmode else ["leave_swarm", "join_swarm"])


def test_a_node_that_waits_for_its_managers_stays(engine, sealed, monkeypatch, testmode):
    engine.state, engine.managers = "pending", ["10.80.1.1:2377"]
    clock = iter(range(0, 10**6, 30))
    set_clock(monkeypatch, swarm, monotonic=lambda: next(clock), sleep=lambda _: None)
    ret = states.joined("x", ["10.80.1.1"], token=sealed())
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "no manager answers (managers it knows: 10.80.1.1:2377)" in ret["comment"]
    assert engine.asked == []


def test_a_role_is_changed_by_managers_only(engine, sealed):
    engine.state, engine.role, engine.managers = "active", "worker", ["10.80.1.1:2377"]
    ret = states.joined("x", ["10.80.1.1"], "manager", sealed("manager"))
    assert ret["result"] is False
    assert ret["comment"].startswith("role: this node is in the swarm as a worker")


@pytest.mark.parametrize("bad", [{"managers": []}, {"managers": "a"}, {"role": "boss"}])
def test_arguments_are_checked(engine, bad):
    ret = states.joined("x", **{"managers": ["10.80.1.1"], **bad})
    assert ret["result"] is False
    assert ret["comment"].startswith(f"{next(iter(bad))}: ")


def test_leaving(engine, testmode):
    engine.state, engine.role = "active", "worker"
    ret = states.left("x")
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"swarm": {"old": "worker", "new": "inactive"}}
    assert engine.state == ("active" if testmode else "inactive")
    if not testmode:
        assert states.left("x")["changes"] == {}


def test_a_manager_leaves_by_force_only(manager, testmode):
    ret = states.left("x")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "demote it first" in ret["comment"]
    assert states.left("x", force=True)["result"] is (None if testmode else True)


def test_generic_resources_are_compared(engine):
    engine.generic = [{"DiscreteResourceSpec": {"Kind": "mbps", "Value": 100}}]
    assert states.resources("x", {"mbps": 100})["result"] is True
    ret = states.resources("x", {"mbps": 40, "gpu": 1})
    assert ret["result"] is False
    assert "gpu: is None, must be 1; mbps: is 100, must be 40" in ret["comment"]
    assert '["gpu=1", "mbps=40"]' in ret["comment"]


def test_a_token_is_sealed_for_one_node(manager, key):
    one, two = (swarm.join_token("worker", key.public) for _ in range(2))
    assert one != two
    assert one.startswith("sealed:")
    assert TOKENS["Worker"] not in one
    assert swarm._open(one) == swarm._open(two) == TOKENS["Worker"]


@pytest.mark.parametrize(
    ("role", "public_key", "field"),
    [("boss", "x", "role"), ("worker", "x", "public_key"), ("worker", None, "public_key")],
)
def test_a_token_is_given_to_no_key_and_no_role_unknown(manager, role, public_key, field):
    with pytest.raises(SaltInvocationError, match=f"^{field}: "):
        swarm.join_token(role, public_key)


def test_a_plain_token_is_refused_and_not_shown(engine):
    with pytest.raises(SaltInvocationError, match="token: is not sealed") as err:
        swarm.join(["10.80.1.1"], TOKENS["Worker"])
    assert "SWMTKN" not in str(err.value)


@pytest.mark.parametrize("token", ["sealed:", "sealed:%%%", "sealed:AAAA"])
def test_a_token_sealed_for_another(engine, token):
    with pytest.raises(CommandExecutionError, match="was not sealed for the key"):
        swarm.join(["10.80.1.1"], token)


def test_rotating_a_token(manager):
    swarm.rotate_join_token("worker")
    assert manager.swarm["JoinTokens"]["Worker"] != TOKENS["Worker"]


def test_what_does_not_answer_is_told(engine):
    engine.client.info.side_effect = Refused("no such file")
    with pytest.raises(CommandExecutionError, match="does not answer: no such file"):
        swarm.info()


@pytest.mark.parametrize(
    ("address", "full"),
    [
        ("10.80.1.1", "10.80.1.1:2377"),
        ("10.80.1.1:99", "10.80.1.1:99"),
        ("fd00::1", "[fd00::1]:2377"),
        ("[fd00::1]", "[fd00::1]:2377"),
        ("[fd00::1]:99", "[fd00::1]:99"),
        ("pi0.pi.example", "pi0.pi.example:2377"),
    ],
)
def test_addresses_get_the_port(address, full):
    assert swarm.addr_port(address) == full


def test_tokens_for_several_nodes_are_each_sealed_for_one(manager, key):
    manager.node_list = [node("pi1", id="known")]
    asked = {
        "pi1": {"role": "worker", "public_key": key.public, "node_id": "known"},
        "pi2": {"role": "manager", "public_key": key.public, "node_id": "gone"},
    }
    found = swarm.join_tokens(asked)
    opened = {name: swarm._open(text) for name, text in found.items()}
    assert opened == {"pi1": TOKENS["Worker"], "pi2": f"{TOKENS['Manager']} gone"}
    with pytest.raises(SaltInvocationError, match="pi3: role: must be one of worker, manager"):
        swarm.join_tokens({"pi3": {"role": "king", "public_key": key.public}})


def test_no_answer_of_docker_has_a_secret_of_the_swarm_in_clear(manager):
    assert swarm.ask("inspect_swarm")["ID"] == "cluster"
    assert "SWMTKN" not in str(swarm.ask("inspect_swarm"))
    manager.client.get_unlock_key.return_value = {"UnlockKey": "SWMKEY-1-x"}
    assert swarm.ask("get_unlock_key") == {}


def test_docker_is_asked_from_a_command_line_too(engine):
    engine.node_list = [node("pi1")]
    found = swarm.ask("inspect_node", "id-pi1", __pub_fun="swarm.ask", __pub_jid="1")
    assert found["ID"] == "id-pi1"
