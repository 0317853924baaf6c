"""A cloud and what is on record about it, in memory, for decisions about identity."""

from dataclasses import dataclass, field, replace

from picloud.identity import CardRecord, CardState, Seen

from tests.unit.cards.office import tiny


@dataclass
class World:
    """Cards, boards and nodes on record; ``up`` are those that answer."""

    cloud: object = field(default_factory=tiny)
    cards: dict = field(default_factory=dict)
    owners: dict = field(default_factory=dict)
    out: set = field(default_factory=set)
    seen: dict = field(default_factory=dict)
    up: set = field(default_factory=set)

    def issue(self, card, node=None, state=CardState.ISSUED, spare=False):
        """Put a card on record; its key's fingerprint is its name."""
        self.cards[card] = CardRecord(card, node, spare, f"key of {card}", state)
        return self.cards[card]

    def change(self, card, **values):
        """Change a card."""
        self.cards[card] = replace(self.cards[card], **values)

    def by_fingerprint(self, fingerprint):
        return next((one for one in self.cards.values() if one.fingerprint == fingerprint), None)

    card = by_fingerprint

    def in_use(self, node):
        found = [
            one for one in self.cards.values() if one.node == node and one.state is CardState.IN_USE
        ]
        assert len(found) < 2, found
        return found[0] if found else None

    def last(self, node):
        return self.seen.get(node)

    def owner(self, serial):
        return self.owners.get(serial)

    def board(self, node):
        return next((serial for serial, name in self.owners.items() if name == node), None)

    def retired(self, serial):
        return serial in self.out

    def alive(self, node):
        return node in self.up

    def runs(self, node, card, serial):
        """A node that was verified with a card on a board."""
        self.issue(card, node, CardState.IN_USE)
        self.seen[node] = Seen(card, serial, True)
        self.owners[serial] = node
