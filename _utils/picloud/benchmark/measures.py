"""
What is measured on a node, by which programs, and what their output says.

A test is one container with Debian's sysbench or iperf3; it measures one thing or more, each of
them several times. Tests are short and small: a card is not worn by them, and a Pi 1 ends them too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Raised when the same hardware gives other numbers than before: results are compared within one.
METHOD = 1
#: How a section of the output begins.
MARK = "== "
#: The folder in the container that lies on the node's card.
FOLDER = "/card"
PORT = 5201
#: What iperf3 says while its server still ends the measurement before; and how often it is asked
#: then, a pause of so many seconds between.
BUSY, TRIES, PAUSE_S = "server is busy", 5, 2
#: Seconds for which the processor, the memory and the network are measured each time.
SECONDS = 3
#: Containers that are started and removed each time, one after the other.
CONTAINERS = 5

#: No node has as much of anything.
MOST = 1e12

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"


class Measure(NamedTuple):
    """
    Something that is measured: more is always better.

    test
        The test that measures it.
    unit, what
        Its unit, and what it is, in words.
    pattern
        What sysbench says, with the number as its group; iperf3 and containers have none.
    """

    test: str
    unit: str
    what: str
    pattern: str = ""


#: All there is, in the order of tables.
MEASURES: Mapping[str, Measure] = {
    "cpu_one": Measure(
        "cpu", "events/s", "one core looks for primes", rf"events per second:\s*{_NUMBER}"
    ),
    "cpu_all": Measure(
        "cpu", "events/s", "all cores look for primes", rf"events per second:\s*{_NUMBER}"
    ),
    "memory": Measure(
        "memory", "MiB/s", "one core writes blocks of 1 MiB", rf"\({_NUMBER} MiB/sec\)"
    ),
    "card_write": Measure("card", "MiB/s", "a file is written", rf"\({_NUMBER} MiB/sec\)"),
    "card_read": Measure(
        "card", "MiB/s", "the file is read past the cache", rf"read, MiB/s:\s*{_NUMBER}"
    ),
    "card_reads": Measure(
        "card", "IOPS", "4 KiB are read anywhere in the file", rf"reads/s:\s*{_NUMBER}"
    ),
    "card_writes": Measure(
        "card", "IOPS", "4 KiB are written anywhere in the file", rf"writes/s:\s*{_NUMBER}"
    ),
    "network_out": Measure("network", "Mb/s", "to a neighbour in the rack"),
    "network_in": Measure("network", "Mb/s", "from a neighbour in the rack"),
    "containers": Measure("containers", "1/s", "containers are started and removed"),
}
TESTS = tuple(dict.fromkeys(one.test for one in MEASURES.values()))


def script(test: str, times: int, size_mb: int) -> str:
    """
    Return what a container is to run for a test, as a shell script.

    test
        One of ``TESTS`` but ``containers``, for which the node starts some itself.
    times
        How often everything is measured.
    size_mb
        MB of the file that is written and read: the card takes ``times`` as much, and 4 MB more
        each time.

    ``network`` finds the address of the neighbour in the variable ``PEER``.

    >>> print(script("memory", 1, 64))
    set -e
    echo "== memory"
    sysbench memory --memory-block-size=1M --memory-total-size=100T --time=3 run
    """
    every = _sections(test, size_mb)
    lines = ["set -e"]
    for _ in range(times):
        for name, command in every.items():
            lines += [f'echo "{MARK}{name}"', command]
    return "\n".join(lines)


def _sections(test: str, size_mb: int) -> dict[str, str]:
    cpu = f"sysbench cpu --cpu-max-prime=5000 --time={SECONDS} --threads"
    files = f"sysbench fileio --file-num=1 --file-total-size={size_mb}M --file-extra-flags=direct"
    small = "--file-block-size=4K --events=1000 --time=20 --file-fsync-freq=0"
    iperf = f'iperf3 --client "$PEER" --port {PORT} --time {SECONDS} --json --connect-timeout 5000'
    return {
        "cpu": {"cpu_one": f"{cpu}=1 run", "cpu_all": f'{cpu}="$(nproc)" run'},
        "memory": {
            "memory": "sysbench memory --memory-block-size=1M --memory-total-size=100T"
            f" --time={SECONDS} run"
        },
        "card": {
            "card_write": f"cd {FOLDER}; rm -f test_file.*; {files} --file-block-size=1M prepare",
            "card_read": f"{files} --file-test-mode=seqrd --file-block-size=1M"
            f" --events={size_mb} --time=60 run",
            "card_reads": f"{files} --file-test-mode=rndrd {small} run",
            "card_writes": f"{files} --file-test-mode=rndwr {small} run",
        },
        "network": {
            "network_out": _patient(iperf),
            "network_in": _patient(f"{iperf} --reverse"),
        },
    }[test]


def _patient(iperf: str) -> str:
    """Try again while the server is busy. What iperf3 says tells how it ended; silence fails."""
    tries = " ".join(map(str, range(TRIES)))
    return (
        f"for try in {tries}; do said=$({iperf}) || true; "
        f'case "$said" in *"{BUSY}"*) sleep {PAUSE_S};; *) break;; esac; done; '
        """printf '%s\\n' "$said"; test -n "$said\""""
    )


