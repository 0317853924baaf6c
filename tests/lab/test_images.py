"""Images on a real master and real nodes: built, pulled by digest, refused, collected, gone."""

import json
import re
import time

import pytest

from lab.apart import Apart

#: Small, quick to build, and with something to run.
DESCRIBED = """
container_images:
  hello:
    tag: "{tag}"
    archs: [{archs}]
    build:
      suite: bookworm
      packages: [busybox-static]
      files:
        /srv/hello: {{contents: "{text}\\n"}}
      entrypoint: [busybox]
      args: [cat, /srv/hello]
"""


def describe(lab: Apart, tag: str, text: str, *archs: str) -> None:
    path = lab.checkout / "pillar/cloud/hello.sls"
    path.write_text(DESCRIBED.format(tag=tag, archs=", ".join(archs), text=text))


def build(lab: Apart, **expected: str) -> dict:
    """Build the image; its data, or AssertionError when it does not end as expected."""
    said = lab.run("image.build", "hello")
    assert not said.get("failed"), said
    assert "images" in said, said
    (made,) = said["images"].values()
    assert {key: made[key] for key in expected} == expected, said
    return made


def run(lab: Apart, image: str, *words: str) -> str:
    """What a container says on pi1, which has nothing of its image."""
    lab.execute("pi1", "docker", "image", "rm", "--force", image, check=False)
    return lab.execute("pi1", "docker", "run", "--rm", image, *words).stdout.strip()


def applied(lab: Apart, node: str) -> dict:
    states = lab.salt(node, "state.apply", "docker", "queue=True")
    assert isinstance(states, dict), states
    bad = {s["__id__"]: s["comment"] for s in states.values() if s["result"] is False}
    assert not bad, bad
    return {s["__id__"]: s["changes"] for s in states.values() if s["changes"]}


@pytest.fixture(scope="module")
def registry(lab: Apart):
    """Return the lab while its master has a registry that pi1 knows; all of it is put back."""
    before = applied(lab, "pi1")
    said = lab.run("image.registry")
    assert "registry-service" in said.get("changed", ()), said
    lab.salt("pi1", "saltutil.refresh_pillar", "wait=True")
    changes = applied(lab, "pi1")
    assert set(changes) - set(before) >= {"docker-registry-trust", "docker-registry-login"}
    yield lab
    (lab.checkout / "pillar/cloud/hello.sls").unlink(missing_ok=True)
    said = lab.run("image.registry", "absent=True")
    assert "registry-files-absent" in said["changed"], said
    lab.salt("pi1", "saltutil.refresh_pillar", "wait=True")
    assert applied(lab, "pi1")
    for path in ("/root/.docker/config.json", "/etc/docker/certs.d/head.pi.example:5000/ca.crt"):
        assert lab.execute("pi1", "test", "-e", path, check=False).returncode != 0
    assert lab.execute("head", "systemctl", "is-active", "docker-registry", check=False).returncode


@pytest.fixture(scope="module")
def image(registry: Apart):
    """Return what was built, for the nodes of the lab."""
    describe(registry, "1", "one", "amd64")
    return build(registry, done="built")


def test_the_registry_is_set_up_once(registry: Apart):
    assert registry.run("image.registry")["changed"] == []
    assert applied(registry, "pi1") == {}


def test_the_login_is_in_no_return(registry: Apart):
    password = registry.execute("head", "cat", "/etc/picloud/registry/password").stdout.strip()
    assert len(password) >= 40
    registry.execute("pi1", "rm", "/root/.docker/config.json")
    states = registry.salt("pi1", "state.apply", "docker", "queue=True")
    (login,) = [s for s in states.values() if s["__id__"] == "docker-registry-login"]
    assert login["result"] is True
    auth = registry.execute("pi1", "cat", "/root/.docker/config.json").stdout
    for secret in (password, json.loads(auth)["auths"]["head.pi.example:5000"]["auth"]):
        assert secret not in json.dumps(states)


