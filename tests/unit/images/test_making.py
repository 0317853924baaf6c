"""Making images: commands of the system in the place of mmdebstrap, and a mirror of our own."""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from datetime import UTC, datetime

import pytest
from picloud.workloads import recipe
from picloud.workloads.images import ContainerImage, ImageBuild, ImageFile
from picloud.workloads.recipe import Archive, Made, Release
from picloud.workloads.seal import Build
from picloud_images import build as making
from picloud_images import layers, machine
from picloud_images import orders as planning
from picloud_images.registry import Registry
from picloud_watch import NoAnswerError

DATE = datetime(2025, 9, 6, 9, 59, 23, tzinfo=UTC)
RELEASE = "Date: Sat, 06 Sep 2025 09:59:23 UTC\nArchitectures: all amd64\n"
MAIN = Archive("http://mirror.example/debian", "sid", ("main",))


@pytest.fixture
def mirror():
    """Serve releases by suite; yield the address, what is served, and what was asked for."""
    served, asked = {"sid": RELEASE}, []

    class Mirror(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            text = served.get(self.path.split("/")[-2])
            self.send_response(200 if text else 404)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/debian", served, asked
        server.shutdown()


def image(**build):
    return ContainerImage(
        tag="1", archs=("amd64",), build=ImageBuild.model_validate({"suite": "sid", **build})
    )


def order(**build):
    release = Release(frozenset(["amd64"]), DATE, {})
    files = (Made("srv/hello", b"hello\n", 0o640),)
    return planning.Order("web", image(**build), files, {MAIN: release})


class Pushed(Registry):
    """A registry that keeps the folder it was given."""

    def __init__(self, there=()):
        super().__init__({})
        self.there, self.layout, self.name = set(there), None, None

    def push(self, layout, name, tag, digest):
        self.name = f"{name}:{tag}"
        self.layout = {
            str(path.relative_to(layout)): path.read_bytes()
            for path in layout.rglob("*")
            if path.is_file()
        }

    def has(self, name, digest):
        return digest in self.there


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Keep root file systems in a folder of the test."""
    monkeypatch.setattr(layers, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def tar(monkeypatch):
    """Have the image's own files for a root file system, instead of what mmdebstrap makes."""

    def command(_build, _arch, _parts, *, options, files, listing, hooks):
        return ["sh", "-c", f"echo 'busybox 1:1.35' >{listing}; cat {files}"]

    monkeypatch.setattr(recipe, "command", command)


def test_an_image_is_a_folder_whose_every_digest_is_right(tar):
    registry = Pushed()
    made = making.make(order(), {}, registry)
    files = registry.layout
    assert registry.name == "picloud/web:1"
    for path, data in files.items():
        if path.startswith("blobs/"):
            assert path == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"

    def blob(described):
        data = files[f"blobs/sha256/{described['digest'].removeprefix('sha256:')}"]
        assert len(data) == described["size"]
        return data

    (root,) = json.loads(files["index.json"])["manifests"]
    assert root["digest"] == made.digest
    (platform,) = json.loads(blob(root))["manifests"]
    assert made.platforms["amd64"]["digest"] == platform["digest"]
    manifest = json.loads(blob(platform))
    config = json.loads(blob(manifest["config"]))
    assert config["created"] == "2025-09-06T09:59:23+00:00"
    (layer,) = manifest["layers"]
    plain = gzip.decompress(blob(layer))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.mode, member.uid) == ("./srv/hello", 0o640, 0)
        assert member.mtime == DATE.timestamp()
    assert made.packages == {"amd64": {"busybox": "1:1.35"}}


def test_the_same_input_gives_the_same_digest(tar):
    first, second = (making.make(order(), {}, Pushed()) for _ in range(2))
    assert first.digest == second.digest
    assert making.make(order(env={"A": "1"}), {}, Pushed()).digest != first.digest


def test_why_mmdebstrap_failed_is_said_and_nothing_is_pushed(monkeypatch):
    command = ["sh", "-c", "echo 'E: Unable to locate package nosuch' >&2; exit 1"]
    monkeypatch.setattr(recipe, "command", lambda *_args, **_more: command)
    registry = Pushed()
    with pytest.raises(
        NoAnswerError, match="web for amd64 was not made: Unable to locate package nosuch"
    ):
        making.make(order(), {}, registry)
    assert registry.layout is None


def test_nothing_is_left_behind(tar, cache):
    making.make(order(), {}, Pushed())
    assert list(cache.iterdir()) == []


def test_what_a_killed_build_left_is_removed(cache):
    for name in ("unfinished-x1", "web-amd64-0123456789abcdef"):
        (cache / name / "root").mkdir(parents=True)
    layers.tidy()
    assert [path.name for path in cache.iterdir()] == ["web-amd64-0123456789abcdef"]


