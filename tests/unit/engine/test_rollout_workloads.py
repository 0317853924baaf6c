"""Workloads that go from site to site, driven by the whole engine."""

import pytest
from picloud.cloud import build
from picloud.load import from_texts
from picloud.rollout.guarded import kept, laid
from picloud.workloads.seal import Build

from tests.unit.cards.office import TINY
from tests.unit.engine.test_rollouts import Site as OneSite
from tests.unit.engine.test_way_back import OWN, Head

SITES = ("lab", "far")
MORE = {
    "rollout.sls": "rollout: {parts: [workloads], canaries: [pi1], soak_s: 5, tries: 1}\n",
    "swarm.sls": "swarm: {}\n",
    "racks/rack2.sls": (
        "racks:\n  rack2: {site: far, design: shelf, model: pi2b, image: bookworm, roles: [docker,"
        " swarm-manager], nodes: {left/1: {id: pi1, address: 10.81.1.2, serial:"
        ' "00000000e0000002"}}}\n'
    ),
}


def described(tag="1", key="hush", managers=("pi0",)):
    """A cloud of two sites with a manager each, if not said otherwise, and what runs in both."""
    texts = {p.relative_to(TINY).as_posix(): p.read_text() for p in sorted(TINY.rglob("*.sls"))}
    rack = texts["racks/rack1.sls"].splitlines(keepends=True)
    rack = [line for line in rack if "id: pi1" not in line]
    rack.append("      left/2: {id: pi3, address: 10.80.1.4}\n")
    texts["racks/rack1.sls"] = "".join(rack)
    for name in managers:
        own = f"{{id: {name}, roles: [swarm-manager],"
        texts["racks/rack1.sls"] = texts["racks/rack1.sls"].replace(f"{{id: {name},", own)
    cloud = texts["cloud.sls"].replace("[docker]}", "[docker, swarm]}\n  swarm-manager: {}")
    far = "  far: {master: head.pi.example, subnet: 10.81.0.0/16, gateway: 10.81.0.1}\n"
    texts["cloud.sls"] = cloud.replace("\nnetwork:", f"{far}\nnetwork:")
    work = (
        f"container_images: {{web: {{tag: '{tag}', archs: [armhf],"
        " build: {suite: bookworm, packages: [busybox]}}, shop: {tag: '1', archs: [armhf]}}\n"
        f"secrets: {{key: {{contents: {key}}}}}\n"
        "workloads: {web: {image: web, mode: global, secrets: [{source: key}]},"
        " shop: {image: shop, mode: global}}\n"
    )
    return build(from_texts(texts | MORE | {"secrets/work.sls": work}))


def services(**web):
    """What a manager says of services of which web is as given, and shop has been ill for long."""
    web = {"image": "web:2", "mode": "global", "wanted": 1, "running": 1, **web}
    shop = web | {"running": 0, "update": "", "changes": {}}
    return {"services": {"web": web, "shop": shop}, "missing": [], "refused": {}}


