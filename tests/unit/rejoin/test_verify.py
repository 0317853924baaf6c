"""What keeps a node from being converged, told from its signed report."""

import pytest
from picloud.policy import Rejoin as Policy
from picloud.rejoin.verify import SERVICE, WAITING, problems
from picloud.rejoin.words import plain

from tests.unit.cards.office import tiny

NOW = 1000.0
POLICY = Policy.model_validate({"disk_free_mb": 64, "clock_s": 30})
NODE = tiny().nodes["pi0"]
STEERS = "x\x1b[2J\nRejoin of pi3: converged\r" + "A" * 20000


def report(highstate=None, **more):
    return {
        "highstate": {"error": None, "states": 3, "failed": [], "would": []} | (highstate or {}),
        "services": {"docker": True},
        "board": {"model": NODE.model},
        "disk_free_mb": 999,
        "disk_writable": True,
        "at": NOW,
    } | more


def test_nothing_keeps_a_good_one():
    assert problems(report(), NODE, POLICY, NOW) == []


def test_a_service_that_does_not_start_is_not_the_managers_fault():
    service = {"failed": ["swarm-service-web"], "would": ["swarm-service-shop"]}
    assert problems(report(service), NODE, POLICY, NOW) == []
    service["failed"].append("swarm-member")
    assert problems(report(service), NODE, POLICY, NOW) == ["states fail: swarm-member"]


def test_a_part_whose_change_waits_for_a_rollout_is_no_change():
    assert problems(report({"would": ["waiting-docker"]}), NODE, POLICY, NOW) == []


def test_states_are_named_as_those_that_are_passed_over(repo):
    assert f"\n{WAITING}{{{{ part }}}}:" in (repo / "salt/sync.sls").read_text()
    assert f"\n{SERVICE}{{{{ name }}}}:" in (repo / "salt/swarm/workloads.sls").read_text()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (report({"error": "no top file"}), "the highstate does not run: no top file"),
        (report({"states": 0}), "the highstate has no states"),
        (report({"failed": list("abcde")}), "states fail: a, b, c and 2 more"),
        (report({"would": ["a"]}), "states would change again: a"),
        (
            report(services={"b": False, "a": None, "c": 0, "d": "yes"}),
            "services are down: a, b, c and 1 more",
        ),
        (report(board={"model": "pi9"}), f"it is a pi9, not a {NODE.model}"),
        (report(disk_free_mb=63), "its card has 63 MB left, 64 are needed"),
        (report(disk_writable="yes"), "its card cannot be written"),
        (report(at=NOW - 31), "its clock is -31 s off, at most 30 s are allowed"),
    ],
)
def test_what_is_wrong_is_said(said, problem):
    assert problems(said, NODE, POLICY, NOW) == [problem]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, True, "999", None, [STEERS]])
def test_what_is_no_number_is_not_enough(number):
    assert problems(report(disk_free_mb=number), NODE, POLICY, NOW) == [
        "its card has an unknown number of MB left, 64 are needed"
    ]
    assert problems(report(at=number), NODE, POLICY, NOW) == [
        "its clock is not known, at most 30 s are allowed"
    ]


@pytest.mark.parametrize(
    "said",
    [
        report({"failed": [STEERS] * 9}),
        report({"would": [[STEERS], {STEERS: 1}]}),
        report({"error": STEERS}),
        report({"error": [STEERS]}),
        report(services={STEERS: False}),
        report(board={"model": STEERS}),
        report(board={"model": [STEERS]}),
        report(disk_free_mb=STEERS, at=STEERS),
    ],
)
def test_what_a_node_says_is_short_and_cannot_steer_a_terminal_or_forge_a_line(said):
    found = problems(said, NODE, POLICY, NOW)
    assert found
    assert all(one.isprintable() and len(one) < 400 for one in found)


@pytest.mark.parametrize(
    ("text", "most", "made"),
    [
        ("pi3 is fine", 11, "pi3 is fine"),
        ("pi3 is fine", 10, "pi3 is ..."),
        ("a\nb", 9, "a\\nb"),
        ("\x1b" * 9, 9, "\\x1b\\x..."),
        ("\u202eabc", 20, "\\u202eabc"),
        (None, 9, "None"),
    ],
)
def test_text_of_others_on_one_line(text, most, made):
    assert plain(text, most) == made
