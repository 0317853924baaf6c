"""
Accounts of admins: made from the description, locked when they leave it.

A record says which accounts are ours; no other account is ever touched. An account that leaves is
locked, not deleted: its home stays, and its user number cannot fall to somebody else.

Keys lie in a folder of root's, not in homes: sshd reads it because the part base tells it to
(``AuthorizedKeysFile``), and no account can put a link where root writes.
"""

import json
import pwd
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "piadmin"
RECORD = "/etc/picloud/admins.json"
SUDOERS = "/etc/sudoers.d/picloud"
SHADOW = "/etc/shadow"
HEAD = "# Written by Salt (part base). Admins are in the description: base.admins.\n"
KEYS = "/etc/ssh/authorized_keys.d"


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "piadmin: accounts are managed on Linux only"
    return __virtualname__


def list_():
    """
    Return the accounts that are ours: ``{name: uid}``, the locked ones too.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.list
    """
    return _record(RECORD)


__func_alias__ = {"list_": "list"}


def _record(record):
    try:
        return json.loads(Path(record).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"Cannot read {record}: {err}") from err


def _shadow(shadow):
    """name -> (password field, day the account expires as text)"""
    try:
        lines = Path(shadow).read_text(encoding="utf-8").splitlines()
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {shadow}: {err}") from err
    fields = (line.split(":") for line in lines)
    return {field[0]: (field[1], field[7]) for field in fields if len(field) > 7}


def _account(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _keys(lines):
    return {"contents": HEAD + "".join(f"{line}\n" for line in lines), "mode": "0644"}


def sudoers_text(admins):
    """
    Return the sudoers file for these admins; empty if none of them has sudo.

    admins
        Name to ``{keys: [...], sudo: true}``.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.sudoers_text '{jane: {keys: [], sudo: true}}'
    """
    names = [name for name, admin in sorted(admins.items()) if admin.get("sudo", True)]
    # No passwords anywhere on a node, so sudo cannot ask for one.
    return (
        HEAD + "".join(f"{name} ALL=(ALL:ALL) NOPASSWD: ALL\n" for name in names) if names else ""
    )


def plan(admins, *, record=RECORD, sudoers=SUDOERS, shadow=SHADOW, keys=KEYS):
    """
    Say what is to be done so that the admins of a node are these and no others.

    admins
        Name to ``{keys: [...], sudo: true}``.
    record, sudoers, shadow, keys
        Our record, our sudoers file, the shadow file, the folder of keys.

    Returns ``{"add": [...], "unlock": [...], "keys": [...], "lock": [...], "forget": [...],
    "refuse": [...], "sudoers": bool}``, the lists with names. To forget are accounts of ours that
    somebody removed or made anew; to refuse are wanted names of accounts that are not ours: nothing
    is planned for those.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.plan '{}'
    """
    ours = _record(record)
    wanted = sorted(admins)
    accounts = {name: _account(name) for name in {*ours, *wanted}}
    present = [name for name in ours if accounts[name] and accounts[name].pw_uid == ours[name]]
    refused = [name for name in wanted if accounts[name] and name not in present]
    admins = {name: admin for name, admin in admins.items() if name not in refused}
    closed = _shadow(shadow) if ours else {}
    locked = [name for name in present if closed.get(name, ("", ""))[1] == "1"]
    look = __salt__["pifile.look"]
    return {
        "add": [name for name in sorted(admins) if not accounts[name]],
        "unlock": [name for name in wanted if name in locked],
        "keys": [
            name for name in sorted(admins) if look(f"{keys}/{name}") != _keys(admins[name]["keys"])
        ],
        "lock": [
            name
            for name in present
            if name not in wanted and (name not in locked or look(f"{keys}/{name}"))
        ],
        "forget": [name for name in ours if name not in present and name not in admins],
        "refuse": refused,
        "sudoers": look(sudoers).get("contents", "") != sudoers_text(admins),
    }


def add(name, comment="", record=RECORD):
    """
    Make an account with a home, a shell and no password, and note it as ours.

    name
        The account. Its user number is kept in the record.
    comment
        The full name, for the user database.
    record
        Our record.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.add jane
    """
    options = ["--create-home", "--user-group", "--shell", "/bin/bash", "--password", "*"]
    _run(["useradd", *options, "--comment", comment, name])
    ours = {**_record(record), name: _account(name).pw_uid}
    _note(ours, record)


def _note(ours, record):
    text = json.dumps(ours, indent=1, sort_keys=True)
    __salt__["pifile.put"](record, {"contents": text + "\n", "mode": "0600"})


def _run(command):
    __salt__["pifile.run"](command, f"The account {command[-1]} cannot be changed")


def unlock(name):
    """
    Open an account of ours that was locked.

    name
        The account.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.unlock jane
    """
    _run(["usermod", "--expiredate", "", name])


def lock(name, record=RECORD, keys=KEYS):
    """
    Close an account of ours: no keys, no password, expired. Home and open sessions stay.

    name
        The account.
    record, keys
        As in ``piadmin.plan``.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.lock jane
    """
    if name not in _record(record):
        raise SaltInvocationError(f"{name} was not made by Salt, so it is not touched")
    __salt__["pifile.put"](f"{keys}/{name}", {})
    _run(["usermod", "--expiredate", "1", "--password", "*", name])


def forget(name, record=RECORD, keys=KEYS):
    """
    Take an account that is gone off the record, with its keys: who gets its name is not ours.

    name
        The account.
    record, keys
        As in ``piadmin.plan``.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.forget jane
    """
    __salt__["pifile.put"](f"{keys}/{name}", {})
    _note({other: uid for other, uid in _record(record).items() if other != name}, record)


def set_keys(name, lines, keys=KEYS):
    """
    Write the keys an account may log in with.

    name
        The account.
    lines
        Lines as in ``authorized_keys``.
    keys
        The folder of keys.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.set_keys jane '["ssh-ed25519 AAAA... jane@laptop"]'
    """
    __salt__["pifile.put"](f"{keys}/{name}", _keys(lines))


def write_sudoers(admins, sudoers=SUDOERS):
    """
    Write our sudoers file, after visudo has read it; no admin with sudo: no file.

    admins
        Name to ``{keys: [...], sudo: true}``.
    sudoers
        The file.

    CLI Example:

    .. code-block:: bash

        salt pi3 piadmin.write_sudoers '{jane: {keys: [], sudo: true}}'
    """
    text = sudoers_text(admins)
    what = {"contents": text, "mode": "0440"} if text else {}
    if what:
        __salt__["pifile.test"](["visudo", "-cf", "{file}"], sudoers, what)
    __salt__["pifile.put"](sudoers, what)
