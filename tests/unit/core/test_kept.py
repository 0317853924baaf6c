"""What a node keeps follows from itself and its roles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from picloud.cloud import Cloud
from picloud.faults import Fault

Texts = dict[str, str]

ROLE = "docker: {parts: [docker]}"
NODE = "{id: pi2, address: 10.80.1.3}"


def keep(tiny: Texts, of_role: str = "", of_node: str = "") -> None:
    """Have the role docker, which all nodes have, and the node pi2 keep something."""
    if of_role:
        text = f"docker: {{parts: [docker], keep: {of_role}}}"
        tiny["cloud.sls"] = tiny["cloud.sls"].replace(ROLE, text)
    if of_node:
        text = f"{{id: pi2, address: 10.80.1.3, keep: {of_node}}}"
        tiny["racks/rack1.sls"] = tiny["racks/rack1.sls"].replace(NODE, text)


def test_who_keeps_nothing_has_no_part_keep(cloud: Callable[[], Cloud]) -> None:
    view = cloud().view("pi2")
    assert "keep" not in view["parts"]
    assert "keep" not in view


def test_a_node_keeps_its_own_paths(tiny: Texts, cloud: Callable[[], Cloud]) -> None:
    keep(tiny, of_node="[/srv/data, /etc/app.conf]")
    made = cloud()
    assert made.view("pi2")["keep"] == {
        "every_min": 60,
        "quota_mb": 4096,
        "archives": {"hours": 24, "days": 7, "weeks": 4, "months": 6},
        "paths": ["/etc/app.conf", "/srv/data"],
    }
    assert "keep" not in made.view("pi1")


def test_a_role_keeps_for_all_its_nodes(tiny: Texts, cloud: Callable[[], Cloud]) -> None:
    keep(tiny, of_role="[/srv/shared]", of_node="[/srv/data]")
    made = cloud()
    assert made.view("pi1")["keep"]["paths"] == ["/srv/shared"]
    assert made.view("pi2")["keep"]["paths"] == ["/srv/data", "/srv/shared"]


def test_data_are_given_back_before_anything_can_write(
    tiny: Texts, cloud: Callable[[], Cloud]
) -> None:
    keep(tiny, of_node="[/srv/data]")
    assert cloud().view("pi2")["parts"] == ["base", "keep", "boot", "salt_minion", "docker"]


def test_settings_are_those_of_the_section_and_its_overrides(
    tiny: Texts, cloud: Callable[[], Cloud]
) -> None:
    keep(tiny, of_node="[/srv/data], overrides: {keep: {every_min: 10}}")
    tiny["parts.sls"] += "keep: {quota_mb: 100, archives: {hours: 1}}\n"
    found = cloud().view("pi2")["keep"]
    assert (found["every_min"], found["quota_mb"]) == (10, 100)
    assert found["archives"] == {"hours": 1, "days": 7, "weeks": 4, "months": 6}


@pytest.mark.parametrize(
    "path",
    ["/srv/data", "/srv", "/home", "/var/lib/docker/volumes", "/etc/app", "/var/lib/app", "/runs"],
)
def test_data_can_be_kept(tiny: Texts, faults: Callable[[], tuple[Fault, ...]], path: str) -> None:
    keep(tiny, of_node=f"[{path}]")
    assert faults() == ()


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/", "bad-path"),
        ("srv/data", "bad-path"),
        ("/srv/data/", "bad-path"),
        ("/srv//data", "bad-path"),
        ('"/srv/my data"', "bad-path"),
        ('"/srv/%h"', "bad-path"),
        ('"/srv/$x"', "bad-path"),
        ("/srv/./data", "kept-path"),
        ("/srv/../etc/salt", "kept-path"),
        ("/proc", "kept-path"),
        ("/sys/class", "kept-path"),
        ("/dev/shm", "kept-path"),
        ("/run/app", "kept-path"),
        ("/etc", "kept-path"),
        ("/etc/salt", "kept-path"),
        ("/etc/salt/pki/minion", "kept-path"),
        ("/etc/picloud", "kept-path"),
        ("/etc/ssh", "kept-path"),
        ("/usr", "kept-path"),
        ("/var", "kept-path"),
        ("/var/lib", "kept-path"),
        ("/var/lib/docker", "kept-path"),
        ("/var/lib/picloud", "kept-path"),
        ("/tmp", "kept-path"),
        ("/boot/firmware", "kept-path"),
    ],
)
def test_what_is_no_data_is_refused(
    tiny: Texts, faults: Callable[[], tuple[Fault, ...]], path: str, rule: str
) -> None:
    keep(tiny, of_node=f"[{path}]")
    assert [fault.rule for fault in faults()] == [rule]


def test_a_fault_of_a_role_is_said_once_and_where_it_stands(
    tiny: Texts, faults: Callable[[], tuple[Fault, ...]]
) -> None:
    keep(tiny, of_role="[/proc]")
    (fault,) = faults()
    assert (fault.file, fault.path, fault.rule) == ("cloud.sls", "roles.docker.keep.0", "kept-path")


@pytest.mark.parametrize(
    ("of_role", "of_node"),
    [
        ("", "[/srv/a, /srv/a]"),
        ("", "[/srv/a/b, /srv/a]"),
        ("[/srv/a]", "[/srv/a]"),
        ("[/srv/a]", "[/srv/a/b]"),
        ("[/srv/a/b]", "[/srv/a]"),
    ],
)
def test_paths_that_lie_in_each_other_are_refused(
    tiny: Texts, faults: Callable[[], tuple[Fault, ...]], of_role: str, of_node: str
) -> None:
    keep(tiny, of_role, of_node)
    assert [fault.rule for fault in faults()] == ["kept-twice"]


def test_two_paths_that_begin_alike_are_two(
    tiny: Texts, faults: Callable[[], tuple[Fault, ...]]
) -> None:
    keep(tiny, of_node="[/srv/data, /srv/database]")
    assert faults() == ()
