"""
Bursts of start events at a master with 10,000 keys: what is lost, done twice, and how fast.

Events are fired into the master's own bus by one process, so the rate is at most what one sender
can do. No minion answers: measured is from the event to the job that asks the node who it is.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import salt.cache
import salt.utils.event
from picloud_jobs import _Cache, _load

from bench.frame import Figure
from bench.generate import cloud
from tests.integration.attacker import key_pair
from tests.integration.head import Head

KEYS, FEW = 10_000, 100
BURSTS = (1_000, 10_000, 15_000)
#: What happens to the engine meanwhile: nothing, asleep for 20 s, killed half way.
HOW: tuple[dict[str, Any], ...] = ({}, {"asleep": 20}, {"killed": True})
#: Seconds after which a master has started all it starts.
SETTLED_S = 20
LOCAL, ORCHESTRATED = 300, 20
#: Seconds until what has not been done by then counts as lost.
PATIENCE = 180
POLICY = "rejoin:\n  limits_s: {evidence: 3600}\n  sweep_s: 3600\n"
REACT_LOCAL = """\
ping {{ data["id"] | yaml_dquote }}:
  local.test.ping:
    - tgt: [{{ data["id"] | json }}]
    - tgt_type: list
"""
REACT_ORCHESTRATE = """\
orchestrate {{ data["id"] | yaml_dquote }}:
  runner.state.orchestrate:
    - args:
      - mods: nothing
"""


def asked(head: Head) -> list[str]:
    """Ids in all jobs that asked nodes who they are, as often as they were asked."""
    cache, found = _Cache(head.opts), []
    for _, folder in cache.newest_first():
        load = _load(f"{folder}/.load.p")
        if isinstance(load, dict) and load.get("fun") == "pirejoin.evidence":
            found += load["tgt"]
    return found


def burst(
    head: Head, names: Sequence[str], asleep: float = 0, killed: bool = False
) -> tuple[float, float]:
    """
    Fire a start event for each name; seconds until all were asked, and CPU of the engine.

    A minion that starts fetches its pillar first, and the master keeps the grains that come with
    that: so they are there before the events are.
    """
    bus = salt.utils.event.get_master_event(head.opts, head.opts["sock_dir"], listen=False)
    before, known = len(asked(head)), {n for n in names if not n.startswith("ghost")}
    time.sleep(2)
    for name in known:
        salt.cache.factory(head.opts).store("grains", name, {"id": name})
    engine = head.engine()
    used, begin = sum(engine.cpu_times()[:2]), time.time()
    if asleep:
        engine.suspend()
    try:
        for number, name in enumerate(names):
            if killed and number == len(names) // 2:
                engine.kill()
            bus.fire_event({"id": name}, f"salt/minion/{name}/start")
        if asleep:
            time.sleep(max(0.0, asleep - (time.time() - begin)))
    finally:
        if not killed:
            engine.resume()
        bus.destroy()
    end = time.time() + PATIENCE
    while time.time() < end and len(asked(head)) - before < len(known):
        time.sleep(1)
    head.quiet(PATIENCE)
    last = max((row.step_at for row in head.ledger.rejoins.all()), default=begin)
    return last - begin, 0 if killed else sum(engine.cpu_times()[:2]) - used


def master(folder: Path, keys: int, **more: object) -> Head:
    """A master with so many nodes and keys, not started."""
    description = cloud(Path(tempfile.mkdtemp(dir=folder)) / "cloud", keys)
    (description / "rejoin.sls").write_text(POLICY)
    return Head(description, **more)


def stock(folder: Path, reaction: str, tag: str, count: int) -> float:
    """Events a second that Salt's own reactor does something about."""
    sls = folder / "reaction.sls"
    sls.write_text(reaction)
    states = folder / "states"
    states.mkdir(exist_ok=True)
    (states / "nothing.sls").write_text("nothing:\n  test.nop: []\n")
    head = master(
        folder,
        FEW,
        engines=[],
        reactor=[{"salt/minion/*/start": [str(sls)]}],
        file_roots={"base": [str(states)]},
    )
    head.start(engine=False)
    bus = salt.utils.event.get_master_event(head.opts, head.opts["sock_dir"], listen=True)
    try:
        _, public = key_pair()
        for number in range(FEW):
            head.keys.accept(f"pi{number}", public)
        time.sleep(3)
        begin, done, last = time.time(), 0, time.time()
        for number in range(count):
            name = f"pi{number % FEW}"
            bus.fire_event({"id": name}, f"salt/minion/{name}/start")
        while done < count and time.time() < begin + PATIENCE:
            event = bus.get_event(wait=5, full=True)
            said = event["tag"] if event else ""
            if said.startswith(tag) and said.endswith(("/new", "/ret")[tag == "salt/run"]):
                done, last = done + 1, time.time()
        return done / (last - begin)
    finally:
        bus.destroy()
        head.kill()


