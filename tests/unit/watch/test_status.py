"""The decision about a node, over every combination of what can be known of it."""

import itertools

import pytest
from picloud import status
from picloud.highstate import Highstate, Line
from picloud.rejoin.steps import ENDS, UNDER_WAY, Step
from picloud.status import Evidence, Key, State, Way

NOW = 10_000.0
CLEAN = Highstate("1", NOW - 60, states=31)
FAILED = Highstate(
    "1", NOW - 60, states=31, failed=(Line("docker", "pkg.installed", "docker", "no"),)
)
WOULD = Highstate("1", NOW - 60, states=31, would=(Line("hosts", "file.managed", "base", ""),))
WAITED = Highstate("1", NOW - 60, states=31, followers=2)
ERROR = Highstate("1", NOW - 60, error="Pillar failed to render")
LASTS = {"clean": CLEAN, "failed": FAILED, "would": WOULD, "waited": WAITED, "error": ERROR}

WAYS = (None, *(Way(step, f"was {step}", NOW - 5.0, card="card-1") for step in Step))

EVERY = [
    Evidence(key, denied, connected, last, awaited, refused=refused, way=way)
    for key, denied, connected, last, awaited, refused, way in itertools.product(
        Key,
        (False, True),
        (None, False, True),
        (None, *LASTS.values()),
        (None, 5.0, status.PATIENCE + 1),
        ("", "not issued here"),
        WAYS,
    )
]


def expected(evidence):
    """The table of docs/watch.md, line by line."""
    step = evidence.way.step if evidence.way else None
    talks = evidence.key is Key.ACCEPTED and evidence.connected is not False
    table = [
        (step == Step.QUARANTINED, State.QUARANTINED),
        (step == Step.HELD, State.HELD),
        (step in UNDER_WAY, State.REJOINING),
        (step == Step.LOBBY and not talks, State.LOBBY),
        (evidence.key is Key.PENDING, State.REJOINING),
        (evidence.key is Key.REJECTED, State.SILENT),
        (evidence.key is Key.NONE and evidence.denied, State.REJOINING),
        (evidence.key is Key.NONE, State.UNKNOWN),
        (evidence.connected is False and evidence.denied, State.REJOINING),
        (evidence.connected is False, State.SILENT),
        (evidence.last is None and evidence.awaited == 5.0, State.REJOINING),
        (evidence.last is None, State.UNKNOWN),
        (evidence.last is CLEAN, State.CONVERGED),
        (True, State.DRIFTED),
    ]
    return next(state for fits, state in table if fits)


def test_every_combination_has_the_state_of_the_table():
    assert len(EVERY) == 4 * 2 * 3 * 6 * 3 * 2 * len(WAYS)
    assert {*UNDER_WAY, *ENDS} == set(Step)
    for evidence in EVERY:
        assert status.classify("pi3", evidence, NOW).state is expected(evidence), evidence


def test_every_verdict_has_a_reason_and_is_the_same_twice():
    for evidence in EVERY:
        first, second = (status.classify("pi3", evidence, NOW) for _ in range(2))
        assert first == second
        assert first.reason
        assert not first.reason.endswith(".")


def test_no_key_is_never_called_converged_or_drifted():
    for evidence in EVERY:
        if evidence.key is not Key.ACCEPTED or evidence.connected is False:
            state = status.classify("pi3", evidence, NOW).state
            assert state not in (State.CONVERGED, State.DRIFTED)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (Evidence(), "no card with this name has ever asked to be let in"),
        (Evidence(Key.PENDING), "its key waits to be accepted; compare, then: salt-key -a pi3"),
        (Evidence(Key.REJECTED), "its key was rejected on this master"),
        (
            Evidence(Key.PENDING, refused="not issued here"),
            "a card knocks under this name and is refused: not issued here",
        ),
        (
            Evidence(Key.ACCEPTED, denied=True, connected=False, refused="not issued here"),
            "another card knocks under this name and is refused: not issued here",
        ),
        (Evidence(refused="not issued here"), "no card with this name has ever asked to be let in"),
        (
            Evidence(Key.ACCEPTED, way=Way("converging", "a new card", NOW - 90, 1)),
            "converging since 1 min, try 2: a new card",
        ),
        (Evidence(Key.ACCEPTED, way=Way("held", "wrong model", NOW)), "wrong model"),
        (
            Evidence(way=Way("lobby", "not known for any slot", NOW, card="card-1")),
            "card-1 waits here: not known for any slot",
        ),
        (
            Evidence(Key.ACCEPTED, connected=False, seen_at=NOW - 7200),
            "not connected to the master; last heard of 2 h ago",
        ),
        (Evidence(Key.ACCEPTED, connected=False), "not connected to the master; never heard"),
        (
            Evidence(Key.ACCEPTED, connected=True),
            "no highstate on record; run: salt pi3 state.highstate",
        ),
        (
            Evidence(Key.ACCEPTED, connected=True, awaited=5.0),
            "its first highstate is under way since 5 s",
        ),
        (
            Evidence(Key.ACCEPTED, connected=True, last=CLEAN),
            "31 states as described 1 min ago, no change",
        ),
        (
            Evidence(Key.ACCEPTED, connected=True, last=FAILED),
            "1 of 31 states failed 1 min ago: docker",
        ),
        (
            Evidence(Key.ACCEPTED, connected=True, last=WOULD),
            "1 of 31 states would change, seen 1 min ago: hosts",
        ),
        (
            Evidence(Key.ACCEPTED, connected=True, last=ERROR),
            "the highstate 1 min ago did not run: Pillar failed to render",
        ),
    ],
)
def test_reasons(evidence, reason):
    assert status.classify("pi3", evidence, NOW).reason == reason


