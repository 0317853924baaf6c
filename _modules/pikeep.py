"""
Data that this node keeps: copied to the master with BorgBackup, given back to a new card.

Which path this card has been given, and from which archive, is noted in a record on the card. A
card without the record has been given nothing yet.
"""

import json
import os
import shlex
import time
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pikeep"
RECORD = "/var/lib/picloud/keep.json"
ENVIRONMENT = "/etc/picloud/keep/environment"
UNIT = "picloud-keep.service"
MACHINE_ID = "/etc/machine-id"
#: Borg waits so many seconds for a copy that is being made.
LOCK_S = 600
#: What may lie in a path that counts as empty: the folder of fsck on a disk of its own.
NO_DATA = ("lost+found",)


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "pikeep: nodes run Linux"
    return __virtualname__


def record(path=RECORD, machine_id=MACHINE_ID):
    """
    Return what this card has been given: by path ``{"archive", "files", "bytes", "at", "done"}``.

    ``archive`` is None for a path of which the master had nothing, or whose data were there
    already. ``done`` is False while a path is being given back.

    path
        The record.
    machine_id
        The file with the id of this installation: a record that came with an image does not count.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.record
    """
    text = __salt__["pifile.look"](path).get("contents")
    if not text:
        return {}
    try:
        noted = json.loads(text)
    except ValueError as err:
        raise CommandExecutionError(
            f"{path} is damaged ({err}); remove it and apply again"
        ) from err
    return noted["paths"] if noted.get("machine") == _machine(machine_id) else {}


def archives():
    """
    Return the archives that the master has of this node, oldest first: ``[{"name", "time"}, ...]``.

    Raises ``CommandExecutionError`` when the master cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.archives
    """
    said = _borg(["list", "--json"])
    return [{"name": one["name"], "time": one["time"]} for one in json.loads(said)["archives"]]


def has_data(path):
    """
    Say whether there is anything at a path that giving back could overwrite: a file, a link, or a
    folder with one of them somewhere in it.

    path
        An absolute path.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.has_data /srv/data
    """
    if not os.path.lexists(path):
        return False
    if os.path.islink(path) or not os.path.isdir(path):
        return True
    for folder, folders, files in os.walk(path):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        if files or links:
            return True
        if folder == path:
            folders[:] = [name for name in folders if name not in NO_DATA]
    return False


def give_back(paths, path=RECORD, machine_id=MACHINE_ID):
    """
    Give this card what the newest archive has of some paths, with owners, modes and times.

    A path that has data already is left alone, and named in the error when the archive has
    something for it too: only a person can say which of both counts. What was broken off is taken
    up again. Returns the record.

    paths
        Absolute paths.
    path, machine_id
        As in ``pikeep.record``.

    Raises ``CommandExecutionError`` when the master cannot be asked, or a path cannot be given
    back.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.give_back '[/srv/data]'
    """
    newest = _newest()
    noted, undecided = record(path, machine_id), []
    for one in paths:
        if noted.get(one, {}).get("done"):
            continue
        files, size = _content(newest, one) if newest else (0, 0)
        if files and has_data(one) and one not in noted:
            undecided.append(one)
            continue
        note = {"archive": newest if files else None, "files": files, "bytes": size}
        noted[one] = {**note, "at": int(time.time()), "done": not files}
        _write(noted, path, machine_id)
        if files:
            _borg(["extract", f"::{newest}", one.lstrip("/")], cwd="/")
            noted[one].update(at=int(time.time()), done=True)
            _write(noted, path, machine_id)
    if undecided:
        both, first = ", ".join(undecided), undecided[0]
        raise CommandExecutionError(
            f"{both}: there are data on this card, and others in the archive {newest}. To have the "
            f"archived ones beside them: salt-call pikeep.restore {first}; to go on with those of "
            f"the card: salt-call pikeep.leave {first}"
        )
    return noted


