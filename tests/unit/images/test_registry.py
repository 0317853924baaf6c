"""The registry of a master, as far as it needs none that runs (the rest: tests/lab)."""

import json

import pytest
from picloud_images import registry as registries
from picloud_images.registry import Registry
from picloud_watch import NoAnswerError


@pytest.fixture
def registry(tmp_path):
    return Registry({"picloud_registry": {"folder": str(tmp_path), "port": "5001"}})


def state(name, number, **more):
    done = {"__id__": name, "__run_num__": number, "result": True, "changes": {}, "comment": ""}
    return {**done, **more}


def said(*states):
    return json.dumps({"local": {str(number): one for number, one in enumerate(states)}})


def test_a_registry_is_there_when_its_certificate_and_login_are(registry, tmp_path):
    assert (registry.ready, registry.way("head")) == (False, None)
    with pytest.raises(NoAnswerError, match=r"salt-run image\.registry"):
        registry.require()
    (tmp_path / "ca.crt").write_text("certificate\n")
    assert (registry.ready, registry.way("head")) == (False, None)
    (tmp_path / "password").write_text("word\n")
    registry.require()
    assert registry.way("head.pi.example") == {
        "address": "head.pi.example:5001",
        "ca": "certificate\n",
        "user": "picloud",
        "password": "word",
    }


@pytest.mark.parametrize("options", [None, {}, "no mapping"])
def test_the_usual_places(options):
    registry = Registry({"picloud_registry": options})
    assert str(registry.folder) == "/etc/picloud/registry"
    assert str(registry.storage) == "/var/lib/docker-registry"
    assert registry.port == 5000


def test_what_states_changed_is_named_in_their_order():
    text = said(state("b", 1, changes={"new": 1}), state("a", 0, changes={"new": 1}), state("c", 2))
    assert registries._changed(text) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            said(
                state("one", 0, result=False, comment="no such package"),
                state("two", 1, result=False, comment="One or more requisite failed: one"),
            ),
            r"not as it should be:\n  one: no such package$",
        ),
        ('{"local": ["Rendering failed"]}', "^Rendering failed$"),
        ("Traceback", "salt-call said: Traceback"),
        ("", "salt-call said: nothing"),
    ],
)
def test_why_states_failed_is_said(text, why):
    with pytest.raises(NoAnswerError, match=why):
        registries._changed(text)


def test_a_file_with_a_login_is_for_its_owner_only(tmp_path):
    registries._write(tmp_path / "auth", "secret")
    assert (tmp_path / "auth").stat().st_mode & 0o777 == 0o600


def test_an_empty_registry_has_nothing_to_free(tmp_path):
    registry = Registry({"picloud_registry": {"storage": str(tmp_path / "none")}})
    assert (registry.sweep(), registry.size()) == (0, 0)


def test_what_an_index_lists_is_read_from_the_storage(tmp_path):
    registry = Registry({"picloud_registry": {"storage": str(tmp_path)}})
    digest = f"sha256:{'ab' * 32}"
    assert registry.listed(digest) == []
    blob = tmp_path / "docker/registry/v2/blobs/sha256/ab" / ("ab" * 32) / "data"
    blob.parent.mkdir(parents=True)
    for text, found in [
        (
            '{"manifests": [{"digest": "sha256:1"}, {"digest": "sha256:2"}]}',
            ["sha256:1", "sha256:2"],
        ),
        ('{"layers": []}', []),
        ('{"manifests": [1]}', []),
        ("[]", []),
        ("<", []),
    ]:
        blob.write_text(text)
        assert registry.listed(digest) == found
