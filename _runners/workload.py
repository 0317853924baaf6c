"""
Workloads: what would run where on the sites' swarms, what does run, and what is done to it by hand.

All functions return data; on a terminal the ``picloud`` outputter makes a page of it,
``--out=json`` prints the data itself. The exit status is 1 when something is not as it should be.
"""

from pathlib import Path

import picloud_drain
import picloud_overrides
import picloud_salt
import picloud_watch
from picloud import cloud as clouds
from picloud import load
from picloud.faults import DescriptionError
from picloud.ledger.overrides import Scale
from picloud.workloads import drain as drains
from picloud.workloads import overrides, pages
from picloud.workloads import status as statuses
from picloud.workloads.overrides import Overrides
from picloud_pages import page
from picloud_watch import NoAnswerError
from picloud_workload import Work, who

#: Lines of logs that somebody can ask for at most.
MOST_LINES = 5000
#: Longest that somebody can have a command wait, in seconds.
MOST_SECONDS = 7200


@page
def plan(path=None):
    """
    Show which nodes would run how many replicas of each workload, what that changes, what is edited
    in the services themselves, and in words why something does not fit.

    path
        Folder of a description that is not in force yet, such as a working copy: the page shows
        what it changes. Default: the one this master uses.

    Changes are told against the description in force, not against what runs: for that there is
    ``workload.status``. Of environment variables, commands and files it is told that they differ,
    and never what they hold.

    Swarm schedules by itself in the end; the plan checks that there is room, with the constraints
    that Swarm gets. The exit status is 1 when something does not fit.

    CLI Example:

    .. code-block:: bash

        salt-run workload.plan
        salt-run workload.plan path=/home/jane/picloud/pillar/cloud
    """
    root = Path(path) if path else picloud_salt.description(__opts__)
    if not root.is_dir():
        raise picloud_watch.NoAnswerError(
            f"There is no folder {root}; name the folder that holds cloud.sls."
        )
    source = load.read(root, picloud_salt.render(__opts__, root))
    cloud = _fitting_or_not(source)
    scales, drained = picloud_overrides.said(__opts__)
    said = Overrides({name: one.replicas for name, one in scales.items()}, drained)
    before, _faults = picloud_salt.store(__opts__).cloud()
    running = overrides.plan(before, said).where if before else None
    made = overrides.plan(cloud, said, running or {})
    data = pages.plan(cloud, made, said, before)
    return {**data, "retcode": 1} if made.misfits else data


@page
def status(workload=None):
    """
    Show what runs of each workload against what is described: tasks, image, nodes by rack, what
    somebody changed by hand in the swarm, and the last fault in words.

    workload
        Only this one, with a row for each of its tasks.

    The managers are asked what differs from the description that is in force now. Exit status 1
    when a workload does not run as described, or a swarm cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt-run workload.status
        salt-run workload.status workload=web
    """
    work = Work(__opts__)
    if workload is None and not work.workloads and not work.swarms:
        return statuses.page(work.cloud, {}, work.said, work.now)
    work.some_swarm()
    if workload is not None and str(workload) in work.workloads:
        workload = str(workload)
    seen, silent = work.looks()
    if not seen:
        raise NoAnswerError("\n".join(silent.values()))
    if workload is not None:
        workload = work.workload(workload, {name for one in seen.values() for name in one.services})
    theirs = {site: work.names(site) for site in silent}
    data = statuses.page(work.cloud, seen, work.said, work.now, only=workload, silent=theirs)
    data["notices"] += [*silent.values(), *work.notices()]
    return {**data, "silent": silent, "retcode": 1} if silent else data


@page
def logs(workload, lines=100):
    """
    Show the last lines that all tasks of a workload said, each with its node.

    workload
        Its name.
    lines
        How many.

    CLI Example:

    .. code-block:: bash

        salt-run workload.logs workload=web lines=20
    """
    work = Work(__opts__)
    number = _whole("lines", lines, 1, MOST_LINES)
    name = work.workload(workload)
    found, trouble = [], []
    for site in _its_sites(work, name):
        said = work.logs(site, name, number)
        found += [{"site": site, **line.model_dump()} for line in said.lines]
        trouble += [f"{site}: {one}" for one in said.trouble]
    found = sorted(found, key=lambda one: one["at"])[-number:]
    wide = max((len(f"{one['node']} {one['task']}") for one in found), default=0)
    text = "\n".join(
        f"{one['node']} {one['task']}".ljust(wide) + f" | {one['text']}" for one in found
    )
    text = "\n".join([text or f"The tasks of {name} have said nothing.", *trouble])
    return {"show": "message", "message": text, "lines": found, "trouble": trouble}