def test_a_node_runs_what_was_built(registry: Apart, image: dict):
    full = f"head.pi.example:5000/picloud/hello:1@{image['digest']}"
    assert run(registry, full) == "one"


def test_nothing_changed_nothing_built(registry: Apart, image):
    began = time.monotonic()
    assert build(registry, done="unchanged")["digest"] == image["digest"]
    assert time.monotonic() - began < 30


#: Ask the registry as its arguments say: user (- for nobody), method, path. Prints the status.
ASK = """
import base64, ssl, sys, urllib.error, urllib.request
user, method, path = sys.argv[1:]
context = ssl.create_default_context(cafile="/etc/picloud/registry/ca.crt")
asked = urllib.request.Request("https://head.pi.example:5000" + path, method=method)
if user != "-":
    asked.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
try:
    print(urllib.request.urlopen(asked, context=context).status)
except urllib.error.HTTPError as err:
    print(err.code)
"""


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        ("- GET /v2/", 401),
        ("picloud:guess GET /v2/", 401),
        ("picloud:{password} GET /v2/", 200),
        ("picloud:{password} POST /v2/picloud/hello/blobs/uploads/", 405),
        ("picloud:{password} DELETE /v2/picloud/hello/manifests/{digest}", 405),
    ],
    ids=["nobody", "guessed", "node", "push", "delete"],
)
def test_nodes_read_and_nobody_else_does(registry: Apart, image: dict, ask: str, status: int):
    password = registry.execute("head", "cat", "/etc/picloud/registry/password").stdout.strip()
    words = ask.format(password=password, digest=image["digest"]).split()
    said = registry.execute("head", "python3", "-c", ASK, *words)
    assert int(said.stdout) == status


def told(lab: Apart) -> dict:
    """What the manager pi0 is told of workloads while web is started from the image."""
    described = lab.checkout / "pillar/cloud/workloads.sls"
    before = described.read_text()
    try:
        described.write_text(before.replace("image: web", "image: hello"))
        lab.salt("pi0", "saltutil.refresh_pillar", "wait=True")
        return lab.salt("pi0", "pillar.get", "picloud:workloads", "unmask=True")
    finally:
        described.write_text(before)


def test_what_is_not_built_is_refused_before_it_is_pulled(registry: Apart, image: dict):
    """The lab's master knows that its nodes need amd64 alone."""
    describe(registry, "1", "one", "amd64", "armel")
    assert "web" not in told(registry)["refused"]
    describe(registry, "2", "one", "amd64", "armel")
    refused = told(registry)["refused"]["web"]
    assert refused == "picloud/hello:2 was not built: salt-run image.build hello"
    describe(registry, "1", "one", "amd64")


def test_what_cannot_be_built_is_one_clear_error(registry: Apart):
    path = registry.checkout / "pillar/cloud/hello.sls"
    text = path.read_text() if path.exists() else ""
    try:
        describe(registry, "1", "one", "amd64")
        path.write_text(path.read_text().replace("busybox-static", "no-such-package"))
        said = registry.run("image.build", "hello")
        assert "hello for amd64 was not made: " in said["failed"][0]
        assert "no-such-package" in said["failed"][0]
        path.write_text(path.read_text().replace("suite: bookworm", "suite: bookwurm"))
        assert "there is no suite bookwurm" in registry.run("image.build", "hello")["message"]
    finally:
        path.write_text(text)


def test_what_newer_builds_replaced_is_collected(registry: Apart, image: dict):
    digests = {}
    for tag in ("2", "3"):
        describe(registry, tag, f"text {tag}", "amd64")
        digests[tag] = build(registry, done="built")["digest"]
    said = registry.run("image.collect")
    assert said["deleted"] == [f"picloud/hello:1@{image['digest']}"]
    assert said["freed"] > 0
    gone = f"head.pi.example:5000/picloud/hello@{image['digest']}"
    registry.execute("pi1", "docker", "image", "rm", "--force", gone, check=False)
    pulled = registry.execute("pi1", "docker", "pull", gone, check=False)
    assert pulled.returncode
    # Docker Engine may still have the manifest from before; what it names is gone in any case.
    assert re.search("not found|unknown blob", pulled.stderr), pulled.stderr
    for tag, digest in digests.items():
        full = f"head.pi.example:5000/picloud/hello@{digest}"
        assert run(registry, full) == f"text {tag}"


