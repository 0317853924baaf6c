"""
Who is verified once more: nodes that are being converged and have said nothing since.

Whoever converges them may have been killed, they may have lost their power in the middle, and what
they answered may be lost.
"""

from picloud.rejoin.steps import Step

from picloud_rejoin import bus as buses

#: Seconds from the event that starts a batch until the nodes surely run its highstate.
BEGUN_S = 20.0
#: Seconds between two verifications of one node, however often it is said to have started.
PACE_S = 5.0
#: Seconds until a node is verified again that was to be and has said nothing; doubled each time.
SILENT_S = 300.0


class Checks:
    """
    The verifications that one engine asks for.

    engine
        The engine.
    """

    def __init__(self, engine):
        self._engine = engine
        self._due = {}
        self._asked = {}
        self._cut_off = set()

    def resume(self, rows):
        """
        Take up what was under way when the engine ended.

        rows
            The nodes that were being converged then.
        """
        for row in rows:
            self.later(row)
        self._cut_off = {row.nonce for row in rows}

    def expect(self, nodes, now):
        """
        Nodes are sent on their way: verify those that say nothing for long.

        nodes, now
            Their ids, and the time in seconds since 1970.
        """
        self._due.update(dict.fromkeys(nodes, now + SILENT_S))

    def restarted(self, node, minion_s, now):
        """
        A node that is being converged said how long its minion runs: did it start in the middle?

        node, minion_s, now
            Its id, what it said (None when it does not know), and the time in seconds since 1970.
        """
        row = self._engine.ledger.rejoins.get(node)
        if row is None or row.step != Step.CONVERGING:
            return
        if not isinstance(minion_s, float) or minion_s < now - row.step_at:
            self.later(row)

    def cut_off(self, row):
        """
        Tell whether a node was being converged when an engine before this one ended.

        row
            Its row. Who converged it may have been killed with the master: that is not its fault.
        """
        return row.nonce in self._cut_off

    def later(self, row):
        """
        Verify a node whose batch may have been cut off, not before its highstate can have begun.

        On the node, the verification waits for a highstate that is under way; asked for earlier, it
        would find a node that nobody has converged yet, and call that a failure.

        row
            Its row.
        """
        at = max(row.step_at + BEGUN_S, self._asked.get(row.node, 0.0) + PACE_S)
        self._due[row.node] = min(at, self._due.get(row.node, at))

    def forget(self):
        """Forget all times: the clock went back."""
        self._due.clear()
        self._asked.clear()

    def work(self, now):
        """
        Verify those whose time has come; an answer may be lost, so it is asked for again.

        now
            The time, in seconds since 1970.
        """
        due = {}
        ledger = self._engine.ledger
        nodes = [node for node, at in self._due.items() if at <= now]
        unclaimed = set(ledger.batches.unclaimed(now).values()) if nodes else set()
        for node in nodes:
            del self._due[node]
            row = ledger.rejoins.get(node)
            if row is None or row.step != Step.CONVERGING:
                continue
            if row.nonce in unclaimed:
                self._due[node] = now + BEGUN_S  # nobody has converged it yet
            else:
                self._asked[node] = now
                self._due[node] = now + max(SILENT_S, now - row.step_at)
                due.setdefault(row.nonce, []).append(node)
        for nonce, nodes in due.items():
            self._engine.jobs.send(nodes, buses.VERIFY, nonce)
