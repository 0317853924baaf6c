"""``salt-run rollout`` with Salt's own loader, a ledger on disk, and a copy of the description."""

import shutil
import time
from dataclasses import replace

import picloud_salt
import pytest
import salt.loader
from picloud import tables
from picloud.workloads.seal import Build
from picloud_rejoin.keys import KeyStore

OLD, NEW = "20.10.24+dfsg1-1+deb12u1*", "20.10.25*"


@pytest.fixture
def cloud(repo, tmp_path):
    """A copy of the shipped description in which Docker is guarded."""
    root = shutil.copytree(repo / "pillar" / "cloud", tmp_path / "cloud")
    (root / "rollout.sls").write_text("rollout: {parts: [docker, boot], canaries: [pi2]}\n")
    return root


@pytest.fixture
def opts(master, cloud):
    config = master(cloud)
    for node in ("pi0", "pi1", "pi2", "pi20"):
        KeyStore(config).accept(node, "public\n")
    return config


@pytest.fixture
def ledger(opts):
    """A ledger in which is on record what nodes have, as the engine records it."""
    made = picloud_salt.ledger(opts)
    described, faults = picloud_salt.store(opts).cloud()
    assert not faults
    made.rollouts.pin(
        [
            (node.id, part, described.settings(node)[part])
            for node in described.nodes.values()
            for part in ("docker", "boot")
        ]
    )
    return made


@pytest.fixture
def run(salt_run, ledger):
    """Run a function of the runner; what it returned, and its exit status."""
    return lambda function, **arguments: salt_run(f"rollout.{function}", **arguments)


@pytest.fixture
def edit(cloud):
    """Edit a file of the description."""

    def change(old, new, file="docker.sls"):
        text = (cloud / file).read_text()
        assert old in text
        (cloud / file).write_text(text.replace(old, new))

    return change


def test_nothing_has_changed(run):
    said, code = run("plan", part="docker")
    assert (code, said["waves"], said["changes"]) == (0, {}, {})
    assert tables.render(said).endswith("All nodes have what is described of docker.")
    said, code = run("start", part="docker")
    assert code == 1
    assert "change it in the description first" in said["message"]
    assert run("status")[0]["rollouts"] == []


def test_a_plan_shows_what_changes_and_in_which_waves(run, edit):
    edit(OLD, NEW)
    said, code = run("plan")
    assert code == 0
    assert said["changes"] == {f"version: {OLD} -> {NEW}": 56}
    names = {name: nodes[:2] for name, nodes in said["waves"].items()}
    assert names == {
        "canaries": ["pi2"],
        "rack1": ["pi0", "pi1"],
        "rack2": ["pi20"],
        "without a key": ["pi3", "pi4"],
    }
    text = tables.render(said)
    assert "docker changes on 56 nodes; to begin: salt-run rollout.start part=docker" in text
    assert f"version: {OLD} -> {NEW} (56 nodes)" in text
    assert run("status", number="all")[0]["open"] == {"docker": 56, "boot": 0}


WAITS = "docker: 56 nodes keep what they have until a rollout: salt-run rollout.plan part=docker"


def test_whoever_looks_at_the_cloud_or_checks_the_description_sees_what_waits(
    salt_run, ledger, edit, cloud
):
    for page in ("picloud.validate", "picloud.status", "picloud.nodes"):
        assert WAITS not in salt_run(page)[0]["notices"]
    edit(OLD, NEW)
    for page in ("picloud.validate", "picloud.status", "picloud.nodes"):
        said, code = salt_run(page)
        assert (said["notices"], code) == ([WAITS], 0)
        assert WAITS in tables.render(said)
    copy = shutil.copytree(cloud, cloud.with_name("copy"))
    assert salt_run("picloud.validate", path=str(copy))[0]["notices"] == []
    ledger.database.close()
    (cloud.parent / "ledger.db").write_text("no database")
    (said,) = salt_run("picloud.validate")[0]["notices"]
    assert said.startswith("Nobody knows what waits for a rollout: ")