def test_a_folder_in_which_something_is_mounted_is_left_alone(cache, monkeypatch):
    (cache / "unfinished-x1" / "proc").mkdir(parents=True)
    found = [str(cache / "unfinished-x1" / "proc")]
    monkeypatch.setattr(recipe, "mounted_below", lambda _mounts, folder: found)
    with pytest.raises(NoAnswerError, match=r"something is mounted: .*/proc; unmount it"):
        layers.tidy()
    assert (cache / "unfinished-x1" / "proc").exists()


def test_what_was_made_is_not_made_again_after_a_failure(tar, cache, monkeypatch):
    class Away(Pushed):
        def push(self, *_args):
            raise NoAnswerError("the registry is away")

    with pytest.raises(NoAnswerError, match="the registry is away"):
        making.make(order(), {}, Away())
    (kept,) = cache.iterdir()
    assert kept.name.startswith("web-amd64-")
    monkeypatch.setattr(recipe, "command", lambda *_args, **_more: ["false"])
    assert making.make(order(args=["-v"]), {}, Pushed()).packages["amd64"]
    assert list(cache.iterdir()) == []
    with pytest.raises(NoAnswerError, match="web for amd64 was not made"):
        making.make(order(), {}, Pushed())


def test_other_content_is_another_root_file_system():
    one = order()
    keys = {
        one.layer("amd64"),
        one.layer("armel"),
        order(packages=["busybox"]).layer("amd64"),
        one._replace(files=()).layer("amd64"),
        one._replace(parts={MAIN: one.parts[MAIN]._replace(date=DATE.replace(day=7))}).layer(
            "amd64"
        ),
    }
    assert len(keys) == 5
    assert order(env={"A": "1"}).layer("amd64") in keys


@pytest.mark.parametrize(
    ("change", "gone", "expected"),
    [
        ({}, (), True),
        ({"described": "other"}, (), False),
        ({"packaged": "other"}, (), False),
        ({}, ("sha256:i",), False),
        ({}, ("sha256:m",), False),
    ],
)
def test_an_image_is_made_again_when_something_changed_or_is_gone(change, gone, expected):
    one = order()
    platforms = {"amd64": {"digest": "sha256:m", "size": 1}}
    last = Build(one.name, "1", "sha256:i", platforms, {}, one.described, one.packaged, 1.0)
    registry = Pushed({"sha256:i", "sha256:m"} - set(gone))
    assert planning.unchanged(one, last._replace(**change), registry) is expected
    assert planning.unchanged(one, None, registry) is False


def test_releases_are_asked_for_once_and_all_faults_are_told(mirror, monkeypatch):
    address, _served, asked = mirror
    monkeypatch.setattr(recipe, "MIRROR", address)
    monkeypatch.setattr(machine, "emulated", lambda _archs: [])
    wrong = image(suite="unstable")
    found, faults = planning.orders({"a": image(), "b": image(), "c": wrong, "d": wrong}, [], {})
    assert [one.entry for one in found] == ["a", "b"]
    assert asked == [f"/debian/dists/{suite}/InRelease" for suite in ("sid", "unstable")]
    assert faults == [
        f"c, d: {address}/dists/unstable/InRelease: there is no suite unstable; correct suite of"
        " the image, or the mirrors in the section images"
    ]


def test_an_architecture_that_is_gone_from_debian_is_a_fault(mirror, monkeypatch):
    monkeypatch.setattr(recipe, "MIRROR", mirror[0])
    both = ContainerImage(tag="1", archs=("amd64", "armel"), build=ImageBuild(suite="sid"))
    _, faults = planning.orders({"web": both}, [], {})
    assert faults == [
        "container_images.web.archs: Debian's sid has no armel, only amd64; take armel out of"
        " archs, or use a suite that has it"
    ]


def test_faults_of_all_images_are_told_together(mirror, monkeypatch):
    address, _, _ = mirror
    monkeypatch.setattr(recipe, "MIRROR", address)
    checked = []
    monkeypatch.setattr(machine, "emulated", lambda archs: checked.extend(archs) or ["no QEMU"])
    lost = {"/x": ImageFile(source="/nowhere")}
    asked = {
        "good": image(),
        "file": image(suite="unstable", files=lost),
        "suite": image(suite="unstable"),
        "arm": ContainerImage(
            tag="1", archs=("armel", "armhf"), build=ImageBuild(suite="sid", files=lost)
        ),
    }
    _, faults = planning.orders(asked, [], {}, ["amd64"])
    assert checked == ["amd64"]
    for said in (
        "container_images.file.build.files./x: cannot read /nowhere",
        "container_images.arm.build.files./x: cannot read /nowhere",
        "container_images.arm.archs: Debian's sid has no armel",
        "arm: this master builds for amd64 alone (picloud_images.archs in its configuration), and"
        " the image has armel, armhf: add amd64 to its archs, or add armel, armhf to"
        " picloud_images.archs",
        f"file, suite: {address}/dists/unstable/InRelease: there is no suite unstable",
        "no QEMU",
    ):
        assert any(one.startswith(said) for one in faults), said


