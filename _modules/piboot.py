"""
The files a Raspberry Pi boots with: ``config.txt`` (firmware) and ``cmdline.txt`` (kernel).

Everything somebody else wrote stays. In ``config.txt`` ours is one marked block at the end that
starts with ``[all]``: the firmware reads from top to bottom and lets the last value win.
``cmdline.txt`` is one line that takes no comments, so ours are single words at its end, and a
record says which.
"""

import contextlib
import difflib
import io
import json
import os
import re
import tempfile
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "piboot"

# https://www.raspberrypi.com/documentation/computers/config_txt.html#overclocking-options
OVERCLOCK = re.compile(
    r"(arm|core|gpu|h264|hevc|isp|v3d|sdram)_freq"
    r"|over_voltage(_(delta|avs|avs_boost|sdram(_[cip])?))?|force_turbo"
)
BEGIN = "# picloud begin: written by Salt (part boot); put your own lines above"
END = "# picloud end"
LINE_LIMIT = 98  # characters of one line of config.txt; the firmware ignores the rest
RECORD = "/etc/picloud/cmdline.json"


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "piboot: Raspberry Pi boot files are managed on Linux only"
    return __virtualname__


def check_overclock(options, limits, model="this board"):
    """
    Refuse clock and voltage options beyond what a board allows.

    options
        Options of ``config.txt``, name to value. Those that have nothing to do with overclocking
        are not looked at.
    limits
        The highest value of each option (``max_overclock`` of the board in the description). An
        overclocking option that is not listed is refused.
    model
        The board's name in the message.

    Raises ``SaltInvocationError`` that names every option at fault.

    CLI Example:

    .. code-block:: bash

        salt-call --local piboot.check_overclock '{arm_freq: 900}' '{arm_freq: 1000}' pi1b
    """
    faults = []
    for name, value in options.items():
        if not OVERCLOCK.fullmatch(name):
            continue
        try:
            wanted = int(str(value), 0)
        except ValueError:
            faults.append(f"{name}={value} is not a whole number")
            continue
        if name not in limits:
            faults.append(f"{name}={value} has no declared limit")
        elif wanted > int(limits[name]):
            faults.append(f"{name}={value} is over the limit of {limits[name]}")
    if faults:
        raise SaltInvocationError(
            f"Overclocking refused for {model}: {'; '.join(faults)}. "
            f"Lower it in boot.overclock, or raise boards.{model}.max_overclock "
            "if the board bears it"
        )


def _read(path, missing=None, folder_needed=True):
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError as err:
        if missing is not None and (Path(path).parent.is_dir() or not folder_needed):
            return missing
        raise CommandExecutionError(
            f"Cannot find {path}: is boot.directory the mounted boot partition?"
        ) from err
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {path}: {err}") from err


def _lines(options):
    """The lines of config.txt for options; a list gives one line per entry, in order."""
    lines = []
    for name, value in options.items():
        for entry in value if isinstance(value, list | tuple) else [value]:
            number = int(entry) if isinstance(entry, bool) else entry
            line = f"{name}={number}"
            if len(line) > LINE_LIMIT or "\n" in line:
                raise SaltInvocationError(
                    f"config.txt: {line!r} is longer than one line of {LINE_LIMIT} characters"
                )
            lines.append(line)
    return lines


def _split(text):
    """Divide config.txt into the lines of others and the lines of our block (None: no block)."""
    others, block, inside, pending = [], None, False, []
    section, leave = "[all]", False
    for line in io.StringIO(text, newline="\n"):
        bare = line.strip()
        if bare == BEGIN:
            inside, pending = True, []
        elif inside and bare == END:
            inside, block = False, [entry.strip() for entry in pending]
            leave = section != "[all]"
        elif inside:
            pending.append(line)
        else:
            if bare.startswith("[") and bare.endswith("]"):
                section, leave = bare, False
            elif leave and bare:  # it came after our block, where [all] was in force
                others.append("[all]\n")
                section, leave = "[all]", False
            others.append(line)
    if inside:  # somebody took the end mark away: better a line twice than a line lost
        others, block = others + pending, block or []
    return others, block


def config_block(path="/boot/firmware/config.txt"):
    """
    Return the options in our block of ``config.txt`` as a list of ``name=value``; None if there
    is no block.

    path
        The ``config.txt`` to read.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboot.config_block
    """
    block = _split(_read(path, ""))[1]
    return None if block is None else [line for line in block if line and line != "[all]"]


