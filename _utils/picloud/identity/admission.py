"""
May a key be let in that the master does not accept yet?

Only a card that was issued here gets in, only once, and only where nobody else is: what an offer
says of itself (its serial, its MAC, its name) is a claim and counts for nothing.
"""

from __future__ import annotations

from picloud.identity.types import Admission, Cards, CardState, Kind, Offer, Verdict
from picloud.register import Described


def admit(offer: Offer, cards: Cards, cloud: Described) -> Admission:
    """
    Decide what becomes of an offered key.

    offer
        The key, from the master's own list of denied or pending keys.
    cards
        The cards on record.
    cloud
        The description; its ``rejoin`` policy counts.

    The first line that fits decides: unknown key, revoked card, retired card, card of another node,
    card in use (the key was taken away by hand), policy, present card still alive; else it is let
    in.

    .. code-block:: python

        admit(Offer("pi3", fingerprint(public)), ledger.cards, cloud).verdict
    """
    card = cards.by_fingerprint(offer.fingerprint)
    if card is None:
        which = f" node={offer.id}" if cloud.node(offer.id) is not None else ""
        return _refuse(
            Kind.STRANGER,
            f"{offer.id!a} offers a key of which no card was issued here; if it is yours, run"
            f" salt-run card.prepare{which} and put that seed on its card",
        )
    if card.state is CardState.REVOKED:
        return _refuse(
            Kind.RETURNED, f"{card.card} was revoked; throw it away or prepare it again", card.card
        )
    if card.state is CardState.RETIRED:
        return _refuse(
            Kind.RETURNED,
            f"{card.card} was the card of {card.node} and has been replaced; to use it again run"
            f" salt-run card.prepare node={card.node} and put the new seed on it",
            card.card,
        )
    if card.spare and card.node is None and offer.id == card.card:
        return Admission(
            Verdict.ADMIT, Kind.SPARE, f"{card.card} is a spare issued here", None, card.card
        )
    if card.node != offer.id:
        owner = card.node or "no node yet"
        return _refuse(
            Kind.STRANGER, f"{card.card} is the card of {owner}, not of {offer.id!a}", card.card
        )
    return _own(offer, card.card, cards, cloud, card.state)


def shut_out(node: str) -> Admission:
    """
    Say what becomes of any key that is offered for a node whose key was rejected.

    node
        The node. The master keeps nothing of what is offered in the place of a rejected key, so
        there is nothing to decide about.
    """
    return _refuse(
        Kind.STRANGER,
        f"the key of {node} was rejected, so whoever knocks as {node} is not heard; to let a card"
        f" in, take that key away: salt-key -d {node}",
    )


def _own(offer: Offer, card: str, cards: Cards, cloud: Described, state: CardState) -> Admission:
    """The verdict on a card that was issued for the node it calls itself."""
    node = offer.id
    if cloud.node(node) is None:
        return _refuse(
            Kind.STRANGER,
            f"{node} is not in the description any more; add it to a rack in pillar/cloud/racks",
            card,
        )
    present = cards.in_use(node)
    if state is CardState.IN_USE and present is not None and present.card == card:
        # Its key was accepted once and is not now: an admin took it away, on purpose or not.
        return _refuse(
            Kind.RETURNED,
            f"the key of {card} was taken off the master by hand; prepare a new card:"
            f" salt-run card.prepare node={node}",
            card,
        )
    if cloud.rejoin.admit == "nobody":
        return _refuse(
            Kind.NEW_CARD,
            f"{card} was issued for {node}, but the description lets nobody in by itself"
            f" (rejoin.admit: nobody); let it in: salt-run rejoin.adopt card={card} node={node}",
            card,
        )
    if present is None:
        kind, replaces = Kind.FIRST, None
    else:
        kind, replaces = Kind.NEW_CARD, present.card
        if offer.old_alive is None:
            reason = f"does {node} still answer with {present.card}?"
            return Admission(Verdict.ASK, kind, reason, node, card, replaces)
        if offer.old_alive:
            return _refuse(
                Kind.COPY,
                f"{node} still answers with {present.card}; switch that Pi off, or revoke its card:"
                f" salt-run card.revoke card={present.card}",
                card,
            )
    gone = f"; {replaces} answers no more and is retired" if replaces else ""
    return Admission(
        Verdict.ADMIT,
        kind,
        f"{card} was issued for {node} and never used{gone}",
        node,
        card,
        replaces,
    )


def _refuse(kind: Kind, reason: str, card: str | None = None) -> Admission:
    return Admission(Verdict.REFUSE, kind, reason, None, card)
