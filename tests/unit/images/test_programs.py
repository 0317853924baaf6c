"""Programs that images and their registry are made with."""

import time
from pathlib import Path

import pytest
from picloud_images import programs
from picloud_watch import NoAnswerError


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("nosuch",), "nosuch is not installed on this machine"),
        (("skopeo",), "skopeo is not installed: salt-run image.registry"),
        (("/bin/sh", "-c", "echo a >&2; echo b >&2; exit 3"), "/bin/sh failed: a b"),
        (("/bin/sleep", "5"), "/bin/sleep took longer than 0.2 s"),
        (("/bin/sh", "a\0b"), "/bin/sh failed: embedded null byte"),
    ],
)
def test_a_program_that_is_missing_or_fails_is_named(monkeypatch, tmp_path, command, said):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoAnswerError) as caught:
        programs.run(*command, timeout=0.2)
    assert str(caught.value) == said


def test_statuses_that_are_no_failure():
    assert programs.run("sh", "-c", "cat; exit 2", given="in", codes=(2,)) == "in"


def test_what_a_program_started_ends_with_it(tmp_path):
    told = tmp_path / "pid"
    with pytest.raises(NoAnswerError):
        programs.run("sh", "-c", f"sleep 60 & echo $! > {told}; wait", timeout=0.5)
    stat = Path(f"/proc/{told.read_text().strip()}/stat")
    for _ in range(100):
        # Whoever takes over what nobody waits for may not be quick.
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("it lives on")


def test_what_a_program_says_keeps_its_line_ends():
    assert programs.run("printf", "{\\r\\n}\\r\\n") == "{\r\n}\r\n"
