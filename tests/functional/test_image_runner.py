"""``salt-run image`` and what nodes are told of the registry, with Salt's own loaders; no registry
runs, and nothing is built."""

import contextlib
import shutil

import picloud_salt
import pytest
import salt.client
import salt.config
import salt.loader
import salt.pillar
from picloud.ledger import Ledger
from picloud.ledger.overrides import Scale
from picloud.workloads.seal import Build
from picloud_images import copied
from picloud_images.registry import Registry
from picloud_rejoin.keys import KeyStore

from .managers import MANAGERS, Swarm

DIGEST = f"sha256:{'a' * 64}"
ARCHS = ("armel", "armhf", "arm64", "amd64")


@pytest.fixture
def opts(repo, master, tmp_path):
    cloud = shutil.copytree(repo / "pillar" / "cloud", tmp_path / "cloud")
    places = {"folder": str(tmp_path / "reg"), "storage": str(tmp_path / "stored")}
    return master(cloud, picloud_registry=places)


@pytest.fixture
def run(salt_run):
    """Run a function of the runner; what it returned, and its exit status."""
    return lambda function, *args, **named: salt_run(f"image.{function}", *args, **named)


@pytest.fixture
def pillar(opts):
    """Compile the pillar of a node."""

    def pillar(node):
        return salt.pillar.Pillar(opts, {}, node, "base").compile_pillar()["picloud"]

    return pillar


@pytest.fixture
def registry(tmp_path):
    """Let the master have a registry, as far as nodes are told."""
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg" / "ca.crt").write_text("certificate\n")
    (tmp_path / "reg" / "password").write_text("word\n")


@pytest.fixture
def built(opts, registry):
    """Record a build of the shipped image web."""
    platforms = {arch: {"digest": DIGEST, "size": 2**20} for arch in ARCHS}
    packages = {arch: {"busybox": "1:1.35"} for arch in ARCHS}
    build = Build("picloud/web", "1", DIGEST, platforms, packages, "d", "p", 1.0)
    Ledger(opts["picloud_database"]).builds.put(build)
    return build


def test_without_a_registry_what_has_to_be_built_is_refused(pillar):
    view = pillar("pi0")
    assert "registry" not in view
    assert view["workloads"]["services"]["web"]["image"] == "picloud/web:1"
    assert view["workloads"]["refused"]["web"] == (
        "picloud/web:1 was not built: salt-run image.build web; it needs the registry of the"
        " master: salt-run image.registry"
    )
    assert "images" not in view["workloads"]


def test_every_node_with_docker_can_log_in(pillar, registry):
    assert pillar("pi3")["registry"] == {
        "address": "head.pi.example:5000",
        "ca": "certificate\n",
        "user": "picloud",
        "password": "word",
    }
    assert "workloads" not in pillar("pi3")


def test_what_was_not_built_is_refused_with_what_to_do(pillar, registry):
    work = pillar("pi0")["workloads"]
    assert work["refused"]["web"] == "picloud/web:1 was not built: salt-run image.build web"


def test_what_was_built_is_pulled_from_the_site_by_its_digest(pillar, built):
    work = pillar("pi0")["workloads"]
    assert "web" not in work["refused"]
    assert work["services"]["web"]["image"] == f"head.pi.example:5000/picloud/web:1@{DIGEST}"


def test_an_architecture_added_since_is_refused_until_it_is_built(pillar, built, opts):
    few = built._replace(platforms={"amd64": built.platforms["amd64"]}, at=2.0)
    Ledger(opts["picloud_database"]).builds.put(few)
    assert pillar("pi0")["workloads"]["refused"]["web"] == (
        "picloud/web:1 was built for amd64, not for armel, armhf, arm64: salt-run image.build web"
    )