def test_a_change_for_one_model_has_only_its_nodes(run, edit, cloud):
    file = cloud / "racks" / "rack2.sls"
    text = file.read_text()
    file.write_text(text.replace("    nodes:", "    overrides: {boot: {gpu_mem: 32}}\n    nodes:"))
    said, _ = run("plan")
    assert (said["part"], said["changes"]) == ("boot", {"gpu_mem: 16 -> 32": 14})
    assert list(said["waves"]) == ["canaries", "without a key"]


def test_workloads_go_site_by_site(run, ledger, cloud, opts):
    (cloud / "rollout.sls").write_text("rollout: {parts: [workloads], canaries: [pi2]}\n")
    described, _ = picloud_salt.store(opts).cloud()
    managers = [n for n in described.nodes.values() if described.guarded(n, "workloads", {})]
    work = described.guarded(managers[0], "workloads", {})
    ledger.rollouts.pin([(node.id, "workloads", work) for node in managers])
    assert [node.id for node in managers] == ["pi0", "pi14", "pi28"]
    file = cloud / "workloads.sls"
    file.write_text(file.read_text().replace("replicas: 3", "replicas: 4"))
    said, code = run("plan")
    assert (code, said["part"]) == (0, "workloads")
    assert said["changes"] == {"services.web.replicas: 3 -> 4": 3}
    assert said["waves"] == {"site glasgow": ["pi0", "pi14", "pi28"]}
    assert run("start")[0]["waves"] == ["site glasgow"]


def test_an_image_built_again_is_a_change_of_workloads(run, ledger, cloud, opts):
    (cloud / "rollout.sls").write_text("rollout: {parts: [workloads], canaries: [pi2]}\n")
    described, _ = picloud_salt.store(opts).cloud()
    builds = [Build("picloud/web", "1", f"sha256:{n}", {}, {}, "d", "p", float(n)) for n in (1, 2)]
    for build in builds:
        heads = ledger.builds.heads()
        ledger.builds.put(build)
    work = described.guarded(described.node("pi0"), "workloads", heads)
    ledger.rollouts.pin([(node, "workloads", work) for node in ("pi0", "pi14", "pi28")])
    said, code = run("plan")
    assert code == 0
    assert said["changes"] == {"images.picloud/web:1.build: sha256:1 -> sha256:2": 3}
    (notice,) = run("status", number="all")[0]["notices"]
    assert notice.startswith("workloads: 3 nodes keep what they have")


def test_a_rollout_begins_once(run, edit, ledger):
    edit(OLD, NEW)
    said, code = run("start")
    assert (code, said["rollout"], said["part"]) == (0, 1, "docker")
    assert said["message"].startswith("Rollout 1 of docker begins, as soon as the engine looks")
    (rollout,) = ledger.rollouts.live()
    assert (rollout.step, rollout.waves[0]) == ("next wave", "canaries")
    member = ledger.rollouts.members(1, wave=0)[0]
    assert (member.node, member.pin) == ("pi2", member.old)
    assert ledger.rollouts.settings([member.new])[member.new]["version"] == NEW
    said, code = run("start", part="docker")
    assert code == 1
    assert "Rollout 1 of docker has not ended (next wave, wave 1 of 4)" in said["message"]


def test_two_parts_may_change_at_once_and_have_to_be_named(run, edit):
    edit(OLD, NEW)
    edit("gpu_mem: 16", "gpu_mem: 32", "boot.sls")
    said, code = run("start")
    assert (code, said["message"]) == (
        1,
        "Several parts have changed; say which: part=docker, boot",
    )
    assert run("start", part="docker")[1] == 0
    assert run("start", part="boot")[1] == 0
    said, code = run("pause")
    assert code == 1
    assert "Several rollouts are under way" in said["message"]
    assert run("abort", part="boot")[1] == 0


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("base", '"base" is not guarded, so nodes get its changes with their next highstate'),
        ("keep", "guarded are: docker, boot"),
        ("dokcer", 'There is no part "dokcer"; did you mean "docker"?'),
        ("workload", 'There is no part "workload"; did you mean "workloads"?'),
        ("engine", 'There is no part "engine"; known parts: base, boot, docker, keep, '),
        (7, 'There is no part "7"; known parts: '),
    ],
)
@pytest.mark.parametrize("function", ["plan", "start"])
def test_a_part_that_is_not_guarded(run, function, part, expected):
    said, code = run(function, part=part)
    assert code == 1
    assert expected in said["message"]


