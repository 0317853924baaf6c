"""What is left out of an image; the tests of the lab do it inside a real one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from picloud.workloads import recipe
from picloud.workloads.images import ImageBuild
from pydantic import ValidationError


@pytest.fixture
def exclude(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Exclude paths below a folder, which a program of ours enters in the place of chroot."""
    program = tmp_path / "bin/chroot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncd "$1" && shift && exec "$@"\n')
    program.chmod(0o755)
    root = tmp_path / "root"
    root.mkdir()

    def exclude(*paths: str) -> subprocess.CompletedProcess[str]:
        build = ImageBuild(suite="sid", exclude=tuple(f"{root}{path}" for path in paths))
        (hook,) = (
            word.removeprefix("--customize-hook=")
            for word in recipe.command(build, "armel", [], options=[], files="f", listing="l")
            if "chroot" in word
        )
        return subprocess.run(
            ["sh", "-c", hook, "hook", str(root)],
            env={"PATH": f"{program.parent}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return exclude


def test_what_nobody_needs_is_left_out(
    exclude: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for name in ("srv/one.jar", "srv/two words.jar", "srv/kept", "opt/deep/er", "etc/kept"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "root/srv/dangling.jar").symlink_to("nowhere")
    (tmp_path / "root/opt/elsewhere").symlink_to("../etc")
    done = exclude("/srv/*.jar", "/opt")
    assert done.returncode == 0, done.stderr
    left = [path for path in (tmp_path / "root").rglob("*") if not path.is_dir()]
    assert sorted(path.relative_to(tmp_path / "root").as_posix() for path in left) == [
        "etc/kept",
        "srv/kept",
    ]


def test_a_path_that_is_left_out_and_not_there_is_named(
    exclude: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = exclude("/srv/*.jar")
    assert done.returncode == 1
    said = recipe.failure(done.stderr)
    assert said == f"build.exclude: there is no {tmp_path}/root/srv/*.jar"


@pytest.mark.parametrize("path", ["srv", "/", "/srv/", "/a b", "/$(reboot)", "/a;b", "/a'", "/a?"])
def test_what_is_left_out_is_a_path(path: str) -> None:
    with pytest.raises(ValidationError, match=r"exclude\.0\s+String should match"):
        ImageBuild(suite="sid", exclude=(path,))
