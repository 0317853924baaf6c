"""
Restart salt-minion without losing a job or the connection to the master.

Run by ``picloud-minion-switch.service``, which the module ``saltminion`` writes together with a
plan (JSON). Steps: wait until the job that asked is over; point the symbolic link to the new
version if the plan has one; restart; look for the new process's established connection to the
master. If there is none in time, the old version and the old configuration are put back and the
minion is restarted once more. The outcome is written into the plan, where the next highstate
reads it. The unit is enabled, so that a power cut in the middle does not leave a minion that
cannot connect: the next boot goes on where this one stopped.

Standard library only: it has to work while the Salt beside it does not.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

JOB_LIMIT = 3600  # seconds to wait for a job; a highstate on a Pi 1 takes minutes, not an hour
RETURN_GRACE = 5  # seconds for a return to leave a minion that runs its jobs as threads
STEADY = 3  # looks in a row that must find the connection
LOOK_EVERY = 2  # seconds
ESTABLISHED = "01"  # state in /proc/net/tcp, include/net/tcp_states.h of Linux


def process_start(pid, proc="/proc"):
    """Return when a process started, in clock ticks since boot, or None if there is none."""
    try:
        text = Path(proc, str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])


def boot_id(proc="/proc"):
    """Return what tells this boot from another."""
    return Path(proc, "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def service_pids(service, proc="/proc"):
    """Return the ids of the processes that systemd counts to a service."""
    found = set()
    for entry in Path(proc).iterdir():
        if entry.name.isdigit():
            try:
                groups = (entry / "cgroup").read_text(encoding="utf-8")
            except OSError:
                continue
            if any(line.endswith(f"/{service}.service") for line in groups.splitlines()):
                found.add(int(entry.name))
    return found


def connected(pids, port, proc="/proc"):
    """Return whether one of these processes has an established connection to the port."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(proc, "net", table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == ESTABLISHED and int(fields[2].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for pid in pids if inodes else ():
        try:
            links = list(Path(proc, str(pid), "fd").iterdir())
        except OSError:
            continue
        for link in links:
            try:
                if os.readlink(link) in inodes:
                    return True
            except OSError:
                continue
    return False


def write(path, text, mode=0o644):
    """Write a file so that it is whole after a power cut, old or new; None removes it."""
    path = Path(path)
    if text is None:
        path.unlink(missing_ok=True)
        return
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(new, path)


def point(link, target):
    """Point a symbolic link to a target at once."""
    new = f"{link}.new"
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(target, new)
    os.replace(new, link)


def wait_for_job(plan):
    """Wait until the job that asked for this is over."""
    if plan["boot"] != boot_id():
        return
    until = time.monotonic() + JOB_LIMIT
    while time.monotonic() < until:
        if plan["threads"]:
            running = any(Path(plan["jobs"]).iterdir()) if Path(plan["jobs"]).is_dir() else False
        else:
            running = process_start(plan["pid"]) == plan["pid_start"]
        if not running:
            break
        time.sleep(1)
    time.sleep(RETURN_GRACE)


def restart(plan):
    """Restart the service; return whether its new process reaches the master in time."""
    old = service_pids(plan["service"])
    subprocess.run(["systemctl", "reset-failed", plan["service"]], check=False)
    subprocess.run(["systemctl", "restart", "--no-block", plan["service"]], check=False)
    until, seen = time.monotonic() + plan["timeout"], 0
    while time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        # Jobs of the old process live on and hold its sockets: they do not count.
        new = service_pids(plan["service"]) - old
        seen = seen + 1 if connected(new, plan["port"]) else 0
        if seen >= STEADY:
            return True
    return False


def switch(plan):
    """
    Do what the plan says and return its outcome: ``done``, ``put back`` or ``master away``.

    plan
        The plan.
    """
    link, config = plan.get("link"), plan.get("config")
    if link:
        point(link["path"], link["new"])
    if restart(plan):
        return "done"
    if link:
        point(link["path"], link["old"])
    if config:
        write(config["path"], config["old"])
    # With the old version and configuration in place: is it the master that is away?
    if not restart(plan):
        return "master away"
    if link:
        shutil.rmtree(Path(link["path"]).parent / link["new"], ignore_errors=True)
    return "put back"


def tidy(link):
    """Remove versions other than the new and the one before it."""
    folder, keep = Path(link["path"]).parent, {link["old"], link["new"]}
    for path in folder.glob(f"{Path(link['path']).name}-*"):
        if path.name not in keep and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def main(plan_file, unit_file):
    """Carry out the plan, write its outcome into it, and remove the unit."""
    plan_file = Path(plan_file)

    def load():
        return json.loads(plan_file.read_text(encoding="utf-8"))

    def save(plan):
        write(plan_file, json.dumps(plan, indent=1) + "\n", 0o600)

    plan, waited_for = load(), None
    # The same job may have added to the plan, and a later job may have taken it over.
    while plan["pid"] != waited_for:
        wait_for_job(plan)
        waited_for, plan = plan["pid"], load()
    if plan["state"] in ("pending", "switching"):
        plan["state"] = "switching"
        save(plan)
        plan["state"] = switch(plan)
        plan["at"] = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + " UTC"
        save(plan)
        if plan["state"] == "done" and plan.get("link"):
            tidy(plan["link"])
    print(f"salt-minion: {plan['state']}")
    subprocess.run(["systemctl", "disable", "--quiet", Path(unit_file).name], check=False)
    Path(unit_file).unlink(missing_ok=True)
    subprocess.run(["systemctl", "daemon-reload"], check=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
