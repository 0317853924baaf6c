"""
Keep small files of the system as described, a whole group in one state: cheap when nothing changes,
all or nothing when something does.
"""

import contextlib
import difflib

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pifile"
KEEP = "/etc/picloud/originals"


def __virtual__():
    if "pifile.look" in __salt__:
        return __virtualname__
    return False, "pifile: the execution module pifile is not loaded"


def managed(name, files, check=None, apply=(), keep=KEEP):
    """
    Ensure that the files of a group are what they should be, and in use.

    Files that were in the group and are listed no more are put back to what they were. If a check
    or a command of ``apply`` fails, every file is put back as it was a moment ago and the commands
    run again for it, so that the next run tries again. A run that was killed between writing and
    using is noticed by the next one, which runs the commands.

    name
        The group; the same name always, since the record of originals goes by it.
    files
        Path to ``{contents: text, mode: "0644"}`` (mode may be left out), ``{link: target}``, or
        ``{}`` for a path where nothing should be.
    check
        A command that must succeed on each changed file before it is put in place, as a list of
        words; ``{file}`` stands for the file.
    apply
        Commands, run in order after a change, that make the system use the files.
    keep
        Where originals are kept.

    .. code-block:: yaml

        base-sshd:
          pifile.managed:
            - files:
                /etc/ssh/sshd_config.d/00-picloud.conf:
                  contents: "PasswordAuthentication no\\n"
            - check: [sshd, -t, -f, "{file}"]
            - apply:
              - [sshd, -t]
              - [systemctl, reload, ssh.service]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        wanted = {path: _full(what) for path, what in files.items()}
        was = __salt__["pifile.originals"](name, keep)
        target = {**{path: was[path] for path in was if path not in wanted}, **wanted}
        now = {path: __salt__["pifile.look"](path) for path in target}
        dropped = [path for path in was if path not in wanted]
        changes = {
            path: _diff(now[path], what) for path, what in target.items() if now[path] != what
        }
        if apply and __salt__["pifile.is_due"](name, keep):
            changes["apply"] = "files were written, and are not yet in use"
        if not changes:
            if dropped and not __opts__["test"]:
                __salt__["pifile.restore"](name, dropped, keep)
            ret["comment"] = f"{_count(wanted)} as wanted." if wanted else "Nothing to put back."
            return ret
        if __opts__["test"]:
            ret.update(result=None, changes=changes)
            ret["comment"] = f"{_names(changes)} would be changed."
            return ret
        for path in changes:
            if check and path in wanted and "contents" in wanted[path]:
                __salt__["pifile.test"](check, path, wanted[path])
        _take_into_use(name, wanted, now, apply, keep)
        wrong = [path for path in target if __salt__["pifile.look"](path) != target[path]]
        if wrong:
            raise CommandExecutionError(f"{', '.join(wrong)} did not stay as written")
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    ret["changes"] = changes
    ret["comment"] = f"{_names(changes)} changed."
    return ret


def absent(name, apply=(), keep=KEEP):
    """
    Ensure that the files of a group are what they were before they were ours.

    name
        The group.
    apply
        Commands, run in order after a change.
    keep
        Where originals are kept.

    .. code-block:: yaml

        base-sshd-absent:
          pifile.absent:
            - name: base-sshd
            - apply:
              - [systemctl, reload, ssh.service]
    """
    return managed(name, {}, None, apply, keep)


def _take_into_use(name, wanted, now, apply, keep):
    dropped = [path for path in now if path not in wanted]
    was_due = __salt__["pifile.is_due"](name, keep)
    in_use = False
    try:
        changed = {path: what for path, what in wanted.items() if now[path] != what}
        if apply:
            __salt__["pifile.set_due"](name, True, keep)
        __salt__["pifile.write"](name, changed, keep)
        for path in dropped:
            __salt__["pifile.put"](path, __salt__["pifile.originals"](name, keep)[path])
        in_use = True
        for command in apply:
            __salt__["pifile.run"](command, f"{name} was put back")
    except (CommandExecutionError, SaltInvocationError):
        for path, what in now.items():
            if __salt__["pifile.look"](path) != what:
                __salt__["pifile.put"](path, what)
        if in_use or not was_due:
            _use_again(name, apply if in_use else (), keep)
        raise
    __salt__["pifile.set_due"](name, False, keep)
    if dropped:
        __salt__["pifile.restore"](name, dropped, keep)


def _use_again(name, apply, keep):
    """Put files that were put back into use; if that fails it stays noted as due."""
    with contextlib.suppress(CommandExecutionError):
        for command in apply:
            __salt__["pifile.run"](command)
        __salt__["pifile.set_due"](name, False, keep)


def _full(what):
    if not what or "link" in what:
        return dict(what)
    return {"contents": what["contents"], "mode": str(what.get("mode", "0644"))}


def _diff(old, new):
    before, after = old.get("contents", ""), new.get("contents", "")
    if before != after and "link" not in old and "link" not in new:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
        return {"diff": "\n".join(list(lines)[2:])}
    return {"old": _say(old), "new": _say(new)}


def _say(what):
    if "link" in what:
        return f"link to {what['link']}"
    return f"mode {what['mode']}" if what else "nothing"


def _names(changes):
    return ", ".join("what uses the files" if name == "apply" else name for name in changes)


def _count(files):
    return "1 file is" if len(files) == 1 else f"{len(files)} files are"