def test_a_lost_registry_is_filled_again_with_the_same_bytes(registry: Apart):
    registry.execute("head", "sh", "-c", "rm -r /var/lib/docker-registry/docker")
    remark = registry.run("image.list")["images"]["hello"]["remark"]
    assert remark == "gone from the registry: salt-run image.build hello"
    made = build(registry, done="rebuilt, the same")
    full = f"head.pi.example:5000/picloud/hello@{made['digest']}"
    assert run(registry, full) == "text 3"


@pytest.mark.slow
def test_one_name_runs_on_every_architecture(registry: Apart):
    """
    Emulated, so it takes minutes; a lab node runs what Pis run, by the same emulation. That of
    armhf is that of armel.
    """
    machines = {"amd64": "x86_64", "arm64": "aarch64", "armel": "armv7l"}
    describe(registry, "4", "text 4", *machines)
    wider = "/etc/salt/master.d/wider.conf"
    text = f"picloud_images: {{archs: [{', '.join(machines)}]}}"
    registry.execute("head", "sh", "-c", f"echo '{text}' >{wider}")
    try:
        assert "registry-packages" in registry.run("image.registry")["changed"]  # QEMU
        made = build(registry, done="built")
    finally:
        registry.execute("head", "rm", wider)
    name = "head.pi.example:5000/picloud/hello"
    assert run(registry, f"{name}@{made['digest']}") == "text 4"
    for arch, machine in machines.items():
        alone = f"{name}@{made['platforms'][arch]['digest']}"
        assert run(registry, alone, "uname", "-m") == machine
    work = told(registry)
    assert work["services"]["web"]["image"] == f"{name}:4@{made['digest']}"
    assert "web" not in work["refused"]


COPIED = """
container_images:
  copied:
    name: mirror/hello
    tag: "9"
    archs: [amd64]
    copy_of: head.pi.example:5000/picloud/hello:{tag}
"""
#: As an admin logs in to somebody's registry; ours stands for it.
LOGIN = """
mkdir --parents /etc/containers/certs.d/head.pi.example:5000
cp /etc/picloud/registry/ca.crt /etc/containers/certs.d/head.pi.example:5000/
skopeo login --username picloud --password-stdin head.pi.example:5000 \\
    </etc/picloud/registry/password
"""


def test_an_image_of_another_registry_is_copied_once_and_pulled_from_ours(registry: Apart, image):
    lab = registry
    described = lab.checkout / "pillar/cloud/copied.sls"
    theirs = lab.run("image.show", "hello")["image"]
    tag, digest = theirs["tag"], theirs["digest"]
    lab.execute("head", "sh", "-ec", LOGIN)
    try:
        described.write_text(COPIED.format(tag=tag))
        assert lab.run("image.list")["images"]["copied"]["remark"] == (
            "mirror/hello:9 was not copied: salt-run image.build copied"
        )
        for done in ("copied", "unchanged"):
            said = lab.run("image.build", "copied")
            assert said.get("images", {}).get("copied", {}).get("done") == done, said
        assert said["images"]["copied"]["digest"] == digest
        there = run(lab, f"head.pi.example:5000/picloud/hello:{tag}")
        assert run(lab, f"head.pi.example:5000/mirror/hello:9@{digest}") == there != ""

        described.write_text(COPIED.format(tag=tag) + f"    digest: sha256:{'0' * 64}\n")
        (why,) = lab.run("image.build", "copied")["failed"]
        assert f"it has the digest {digest} there" in why
        described.write_text(COPIED.format(tag="none"))
        (why,) = lab.run("image.build", "copied")["failed"]
        assert why.startswith("container_images.copied: head.pi.example:5000/picloud/hello:none: ")
        assert "manifest unknown" in why
    finally:
        described.unlink()
