"""Images of the lab that are not of now go, but not those that another lab needs."""

import io
import subprocess
import tarfile

import pytest

from lab import images, shell
from lab.settings import Settings

REPOSITORY = "picloud-lab-old"


def docker(*command, stdin=None):
    """Run the docker client; what it printed."""
    done = subprocess.run(
        shell.program(["docker", *command]), input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def there():
    """Tags of the images that are there."""
    listed = docker("image", "ls", "--format", "{{.Tag}}", f"{REPOSITORY}/node")
    return set(listed.split())


@pytest.fixture
def tags(monkeypatch, tmp_path):
    """Make an image for each tag, under a name that no lab has; state of labs goes to a folder."""
    monkeypatch.setattr(images, "REPOSITORY", REPOSITORY)
    monkeypatch.setattr(images, "STATE", tmp_path)
    monkeypatch.setattr("lab.settings.STATE", tmp_path)
    made = ("now", "stopped", "noted", "old")
    for tag in made:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as files:
            files.addfile(tarfile.TarInfo(tag))
        docker("import", "-", f"{REPOSITORY}/node:{tag}", stdin=archive.getvalue())
    yield made
    for tag in there():
        docker("image", "rm", "--force", f"{REPOSITORY}/node:{tag}")


def test_only_what_nobody_needs_is_removed(tags, tmp_path):
    other = Settings("other", tmp_path / "checkout", tmp_path / "cache")
    other.state.mkdir()
    images._note(other, [f"{REPOSITORY}/node:noted"])
    made = docker("create", f"{REPOSITORY}/node:stopped", "/none")
    try:
        images.remove_old([f"{REPOSITORY}/node:now"])
        assert there() == {"now", "stopped", "noted"}
        (other.state / images.NEEDED).unlink()
        images.remove_all()
        assert there() == {"stopped"}
    finally:
        docker("rm", made)
    images.remove_all()
    assert there() == set()
