"""Which keys of strangers may go on waiting, and whom the packet filter names."""

import pytest
from picloud.rejoin.strangers import KEEP_S, limited, surplus

NOW = 1_000_000.0
LATE = NOW - KEEP_S - 1


@pytest.mark.parametrize(
    ("since", "most", "gone"),
    [
        pytest.param({}, 2, [], id="nobody"),
        pytest.param({"a": NOW, "b": NOW - KEEP_S}, 2, [], id="neither many nor late"),
        pytest.param({"a": LATE, "b": NOW}, 2, ["a"], id="late"),
        pytest.param({"a": NOW - 1, "b": NOW - 3, "c": NOW - 2}, 2, ["b"], id="one too many"),
        pytest.param({"b": NOW, "a": NOW, "c": NOW}, 1, ["a", "b"], id="all at once"),
        pytest.param({"a": LATE, "b": LATE, "c": NOW}, 2, ["a", "b"], id="late and too many"),
        pytest.param({"a": NOW + 60}, 2, [], id="the clock went back"),
    ],
)
def test_the_oldest_go_first(since, most, gone):
    assert surplus(since, NOW, most) == gone


LINE = "src={} ttl: 64 last_seen: 4302582826 oldest_pkt: 2 4302582386, 4302582450\n"


@pytest.mark.parametrize(
    ("listing", "addresses"),
    [
        ("", []),
        (LINE.format("10.80.1.7"), ["10.80.1.7"]),
        (
            LINE.format("10.80.1.7") + LINE.format("fd00:0000:0000:0000:0000:0000:0000:0001"),
            ["10.80.1.7", "fd00::1"],
        ),
        ("src=nowhere ttl: 64\nxsrc=10.80.1.7 ttl: 64\nsrc=10.80.1.8", []),
    ],
)
def test_addresses_are_read_as_the_kernel_lists_them(listing, addresses):
    assert limited(listing) == addresses
