"""A good description becomes a cloud: indexes, defaults, overrides, and a view per node."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from picloud import load
from picloud.cloud import Cloud, build
from picloud.faults import DescriptionError

from .conftest import DATA, Texts
from .rendering import render

REPO = Path(__file__).resolve().parents[3]
Build = Callable[[], Cloud]


def test_indexes(cloud: Build) -> None:
    made = cloud()
    assert list(made.nodes) == ["pi0", "pi1", "pi2"]
    assert made.by_mac == {"b8:27:eb:00:00:01": "pi0", "b8:27:eb:00:00:02": "pi1"}
    assert made.by_serial == {"00000000e0000001": "pi0", "00000000e0000002": "pi1"}
    assert made.by_port == {("rack1", 1): "pi0", ("rack1", 2): "pi1", ("rack1", 3): "pi2"}
    assert made.racks["rack1"].towers == {"left": 2, "right": 2}
    assert list(made.racks["rack1"].nodes) == ["left/1", "left/2", "right/1"]


def test_node_knows_what_follows_from_its_rack(cloud: Build) -> None:
    node = cloud().node("pi2")
    assert node is not None
    assert (node.fqdn, node.rack, node.slot) == ("pi2.pi.example", "rack1", "right/1")
    assert (node.tower, node.position, node.site) == ("right", 1, "lab")
    assert (node.model, node.image, node.ram_mb) == ("pi2b", "bookworm", 1024)
    assert (node.port, node.hub, node.hub_port) == (3, 2, 1)
    assert node.roles == ("pi", "docker")
    assert node.parts == ("base", "boot", "salt_minion", "docker")


def test_unknown_node(cloud: Build) -> None:
    assert cloud().node("pi9") is None
    assert cloud().view("pi9") == {}


def test_view_is_what_states_may_use(cloud: Build) -> None:
    view = cloud().view("pi2")
    assert view == json.loads(json.dumps(view))
    assert view == {
        "cloud": {
            "name": "tiny",
            "domain": "pi.example",
            "timezone": "Europe/London",
            "locale": "en_GB.UTF-8",
        },
        "site": {
            "name": "lab",
            "master": "head.pi.example",
            "gateway": "10.80.0.1",
            "subnet": "10.80.0.0/16",
            "apt_cache": None,
        },
        "rack": {
            "name": "rack1",
            "design": "shelf",
            "neighbours": {"pi0": "10.80.1.1", "pi1": "10.80.1.2", "pi2": "10.80.1.3"},
        },
        "node": {
            "id": "pi2",
            "fqdn": "pi2.pi.example",
            "address": "10.80.1.3",
            "mac": None,
            "serial": None,
            "slot": "rack1/right/1",
            "tower": "right",
            "position": 1,
            "port": 3,
            "roles": ["pi", "docker"],
        },
        "board": {
            "model": "pi2b",
            "name": "Raspberry Pi 2 Model B",
            "soc": "BCM2836",
            "arch": "armhf",
            "ram_mb": 1024,
            "cpus": 4,
            "ghz": 0.9,
            "nic_mbps": 100,
            "max_overclock": {"arm_freq": 1000, "over_voltage": 2},
        },
        "image": {
            "name": "bookworm",
            "suite": "bookworm",
            "mirror": "http://deb.debian.org/debian",
            "security_mirror": "http://deb.debian.org/debian-security",
            "components": ["main"],
            "packages": [],
        },
        "network": {
            "nameservers": ["10.80.0.1"],
            "search": ["pi.example"],
            "ntp": [],
            "hosts": {"head.pi.example": "10.80.0.2"},
        },
        "parts": ["base", "boot", "salt_minion", "docker"],
        "base": view["base"],
        "boot": view["boot"],
        "salt_minion": {"version": "3008.3", "config": {}},
        "docker": view["docker"],
    }
    assert view["base"]["swap_mb"] == 1024
    assert view["boot"]["overclock"] == {"arm_freq": 900}
    assert view["docker"]["daemon"] == {"log-opts": {"max-file": "2"}}


def test_view_holds_settings_of_own_parts_only(tiny: Texts, cloud: Build) -> None:
    tiny["racks/rack1.sls"] = tiny["racks/rack1.sls"].replace("    roles: [docker]\n", "")
    view = cloud().view("pi0")
    assert view["parts"] == ["base", "boot", "salt_minion"]
    assert "docker" not in view


def test_views_share_nothing(cloud: Build) -> None:
    made = cloud()
    made.view("pi0")["boot"]["overclock"]["arm_freq"] = 1
    made.view("pi0")["rack"]["neighbours"].clear()
    assert made.view("pi0")["boot"]["overclock"] == {"arm_freq": 900}
    assert made.view("pi1")["rack"]["neighbours"]


def test_overrides_go_from_board_to_site_to_rack_to_node(tiny: Texts, cloud: Build) -> None:
    def over(megabytes: int, packages: str) -> str:
        return f"overrides: {{base: {{swap_mb: {megabytes}, packages: [{packages}]}}}}\n"

    rack, hardware = tiny["racks/rack1.sls"], tiny["hardware.sls"]
    tiny["hardware.sls"] = hardware.replace("    cpus: 4\n", f"    cpus: 4\n    {over(101, 'aa')}")
    assert cloud().view("pi0")["base"]["swap_mb"] == 101
    tiny["cloud.sls"] = tiny["cloud.sls"].replace(
        "    gateway:", f"    {over(102, 'bb')}    gateway:"
    )
    assert cloud().view("pi0")["base"]["swap_mb"] == 102
    rack = rack.replace("    site: lab\n", f"    site: lab\n    {over(103, 'cc')}")
    tiny["racks/rack1.sls"] = rack
    assert cloud().view("pi0")["base"]["swap_mb"] == 103
    own = "overrides: {base: {swap_mb: 104}}"
    tiny["racks/rack1.sls"] = rack.replace("id: pi0,", f"id: pi0, {own},")
    assert cloud().view("pi0")["base"] == {
        **cloud().view("pi1")["base"],
        "swap_mb": 104,
        "packages": ["cc"],
    }
    assert cloud().view("pi1")["base"]["swap_mb"] == 103


def test_memory_is_the_least_unless_the_node_says(tiny: Texts, cloud: Build) -> None:
    tiny["hardware.sls"] = tiny["hardware.sls"].replace("ram_mb: 1024", "ram_mb: [2048, 1024]")
    tiny["racks/rack1.sls"] = tiny["racks/rack1.sls"].replace("id: pi1,", "id: pi1, ram_mb: 2048,")
    view = cloud().view
    assert view("pi0")["board"]["ram_mb"] == 1024
    assert view("pi1")["board"]["ram_mb"] == 2048


def test_mac_and_serial_in_any_case(tiny: Texts, cloud: Build) -> None:
    text = tiny["racks/rack1.sls"]
    tiny["racks/rack1.sls"] = text.replace("b8:27:eb", "B8:27:EB").replace("e0000", "E0000")
    assert cloud().by_mac["b8:27:eb:00:00:01"] == "pi0"
    assert cloud().by_serial["00000000e0000001"] == "pi0"


def test_a_node_can_be_the_master(tiny: Texts, cloud: Build) -> None:
    tiny["cloud.sls"] = tiny["cloud.sls"].replace("master: head.", "master: pi1.")
    assert cloud().view("pi0")["site"]["master"] == "pi1.pi.example"


@pytest.mark.parametrize("folder", ["pillar/cloud", "examples/pi2-14"])
def test_shipped_descriptions_are_whole(folder: str) -> None:
    assert build(load.read(REPO / folder, render)).nodes


def test_a_cache_changes_nothing(tmp_path: Path) -> None:
    root = copied(tmp_path)
    fresh, cache = build(load.read(root)), {}
    for _ in range(2):
        kept = build(load.read(root, cache=cache), cache)
        assert kept.nodes == fresh.nodes
        assert [kept.view(node) for node in kept.nodes] == [
            fresh.view(node) for node in fresh.nodes
        ]
        assert kept.racks["rack1"].key == fresh.racks["rack1"].key


def test_an_edited_rack_is_the_only_one_made_again(tmp_path: Path) -> None:
    root, cache = copied(tmp_path), {}
    second = (root / "racks/rack1.sls").read_text().replace("rack1", "rack2").replace("pi", "qi")
    second = second.replace("qi2b", "pi2b").replace("10.80.1", "10.80.2").replace(":00:0", ":01:0")
    (root / "racks/rack2.sls").write_text(second.replace("e0000", "e0001"))
    before = build(load.read(root, cache=cache), cache)
    known = set(cache)
    (root / "racks/rack2.sls").write_text(second.replace("e0000", "e0001") + "# more\n")
    after = build(load.read(root, cache=cache), cache)
    assert after.racks["rack1"].key == before.racks["rack1"].key
    assert after.racks["rack2"].key != before.racks["rack2"].key
    assert sorted(key.split(":")[0] for key in set(cache) - known) == ["file", "rack", "stat"]


def test_what_racks_share_is_in_their_key(tmp_path: Path) -> None:
    root, cache = copied(tmp_path), {}
    before = build(load.read(root, cache=cache), cache)
    parts = root / "parts.sls"
    parts.write_text(parts.read_text().replace("swap_mb: 1024", "swap_mb: 512"))
    after = build(load.read(root, cache=cache), cache)
    assert after.racks["rack1"].key != before.racks["rack1"].key
    assert after.view("pi0")["base"]["swap_mb"] == 512


def test_faults_are_found_with_a_cache_too(tmp_path: Path) -> None:
    root, cache = copied(tmp_path), {}
    build(load.read(root, cache=cache), cache)
    rack = root / "racks/rack1.sls"
    rack.write_text(rack.read_text().replace("10.80.1.3", "10.80.1.1"))
    for _ in range(2):
        with pytest.raises(DescriptionError, match=r"address 10\.80\.1\.1 is that of pi0 already"):
            build(load.read(root, cache=cache), cache)


def test_templates_are_rendered_again_every_time(tmp_path: Path) -> None:
    root, cache = copied(tmp_path), {}
    rendered = []

    def count(path: Path) -> load.Rendered:
        rendered.append(path.name)
        return load.Rendered(path.read_text(), static=path.name != "rack1.sls")

    for _ in range(2):
        build(load.read(root, count, cache), cache)
    assert rendered == ["cloud.sls", "hardware.sls", "parts.sls", "rack1.sls", "rack1.sls"]


def test_decrypted_values_are_not_cached(tmp_path: Path) -> None:
    root, cache = copied(tmp_path), {}

    def decrypt(data: dict[str, object]) -> dict[str, object]:
        return {**data, "salt_minion": {"version": "3008.3", "config": {"token": "opened"}}}

    def secret(path: Path) -> load.Rendered:
        after = decrypt if path.name == "parts.sls" else None
        return load.Rendered(path.read_text(), after)

    for _ in range(2):
        made = build(load.read(root, secret, cache), cache)
        assert made.view("pi0")["salt_minion"]["config"] == {"token": "opened"}
    assert not [value for value in cache.values() if b"opened" in value]


def copied(folder: Path) -> Path:
    for path in (DATA / "tiny").rglob("*.sls"):
        target = folder / path.relative_to(DATA / "tiny")
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    return folder
