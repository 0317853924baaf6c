"""Configs and secrets in versions, and no content of a secret anywhere. Both modes."""

import logging

import pytest

from _modules import swarmdata
from _states import swarmdata as states

SECRET = "correct horse battery staple"
KINDS = ("config", "secret")


@pytest.fixture
def configure_loader_modules(loaded):
    return loaded


def present(kind, *args, **kwargs):
    return getattr(states, f"{kind}_present")("web", *args, **kwargs)


def absent(kind):
    return getattr(states, f"{kind}_absent")("web")


def names(engine, kind):
    return [item["Spec"]["Name"] for item in engine.data[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_version_and_again(engine, kind, testmode):
    ret = present(kind, contents="one\n")
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]["version"] == {"old": None, "new": "web-v1"}
    assert names(engine, kind) == ([] if testmode else ["web-v1"])
    if not testmode:
        again = present(kind, contents="one\n")
        assert (again["result"], again["changes"]) == (True, {})


@pytest.mark.parametrize("kind", KINDS)
def test_other_contents_are_a_new_version(engine, kind, planned):
    present(kind, contents="one\n")
    with planned():
        plan = present(kind, contents="two\n")
    ret = present(kind, contents="two\n")
    assert plan["changes"] == ret["changes"]
    assert ret["changes"]["version"] == {"old": "web-v1", "new": "web-v2"}
    assert swarmdata.in_force(kind)["web"] == {"id": "id-web-v2", "name": "web-v2"}
    back = present(kind, contents="one\n")
    assert back["changes"]["version"] == {"old": "web-v2", "new": "web-v3"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_version_before_stays_for_a_rollback_and_used_ones_stay(engine, kind):
    for number in range(3):
        present(kind, contents=f"{number}")
    assert names(engine, kind) == ["web-v2", "web-v3"]
    engine.used.add("id-web-v2")
    present(kind, contents="4")
    assert names(engine, kind) == ["web-v2", "web-v3", "web-v4"]


def test_the_contents_of_a_config_are_compared_and_shown(engine):
    present("config", contents="one\n")
    ret = present("config", contents="two\n")
    assert ret["changes"]["contents"].splitlines()[-2:] == ["-one", "+two"]
    ret = present("config", contents=b"\xff\x00")
    assert ret["changes"]["contents"] == "4 bytes before, 2 now"


def test_a_secret_is_nowhere(engine, pillar, planned, caplog):
    caplog.set_level(logging.DEBUG)
    pillar["vault"] = {"web": SECRET}
    said = [present("secret", "vault:web"), present("secret", "vault:web")]
    pillar["vault"]["web"] = f"{SECRET} 2"
    with planned():
        said.append(present("secret", "vault:web"))
    said += [present("secret", "vault:web"), swarmdata.versions("secret", "web")]
    said += [swarmdata.in_force("secret"), swarmdata.current("secret", "web", SECRET)]
    assert [ret["result"] for ret in said[:4]] == [True, True, None, True]
    labels = [item["Spec"]["Labels"] for item in engine.data["secret"]]
    for place in (str(said), str(labels), caplog.text):
        assert SECRET not in place
        assert not any(word in place for word in SECRET.split())


def test_digests_of_equal_secrets_differ(engine):
    states.secret_present("a", contents=SECRET)
    states.secret_present("b", contents=SECRET)
    one, two = (item["Spec"]["Labels"]["picloud.digest"] for item in engine.data["secret"])
    assert one != two


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "contents, contents_pillar: give one of them"),
        ({"contents": "a", "contents_pillar": "b"}, "contents, contents_pillar: give one"),
        ({"contents_pillar": "vault:none"}, "contents_pillar: the pillar has nothing at"),
        ({"contents": {"a": 1}}, "contents: must be a text"),
        ({"contents": ""}, "contents: must be a text"),
        ({"contents": "x" * 1_100_000}, "contents: a"),
    ],
)
def test_contents_are_checked(engine, kind, given, words):
    ret = present(kind, **given)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert words in ret["comment"]
    assert names(engine, kind) == []


def test_a_name_that_cannot_be():
    ret = states.config_present("a b", contents="x")
    assert ret["result"] is False
    assert "name: must be letters" in ret["comment"]


@pytest.mark.parametrize("kind", KINDS)
def test_absent(engine, kind, testmode, planned):
    for number in (1, 2):
        swarmdata.rotate(kind, "web", f"{number}")
    engine.asked.clear()
    ret = absent(kind)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"versions": {"old": ["web-v1", "web-v2"], "new": []}}
    assert len(names(engine, kind)) == (2 if testmode else 0)
    if not testmode:
        assert absent(kind)["changes"] == {}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_used_does_not_go(engine, kind):
    for number in (1, 2):
        present(kind, contents=f"{number}")
    engine.used.add("id-web-v2")
    ret = absent(kind)
    assert ret["result"] is False
    assert ret["changes"] == {"versions": {"old": ["web-v1", "web-v2"], "new": ["web-v2"]}}
    assert "is in use by the following service: web" in ret["comment"]


def test_objects_made_by_other_means_go_by_their_own_names(engine):
    engine.data["config"].append({"ID": "x", "Spec": {"Name": "hand", "Labels": None}})
    assert swarmdata.in_force("config") == {"hand": {"id": "x", "name": "hand"}}
    assert states.config_absent("hand")["changes"] == {}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_described_goes_and_what_others_made_stays(engine, kind, testmode):
    pruned = getattr(states, f"{kind}s_pruned")
    for name, labels in (("web", {"own": "x"}), ("old", {"own": "x"}), ("other", None)):
        swarmdata.rotate(kind, name, "one", labels)
        swarmdata.rotate(kind, name, "two", labels)
    ret = pruned("x", "own", ["web"])
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {f"{kind}s": {"old": ["old"], "new": []}}
    left = {"web-v1", "web-v2", "other-v1", "other-v2"}
    assert set(names(engine, kind)) == (left | {"old-v1", "old-v2"} if testmode else left)
    if not testmode:
        assert pruned("x", "own", ["web"])["changes"] == {}
        engine.used.add("id-web-v2")
        ret = pruned("x", "own", [])
        assert ret["result"] is False
        assert "is in use" in ret["comment"]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_the_state_are_on_each_version(engine, kind):
    present(kind, contents="one", labels={"own": "x"})
    (made,) = engine.data[kind]
    assert made["Spec"]["Labels"]["own"] == "x"
    assert swarmdata.labelled(kind, "own") == ["web"]
    assert present(kind, contents="one", labels={"own": "y"})["changes"] == {}
