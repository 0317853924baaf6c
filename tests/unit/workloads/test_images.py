"""Container images: their documents, how they are made, and what may be pulled of them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from picloud.schema import Image
from picloud.workloads import oci, recipe, seal
from picloud.workloads.images import ContainerImage, ImageBuild
from picloud.workloads.recipe import Archive, Made
from picloud.workloads.seal import Build

BUILD = ImageBuild(
    suite="bookworm",
    packages=("busybox",),
    env={"LEVEL": "debug"},
    user="www-data",
    workdir="/srv",
    entrypoint=("busybox", "httpd"),
    args=("-f",),
)
IMAGE = ContainerImage(tag="1", archs=("armel", "amd64"), build=BUILD)
CARD = Image(
    suite="bookworm",
    archs=("armhf",),
    mirror="http://mirror.example/debian",
    security_mirror="http://mirror.example/debian-security",
    components=("main", "non-free-firmware"),
)
RELEASE = """-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Date: Sat, 06 Sep 2025 09:59:23 UTC
Architectures: all amd64 arm64 armhf
Components: main
SHA256:
 aaaa 1 main/binary-amd64/Packages.xz
 bbbb 2 main/binary-armhf/Packages.xz
 cccc 3 main/binary-all/Packages.xz
 dddd 4 main/i18n/Translation-en.xz
