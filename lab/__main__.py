"""Commands of the lab: ``python -m lab up|down|shell|logs|salt|run|swap|...``, see ``--help``."""

import argparse
import logging
import re
import shlex
import signal
import sys
from pathlib import Path

from lab import (
    archives,
    chess,
    cluster,
    console,
    description,
    host,
    images,
    lock,
    mishaps,
    shell,
    spark,
    teardown,
    up,
)
from lab.errors import LabError
from lab.settings import Settings


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


def _docker_exec(settings: Settings, name: str, *command: str) -> None:
    tty = ["--interactive", "--tty"] if sys.stdin.isatty() else []
    container = settings.container(name)
    if not shell.succeeds(["docker", "exec", container, "true"]):
        if name == "head" or not host.engine_answers():
            raise LabError(f"{container} does not run", "run: make up")
        have = cluster.containers(settings)
        raise mishaps.away(description.read(settings.checkout), have, name)
    shell.become(["docker", "exec", *tty, container, *command])


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
    counted = commands.add_parser("spark")
    counted.add_argument("--files", default="")
    counted.add_argument("--subnet", default=spark.SUBNET, help="how the lab's addresses begin")
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


def _work(settings: Settings, options: argparse.Namespace) -> int:
    """Have nodes work for whoever asks."""
    if options.command == "chess":
        chess.run(settings, options.fen, options.pgn, options.depth)
    return spark.run(settings, options.files, options.subnet)


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
                    up.run(settings, options.nodes, options.bare)
            case "down" | "images" | "clean":
                does = {"down": down, "images": _only_images, "clean": _clean}[options.command]
                with lock.whole(settings):
                    does(settings)
            case "shell":
                _docker_exec(settings, options.node, "bash", "-l")
            case "logs":
                unit = ["-u", "salt-master"] if options.node == "head" else []
                _docker_exec(settings, options.node, "journalctl", "--no-pager", *unit)
            case "swap" | "spare" | "swap-board" | "exchange" | "clone" | "impostor" | "powercut":
                mishaps.run(settings, options.command, *options.targets)
            case "chess" | "spark":
                return _work(settings, options)
            case "salt" | "run":
                program = {"salt": "salt", "run": "salt-run"}[options.command]
                _docker_exec(settings, "head", program, *shlex.split(options.args))
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
