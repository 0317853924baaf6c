"""What the master's engine made of the lab's nodes, and waiting until it is done with them."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from picloud.rejoin.steps import Step

from lab import console, shell
from lab.cluster import execute, wait_for_switch
from lab.errors import LabError
from lab.settings import Settings

#: Steps in which a node stays until somebody does something about it.
STOPPED = (Step.HELD, Step.QUARANTINED)

#: Seconds for which a mishap is watched. A first highstate takes up to a minute here.
PATIENCE = 420

#: Where the master has the checkout.
CHECKOUT = "/srv/picloud"

Rows = dict[str, dict[str, Any]]


def rows(settings: Settings) -> Rows:
    """All that came back, by id, as ``salt-run rejoin.status`` knows it."""
    said = execute(
        settings.head,
        *("salt-run", "--out=json", "rejoin.status", "all=true"),
        what="the master cannot say who came back",
    )
    found: Rows = json.loads(said)["nodes"]
    return found


def decisions(settings: Settings, node: str) -> list[dict[str, Any]]:
    """What was decided about a node, the latest first."""
    said = execute(
        settings.head,
        *("salt-run", "--out=json", "rejoin.history", node),
        what="the master knows no history",
    )
    found: list[dict[str, Any]] = json.loads(said)["decisions"]
    return found


def refused(settings: Settings) -> list[dict[str, Any]]:
    """Who knocked and was not let in."""
    said = execute(
        settings.head,
        *("salt-run", "--out=json", "rejoin.refused"),
        what="the master cannot say who was refused",
    )
    found: list[dict[str, Any]] = json.loads(said)["strangers"]
    return found


def keys(settings: Settings) -> dict[str, str]:
    """Fingerprint of every key that the master accepts, by id."""
    said = execute(
        settings.head,
        *("salt-key", "--out=json", "--finger-all"),
        what="the master cannot list its keys",
    )
    found: dict[str, str] = json.loads(said).get("minions", {})
    return found


def retry(settings: Settings, node: str) -> None:
    """Have a node looked at anew that is held or was set aside."""
    execute(
        settings.head,
        *("salt-run", "rejoin.retry", node),
        what=f"the master does not look at {node} anew",
    )


def wait(
    settings: Settings,
    names: Collection[str],
    since: float,
    seconds: float,
    seen: Callable[[Rows], None] = lambda _: None,
) -> Rows:
    """
    Wait until the ways back of nodes that began after a time have ended.

    since
        Seconds since 1970, by the master's clock (which is this machine's).
    seconds
        How long to wait; those that have not ended by then are missing in what is returned.
    seen
        Called with the nodes that are done, time and again.
    """
    deadline = time.monotonic() + seconds
    done: Rows = {}
    while len(done) < len(names):
        for found in _ended(settings, names, since, deadline - time.monotonic()):
            done = found
            seen(done)
        if time.monotonic() > deadline:
            break
        if len(done) < len(names):
            time.sleep(0.5)  # the master may be starting
    return done


def _ended(
    settings: Settings, names: Collection[str], since: float, seconds: float
) -> Iterator[Rows]:
    """Those whose way back has ended, each time that there are others."""
    order = {"names": sorted(names), "since": since, "seconds": seconds}
    said = shell.lines(
        [
            *("docker", "exec", "--env", f"PYTHONPATH={CHECKOUT}/_utils", settings.head),
            *("/opt/picloud/salt/bin/python", f"{CHECKOUT}/lab/ended.py", json.dumps(order)),
        ],
        what="the master cannot say who came back",
    )
    return map(json.loads, said)


def watch(settings: Settings, names: Sequence[str], begin: float, good: str = "converged") -> None:
    """
    Wait for what the cloud makes of a mishap, and print it; LabError when it is not what it should.

    names
        The nodes, or cards that wait in the lobby.
    begin
        When it began, in seconds since 1970.
    good
        The step that each should end in.
    """
    with console.step("rejoin") as now:
        found = wait(settings, names, begin, PATIENCE)
        missing = sorted(set(names) - set(found))
        if missing:
            known = rows(settings)
            raise LabError(
                "; ".join(f"{name} is not back: {_where(known.get(name))}" for name in missing),
                "see: make run ARGS=rejoin.status, and: make logs",
            )
        back = [name for name, row in found.items() if row["step"] == "converged"]
        wait_for_switch(settings, back)
        seconds = max(row["step_at"] for row in found.values()) - begin
        many = "1 node is" if len(found) == 1 else f"{len(found)} nodes are"
        now.result = f"{many} done, {seconds:.0f} s after it began"
    for name, row in found.items():
        for line in reversed(decisions(settings, name)):
            if line["at"] >= begin and line["action"] != "converged":
                console.say(f"  {name}  {line['kind']}: {line['reason']}")
        took = "  ".join(f"{step} {s:.1f} s" for step, s in row["seconds"].items())
        console.say(f"  {name}  {row['step']}; {took}")
    for name, row in found.items():
        if row["step"] != good:
            raise LabError(
                f"{name} is {row['step']}, not {good}: {row['reason']}",
                f"see: make run ARGS='rejoin.history {name}', and: make logs NODE={name}",
            )


def _where(row: dict[str, Any] | None) -> str:
    """In which step a node is, and why."""
    return "the master has not heard of it" if row is None else f"{row['step']}: {row['reason']}"