def test_only_architectures_that_nodes_have_are_needed(pillar, run, built, opts):
    few = built._replace(platforms={"amd64": built.platforms["amd64"]}, at=2.0)
    Ledger(opts["picloud_database"]).builds.put(few)
    opts["picloud_images"] = {"archs": ["amd64"]}
    assert "web" not in pillar("pi0")["workloads"]["refused"]
    assert "was built for" not in web(run("list")[0])[-1]
    opts["picloud_images"] = {"archs": ["amd64", "armel"]}
    said = "picloud/web:1 was built for amd64, not for armel: salt-run image.build web"
    assert pillar("pi0")["workloads"]["refused"]["web"] == said
    assert web(run("list")[0])[-1] == said


def test_architectures_that_there_are_not_refuse(pillar, run, built, opts):
    opts["picloud_images"] = {"archs": ["x86_64"]}
    said = (
        "picloud_images.archs has 'x86_64'; there are amd64, arm64, armel, armhf (the master's"
        " configuration)"
    )
    assert pillar("pi0")["workloads"]["refused"]["web"] == said
    answer, status = run("list")
    assert said in answer["message"]
    assert status == 1


def test_a_ledger_that_cannot_be_read_refuses(pillar, registry, opts):
    opts["picloud_database"] = "sqlite:////proc/none/ledger.db"
    refused = pillar("pi0")["workloads"]["refused"]["web"]
    assert "cannot be made" in refused


def web(answer):
    """The row of the shipped image web."""
    (row,) = [row for row in answer["rows"] if row[0] == "picloud/web:1"]
    return row


def test_images_are_listed_with_what_remains_to_be_done(run, registry):
    answer, status = run("list")
    remark = "picloud/web:1 was not built: salt-run image.build web"
    assert web(answer)[1:] == ["-", "-", "-", "-", remark]
    assert answer["images"]["web"] == {"image": "picloud/web:1", "remark": remark}
    assert status == 0


def test_a_build_of_another_description_is_seen(run, built):
    answer, _ = run("list")
    assert web(answer)[-1] == "described otherwise since: salt-run image.build web"
    assert web(answer)[1:3] == [" ".join(ARCHS), "1.0"]


def test_packages_and_digests_are_shown(run, built):
    answer, status = run("show", "web")
    assert answer["rows"] == [["busybox", *["1:1.35"] * 4]]
    assert f"picloud/web:1@{DIGEST}" in answer["summary"]
    assert status == 0


@pytest.fixture
def guarded(opts, built):
    """The site of pi0 keeps the workloads that it has; since then web was built again, twice."""
    cloud = picloud_salt.description(opts)
    (cloud / "rollout.sls").write_text("rollout: {parts: [workloads]}\n")
    described, _ = picloud_salt.store(opts).cloud()
    ledger = picloud_salt.ledger(opts)
    work = described.guarded(described.node("pi0"), "workloads", ledger.builds.heads())
    ledger.rollouts.pin([("pi0", "workloads", work)])
    for number in (2, 3):
        ledger.builds.put(built._replace(digest=f"sha256:{number}", at=float(number)))
    return ledger


@pytest.fixture
def held(monkeypatch):
    """What the registry has, whatever that is."""
    digests = {DIGEST, "sha256:2", "sha256:3"}
    monkeypatch.setattr(Registry, "has", lambda _self, _name, digest: digest in digests)
    return digests


def test_a_site_keeps_the_build_that_it_has(pillar, guarded, held):
    kept, other = pillar("pi0"), pillar("pi14")
    assert kept["waiting"] == ["workloads"]
    assert kept["workloads"]["services"]["web"]["image"].endswith(f"/web:1@{DIGEST}")
    assert other["workloads"]["services"]["web"]["image"].endswith("/web:1@sha256:3")
    assert kept["workloads"]["refused"] == other["workloads"]["refused"]


def test_a_site_keeps_its_build_also_when_scaled_by_hand(pillar, guarded, held):
    guarded.overrides.scale(Scale("web", 5, "jane", 1.0))
    service = pillar("pi0")["workloads"]["services"]["web"]
    assert (service["image"].endswith(DIGEST), service["replicas"]) == (True, 5)