def restore(path, archive=None, record_path=RECORD, machine_id=MACHINE_ID):
    """
    Write what an archive has of a path over what is there. Files that the archive does not have
    stay. Returns what was given back.

    path
        An absolute path.
    archive
        Its name, see ``pikeep.archives``; the newest one when left out.
    record_path, machine_id
        As in ``pikeep.record``.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.restore /srv/data 2026-11-21T07:30:00
    """
    archive = archive or _newest()
    files, size = _content(archive, path) if archive else (0, 0)
    if not files:
        raise SaltInvocationError(f"There is nothing of {path} in {archive or 'any archive'}.")
    _borg(["extract", f"::{archive}", path.lstrip("/")], cwd="/")
    note = {"archive": archive, "files": files, "bytes": size, "at": int(time.time()), "done": True}
    _write({**record(record_path, machine_id), path: note}, record_path, machine_id)
    return note


def leave(path, record_path=RECORD, machine_id=MACHINE_ID):
    """
    Note that the data which are at a path are those that count: nothing is given back to it.

    path
        An absolute path.
    record_path, machine_id
        As in ``pikeep.record``.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.leave /srv/data
    """
    note = {"archive": None, "files": 0, "bytes": 0, "at": int(time.time()), "done": True}
    _write({**record(record_path, machine_id), path: note}, record_path, machine_id)
    return note


def create():
    """
    Copy what this node keeps to the master now. Returns the name of the new archive.

    Raises ``CommandExecutionError`` with the end of the unit's journal when it fails.

    CLI Example:

    .. code-block:: bash

        salt pi3 pikeep.create
    """
    before = _newest()
    try:
        __salt__["pifile.run"](["systemctl", "start", UNIT], "no copy was made")
    except CommandExecutionError as err:
        command = ["journalctl", "-u", UNIT, "-n", "5", "-o", "cat", "--no-pager"]
        said = __salt__["cmd.run_stdout"](command, python_shell=False)
        raise CommandExecutionError(f"{err}\n{said}") from err
    made = _newest()
    if made is None or made == before:
        raise CommandExecutionError(
            "No copy was made: this card was not given its data yet; see salt-call pikeep.record"
        )
    return made


def _newest():
    """Name of the newest archive; None when there is none, or no repository yet, which is made."""
    try:
        found = archives()
    except CommandExecutionError as err:
        if "does not exist" not in str(err):
            raise
        _borg(["init", "--encryption", "none", "--make-parent-dirs"])
        return None
    return found[-1]["name"] if found else None


def _content(archive, path):
    """How many files an archive has of a path, folders not counted, and their size in bytes."""
    said = _borg(["list", "--format", "{type} {size}{NL}", f"::{archive}", path.lstrip("/")])
    items = [line.split() for line in said.splitlines()]
    return len(items), sum(int(size) for kind, size in items if kind == "-")


def _borg(arguments, cwd=None):
    """Run Borg for this node's repository and return what it printed."""
    text = __salt__["pifile.look"](ENVIRONMENT).get("contents")
    if not text:
        raise CommandExecutionError(f"There is no {ENVIRONMENT}: the part keep is not applied here")
    pairs = (word.partition("=") for word in shlex.split(text, comments=True))
    answer = __salt__["cmd.run_all"](
        ["borg", "--lock-wait", str(LOCK_S), *arguments],
        env={name: value for name, _, value in pairs} | {"LC_ALL": "C.UTF-8"},
        cwd=cwd,
        python_shell=False,
        ignore_retcode=True,
        output_loglevel="quiet",
    )
    # 1 is a warning, such as an owner that this node does not know.
    if answer["retcode"] > 1:
        said = answer["stderr"].strip().splitlines() or ["no word"]
        raise CommandExecutionError(f"borg {arguments[0]}: {' '.join(said[-3:])}")
    return answer["stdout"]


def _machine(path):
    return __salt__["pifile.look"](path).get("contents", "").strip()


def _write(paths, path, machine_id):
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"machine": _machine(machine_id), "paths": paths}, indent=1, sort_keys=True)
    __salt__["pifile.put"](path, {"contents": text + "\n", "mode": "0600"})
