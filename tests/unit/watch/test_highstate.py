"""What a highstate return says, for every shape a minion can send."""

import pytest
from picloud import highstate

TAG = "pkg_|-docker-package_|-docker.io_|-installed"


def result(outcome, changes=None, comment="", name="docker-package"):
    return {
        "result": outcome,
        "changes": changes or {},
        "comment": comment,
        "__id__": name,
        "__sls__": "docker",
    }


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("state.highstate", [], True),
        ("state.highstate", [{"__kwarg__": True, "test": True}], True),
        ("state.apply", [], True),
        ("state.apply", [{"__kwarg__": True, "queue": True}], True),
        ("state.apply", [{"__kwarg__": True, "mods": "docker"}], False),
        ("state.apply", ["docker"], False),
        ("state.apply", None, True),
        ("state.sls", ["docker"], False),
        ("test.ping", [], False),
    ],
)
def test_only_a_run_of_the_whole_top_file_counts(function, arguments, expected):
    assert highstate.is_highstate(function, arguments) is expected


def test_a_clean_return():
    read = highstate.read("1", 5.0, {TAG: result(True), "b": result(True, {"new": 1})})
    assert (read.ok, read.states, read.changed) == (True, 2, 1)


def test_a_failed_state_is_named_with_its_function_and_file():
    read = highstate.read("1", 5.0, {TAG: result(False, comment="No\n  such   version")})
    assert not read.ok
    assert read.failed[0].as_dict() == {
        "id": "docker-package",
        "function": "pkg.installed",
        "sls": "docker",
        "comment": "No such version",
    }


@pytest.mark.parametrize(
    "comment",
    [
        "One or more requisite failed: docker.docker-package",
        "The following requisites were not found:",
    ],
)
def test_states_that_only_waited_for_a_failed_one_are_counted(comment):
    read = highstate.read("1", 5.0, {TAG: result(False, comment=comment)})
    assert (read.failed, read.followers, read.ok) == ((), 1, False)


def test_a_test_run_names_what_would_change():
    read = highstate.read("1", 5.0, {TAG: result(None, {"new": 1}), "b": result(True)})
    assert [line.id for line in read.would] == ["docker-package"]
    assert not read.ok


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        (["Pillar failed to render", "a:1: b"], "Pillar failed to render; a:1: b"),
        (["It failed:", "a:1:\n  b"], "It failed: a:1: b"),
        ("Traceback (most recent call last)", "Traceback (most recent call last)"),
        ([], "the node sent an empty return"),
        ({}, "the node sent an empty return"),
        (None, "the node sent an empty return"),
        (False, "the node sent an empty return"),
        ({"odd": "text"}, "text"),
    ],
)
def test_a_return_without_states_is_an_error(returned, error):
    read = highstate.read("1", 5.0, returned)
    assert (read.error, read.ok) == (error, False)


def test_a_tag_of_another_form_is_its_own_name():
    line = highstate.read("1", 5.0, {"odd": {"result": False}}).failed[0]
    assert (line.id, line.function) == ("odd", "odd")


@pytest.mark.parametrize(
    ("returned", "busy"),
    [
        (['The function "state.apply" is running as PID 7 and was started at 1 with jid 2'], True),
        (["Pillar failed to render"], False),
        ([], False),
        ({}, False),
    ],
)
def test_a_busy_minion_is_no_news(returned, busy):
    assert highstate.is_busy(returned) is busy
