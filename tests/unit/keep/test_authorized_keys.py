"""What sshd is told about a key, by the program that it runs: real files, a real description."""

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from picloud.store import Store

from tests.unit.core.rendering import render
from tests.unit.keep.test_keep import accepted, offered


@pytest.fixture(scope="module")
def keys():
    """Return three public keys."""
    make = rsa.generate_private_key
    return [make(public_exponent=65537, key_size=2048).public_key() for _ in range(3)]


@pytest.fixture
def master(repo, tmp_path):
    """Return what asks the program as sshd does; ``master.minions`` holds the accepted keys."""
    return Master(repo, tmp_path)


class Master:
    """A master with a description in which pi2 keeps something, and pi1 nothing."""

    def __init__(self, repo, folder):
        self.program = repo / "master" / "keep" / "authorized_keys"
        self.minions = folder / "pki" / "minions"
        self.minions.mkdir(parents=True)
        self.database = folder / "description.db"
        root = folder / "cloud"
        for path in (repo / "tests" / "data" / "tiny").rglob("*.sls"):
            target = root / path.relative_to(repo / "tests" / "data" / "tiny")
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text()
            target.write_text(text.replace("{id: pi2,", "{id: pi2, keep: [/srv/data],"))
        self.store = Store(root, self.database, render)

    def ask(self, public, kind="ssh-rsa"):
        """Return what is printed for a key."""
        form = serialization.PublicFormat.OpenSSH
        assert public.public_bytes(serialization.Encoding.OpenSSH, form).startswith(b"ssh-rsa ")
        return self.run(kind, offered(public))

    def run(self, kind, key):
        done = subprocess.run(
            [
                *(sys.executable, "-I", self.program, kind, key),
                *("--pki-dir", self.minions.parent, "--description", self.database),
                *("--repositories", "/var/lib/picloud-keep"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.said = done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout


def test_a_node_that_keeps_something_gets_its_line(master, keys):
    assert master.store.view("pi2")[0]["keep"]["paths"] == ["/srv/data"]
    (master.minions / "pi2").write_text(accepted(keys[0]))
    assert master.ask(keys[0]) == (
        'restrict,command="env -u SSH_ORIGINAL_COMMAND borg serve --append-only '
        '--storage-quota 4096M --restrict-to-repository /var/lib/picloud-keep/pi2" '
        f"ssh-rsa {offered(keys[0])}\n"
    )


@pytest.mark.parametrize("form", ["\r\n", "\n\n", ""], ids=["CRLF", "lines", "no end"])
def test_a_key_is_the_same_however_its_lines_end(master, keys, form):
    master.store.view("pi2")
    text = accepted(keys[0])
    data = text.replace("\n", form) if form == "\r\n" else text.rstrip("\n") + form
    (master.minions / "pi2").write_bytes(data.encode())
    assert master.ask(keys[0])


@pytest.mark.parametrize("name", ["pi1", "card-0123456789ab", "pi3", "stranger", ".pi2"], ids=str)
def test_an_accepted_key_of_anybody_else_gets_nothing(master, keys, name):
    master.store.view("pi2")
    (master.minions / name).write_text(accepted(keys[0]))
    assert master.ask(keys[0]) == ""
    assert master.said == ""


def test_a_key_that_salt_does_not_accept_gets_nothing(master, keys):
    master.store.view("pi2")
    (master.minions / "pi2").write_text(accepted(keys[0]))
    for folder in ("minions_denied", "minions_pre", "minions_rejected"):
        (master.minions.parent / folder).mkdir()
        (master.minions.parent / folder / "pi2").write_text(accepted(keys[1]))
    assert master.ask(keys[1]) == ""
    assert master.ask(keys[2]) == ""


def test_a_card_that_was_swapped_out_is_out_at_once(master, keys):
    master.store.view("pi2")
    (master.minions / "pi2").write_text(accepted(keys[0]))
    assert master.ask(keys[0])
    (master.minions / "pi2").write_text(accepted(keys[1]))
    assert master.ask(keys[0]) == ""
    assert master.ask(keys[1])


@pytest.mark.parametrize(
    ("kind", "key"), [("ssh-ed25519", "AAAA"), ("ssh-rsa", "AAAA"), ("ssh-rsa", "--help")]
)
def test_odd_keys_get_nothing(master, kind, key):
    master.store.view("pi2")
    assert "restrict" not in master.run(kind, key)


def test_without_a_description_nobody_gets_in_and_the_reason_is_said(master, keys):
    (master.minions / "pi2").write_text(accepted(keys[0]))
    assert master.ask(keys[0]) == ""
    assert "no key is accepted" in master.said
