"""A highstate: modules first, the parts of the roles, then undoing what no role picks any more."""

import shutil

import picloud_salt
import pytest
import salt.loader
from picloud import highstate as picloud_highstate
from saltfactories.utils.functional import Loaders

PART = """\
{part}-file:
  file.managed:
    - name: {place}/{part}
    - contents: {part}
"""
ABSENT = """\
{{%- if salt["file.file_exists"]("{place}/stuck") %}}
{part}-absent:
  test.fail_without_changes: []
{{%- else %}}
{part}-absent:
  file.absent:
    - name: {place}/{part}
{{%- endif %}}
"""


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """A second file root with made-up parts; ``lost`` has no absent."""
    root = tmp_path_factory.mktemp("states")
    place = root / "place"
    place.mkdir()
    for part in ("alpha", "beta", "lost"):
        (root / part).mkdir()
        (root / part / "init.sls").write_text(PART.format(part=part, place=place))
        if part != "lost":
            (root / part / "absent.sls").write_text(ABSENT.format(part=part, place=place))
    return root


@pytest.fixture(scope="module")
def loaders(salt_factories, repo, states, tmp_path_factory):
    overrides = {
        "file_client": "local",
        "autoload_dynamic_modules": False,
        "file_roots": {"base": [str(repo / "salt"), str(states)]},
        "pillar_roots": {"base": [str(tmp_path_factory.mktemp("none"))]},
        "picloud_etc": str(states / "etc"),
    }
    minion = salt_factories.salt_minion_daemon("pi3", overrides=overrides)  # not started
    return Loaders(minion.config.copy())


@pytest.fixture
def etc(states):
    """Where a node keeps what it has on record."""
    return states / "etc"


@pytest.fixture
def node(loaders, states, etc):
    """A node that was just born: no modules synced, nothing on record, nothing applied."""
    loaders.reload_all()
    shutil.rmtree(etc, ignore_errors=True)
    for path in (states / "place").iterdir():
        path.unlink()
    return loaders


@pytest.fixture
def highstate(node, repo):
    own = picloud_salt.modules_digest(repo)

    def apply(*parts, digest=own, **options):
        pillar = {"picloud": {"parts": list(parts), "modules_digest": digest}}
        return node.modules.state.highstate(pillar=options.pop("pillar", pillar), **options)

    return apply


def here(states):
    return sorted(path.name for path in (states / "place").iterdir())


def recorded(etc):
    path = etc / "parts"
    return path.read_text().split() if path.exists() else []


def sound(ret):
    assert not ret.failed, ret.errors
    assert all(state.result is not False for state in ret), [state.comment for state in ret]
    return ret


def changed(ret):
    return [state.id for state in ret if state.changes]


def test_a_new_node_uses_custom_states_in_its_first_run(highstate, states, repo, etc):
    plan = sound(highstate("alpha", test=True))
    assert changed(plan) == ["sync-digest", "sync-parts", "alpha-file"]
    assert here(states) == []
    assert not etc.exists()
    assert changed(sound(highstate("alpha"))) == changed(plan)
    assert recorded(etc) == ["alpha"]
    digest = picloud_salt.modules_digest(repo)
    assert (etc / "modules_digest").read_text() == f"{digest}\n"
    again = sound(highstate("alpha"))
    assert changed(again) == []
    assert "sync-modules" not in [state.id for state in again]
    (etc / "modules_digest").write_text("old\n")
    assert changed(sound(highstate("alpha"))) == ["sync-digest"]


def test_a_part_whose_change_waits_for_a_rollout_is_named(highstate, node, repo):
    view = {
        "parts": ["alpha"],
        "modules_digest": picloud_salt.modules_digest(repo),
        "waiting": ["docker"],
    }
    sound(highstate(pillar={"picloud": view}))
    ret = sound(highstate(pillar={"picloud": view}))
    assert changed(ret) == []
    opts = {"state_output": "changes", "state_verbose": False, "color": False}
    outputter = salt.loader.outputters({**node.opts, **opts})["highstate"]
    shown = outputter({"pi3": ret.raw})
    assert "docker stays as it is here" in shown
    assert "alpha-file" not in shown
    read = picloud_highstate.read("1", 0.0, ret.raw)
    assert (read.ok, read.changed, read.states) == (True, 0, 3)


