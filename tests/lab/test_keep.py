"""Kept data on real nodes: a new card has them again, and no node reaches what is another's."""

import pytest

from lab import mishaps
from lab.apart import Apart
from tests.lab.keeping import highstate, keeping

DATA, FILE = "/srv/kept", "/etc/kept.conf"
REPOSITORIES = "/var/lib/picloud-keep"

MAKE = f"""
set -e
mkdir -p {DATA}/deep/empty
printf hello >{DATA}/deep/file
chown 1234:33 {DATA}/deep/file
chmod 0640 {DATA}/deep/file
chmod 2750 {DATA}/deep
ln -s deep/file {DATA}/link
ln {DATA}/deep/file {DATA}/same
touch -d 2026-01-02T03:04:05 {DATA}/deep/file
printf 'a = 1\\n' >{FILE}
"""
# Name, kind, mode, owners, links, target; size and time of what is no folder.
LIST = (
    f"find {DATA} {FILE} -printf '%p %y %m %U %G %n %l ' "
    "\\( -type d -o -printf '%s %Ts' \\) -printf '\\n'"
)

#: What ssh says when the master's sshd is too busy to show its key: its answer came too late, or
#: it took no more connections (MaxStartups, PerSourceMaxStartups).
BUSY = ("timed out", "kex_exchange_identification")

#: A shell in which Borg and ssh go the way of this node, whatever they are asked for.
NODE_SHELL = """
set -a
. /etc/picloud/keep/environment
set +a
"""


@pytest.fixture(scope="module")
def kept(lab: Apart):
    """Return the lab while pi1 and pi2 keep something; pi0 keeps nothing."""
    with keeping(lab, "pi1", DATA, FILE), keeping(lab, "pi2", "/srv/other"):
        yield lab


def shell(lab: Apart, node: str, script: str):
    """Run a script on a node that goes the node's way to its archives."""
    return lab.execute(node, "bash", "-c", NODE_SHELL + script, check=False)


def test_a_new_card_is_given_back_what_its_node_keeps(kept: Apart):
    kept.execute("pi1", "bash", "-c", MAKE)
    before = kept.execute("pi1", "bash", "-c", f"{LIST} | sort").stdout
    archive = kept.run("keep.now", "node=pi1")["archive"]
    assert "1234 33" in before
    mishaps.run(kept.settings, "swap", "pi1")
    assert kept.execute("pi1", "bash", "-c", f"{LIST} | sort").stdout == before
    record = kept.salt("pi1", "pikeep.record")
    assert {path: note["archive"] for path, note in record.items()} == dict.fromkeys(
        (DATA, FILE), archive
    )
    timer = kept.execute("pi1", "systemctl", "is-active", "picloud-keep.timer")
    assert timer.stdout.strip() == "active"


def test_the_new_card_copies_in_its_turn(kept: Apart):
    kept.execute("pi1", "sh", "-c", f"echo more >>{DATA}/deep/file")
    archive = kept.run("keep.now", "node=pi1")["archive"]
    row = kept.run("keep.status", "node=pi1")["nodes"]["pi1"]
    assert (row["newest"], row["gone"], row["keeps"]) == (archive, [], [FILE, DATA])
    assert row["archives"] >= 2


def test_what_was_given_back_once_is_the_nodes_own(kept: Apart):
    kept.execute("pi1", "rm", f"{DATA}/link")
    states = highstate(kept, "pi1")
    assert not states["keep-restored"]["changes"]
    assert kept.execute("pi1", "test", "-e", f"{DATA}/link", check=False).returncode != 0


def test_data_on_both_sides_are_a_persons_decision(kept: Apart):
    kept.execute("pi1", "rm", "/var/lib/picloud/keep.json")
    kept.execute("pi1", "sh", "-c", f"echo mine >{DATA}/deep/file")
    states = kept.salt("pi1", "state.apply", "keep", "queue=True")
    (state,) = [one for one in states.values() if one["__id__"] == "keep-restored"]
    assert state["result"] is False
    assert f"salt-call pikeep.leave {FILE}" in state["comment"]
    assert kept.execute("pi1", "cat", f"{DATA}/deep/file").stdout == "mine\n"
    kept.salt("pi1", "pikeep.leave", FILE)
    kept.salt("pi1", "pikeep.restore", DATA)
    assert kept.execute("pi1", "cat", f"{DATA}/deep/file").stdout == "hellomore\n"
    highstate(kept, "pi1")


