"""
Rollouts: a changed part goes to canaries first, then rack by rack and site by site.

What is asked for here is written into the ledger; the engine ``rejoin`` does it.
"""

import getpass
import os
import time
from collections import Counter

import picloud_salt
import picloud_watch
from picloud.parts import PARTS
from picloud.rejoin.words import plain
from picloud.rollout import pages
from picloud.rollout.change import change, waiting, words
from picloud.rollout.change import start as starting
from picloud.rollout.guarded import WORKLOADS
from picloud.rollout.types import Step, Wish
from picloud_pages import page
from picloud_rejoin.keys import KeyStore

__func_alias__ = {"status_": "status"}

#: How many rollouts are listed.
LISTED = 20


@page
def plan(part=None):
    """
    Show what a rollout would change, and in which waves nodes would get it. Only reads.

    part
        The part, such as ``docker``; may be left out when only one part has changed.

    CLI Example:

    .. code-block:: bash

        salt-run rollout.plan
        salt-run rollout.plan part=docker --out=json
    """
    cloud, ledger = _cloud(), _ledger()
    made = _change(cloud, ledger, part)
    return pages.plan(made, made.waves(cloud, _keyed()), _words(ledger, made))


@page
def start(part=None):
    """
    Begin to bring a changed part to the nodes, or go on with a rollout that is paused.

    part
        The part, such as ``docker``; may be left out when only one part has changed.

    It is refused while the description has a fault (a blocked version is one), and while another
    rollout of the part has not ended.

    CLI Example:

    .. code-block:: bash

        salt-run rollout.start part=docker
    """
    ledger = _ledger()
    live = [one for one in ledger.rollouts.live() if part in (None, one.part)]
    if paused := [one for one in live if one.wish == Wish.PAUSE]:
        return _asked(ledger, paused[0], Wish.NONE, "goes on")
    cloud = _cloud()
    made = _change(cloud, ledger, part)
    if going := [one for one in live if one.part == made.part]:
        raise picloud_watch.NoAnswerError(_busy(going[0]))
    if not made.nodes:
        raise picloud_watch.NoAnswerError(
            f"All nodes have what is described of {made.part}; change it in the description first."
        )
    keyed = _keyed()
    if not keyed & {node.id for node in made.nodes}:
        raise picloud_watch.NoAnswerError(
            f"None of the {len(made.nodes)} nodes that {made.part} changes on has an accepted key,"
            " so none can be the first; prepare a card: salt-run card.prepare node=..."
        )
    by = os.environ.get("SUDO_USER") or getpass.getuser()
    number = ledger.rollouts.begin(starting(made, cloud, keyed, by, time.time()))
    if number is None:
        raise picloud_watch.NoAnswerError(
            f"Somebody else has just begun a rollout of {made.part}; see: salt-run rollout.status"
        )
    return _said(ledger.rollouts.get(number), "begins")


@page
def status_(number=None):
    """
    Show the rollout that is under way, or the last one: its waves, and what failed where.

    number
        Another rollout's number; ``all`` lists those of late.

    CLI Example:

    .. code-block:: bash

        salt-run rollout.status
        salt-run rollout.status number=3
        salt-run rollout.status number=all
    """
    ledger = _ledger()
    last = ledger.rollouts.last(LISTED)
    if number is None:
        live = ledger.rollouts.live()
        found = live[0] if live else next(iter(last), None)
        if found is None or len(live) > 1:
            return pages.history(last, _open(ledger))
    elif str(number) == "all":
        return pages.history(last, _open(ledger))
    else:
        found = ledger.rollouts.get(int(number)) if str(number).isdecimal() else None
        if found is None:
            raise picloud_watch.NoAnswerError(
                f'There is no rollout "{plain(number, 20)}"; see: salt-run rollout.status'
                " number=all"
            )
    data = pages.status(found, ledger.rollouts.members(found.number), time.time())
    return data | {"notices": [*data["notices"], *picloud_watch.unheard(ledger, time.time())]}


@page
def pause(part=None):
    """
    Begin no further wave; the wave that is under way is converged, and looked at once more.

    part
        The part; may be left out when one rollout is under way.

    To go on: ``salt-run rollout.start``.

    CLI Example:

    .. code-block:: bash

        salt-run rollout.pause
    """
    ledger = _ledger()
    text = "begins no further wave; to go on: salt-run rollout.start"
    return _asked(ledger, _live(ledger, part), Wish.PAUSE, text)


