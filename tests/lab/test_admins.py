"""An admin of the description logs in by key on a real node, and no longer when taken out of it."""

import json

from lab.apart import Apart

NODE = "pi1"
KEY = "/root/jane"
LOGIN = (
    "ssh",
    "-i",
    KEY,
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=no",
    "jane@127.0.0.1",
)


def highstate(lab: Apart) -> set[str]:
    """Apply the highstate; the states that changed."""
    states = lab.salt(NODE, "state.highstate", "queue=True")
    bad = {s["__id__"]: s["comment"] for s in states.values() if s["result"] is not True}
    assert not bad, bad
    return {state["__id__"] for state in states.values() if state["changes"]}


def login(lab: Apart, *command: str, options: tuple[str, ...] = ()):
    """Log in as the admin and run a command."""
    return lab.execute(NODE, *LOGIN[:-1], *options, LOGIN[-1], *command, check=False)


def test_an_admin_comes_and_goes(lab: Apart):
    lab.execute(NODE, "rm", "-f", KEY, f"{KEY}.pub")
    lab.execute(NODE, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
    public = lab.execute(NODE, "cat", f"{KEY}.pub").stdout.strip()
    setting = lab.checkout / "pillar" / "cloud" / "base.sls"
    sound = setting.read_text()
    admins = json.dumps({"jane": {"keys": [public], "sudo": True, "comment": "Jane"}})
    try:
        setting.write_text(sound.replace("admins: {}", f"admins: {admins}"))
        assert setting.read_text() != sound
        assert login(lab, "true").returncode != 0
        assert "base-admins" in highstate(lab)
        assert highstate(lab) == set()
        assert login(lab, "id", "-un").stdout == "jane\n"
        assert login(lab, "sudo", "-n", "id", "-un").stdout == "root\n"
        assert lab.execute(NODE, "visudo", "-c").returncode == 0
        password = login(lab, "true", options=("-o", "PreferredAuthentications=password"))
        assert password.returncode != 0
        assert "Permission denied (publickey)" in password.stderr
    finally:
        setting.write_text(sound)
    assert "base-admins" in highstate(lab)
    assert login(lab, "true").returncode != 0
    assert lab.execute(NODE, "passwd", "--status", "jane").stdout.split()[1] == "L"
    assert lab.execute(NODE, "sudo", "-l", "-U", "jane").stdout.count("NOPASSWD") == 0
    assert highstate(lab) == set()
