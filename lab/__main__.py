"""Commands of the lab: ``python -m lab up|down|shell|logs|salt|run|swap|...``, see ``--help``."""

import argparse
import logging
import os
import re
import shlex
import signal
import sys
import time
from pathlib import Path

from picloud.identity import Kind
from picloud.rejoin.steps import BY_HAND

from lab import (
    archives,
    chess,
    cluster,
    console,
    converge,
    description,
    host,
    images,
    lock,
    mishaps,
    rejoin,
    shell,
    teardown,
    web,
)
from lab.errors import LabError
from lab.settings import Settings


def up(settings: Settings, wanted: str, bare: bool = False) -> None:
    """
    Bring a lab to what the description says; what is there already stays.

    wanted
        See ``description.choose``.
    bare
        Whether to do without the images of the web service.
    """
    begin = time.monotonic()
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
    seconds, answer = time.monotonic() - begin, ""
    if not bare:
        with console.step("answer") as now:
            answer = web.answer(settings)
            now.result = "the web service answers" if answer else "none to wait for"
    _report(settings, nodes, seconds, answer)


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


def down(settings: Settings) -> None:
    """Remove a lab, whole or half made."""
    if not host.engine_answers():
        if not host.engine_is_installed():
            console.say("there was nothing: Docker Engine is not installed")
            return
        host.start_engine()
    with console.step("down") as now:
        gone = teardown.down(settings)
        now.result = f"{len(gone)} things removed" if gone else "there was nothing"
    console.say(f"what was done is in {settings.log}, until the next lab is made or make clean")


def _replace(*command: str) -> None:
    """Become another program."""
    sys.stdout.flush()
    full = shell.program(command)
    os.execvp(full[0], full)


def _docker_exec(container: str, *command: str) -> None:
    tty = ["--interactive", "--tty"] if sys.stdin.isatty() else []
    if not shell.succeeds(["docker", "exec", container, "true"]):
        raise LabError(f"{container} does not run", "run: make up")
    _replace("docker", "exec", *tty, container, *command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    parser.add_argument("--name", default="picloud", help="name of the lab")
    parser.add_argument("--checkout", type=Path, default=Path.cwd())
    parser.add_argument("--cache", type=Path, help="default: .cache/lab in the checkout")
    commands = parser.add_subparsers(dest="command", required=True)
    started = commands.add_parser("up")
    started.add_argument("--nodes", default="4", help="a number, all, or ids")
    started.add_argument("--bare", action="store_true", help="without images and the web service")
    for name in ("down", "images", "wheels", "clean"):
        commands.add_parser(name)
    commands.add_parser("shell").add_argument("--node", default="head")
    commands.add_parser("logs").add_argument("--node", default="head")
    for name in ("swap", "spare", "swap-board", "clone", "impostor", "powercut"):
        commands.add_parser(name).add_argument("targets", nargs=1)
    commands.add_parser("exchange").add_argument("targets", nargs=2)
    asked = commands.add_parser("chess")
    for name in ("--fen", "--pgn", "--depth"):
        asked.add_argument(name, default="")
    for name in ("salt", "run"):
        commands.add_parser(name).add_argument("args", help="one string, as a shell would read it")
    return parser


def _only_images(settings: Settings) -> None:
    host.install_tools()
    settings.cache.mkdir(parents=True, exist_ok=True)
    with console.step("engine") as now:
        now.result = host.start_engine()
    with console.step("images") as now:
        built = images.build(settings, description.read(settings.checkout))
        archives.place(settings, built["node"])
        now.result = ", ".join(built.values())


def _only_wheels(settings: Settings) -> None:
    with console.step("wheels") as now:
        count = archives.place_wheels(settings)
        now.result = f"{count} in salt/salt_minion/wheels"


def _clean(settings: Settings) -> None:
    down(settings)
    images.remove_all()
    archives.remove(settings)
    host.remove_logs(settings.name)


def main(argv: list[str]) -> int:
    """Entry point; returns the exit status."""
    options = _parser().parse_args(argv)
    checkout = options.checkout.resolve()
    cache = (options.cache or checkout / ".cache" / "lab").resolve()
    settings = Settings(options.name, checkout, cache)
    try:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,11}", settings.name):
            raise LabError(
                f"{settings.name!r} is no name for a lab", "use up to 12 letters, digits and dashes"
            )
        if options.command == "wheels":
            _only_wheels(settings)
            return 0
        host.require_root()
        shell.log_to(settings.log)
        match options.command:
            case "up":
                with lock.whole(settings):
                    if not settings.state.exists():
                        shell.log_to(settings.log, anew=True)
                    up(settings, options.nodes, options.bare)
            case "down" | "images" | "clean":
                does = {"down": down, "images": _only_images, "clean": _clean}[options.command]
                with lock.whole(settings):
                    does(settings)
            case "shell":
                _docker_exec(settings.container(options.node), "bash", "-l")
            case "logs":
                unit = ["-u", "salt-master"] if options.node == "head" else []
                _docker_exec(settings.container(options.node), "journalctl", "--no-pager", *unit)
            case "swap" | "spare" | "swap-board" | "exchange" | "clone" | "impostor" | "powercut":
                mishaps.run(settings, options.command, *options.targets)
            case "chess":
                return chess.run(settings, options.fen, options.pgn, options.depth)
            case "salt" | "run":
                program = {"salt": "salt", "run": "salt-run"}[options.command]
                _docker_exec(settings.head, program, *shlex.split(options.args))
    except LabError as error:
        console.failed(error)
        return 1
    except KeyboardInterrupt:
        console.err.print("\ninterrupted; make up goes on from here, make down removes it")
        return 130
    return 0


if __name__ == "__main__":
    # Whoever calls main() has log levels of its own.
    logging.getLogger("salt").setLevel(logging.CRITICAL)
    # What it runs ends with it then, as with Ctrl-C: nothing goes on making what down removes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