@pytest.mark.parametrize("how", ["ledger", "registry"])
def test_a_build_that_is_gone_is_refused_not_replaced(pillar, guarded, held, built, how):
    if how == "ledger":
        guarded.builds.forget([built])
    else:
        held.remove(DIGEST)
    assert pillar("pi0")["workloads"]["refused"]["web"] == (
        f"picloud/web:1 is {DIGEST} at this site, which the registry has no more; another build of"
        " it comes with a rollout: salt-run rollout.plan part=workloads"
    )


def test_what_was_not_built_for_a_site_comes_with_a_rollout(pillar, guarded, held, built):
    work = guarded.rollouts.pinned("pi0", ["workloads"])["workloads"]
    work["images"]["picloud/web:1"]["build"] = None
    guarded.rollouts.unpin([("pi0", "workloads")])
    guarded.rollouts.pin([("pi0", "workloads", work)])
    assert pillar("pi0")["workloads"]["refused"]["web"] == (
        "picloud/web:1 was not built when this site got it; another build of it comes with a"
        " rollout: salt-run rollout.plan part=workloads"
    )


@pytest.fixture
def swarm(opts, monkeypatch):
    """Managers that answer, and a registry that deletes when it is told to."""
    one = Swarm()
    monkeypatch.setattr(salt.client, "get_local_client", lambda mopts: contextlib.nullcontext(one))
    for name in MANAGERS:
        KeyStore(opts).accept(name, f"key of {name}\n")
    for name in ("require", "sweep"):
        monkeypatch.setattr(Registry, name, lambda *_: 0)

    def delete(_self, manifests):
        one.asked.append(("delete", *sorted({digest for _name, digest in manifests})))

    monkeypatch.setattr(Registry, "delete", delete)
    return one


@pytest.fixture
def builds(opts, built):
    """Three builds of web, and one of an image that is described no more."""
    known = Ledger(opts["picloud_database"]).builds
    for number in (1, 2, 3):
        known.put(built._replace(digest=f"sha256:{number}", platforms={}, at=number + 1.0))
    known.put(built._replace(name="picloud/gone", digest="sha256:gone", platforms={}))
    known.forget([built])
    return known


def test_what_a_swarm_runs_or_would_go_back_to_is_not_collected(run, swarm, builds, pillar):
    swarm.image = "head.pi.example:5000/picloud/web:1@sha256:1"
    swarm.previous = "head.pi.example:5000/picloud/gone:1@sha256:gone"
    answer, status = run("collect")
    assert (answer["deleted"], status) == ([], 0)
    swarm.image, swarm.previous = swarm.image.replace(":1@sha256:1", ":1@sha256:3"), ""
    del swarm.asked[:]
    answer, status = run("collect")
    assert answer["deleted"] == ["picloud/web:1@sha256:1", "picloud/gone:1@sha256:gone"]
    looked = [one[1] for one in swarm.asked[:-1]]
    assert looked == ["swarm.info", "swarmwork.look"]
    assert swarm.asked[-1] == ("delete", "sha256:1", "sha256:gone")


def test_what_a_site_may_run_that_does_not_answer_is_not_collected(run, swarm, builds, opts):
    swarm.silent.update(MANAGERS)
    other = Build("picloud/other", "1", "sha256:a", {}, {}, "d", "p", 1.0)
    for number in (1, 2, 3):
        builds.put(other._replace(digest=f"sha256:o{number}", at=float(number)))
    with open(f"{picloud_salt.description(opts)}/other.sls", "w") as handle:
        handle.write(
            "container_images: {other: {name: picloud/other, tag: '1', archs: [armhf],"
            " copy_of: example.org/other:1}}\n"
        )
    answer, status = run("collect")
    assert answer["deleted"] == ["picloud/other:1@sha256:o1"]
    why, kept = answer["message"].splitlines()[1:3]
    assert why.startswith("glasgow does not say what it runs: No manager of the swarm of glasgow")
    assert kept.startswith("So all builds stay of: ")
    assert {"picloud/web", "picloud/gone"} <= set(kept.split())
    assert list(answer["silent"]) == ["glasgow"]
    assert status == 0