@pytest.mark.parametrize("there", [True, False])
def test_only_modules_that_are_not_there_are_fetched(highstate, node, repo, etc, there):
    sound(highstate("alpha"))
    (etc / "modules_digest").unlink()
    digest = picloud_salt.modules_digest(repo) if there else "another"
    pillar = {"picloud": {"parts": ["alpha"], "modules_digest": digest}}
    state = node.modules.state.show_sls("sync", pillar=pillar)["sync-modules"]["test"]
    given = {
        key: value for entry in state if isinstance(entry, dict) for key, value in entry.items()
    }
    fetched = {f"_{key}" for key, value in given.items() if str(value).startswith("__slot__:")}
    assert fetched == (set() if there else set(picloud_salt.SYNCED))
    assert given["force_reload_modules"] is True


def test_modules_the_sync_did_not_bring_are_tried_again(highstate, states, etc):
    for _ in range(2):
        ret = highstate("alpha", digest="two")
        assert [state.id for state in ret if state.result is False] == ["sync-digest"]
        assert not (etc / "modules_digest").exists()
    assert here(states) == ["alpha"]
    assert changed(sound(highstate("alpha"))) == ["sync-digest"]


def test_a_part_no_role_picks_is_undone_and_forgotten(highstate, states, etc):
    sound(highstate("alpha", "beta"))
    plan = sound(highstate("alpha", test=True))
    assert changed(plan) == ["beta-absent", "retire-beta"]
    assert here(states) == ["alpha", "beta"]
    assert changed(sound(highstate("alpha"))) == changed(plan)
    assert here(states) == recorded(etc) == ["alpha"]
    assert changed(sound(highstate("alpha"))) == []
    assert changed(sound(highstate("alpha", "beta"))) == ["sync-parts", "beta-file"]


def test_all_roles_taken_away_undoes_last_applied_first(highstate, states, etc):
    sound(highstate("alpha", "beta"))
    order = [name for name in changed(sound(highstate())) if name.endswith("-absent")]
    assert order == ["beta-absent", "alpha-absent"]
    assert here(states) == recorded(etc) == []


def test_an_absent_that_fails_is_tried_again(highstate, states, etc):
    sound(highstate("alpha", "beta"))
    (states / "place/stuck").touch()
    ret = highstate("alpha")
    assert {state.id for state in ret if state.result is False} == {"beta-absent", "retire-beta"}
    assert recorded(etc) == ["alpha", "beta"]
    (states / "place/stuck").unlink()
    sound(highstate("alpha"))
    assert recorded(etc) == ["alpha"]


def test_a_part_the_master_cannot_undo_is_told(highstate, states, etc):
    sound(highstate("alpha", "lost"))
    ret = highstate("alpha")
    assert next(state.comment for state in ret if state.result is False).startswith(
        "No role picks the part lost any more, and the master has no salt/lost/absent.sls"
    )
    assert recorded(etc) == ["alpha", "lost"]
    assert here(states) == ["alpha", "lost"]


def test_a_pillar_without_a_view_is_not_no_parts(highstate, states, etc):
    sound(highstate("alpha"))
    for node in ({}, None, {"modules_digest": "one"}):
        for test in (False, True):
            (state,) = highstate(pillar={"picloud": node}, test=test)
            assert state.result is False
            assert "The pillar of pi3 has no picloud" in state.name
            assert "salt-run picloud.validate" in state.name
    (state,) = highstate(pillar={})
    assert state.result is False
    assert here(states) == recorded(etc) == ["alpha"]


def test_a_broken_description_undoes_nothing(highstate, states, etc):
    sound(highstate("alpha", "beta"))
    broken = {"picloud": {"parts": ["alpha"], "modules_digest": "one"}, "_errors": ["racks.sls:3"]}
    highstate(pillar=broken, force=True)
    assert here(states) == ["alpha", "beta"]
    assert recorded(etc) == ["alpha", "beta"]
