"""Rules beyond their broken copies: what passes, what is said once, what is told apart."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picloud.checks.settings import overlap
from picloud.cloud import build
from picloud.faults import DescriptionError, Fault
from picloud.load import Texts as InMemory
from picloud.load import from_texts
from picloud.suggest import closest, remedy

from .conftest import Texts

Faults = Callable[[], tuple[Fault, ...]]
RACK = "racks/rack1.sls"


def edit(texts: Texts, name: str, *pairs: tuple[str, str]) -> None:
    for old, new in pairs:
        assert old in texts[name]
        texts[name] = texts[name].replace(old, new)


def rules(faults: Faults) -> list[str]:
    return [fault.rule for fault in faults()]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (RACK, "site: lab", "sit: lab"),
        (RACK, "id: pi2", "hostname: pi2"),
        ("cloud.sls", "timezone:", "time_zone:"),
        ("hardware.sls", "peak_ma:", "peak-ma:"),
    ],
)
def test_a_misspelt_key_is_one_fault(
    tiny: Texts, faults: Faults, name: str, old: str, new: str
) -> None:
    edit(tiny, name, (old, new))
    assert [f"{fault.rule}: {fault.remedy}" for fault in faults()] == [
        f'unknown-key: did you mean "{old.partition(":")[0]}"?'
    ]


def test_broken_entries_are_not_missing_ones(tiny: Texts, faults: Faults) -> None:
    edit(tiny, "hardware.sls", ("soc: BCM2836", "soc:"), ("ports: 5", "ports: many"))
    edit(tiny, "cloud.sls", ("archs: [armhf, arm64]", "archs: []"))
    assert rules(faults) == ["out-of-range", "empty-value", "wrong-type"]


def test_a_file_that_is_no_yaml_hides_nothing_but_its_own(tiny: Texts, faults: Faults) -> None:
    edit(tiny, "hardware.sls", ("boards:", "boards: {"))
    edit(tiny, RACK, ("10.80.1.3", "10.80.1.2"))
    assert sorted(rules(faults)) == ["duplicate-address", "yaml-syntax"]


def test_base_60_mac_is_said_once(tiny: Texts, faults: Faults) -> None:
    edit(tiny, RACK, ('mac: "b8:27:eb:00:00:01"', "mac: 12:27:11:00:00:01"))
    assert rules(faults) == ["base-60-number"]


def test_digits_only_serial_must_be_quoted(tiny: Texts, faults: Faults) -> None:
    edit(tiny, RACK, ('"00000000e0000001"', "1000000012345678"))
    assert [fault.remedy for fault in faults()] == ['write "1000000012345678" in quotes']


@pytest.mark.parametrize("number", ["3008.10", "3008", "0x10"])
def test_versions_that_yaml_reads_as_numbers_keep_their_text(
    tiny: Texts, faults: Faults, number: str
) -> None:
    edit(tiny, "parts.sls", ('"3008.3"', number))
    assert [f"{fault.rule}: {fault.remedy}" for fault in faults()] == [
        f'unquoted-text: write "{number}" in quotes'
    ]


def test_overrides_are_validated_in_their_place(tiny: Texts, faults: Faults) -> None:
    wrong = "overrides: {boot: {gpu_mem: many}, docker: {daemn: {}}, bse: {}}"
    edit(tiny, RACK, ("id: pi1,", f"id: pi1, {wrong},"))
    edit(tiny, "hardware.sls", ("    cpus: 4\n", "    cpus: 4\n    overrides: {base: {swap: 1}}\n"))
    found = [(fault.file, fault.path.split("overrides.")[1], fault.rule) for fault in faults()]
    assert found == [
        ("hardware.sls", "base.swap", "unknown-key"),
        (RACK, "boot.gpu_mem", "wrong-type"),
        (RACK, "bse", "unknown-key"),
        (RACK, "docker.daemn", "unknown-key"),
    ]


def test_global_faults_are_not_repeated_by_overrides(tiny: Texts, faults: Faults) -> None:
    edit(tiny, "parts.sls", ("gpu_mem: 16", "gpu_mem: many"))
    edit(tiny, RACK, ("id: pi1,", "id: pi1, overrides: {boot: {cgroup_memory: false}},"))
    assert [fault.path for fault in faults()] == ["boot.gpu_mem"]


def test_an_override_can_rest_on_a_lower_one(tiny: Texts, faults: Faults) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJQ1b0aM1FQy6pXfS2J4yKpY"
    jane = f"overrides: {{base: {{admins: {{jane: {{keys: [{key}]}}}}}}}}"
    edit(tiny, RACK, ("    site: lab\n", f"    site: lab\n    {jane}\n"))
    edit(tiny, RACK, ("id: pi1,", "id: pi1, overrides: {base: {admins: {jane: {sudo: false}}}},"))
    assert faults() == ()


def test_overrides_that_break_a_limit_are_named_where_they_stand(
    tiny: Texts, faults: Faults
) -> None:
    edit(
        tiny, "cloud.sls", ("    gateway:", "    overrides: {base: {swap_mb: 9999}}\n    gateway:")
    )
    edit(
        tiny,
        RACK,
        ("    site: lab\n", "    site: lab\n    overrides: {docker: {version: '1.7.*'}}\n"),
    )
    assert [(fault.path, fault.rule) for fault in faults()] == [
        ("sites.lab.overrides.base.swap_mb", "swap-size"),
        ("racks.rack1.overrides.docker.version", "blocked-version"),
    ]


def test_versions_blocked_on_other_architectures_pass(tiny: Texts, faults: Faults) -> None:
    edit(tiny, "parts.sls", ('version: "20.10.24*"', 'version: "1.7.0-1"'))
    edit(tiny, "parts.sls", ("archs: [armel, armhf]", "archs: [armel]"))
    assert faults() == ()


def test_blocked_versions_matter_only_to_nodes_with_docker(tiny: Texts, faults: Faults) -> None:
    edit(tiny, "parts.sls", ('version: "20.10.24*"', 'version: "1.7.0-1"'))
    edit(tiny, RACK, ("    roles: [docker]\n", ""))
    assert faults() == ()


def test_no_docker_section_without_docker(tiny: Texts, faults: Faults) -> None:
    tiny["parts.sls"] = 'salt_minion: {version: "3008.3"}\n'
    edit(tiny, "cloud.sls", ("  docker: {parts: [docker]}\n", ""))
    edit(tiny, RACK, ("    roles: [docker]\n", ""))
    assert faults() == ()


def test_serials_of_8_and_16_digits_are_compared(tiny: Texts, faults: Faults) -> None:
    edit(tiny, RACK, ("00000000e0000001", "10000000e0000002"), ("00000000e0000002", "e0000002"))
    assert rules(faults) == ["duplicate-serial"]


def test_serials_that_share_the_last_digits_are_not_the_same(tiny: Texts, faults: Faults) -> None:
    edit(tiny, RACK, ("00000000e0000001", "10000000e0000002"))
    assert faults() == ()
    edit(tiny, RACK, ("10.80.1.3}", '10.80.1.3, serial: "e0000009"}'))
    assert faults() == ()


def test_three_of_a_kind_are_two_faults(tiny: Texts, faults: Faults) -> None:
    edit(tiny, RACK, ("id: pi1", "id: pi0"), ("id: pi2", "id: pi0"))
    assert rules(faults) == ["duplicate-id", "duplicate-id"]


def test_ipv6(tiny: Texts, faults: Faults) -> None:
    edit(tiny, RACK, ("10.80.1.3}", '10.80.1.3, ipv6: "fd00:c10d::1:3"}'))
    assert faults() == ()
    edit(tiny, RACK, ("fd00:c10d::1:3", "fd00:beef::1:3"))
    assert rules(faults) == ["outside-subnet"]
    edit(tiny, RACK, ("fd00:beef::1:3", "fd00:::3"))
    assert rules(faults) == ["bad-address"]


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("10.80.0.0", "reserved-address"),
        ("10.80.255.255", "reserved-address"),
        ("10.80.0.1", "reserved-address"),
        ("10.79.255.255", "outside-subnet"),
        ("10.81.0.0", "outside-subnet"),
    ],
)
def test_edges_of_a_subnet(tiny: Texts, faults: Faults, address: str, rule: str) -> None:
    edit(tiny, RACK, ("10.80.1.3", address))
    assert rules(faults) == [rule]


@pytest.mark.parametrize("mac", ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"])
def test_macs_of_no_board(tiny: Texts, faults: Faults, mac: str) -> None:
    edit(tiny, RACK, ("b8:27:eb:00:00:01", mac))
    assert rules(faults) == ["unusable-mac"]


def test_declared_wiring(tiny: Texts, faults: Faults) -> None:
    edit(
        tiny,
        "hardware.sls",
        ("    hubs: [usb4, usb4]\n", "    hubs: [usb4]\n    wiring: declared\n"),
    )
    edit(tiny, RACK, ("id: pi0,", "id: pi0, hub: 1, hub_port: 1, port: 5,"))
    edit(tiny, RACK, ("id: pi1,", "id: pi1, hub: 1, hub_port: 2,"))
    edit(tiny, RACK, ("id: pi2,", "id: pi2, hub: 1,"))
    assert faults() == ()


def test_hub_current_counts_the_boards_on_it(tiny: Texts, faults: Faults) -> None:
    edit(tiny, "hardware.sls", ("supply_ma: 3000", "supply_ma: 1640"))
    assert faults() == ()
    edit(tiny, RACK, ("id: pi2,", "id: pi2, hub: 1, hub_port: 3,"))
    assert [fault.problem for fault in faults()] == [
        "the 3 boards on hub 1 draw up to 2460 mA, and its supply gives 1640 mA"
    ]


@pytest.mark.parametrize(
    ("holders", "expected"),
    [([], ["role-count"]), ([0], []), ([0, 1], ["role-count"]), ([0, 1, 2], ["role-count"])],
)
def test_exactly_one(tiny: Texts, faults: Faults, holders: list[int], expected: list[str]) -> None:
    edit(tiny, "cloud.sls", ("manager: {count: odd, spread: rack}", "manager: {count: one}"))
    for number in holders:
        edit(tiny, RACK, (f"id: pi{number},", f"id: pi{number}, roles: [manager],"))
    assert rules(faults) == expected


def test_one_rack_needs_no_spread(tiny: Texts, faults: Faults) -> None:
    for number in range(3):
        edit(tiny, RACK, (f"id: pi{number},", f"id: pi{number}, roles: [manager],"))
    assert faults() == ()


def test_a_shared_setting_is_said_once_for_all_racks(tiny: Texts, faults: Faults) -> None:
    more = tiny[RACK].replace("rack1", "rack2").replace("id: pi", "id: qi")
    more = more.replace("10.80.1", "10.80.2").replace(":00:0", ":01:0").replace("e0000", "e0001")
    tiny["racks/rack2.sls"] = more
    assert faults() == ()
    edit(tiny, "parts.sls", ("swap_mb: 1024", "swap_mb: 9999"))
    assert rules(faults) == ["swap-size"]


def test_no_description_at_all() -> None:
    with pytest.raises(DescriptionError, match=r"there are no \.sls files; write cloud"):
        build(from_texts({}))


def test_files_are_read_in_any_layout(tiny: Texts) -> None:
    whole = build(from_texts({"all.sls": "\n".join(tiny.values())}))
    assert whole.nodes == build(from_texts(tiny)).nodes
    assert list(InMemory(tiny).names()) == sorted(tiny)


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("adress", ["address", "mac"], "address"),
        ("Left_1", ["left-1", "right-1"], "left-1"),
        ("hwaddr", ["mac", "serial"], "mac"),
        ("colour", ["mac", "serial"], None),
        ("volumes", ["mounts", "env", "publish"], "mounts"),
        (7, ["seven"], None),
    ],
)
def test_closest(word: object, known: list[str], expected: str | None) -> None:
    assert closest(word, known) == expected


def test_remedies_without_a_close_name() -> None:
    assert remedy("x", [], "images") == "there are no images yet: add it, or leave this out"
    many = [f"name{number}" for number in range(20)]
    assert remedy("zzz", many, "names").endswith("and 8 more")


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("1.7.0-1", "1.7.0-1*", True),
        ("1.7.0-1~wheezy", "1.7.0-1*", True),
        ("1.7.*", "1.7.0-1*", True),
        ("*", "1.7.0-1*", True),
        ("1.7.1-1", "1.7.0-1*", False),
        ("20.10*", "1.7.0-1*", False),
        ("1.7.?-1", "1.7.0-1", True),
        ("", "*", True),
        ("", "a", False),
    ],
)
def test_overlap(one: str, two: str, expected: bool) -> None:
    assert overlap(one, two) is expected
    assert overlap(two, one) is expected


@given(st.text("ab*?", max_size=6), st.text("ab", max_size=6))
@settings(deadline=None)
def test_overlap_with_a_plain_text_is_a_match(pattern: str, text: str) -> None:
    assert overlap(pattern, text) is fnmatch.fnmatchcase(text, pattern)
