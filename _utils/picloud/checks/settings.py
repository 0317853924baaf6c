"""
Checks of what settings, with every override laid over them, mean on a node's board.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from picloud import schema
from picloud.checks.context import RackIndex, Seat
from picloud.faults import Path, Problem
from picloud.suggest import remedy

#: Most graphics memory for boards of up to so much memory, in MB; a board with more takes the last.
#: https://www.raspberrypi.com/documentation/computers/config_txt.html, "gpu_mem"
GPU_MOST = ((256, 128), (512, 384), (1024, 512))
#: More swap than so many times the memory only wears the card.
SWAP_TIMES = 4


def check(index: RackIndex) -> Iterator[Problem]:
    """Yield what settings do not fit; each board with the same settings is looked at once."""
    seen: set[object] = set()
    for seat in index.seats:
        if seat.board is None:
            continue
        node = seat.node
        layers = tuple(layer.path for layer in seat.layers)
        kind = (node.model, node.image, node.ram_mb, node.parts, layers)
        if kind not in seen:
            seen.add(kind)
            for one in (image, clocks, graphics, swap, docker):
                yield from one(index, seat, seat.board)


def image(index: RackIndex, seat: Seat, board: schema.Board) -> Iterator[Problem]:
    """The image is made for the board."""
    wanted = index.known.common.images.get(seat.node.image)
    if wanted is not None and board.arch not in wanted.archs:
        own = seat.declared.image is not None or seat.declared.model is not None
        key = "image" if seat.declared.image is not None or not own else "model"
        path = (*(seat.path if own else index.path), key)
        problem = (
            f"image {seat.node.image} is made for {', '.join(wanted.archs)}, and "
            f"{seat.node.model} is {board.arch}"
        )
        fitting = [n for n, i in index.known.common.images.items() if board.arch in i.archs]
        advice = f"use {fitting[0]}" if fitting else f"add an image with {board.arch}"
        yield Problem(path, "image-arch", problem, advice)


def clocks(index: RackIndex, seat: Seat, board: schema.Board) -> Iterator[Problem]:
    """Clocks are within the limits of the board."""
    boot = _settings(index, seat, "boot")
    if not isinstance(boot, schema.Boot):
        return
    for option, value in boot.overclock.items():
        path = index.known.origin("boot", seat.layers, ("overclock", option))
        most = board.max_overclock.get(option)
        if most is None:
            problem = f"{seat.node.model} allows no {option}, and {seat.node.id} is one"
            advice = remedy(option, board.max_overclock, "clock options")
            yield Problem(path, "overclock-option", problem, advice)
        elif value > most:
            problem = f"{value} is above the {most} that {seat.node.model} ({seat.node.id}) allows"
            yield Problem(path, "overclock-limit", problem, f"set it to {most} or less")


def graphics(index: RackIndex, seat: Seat, board: schema.Board) -> Iterator[Problem]:
    """The graphics leave memory for the rest."""
    boot = _settings(index, seat, "boot")
    ram = seat.node.ram_mb
    most = next((mb for size, mb in GPU_MOST if ram <= size), GPU_MOST[-1][1])
    if isinstance(boot, schema.Boot) and boot.gpu_mem > most:
        path = index.known.origin("boot", seat.layers, ("gpu_mem",))
        problem = (
            f"{boot.gpu_mem} MB is too much for {seat.node.model} ({seat.node.id}) with {ram} MB"
        )
        yield Problem(path, "gpu-memory", problem, f"set it to {most} or less")


def swap(index: RackIndex, seat: Seat, board: schema.Board) -> Iterator[Problem]:
    """Swap is in proportion to memory."""
    base = _settings(index, seat, "base")
    most = SWAP_TIMES * seat.node.ram_mb
    if isinstance(base, schema.Base) and base.swap_mb > most:
        path = index.known.origin("base", seat.layers, ("swap_mb",))
        problem = (
            f"{base.swap_mb} MB is more than {SWAP_TIMES} times the {seat.node.ram_mb} MB of "
            f"{seat.node.model} ({seat.node.id})"
        )
        yield Problem(path, "swap-size", problem, f"set it to {most} or less")


def docker(index: RackIndex, seat: Seat, board: schema.Board) -> Iterator[Problem]:
    """Docker is not pinned to a version that is blocked on the board."""
    engine = _settings(index, seat, "docker")
    if not isinstance(engine, schema.Docker):
        return
    for blocked in engine.blocked:
        if board.arch in blocked.archs and overlap(engine.version, blocked.version):
            path: Path = index.known.origin("docker", seat.layers, ("version",))
            problem = (
                f"{engine.version} is blocked on {board.arch} ({seat.node.id}): {blocked.reason}"
            )
            yield Problem(path, "blocked-version", problem, f"use {blocked.use}")


def _settings(index: RackIndex, seat: Seat, part: str) -> schema.Model | None:
    if part not in seat.node.parts:
        return None
    return index.known.settings(part, seat.layers)


@lru_cache(maxsize=1024)
def overlap(one: str, two: str) -> bool:
    """
    Say whether a text can match both of two patterns with ``*`` and ``?``.

    >>> overlap("1.7.*", "1.7.0-1*"), overlap("20.10*", "1.7.0-1*")
    (True, False)
    """
    if not one or not two:
        return not (one + two).strip("*")
    if one[0] == "*":
        return overlap(one[1:], two) or overlap(one, two[1:])
    if two[0] == "*":
        return overlap(two, one)
    same = one[0] == two[0] or "?" in (one[0], two[0])
    return same and overlap(one[1:], two[1:])


CHECKS = (check,)
