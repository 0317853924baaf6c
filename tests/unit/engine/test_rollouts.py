"""Rollouts driven by the whole engine, with a real ledger and really signed reports."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from picloud.cloud import build
from picloud.load import from_texts
from picloud.rollout.change import change, start
from picloud_rejoin.bus import VERIFY
from picloud_rejoin.engine import Engine

from tests.unit.cards.office import TINY
from tests.unit.engine.test_requests import Bus, Jobs
from tests.unit.engine.test_way_back import GOOD, OWN, Head

POLICY = "rollout: {parts: [docker], canaries: [pi0], soak_s: 5, tries: 1}\n"


def described(version="1.6.2-1", policy=POLICY, blocked="1.7.0-1*"):
    """The tiny cloud, with Docker at a version, on both nodes."""
    texts = {p.relative_to(TINY).as_posix(): p.read_text() for p in sorted(TINY.rglob("*.sls"))}
    texts["parts.sls"] = texts["parts.sls"].replace("20.10.24*", version)
    assert version in texts["parts.sls"]
    texts["rollout.sls"] = policy
    texts["parts.sls"] = texts["parts.sls"].replace("1.7.0-1*", blocked)
    return build(from_texts(texts))


class Listened(Bus):
    """A bus that keeps how rollouts ended."""

    def rollout_ended(self, rollout):
        self.told.append(("rollout", rollout.step, rollout.reason))


class Site(Head):
    """An engine, two nodes that are converged, and their cloud."""

    def __init__(self, folder, monkeypatch):
        super().__init__(folder, monkeypatch)
        self.cloud = described()
        self.engine.bus = Listened()
        self.engine.opts["cachedir"] = str(folder / "cache")
        self.engine.store.view = lambda node: (self.cloud.view(node), ())
        for node in OWN:
            self.card(node)
            self.up(node, OWN[node])
        self.rounds()

    def revive(self):
        """The master is killed and starts again: all that is in memory is gone."""
        old = self.engine
        self.engine = Engine(
            old.opts,
            ledger=self.ledger,
            store=old.store,
            keys=old.keys,
            bus=Listened(),
            jobs=Jobs(),
        )
        self.engine.resume()
        self.rounds()

    def begin(self, part="docker"):
        self.rounds()
        pins = self.ledger.rollouts.pins(part)
        made = change(self.cloud, part, pins, self.ledger.builds.heads())
        begun = start(made, self.cloud, set(OWN), "jane", self.now)
        assert self.ledger.rollouts.begin(begun) is not None
        self.rounds()

    @property
    def rollout(self):
        return self.ledger.rollouts.last(1)[0]

    def version(self, node):
        return self.ledger.rollouts.pinned(node, ["docker"])["docker"]["version"]

    def versions(self):
        return [self.version(node) for node in sorted(OWN)]

    def states(self):
        members = self.ledger.rollouts.members(self.rollout.number)
        return [one.state for one in members if one.node in OWN]

    def says(self, node, nonce, **more):
        """A node answers to a check."""
        report = {"nonce": nonce, "id": node, "at": self.now, "highstate": GOOD, "services": {}}
        report |= {"disk_free_mb": 999, "disk_writable": True}
        report |= {"board": {"serial": OWN[node], "model": "pi2b", "ram_mb": 1024}}
        text = json.dumps(report | more)
        signed = self.private[node].sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        said = {"report": text, "signature": base64.b64encode(signed).decode()}
        event = {"id": node, "fun": VERIFY, "return": said}
        self.engine.round([(f"salt/job/1/ret/{node}", event)])
        self.rounds(2)

    def arrives(self, node, **more):
        assert self.row(node).step == "converging"
        self.answer(node, VERIFY, OWN[node], **more)
        self.rounds(2)

    def wave(self, node):
        """A wave of one node, from its beginning to its end."""
        self.arrives(node)
        assert self.rollout.step == "soaking"
        self.rounds(7)
        assert self.rollout.step == "checking"
        self.says(node, self.rollout.nonce)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr("picloud_rollout.log.disabled", True)
    made = Site(tmp_path, monkeypatch)
    assert made.versions() == ["1.6.2-1", "1.6.2-1"]
    return made


def test_a_change_reaches_the_canary_then_the_others(site):
    site.cloud = described("1.7.1-1")
    site.rounds()
    assert site.versions() == ["1.6.2-1", "1.6.2-1"]
    site.begin()
    assert site.versions() == ["1.7.1-1", "1.6.2-1"]
    assert (site.row("pi0").kind, site.row("pi1").step) == ("rollout", "converged")
    site.wave("pi0")
    assert site.versions() == ["1.7.1-1", "1.7.1-1"]
    site.wave("pi1")
    assert (site.rollout.step, site.states()) == ("done", ["healthy", "healthy"])
    assert ("rollout", "done", "") in site.engine.bus.told


def test_a_canary_that_fails_is_put_back(site):
    site.cloud = described("1.7.1-1")
    site.begin()
    site.arrives("pi0", services={"docker": False})
    assert (site.rollout.step, site.versions()) == ("going back", ["1.6.2-1", "1.6.2-1"])
    site.arrives("pi0")
    assert (site.rollout.step, site.states()) == ("stopped", ["back", "waiting"])
    assert "pi0: try 1 failed: services are down: docker" in site.rollout.reason
    assert site.row("pi1").kind != "rollout"
    assert ("rollout", "stopped", site.rollout.reason) in site.engine.bus.told


def test_a_report_signed_by_another_node_does_not_count(site):
    site.cloud = described("1.7.1-1")
    site.begin()
    site.arrives("pi0")
    site.rounds(7)
    site.says("pi1", site.rollout.nonce)
    assert (site.rollout.step, site.states()) == ("checking", ["asked", "waiting"])
    site.says("pi0", "another nonce")
    assert site.rollout.step == "checking"


def test_a_broken_description_fails_nobody(site):
    site.cloud = described("1.7.1-1")
    site.begin()
    site.arrives("pi0")
    site.rounds(7)
    site.faults = ("broken",)
    site.rounds()
    site.says("pi0", site.rollout.nonce, highstate={"error": "the description is broken"})
    assert (site.rollout.step, site.states()[0]) == ("checking", "asked")
    site.faults = ()
    site.rounds()
    site.says("pi0", site.rollout.nonce)
    assert site.states()[0] == "healthy"


def test_a_version_that_is_blocked_meanwhile_goes_back_from_all_that_have_it(site):
    site.cloud = described("1.7.2-1")
    site.begin()
    site.arrives("pi0")
    site.rounds(7)
    site.cloud = described("1.7.1-1", blocked="1.7.2-1*")
    site.says("pi0", site.rollout.nonce)
    assert site.rollout.step == "going back"
    site.arrives("pi0")
    assert site.rollout.step == "stopped"
    assert "docker 1.7.2-1 is blocked on armhf: every container" in site.rollout.reason
    assert site.versions() == ["1.6.2-1", "1.6.2-1"]


def test_a_node_that_comes_back_with_a_new_card_gets_what_its_wave_has(site):
    site.cloud = described("1.7.1-1")
    site.begin()
    site.start("pi0")
    assert site.version("pi0") == "1.7.1-1"
    site.start("pi1")
    assert site.version("pi1") == "1.6.2-1"


def test_pins_go_with_the_guard(site):
    site.cloud = described("1.7.1-1", policy="rollout: {parts: []}\n")
    site.rounds()
    assert site.ledger.rollouts.pins() == {}


def test_a_new_node_has_what_is_described(site):
    site.ledger.rollouts.unpin([("pi1", "docker")])
    site.cloud = described("1.7.1-1")
    site.rounds()
    assert site.versions() == ["1.6.2-1", "1.7.1-1"]


def test_a_cloud_whose_first_node_is_still_to_come_has_what_is_described(tmp_path, monkeypatch):
    head = Head(tmp_path, monkeypatch)
    for version in ("1.6.2-1", "1.7.1-1"):
        head.cloud = described(version)
        head.engine.store.view = lambda node: (head.cloud.view(node), ())
        head.rounds()
        pins = head.ledger.rollouts.pinned("pi0", ["docker"])
        assert pins["docker"]["version"] == version
    head.card("pi0")
    head.comes("pi0", OWN["pi0"])
    head.cloud = described("1.7.2-1")
    head.rounds()
    pins = head.ledger.rollouts.pinned("pi1", ["docker"])
    assert pins["docker"]["version"] == "1.7.1-1"


@pytest.mark.parametrize("killed", range(1, 12))
def test_a_master_killed_at_any_write_goes_on_and_does_nothing_twice(site, monkeypatch, killed):
    """kill -9 just before the nth transaction: nothing after the last one that was done is so."""
    site.cloud = described("1.7.1-1")
    writes = []
    put = type(site.ledger.rollouts).put

    def dying(self, *args, **kwargs):
        writes.append(1)
        if len(writes) == killed:
            raise KeyboardInterrupt
        return put(self, *args, **kwargs)

    monkeypatch.setattr(type(site.ledger.rollouts), "put", dying)

    def alive(act, *args):
        try:
            act(*args)
        except KeyboardInterrupt:
            site.revive()

    alive(site.begin)
    deadline = time.monotonic() + 20
    while site.rollout.step != "done" and time.monotonic() < deadline:
        for node in sorted(OWN):
            if site.row(node).step == "converging":
                alive(site.arrives, node)
            elif site.rollout.step == "checking":
                alive(site.says, node, site.rollout.nonce)
        alive(site.rounds, 3)
    assert site.rollout.step == "done"
    assert site.states() == ["healthy", "healthy"]
    kinds = [(one.kind, one.action) for one in site.ledger.decisions.of("pi1", 50)]
    assert kinds.count(("rollout", "converged")) == 1


def test_a_node_whose_verification_was_lost_with_the_master_is_asked_again(site):
    site.cloud = described("1.7.1-1")
    site.begin()
    assert site.row("pi0").step == "converging"
    (token,) = site.ledger.batches.unclaimed(site.now + 1)
    assert site.ledger.batches.claim(token) is not None
    site.revive()
    site.rounds(25)
    site.engine.jobs.sent.clear()
    site.rounds(260)
    assert ("pi0", VERIFY) not in site.engine.jobs.sent
    site.rounds(50)
    assert ("pi0", VERIFY) in site.engine.jobs.sent
    site.wave("pi0")
