"""In whatever order: no unknown key gets in, no board has two nodes, no node is lost."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from picloud.identity import Action, Board, CardState, Evidence, Offer, Seen, Verdict, admit, decide

from tests.unit.identity.world import World

NODES = st.sampled_from(["pi0", "pi1", "pi2"])
BOARDS = st.sampled_from([f"00000000e000000{digit}" for digit in "123456"])
ANY_ID = st.one_of(NODES, st.sampled_from(["card 0", "card 1", "*", "../pi0", "nobody"]))


class Rack(RuleBasedStateMachine):
    """
    Hands that prepare, plug, copy, revoke and lie; the master does what was decided.

    ``accepted`` are the keys the master accepts, by id; ``had`` the nodes that ever had one.
    """

    issued = Bundle("issued")

    def __init__(self):
        super().__init__()
        self.world = World()
        self.accepted = {}
        self.had = set()
        self.stopped = set()
        self.number = 0

    @rule(target=issued, node=st.one_of(st.none(), NODES))
    def prepare(self, node):
        name = f"card {self.number}"
        self.number += 1
        card = self.world.issue(name, node, spare=node is None)
        if node is None:
            self.accepted[name] = card.fingerprint
        return name

    @rule(card=issued, board=BOARDS, name=ANY_ID, alive=st.booleans())
    def knock(self, card, board, name, alive):
        self._offer(name, f"key of {card}", board, alive)

    @rule(board=BOARDS, name=ANY_ID, key=st.sampled_from(["own key", "key of card"]))
    def intrude(self, board, name, key):
        self._offer(name, key, board, False)

    @rule(
        name=ANY_ID,
        board=BOARDS,
        other=st.one_of(st.none(), BOARDS),
        port=st.one_of(st.none(), st.integers(1, 4)),
        up=st.sets(NODES),
    )
    def start(self, name, board, other, port, up):
        """Whoever has the key that is accepted for an id says what it likes about its board."""
        key = self.accepted.get(name)
        if key is None:
            return
        self.world.up = up & set(self.accepted)
        others = (Board(other),) if other else ()
        port = ("rack1", port) if port else None
        evidence = Evidence(name, key, Board(board), others, port)
        self._carry_out(evidence, decide(evidence, self.world.cloud, self.world))

    @rule(card=consumes(issued))
    def revoke(self, card):
        record = self.world.cards[card]
        self.world.change(card, state=CardState.REVOKED)
        for name in [name for name, key in self.accepted.items() if key == record.fingerprint]:
            del self.accepted[name]
            self.stopped.add(name)

    @rule(serial=BOARDS)
    def retire_board(self, serial):
        self.world.out.add(serial)

    def _offer(self, name, key, board, alive):
        if self.accepted.get(name) == key:
            return
        admission = admit(Offer(name, key, alive), self.world, self.world.cloud)
        assert admission.verdict is not Verdict.ASK
        if admission.verdict is not Verdict.ADMIT:
            return
        if admission.node is not None:
            self._let_in(admission.node, admission.card)
        else:
            self.accepted[name] = key

    def _let_in(self, node, card):
        present = self.world.in_use(node)
        if present is not None:
            self.world.change(present.card, state=CardState.RETIRED)
        self.world.change(card, state=CardState.IN_USE, node=node)
        self.accepted[node] = self.world.cards[card].fingerprint
        self.had.add(node)
        self.stopped.discard(node)

    def _carry_out(self, evidence, decision):
        for serial, node in decision.learn:
            owners = self.world.owners
            for taken in [one for one, owner in owners.items() if owner == node or one == serial]:
                del owners[taken]
        for serial, node in decision.learn:
            self.world.owners[serial] = node
        card = self.world.by_fingerprint(evidence.fingerprint)
        if decision.action is Action.STOP:
            # A spare that is being bound goes by two names.
            for name in [one for one, key in self.accepted.items() if key == evidence.fingerprint]:
                del self.accepted[name]
                self.stopped.add(name)
            if card is not None:
                self.world.change(card.card, state=CardState.REVOKED)
        elif decision.action is Action.BIND and card.node is None:
            self._let_in(decision.node, card.card)
        elif decision.action in (Action.CONVERGE, Action.LEAVE):
            self.world.seen[evidence.id] = Seen(card.card, evidence.board.serial, True)
        if card is not None and card.spare and card.node == evidence.id:
            self.accepted.pop(card.card, None)

    @invariant()
    def no_unknown_key_is_accepted(self):
        for name, key in self.accepted.items():
            card = self.world.by_fingerprint(key)
            assert card is not None, f"{name} has an unknown key"
            assert card.state not in (CardState.RETIRED, CardState.REVOKED) or card.card == name
            assert name in (card.node, card.card)

    @invariant()
    def no_board_belongs_to_two_nodes_and_no_node_to_two_boards(self):
        nodes = list(self.world.owners.values())
        assert len(nodes) == len(set(nodes))

    @invariant()
    def no_node_is_lost(self):
        for node in self.had - self.stopped:
            assert node in self.accepted
            assert self.world.in_use(node) is not None


Rack.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRack = Rack.TestCase