def test_without_any_guarded_part(run, cloud):
    (cloud / "rollout.sls").write_text("rollout: {parts: []}\n")
    said, code = run("start")
    assert code == 1
    assert said["message"].startswith("No part is guarded")


def test_a_version_on_the_block_list_is_refused_by_check_and_start(run, edit, ledger):
    edit(OLD, "1.7.0-1")
    said, code = run("start", part="docker")
    assert code == 1
    assert "docker.sls:4: docker.version: 1.7.0-1 is blocked on armel" in said["message"]
    assert "every container failed to start on ARM; use 1.6.2-1 or 1.7.1-1" in said["message"]
    assert ledger.rollouts.last(1) == []


def test_what_nodes_have_has_to_be_on_record(run, ledger):
    ledger.rollouts.unpin(list(ledger.rollouts.pins()))
    said, code = run("plan", part="docker")
    assert code == 1
    assert "not on record yet what 56 nodes have of docker" in said["message"]


def test_without_a_card_there_is_no_canary(run, edit, opts):
    for node in ("pi0", "pi1", "pi2", "pi20"):
        KeyStore(opts).remove(node, "public\n")
    edit(OLD, NEW)
    said, code = run("start")
    assert code == 1
    assert "has an accepted key, so none can be the first" in said["message"]


def test_pause_start_and_abort_leave_a_wish(run, edit, ledger):
    edit(OLD, NEW)
    run("start")
    assert "begins no further wave" in run("pause")[0]["message"]
    assert ledger.rollouts.get(1).wish == "pause"
    assert "Rollout 1 of docker goes on" in run("start")[0]["message"]
    assert ledger.rollouts.get(1).wish == ""
    assert "its nodes go back" in run("abort")[0]["message"]
    assert ledger.rollouts.get(1).wish == "abort"
    run("abort", back=False)
    assert ledger.rollouts.get(1).wish == "abandon"
    ledger.rollouts.put(replace(ledger.rollouts.get(1), step="aborted", ended_at=1.0))
    assert run("abort")[0]["message"] == "No rollout is under way."


def test_one_that_goes_back_is_not_aborted(run, edit, ledger):
    edit(OLD, NEW)
    run("start")
    ledger.rollouts.put(replace(ledger.rollouts.get(1), step="going back"))
    said, code = run("abort")
    assert code == 1
    assert "is going back already" in said["message"]


def test_status_shows_the_waves_and_what_failed_where(run, edit, ledger):
    edit(OLD, NEW)
    run("start")
    (canary,) = ledger.rollouts.members(1, wave=0)
    reason = "wave 1 (canaries): 1 of 1 node failed"
    stopped = replace(ledger.rollouts.get(1), step="stopped", reason=reason, ended_at=time.time())
    why = "states fail: docker-daemon"
    ledger.rollouts.put(stopped, [replace(canary, state="failed", reason=why)])
    said, code = run("status")
    assert (code, said["step"], said["nodes"]["pi2"]["state"]) == (0, "stopped", "failed")
    text = tables.render(said)
    assert "pi2 is failed: states fail: docker-daemon" in text
    assert f"Rollout 1 of docker, wave 1 of 4: stopped: {reason}" in text
    assert run("status", number=1)[0]["rollout"] == 1
    assert [one["number"] for one in run("status", number="all")[0]["rollouts"]] == [1]
    assert "There is no rollout" in run("status", number=7)[0]["message"]


def test_a_format_asked_for_gets_the_data_alone(opts, ledger, edit):
    edit(OLD, NEW)
    said = salt.loader.runner({**opts, "output": "json"}, context={})["rollout.plan"]()
    assert "outputter" not in said
    assert said["part"] == "docker"
