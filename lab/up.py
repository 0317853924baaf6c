"""``make up``: a lab is brought to what the description says."""

import time

from picloud.identity import Kind
from picloud.rejoin.steps import BY_HAND

from lab import archives, cluster, console, converge, description, host, images, rejoin, shell, web
from lab.errors import LabError
from lab.settings import Settings


def run(settings: Settings, wanted: str, bare: bool = False) -> None:
    """
    Bring a lab to what the description says, and tell how it is then.

    settings, wanted, bare
        See ``bring``.
    """
    begin = time.monotonic()
    nodes = bring(settings, wanted, bare)
    seconds, answer = time.monotonic() - begin, ""
    if not bare:
        with console.step("answer") as now:
            answer = web.answer(settings)
            now.result = "the web service answers" if answer else "none to wait for"
    _report(settings, nodes, seconds, answer)


def bring(settings: Settings, wanted: str, bare: bool) -> tuple[description.Node, ...]:
    """
    Bring a lab to what the description says, and return its nodes; what is there already stays.

    settings
        The lab.
    wanted
        See ``description.choose``.
    bare
        Whether to do without the images of the web service.
    """
    with console.step("description") as now:
        site = description.read(settings.checkout)
        nodes = description.choose(site, wanted)
        now.result = f"{site.name}: {len(nodes)} of {len(site.nodes)} nodes"
    with console.step("machine") as now:
        installed = host.install_tools()
        settings.cache.mkdir(parents=True, exist_ok=True)
        engine = host.start_engine()
        have = cluster.containers(settings)
        room = host.require_room(len([node for node in nodes if node.id not in have]))
        settings.state.mkdir(parents=True, exist_ok=True)
        raised = host.raise_sysctls()
        done = [f"installed {', '.join(installed)}"] if installed else []
        done += [f"raised {', '.join(raised)}"] if raised else []
        now.result = "; ".join([engine, room, *done])
    with console.step("images") as now:
        built = images.build(settings, site)
        archives.place(settings, built["node"])
        now.result = built["node"]
    with console.step("network") as now:
        now.result = cluster.ensure_network(settings, site)
    with console.step("apt cache") as now:
        now.result = cluster.ensure_apt_cache(settings, site, built["aptcache"])
    with console.step("master") as now:
        now.result = cluster.ensure_master(settings, site, built["master"])
    names, applied = [node.id for node in nodes], converge.fingerprint(settings.checkout)
    if not bare:
        with console.step("web") as now:
            now.result = web.prepare(settings, applied)
    applied += web.built(settings)
    with console.step("cards") as now:
        made = cluster.create_nodes(settings, site, nodes, built["node"])
        now.result = f"{made} prepared" if made else "none to prepare"
    before = rejoin.rows(settings)
    stopped = _stopped(settings, names, before)
    since = time.time()
    _start(settings, names, built["node"])
    for name in stopped:
        rejoin.retry(settings, name)
    fresh = [*stopped, *(name for name in names if name not in before)]
    _join(settings, names, fresh, since, applied)
    _converge(settings, names, applied)
    return nodes


def _stopped(settings: Settings, names: list[str], known: rejoin.Rows) -> list[str]:
    """Which nodes the master left in a stop, to be looked at anew; LabError for one put out."""
    stopped = [name for name in names if known.get(name, {}).get("step") in rejoin.STOPPED]
    accepted = rejoin.keys(settings) if stopped else {}
    for name in stopped:
        if name not in accepted:
            raise LabError(f"{name} has no key: {known[name]['reason']}", f"make swap NODE={name}")
    return [name for name in stopped if known[name]["kind"] != BY_HAND]


def _start(settings: Settings, names: list[str], image: str) -> None:
    have = cluster.containers(settings)
    awake = converge.answering(settings, [name for name in names if have.get(name) == "running"])
    asleep = [name for name in names if name not in awake]
    with console.step("nodes", bar=True) as now:
        old = cluster.outdated(settings, names, image)
        hint = f"; {len(old)} have an older image (make down renews them)" if old else ""
        now.result = f"{len(names)} run, {len(asleep)} of them started now{hint}"
        with console.progress() as bar:
            task = bar.add_task("starting", total=len(asleep), now="")
            for name in cluster.start_nodes(settings, asleep):
                bar.update(task, advance=1, now=name)
    with console.step("minions", bar=True) as now, console.progress() as bar:
        task = bar.add_task("answering", total=len(names), now="")
        converge.wait_for(
            settings, names, 120 + 3 * len(names), lambda count: bar.update(task, completed=count)
        )
        cluster.forget_seeds(settings, asleep)
        now.result = f"all {len(names)} answer test.ping"


