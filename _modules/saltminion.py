"""
Keep Salt on a node at a version and with a configuration, without cutting its connection.

Salt lives in virtual environments ``<prefix>/salt-<version>``; the link ``<prefix>/salt`` says
which one runs. A change of version or configuration needs a restart of the minion, which a plan
(JSON) and the program ``salt/salt_minion/files/minion_switch.py`` do after the job is over: they
check that the restarted minion reaches the master and put the old state back if it does not.
"""

import json
import os
import shutil
import sys
import time

import salt.utils.files
from salt.exceptions import CommandExecutionError, SaltInvocationError

try:
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    HAS_PACKAGING = True
except ImportError:
    HAS_PACKAGING = False

__virtualname__ = "saltminion"

PREFIX = "/opt/picloud"
PLAN = "/var/lib/picloud/minion-switch.json"
PROGRAM = "/var/lib/picloud/minion_switch.py"
UNIT = "/etc/systemd/system/picloud-minion-switch.service"
SERVICE = "salt-minion"
WHEELS = "salt_minion/wheels"
# A virtual environment of Salt 3008 takes about 160 MB, its wheels 45 MB.
ROOM_MB = 300
PORT = 4505  # publish_port of a master that does not say another one

UNIT_TEXT = """\
# Written by Salt (module saltminion); it removes itself.
[Unit]
Description=Restart salt-minion and see that it reaches the master
After=network-online.target

[Service]
Type=exec
ExecStart=/usr/bin/python3 {program} {plan} {unit}

[Install]
WantedBy=multi-user.target
"""


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "saltminion: the minion is managed on Linux only"
    if not HAS_PACKAGING:
        return False, "saltminion: the Python package packaging is missing"
    return __virtualname__


def _run(command, timeout=1800):
    answer = __salt__["cmd.run_all"](
        command,
        python_shell=False,
        ignore_retcode=True,
        timeout=timeout,
        env={"PYTHONWARNINGS": "ignore"},
    )
    if answer["retcode"] != 0:
        said = [line for line in f"{answer['stdout']}\n{answer['stderr']}".splitlines() if line]
        raise CommandExecutionError(f"{' '.join(command[:4])} failed: {'; '.join(said[-3:])}")
    return answer["stdout"]


def plan(path=PLAN):
    """
    Return the last plan to restart the minion, with its ``state``: ``pending``, ``switching``,
    ``done``, ``put back`` (the minion did not reach the master with it) or ``master away`` (nor
    without it). Empty where there never was one.

    path
        The file of the plan.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.plan
    """
    text = __salt__["pifile.look"](path).get("contents")
    try:
        return json.loads(text) if text else {}
    except ValueError as err:
        raise CommandExecutionError(f"{path} is damaged ({err}); remove it") from err


def forget(path=PLAN):
    """
    Forget the last plan, so that a version or configuration that was put back is tried again.
    Return whether there was one.

    path
        The file of the plan.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.forget
    """
    was = bool(__salt__["pifile.look"](path))
    __salt__["pifile.put"](path, {})
    return was


def is_switching():
    """
    Return whether the program that restarts the minion is at work.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.is_switching
    """
    command = ["systemctl", "is-active", os.path.basename(UNIT)]
    said = __salt__["cmd.run_stdout"](command, python_shell=False, ignore_retcode=True)
    return said in ("active", "activating")


def linked(prefix=PREFIX):
    """
    Return the version that ``<prefix>/salt`` points to, or None where Salt is not laid out so.

    prefix
        The folder of the virtual environments.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.linked
    """
    try:
        target = os.readlink(os.path.join(prefix, "salt"))
    except OSError:
        return None
    return target.removeprefix("salt-") if target.startswith("salt-") else None


def wheels(version, folder=WHEELS):
    """
    Return the wheels on the master that this node can use: Salt at a version, and of everything
    else the highest version that fits this node's Python and architecture.

    version
        The version of Salt.
    folder
        Their folder on the master's file server.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.wheels '"3008.3"'
    """
    version, fits, best = str(version), set(sys_tags()), {}
    for path in __salt__["cp.list_master"](prefix=folder):
        try:
            name, wheel_version, _, tags = parse_wheel_filename(os.path.basename(path))
        except InvalidWheelFilename:
            continue
        if not fits & tags or (name == "salt" and str(wheel_version) != version):
            continue
        if name not in best or wheel_version > best[name][0]:
            best[name] = (wheel_version, path)
    if canonicalize_name("salt") not in best:
        raise CommandExecutionError(
            f"The master has no wheel of Salt {version} for this node in salt://{folder}: make "
            "it there (make wheels), or change salt_minion: version in the description."
        )
    return sorted(f"salt://{path}" for _, path in best.values())