def pss(head: Head) -> float:
    """Memory of a master's whole tree in MB, shared pages counted once."""
    tree = psutil.Process(head.pid)
    return sum(one.memory_full_info().pss for one in (tree, *tree.children(recursive=True))) / 2**20


def with_keys(head: Head, keys: int) -> None:
    """Give a master so many accepted keys."""
    _, public = key_pair()
    for number in range(keys):
        head.keys.accept(f"pi{number}", public)


def figures() -> Iterator[Figure]:
    """Yield the figures of the storm."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        idle = master(folder, FEW, engines=[])
        idle.start(engine=False)
        time.sleep(SETTLED_S)
        idle_mb = pss(idle)
        idle.kill()
        local = stock(folder, REACT_LOCAL, "salt/job", LOCAL)
        orchestrated = stock(folder, REACT_ORCHESTRATE, "salt/run", ORCHESTRATED)
        few = master(folder, FEW)
        few.start()
        with_keys(few, FEW)
        names = [f"pi{number}" for number in range(FEW)]
        burst(few, names)
        cost_few = statistics.median(burst(few, names)[1] / FEW for _ in range(5))
        few.kill()
        many = master(folder, max(BURSTS))
        many.start()
        with_keys(many, KEYS)
        time.sleep(SETTLED_S)
        many_mb = pss(many)
        with_keys(many, max(BURSTS))
        try:
            lost = doubled = 0
            rates, costs = [], []
            for size, how in itertools.product(BURSTS, HOW):
                names = [f"pi{number}" for number in range(size)]
                before = len(asked(many))
                ghosts = [f"ghost-{number}" for number in range(size // 10)]
                seconds, used = burst(many, [*names, *ghosts], **how)
                new = asked(many)[: len(asked(many)) - before]
                lost += len(set(names) - set(new))
                doubled += len(new) - len(set(new))
                if not how:
                    rates.append(size / seconds)
                    costs.append(used / (size + len(ghosts)))
            after_mb = pss(many)
        finally:
            many.kill()
    sizes = ", ".join(str(size) for size in BURSTS)
    yield Figure("storm_lost", lost, "nodes", f"bursts of {sizes}, also asleep 20 s, and killed")
    yield Figure("storm_doubled", doubled, "nodes", "asked twice for one event")
    rate = statistics.median(rates)
    yield Figure("storm_vs_local", rate / local, "x", f"reactor -> local: {local:.0f} events/s")
    yield Figure(
        "storm_vs_orchestrate",
        rate / orchestrated,
        "x",
        f"reactor -> orchestrate: {orchestrated:.1f} events/s",
    )
    yield Figure(
        "storm_event_10000_vs_100_keys",
        statistics.median(costs[1:]) / cost_few,
        "x",
        f"100 keys: {cost_few * 1000:.2f} ms CPU an event",
    )
    yield Figure("master_pss_vs_idle", many_mb / idle_mb, "x", f"idle: {idle_mb:.0f} MB")
    yield Figure("master_pss_after_vs_idle", after_mb / idle_mb, "x", "after all bursts")
