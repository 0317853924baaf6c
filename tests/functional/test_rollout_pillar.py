"""The ext_pillar gives a node what it is to have of guarded parts, whatever is described."""

import picloud_salt
import pytest
import salt.config
from picloud.ledger.overrides import Scale
from picloud.ledger.rollouts import digest

from tests.functional.test_pillar import cloud, compile_pillar, settings  # noqa: F401

OLD, NEW = "20.10.24+dfsg1-1+deb12u1*", "20.10.25*"


@pytest.fixture
def guard(compile_pillar, settings, cloud):  # noqa: F811
    """Guard Docker, and record what pi3 has of it; its ledger."""
    (cloud / "rollout.sls").write_text("rollout: {parts: [docker]}\n")
    ledger = picloud_salt.ledger(settings)
    ledger.rollouts.pin([("pi3", "docker", compile_pillar("pi3")["picloud"]["docker"])])
    file = cloud / "docker.sls"
    file.write_text(file.read_text().replace(OLD, NEW))
    return ledger


def test_a_node_keeps_what_it_has_and_gets_the_rest_as_described(guard, compile_pillar, cloud):  # noqa: F811
    (cloud / "boot.sls").write_text("boot: {gpu_mem: 32}\n")
    view = compile_pillar("pi3")["picloud"]
    assert view["docker"]["version"] == OLD
    assert view["boot"]["gpu_mem"] == 32
    assert "guarded" not in view
    assert view["waiting"] == ["docker"]


def test_a_node_that_is_not_on_record_gets_what_is_described(guard, compile_pillar):  # noqa: F811
    view = compile_pillar("pi4")["picloud"]
    assert view["docker"]["version"] == NEW
    assert "waiting" not in view


def test_nothing_waits_when_the_description_is_what_the_node_has_again(
    guard,
    compile_pillar,  # noqa: F811
    cloud,  # noqa: F811
):
    file = cloud / "docker.sls"
    file.write_text(file.read_text().replace(NEW, OLD))
    assert "waiting" not in compile_pillar("pi3")["picloud"]


def test_a_part_that_is_not_guarded_any_more_is_as_described(guard, compile_pillar, cloud):  # noqa: F811
    (cloud / "rollout.sls").write_text("rollout: {parts: []}\n")
    assert compile_pillar("pi3")["picloud"]["docker"]["version"] == NEW


def test_while_nobody_knows_what_is_in_force_nothing_is_applied(
    guard,
    compile_pillar,  # noqa: F811
    settings,  # noqa: F811
    tmp_path,
):
    (tmp_path / "ledger.db").unlink()
    pillar = compile_pillar("pi3")
    assert "Nobody knows what docker is to be here" in pillar["_errors"][0]
    assert "was taken away while it was in use" in pillar["_errors"][0]
    assert "_errors" not in compile_pillar("stranger")


def test_the_same_settings_have_the_same_digest_in_pillar_and_record(guard, compile_pillar):  # noqa: F811
    pins = guard.rollouts.pins("docker")
    assert pins["pi3", "docker"] == digest(compile_pillar("pi3")["picloud"]["docker"])


IMAGE = 'tag: "1"'


@pytest.fixture
def workloads(compile_pillar, settings, cloud, tmp_path):  # noqa: F811
    """Guard workloads, record what the site of pi0 has, and edit the description; its ledger."""
    (cloud / "rollout.sls").write_text("rollout: {parts: [workloads]}\n")
    (cloud / "secrets").mkdir()
    (cloud / "secrets" / "web.sls").write_text("secrets: {key: {contents: old}}\n")
    file = cloud / "workloads.sls"
    text = file.read_text().replace("replicas: 3", "replicas: 3\n    secrets: [{source: key}]")
    file.write_text(text)
    ledger = picloud_salt.ledger(settings)
    opts = {**salt.config.master_config(None), **settings, "cachedir": str(tmp_path / "cache")}
    described, faults = picloud_salt.store(opts).cloud()
    assert not faults
    pi0 = described.node("pi0")
    ledger.rollouts.pin([("pi0", "workloads", described.guarded(pi0, "workloads", {}))])
    assert described.guarded(described.node("pi3"), "workloads", {}) is None
    assert "waiting" not in compile_pillar("pi0")["picloud"]
    assert IMAGE in text
    file.write_text(text.replace(IMAGE, 'tag: "2"').replace("secrets: [{source: key}]", ""))
    (cloud / "secrets" / "web.sls").write_text("secrets: {key: {contents: new}}\n")
    return ledger