"""


def layer(name: str) -> oci.Layer:
    digest = f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return oci.Layer(oci.Blob(oci.LAYER, digest, 100), digest)


def platform(arch: Any, build: ImageBuild = BUILD) -> oci.Platform:
    return oci.platform(arch, build, layer(arch), "2025-09-06T09:59:23Z")


def test_a_platform_says_what_is_run_and_on_what() -> None:
    made = platform("armel")
    config = json.loads(made.config.data)
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm", "v5")
    assert config["config"] == {
        "Env": ["LEVEL=debug"],
        "User": "www-data",
        "WorkingDir": "/srv",
        "Entrypoint": ["busybox", "httpd"],
        "Cmd": ["-f"],
    }
    manifest = json.loads(made.manifest.data)
    assert manifest["config"]["digest"] == made.config.blob.digest
    assert manifest["layers"] == [layer("armel").blob.descriptor()]
    assert config["rootfs"]["diff_ids"] == [layer("armel").diff]
    assert made.size == 100 + len(made.config.data) + len(made.manifest.data)


def test_what_is_left_out_is_left_to_docker() -> None:
    made = json.loads(platform("amd64", ImageBuild(suite="bookworm")).config.data)
    assert made["config"] == {}


def test_one_name_stands_for_all_architectures_in_any_order() -> None:
    one, other = platform("armhf"), platform("amd64")
    index = oci.index([one, other])
    assert index == oci.index([other, one])
    listed = json.loads(index.data)["manifests"]
    assert [entry["platform"]["architecture"] for entry in listed] == ["amd64", "arm"]
    assert index.blob.digest == f"sha256:{hashlib.sha256(index.data).hexdigest()}"
    files = dict(oci.layout(index))
    assert json.loads(files["index.json"])["manifests"] == [index.blob.descriptor()]


@pytest.mark.parametrize(
    ("suite", "cards", "expected"),
    [
        (
            "bookworm",
            [CARD],
            [
                "deb http://mirror.example/debian bookworm main non-free-firmware",
                "deb http://mirror.example/debian bookworm-updates main non-free-firmware",
                "deb http://mirror.example/debian-security bookworm-security main"
                " non-free-firmware",
            ],
        ),
        (
            "trixie",
            [CARD],
            [
                "deb http://deb.debian.org/debian trixie main",
                "deb http://deb.debian.org/debian trixie-updates main",
                "deb http://deb.debian.org/debian-security trixie-security main",
            ],
        ),
        ("sid", [], ["deb http://deb.debian.org/debian sid main"]),
        (
            "bookworm",
            [CARD.model_copy(update={"security_mirror": None})],
            [
                "deb http://mirror.example/debian bookworm main non-free-firmware",
                "deb http://mirror.example/debian bookworm-updates main non-free-firmware",
            ],
        ),
    ],
)
def test_packages_come_from_the_mirrors_of_the_cards(
    suite: str, cards: list[Image], expected: list[str]
) -> None:
    found = recipe.archives(ImageBuild(suite=suite), cards)
    assert [one.line for one in found] == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        ("http://gw.pi.example:3142", "http://10.80.0.1:3142"),
        ("http://gw.pi.example/apt", "http://10.80.0.1/apt"),
        ("http://six.pi.example:3142/", "http://[fd00::1]:3142/"),
        ("http://other.example:3142", "http://other.example:3142"),
    ],
)
def test_a_cache_is_reached_without_dns(url: str | None, expected: str | None) -> None:
    hosts = {"gw.pi.example": "10.80.0.1", "six.pi.example": "fd00::1"}
    assert recipe.by_address(url, hosts) == expected


def test_an_architecture_that_debian_has_not_is_named_with_what_there_is() -> None:
    found = recipe.release(RELEASE)
    assert recipe.missing(BUILD, ["armel", "armhf"], found) == [
        "Debian's bookworm has no armel, only amd64, arm64, armhf; take armel out of archs, or"
        " use a suite that has it"
    ]


@pytest.mark.parametrize("text", ["", "<html>Not found</html>", "Date: Sat, 06 Sep 2025\n"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no Release file"):
        recipe.release(text)


def test_only_lists_of_its_own_architectures_make_an_image_old() -> None:
    (main,) = recipe.archives(ImageBuild(suite="sid"), [])

    def key(text: str) -> str:
        return recipe.packaged(["armhf"], {main: recipe.release(text)})

    assert key(RELEASE) == key(RELEASE.replace("aaaa", "eeee"))
    assert key(RELEASE) == key(RELEASE.replace("dddd", "eeee"))
    assert key(RELEASE) != key(RELEASE.replace("bbbb", "eeee"))
    assert key(RELEASE) != key(RELEASE.replace("cccc", "eeee"))


@pytest.mark.parametrize(
    "change",
    [
        {"archs": ("armel",)},
        {"build": BUILD.model_copy(update={"args": ()})},
        {"build": BUILD.model_copy(update={"packages": ("busybox", "curl")})},
        {"build": BUILD.model_copy(update={"exclude": ("/srv/*",)})},
    ],
)
def test_another_description_is_another_image(change: dict[str, Any]) -> None:
    files = [Made("etc/motd", b"hello", 0o644)]
    before = recipe.described(IMAGE, files)
    assert recipe.described(IMAGE.model_copy(update=change), files) != before
    assert recipe.described(IMAGE, [files[0]._replace(mode=0o600)]) != before
    assert recipe.described(IMAGE, [files[0]._replace(data=b"bye")]) != before


def test_a_tag_or_a_blocked_version_is_no_other_content() -> None:
    other = IMAGE.model_copy(update={"tag": "2", "archs": ("amd64", "armel")})
    assert recipe.described(other, []) == recipe.described(IMAGE, [])


def test_mmdebstrap_is_told_where_from_for_what_and_what_to_leave_out() -> None:
    parts = recipe.archives(BUILD, [CARD])
    options = ['Acquire::http::Proxy "http://gw:3142"']
    words = recipe.command(BUILD, "armel", parts, options=options, files="/f.tar", listing="/l")
    assert words[0] == "mmdebstrap"
    assert "--architectures=armel" in words
    assert "--include=busybox" in words
    assert '--aptopt=Acquire::http::Proxy "http://gw:3142"' in words
    assert words[-5:] == ["bookworm", "-", *(one.line for one in parts)]
    wipe = next(word for word in words if "rm -rf" in word)
    assert "etc/apt/apt.conf.d/99mmdebstrap" in wipe
    # Debian's Java links its manual page, which is left out, and does not install without a folder.
    (manuals,) = (word for word in words if word.startswith("--essential-hook="))
    assert "usr/share/man/man1" in manuals.split("mkdir -p ")[1].split()
    assert "usr/share/man/*" in wipe.split()
    assert not any(path.startswith("/") for path in wipe.split("rm -rf ")[1].split())
    # An image's own files are the last: none of them is wiped.
    assert words.index(wipe) < words.index("--customize-hook=tar-in /f.tar /")
    bare = recipe.command(
        ImageBuild(suite="sid"), "arm64", parts, options=[], files="f", listing="l"
    )
    assert not any(word.startswith("--include") for word in bare)


def test_what_nobody_reads_is_left_out(tmp_path: Path) -> None:
    shared = ("doc/dash/copyright", "doc/dash/changelog.gz", "man/man1/sh.1.gz", "info/dir.gz")
    shared += ("locale/locale.alias", "locale/de/LC_MESSAGES/dash.mo", "dash/manual/one")
    for name in shared:
        (tmp_path / "usr/share" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "usr/share" / name).touch()
    told = tmp_path / "etc/dpkg/dpkg.cfg.d/99mmdebstrap"
    told.parent.mkdir(parents=True)
    told.write_text("force-unsafe-io\n", "utf-8")
    words = recipe.command(
        BUILD, "armel", recipe.archives(BUILD, []), options=[], files="", listing=""
    )
    (hook,) = (word for word in words if word.startswith("--extract-hook="))
    script = hook.removeprefix("--extract-hook=")
    subprocess.run(["sh", "-c", script, "sh", str(tmp_path)], cwd="/", check=True)
    left = [path for path in (tmp_path / "usr/share").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "usr/share")) for path in left} == {
        "doc/dash/copyright",
        "locale/locale.alias",
        "dash/manual/one",
    }
    assert not (tmp_path / "usr/share/man/man1").exists()
    first, *rules = told.read_text("utf-8").splitlines()
    assert first == "force-unsafe-io"
    assert "path-exclude=/usr/share/locale/*/*" in rules
    assert rules[-1] == "path-include=/usr/share/doc/*/copyright"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", "it said nothing"),
        ("I: running\nmmdebstrap: not so\n", "mmdebstrap: not so"),
        ("E: one\nE: one\nE: two\n", "one; two"),
    ],
)
def test_why_a_build_failed(said: str, expected: str) -> None:
    assert recipe.failure(said) == expected


def build(digest: str = "1", tag: str = "1", at: float = 1.0, **more: Any) -> Build:
    platforms = {
        arch: {"digest": f"sha256:{arch}-{digest}", "size": 1} for arch in ("amd64", "armel")
    }
    made = Build("picloud/web", tag, f"sha256:{digest}", platforms, {}, "d", "p", at)
    return made._replace(**more)


@pytest.mark.parametrize(
    ("image", "made", "pulled", "refused"),
    [
        (IMAGE, build(), "head:5000/picloud/web:1@sha256:1", None),
        (IMAGE, None, None, "picloud/web:1 was not built: salt-run image.build web"),
        (
            IMAGE.model_copy(update={"archs": ("amd64", "arm64")}),
            build(),
            None,
            "picloud/web:1 was built for amd64, armel, not for arm64: salt-run image.build web",
        ),
        (
            IMAGE.model_copy(update={"digest": "sha256:2"}),
            build(),
            None,
            "picloud/web:1 is described with sha256:2, and what was built has sha256:1;",
        ),
        (
            IMAGE.model_copy(update={"digest": "sha256:1"}),
            build(),
            "head:5000/picloud/web:1@sha256:1",
            None,
        ),
    ],
)
def test_only_what_was_built_is_pulled_and_by_its_digest(
    image: ContainerImage,
    made: Build | None,
    pulled: str | None,
    refused: str | None,
) -> None:
    said = seal.seal(seal.wanted("web", image), made, "head:5000")
    assert said.image == pulled
    if refused is None:
        assert said.refused is None
    else:
        assert said.refused is not None
        assert said.refused.startswith(refused)


def test_an_architecture_on_which_it_is_blocked_need_not_be_built() -> None:
    blocked = {"tag": "1", "archs": ("arm64",), "reason": "broken", "use": "2"}
    image = ContainerImage.model_validate(
        {"tag": "1", "archs": ("amd64", "arm64"), "build": BUILD, "blocked": (blocked,)}
    )
    assert seal.seal(seal.wanted("web", image), build(), "head:5000").refused is None


def test_images_from_elsewhere_are_not_asked_of_the_registry() -> None:
    other = ContainerImage(name="docker.io/library/nginx", tag="1", archs=("amd64",))
    table = seal.table({"web": IMAGE, "other": other})
    assert list(table) == ["picloud/web:1"]


@pytest.mark.parametrize(
    ("builds", "gone"),
    [
        ([build("1")], []),
        ([build("1", at=1), build("2", at=2)], []),
        ([build("1", at=1), build("2", at=2), build("3", at=3)], ["sha256:1"]),
        # The version of before, of another tag, is what to go back to.
        ([build("1", "0", 1), build("2", "1", 2), build("3", "1", 3)], ["sha256:1"]),
        ([build("1", "0", 1), build("2", "1", 2)], []),
        # The same bytes under an older tag are nothing to go back to.
        ([build("1", "0", 1), build("1", "1", 2), build("0", "0", 0)], ["sha256:1"]),
        ([build("1", name="picloud/other", at=9)], ["sha256:1"]),
    ],
)
def test_what_need_not_stay(builds: list[Build], gone: list[str]) -> None:
    found = seal.surplus(builds, [("picloud/web", "1")], ())
    assert [one.digest for one in found] == gone


@pytest.mark.parametrize(
    ("pinned", "gone"),
    [
        (("picloud/web", "1", "sha256:1"), ["sha256:0"]),
        (("picloud/web", "1", "sha256:3"), ["sha256:1", "sha256:0"]),
        (("picloud/other", "1", "sha256:0"), ["sha256:1"]),
        (("picloud/web", "1", "sha256:0"), ["sha256:1", "sha256:0"]),
        (("picloud/web", "1", None), ["sha256:1", "sha256:0"]),
    ],
)
def test_a_build_that_a_site_keeps_stays(pinned: tuple[str, str, str], gone: list[str]) -> None:
    builds = [build(str(n), at=n) for n in (1, 2, 3)] + [build("0", name="picloud/other", at=0)]
    found = seal.surplus(builds, [("picloud/web", "1")], {pinned})
    assert [one.digest for one in found] == gone


@pytest.mark.parametrize(
    ("digests", "unsure", "gone"),
    [
        ((), (), ["sha256:1", "sha256:0"]),
        (("sha256:1", "sha256:3", "sha256:x"), (), ["sha256:0"]),
        ((), ("picloud/web",), ["sha256:0"]),
        ((), ("picloud/other",), ["sha256:1"]),
    ],
)
def test_a_build_that_a_swarm_has_or_may_have_stays(
    digests: Any, unsure: Any, gone: list[str]
) -> None:
    builds = [build(str(n), at=n) for n in (1, 2, 3)] + [build("0", name="picloud/other", at=0)]
    used = seal.in_use(builds, digests, unsure)
    found = seal.surplus(builds, [("picloud/web", "1")], used)
    assert [one.digest for one in found] == gone


def test_a_manifest_that_another_build_shares_stays() -> None:
    old, new = build("1", at=1), build("2", at=2)
    shared = dict(new.platforms) | {"armel": old.platforms["armel"]}
    new = new._replace(platforms=shared)
    assert seal.manifests([old], [old, new]) == [
        ("picloud/web", "sha256:1"),
        ("picloud/web", "sha256:amd64-1"),
    ]


def test_what_else_an_index_of_a_copy_lists_goes_too() -> None:
    old, new = build("1", at=1), build("2", at=2)
    listed = {"sha256:1": ["sha256:s390x", "sha256:both"], "sha256:2": ["sha256:both"]}
    found = seal.manifests([old], [old, new], lambda digest: listed[digest])
    assert ("picloud/web", "sha256:s390x") in found
    assert ("picloud/web", "sha256:both") not in found


def test_an_archive_names_its_release() -> None:
    one = Archive("http://mirror.example/debian/", "sid", ("main",))
    assert one.release == "http://mirror.example/debian/dists/sid/InRelease"


def test_only_mounts_below_a_folder_are_found() -> None:
    mounts = "".join(
        f"2{n} 1 0:1 / {point} rw - proc proc rw\n"
        for n, point in enumerate(["/", "/var/cache", "/var/cache/x", "/var/cachex/y", "/c/z"])
    )
    assert recipe.mounted_below(mounts, "/var/cache") == ["/var/cache/x"]