def _join(
    settings: Settings, names: list[str], fresh: list[str], since: float, applied: str
) -> None:
    """
    Wait until the master's engine has converged the nodes that joined; nobody tells it to.

    ``fresh`` are those that it surely has to converge; others may have come with a new card.
    """
    known = rejoin.rows(settings)
    joining = [
        name
        for name in names
        if name in fresh or known.get(name, {}).get("step_at", since) >= since
    ]
    with console.step("rejoin", bar=True) as now:
        with console.progress() as bar:
            task = bar.add_task("converging", total=len(joining), now="")
            done = rejoin.wait(
                settings,
                joining,
                since,
                300 + 30 * len(joining),
                lambda found: bar.update(task, completed=len(found)),
            )
        bad = [name for name in joining if done.get(name, {}).get("step") != "converged"]
        if bad:
            row = done.get(bad[0], {"step": "still on its way", "reason": "see make logs"})
            raise LabError(
                f"{len(bad)} of {len(joining)} nodes did not converge; {bad[0]} is {row['step']}: "
                f"{row['reason']}",
                f"see: make run ARGS='rejoin.history {bad[0]}'; then run make up again",
            )
        # A minion that the highstate gave another configuration restarts once: a restart as well.
        new = [name for name in joining if name in fresh or done[name]["kind"] != Kind.RESTART]
        converge.remember(settings, new, applied)
        cluster.wait_for_switch(settings, new)
        now.result = f"{len(new)} joined and were converged by the master itself"


def _converge(settings: Settings, names: list[str], applied: str) -> None:
    known = converge.converged(settings)
    todo = [name for name in names if known.get(name) != applied]
    with console.step("highstate", bar=True) as now:
        if not todo:
            now.result = "nothing changed since it was last applied"
            return
        outcomes = []
        with console.progress() as bar:
            task = bar.add_task("applying", total=len(todo), now="")
            for outcome in converge.highstate(settings, todo):
                outcomes.append(outcome)
                word = "failed" if outcome.failed else f"{outcome.changes} changes"
                bar.update(task, advance=1, now=f"{outcome.node}: {word}")
                shell.note(f"{outcome}")
        good = [outcome.node for outcome in outcomes if not outcome.failed]
        converge.remember(settings, good, applied)
        bad = [outcome for outcome in outcomes if outcome.failed]
        if bad:
            first = bad[0]
            raise LabError(
                f"the highstate failed on {len(bad)} of {len(todo)} nodes; {first.node}: "
                f"{first.failed[0]}"
                + (f" (and {len(first.failed) - 1} more)" if len(first.failed) > 1 else ""),
                f'see: make salt ARGS="{first.node} state.highstate"; correct it and run make up '
                "again",
            )
        cluster.wait_for_switch(settings, [o.node for o in outcomes if o.changes])
        converge.wait_for(settings, names, 120, lambda _: None)
        changes = sum(outcome.changes for outcome in outcomes)
        now.result = f"{len(good)} nodes converged, {changes} changes"


def _report(
    settings: Settings, nodes: tuple[description.Node, ...], seconds: float, answer: str
) -> None:
    names = [node.id for node in nodes]
    for rack in (racks := description.peopled(nodes)):
        console.say(converge.rack(settings, rack))
    if others := [f"{node.id} ({node.rack})" for node in nodes if node.rack not in racks]:
        console.say(f"In other racks: {', '.join(others)}\n")
    per_node = converge.memory(settings, names)
    first = names[0]
    console.say(
        f"{len(names)} nodes converged in {seconds:.0f} s, {per_node:.0f} MB per idle node\n"
    )
    if answer:
        console.say(f"The web service, behind its balancer: {answer}\n")
    console.say(
        "Try next:\n"
        "  make shell                                   a shell on the master\n"
        f"  make salt ARGS=\"'*' state.highstate test=True\"  what is out of state\n"
        f"  make logs NODE={first:<30} a node's journal\n"
        "  make down                                    remove all of it"
    )
