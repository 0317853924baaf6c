"""
The Docker swarms of the sites: how they stand, getting nodes into them, keeping them as described,
and bringing one back.
"""

import picloud_salt
import picloud_swarm
from picloud_mend import Mender
from picloud_pages import page
from picloud_watch import NoAnswerError
from picloud_workload import Work

__func_alias__ = {"status_": "status"}


@page
def status_(site=None):
    """
    Say how the swarm of each site stands: who leads it, and which managers are missing. The exit
    status is 1 when one does not work.

    site
        Only that of this site.

    CLI Example:

    .. code-block:: bash

        salt-run swarm.status
        salt-run swarm.status site=glasgow
    """
    swarms = _swarms()
    found = {name: swarms.standing(name) for name in ([site] if site else swarms.sites())}
    lines = [f"{one.words[:1].upper()}{one.words[1:]}." for one in found.values()]
    lost = [name for name, one in found.items() if one.lost]
    lines += [f"See what to do: salt-run swarm.recover site={name}" for name in lost]
    told = {name: one._asdict() for name, one in found.items()}
    failed = any(not one.works for one in found.values())
    message = "\n".join(lines) or "No node has the role swarm-manager, so there is no swarm."
    return {"show": "message", "message": message, "sites": told, "retcode": int(failed)}


@page
def mend(site=None):
    """
    Look at the swarm of each site, and put right what is to be between two highstates. The master
    does so every five minutes (``schedule`` in its configuration).

    site
        Only that of this site.

    - Somebody changed services or nodes by hand, while the description stayed as it was when the
      swarm was last as described: they are made as described. An edited description waits for the
      next highstate of the managers.
    - Nodes are back that were lost, and replicas of a workload are crowded on others: it is dealt
      out anew, as its ``update`` says, once in ``placement: rebalance_s`` at most.
    - The managers have lost their majority, or have it again: the log has one warning, and the
      event ``picloud/swarm/lost/<site>`` or ``picloud/swarm/works/<site>`` tells it. While so few
      answer that the others may be a majority, nobody can tell, and the log says only that.

    The exit status is 1 when a swarm does not work, or something could not be put right.

    CLI Example:

    .. code-block:: bash

        salt-run swarm.mend
    """
    work, swarms = Work(__opts__), _swarms()
    if not work.swarms:
        return {"show": "message", "message": "No site has a swarm.", "sites": {}}
    if site is not None and str(site) not in work.swarms:
        swarms.standing(str(site))
    mender = Mender(__opts__, work, swarms)
    found = {name: mender.look(name) for name in ([str(site)] if site else work.swarms)}
    lines = [f"{words[:1].upper()}{words[1:]}" for one in found.values() for words in one.words]
    return {
        "show": "message",
        "message": "\n".join(lines),
        "sites": {name: one._asdict() for name, one in found.items()},
        "retcode": int(any(one.failed for one in found.values())),
    }


def join(nodes):
    """
    Get nodes into the swarm of their site, and begin it if there is none. Safe to run again.

    nodes
        Ids, as a list or with commas.

    Nodes without part ``swarm`` are passed over. The exit status is 1 when a node could not join;
    ``refused`` says why.

    CLI Example:

    .. code-block:: bash

        salt-run swarm.join nodes=pi3,pi4
    """
    names = nodes.split(",") if isinstance(nodes, str) else list(nodes)
    outcomes = _swarms().join([str(name).strip() for name in names])
    refused = {name: why for one in outcomes for name, why in one.refused.items()}
    __context__["retcode"] = 1 if refused else 0
    return {"members": {one.site: one.members for one in outcomes}, "refused": refused}


@page
def recover(site, confirm=False):
    """
    Bring back a swarm whose managers have lost their majority: say what would be done, or do it.

    site
        The name of the site.
    confirm
        True to do it. A manager that only cannot be reached would go on with a swarm of its own:
        read what this says without it first.

    CLI Example:

    .. code-block:: bash

        salt-run swarm.recover site=glasgow
        salt-run swarm.recover site=glasgow confirm=true
    """
    site = str(site)
    found = recovery(site)
    if found["refused"]:
        raise NoAnswerError(f"{found['refused'][:1].upper()}{found['refused'][1:]}.")
    text = "\n".join(found["words"])
    if confirm is not True:
        command = f"salt-run swarm.recover site={site} confirm=true"
        return {"show": "message", "message": f"{text}\nTo do that: {command}", "retcode": 1}
    pillar = {"swarm_recover": {"site": site, "confirm": True}}
    done = __salt__["state.orchestrate"](mods="orch.swarm_recover", pillar=pillar)
    states = [one for data in done["data"].values() for one in _states(data)]
    bad = [f"{one['__id__']}: {one['comment']}" for one in states if one["result"] is False]
    if bad:
        raise NoAnswerError("\n".join([text, "It was begun and did not end well:", *bad]))
    now = _swarms().standing(site)
    return {"show": "message", "message": f"Done: {now.words}.", "retcode": int(not now.works)}


def _states(data):
    return data.values() if isinstance(data, dict) else []


def recovery(site):
    """
    Return how the swarm of a site would be brought back, for the orchestration that does it:
    ``refused``, ``survivor`` and its ``address``, who is to ``leave``, ``words``, and ``members``:
    who is there to join again. The others join when they come back.

    site
        The name of the site.

    CLI Example:

    .. code-block:: bash

        salt-run swarm.recovery site=glasgow
    """
    found, members, managers = _swarms().recovery(site)
    return {**found._asdict(), "address": managers.get(found.survivor), "members": members}


def forget(site):
    """
    Forget the swarm of a site, so that the next nodes that join begin a new one. Part of
    :py:func:`recover`; the nodes of the old one have to leave it.

    site
        The name of the site.

    CLI Example:

    .. code-block:: bash

        salt-run swarm.forget site=glasgow
    """
    _swarms().forget(site)
    return True


def _swarms():
    return picloud_swarm.Swarms(
        __opts__, picloud_salt.ledger(__opts__), picloud_salt.store(__opts__)
    )