@pytest.mark.parametrize(
    "try_it",
    [
        "ssh -F /etc/picloud/keep/ssh_config picloud-keep cat /etc/hostname",
        "ssh -F /etc/picloud/keep/ssh_config -t picloud-keep sh -c 'cat /etc/hostname'",
        "echo get /etc/hostname | sftp -F /etc/picloud/keep/ssh_config -b - picloud-keep",
        f"borg list ssh://picloud-keep{REPOSITORIES}/pi1",
        f"borg init -e none ssh://picloud-keep{REPOSITORIES}/pi1/own",
        "borg init -e none ssh://picloud-keep/tmp/own",
        "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=YES borg delete",
        "borg serve --restrict-to-path / </dev/null",
    ],
    ids=["command", "terminal", "sftp", "other", "within", "elsewhere", "destroy", "serve"],
)
def test_a_node_reaches_its_own_archives_and_nothing_else(kept: Apart, try_it: str):
    had = sorted(kept.execute("head", "find", REPOSITORIES, "-name", "config").stdout.split())
    done = shell(kept, "pi2", f"timeout 30 {try_it} </dev/null")
    assert kept.settings.head not in done.stdout
    assert "head.pi.example" not in done.stdout
    assert f"{DATA}" not in done.stdout
    assert had == sorted(
        kept.execute("head", "find", REPOSITORIES, "-name", "config").stdout.split()
    )
    assert kept.run("keep.status", "node=pi1")["nodes"]["pi1"]["gone"] == []


def test_no_port_is_forwarded(kept: Apart):
    done = shell(
        kept,
        "pi2",
        "ssh -F /etc/picloud/keep/ssh_config -N -L 127.0.0.1:9999:127.0.0.1:22 picloud-keep & "
        "sleep 3; timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9999; head -c 4 <&3'; kill %1",
    )
    assert "SSH" not in done.stdout
    assert "prohibited" in done.stderr


@pytest.mark.parametrize("whose", ["a stranger's key", "an accepted node that keeps nothing"])
def test_whoever_keeps_nothing_here_is_not_let_in(kept: Apart, whose: str):
    key = "/tmp/key" if "stranger" in whose else "/etc/salt/pki/minion/minion.pem"
    done = kept.execute(
        "pi0",
        "bash",
        "-c",
        "rm -f /tmp/key*; ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f /tmp/key; "
        f"timeout 30 ssh -i {key} -p 4507 -o BatchMode=yes -o StrictHostKeyChecking=no "
        "-o IdentitiesOnly=yes picloud-keep@head.pi.example; rm -f /tmp/key*",
        check=False,
    )
    assert "Permission denied (publickey)" in done.stderr


def test_a_master_with_another_key_is_not_trusted(kept: Apart):
    script = """
    rm -f /tmp/other*
    ssh-keygen -q -t ed25519 -N '' -f /tmp/other
    echo "picloud-keep $(cut -d' ' -f1,2 /tmp/other.pub)" >/tmp/other.known
    cd /etc/picloud/keep
    sed s,$PWD/known_hosts,/tmp/other.known, ssh_config >/tmp/other.way
    ssh -F /tmp/other.way picloud-keep </dev/null
    BORG_RSH='ssh -F /tmp/other.way' borg list
    """
    for _ in range(3):
        done = shell(kept, "pi2", script)
        if not any(words in done.stderr for words in BUSY):
            break
    assert done.returncode != 0, done.stdout
    # By ssh itself: Borg loses its words when it sees first that ssh has ended.
    assert "Host key verification failed" in done.stderr, done.stderr


