"""
Emptying a node of the tasks of its swarm: wholly, or all is as before.
"""

from __future__ import annotations

import time

from picloud.ledger.overrides import Drain
from picloud.workloads import drain
from picloud.workloads.seen import Seen
from picloud_watch import INTERRUPTS, NoAnswerError
from picloud_workload import Work, who

#: Seconds between two looks at the node.
PACE_S = 2


def empty(
    work: Work, site: str, name: str, seconds: int, *, last: bool = False
) -> tuple[set[str], Seen]:
    """
    Drain a node and wait until it is empty. Returns the services that had tasks on it, and what is
    seen of the swarm then.

    work
        The workloads of the master.
    site, name
        The node.
    seconds
        How long that may take. If it is not empty by then, or if this is interrupted, the node is
        put back to what it was, and NoAnswerError says what is in the way.
    last
        Whether it may be the last node that may run anything: the plan counts described nodes, also
        those that are off.
    """
    before = work.look(site)
    entry = before.node(name)
    if entry is None:
        raise NoAnswerError(
            f"{name} is not in the swarm of {site} yet; its highstate gets it in:"
            f" salt {name} state.highstate"
        )
    if entry.state == "down":
        raise NoAnswerError(
            f"{name} is down, so nothing can be moved from it; Swarm starts its tasks elsewhere by"
            " itself"
        )
    touched = {task.service for task in drain.left(before, name)}
    if touched and not last and not drain.others(before, name):
        raise NoAnswerError(
            f"{name} is not drained: no other node of {site} is up and may run anything, so"
            f" {', '.join(sorted(touched))} would run nowhere. To drain it all the same: force=True"
        )
    known = work.drains.get(name)
    was = "pause" if entry.availability == "pause" else "active"
    # On record first: whatever happens now, the next highstate makes it what the record says.
    work.ledger.overrides.drain(known or Drain(name, who(), work.now))
    try:
        work.ask(site, "swarmnode.set", name, availability="drain")
        return touched, _emptied(work, site, name, touched, seconds)
    except BaseException as err:
        interrupted = isinstance(err, INTERRUPTS)
        if known is None:
            _put_back(work, site, name, was, "Interrupted." if interrupted else str(err))
        if interrupted:
            now = "put back to what it was" if known is None else "drained, as it was before"
            raise NoAnswerError(f"Interrupted: {name} is {now}.") from err
        raise


def _emptied(work: Work, site: str, name: str, touched: set[str], seconds: int) -> Seen:
    """Wait until a node is empty and it is known what became of its tasks; what is seen then."""
    deadline = time.monotonic() + seconds
    while True:
        seen = work.look(site)
        left = drain.left(seen, name)
        if drain.settled(seen, name, touched) or (not left and time.monotonic() > deadline):
            return seen
        if time.monotonic() > deadline:
            raise NoAnswerError(
                f"{name} is not empty after {seconds} s: it still has {drain.named(left)}. It is"
                " put back to what it was; give it more time with timeout="
            )
        time.sleep(PACE_S)


def _put_back(work: Work, site: str, name: str, availability: str, reason: str) -> None:
    """Undo a drain that did not come about."""
    work.ledger.overrides.undrain(name)
    try:
        work.ask(site, "swarmnode.set", name, availability=availability)
    except NoAnswerError as err:
        raise NoAnswerError(
            f"{reason}\nIt could not be put back yet: {err}\nThe next highstate of the managers"
            f" does it, or: salt-run workload.undrain node={name}"
        ) from err
