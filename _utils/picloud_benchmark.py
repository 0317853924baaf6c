"""
The benchmark at work: nodes are asked through Salt, turn by turn, and what they answer is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import picloud_ask
from picloud.benchmark import measures
from picloud.benchmark.results import Result
from picloud.benchmark.turns import Turn
from picloud.rejoin.words import plain
from picloud.workloads.seal import Build

#: Seconds without an answer after which a node is asked whether it is still at work.
ASK_S = 30
#: Seconds that a node may take for one test, all its repetitions together.
LONGEST_S = 3600
#: What a node tells of itself that stays with its results.
FACTS = ("kernel", "docker", "board", "card", "load")


class Order(NamedTuple):
    """
    What is to be measured.

    image, build
        The image as nodes pull it, and how it was built.
    tests, times, size_mb
        Which tests, how often each, and MB of the file for the card.
    models
        Models by node.
    """

    image: str
    build: Build
    tests: list[str]
    times: int
    size_mb: int
    models: Mapping[str, str]


class Bench:
    """
    Measures nodes.

    opts
        The master's options.
    order
        What is to be measured.

    .. code-block:: python

        results, faults = Bench(__opts__, order).measure(turn)
    """

    def __init__(self, opts: Mapping[str, Any], order: Order) -> None:
        self._opts, self._order = opts, order
        self._faults: dict[str, list[str]] = {}

    def measure(self, turn: Turn) -> tuple[list[Result], dict[str, list[str]]]:
        """
        Measure the nodes of a turn; their results, and what failed, in words by node.

        turn
            The nodes.
        """
        self._faults, order = {}, self._order
        told = self._told(turn.nodes, "prepare", [order.image], dict)
        at, found = time.time(), []
        for test in order.tests:
            for node, said in self._test(test, turn, list(told)).items():
                try:
                    samples = measures.samples(test, said)
                except ValueError as err:
                    self._fault(node, f"{test}: {err}")
                    continue
                facts = self._facts(told[node])
                model = order.models[node]
                found += [
                    Result(node, at, name, model, one, facts) for name, one in samples.items()
                ]
        return found, self._faults

    def _test(self, test: str, turn: Turn, nodes: list[str]) -> dict[str, Any]:
        order = self._order
        if test == "containers":
            given = [order.image, measures.CONTAINERS, order.times]
            return self._told(nodes, "containers", given, list, test)
        script = measures.script(test, order.times, order.size_mb)
        given = [order.image, test, script, measures.seconds(test, order.times)]
        if test != "network":
            return self._told(nodes, "run", given, str, test)
        return self._network(turn, nodes, given)

    def _network(self, turn: Turn, nodes: list[str], given: list[Any]) -> dict[str, Any]:
        peers = {node: peer for node in nodes if (peer := turn.nodes[node])}
        for node in nodes:
            if node not in peers:
                self._fault(node, "network: no other node of its rack may be its neighbour")
        servers = [peer.node for peer in peers.values()]
        try:
            serving = self._told(
                servers, "serve", [self._order.image, measures.server()], str, "network"
            )
            ready = {node: one.address for node, one in peers.items() if one.node in serving}
            for node, one in peers.items():
                if node not in ready:
                    self._fault(node, f"network: its neighbour {one.node} does not serve")
            return self._told(list(ready), "run", [*given, ready], str, "network")
        finally:
            list(self._answers(servers, "clear", []))

    def _facts(self, told: Mapping[str, Any]) -> dict[str, str]:
        order = self._order
        programs = order.build.packages.get(str(told.get("arch")), {})
        return {
            "method": str(measures.METHOD),
            "size_mb": str(order.size_mb),
            **{name: programs.get(name, "?") for name in ("sysbench", "iperf3")},
            **{name: plain(str(told.get(name, "")), 80) for name in FACTS},
        }

    def _told(
        self,
        nodes: Iterable[str],
        function: str,
        given: list[Any],
        kind: type,
        test: str = "",
    ) -> dict[str, Any]:
        """Ask nodes; answers of the kind that is expected by node, all else becomes a fault."""
        asked, found, failing = list(nodes), {}, set()
        before = f"{test}: " if test else ""
        for node, said, failed in self._answers(asked, function, given):
            if failed or not isinstance(said, kind):
                failing.add(node)
                self._fault(node, before + _words(said, function, node))
            else:
                found[node] = said
        for node in asked:
            if node not in found and node not in failing:
                self._fault(node, f"{before}it did not answer")
        return found

    def _fault(self, node: str, text: str) -> None:
        self._faults.setdefault(node, []).append(text)

    def _answers(
        self, nodes: Iterable[str], function: str, given: list[Any]
    ) -> Iterator[tuple[str, Any, bool]]:
        asked, name = list(nodes), f"pibenchmark.{function}"
        return picloud_ask.asked(self._opts, asked, name, given, timeout=ASK_S, longest=LONGEST_S)


def _words(said: Any, function: str, node: str) -> str:
    text = str(said).strip()
    if "is not available" in text:
        return f"has no pibenchmark.{function} yet; salt {node} saltutil.sync_all brings it"
    last = text.splitlines()[-1] if text else "no word"
    return plain(last.removeprefix("ERROR: "), 500)
