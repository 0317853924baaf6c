"""Small descriptions to compile, and a store of one of them."""

import os

import pytest
from picloud.store import Store

COMMON = """\
cloud: {name: lab, domain: pi.example}
sites: {here: {master: head.pi.example, subnet: 10.0.0.0/16}}
network: {hosts: {head.pi.example: 10.0.0.2}}
boards:
  pi2b:
    {name: Pi 2, soc: BCM2836, arch: armhf, ram_mb: [1024], cpus: 4, ghz: 0.9, nic_mbps: 100,
     peak_ma: 820}
switches: {small: {ports: 8, mbps: 1000}}
hubs: {usb7: {ports: 7, supply_ma: 6000}}
designs: {tower: {towers: {left: 7}, switch: small, hubs: [usb7]}}
images:
  bookworm: {suite: bookworm, archs: [armhf], mirror: "http://deb.debian.org/debian",
             security_mirror: "http://deb.debian.org/debian-security"}
roles: {pi: {default: true, parts: [base]}}
base: {swap_mb: 64}
"""
RACK = """\
racks:
  rack{n}:
    site: here
    design: tower
    model: pi2b
    image: bookworm
    nodes:
      left/1: {{id: pi{n}1, address: 10.0.{n}.1}}
      left/2: {{id: pi{n}2, address: 10.0.{n}.2}}
"""


@pytest.fixture
def root(tmp_path):
    """A description of two racks with two nodes each."""
    folder = tmp_path / "cloud"
    (folder / "racks").mkdir(parents=True)
    (folder / "common.sls").write_text(COMMON)
    for n in (1, 2):
        (folder / "racks" / f"rack{n}.sls").write_text(RACK.format(n=n))
    return folder


@pytest.fixture
def database(tmp_path):
    """Where the store keeps things."""
    return tmp_path / "cache" / "picloud" / "description.db"


@pytest.fixture
def store(root, database):
    """The store of the description."""
    return Store(root, database)


@pytest.fixture
def edit():
    """Replace text in a file, so that it shows even within one tick of the clock."""

    def _edit(path, old, new):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        later = path.stat().st_mtime_ns + 10**6
        os.utime(path, ns=(later, later))

    return _edit
