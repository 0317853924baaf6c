"""Two commands at once: what works on the same lab or node is told apart from what does not."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from lab import lock, mishaps
from lab.errors import LabError
from lab.settings import Settings


@pytest.fixture(autouse=True)
def locks(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "LOCKS", tmp_path / "locks")


@pytest.fixture
def settings(tmp_path):
    return Settings("lab", tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (None, None, "the lab lab"),
        (None, ["pi3"], "the lab lab"),
        (["pi3"], None, "the lab lab"),
        (["pi3"], ["pi3"], "pi3"),
        (["pi2", "pi3"], ["pi3", "pi4"], "pi3"),
        (["pi2", "pi3"], ["pi4"], None),
        ([], [], None),
    ],
)
def test_who_comes_second(settings, first, second, refused):
    def held(names):
        return lock.whole(settings) if names is None else lock.nodes(settings, names)

    with ExitStack() as stack:
        stack.enter_context(held(first))
        if refused:
            with pytest.raises(LabError, match=f"another command works on {refused}") as caught:
                stack.enter_context(held(second))
            assert f"process {os.getpid()}: " in caught.value.what
        else:
            stack.enter_context(held(second))
    with held(second):
        pass  # all is free again, also what was locked before the one that was not


def test_two_labs_have_nothing_to_do_with_each_other(settings, tmp_path):
    with lock.whole(settings), lock.whole(Settings("other", tmp_path, tmp_path)):
        pass


def test_what_a_killed_command_had_is_free(settings):
    program = (
        "import sys, time; from pathlib import Path; from lab import lock; from lab.settings "
        "import Settings; lock.LOCKS = Path(sys.argv[1]); lab = Settings('lab', Path(), Path())\n"
        "with lock.nodes(lab, ['pi3']): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, lock.LOCKS], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(LabError, match=f"process {other.pid}"):
                lock.nodes(settings, ["pi3"]).__enter__()
        finally:
            other.kill()
    with lock.nodes(settings, ["pi3"]):
        pass


def test_a_mishap_does_not_begin_where_another_is_under_way(settings, repo, monkeypatch):
    done, site = [], mishaps.description.read(repo)
    monkeypatch.setattr(mishaps.description, "read", lambda _: site)
    monkeypatch.setattr(mishaps.Mishaps, "swap", lambda _, name: done.append(name))
    monkeypatch.setattr(mishaps.Mishaps, "powercut", lambda _, rack: done.append(rack))
    with lock.nodes(settings, ["pi3"]):
        for what, target in (("swap", "pi3"), ("powercut", "rack1")):
            with pytest.raises(LabError, match="another command works on pi3"):
                mishaps.run(settings, what, target)
        mishaps.run(settings, "swap", "pi4")
        mishaps.run(settings, "powercut", "rack2")
        mishaps.run(settings, "swap", "../no/node")
    assert done == ["pi4", "rack2", "../no/node"]