@pytest.mark.parametrize("only", [(), ("armel",), ("amd64", "armel")])
def test_an_image_for_some_of_the_nodes_is_made(mirror, monkeypatch, only):
    monkeypatch.setattr(recipe, "MIRROR", mirror[0])
    monkeypatch.setattr(machine, "emulated", lambda _archs: [])
    one = ContainerImage(tag="1", archs=("amd64",), build=ImageBuild(suite="sid"))
    _, faults = planning.orders({"web": one}, [], {}, only)
    assert bool(faults) == (only == ("armel",))


def test_what_is_no_release_is_a_fault(mirror, monkeypatch):
    address, served, _ = mirror
    served["sid"] = "<html>Log in first</html>"
    monkeypatch.setattr(recipe, "MIRROR", address)
    _, (fault,) = planning.orders({"web": image()}, [], {})
    assert "this is no Release file of Debian" in fault


def test_the_proxy_of_the_site_is_used(mirror):
    address, _, asked = mirror
    proxy = address.removesuffix("/debian")
    found, faults = machine.releases([MAIN], {"Acquire::http::Proxy": proxy})
    assert faults == {}
    assert found[MAIN].date == DATE
    assert asked == ["http://mirror.example/debian/dists/sid/InRelease"]


def test_own_files_are_read_at_the_master(tmp_path):
    (tmp_path / "page").write_bytes(b"\xff\0")
    files = {
        "/a": ImageFile(source=str(tmp_path / "page"), mode="0755"),
        "/b/../c": ImageFile(contents="hällo"),
        "/d": ImageFile(source="/nowhere"),
    }
    made, faults = planning.read_files(
        "web", ContainerImage(tag="1", archs=("amd64",), build=ImageBuild(suite="s", files=files))
    )
    assert made == [Made("a", b"\xff\0", 0o755), Made("c", "hällo".encode(), 0o644)]
    (fault,) = faults
    assert fault.startswith("container_images.web.build.files./d: cannot read /nowhere")


def test_a_manifest_is_there_when_its_link_and_its_bytes_are(tmp_path):
    registry = Registry({"picloud_registry": {"storage": str(tmp_path)}})
    number = "ab" * 32
    root = tmp_path / "docker/registry/v2"
    link = root / f"repositories/picloud/web/_manifests/revisions/sha256/{number}/link"
    data = root / f"blobs/sha256/ab/{number}/data"
    assert registry.has("picloud/web", f"sha256:{number}") is False
    for path in (link, data):
        path.parent.mkdir(parents=True)
        path.touch()
    assert registry.has("picloud/web", f"sha256:{number}") is True
    assert registry.has("picloud/other", f"sha256:{number}") is False
    link.unlink()
    assert registry.has("picloud/web", f"sha256:{number}") is False


@pytest.mark.parametrize(
    ("here", "rule", "why"),
    [
        (True, False, None),
        (False, False, "qemu-user-static is not installed: salt-run image.registry"),
        (False, True, "the kernel has no binfmt_misc"),
    ],
)
def test_an_architecture_that_does_not_run_here_is_named(monkeypatch, tmp_path, here, rule, why):
    monkeypatch.setattr(machine, "_runs", lambda _arch: here)
    monkeypatch.setattr(machine, "RULES", tmp_path)
    monkeypatch.setattr(machine, "BINFMT", tmp_path / "nowhere")
    if rule:
        (tmp_path / "qemu-arm.conf").write_text(":qemu-arm:M::\n")
    faults = machine.emulated(["armel"])
    assert len(faults) == (why is not None)
    if why:
        assert f"programs for armel do not run on this machine: {why}" in faults[0]


def test_a_rule_is_given_to_the_kernel_once(monkeypatch, tmp_path):
    runs = iter([False, True])
    monkeypatch.setattr(machine, "_runs", lambda _arch: next(runs))
    monkeypatch.setattr(machine, "RULES", tmp_path)
    monkeypatch.setattr(machine, "BINFMT", tmp_path)
    (tmp_path / "register").touch()
    (tmp_path / "qemu-aarch64.conf").write_text(":qemu-aarch64:M::x:y:OCF\n")
    assert machine.emulated(["arm64"]) == []
    assert (tmp_path / "register").read_text() == ":qemu-aarch64:M::x:y:OCF"


@pytest.mark.parametrize(
    ("only", "native"),
    [((), False), (("amd64",), True), (("armel",), False), (("amd64", "armel"), False)],
)
def test_no_emulator_is_needed_for_this_architecture_alone(monkeypatch, only, native):
    monkeypatch.setattr(machine, "_output", lambda *_command: "amd64\n")
    assert machine.is_native(only) is native


def test_architectures_that_there_are_not_are_said():
    assert machine.architectures({}) == ()
    assert machine.architectures({"picloud_images": {"archs": ["armhf"]}}) == ("armhf",)
    with pytest.raises(NoAnswerError, match=r"has 'arm'; there are .*the master's configuration"):
        machine.architectures({"picloud_images": {"archs": ["arm"]}})
