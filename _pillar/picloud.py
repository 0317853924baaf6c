"""
Give each node its own view of the cloud: ``pillar["picloud"]``.

The description (``pillar/cloud``) is compiled once per change by ``picloud.store``; here a node's
view is only looked up. An unknown minion gets nothing, whatever is wrong. While the description is
broken a node gets its last good view and ``_errors``, which makes Salt stop a highstate with the
reason: where the fault is and which rule it breaks, and nothing of what the files say of others.

.. code-block:: yaml

    ext_pillar:
      - picloud:
          path: /srv/picloud/pillar/cloud
"""

import logging
import sys
from pathlib import Path

# A daemon has utils_dirs on its path from the start; a plain script may not.
_UTILS = str(Path(__file__).resolve().parent.parent / "_utils")
if _UTILS not in sys.path:
    sys.path.insert(0, _UTILS)

import picloud_keep  # noqa: E402
import picloud_overrides  # noqa: E402
import picloud_salt  # noqa: E402
import picloud_swarm  # noqa: E402
from picloud import swarms  # noqa: E402
from picloud.ledger import StorageError  # noqa: E402
from picloud.ledger.rollouts import digest  # noqa: E402
from picloud.rejoin.steps import Step  # noqa: E402
from picloud.rollout.guarded import WORKLOADS, kept, laid, sealed  # noqa: E402
from picloud.rules import RULES  # noqa: E402
from picloud_images import told  # noqa: E402

log = logging.getLogger(__name__)

__virtualname__ = "picloud"

#: How many faults a minion is told; the runner names them all.
SHOWN = 5


def __virtual__():
    return __virtualname__


def ext_pillar(minion_id, pillar, path=None):
    """
    Return the pillar of one minion.

    minion_id
        Whose pillar; nothing else decides what is in it.
    pillar
        What Salt has compiled so far; not looked at.
    path
        The folder of the description; ``pillar/cloud`` of the checkout when left out.

    CLI Example:

    .. code-block:: bash

        salt-run pillar.show_pillar pi3
    """
    store = picloud_salt.store(__opts__, path)
    view, faults = store.view(minion_id)
    if faults and store.first_to_report():
        log.error(
            "The description in %s is broken; the last good one stays in force:\n%s",
            store.root,
            "\n".join(f"{fault} ({fault.rule})" for fault in faults),
        )
    if view is None:
        return _lobby(minion_id)
    view, unknown = _in_force(minion_id, view, store)
    data = {"picloud": {**view, "modules_digest": picloud_salt.modules_digest()}}
    if "keep" in view:
        data["picloud"]["keep"] = {**view["keep"], **picloud_keep.way(__opts__)}
    if "workloads" in view:
        data["picloud"] |= _by_hand(store, view)
    if "members" in view:
        data["picloud"] |= _laned(data["picloud"])
        data["picloud"]["swarm"] = _swarm(data["picloud"])
        del data["picloud"]["members"]
    data["picloud"] = _told(data["picloud"], view)
    if faults and not unknown:
        # Highstates stop, but what runs is still looked at, and drained, by what is in force.
        data["picloud"]["last_good"] = True
    if faults or unknown:
        data["_errors"] = [_reason(faults) if faults else unknown]
    return data


def _in_force(minion_id, view, store):
    """
    A node's view with the settings of guarded parts that it is to have, whatever is described
    (``waiting`` names those that are described otherwise); and why nobody knows them, else nothing.
    """
    guarded = view.pop("guarded", ())
    if not guarded:
        return view, ""
    try:
        ledger = picloud_salt.ledger(__opts__)
        pinned = ledger.rollouts.pinned(minion_id, guarded)
        heads = ledger.builds.heads() if WORKLOADS in guarded else {}
        now = {part: digest(kept(part, view[part], heads)) for part in pinned}
        waiting = sorted(part for part, has in pinned.items() if digest(has) != now[part])
        if WORKLOADS in guarded:
            view = view | {WORKLOADS: sealed(view[WORKLOADS], heads)}
        secrets = _secrets(store) if WORKLOADS in waiting else {}
        found = {part: laid(part, view[part], pinned[part], secrets) for part in waiting}
        return view | found | ({"waiting": waiting} if waiting else {}), ""
    except StorageError as err:
        parts = ", ".join(guarded)
        return view, f"Nobody knows what {parts} is to be here, so nothing is applied: {err}"


def _secrets(store):
    """What each described secret holds."""
    cloud, _faults = store.cloud()
    return {name: one.contents for name, one in cloud.common.secrets.items()} if cloud else {}


def _by_hand(store, view):
    """What admins said by hand of the swarm that a node manages; nothing while that is unknown."""
    try:
        return picloud_overrides.lay(__opts__, store, view)
    except StorageError as err:
        log.warning("%s is not told what was said by hand: %s", view["node"]["id"], err)
        return {}


def _told(now, view):
    """
    What a node is told. What the workloads of a manager are without what was said by hand goes by
    its digest: there it can be told from an edit (``swarmwork.digest``). The contents of secrets
    are not in it.
    """
    found = told.tell(now, __opts__)
    if WORKLOADS in view:
        work = told.tell({**now, WORKLOADS: view[WORKLOADS]}, __opts__)[WORKLOADS]
        described = digest({**work, "secrets": sorted(work["secrets"])})
        found[WORKLOADS] = {**found[WORKLOADS], "described": described}
    return found


def _laned(view):
    """The members of a manager's swarm, in the lanes that the workloads of its site have there."""
    if WORKLOADS not in view:
        return {}
    members = view["members"]
    nodes = swarms.laned(members["nodes"], view[WORKLOADS]["lanes"])
    return {"members": {**members, "nodes": nodes}}


def _swarm(view):
    """What a node sees of the swarm of its site; no token while the ledger cannot be read."""
    try:
        known = picloud_swarm.recorded(picloud_salt.ledger(__opts__), view)
    except StorageError as err:
        log.warning("%s gets no token for its swarm: %s", view["node"]["id"], err)
        known = None
    return picloud_swarm.pillar(view, known)


def _lobby(minion_id):
    """What a spare card sees that belongs to no node yet: that it waits, and why."""
    if not minion_id.startswith("card-"):
        return {}
    try:
        row = picloud_salt.ledger(__opts__).rejoins.get(minion_id)
    except StorageError as err:
        log.warning("A spare card is not told why it waits: %s", err)
        return {}
    if row is None or row.step != Step.LOBBY:
        return {}
    return {"picloud_lobby": {"card": row.node, "since": row.step_at, "reason": row.reason}}


def _reason(faults):
    """Say why no state is applied, in few lines, with no value of the description."""
    lines = ["The description of the cloud is broken, so nothing is applied:"]
    lines += [f"  {_place(fault)}" for fault in faults[:SHOWN]]
    if len(faults) > SHOWN:
        lines.append(f"  and {len(faults) - SHOWN} more")
    lines.append("See all of it on the master: salt-run picloud.validate")
    return "\n".join(lines)


def _place(fault):
    """Say where a fault is and what its rule asks for."""
    where = f"{fault.file}:{fault.line}: " if fault.file else ""
    path = f"{fault.path}: " if fault.path else ""
    return f"{where}{path}not so: {RULES.get(fault.rule, 'it can be checked')} ({fault.rule})"