@pytest.fixture
def lanes(compile_pillar, settings, cloud, tmp_path):  # noqa: F811
    """Three workloads that keep away from each other where the site of pi0 has two; its ledger."""
    (cloud / "rollout.sls").write_text("rollout: {parts: [workloads]}\n")
    file = cloud / "apart.sls"
    two = "{image: web, replicas: 1, placement: {anti_affinity: [web]}}"
    file.write_text(f"workloads: {{two: {two}}}\n")
    ledger = picloud_salt.ledger(settings)
    opts = {**salt.config.master_config(None), **settings, "cachedir": str(tmp_path / "cache")}
    described, faults = picloud_salt.store(opts).cloud()
    assert not faults
    work = described.guarded(described.node("pi0"), "workloads", {})
    ledger.rollouts.pin([("pi0", "workloads", work)])
    three = two.replace("[web]", "[web, two]")
    file.write_text(f"workloads: {{two: {two}, three: {three}}}\n")
    return ledger


def lane_labels(view):
    nodes = view["swarm"]["nodes"]
    return [nodes[name]["labels"].get("lane") for name in ("pi0", "pi1", "pi2", "pi3")]


def test_the_lanes_of_a_site_stay_until_a_rollout_changes_them(lanes, compile_pillar):  # noqa: F811
    kept, other = (compile_pillar(name)["picloud"] for name in ("pi0", "pi14"))
    assert kept["waiting"] == ["workloads"]
    assert lane_labels(kept) == ["0", "1", "0", "1"]
    assert lane_labels(other) == ["0", "1", "2", "0"]
    for view in (kept, other):
        assert not {"lanes", "images"} & view["workloads"].keys()
        assert view["swarm"]["nodes"]["pi0"].keys() == {"role", "labels", "availability"}


def test_labels_stay_when_nothing_keeps_away_any_more(lanes, compile_pillar, cloud):  # noqa: F811
    (cloud / "apart.sls").unlink()
    kept, other = (compile_pillar(name)["picloud"] for name in ("pi0", "pi14"))
    assert lane_labels(kept) == ["0", "1", "0", "1"]
    assert lane_labels(other) == [None] * 4


def test_a_number_said_by_hand_leaves_the_lanes(lanes, compile_pillar, settings):  # noqa: F811
    picloud_salt.ledger(settings).overrides.scale(Scale("web", 2, "jane", 1.0))
    assert lane_labels(compile_pillar("pi0")["picloud"]) == ["0", "1", "0", "1"]
    assert lane_labels(compile_pillar("pi14")["picloud"]) == ["0", "1", "2", "0"]


def web(view):
    service = view["workloads"]["services"]["web"]
    return service["image"], service["replicas"]


def test_a_site_keeps_its_workloads_with_secrets_as_they_are_now(workloads, compile_pillar):  # noqa: F811
    view = compile_pillar("pi0")["picloud"]
    assert view["waiting"] == ["workloads"]
    assert web(view) == ("picloud/web:1", 3)
    assert view["workloads"]["secrets"]["key"] == "new"
    assert "held" not in view["workloads"]
    other = compile_pillar("pi14")["picloud"]
    assert web(other) == ("picloud/web:2", 3)
    assert "key" not in other["workloads"]["secrets"]


def test_a_secret_that_is_described_no_more_stays_where_it_is_used(
    workloads,
    compile_pillar,  # noqa: F811
    cloud,  # noqa: F811
):
    (cloud / "secrets" / "web.sls").unlink()
    work = compile_pillar("pi0")["picloud"]["workloads"]
    assert "key" not in work["secrets"]
    assert work["held"] == ["key"]


def test_a_number_said_by_hand_holds_for_what_a_site_keeps(workloads, compile_pillar, settings):  # noqa: F811
    picloud_salt.ledger(settings).overrides.scale(Scale("web", 5, "jane", 1.0))
    assert web(compile_pillar("pi0")["picloud"]) == ("picloud/web:1", 5)
    assert web(compile_pillar("pi14")["picloud"]) == ("picloud/web:2", 5)
