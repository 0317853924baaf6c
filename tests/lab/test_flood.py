"""A node that floods the master with knocks is held up and named; all others are served."""

import subprocess
import time
from pathlib import Path

import pytest

from lab import mishaps, shell
from lab.apart import Apart

FLOODER = Path(__file__).with_name("flooder.py")
#: How much longer an answer may take meanwhile, in seconds.
LATER_S = 10
#: Knocks of one address at once, and in each second after: 256 kB and one joined packet of 64 kB,
#: of 592 bytes each.
BURST, RATE = 443, 111


@pytest.fixture
def flood(lab: Apart):
    """Start a flood from pi2; return its process, which ends when its input is closed."""
    address = lab.execute("pi2", "getent", "ahostsv4", "head.pi.example").stdout.split()[0]
    command = ["docker", "exec", "-i", lab.settings.container("pi2")]
    python = ["/opt/picloud/salt/bin/python", "-c", FLOODER.read_text(), address]
    with subprocess.Popen(
        shell.program([*command, *python]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process

    def none_left():
        """Knocks that the master has not looked at yet leave keys after the flood's end."""
        keys = ("find", "/etc/salt/pki/master/minions_pre", "-name", "flood-*")
        lab.execute("head", *keys, "-delete")
        time.sleep(3)
        return lab.execute("head", *keys).stdout == ""

    lab.wait("no key of the flood is left", none_left, 120)


def seconds(do) -> float:
    """How long something takes."""
    began = time.monotonic()
    do()
    return time.monotonic() - began


def test_a_flood_of_knocks_from_a_node_holds_up_nobody_else(lab: Apart, request):
    assert lab.execute("head", "systemctl", "is-active", "picloud-limit").stdout == "active\n"

    def ping():
        assert lab.salt("pi1", "test.ping") is True

    quiet = seconds(ping)
    began = time.monotonic()
    flood = request.getfixturevalue("flood")
    time.sleep(3)
    assert seconds(ping) < quiet + LATER_S
    lab.execute("pi1", "systemctl", "restart", "salt-minion")
    lab.wait("pi1 is let in again", lambda: lab.salt("pi1", "test.ping", timeout=5), 120)
    mishaps.run(lab.settings, "swap", "pi1")
    assert seconds(ping) < quiet + LATER_S
    assert flood.poll() is None
    sent, answered = (int(number) for number in flood.communicate(timeout=60)[0].split())
    assert 0 < answered < BURST + RATE * (time.monotonic() - began)
    assert sent > answered


def test_the_flooder_is_named_once_by_its_address(lab: Apart):
    address = lab.execute("pi2", "getent", "ahostsv4", "pi2.pi.example").stdout.split()[0]

    def named():
        found = lab.run("rejoin.refused")["strangers"]
        return [one for one in found if one["name"] == address]

    (one,) = lab.wait("it is on record", named, 120)
    assert f"iptables -I picloud-limit -s {address} -j DROP" in one["reason"]
    log = lab.execute("head", "grep", "-c", f"Rejoin holds {address} up", "/var/log/salt/master")
    assert log.stdout == "1\n"
    assert lab.salt("pi2", "test.ping") is True
