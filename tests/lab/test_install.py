"""``docs/install.md`` works as it stands: its commands, step by step, in a clean Debian."""

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import apart, host, hostapt, shell
from tests.conftest import REPO

NAME = "picloud-test-install"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
GUIDE = (REPO / "docs" / "install.md").read_text()
STEPS = re.findall(r"^## (\d\. .*?)$(.*?)(?=^## |\Z)", GUIDE, re.M | re.S)
# Until systemd has booted, it may still clear /tmp under what runs already.
BOOTED = """
until test -S /run/dbus/system_bus_socket; do sleep 1; done
systemctl is-system-running --wait || true
"""
BLOCKS = [
    (title, number, block)
    for title, text in STEPS
    for number, block in enumerate(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S), 1)
]


def docker(*command, check=True):
    done = subprocess.run(
        shell.program(["docker", *command]), capture_output=True, text=True, check=False
    )
    assert not (check and done.returncode), f"docker {command}: {done.stdout}\n{done.stderr}"
    return done


def run(script):
    """Run a script in the machine as an admin's shell would; stop at the first error."""
    return docker("exec", NAME, "bash", "-e", "-c", script, check=False)


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """Return a clean Debian 12 with systemd and nothing else, with the checkout in /srv/picloud."""
    folder = tmp_path_factory.mktemp("install")
    rootfs = folder / "rootfs.tar"
    sources = [
        "deb http://deb.debian.org/debian bookworm main",
        "deb http://deb.debian.org/debian-security bookworm-security main",
    ]
    subprocess.run(
        [
            *("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet"),
            "--include=systemd,systemd-sysv,dbus",
            *(f"--aptopt={option}" for option in hostapt.options()),
            *("bookworm", str(rootfs)),
            *(hostapt.at_host(line, "bookworm") for line in sources),
        ],
        check=True,
    )
    docker("import", str(rootfs), NAME)
    docker("rm", "--force", "--volumes", NAME, check=False)
    docker(
        "run",
        "-d",
        "--name",
        NAME,
        "--network",
        "host",
        *host.container_flags(),
        NAME,
        "/sbin/init",
    )
    try:
        shell.run(
            ["docker", "exec", NAME, "sh", "-c", BOOTED], what="the clean machine did not boot"
        )
        with tarfile.open(folder / "checkout.tar", "w") as archive:
            for name in apart.files(REPO):
                if (REPO / name).is_symlink() or (REPO / name).exists():
                    archive.add(REPO / name, f"srv/picloud/{name}")
        with (folder / "checkout.tar").open("rb") as stream:
            subprocess.run(
                shell.program(["docker", "exec", "-i", NAME, "tar", "-x", "-C", "/"]),
                stdin=stream,
                check=True,
            )
        # How this machine reaches the package index is the machine's affair, not the guide's.
        docker("exec", NAME, "mkdir", "-p", "/etc/ssl/certs")
        if CERTIFICATES.exists():
            docker("cp", str(CERTIFICATES), f"{NAME}:/etc/host-certificates.crt")
            config = "[global]\ncert = /etc/host-certificates.crt\n"
            assert run(f"printf '%s' '{config}' > /etc/pip.conf").returncode == 0
        yield NAME
    finally:
        # The machine shares the network of this one, and so its packet filter.
        docker("exec", NAME, "systemctl", "stop", "picloud-limit", check=False)
        docker("rm", "--force", "--volumes", NAME, check=False)
        docker("image", "rm", NAME, check=False)
        shutil.rmtree(folder)


def test_the_guide_has_commands_for_every_step_it_promises():
    assert [title.split(".")[0] for title, number, _ in BLOCKS if number == 1] == list("1235")


def test_the_guide_step_by_step(debian):
    for title, number, block in BLOCKS:
        done = run(block)
        assert done.returncode == 0, f"{title}, block {number}:\n{done.stdout}\n{done.stderr}"
    keys = run("salt-key --list=accepted").stdout.split()
    assert "pi0" in keys
    assert "56 nodes" in run("salt-run picloud.validate").stdout
    assert run("salt-call --version").returncode == 0
    served = run("salt-run fileserver.file_list").stdout
    assert "top.sls" in served
    assert "cloud.sls" not in served
