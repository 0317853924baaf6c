"""Part registry, and the nodes' side of it, through Salt's real loader."""

import base64
import json

import pytest
from saltfactories.utils.functional import Loaders

ASKED = {"names": ["head.pi.example", "other.pi.example"], "folder": "/etc/reg", "port": 5001}
WAY = {
    "address": "head.pi.example:5000",
    "ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "user": "picloud",
    "password": "secret-of-the-site",
}


@pytest.fixture(scope="module")
def loaders(salt_factories, repo, tmp_path_factory):
    overrides = {
        "file_client": "local",
        "file_roots": {"base": [str(repo / "salt")]},
        "pillar_roots": {"base": [str(tmp_path_factory.mktemp("pillar"))]},
    }
    minion = salt_factories.salt_minion_daemon("pi3", overrides=overrides)  # not started
    return Loaders(minion.config.copy())


@pytest.fixture
def shown(loaders):
    """Render an SLS for a pillar; return the arguments of each state."""

    def show(sls, **pillar):
        states = loaders.modules.state.show_sls(sls, pillar=pillar)
        assert isinstance(states, dict), states
        found = {}
        for name, state in states.items():
            ((_, entries),) = [item for item in state.items() if not item[0].startswith("__")]
            arguments = [entry for entry in entries if isinstance(entry, dict)]
            found[name] = {k: v for entry in arguments for k, v in entry.items()}
        return found

    return show


def node(**more):
    view = {
        "node": {"id": "pi3"},
        "rack": {"name": "rack1"},
        "board": {"model": "pi1b", "ram_mb": 512},
        "parts": ["docker"],
        "docker": {"version": "20.10*", "images": [{"name": "x", "tag": "1"}]},
    }
    return {"picloud": {**view, **more}}


def test_what_nodes_reach_takes_no_writes_and_wants_a_login(shown):
    states = shown("registry", registry=ASKED)
    config = states["registry-config"]["dataset"]
    assert config["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert "delete" not in config["storage"]
    assert config["auth"]["htpasswd"]["path"] == "/etc/reg/htpasswd"
    assert config["http"]["addr"] == ":5001"
    assert config["http"]["tls"]["certificate"] == states["registry-certificate"]["name"]
    assert config["http"]["tls"]["key"] == states["registry-key"]["name"]
    assert (
        "/usr/bin/docker-registry serve /etc/reg/config.yml" in states["registry-unit"]["contents"]
    )


def test_the_certificate_is_for_every_name_and_cannot_sign(shown):
    states = shown("registry", registry=ASKED)
    certificate, authority = states["registry-certificate"], states["registry-ca"]
    assert certificate["subjectAltName"] == ["DNS:head.pi.example", "DNS:other.pi.example"]
    assert certificate["signing_private_key"] == "/etc/reg/ca.key"
    assert "CA:false" in certificate["basicConstraints"]
    assert "CA:true" in authority["basicConstraints"]
    assert states["registry-ca-key"]["mode"] == "0600"
    assert states["registry-key"]["mode"] == "0640"


def test_debians_own_configuration_is_never_served(shown):
    states = shown("registry", registry=ASKED)
    before = states["registry-packages"]["require"]
    assert before == [{"file": "registry-config"}, {"file": "registry-unit"}]


@pytest.mark.parametrize(("asked", "there"), [({}, True), ({"emulate": False}, False)])
def test_emulators_are_installed_where_there_are_other_architectures(shown, asked, there):
    packages = shown("registry", registry={**ASKED, **asked})["registry-packages"]["pkgs"]
    assert ("qemu-user-static" in packages) is there
    assert "mmdebstrap" in packages


def test_images_stay_when_the_registry_goes(shown):
    states = shown("registry.absent", registry={**ASKED, "storage": "/srv/images"})
    names = states["registry-files-absent"]["names"]
    assert "/etc/reg" in names
    assert "/srv/images" not in str(states)


def test_the_certificate_is_really_made_and_kept(loaders, shown, tmp_path):
    """The x509 states as they stand, with folders and owners of this test."""
    asked = {**ASKED, "folder": str(tmp_path)}
    for again in (False, True):
        states = shown("registry", registry=asked)
        for name in ("registry-ca-key", "registry-ca", "registry-key", "registry-certificate"):
            kind = "private_key_managed" if name.endswith("key") else "certificate_managed"
            drop = ("require", "order", "user", "group")
            given = {k: v for k, v in states[name].items() if k not in drop}
            ret = loaders.states[f"x509.{kind}"](**given)
            assert ret.result is True, ret.comment
            assert bool(ret.changes) is not again, ret.changes
    assert loaders.modules.x509.verify_signature(f"{tmp_path}/server.crt", f"{tmp_path}/ca.crt")
    read = loaders.modules.x509.read_certificate(f"{tmp_path}/server.crt")
    names = read["extensions"]["subjectAltName"]["value"]
    assert names == ["DNS:head.pi.example", "DNS:other.pi.example"]


def test_a_node_trusts_the_registry_and_can_log_in(shown):
    states = shown("docker", **node(registry=WAY))
    ((path, trust),) = states["docker-registry-trust"]["files"].items()
    assert path == "/etc/docker/certs.d/head.pi.example:5000/ca.crt"
    assert trust["contents"] == WAY["ca"]
    ((path, login),) = states["docker-registry-login"]["files"].items()
    assert (path, login["mode"]) == ("/root/.docker/config.json", "0600")
    (auth,) = json.loads(login["contents"])["auths"].values()
    assert base64.b64decode(auth["auth"]) == b"picloud:secret-of-the-site"
    assert states["docker-registry-login"]["no_log"] is True
    assert {"pifile": "docker-registry-login"} in states["docker-image-x-1"]["require"]


def test_without_a_registry_its_files_are_put_back(shown):
    states = shown("docker", **node())
    assert states["docker-registry-trust"]["files"] == {}
    assert states["docker-registry-login"]["files"] == {}
    gone = shown("docker.absent", **node())
    assert gone["docker-registry-login-absent"]["no_log"] is True
    assert gone["docker-registry-trust-absent"]["name"] == "docker-registry-trust"


def test_renewal_is_part_of_the_service(repo):
    unit = (repo / "salt/registry/files/picloud-registry.service").read_text()
    assert unit.index("image.registry") < unit.index("image.collect")