def server() -> str:
    """Return what the neighbour runs for ``network``; it ends by itself, whatever happens."""
    return f"timeout 600 iperf3 --server --port {PORT}"


def seconds(test: str, times: int) -> int:
    """
    Return after how many seconds a test is given up: many times what the slowest board takes.

    >>> seconds("cpu", 3)
    220
    """
    return 100 + times * {"card": 180, "containers": 120}.get(test, 40)


def samples(test: str, said: object) -> dict[str, list[float]]:
    """
    Return the numbers in what a test wrote, by measure; ValueError says what is missing.

    test
        One of ``TESTS``.
    said
        Its output, from a node; for ``containers`` the rates.

    >>> samples("containers", [1.5, 1.75])
    {'containers': [1.5, 1.75]}
    """
    if test == "containers":
        rates = said if isinstance(said, list) else []
        good = [float(one) for one in rates if isinstance(one, int | float) and one > 0]
        if not good or len(good) != len(rates):
            raise ValueError("the node gave no rate of containers")
        return {test: good}
    text = said if isinstance(said, str) else ""
    found: dict[str, list[float]] = {}
    for section in re.split(rf"^{MARK}", text, flags=re.MULTILINE)[1:]:
        name, _, rest = section.partition("\n")
        name = name.strip()
        measure = MEASURES.get(name)
        if measure is None or measure.test != test:
            raise ValueError(f"there is no measure {name[:40]!r} in the test {test}")
        found.setdefault(name, []).append(_number(measure, name, rest))
    if missing := [
        name for name, one in MEASURES.items() if one.test == test and name not in found
    ]:
        raise ValueError(f"there is no {', '.join(missing)} in what was measured")
    return found


def _number(measure: Measure, name: str, text: str) -> float:
    value = _sysbench(measure.pattern, text) if measure.pattern else _iperf3(name, text)
    if value is None:
        raise ValueError(f"{name} has no number: {text.strip()[-200:] or 'nothing was said'}")
    if not 0 < value < MOST:
        raise ValueError(f"{name} is {value:g} {measure.unit}, which cannot be")
    return value


def _sysbench(pattern: str, text: str) -> float | None:
    match = re.search(pattern, text)
    return float(match[1]) if match else None


def _iperf3(name: str, text: str) -> float | None:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if isinstance(data, dict) and data.get("error"):
        raise ValueError(f"{name}: iperf3 says: {str(data['error']).removeprefix('error - ')}")
    try:
        return float(data["end"]["sum_received"]["bits_per_second"]) / 1e6
    except (ValueError, TypeError, KeyError):
        return None


def chosen(text: Any) -> list[str]:
    """
    Return the tests that were asked for; ValueError names every one that there is not.

    text
        Names with commas between them; None for all.

    >>> chosen("card,cpu")
    ['cpu', 'card']
    """
    if text is None:
        return list(TESTS)
    names = [name.strip() for name in str(text).split(",") if name.strip()]
    wrong = [name for name in names if name not in TESTS]
    if wrong or not names:
        raise ValueError(
            f"tests: {', '.join(wrong) or 'nothing'} is no test; take some of {', '.join(TESTS)}"
        )
    return [test for test in TESTS if test in names]
