"""Programs that images and their registry are made with."""

import pytest
from picloud_images import programs
from picloud_watch import NoAnswerError


def test_a_program_that_is_missing_or_fails_is_named():
    with pytest.raises(NoAnswerError, match=r"nosuch is not installed: salt-run image\.registry"):
        programs.run("nosuch")
    with pytest.raises(NoAnswerError, match="sh failed: a b"):
        programs.run("sh", "-c", "echo a >&2; echo b >&2; exit 3")
    with pytest.raises(NoAnswerError, match=r"sleep failed: .*timed out"):
        programs.run("sleep", "5", timeout=0.1)
    assert programs.run("sh", "-c", "cat; exit 2", given="in", codes=(2,)) == "in"


def test_what_a_program_says_keeps_its_line_ends():
    assert programs.run("printf", "{\\r\\n}\\r\\n") == "{\r\n}\r\n"