def build(version, prefix=PREFIX, folder=WHEELS, python="/usr/bin/python3"):
    """
    Make the virtual environment of a version of Salt and try it. Return its folder.

    Python packages of the system are visible in it: on a Pi 1 Debian's own stand in for those
    that have no wheel. The wheels are fetched for this and dropped from the cache afterwards.

    version
        The version of Salt.
    prefix
        The folder of the virtual environments.
    folder
        The wheels' folder on the master's file server.
    python
        The interpreter.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.build '"3008.3"'
    """
    target = os.path.join(prefix, f"salt-{version}")
    complete = os.path.join(target, ".complete")
    if os.path.exists(complete):
        return target
    sources = wheels(version, folder)
    fetched = []
    try:
        os.makedirs(prefix, exist_ok=True)
        if (free := shutil.disk_usage(prefix).free >> 20) < ROOM_MB:
            raise CommandExecutionError(
                f"{prefix} has {free} MB left, a new version of Salt needs {ROOM_MB}"
            )
        if os.path.lexists(target):
            shutil.rmtree(target)
        for source in sources:
            path = __salt__["cp.cache_file"](source)
            if not path:
                raise CommandExecutionError(f"Cannot fetch {source} from the master")
            fetched.append(path)
        _run([python, "-m", "venv", "--system-site-packages", target])
        pip = [f"{target}/bin/python3", "-m", "pip", "install", "--no-index", "--no-deps"]
        # Not compiled: the few modules in use are, when they are first used.
        _run([*pip, "--no-compile", "--quiet", "--disable-pip-version-check", *fetched])
        check(target, version)
        with salt.utils.files.fopen(complete, "w"):
            pass
    except OSError as err:
        raise CommandExecutionError(f"Cannot make {target}: {err}") from err
    finally:
        for path in fetched:
            os.unlink(path)
    return target


def check(target, version):
    """
    Raise unless the Salt of a virtual environment starts and is of a version.

    target
        The virtual environment.
    version
        The version.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.check /opt/picloud/salt-3008.3 '"3008.3"'
    """
    said = _run([f"{target}/bin/salt-call", "--version"])
    if str(version) not in said.split():
        raise CommandExecutionError(f"{target} should be Salt {version} but says {said!r}")
    _run([f"{target}/bin/python3", "-c", "import salt.minion, salt.channel.client, salt.crypt"])


def schedule(link=None, config=None, timeout=180, path=PLAN):
    """
    Have the minion restarted when this job is over, and the old state put back if it then does
    not reach the master. Called twice in one job, it makes one restart. Return the plan.

    link
        ``{path, old, new}`` of the link to the running version, if it changes.
    config
        ``{path, old, new}`` with the texts of a configuration file that was changed already.
    timeout
        How many seconds the restarted minion has to reach the master.
    path
        The file of the plan.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.schedule
    """
    was = plan(path)
    if was.get("state") == "switching":
        was = _switched(path, 2 * was["timeout"] + 30)
    going_on = was.get("state") in ("pending", "switching")
    now = {
        "state": "pending",
        "link": link or (was.get("link") if going_on else None),
        "config": config or (was.get("config") if going_on else None),
        "service": SERVICE,
        "port": int(__opts__.get("publish_port") or PORT),
        "timeout": int(timeout),
        "jobs": os.path.join(__opts__["cachedir"], "proc"),
        "threads": not __opts__.get("multiprocessing", True),
        **_this_process(),
    }
    if config and going_on and was.get("config"):
        now["config"]["old"] = was["config"]["old"]
    if not __salt__["cp.get_file"](
        "salt://salt_minion/files/minion_switch.py", PROGRAM, makedirs=True
    ):
        raise CommandExecutionError("Cannot fetch minion_switch.py from the master")
    text = json.dumps(now, indent=1) + "\n"
    __salt__["pifile.put"](path, {"contents": text, "mode": "0600"})
    text = UNIT_TEXT.format(program=PROGRAM, plan=path, unit=UNIT)
    __salt__["pifile.put"](UNIT, {"contents": text, "mode": "0644"})
    name = os.path.basename(UNIT)
    _run(["systemctl", "daemon-reload"])
    _run(["systemctl", "enable", "--quiet", name])
    _run(["systemctl", "start", "--no-block", name])
    return now


def _switched(path, seconds):
    # A plan that is being carried out is not changed; this job outlives the minion's restart.
    until = time.monotonic() + seconds
    while is_switching():
        if time.monotonic() > until:
            raise CommandExecutionError("The minion is being restarted; apply again later.")
        time.sleep(2)
    return plan(path)


def _this_process():
    try:
        with salt.utils.files.fopen(f"/proc/{os.getpid()}/stat") as handle:
            start = int(handle.read().rpartition(")")[2].split()[19])
        with salt.utils.files.fopen("/proc/sys/kernel/random/boot_id") as handle:
            boot = handle.read().strip()
    except OSError as err:
        raise CommandExecutionError(f"Cannot read /proc: {err}") from err
    return {"pid": os.getpid(), "pid_start": start, "boot": boot}


def relink(version, prefix=PREFIX):
    """
    Point ``<prefix>/salt`` to a version that is there. The running minion is left alone.

    version
        The version.
    prefix
        The folder of the virtual environments.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.relink '"3008.3"'
    """
    target = f"salt-{version}"
    if not os.path.isdir(os.path.join(prefix, target)):
        raise SaltInvocationError(f"{prefix}/{target} does not exist")
    __salt__["pifile.put"](os.path.join(prefix, "salt"), {"link": target})


def is_laid_out(prefix=PREFIX):
    """
    Return whether this minion runs from a virtual environment under the prefix.

    prefix
        The folder of the virtual environments.

    CLI Example:

    .. code-block:: bash

        salt 'pi3' saltminion.is_laid_out
    """
    home = os.path.realpath(sys.prefix)
    return home.startswith(os.path.join(os.path.realpath(prefix), "salt-"))
