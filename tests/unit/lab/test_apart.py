"""The copy of a checkout is what git would have, also where there is no git."""

import os
import subprocess

import pytest

from lab import apart

KEPT = {
    ".gitignore": "/.venv/\n/build/\n__pycache__/\n*.pyc\n/salt/docker/images/\n",
    "Makefile": "",
    "_modules/a.py": "",
    "pillar/cloud/build/a.sls": "",
    "salt/top.sls": "",
    "with space/a b": "",
}
LEFT = {
    ".venv/bin/python": "",
    "build/x": "",
    "_modules/__pycache__/a.cpython-311.pyc": "",
    "old.pyc": "",
    "salt/docker/images/busybox.tar": "",
}


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    for name, text in (KEPT | LEFT).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "salt/_modules").symlink_to("../_modules")
    (root / "dangling").symlink_to("nowhere")
    return root


def committed(root, monkeypatch):
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)


def unpacked(root, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))


def without_git(root, monkeypatch):
    committed(root, monkeypatch)
    monkeypatch.setenv("PATH", str(root))


@pytest.mark.parametrize("case", [committed, unpacked, without_git])
def test_the_files_are_those_git_would_have(checkout, monkeypatch, case):
    case(checkout, monkeypatch)
    assert apart.files(checkout) == sorted([*KEPT, "salt/_modules", "dangling"])


def test_links_stay_links_in_the_copy(checkout, monkeypatch, tmp_path):
    unpacked(checkout, monkeypatch)
    copy = tmp_path / "copy"
    apart.Apart("picloud-test", checkout, copy).copy()
    assert os.readlink(copy / "salt/_modules") == "../_modules"
    assert not (copy / ".venv").exists()


def test_without_git_the_checkout_is_the_same(repo):
    with_git = [name for name in apart.files(repo) if os.path.lexists(repo / name)]
    assert with_git == sorted(apart._unignored(repo))
