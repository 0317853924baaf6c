"""Which key reaches which repository, and which archives stay: the decisions, without any I/O."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from picloud import keep
from picloud.keep import Found, Seen

DAY = 86400.0
START = datetime(2026, 3, 2, 0, 30, tzinfo=UTC).timestamp()  # a Monday


def offered(public):
    """Return a public key as sshd offers it: its base64."""
    form = serialization.PublicFormat.OpenSSH
    return public.public_bytes(serialization.Encoding.OpenSSH, form).split()[1].decode()


def accepted(public):
    """Return a public key as Salt keeps it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.mark.parametrize("size", [2048, 2049, 3072, 4096])
def test_a_key_is_written_as_salt_writes_it(size):
    public = rsa.generate_private_key(public_exponent=65537, key_size=size).public_key()
    assert keep.pem(offered(public)) == accepted(public).strip()


def test_other_kinds_of_keys_are_none():
    assert keep.pem(offered(ec.generate_private_key(ec.SECP256R1()).public_key())) is None


@pytest.mark.parametrize(
    "blob",
    [
        "",
        "not base64!",
        base64.b64encode(b"\0\0\0\7ssh-rsa").decode(),
        base64.b64encode(b"\0\0\0\7ssh-rsa\0\0\0\1\3\xff\xff\xff\xff").decode(),
        base64.b64encode(b"\0\0\0\7ssh-rsa" + 3 * b"\0\0\0\1\3").decode(),
    ],
)
def test_what_is_no_key_is_none(blob):
    assert keep.pem(blob) is None


@given(st.binary(max_size=80))
def test_no_bytes_are_too_odd_to_be_looked_at(data):
    found = keep.pem(base64.b64encode(data).decode())
    assert found is None or found.startswith("-----BEGIN PUBLIC KEY-----\n")


def test_a_key_may_start_one_program_on_one_repository():
    line = keep.authorized("pi3", "AAAA", 1024, "/var/lib/picloud-keep")
    assert line == (
        'restrict,command="env -u SSH_ORIGINAL_COMMAND borg serve --append-only '
        '--storage-quota 1024M --restrict-to-repository /var/lib/picloud-keep/pi3" ssh-rsa AAAA'
    )


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../pi3", "pi3/..", "pi3\n", 'pi3" x', "PI3", "pi3 ", "*", "a" * 64]
)
def test_a_name_that_is_no_node_gets_no_line(name):
    assert keep.authorized(name, "AAAA", 1, "/x") is None


def test_what_is_new_is_known_from_now_on():
    known = keep.merge({}, [Found("a", "one", 50.0)], looked_at=0, now=100.0)
    assert known == {"a": Seen("one", 50.0)}
    assert keep.merge(known, [Found("a", "one", 99.0)], 100.0, 200.0) == known


@pytest.mark.parametrize(
    ("claimed", "counts"),
    [(10.0, 100.0), (150.0, 150.0), (9e9, 200.0)],
    ids=["before the last look", "since then", "in the future"],
)
def test_a_time_counts_only_since_the_last_look(claimed, counts):
    known = keep.merge({}, [Found("a", "one", claimed)], looked_at=100.0, now=200.0)
    assert known["a"].at == counts


def test_what_a_node_deletes_is_gone_and_stays_known():
    before = {"a": Seen("one", 1.0), "b": Seen("two", 2.0)}
    found = [Found("b", "two", 2.0)]
    assert keep.gone(before, found) == [Seen("one", 1.0)]
    assert keep.merge(before, found, 3.0, 4.0) == before


def test_what_the_master_deletes_is_forgotten():
    before = {"a": Seen("one", 1.0, dropping=True), "b": Seen("two", 2.0)}
    found = [Found("b", "two", 2.0)]
    assert keep.gone(before, found) == []
    assert keep.merge(before, found, 3.0, 4.0) == {"b": Seen("two", 2.0)}


def test_an_archive_of_the_same_name_is_another_one():
    before = {"a": Seen("one", 1.0)}
    assert keep.gone(before, [Found("b", "one", 1.0)]) == [Seen("one", 1.0)]


def every(seconds, count):
    """Archives one after the other, the first at START."""
    return {str(n): Seen(f"{n:04}", START + n * seconds) for n in range(count)}


@pytest.mark.parametrize(
    ("known", "policy", "stay"),
    [
        ({}, {"hours": 1}, []),
        (every(60, 3), {}, ["2"]),
        (every(60, 3), {"hours": 5}, ["2"]),
        (every(3600, 5), {"hours": 3}, ["2", "3", "4"]),
        (every(DAY, 5), {"days": 2}, ["3", "4"]),
        (every(DAY, 15), {"weeks": 2}, ["13", "14"]),
        (every(DAY, 32), {"months": 2}, ["29", "31"]),
        (every(DAY / 2, 6), {"hours": 1, "days": 3}, ["1", "3", "5"]),
    ],
    ids=["none", "newest", "one hour", "hours", "days", "weeks", "months", "hours and days"],
)
def test_the_newest_of_each_period_stays(known, policy, stay):
    surplus = keep.surplus(known, policy)
    assert sorted(set(known) - set(surplus), key=int) == stay
    assert surplus == sorted(surplus, key=int)


@given(
    st.lists(st.floats(0, 400 * DAY), min_size=1, max_size=60),
    st.dictionaries(st.sampled_from(["hours", "days", "weeks", "months"]), st.integers(0, 9)),
)
def test_the_newest_always_stays_and_what_stays_stays(times, policy):
    known = {str(n): Seen(str(n), at) for n, at in enumerate(times)}
    surplus = keep.surplus(known, policy)
    left = {key: seen for key, seen in known.items() if key not in surplus}
    assert max(seen.at for seen in left.values()) == max(times)
    assert keep.surplus(left, policy) == []


def test_a_node_cannot_push_good_archives_out_with_made_up_times():
    """A broken-in node pours archives over the last month; the master has looked every hour."""
    policy = {"hours": 24, "days": 7, "weeks": 4, "months": 6}
    known = every(DAY, 20)
    looked_at = START + 20 * DAY
    good = set(known) - set(keep.surplus(known, policy))
    poured = [
        Found(f"bad{n}", f"bad{n}", (datetime.fromtimestamp(START, UTC) + timedelta(n)).timestamp())
        for n in range(40)
    ]
    listed = [Found(key, seen.name, seen.at) for key, seen in known.items()] + poured
    after = keep.merge(known, listed, looked_at, looked_at + 3600)
    lost = good.intersection(keep.surplus(after, policy))
    # One new hour and day: the oldest of the days may go, as after any honest copy.
    assert len(lost) <= 1


def test_what_is_recorded_is_read_again():
    known = {"a": Seen("one", 1.5), "b": Seen("two", 2.0, dropping=True)}
    assert keep.recorded(keep.record(known, 3.0)) == (known, 3.0)
    assert keep.recorded({}) == ({}, 0.0)
