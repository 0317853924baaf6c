"""
Rollouts at work: what nodes have of guarded parts is recorded, and each rollout takes its steps.

The engine of rejoin calls this; it converges the nodes that a step sends, and verifies them. What a
step does is in ``picloud.rollout``.
"""

import logging
import secrets
from dataclasses import replace

import picloud_jobs
from picloud.rejoin.verify import problems
from picloud.rejoin.words import plain
from picloud.rollout import newcomers, steps
from picloud.rollout.blocked import blocked
from picloud.rollout.guarded import WORKLOADS, has, kept, touched
from picloud.rollout.health import checked
from picloud.rollout.services import faults
from picloud.rollout.types import ENDS, Fact, Look, State, Step
from picloud_rejoin import bus as buses

log = logging.getLogger(__name__)

#: Seconds between two looks.
PACE_S = 1.0
#: States that failed of a node that are told, characters of each, and jobs looked through for it.
STATES, SAID, JOBS = 2, 300, 200
#: Most steps of one rollout at one look.
MOST = 10


class Rollouts:
    """
    The rollouts of a master.

    engine
        The engine of rejoin, for its ledger, description, keys, jobs and bus.
    """

    def __init__(self, engine):
        self._engine = engine
        self._ledger = engine.ledger.rollouts
        self._live = []
        self._guarded = None
        self._looked = 0.0

    def work(self, now):
        """
        Take the steps that are due.

        now
            The time, in seconds since 1970.
        """
        if 0 <= now - self._looked < PACE_S:
            return
        self._looked = now
        self._live = self._ledger.live()
        with self._engine.alone("rollouts"):
            self._guard()
        for rollout in self._live:
            with self._engine.alone(f"rollout {rollout.number}"):
                for _ in range(MOST):
                    if (rollout := self._step(rollout, now)) is None:
                        break

    def verified(self, node, report, now):
        """
        Take in what a node says that was looked at once more; tell whether it was asked for that.

        node, report
            Its id, and its report, which it signed.
        now
            The time, in seconds since 1970.
        """
        numbers = [one.number for one in self._live if one.nonce and one.nonce == report["nonce"]]
        if not numbers:
            return False
        rollout = self._ledger.get(numbers[0])
        described = self._engine.cloud.node(node)
        if rollout.step != Step.CHECKING or described is None or self._engine.broken:
            return True
        for one in self._ledger.members(rollout.number, wave=rollout.wave):
            if one.node == node and one.state == State.ASKED:
                found = problems(report, described, self._engine.policy, now)
                ill, busy = self._under_way(rollout, one, report)
                self._ledger.put(rollout, [checked(one, [*found, *ill], busy, now)])
        return True

    def _under_way(self, rollout, member, report):
        """What of a change is wrong on a node, and what is not done yet, beside its own states."""
        if rollout.part != WORKLOADS:
            busy = report.get("busy")
            return [], [plain(one) for one in busy] if isinstance(busy, list) else []
        settings = self._ledger.settings([member.old, member.new])
        names = touched(settings[member.old], settings[member.new])
        return faults(report.get("workloads"), names)

    def _guard(self):
        """
        Pin what nodes have of guarded parts, when the description changed or a rollout ended.

        A node that has no pin gets what is described: a new one has nothing to be put back to. As
        long as no node was ever here, none has: the first of a new cloud gets what is described.
        """
        cloud, live = self._engine.cloud, {one.part: one for one in self._live}
        # A rebuilt image is what nodes get only as long as none was ever here.
        heads = self._engine.ledger.builds.heads() if WORKLOADS in cloud.rollout.parts else {}
        seen = (cloud, {one.number for one in self._live}, heads)
        if seen == self._guarded:
            return
        parts, pins = cloud.rollout.parts, self._ledger.pins()
        if parts or pins:
            nodes = {node.id: node for node in cloud.each()}
            if not live and not any(row.node in nodes for row in self._engine.ledger.rejoins.all()):
                self._ledger.unpin(pins)
                pins = {}
            there = {(n, part) for n, node in nodes.items() for part in parts if has(node, part)}
            moved = {
                (one.node, part): one
                for part, rollout in live.items()
                for one in self._ledger.members(rollout.number)
            }
            if new := there - pins.keys():
                self._pin(new, nodes, pins, moved, heads)
            # Members of a rollout have what it says until it ends.
            if gone := pins.keys() - there - moved.keys():
                self._ledger.unpin(gone)
        self._guarded = seen

    def _pin(self, new, nodes, pins, moved, heads):
        """Put on record what nodes have of parts that nothing is on record of yet."""
        peers = newcomers.peers(nodes, {name for name, part in pins if part == WORKLOADS})
        found, members = [], []
        for name, part in new:
            peer = peers.get(nodes[name].site) if part == WORKLOADS else None
            if (peer, part) in moved:
                members.append(newcomers.joined(moved[peer, part], name))
            elif peer is not None:
                digest = pins[peer, part]
                found.append((name, part, self._ledger.settings([digest])[digest]))
            elif part in (view := self._view(name)):
                found.append((name, part, kept(part, view[part], heads)))
        self._ledger.pin(found)
        for rollout in self._live:
            if members and rollout.part == WORKLOADS:
                self._ledger.put(rollout, members)
        log.info("Rollout guards %d settings of nodes", len(new))

    def _view(self, node):
        """What is described for a node; nothing for one that is not described."""
        return self._engine.store.view(node)[0] or {}

    def _step(self, rollout, now):
        """Take the next step of a rollout, and return the rollout; None if there is no step."""
        look = self._look(rollout, now)
        move = steps.step(look, secrets.token_hex(16))
        if move is None:
            return None
        rows = self._engine.ledger.rejoins.of([*move.send, *move.doubt])
        ways = [steps.sent(rows[node], rollout.part, now) for node in move.send]
        ways += [replace(rows[node], verified=False) for node in move.doubt if node in rows]
        self._ledger.put(move.rollout, move.members, ways)
        self._engine.jobs.send(list(move.ask), buses.VERIFY, move.rollout.nonce)
        self._told(rollout, move.rollout)
        self._live = [move.rollout if one is rollout else one for one in self._live]
        return move.rollout

    def _look(self, rollout, now):
        """All that the next step of a rollout follows from."""
        members = self._ledger.members(rollout.number, wave=rollout.wave)
        hold = "waits until the description is mended: salt-run picloud.validate"
        refused = self._refused(rollout, members) if rollout.step == Step.NEXT else ""
        look = Look(
            rollout,
            members,
            {},
            now,
            hold if self._engine.broken else "",
            refused,
            lambda one: self._barred(rollout, one),
            self._details,
        )
        if look.whole:
            members = self._ledger.members(rollout.number, upto=rollout.wave)
        return replace(look, members=members, facts=self._facts(members))

    def _facts(self, members):
        """What is known of some members."""
        rows = self._engine.ledger.rejoins.of([one.node for one in members])
        asked = (State.CONVERGING, State.RETURNING)
        names = [one.node for one in members if one.state in asked and not one.at]
        names = [name for name in names if self._engine.keys.accepted(name) is not None]
        told = picloud_jobs.grains(self._engine.opts, names)
        there = picloud_jobs.connected(self._engine.opts, told) if names else ()
        there = set(names) if there is None else there
        return {one.node: Fact(one.node in there, rows.get(one.node)) for one in members}

    def _refused(self, rollout, members):
        """Why a wave may not get the change any more: its version was blocked meanwhile."""
        settings = self._ledger.settings(one.new for one in members)
        return next(filter(None, (self._why_not(rollout, m, settings[m.new]) for m in members)), "")

    def _barred(self, rollout, member):
        """Why a node may not be put back to what it had."""
        settings = self._ledger.settings([member.old])[member.old]
        return self._why_not(rollout, member, settings)

    def _details(self, member):
        """What failed in the last highstate of a node, as it says; it may say anything."""
        records, _ = picloud_jobs.highstates(self._engine.opts, [member.node], JOBS)
        last = records[member.node].last if member.node in records else None
        if last is None or last.at < member.at:
            return ""
        lines = [f"{line.id}: {line.comment}" for line in last.failed[:STATES]]
        return "; ".join(plain(line, SAID) for line in lines)

    def _why_not(self, rollout, member, settings):
        view = self._view(member.node)
        if rollout.part not in view:
            return ""
        return blocked(rollout.part, settings, view[rollout.part], view["board"]["arch"])

    def _told(self, old, new):
        """Say what a rollout has come to, in the log and to whoever listens."""
        if (old.step, old.wave, old.reason) == (new.step, new.wave, new.reason):
            return
        stops = new.step in (Step.RETURNING, Step.STOPPED)
        name = f"wave {new.wave + 1} of {len(new.waves)}, {new.waves[new.wave]}"
        said = f": {new.reason}" if new.reason else ""
        level = logging.WARNING if stops else logging.INFO
        if new.step in ENDS:
            self._engine.bus.rollout_ended(new)
        log.log(level, "Rollout %d of %s (%s): %s%s", new.number, new.part, name, new.step, said)
