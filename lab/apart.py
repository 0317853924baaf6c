"""A lab apart: a copy of the checkout on a subnet of its own, for tests and benchmarks."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from lab import shell
from lab.settings import Settings

# The shipped subnet, and the one a copy gets so that it can run beside the user's own lab.
SHIPPED, APART = "10.80.", "10.81."


def files(checkout: Path) -> list[str]:
    """
    Names of the files of a checkout, links among them, with what is not committed yet.

    checkout
        Its folder. Where git does not know it (an unpacked archive, another owner) or is not
        installed, all its files but those that ``.gitignore`` names.

    Example: ``files(Path.cwd())[0] == ".gitignore"``
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)
        return sorted(filter(None, done.stdout.split("\0")))
    except (OSError, subprocess.CalledProcessError):
        return sorted(_unignored(checkout))


def _unignored(checkout: Path) -> Iterator[str]:
    lines = (checkout / ".gitignore").read_text("utf-8").splitlines()
    ignored = ["/.git", *(line.strip().rstrip("/") for line in lines if line.strip())]

    def kept(path: str) -> bool:
        rooted = f"/{os.path.relpath(path, checkout)}"
        return not any(
            fnmatch(rooted if pattern.startswith("/") else os.path.basename(path), pattern)
            for pattern in ignored
        )

    for folder, folders, names in os.walk(checkout):
        paths = [os.path.join(folder, name) for name in (*folders, *names)]
        folders[:] = [name for name in folders if kept(os.path.join(folder, name))]
        for path in filter(kept, paths):
            if os.path.islink(path) or not os.path.isdir(path):
                yield os.path.relpath(path, checkout)


class Apart:
    """
    A running lab that may be broken at will.

    name
        Name of the lab; its containers are ``<name>-head``, ``<name>-pi0`` ...
    source
        The checkout to copy, with what is not committed yet.
    folder
        Where the copy goes; made new.
    subnet
        How its addresses begin; two labs at a time need two.

    Example::

        with Apart("picloud-test", Path.cwd(), tmp / "checkout").running("2") as lab:
            assert lab.salt("pi0", "test.ping") is True
    """

    def __init__(self, name: str, source: Path, folder: Path, subnet: str = APART) -> None:
        self.name, self.source, self.checkout, self.subnet = name, source, folder, subnet
        self.settings = Settings(name, folder, source / ".cache" / "lab")

    def copy(self) -> None:
        """Copy every file that git would, and move the description to the other subnet."""
        for name in files(self.source):
            origin, target = self.source / name, self.checkout / name
            if not os.path.lexists(origin):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            # A link that is there already would be followed, and the new one put into its folder.
            target.unlink(missing_ok=True)
            shutil.copy2(origin, target, follow_symlinks=False)
        for path in (self.checkout / "pillar" / "cloud").rglob("*.sls"):
            text = path.read_text("utf-8")
            if SHIPPED in text:
                path.write_text(text.replace(SHIPPED, self.subnet), "utf-8")

    def make(self, *command: str) -> str:
        """Run ``python -m lab`` for this lab; what it printed, or AssertionError."""
        done = subprocess.run(
            [
                sys.executable,
                *("-m", "lab", "--name", self.name, "--checkout", str(self.checkout)),
                *("--cache", str(self.settings.cache), *command),
            ],
            cwd=self.source,
            env={**os.environ, "PYTHONPATH": f"{self.source}:{self.source / '_utils'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"lab {' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    @contextmanager
    def running(self, nodes: str) -> Iterator["Apart"]:
        """Copy, bring up ``nodes`` (a number, ids, or all), and remove all of it in the end."""
        self.make("down")
        self.copy()
        try:
            self.make("up", "--nodes", nodes, "--bare")
            yield self
        finally:
            self.make("down")

    def execute(
        self, node: str, *command: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a node or in ``head``; with ``check``, a failure raises."""
        done = subprocess.run(
            shell.program(["docker", "exec", self.settings.container(node), *command]),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            said = f"{done.stdout}\n{done.stderr}"
            raise AssertionError(f"{node}: {' '.join(command)}: {done.returncode}\n{said}")
        return done

    def salt(self, node: str, function: str, *arguments: str, timeout: int = 300) -> Any:
        """Run a function on one node from the master; the node's return, or None for no answer."""
        done = self.execute(
            "head",
            *("salt", "--out=json", "--static", f"--timeout={timeout}", "--list", node),
            *(function, *arguments),
            check=False,
        )
        try:
            return json.loads(done.stdout).get(node)
        except ValueError as err:
            raise AssertionError(f"salt {node} {function}: {done.stdout}\n{done.stderr}") from err

    def run(self, function: str, *arguments: str) -> Any:
        """Run a runner on the master and return its data."""
        done = self.execute("head", "salt-run", "--out=json", function, *arguments, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError as err:
            raise AssertionError(f"salt-run {function}: {done.stdout}\n{done.stderr}") from err

    def docker(self, *command: str) -> str:
        """Run the docker client on this machine, such as ``kill picloud-test-pi3``."""
        return shell.run(["docker", *command], what=f"docker {command[0]} failed")

    def wait(self, what: str, true: Callable[[], Any], seconds: float = 120) -> Any:
        """Wait until ``true()`` gives something true and return that; else say ``what``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := true():
                return found
            time.sleep(1)
        raise AssertionError(f"still not after {seconds:.0f} s: {what}")