def test_what_a_node_deletes_is_noticed_and_can_be_brought_back(kept: Apart):
    first = kept.run("keep.now", "node=pi1")["archive"]
    kept.run("keep.now", "node=pi1")
    repository = f"{REPOSITORIES}/pi1"
    assert kept.run("keep.status", "node=pi1")["nodes"]["pi1"]["gone"] == []
    last = kept.execute("head", "tail", "-n", "1", f"{repository}/transactions").stdout.split()[1]
    done = shell(kept, "pi1", f"borg delete ::{first} && borg compact")
    assert done.returncode == 0, done.stderr
    assert kept.run("keep.status", "node=pi1")["nodes"]["pi1"]["gone"] == [first]
    said = kept.run("keep.prune", "node=pi1")
    assert "has deleted archives itself" in said["message"]
    # As docs/keep.md has it.
    kept.execute(
        "head",
        "sh",
        "-c",
        f"cd {repository} && for part in data/*/*; do "
        f'[ "${{part##*/}}" -le {last.rstrip(",")} ] || rm "$part"; done; '
        "rm -f index.* hints.* integrity.*",
    )
    kept.execute("pi1", "rm", "-r", "/var/lib/picloud/borg")
    assert kept.run("keep.status", "node=pi1")["nodes"]["pi1"]["gone"] == []
    done = shell(kept, "pi1", f"borg list ::{first}")
    assert "srv/kept/deep/file" in done.stdout, done.stderr


def test_old_archives_go_and_their_room_is_freed(kept: Apart):
    kept.execute("pi1", "sh", "-c", f"head -c 8000000 /dev/urandom >{DATA}/big")
    kept.run("keep.now", "node=pi1")
    kept.execute("pi1", "rm", f"{DATA}/big")
    kept.run("keep.now", "node=pi1")
    before = kept.run("keep.status", "node=pi1")["nodes"]["pi1"]
    done = kept.run("keep.prune", "node=pi1")
    after = kept.run("keep.status", "node=pi1")["nodes"]["pi1"]
    assert done["deleted"]["pi1"]
    assert after["newest"] == before["newest"]
    assert after["gone"] == []
    assert after["bytes"] < before["bytes"] - 7_000_000
    kept.run("keep.now", "node=pi1")


def test_archives_that_are_lost_at_the_master_are_begun_anew(kept: Apart):
    kept.execute("pi2", "sh", "-c", "mkdir -p /srv/other; echo x >/srv/other/file")
    lost = kept.run("keep.now", "node=pi2")["archive"]
    assert kept.run("keep.status", "node=pi2")["nodes"]["pi2"]["newest"] == lost
    kept.execute("head", "rm", "-r", f"{REPOSITORIES}/pi2")
    failed = kept.execute("pi2", "systemctl", "start", "picloud-keep.service", check=False)
    assert failed.returncode != 0
    begun = kept.run("keep.now", "node=pi2")["archive"]
    row = kept.run("keep.status", "node=pi2")["nodes"]["pi2"]
    assert (row["newest"], row["archives"], row["gone"]) == (begun, 1, [lost])
    assert kept.run("keep.accept", "node=pi2")["gone"] == [lost]
    assert kept.run("keep.status", "node=pi2")["nodes"]["pi2"]["gone"] == []


def test_a_master_that_is_away_fails_the_state_with_the_reason(kept: Apart):
    kept.execute("head", "systemctl", "stop", "picloud-keep-sshd")
    try:
        # As a card that never had the data; with data of its own it would be a person's decision.
        kept.execute("pi2", "rm", "-r", "/var/lib/picloud/keep.json", "/srv/other")
        for _ in range(3):
            states = kept.salt("pi2", "state.apply", "keep", "queue=True")
            (state,) = [one for one in states.values() if one["__id__"] == "keep-restored"]
            assert state["result"] is False
            if "Remote: " in state["comment"]:
                break  # else Borg saw that ssh had ended before it read what ssh said
        assert "Connection refused" in state["comment"], state["comment"]
    finally:
        kept.execute("head", "systemctl", "start", "picloud-keep-sshd")
    highstate(kept, "pi2")
    assert kept.execute("pi2", "cat", "/srv/other/file").stdout == "x\n"


def test_a_node_that_keeps_nothing_any_more_keeps_its_archives(lab: Apart, kept: Apart):
    with keeping(lab, "pi0", "/srv/short"):
        lab.execute("pi0", "sh", "-c", "mkdir -p /srv/short && echo x >/srv/short/file")
        lab.run("keep.now", "node=pi0")
    assert lab.execute("pi0", "cat", "/srv/short/file").stdout == "x\n"
    assert lab.execute("pi0", "systemctl", "list-timers", "-q").stdout.count("picloud-keep") == 0
    assert lab.execute("pi0", "ls", "/etc/picloud/keep").stdout == ""
    row = lab.run("keep.status", "node=pi0")["nodes"]["pi0"]
    assert (row["archives"], row["keeps"]) == (1, [])