@page
def abort(part=None, back=True):
    """
    End a rollout, and put the nodes that have got the change back to what they had.

    part
        The part; may be left out when one rollout is under way.
    back
        False: nodes stay as they are, those that have got the change as well as the others.

    CLI Example:

    .. code-block:: bash

        salt-run rollout.abort
        salt-run rollout.abort part=docker back=false
    """
    ledger = _ledger()
    found = _live(ledger, part)
    if found.step == Step.RETURNING:
        raise picloud_watch.NoAnswerError(
            f"Rollout {found.number} of {found.part} is going back already; see: salt-run"
            " rollout.status"
        )
    text = "ends; its nodes " + ("go back" if back else "stay as they are")
    return _asked(ledger, found, Wish.ABORT if back else Wish.ABANDON, text)


def _ledger():
    return picloud_salt.ledger(__opts__)


def _cloud():
    """The description as it is; one with faults is none that nodes could be given."""
    cloud, faults = picloud_salt.store(__opts__).cloud()
    if faults or cloud is None:
        raise picloud_watch.NoAnswerError(
            "The description has faults, so no rollout begins:\n" + "\n".join(map(str, faults))
        )
    return cloud


def _keyed():
    """Ids of nodes that the master accepts a key of."""
    return KeyStore(__opts__).names()["accepted"]


def _change(cloud, ledger, part):
    """What changes of a part, or of the only one that has changed."""
    guarded = cloud.rollout.parts
    if part is not None and part not in (*PARTS, WORKLOADS):
        picloud_watch.refuse(plain(part, 40), (*PARTS, WORKLOADS), "part")
    if part is not None and part not in guarded:
        known = f"; guarded are: {', '.join(guarded)}" if guarded else ""
        raise picloud_watch.NoAnswerError(
            f'"{plain(part, 40)}" is not guarded, so nodes get its changes with their next'
            f" highstate{known}. Name it in rollout: parts of the description first."
        )
    if not guarded:
        raise picloud_watch.NoAnswerError(
            "No part is guarded, so nodes get all changes with their next highstate; name some in"
            " rollout: parts of the description first."
        )
    pins, heads = ledger.rollouts.pins(), ledger.builds.heads()
    made = [change(cloud, one, pins, heads) for one in guarded if part in (None, one)]
    changed = [one for one in made if one.nodes]
    if len(changed) > 1:
        parts = ", ".join(one.part for one in changed)
        raise picloud_watch.NoAnswerError(f"Several parts have changed; say which: part={parts}")
    found = (changed or made)[0]
    if found.unpinned and not found.nodes:
        raise picloud_watch.NoAnswerError(
            f"It is not on record yet what {found.unpinned} nodes have of {found.part}; the engine"
            " records it within seconds. Does salt-master run, with the engine rejoin?"
        )
    return found


def _words(ledger, made):
    """What changes in words, and on how many nodes."""
    settings = ledger.rollouts.settings(made.old.values()) | dict(made.settings)
    pairs = Counter((made.old[node.id], made.new[node.id]) for node in made.nodes)
    found = Counter()
    for (old, new), number in pairs.items():
        for line in words(settings[old], settings[new]):
            found[line] += number
    return dict(found)


def _open(ledger):
    """How many nodes have something else than is described, by guarded part."""
    cloud, _faults = picloud_salt.store(__opts__).cloud()
    if cloud is None:
        return {}
    return waiting(cloud, ledger.rollouts.pins(), ledger.builds.heads())


def _live(ledger, part):
    """The rollout that is meant."""
    found = [one for one in ledger.rollouts.live() if part in (None, one.part)]
    if len(found) != 1:
        parts = ", ".join(one.part for one in found)
        raise picloud_watch.NoAnswerError(
            f"Several rollouts are under way; say which: part={parts}"
            if found
            else "No rollout is under way" + (f" of {plain(part, 40)}." if part else ".")
        )
    return found[0]


def _busy(rollout):
    return (
        f"Rollout {rollout.number} of {rollout.part} has not ended ({rollout.step}, wave"
        f" {rollout.wave + 1} of {len(rollout.waves)}); wait for it, or: salt-run rollout.abort"
        f" part={rollout.part}"
    )


def _asked(ledger, rollout, wish, text):
    """Leave a wish for the engine, and say what comes of it."""
    if not ledger.rollouts.wish(rollout.number, wish):
        raise picloud_watch.NoAnswerError(
            f"Rollout {rollout.number} of {rollout.part} has just ended; see: salt-run"
            " rollout.status"
        )
    return _said(rollout, text)


def _said(rollout, text):
    message = (
        f"Rollout {rollout.number} of {rollout.part} {text}, as soon as the engine looks; see:"
        " salt-run rollout.status"
    )
    return {
        "show": "message",
        "message": message,
        "rollout": rollout.number,
        "part": rollout.part,
        "waves": list(rollout.waves),
    }
