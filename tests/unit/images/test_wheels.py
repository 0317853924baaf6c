"""Packages of PyPI in an image: real pip, with wheels of our own in the place of PyPI."""

import base64
import hashlib
import subprocess
import zipfile
from datetime import UTC, datetime

import pytest
from picloud.workloads import pypi, recipe
from picloud.workloads.images import ContainerImage, ImageBuild
from picloud.workloads.recipe import Archive, Release
from picloud_images import layers, wheels
from picloud_images.orders import Order
from picloud_watch import NoAnswerError
from pydantic import ValidationError

MAIN = Archive("http://mirror.example/debian", "sid", ("main",))
RELEASE = Release(frozenset(["amd64"]), datetime(2025, 9, 6, tzinfo=UTC), {})
HASH = "a" * 64


@pytest.fixture
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(layers, "CACHE", folder)
    return folder


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """Offer a package to pip, and nothing else; returns its requirement."""
    folder = tmp_path / "offered"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def offer(name, tag="py3-none-any"):
        files = {
            f"{name}.py": "print('hello')\n",
            f"{name}-1.0.dist-info/METADATA": "Metadata-Version: 2.1\n"
            f"Name: {name}\nVersion: 1.0\n",
            f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
            f"Root-Is-Purelib: true\nTag: {tag}\n",
            f"{name}-1.0.dist-info/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        }
        record = f"{name}-1.0.dist-info/RECORD"
        path = folder / f"{name}-1.0-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            lines = []
            for inside, text in files.items():
                archive.writestr(inside, text)
                digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
                lines.append(f"{inside},sha256={digest.decode().rstrip('=')},{len(text)}")
            archive.writestr(record, "\n".join([*lines, f"{record},,", ""]))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return f"{name}==1.0 --hash=sha256:{digest}"

    return offer


def order(*pip):
    build = ImageBuild(suite="sid", packages=("python3",), pip=pip)
    image = ContainerImage(tag="1", archs=("amd64",), build=build)
    return Order("spark", image, (), {MAIN: RELEASE})


def test_wheels_are_made_once_and_installed_where_the_images_python_looks(cache, offered, tmp_path):
    one = order(offered("hello"))
    folder = wheels.made(one, cache, "unfinished-")
    assert [path.name for path in folder.iterdir()] == ["hello-1.0-py3-none-any.whl"]
    assert folder.name.startswith("spark-wheels-")
    assert [path.name for path in cache.iterdir()] == [folder.name]
    before = folder.stat().st_mtime_ns
    assert wheels.made(one, cache, "unfinished-").stat().st_mtime_ns == before

    root = tmp_path / "root"
    (root / "usr/lib/python3.11").mkdir(parents=True)
    (root / "usr/lib/python3").mkdir()
    command = wheels.hook(one.build.pip, folder)
    subprocess.run(["sh", "-c", command, "hook", str(root)], check=True)
    there = root / "usr/local/lib/python3.11/dist-packages"
    assert sorted(path.name for path in there.iterdir()) == ["hello-1.0.dist-info", "hello.py"]
    layers.forget("spark")
    assert list(cache.iterdir()) == []


def test_an_image_without_python_says_so(cache, offered, tmp_path):
    one = order(offered("hello"))
    command = wheels.hook(one.build.pip, wheels.made(one, cache, "unfinished-"))
    (tmp_path / "root").mkdir()
    done = subprocess.run(
        ["sh", "-c", command, "hook", str(tmp_path / "root")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert recipe.failure(done.stderr) == "build.pip needs python3 among packages"


def test_other_bytes_than_those_that_were_pinned_are_refused(cache, offered):
    offered("hello")
    with pytest.raises(NoAnswerError, match=r"spark was not made: pip: .*DO NOT MATCH"):
        wheels.made(order(f"hello==1.0 --hash=sha256:{HASH}"), cache, "unfinished-")
    assert list(cache.iterdir()) == []


def test_what_is_not_offered_is_named(cache, offered):
    with pytest.raises(NoAnswerError, match=r"pip: .*hallo==1.0"):
        wheels.made(order(f"hallo==1.0 --hash=sha256:{HASH}"), cache, "unfinished-")


def test_compiled_code_is_refused(cache, offered):
    one = order(offered("fast", "py3-none-linux_x86_64"))
    with pytest.raises(NoAnswerError, match=r"fast-1.0-py3-none-linux_x86_64.whl is for one arch"):
        wheels.made(one, cache, "unfinished-")
    assert list(cache.iterdir()) == []


def test_other_packages_are_another_image_and_none_change_nothing():
    none, one = order(), order(f"a==1 --hash=sha256:{HASH}")
    assert one.layer("amd64") != none.layer("amd64")
    assert one.described != none.described
    # An image without any stays as it was when keys come: recipe.VERSION alone makes all anew.
    assert none.described == "86a70a0d9ea6229c292f63ed02e7d80a22675338acba07c5266702c2c710ae97"


@pytest.mark.parametrize(
    "text",
    [
        "pyspark",
        "pyspark==3.5.9",
        f"pyspark>=3.5 --hash=sha256:{HASH}",
        f"pyspark==3.5.9 --hash=md5:{HASH}",
        f"pyspark==3.5.9 --hash=sha256:{HASH} --index-url=http://elsewhere",
        f"--index-url=http://elsewhere --hash=sha256:{HASH}",
        f"pyspark==$(reboot) --hash=sha256:{HASH}",
        f"a==1 --hash=sha256:{HASH}\nb==1",
    ],
)
def test_a_package_is_pinned_by_version_and_hash(text):
    with pytest.raises(ValidationError, match=r"pip\.0\s+String should match"):
        ImageBuild(suite="sid", pip=(text,))


def test_versions_stand_beside_those_of_debian():
    assert pypi.versions([f"a==1.0 --hash=sha256:{HASH}"]) == {"a (PyPI)": "1.0"}
