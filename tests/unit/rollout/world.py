"""A small world for rollouts: nodes that get well or do not, and what an engine does with steps."""

from dataclasses import dataclass, field, replace

from picloud.ledger.rejoins import Rejoin
from picloud.ledger.rollouts import Member, Rollout
from picloud.rejoin import steps as rejoin
from picloud.rollout import steps
from picloud.rollout.health import checked
from picloud.rollout.policy import Rollout as Policy
from picloud.rollout.types import Fact, Look, State, Step

LIMITS = {"soak_s": 60, "limit_s": 1000, "tries": 1}


def converged(node):
    """The row of a node that is well."""
    return Rejoin(node, "converged", "restart", verified=True, since=1.0, step_at=1.0)


@dataclass
class World:
    """
    A rollout of ``docker`` and its nodes.

    waves
        Ids of the nodes of each wave.
    ill
        Nodes that do not get well with the new settings, and what is wrong with them.
    lost
        Nodes that do not get well when they are put back either.
    away
        Nodes without a connection.
    """

    waves: list
    policy: dict = field(default_factory=dict)
    ill: dict = field(default_factory=dict)
    lost: dict = field(default_factory=dict)
    away: set = field(default_factory=set)
    now: float = 1000.0
    hold: str = ""
    refused: str = ""
    barred: str = ""
    details: str = ""
    log: list = field(default_factory=list)

    def __post_init__(self):
        names = tuple(f"wave {number}" for number in range(len(self.waves)))
        policy = Policy(**{**LIMITS, "parts": ("docker",), **self.policy}).model_dump(mode="json")
        self.rollout = Rollout(1, "docker", str(Step.NEXT), names, policy, step_at=self.now)
        self.members = {
            node: Member(node, wave, "old", "new", str(State.WAITING), "old")
            for wave, nodes in enumerate(self.waves)
            for node in nodes
        }
        self.rows = {node: converged(node) for node in self.members}

    def look(self):
        upto = [one for one in self.members.values() if one.wave <= self.rollout.wave]
        facts = {m.node: Fact(m.node not in self.away, self.rows.get(m.node)) for m in upto}
        more = {"hold": self.hold, "refused": self.refused, "barred": lambda _: self.barred}
        more["details"] = lambda _: self.details
        return Look(self.rollout, upto, facts, self.now, **more)

    def step(self):
        """Take one step and record it, as the engine does in one transaction."""
        move = steps.step(self.look(), "nonce")
        if move is not None:
            self.rollout = move.rollout
            self.members |= {one.node: one for one in move.members}
            for node in move.send:
                self.rows[node] = steps.sent(self.rows[node], "docker", self.now)
                self.log.append((node, self.members[node].pin))
            for node in move.doubt:
                if (row := self.rows.get(node)) is not None:
                    self.rows[node] = replace(row, verified=False)
        return move

    def settle(self):
        """Step until nothing is left to do now."""
        while self.step() is not None:
            assert len(self.log) < 1000
        return self.rollout.step

    def converge(self, *nodes):
        """Nodes that are on their way arrive, or fail."""
        for node in nodes or list(self.rows):
            row = self.rows[node]
            if row.step not in ("waiting", "converging"):
                continue
            wrong = self.ill if self.members[node].pin == "new" else self.lost
            self.now += 1
            problems = [wrong[node]] if node in wrong else []
            self.rows[node] = rejoin.verified(
                row, problems, rejoin.Policy(tries=2), self.now, jitter=0.0
            )

    def answer(self, *nodes, problems=(), busy=()):
        """Nodes that are looked at once more answer."""
        for node in nodes or list(self.members):
            if self.members[node].state == State.ASKED:
                self.members[node] = checked(self.members[node], problems, busy, self.now)

    def wave(self):
        """One wave from its beginning to its end, all well."""
        assert self.settle() == Step.CONVERGING
        self.converge()
        assert self.settle() == Step.SOAKING
        self.now += 61
        assert self.settle() == Step.CHECKING
        self.answer()
        self.step()

    def states(self):
        return {one.node: one.state for one in self.members.values()}

    def pins(self):
        return {one.node: one.pin for one in self.members.values()}
