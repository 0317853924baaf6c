"""
Write BOINC's files, and become BOINC.

Environment: ``PROJECT_FILE`` (/run/secrets/boinc-project), see ``project``; ``DATA``, the folder of
BOINC (/var/lib/boinc-client); what BOINC may take, see ``preferences``.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from picloud_boinc.preferences import (
    PreferencesError,
    configuration,
    override,
    preferences,
    total_mb,
)
from picloud_boinc.project import Project, ProjectError, is_account, is_same, project

PASSWORD = "gui_rpc_auth.cfg"


def say(text: str) -> None:
    """
    Write a line of the log.

    text
        The line.
    """
    print(text, file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """
    Write a file that only BOINC reads, as a whole or not at all; a link is replaced and not
    followed.

    path, text
        The file.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(new, "x", encoding="utf-8", opener=_private) as file:
        file.write(text)
    new.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def attach(folder: Path, wanted: Project | None) -> None:
    """
    Have BOINC's folder name this project and no other.

    folder
        The folder.
    wanted
        The project; None for none: what was done for another one is deleted by BOINC.
    """
    for path in folder.iterdir():
        if is_account(path.name) and (wanted is None or path.name != wanted.file):
            path.unlink()
    if wanted is None:
        return
    path = folder / wanted.file
    if not (path.is_file() and is_same(path.read_text("utf-8", "replace"), wanted)):
        write(path, wanted.account)


def prepare(folder: Path, wanted: Project | None, env: Mapping[str, str], memory: float) -> None:
    """
    Write all that BOINC reads.

    folder
        Its folder.
    wanted
        The project, or None.
    env
        The environment. Raises PreferencesError when it is not right.
    memory
        The node's memory in MB.
    """
    most = preferences(env)
    write(folder / "cc_config.xml", configuration(most))
    write(folder / "global_prefs_override.xml", override(most, memory))
    # Debian's is a link to an empty file: a password that everybody knows.
    password = folder / PASSWORD
    if password.is_symlink() or not password.is_file() or not password.read_text("utf-8").strip():
        write(password, f"{secrets.token_hex(16)}\n")
    attach(folder, wanted)


def main() -> int:
    """Become BOINC; returns an exit status only where that fails."""
    env = os.environ
    folder = Path(env.get("DATA", "/var/lib/boinc-client"))
    secret = Path(env.get("PROJECT_FILE", "/run/secrets/boinc-project"))
    try:
        wanted = project(secret.read_text("utf-8"))
        memory = total_mb(Path("/proc/meminfo").read_text("utf-8"))
        prepare(folder, wanted, env, memory)
        if wanted:
            say(f"works for {wanted.url}")
        else:
            say("no project is attached, so it idles; see docs/boinc.md")
        os.execvp("boinc", ["boinc", "--dir", str(folder), "--no_gpus"])
    except (ProjectError, PreferencesError, OSError, ValueError) as err:
        say(f"BOINC was not started: {err}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