class Site(OneSite):
    """An engine, and a manager at each of two sites."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr("tests.unit.engine.test_rollouts.described", described)
        super().__init__(folder, monkeypatch)

    def begin(self, part="workloads"):
        super().begin(part)

    def image(self, node):
        return self.ledger.rollouts.pinned(node, ["workloads"])["workloads"]["services"]["web"][
            "image"
        ]

    def images(self):
        return [self.image(node).removeprefix("picloud/") for node in sorted(OWN)]

    def digests(self):
        return [
            self.ledger.rollouts.pinned(node, ["workloads"])["workloads"]["images"][
                "picloud/web:1"
            ]["build"]
            for node in sorted(OWN)
        ]

    def runs(self, node, **web):
        """A manager has applied the change, which has run for a while, and says how it does."""
        self.arrives(node)
        assert self.rollout.step == "soaking"
        self.rounds(7)
        self.says(node, self.rollout.nonce, workloads=services(**web))


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr("picloud_rollout.log.disabled", True)
    made = Site(tmp_path, monkeypatch)
    assert made.images() == ["web:1", "web:1"]
    return made


def test_a_change_reaches_the_site_of_the_canary_then_the_others(site):
    site.cloud = described("2")
    site.begin()
    assert site.rollout.waves == ("site far", "site lab")
    assert site.images() == ["web:1", "web:2"]
    site.runs("pi1")
    assert site.images() == ["web:2", "web:2"]
    site.runs("pi0")
    assert (site.rollout.step, site.states()) == ("done", ["healthy", "healthy"])


def test_an_update_that_swarm_takes_back_stops_at_its_site(site):
    site.cloud = described("2")
    site.begin()
    back = {"update": "rollback_completed", "changes": {"image": ["web:1", "web:2"]}}
    site.runs("pi1", **back)
    assert (site.rollout.step, site.images()) == ("going back", ["web:1", "web:1"])
    site.arrives("pi1")
    assert (site.rollout.step, site.states()) == ("stopped", ["back", "waiting"])
    assert "web: is not as described: image; update rollback completed" in site.rollout.reason
    assert site.row("pi0").kind != "rollout"


def test_an_update_that_takes_long_is_waited_for_and_watched_after_it(site):
    site.cloud = described("2")
    site.begin()
    site.runs("pi1", update="updating", running=0)
    site.rounds(10)
    assert (site.rollout.step, site.images()) == ("checking", ["web:1", "web:2"])
    site.rounds(10)
    site.says("pi1", site.rollout.nonce, workloads=services())
    assert site.rollout.step == "soaking"
    site.rounds(7)
    site.says("pi1", site.rollout.nonce, workloads=services(running=0))
    assert (site.rollout.step, site.images()) == ("going back", ["web:1", "web:1"])
    assert "web: 0 of 1 tasks run" in site.rollout.reason


def test_a_manager_that_says_nothing_of_its_services_is_not_well(site):
    site.cloud = described("2")
    site.begin()
    site.arrives("pi1")
    site.rounds(7)
    site.says("pi1", site.rollout.nonce)
    assert "it says nothing of its workloads" in site.rollout.reason


def built(site, digest, at):
    """The image web is built again, under the same tag."""
    made = Build("picloud/web", "1", digest, {}, {}, "described", "packaged", at)
    site.ledger.builds.put(made)
    site.rounds()


def test_an_image_built_again_under_its_tag_goes_from_site_to_site_and_back(site):
    site.ledger.rollouts.unpin([(node, "workloads") for node in OWN])
    built(site, "sha256:one", 1.0)
    built(site, "sha256:two", 2.0)
    assert site.digests() == ["sha256:one", "sha256:one"]
    site.begin()
    assert site.digests() == ["sha256:one", "sha256:two"]
    site.runs("pi1", running=0)
    assert (site.rollout.step, site.digests()) == ("going back", ["sha256:one", "sha256:one"])


def test_before_the_first_node_is_here_its_site_gets_the_newest_build(tmp_path, monkeypatch):
    monkeypatch.setattr("picloud_rollout.log.disabled", True)
    head = Head(tmp_path, monkeypatch)
    head.cloud = described()
    head.engine.store.view = lambda node: (head.cloud.view(node), ())
    for at, digest in enumerate(("sha256:one", "sha256:two")):
        built(head, digest, float(at))
        (pinned,) = head.ledger.rollouts.pinned("pi0", ["workloads"]).values()
        assert pinned["images"]["picloud/web:1"]["build"] == digest


MORE_MANAGERS = ("pi0", "pi2", "pi3")


def test_a_new_manager_has_what_its_site_has(site):
    site.cloud = described("2", managers=MORE_MANAGERS)
    site.rounds()
    assert (site.image("pi2"), site.image("pi0")) == ("picloud/web:1", "picloud/web:1")


def test_the_next_manager_has_what_the_one_before_it_had(site):
    site.cloud = described("2", managers=["pi2"])
    site.rounds()
    assert site.image("pi2") == "picloud/web:1"
    assert site.ledger.rollouts.pinned("pi0", ["workloads"]) == {}


def test_one_that_manages_again_has_what_its_site_has_by_then(site):
    site.cloud = described(managers=MORE_MANAGERS)
    site.rounds()
    site.cloud = described()
    site.rounds()
    site.cloud = described("2")
    site.begin()
    site.runs("pi1")
    site.runs("pi0")
    assert site.rollout.step == "done"
    site.cloud = described("2", managers=MORE_MANAGERS)
    site.rounds()
    assert site.image("pi2") == "picloud/web:2"


def test_one_that_manages_no_more_when_a_rollout_ends_has_nothing_on_record(site):
    site.cloud = described(managers=MORE_MANAGERS)
    site.rounds()
    site.cloud = described("2", managers=MORE_MANAGERS)
    site.begin()
    site.cloud = described("2")
    site.rounds()
    assert site.image("pi2") == "picloud/web:1"
    site.runs("pi1")
    assert site.image("pi2") == "picloud/web:2"
    site.runs("pi0")
    assert site.rollout.step == "done"
    site.rounds()
    assert site.ledger.rollouts.pinned("pi2", ["workloads"]) == {}


def test_a_manager_that_comes_before_the_wave_of_its_site_goes_with_it(site):
    site.cloud = described("2")
    site.begin()
    site.cloud = described("2", managers=MORE_MANAGERS)
    site.rounds()
    assert site.image("pi2") == "picloud/web:1"
    site.runs("pi1")
    assert site.image("pi2") == "picloud/web:2"


def test_a_manager_that_comes_after_the_wave_of_its_site_began_goes_where_that_goes(site):
    site.cloud = described("2")
    site.begin()
    site.runs("pi1")
    site.cloud = described("2", managers=MORE_MANAGERS)
    site.rounds()
    assert site.image("pi2") == "picloud/web:2"
    site.runs("pi0", running=0)
    assert (site.rollout.step, site.image("pi2")) == ("going back", "picloud/web:1")


def test_a_secret_is_no_part_of_the_change_and_not_on_record(site):
    site.cloud = described("1", key="new")
    site.rounds()
    pins = site.ledger.rollouts.pins("workloads")
    assert {pins[node, "workloads"] for node in OWN} == set(pins.values())
    settings = site.ledger.rollouts.settings(pins.values())
    assert "hush" not in str(settings)
    view = site.cloud.view("pi0")["workloads"]
    pinned = site.ledger.rollouts.pinned("pi0", ["workloads"])["workloads"]
    assert kept("workloads", view, {}) == pinned
    assert laid("workloads", view, pinned, {"key": "new"})["secrets"] == {"key": "new"}
