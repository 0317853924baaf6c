"""
Small files of the system, written as a group, with what was there before kept aside.

What a group replaces goes to ``/etc/picloud/originals`` the first time, so that taking a part
off a node leaves the files the distribution (or a person) had put there.
"""

import contextlib
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pifile"
KEEP = "/etc/picloud/originals"


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "pifile: system files are managed on Linux only"
    return __virtualname__


def look(path):
    """
    Return what is at a path: ``{}`` for nothing, ``{"link": target}`` for a symbolic link, else
    ``{"contents": text, "mode": "0644"}``.

    path
        An absolute path. Text that is not UTF-8 is read with surrogate escapes.

    Raises ``CommandExecutionError`` for what is neither file nor link, or cannot be read.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.look /etc/hosts
    """
    path = Path(path)
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return {"link": os.readlink(path)}
        if not stat.S_ISREG(mode):
            raise CommandExecutionError(f"{path} is neither a file nor a link")
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {path}: {err}") from err
    return {"contents": text, "mode": f"{stat.S_IMODE(mode):04o}"}


def put(path, what):
    """
    Make a path be what is described, at once (temporary file and rename). Returns None.

    path
        An absolute path; missing folders are made.
    what
        As ``pifile.look`` returns it; ``{}`` removes the file.

    Raises ``CommandExecutionError`` if it cannot be done; what was there is then still there.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.put /etc/motd '{contents: hello, mode: "0644"}'
    """
    path = Path(path)
    try:
        if not what:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
            return
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".picloud.", dir=path.parent)
        try:
            staged = Path(folder) / "file"
            if "link" in what:
                staged.symlink_to(what["link"])
            else:
                with staged.open("wb") as handle:
                    os.fchmod(handle.fileno(), int(what["mode"], 8))
                    handle.write(what["contents"].encode("utf-8", "surrogateescape"))
                    handle.flush()
                    os.fsync(handle.fileno())
            os.replace(staged, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as err:
        raise CommandExecutionError(f"Cannot write {path}: {err}") from err


def _index(keep):
    path = Path(keep) / "index.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"Cannot read {path}: {err}") from err


def _write_index(index, keep):
    Path(keep).mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(index, indent=1, sort_keys=True)
    put(Path(keep) / "index.json", {"contents": text + "\n", "mode": "0600"})


def originals(group, keep=KEEP):
    """
    Return what was at each path of a group before it was ours.

    group
        The group's name.
    keep
        The folder of the record.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.originals base-names
    """
    return {path: note["was"] for path, note in _index(keep).items() if note["group"] == group}


def write(group, files, keep=KEEP):
    """
    Write files of a group. What is replaced for the first time is kept.

    group
        The group's name.
    files
        Path to what shall be there, as in ``pifile.put``.
    keep
        The folder of the record. It is written before the files, so that nothing is lost half way.

    Raises ``SaltInvocationError`` for a path that belongs to another group.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.write base-motd '{/etc/motd: {contents: hello, mode: "0644"}}'
    """
    index = _index(keep)
    noted = dict(index)
    for path in files:
        owner = index.get(path, {}).get("group", group)
        if owner != group:
            raise SaltInvocationError(f"{path} belongs to {owner}, so {group} cannot have it")
        if path not in index:
            noted[path] = {"group": group, "was": look(path)}
    if noted != index:
        try:
            _write_index(noted, keep)
        except OSError as err:
            raise CommandExecutionError(f"Cannot keep originals in {keep}: {err}") from err
    for path, what in files.items():
        put(path, what)


def restore(group, paths=None, keep=KEEP):
    """
    Put back what was there before a group's files were ours, and forget about them.

    group
        The group's name.
    paths
        Which of its paths; default all.
    keep
        The folder of the record.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.restore base-names
    """
    index = _index(keep)
    gone = [
        path
        for path, note in index.items()
        if note["group"] == group and (paths is None or path in paths)
    ]
    for path in gone:
        put(path, index[path]["was"])
    if gone:
        _write_index({path: note for path, note in index.items() if path not in gone}, keep)


def is_due(group, keep=KEEP):
    """
    Say whether files of a group were written and the commands that put them into use have not all
    succeeded since: the job was killed, or a command failed.

    group
        The group's name.
    keep
        The folder of the record.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.is_due base-sshd
    """
    return _due(group, keep).exists()


def set_due(group, due, keep=KEEP):
    """
    Note that a group's files are still to be put into use, or that they are in use.

    group
        The group's name.
    due
        True: still to be put into use.
    keep
        The folder of the record.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.set_due base-sshd True
    """
    try:
        if due:
            Path(keep).mkdir(mode=0o700, parents=True, exist_ok=True)
            _due(group, keep).touch(mode=0o600)
        else:
            _due(group, keep).unlink(missing_ok=True)
    except OSError as err:
        raise CommandExecutionError(f"Cannot note in {keep} what is due: {err}") from err


def _due(group, keep):
    return Path(keep) / f"{group.replace('/', '%')}.due"


def test(command, path, what):
    """
    Try a file before it is used: write it to a temporary place and run a command on it.

    command
        A list of words; ``{file}`` stands for the temporary file.
    path
        The path it is meant for, for the message.
    what
        As in ``pifile.put``.

    Raises ``CommandExecutionError`` with what the command said if it fails.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.test '[visudo, -cf, "{file}"]' /etc/sudoers.d/x '{contents: "", mode: 0440}'
    """
    folder = tempfile.mkdtemp(prefix="picloud.")
    try:
        staged = Path(folder) / Path(path).name
        put(staged, what)
        run([word.replace("{file}", str(staged)) for word in command], f"{path} is refused")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(command, problem="it failed"):
    """
    Run a command without a shell. Raises ``CommandExecutionError`` with its output if it fails.

    command
        A list of words.
    problem
        How the message starts.

    CLI Example:

    .. code-block:: bash

        salt pi3 pifile.run '[sshd, -t]'
    """
    answer = __salt__["cmd.run_all"](command, python_shell=False, ignore_retcode=True)
    if answer["retcode"] != 0:
        said = " ".join(filter(None, [answer.get("stderr"), answer.get("stdout")])).strip()
        raise CommandExecutionError(
            f"{problem}: `{' '.join(command)}` ended with {answer['retcode']}: {said or 'no word'}"
        )