def test_where_no_site_has_a_swarm_nobody_is_asked(run, swarm, builds, opts):
    cloud = picloud_salt.description(opts)
    for path in cloud.rglob("*.sls"):
        path.write_text(path.read_text().replace("swarm-manager", "worker"))
    assert run("collect")[0]["deleted"] == ["picloud/web:1@sha256:1", "picloud/gone:1@sha256:gone"]
    assert [one[0] for one in swarm.asked] == ["delete"]


def test_a_build_that_a_site_keeps_is_not_collected(run, guarded, swarm):
    assert run("collect")[0]["deleted"] == []
    guarded.rollouts.unpin([("pi0", "workloads")])
    assert run("collect")[0]["deleted"] == [f"picloud/web:1@{DIGEST}"]


def test_what_a_site_keeps_until_a_rollout_is_not_collected(run, built, opts, swarm):
    described, _ = picloud_salt.store(opts).cloud()
    rollouts = picloud_salt.ledger(opts).rollouts
    pi0, heads = described.node("pi0"), picloud_salt.ledger(opts).builds.heads()
    rollouts.pin([("pi0", "workloads", described.guarded(pi0, "workloads", heads))])
    file = picloud_salt.description(opts) / "workloads.sls"
    text = file.read_text().replace("  web:\n", "  site:\n").replace("image: web", "image: site")
    file.write_text(text)
    assert run("collect")[0]["deleted"] == []
    rollouts.unpin([("pi0", "workloads")])
    assert run("collect")[0]["deleted"] == [f"picloud/web:1@{DIGEST}"]


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        ("build", {}, "no registry yet: salt-run image.registry"),
        ("collect", {}, "no registry yet: salt-run image.registry"),
        ("show", {"name": "web"}, "picloud/web:1 was not built"),
        ("show", {"name": "wbe"}, "web"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(run, function, arguments, said):
    answer, status = run(function, **arguments)
    assert said in answer["message"]
    assert status == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wbe", "web"),
        ("other", "other comes from elsewhere"),
        ("web,wbe", "wbe"),
        ("wbe,other", 'did you mean "web"?\nother comes from elsewhere'),
    ],
)
def test_only_what_is_built_here_can_be_built(run, registry, opts, name, said):
    path = opts["ext_pillar"][0]["picloud"]["path"]
    with open(f"{path}/other.sls", "w") as handle:
        handle.write("container_images: {other: {name: nginx, tag: '1', archs: [armhf]}}\n")
    answer, status = run("build", name)
    assert said in answer["message"]
    assert status == 1


def test_all_that_stands_in_the_way_is_said_before_anything_is_built(
    run, registry, opts, monkeypatch
):
    path = opts["ext_pillar"][0]["picloud"]["path"]
    with open(f"{path}/images.sls", "w") as handle:
        handle.write(
            "images: {bookworm: {suite: bookworm, archs: [armel, armhf, arm64, amd64],"
            " mirror: 'http://127.0.0.1:1/debian',"
            " security_mirror: 'http://127.0.0.1:1/security'}}\n"
        )
    with open(f"{path}/cloud.sls") as handle:
        text = handle.read()
    with open(f"{path}/cloud.sls", "w") as handle:
        handle.write(text.replace("    apt_cache: ", "    # apt_cache: "))
    with open(f"{path}/other.sls", "w") as handle:
        handle.write(
            "container_images: {other: {tag: '1', archs: [armhf], build: {suite: bookworm,"
            " files: {/etc/x: {source: /nowhere}}}},"
            " copy: {tag: '1', archs: [armhf], copy_of: 'registry.example/app:1'}}\n"
        )
    monkeypatch.setattr(copied, "skopeo", lambda *_, **__: "<html>")
    opts["picloud_images"] = {"archs": ["amd64"]}
    answer, status = run("build")
    assert status == 1
    assert "other: this master builds for amd64 alone" in answer["message"]
    assert "container_images.copy: registry.example/app:1: " in answer["message"]
    assert "build.files./etc/x: cannot read /nowhere on the master" in answer["message"]
    assert "http://127.0.0.1:1/debian/dists/bookworm/InRelease: " in answer["message"]
    assert answer["message"].count("bookworm/InRelease") == 1
