"""The ext_pillar gives a node what it is to have of guarded parts, whatever is described."""

import picloud_salt
import pytest
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