def config_text(options, path="/boot/firmware/config.txt"):
    """
    Return the text of ``config.txt`` as it is and as it would be with these options in our block
    at its end.

    options
        Name to value; a list of values gives several lines (``dtparam``). Empty: no block.
    path
        The ``config.txt`` to read; it may be missing if its folder is there.

    Raises ``SaltInvocationError`` for a line the firmware would cut off.

    CLI Example:

    .. code-block:: bash

        salt pi3 piboot.config_text '{gpu_mem: 16}'
    """
    old = _read(path, "", folder_needed=bool(options))
    others, block = _split(old)
    if not options:
        return [old, old if block is None else "".join(others)]
    if others and not others[-1].endswith("\n"):
        others[-1] += "\n"
    wanted = [BEGIN, "[all]", *_lines(options), END]
    return [old, "".join(others) + "".join(f"{line}\n" for line in wanted)]


def diff(old, new):
    """
    Return the lines that differ, as a unified diff without file names.

    old, new
        Two texts.

    CLI Example:

    .. code-block:: bash

        salt-call --local piboot.diff 'a=1' 'a=2'
    """
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1)
    return "\n".join(list(lines)[2:])


def _record(record):
    try:
        noted = json.loads(Path(record).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"added": [], "removed": []}
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"Cannot read {record}: {err}") from err
    return {"added": list(noted["added"]), "removed": list(noted["removed"])}


def cmdline_plan(add, drop=(), path="/boot/firmware/cmdline.txt", record=RECORD):
    """
    Say how ``cmdline.txt`` and the record of our words would have to change.

    add
        Words that must be there. One that somebody else put there stays where it is and stays
        theirs.
    drop
        Words that must not be there; they come back when they are dropped no longer.
    path
        The ``cmdline.txt`` to read; it must be there, a Pi does not start without.
    record
        Where our words are remembered.

    Returns ``{"old": text, "new": text, "record": {"added": [...], "removed": [...]}}``.

    CLI Example:

    .. code-block:: bash

        salt pi3 piboot.cmdline_plan '[cgroup_memory=1]'
    """
    for word in [*add, *drop]:
        if len(str(word).split()) != 1:
            raise SaltInvocationError(
                f"cmdline.txt: {word!r} is not one word; list words one by one"
            )
    noted = _record(record)
    nothing = not (add or drop or noted["added"] or noted["removed"])
    old = _read(path, "" if nothing else None, folder_needed=False)
    words = old.split()
    foreign = [word for word in words if word not in noted["added"]]
    foreign += [word for word in noted["removed"] if word not in words]
    removed = [word for word in foreign if word in drop]
    foreign = [word for word in foreign if word not in drop]
    added = [word for word in dict.fromkeys(map(str, add)) if word not in foreign]
    new = " ".join([*foreign, *added])
    if words == new.split():
        new = old
    else:
        new += "\n"
    return {
        "old": old,
        "new": new,
        "record": {"added": added, "removed": list(dict.fromkeys(removed))},
    }


def write(path, text, backup=None):
    """
    Replace a file on a FAT partition so that a power cut leaves the old or the new one, never
    half of one.

    path
        The file. Its mode is kept where the file system has modes.
    text
        What it shall contain.
    backup
        Where the text it replaces is kept (one, the last). Default: the file's name with ``.bak``.

    Raises ``CommandExecutionError`` if it cannot be written; the old file is then still there.

    CLI Example:

    .. code-block:: bash

        salt pi3 piboot.write /boot/firmware/config.txt 'gpu_mem=16'
    """
    path = Path(path)
    try:
        mode = 0o644
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode & 0o777
            _replace(
                Path(backup) if backup else path.with_name(f"{path.name}.bak"),
                path.read_bytes(),
                mode,
            )
        _replace(path, text.encode("utf-8", "surrogateescape"), mode)
    except OSError as err:
        raise CommandExecutionError(f"Cannot write {path}: {err}") from err


def _replace(path, content, mode):
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as staged:
            staged.write(content)
            staged.flush()
            os.fsync(staged.fileno())
        with contextlib.suppress(PermissionError):  # FAT has no modes
            os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_cmdline(text, noted, path="/boot/firmware/cmdline.txt", record=RECORD):
    """
    Write ``cmdline.txt`` and the record of our words, as planned by ``piboot.cmdline_plan``.

    text
        The line.
    noted
        The record; without added and removed words the record goes.
    path
        The ``cmdline.txt`` to write.
    record
        Where our words are remembered. It is written first: after a power cut in between, the
        next run finds words in the record that are not in the file, which is harmless.

    CLI Example:

    .. code-block:: bash

        salt pi3 piboot.write_cmdline 'root=/dev/mmcblk0p2 cgroup_memory=1' '{added:
        [cgroup_memory=1], removed: []}'
    """
    record = Path(record)
    empty = not (noted["added"] or noted["removed"])
    try:
        if not empty:
            record.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _replace(record, json.dumps(noted).encode(), 0o644)
        if text != _read(path):
            write(path, text)
        if empty:
            record.unlink(missing_ok=True)
    except OSError as err:
        raise CommandExecutionError(f"Cannot write {record}: {err}") from err
