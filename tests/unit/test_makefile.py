"""The Makefile where it could go wrong quietly: no git, a folder with a space, root's .venv."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534
TOOL = """\
#!/bin/sh
printf '%s\\n' "${0##*/}" "$@" >>calls
"""


@pytest.fixture
def checkout(repo):
    """A folder that everybody can read, with the Makefile and tools that note how they are run."""
    root = Path(tempfile.mkdtemp(prefix="makefile"))
    root.chmod(0o755)
    shutil.copy(repo / "Makefile", root)
    for name in ("pyproject.toml", "requirements.lock", "salt/a.sls", "salt/part/init.sls"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (root / ".venv/bin").mkdir(parents=True)
    for name in ("python", "ruff", "yamllint", "salt-lint", "mypy"):
        (root / ".venv/bin" / name).write_text(TOOL)
        (root / ".venv/bin" / name).chmod(0o755)
    yield root
    shutil.rmtree(root)


def make(root, *arguments, **options):
    command = ["make", "--no-print-directory", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, check=False, **options
    )


def calls(root):
    return (root / "calls").read_text().splitlines()


@pytest.mark.parametrize("reactor", [False, True])
def test_lint_needs_no_git(checkout, reactor):
    wanted = {"salt/a.sls", "salt/part/init.sls"}
    if reactor:
        (checkout / "reactor").mkdir()
        (checkout / "reactor/start.sls").write_text("")
        wanted.add("reactor/start.sls")
    done = make(checkout, "-o", ".venv/.made", "lint")
    assert done.returncode == 0, done.stderr
    said = calls(checkout)
    linted = said[said.index("salt-lint") + 1 : said.index("mypy")]
    assert set(linted) == wanted


@pytest.mark.parametrize("folder", ["pillar/cloud", "with space", "it's", "$HOME;ls", "*"])
def test_the_folder_to_validate_is_one_word(checkout, folder):
    done = make(checkout, "-o", ".venv/.made", "validate", f"DIR={folder.replace('$', '$$')}")
    assert done.returncode == 0, done.stderr
    assert calls(checkout) == ["python", "-m", "tools.validate", folder]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["run"], ["run", "--", "picloud.status"]),
        (["run", "ARGS=card.list state=used"], ["run", "--", "card.list state=used"]),
        (["salt"], ["salt", "--", "'*' test.ping"]),
        (["salt", "ARGS='pi*' test.ping"], ["salt", "--", "'pi*' test.ping"]),
    ],
)
def test_salt_and_its_runners_have_something_to_do_without_arguments(checkout, given, said):
    done = make(checkout, "-o", ".venv/.made", *given)
    assert done.returncode == 0, done.stderr
    assert calls(checkout)[-3:] == said


@pytest.mark.parametrize("read_only", [".venv", ".venv/.made"])
def test_a_venv_of_root_is_named_before_anything_is_done(checkout, read_only):
    made = checkout / ".venv/.made"
    made.write_text("")
    os.utime(made, (0, 0))
    (checkout / ".venv").chmod(0o777)
    made.chmod(0o666)
    (checkout / read_only).chmod(0o555)
    root = os.geteuid() == 0
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    done = make(checkout, "validate", **who)
    (checkout / ".venv").chmod(0o755)
    assert done.returncode
    assert f"the .venv belongs to {made.owner()}; run with sudo" in done.stderr
    assert "installing" not in done.stdout
    assert not (checkout / "calls").exists()


def test_a_venv_of_ones_own_is_refreshed(checkout):
    done = make(checkout, "venv")
    assert done.returncode == 0, done.stderr
    said = calls(checkout)
    assert "pip" in said
    assert said.count("--quiet") == 2  # errors, but no warnings
    assert (checkout / ".venv/.made").exists()


LEVELS = ("tests/unit", "tests/integration", "tests/lab")
PYTEST = """#!/bin/sh
echo "$@" >> calls
case "$*" in *"$FAILS"*) exit 1;; esac
"""


@pytest.mark.parametrize("fails", [*LEVELS, "nothing"])
def test_every_level_is_run_and_none_fails_unseen(checkout, fails):
    for name, text in ((".venv/bin/pytest", PYTEST), ("lab/host-packages", "#!/bin/sh\n")):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text(text)
        (checkout / name).chmod(0o755)
    done = make(checkout, "-o", "lint", "test", f"FAILS={fails}")
    assert bool(done.returncode) == (fails in LEVELS), done.stdout + done.stderr
    assert all(any(level in call for call in calls(checkout)) for level in LEVELS)