@page
def scale(workload, replicas, timeout=120):
    """
    Give a workload another number of replicas than is described, until it is told otherwise.

    workload
        Its name.
    replicas
        How many over all sites; ``described`` for what the description says.
    timeout
        Seconds to wait until all of them run; 0 not to wait.

    There must be room, as for the description. The number is kept in the ledger: highstates keep
    it, and ``workload.status`` and ``workload.plan`` show it.

    CLI Example:

    .. code-block:: bash

        salt-run workload.scale workload=web replicas=5
        salt-run workload.scale workload=web replicas=described
    """
    work = Work(__opts__)
    name = work.workload(workload, work.scales)
    seconds = _whole("timeout", timeout, 0, MOST_SECONDS)
    try:
        number = overrides.number(replicas)
    except ValueError as err:
        raise NoAnswerError(str(err)) from err
    one = work.workloads.get(name)
    if one is None:
        if number is None:
            work.ledger.overrides.unscale(name)
            text = f"{name}: is described no more, and its number of replicas is forgotten"
            return {"show": "message", "message": text}
        raise NoAnswerError(f"{name} is described no more, so it cannot be scaled")
    if number is not None and (why := overrides.refusal(name, one)):
        raise NoAnswerError(why)
    work.some_swarm()
    scales = {key: value for key, value in work.said.scales.items() if key != name}
    said = Overrides(scales if number is None else {**scales, name: number}, work.drains)
    if number is not None and (lacks := overrides.worse(work.plan(), work.plan(said))):
        raise NoAnswerError(
            f"{name} stays as it is, because {number} replicas do not fit. "
            + "; ".join(pages.lack(lack) for lack in lacks)
        )
    sites = list(dict.fromkeys((*work.sites(name), *work.sites(name, said))))
    for site in sites:
        work.managers.via(site)
    if number is None:
        work.ledger.overrides.unscale(name)
    else:
        work.ledger.overrides.scale(Scale(name, number, who(), work.now))
    changes = {site: work.settle(site, name, seconds) for site in sites}
    now = one.replicas if number is None else number
    text = f"{name}: {1 if now is None else now} replicas, as described"
    if number is not None:
        described = 1 if one.replicas is None else one.replicas
        text = (
            f"{name}: {number} replicas by hand, {described} described. To go back:"
            f" salt-run workload.scale workload={name} replicas={overrides.DESCRIBED}"
        )
    return {"show": "message", "message": text, "changes": changes}


@page
def restart(workload, timeout=900):
    """
    Replace all tasks of a workload by new ones, group by group as its ``update`` says.

    workload
        Its name.
    timeout
        Seconds to wait at each site until all of them run.

    CLI Example:

    .. code-block:: bash

        salt-run workload.restart workload=web
    """
    work = Work(__opts__)
    name = work.workload(workload)
    seconds = _whole("timeout", timeout, 1, MOST_SECONDS)
    lines = []
    for site in _its_sites(work, name):
        work.ask(site, "swarmservice.restart", name)
        work.ask(site, "swarmservice.wait", name, timeout=seconds, seconds=seconds + 30)
        lines.append(f"{name} at {site}: all tasks are new")
    return {"show": "message", "message": "\n".join(lines)}


@page
def drain(node, timeout=300, force=False):
    """
    Have a node run no tasks: what runs there is started elsewhere, and it stays empty until
    ``workload.undrain``, also when its card is swapped.

    node
        Its id.
    timeout
        Seconds until it has to be empty. If it is not by then, all is put back.
    force
        Also when the plan has no room elsewhere for what runs on it, or no other node is up.

    Exit status 1 when tasks could go nowhere; they and Swarm's reasons are named.

    CLI Example:

    .. code-block:: bash

        salt-run workload.drain node=pi3
    """
    work = Work(__opts__)
    name, site = work.host(node)
    seconds = _whole("timeout", timeout, 1, MOST_SECONDS)
    said = Overrides(work.said.scales, {*work.drains, name})
    lacks = overrides.worse(work.plan(), work.plan(said))
    if lacks and force is not True:
        raise NoAnswerError(
            f"{name} is not drained, because not all that runs on it has room elsewhere. "
            + "; ".join(pages.lack(lack) for lack in lacks)
            + ". To drain it all the same: force=True"
        )
    touched, after = picloud_drain.empty(work, site, name, seconds, last=force is True)
    waiting = drains.waiting(after, touched)
    text = f"{name} is empty, until: salt-run workload.undrain node={name}"
    if waiting:
        text += f"\nCould go nowhere: {drains.named(waiting)}"
    return {
        "show": "message",
        "message": text,
        "node": name,
        "moved": sorted(touched),
        "waiting": [
            {"workload": task.service, "slot": task.slot, "reason": task.error} for task in waiting
        ],
        "retcode": int(bool(waiting)),
    }


@page
def undrain(node):
    """
    Have a node run tasks again. Swarm gives it new ones; what moved away stays there until it is
    restarted.

    node
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-run workload.undrain node=pi3
    """
    work = Work(__opts__)
    if str(node) in work.drains and work.cloud.node(str(node)) is None:
        work.ledger.overrides.undrain(str(node))
        return {"show": "message", "message": f"{node} is described no more, and forgotten"}
    name, site = work.host(node)
    entry = work.look(site).node(name)
    if entry is not None and entry.availability != "active":
        work.ask(site, "swarmnode.set", name, availability="active")
    work.ledger.overrides.undrain(name)
    text = f"{name} takes tasks again"
    if entry is None:
        text = f"{name} is not in the swarm of {site} now; it takes tasks once it is"
    elif entry.availability == "active" and name not in work.drains:
        text = f"{name} was not drained"
    return {"show": "message", "message": text}


def _its_sites(work, name):
    """The sites of a workload; at none it is told why."""
    work.some_swarm()
    sites = work.sites(name)
    if not sites:
        raise NoAnswerError(
            f"{name} runs at no site: it has no replicas, or there is nowhere it may run; see:"
            " salt-run workload.plan"
        )
    return sites


def _whole(name, value, least, most):
    """A whole number that somebody wrote."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise NoAnswerError(f'{name}: must be a number such as {max(least, 100)}; it is "{text}"')
    if not least <= int(text) <= most:
        raise NoAnswerError(f"{name}: must be {least} to {most}; it is {text}")
    return int(text)


def _fitting_or_not(source):
    """The cloud of a description whose workloads need not fit; any other fault is one."""
    try:
        return clouds.build(source)
    except DescriptionError as err:
        if any(fault.rule != "workload-fit" for fault in err.faults):
            raise
    return clouds.build(source, fitting=False)