def test_many_failed_states_are_counted():
    lines = tuple(Line(f"s{i}", "f", "s", "") for i in range(5))
    verdict = status.classify(
        "pi3",
        Evidence(
            Key.ACCEPTED, connected=True, last=Highstate("1", NOW, 9, failed=lines, followers=2)
        ),
        NOW,
    )
    assert verdict.reason == (
        "5 of 9 states failed 0 s ago: s0, s1, s2 and 2 more; not run because of them: 2"
    )


@pytest.mark.parametrize(
    ("evidence", "note"),
    [
        (
            Evidence(Key.ACCEPTED, denied=True, connected=True, last=CLEAN),
            "another card under this name",
        ),
        (
            Evidence(Key.ACCEPTED, denied=True, connected=True, last=CLEAN, refused="not ours"),
            "is being refused (not ours)",
        ),
        (
            Evidence(Key.ACCEPTED, connected=False, way=Way("held", "wrong model", NOW)),
            "not connected to the master",
        ),
        (Evidence(Key.ACCEPTED, connected=True, last=CLEAN, awaited=5.0), "under way since 5 s"),
        (Evidence(Key.ACCEPTED, connected=True, last=CLEAN, awaited=7300.0), "did not answer"),
        (Evidence(Key.ACCEPTED, connected=None, last=CLEAN), "cannot be told"),
        (
            Evidence(Key.ACCEPTED, connected=True, last=CLEAN, changed_at=NOW),
            "description was edited",
        ),
    ],
)
def test_notes(evidence, note):
    assert any(note in line for line in status.classify("pi3", evidence, NOW).notes)


def test_a_quiet_converged_node_has_no_notes():
    evidence = Evidence(Key.ACCEPTED, connected=True, last=CLEAN, changed_at=NOW - 120)
    assert status.classify("pi3", evidence, NOW).notes == ()


@pytest.mark.parametrize(
    ("declared", "seen", "lines"),
    [
        ({"model": "pi1b"}, {"model": "pi2b"}, ["model: declared pi1b, seen pi2b"]),
        ({"model": "pi1b"}, {"model": "pi1b"}, []),
        ({"model": "pi1b"}, {}, []),
        ({"mac": None}, {"mac": "b8:27:eb:00:00:01"}, []),
        ({"mac": "B8:27:EB:00:00:01"}, {"mac": "b8:27:eb:00:00:01"}, []),
        ({"address": "10.0.0.1"}, {"address": ["10.0.0.2", "10.0.0.1"]}, []),
        (
            {"address": "10.0.0.1"},
            {"address": ["10.0.0.2", "10.0.0.3"]},
            ["address: declared 10.0.0.1, seen 10.0.0.2, 10.0.0.3"],
        ),
    ],
)
def test_differences(declared, seen, lines):
    assert status.differences(declared, seen) == lines


def test_counts_names_every_state():
    assert list(status.counts(["silent"])) == [str(state) for state in State]


def test_concerns_are_the_worst_first():
    rows = [
        {"id": name, "state": state, **more}
        for name, state, more in (
            ("a", "unknown", {}),
            ("b", "converged", {"reboot_needed": ["boot"]}),
            ("c", "converged", {}),
            ("d", "silent", {}),
            ("e", "drifted", {}),
            ("f", "lobby", {}),
            ("g", "held", {}),
            ("h", "quarantined", {}),
            ("i", "rejoining", {}),
        )
    ]
    assert "".join(row["id"] for row in status.concerns(rows)) == "hgedfiab"
    assert {row["state"] for row in rows} == set(State)
