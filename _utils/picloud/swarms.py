"""
Who belongs to the swarm of a site, and what is to be done so that everybody is in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from picloud.workloads import fleet

if TYPE_CHECKING:
    from picloud.schema import Common

#: Where managers listen (Docker's default).
PORT = 2377

#: What ``swarm.info`` on a node returned; None when it did not answer.
Answers = Mapping[str, Mapping[str, Any] | None]


class Member(NamedTuple):
    """A node that belongs to the swarm of its site: its address, and whether it manages."""

    node: str
    address: str | None
    manager: bool

    @property
    def role(self) -> str:
        """The role in Docker's words."""
        return "manager" if self.manager else "worker"


class Plan(NamedTuple):
    """
    What is to be done next.

    begin
        The node that begins a new swarm; nobody can join before that.
    via
        A manager that is asked for tokens, None when there is none: the one that leads, if it
        answers.
    cluster
        The id of the swarm.
    join
        Roles of the nodes that are to join, by id.
    ids
        The ids in the swarm that these believe to have, by id.
    changed
        Whether a member has another role than described: who leads changes that.
    refused
        Why nothing can be done for a node, by id.
    """

    begin: str | None = None
    via: str | None = None
    cluster: str | None = None
    join: Mapping[str, str] = {}
    ids: Mapping[str, str] = {}
    changed: bool = False
    refused: Mapping[str, str] = {}


def told(common: Common, swarm: fleet.Swarm) -> dict[str, Any]:
    """
    Return what managers of a swarm are told of it: ``managers``, addresses by node, and ``nodes``,
    role, place in its rack and labels of each member, but for the lane: see :func:`laned`.

    common, swarm
        The description but for its racks, and the swarm.

    .. code-block:: python

        told(cloud.common, fleet.swarms(cloud, {})["glasgow"])["nodes"]["pi3"]["labels"]
    """
    uplink = common.sites[swarm.site].uplink_mbps
    nodes = {}
    for host in swarm.hosts:
        labels = {
            "site": swarm.site,
            "rack": host.rack,
            "tower": host.tower,
            "model": host.model,
            "arch": host.arch,
        }
        if uplink:
            labels["uplink"] = str(uplink)
        role = "manager" if host.node in swarm.managers else "worker"
        nodes[host.node] = {"role": role, "place": host.place, "labels": labels}
    return {"managers": dict(swarm.managers), "nodes": nodes}


def laned(nodes: Mapping[str, Mapping[str, Any]], lanes: int) -> dict[str, Any]:
    """
    Return role and labels of each member of a swarm, with its lane where there are several: which
    one that is follows from how many the workloads of the site need.

    nodes
        Role, place and labels of each member, see :func:`told`.
    lanes
        How many lanes there are.

    >>> laned({"pi3": {"role": "worker", "place": 3, "labels": {}}}, 2)["pi3"]["labels"]
    {'lane': '1'}
    """
    found = {}
    for name, node in nodes.items():
        lane = {"lane": str(node["place"] % lanes)} if lanes > 1 else {}
        found[name] = {"role": node["role"], "labels": {**node["labels"], **lane}}
    return found


def members(views: Collection[Mapping[str, Any]]) -> list[Member]:
    """
    Return the managers of a site's swarm, and those of its other members whose views these are.

    views
        Views of nodes at one site that have part ``swarm``.
    """
    managers = {name: one for view in views for name, one in view["members"]["managers"].items()}
    others = {view["node"]["id"]: view["node"]["address"] for view in views}
    return [Member(name, address, True) for name, address in managers.items()] + [
        Member(name, address, False) for name, address in others.items() if name not in managers
    ]


def plan(
    site: str,
    described: Sequence[Member],
    answers: Answers,
    wanted: Collection[str],
    recorded: str | None,
) -> Plan:
    """
    Decide how nodes get into the swarm of their site.

    site, described
        The site's name, and its members.
    answers
        What all managers and all nodes of ``wanted`` said of themselves.
    wanted
        Ids of the nodes that are to be in it.
    recorded
        The id of the swarm that the site is known to have; None when none was ever begun.

    A second swarm is never begun: not while a manager of one answers, and not once one is on
    record.

    .. code-block:: python

        plan("glasgow", members(cloud, "glasgow"), answers, ["pi3"], None).begin
    """
    managers = [one for one in described if one.manager]
    by_id = {one.node: one for one in described}
    mine = [by_id[name] for name in wanted if name in by_id]
    refused = {
        name: f"{name} has no part {fleet.PART}, so it is in no swarm"
        for name in wanted
        if name not in by_id
    }
    if not managers:
        why = f"no node of {site} has the role {fleet.MANAGER}; give it to one, three or five nodes"
        return Plan(refused=refused | {one.node: why for one in mine})
    clusters = {
        one.node: cluster
        for one in managers
        if (cluster := _manages(answers.get(one.node))) and recorded in (None, cluster)
    }
    if len(set(clusters.values())) > 1:
        said = ", ".join(f"{node}: {cluster}" for node, cluster in clusters.items())
        why = f"the managers of {site} are in different swarms ({said}); let all but one of them"
        return Plan(refused={**refused, **{one.node: f"{why} leave theirs" for one in mine}})
    if not clusters:
        begin, why = _without(site, managers, answers, recorded)
        left = () if begin else mine
        refused |= {one.node: why for one in left}
        return Plan(begin, None, recorded, refused=refused)
    leading = (name for name in clusters if (answers[name] or {}).get("leads"))
    via = next(leading, next(iter(clusters)))
    cluster = clusters[via]
    doors = {f"{one.address}:{PORT}" for one in managers if one.address}
    changed = False
    join: dict[str, str] = {}
    ids: dict[str, str] = {}
    for one in mine:
        answer = answers.get(one.node)
        if answer is None:
            refused[one.node] = f"{one.node} does not say whether it is in a swarm"
        elif not _member(answer, cluster, doors):
            join[one.node] = one.role
            if answer.get("node_id"):
                ids[one.node] = answer["node_id"]
        elif answer.get("role") != one.role:
            changed = True
    return Plan(None, via, cluster, join, ids, changed, refused)


def _without(
    site: str, managers: Sequence[Member], answers: Answers, recorded: str | None
) -> tuple[str | None, str]:
    """While no manager of the swarm answers: who begins one, or why nobody does."""
    names = ", ".join(one.node for one in managers)
    if recorded is not None:
        return None, (
            f"no manager of the swarm of {site} answers ({names}); when they are gone for good:"
            f" salt-run swarm.recover site={site}"
        )
    for one in managers:
        answer = answers.get(one.node)
        if answer is not None and answer.get("state") == "inactive":
            return one.node, ""
    return None, f"no manager of {site} is there yet to begin a swarm ({names})"


def _manages(answer: Mapping[str, Any] | None) -> str | None:
    """The id of the swarm that a node manages, None when it manages none."""
    if answer is None or answer.get("state") != "active" or answer.get("role") != "manager":
        return None
    return answer.get("cluster") or None


def _member(answer: Mapping[str, Any], cluster: str, doors: Collection[str]) -> bool:
    """Whether a node is in this swarm; workers do not know its id, only its managers."""
    if answer.get("state") != "active":
        return False
    if answer.get("role") == "manager":
        return bool(answer.get("cluster") == cluster)
    return not set(doors).isdisjoint(answer.get("managers") or ())


class Standing(NamedTuple):
    """
    How the swarm of a site stands.

    leads
        The manager that leads it, None when it works and that one does not answer.
    works
        Whether more than half of its managers are there: only then it can be changed.
    lost
        Whether it was begun and does not work: somebody has to do something about it.
    unheard
        Whether it was begun, and those of its managers that do not answer are enough for it to
        work: nobody can tell.
    survivors
        Managers that still have the swarm's data though it does not work, best first.
    silent, without
        Managers that do not answer, and those that are in no swarm.
    words
        All of it in a sentence.
    """

    leads: str | None
    works: bool
    lost: bool
    unheard: bool
    survivors: tuple[str, ...]
    silent: tuple[str, ...]
    without: tuple[str, ...]
    words: str


def standing(
    site: str, managers: Sequence[str], answers: Answers, recorded: str | None
) -> Standing:
    """
    Tell how the swarm of a site stands from what its managers say.

    site, managers
        The site, and the ids of its managers as described.
    answers
        What they said of themselves.
    recorded
        The id of the swarm that the site is known to have; None when none was ever begun.

    .. code-block:: python

        standing("glasgow", ["pi0", "pi14", "pi28"], answers, "abc").works
    """
    said = {name: answers.get(name) for name in managers}
    works = [name for name, one in said.items() if _manages(one)]
    leads = next((name for name in works if (said[name] or {}).get("leads")), None)
    silent = tuple(name for name, one in said.items() if one is None)
    without = tuple(name for name, one in said.items() if one and one.get("state") == "inactive")
    rest = [name for name in managers if name not in {*works, *silent, *without}]
    # Docker Engine that was started again without the others does not say that it is a manager.
    rest.sort(key=lambda name: (said[name] or {}).get("role") != "manager")
    enough = 2 * len(silent) > len(managers)
    lost = not works and bool(rest or (recorded and not enough))
    unheard = not works and not lost and recorded is not None
    parts = [
        f"{words} {', '.join(names)}"
        for words, names in (
            ("no answer from", silent),
            ("in no swarm:", without),
            ("its data is still on", () if works else rest),
        )
        if names
    ]
    more = f": {'; '.join(parts)}" if parts else ""
    if works:
        words = f"the swarm of {site} works, {leads or 'a manager that does not answer'} leads it"
    elif unheard:
        words = f"no manager of the swarm of {site} answers, it may be well"
    elif not lost:
        words = f"{site} has no swarm yet"
    elif rest:
        words = f"the managers of the swarm of {site} have lost their majority"
    else:
        words = f"no manager of the swarm of {site} has its data any more"
    survivors = tuple(rest) if lost else ()
    return Standing(leads, bool(works), lost, unheard, survivors, silent, without, words + more)


class Recovery(NamedTuple):
    """
    How a swarm that lost its majority of managers is brought back.

    refused
        Why nothing is done, empty otherwise.
    survivor
        The manager that goes on alone with what the swarm has; None when a new one is begun.
    leave
        Nodes that leave what they are in, and join again.
    words
        What is done and what to look at before, a sentence each.
    """

    refused: str = ""
    survivor: str | None = None
    leave: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def recovery(
    site: str, managers: Sequence[str], answers: Answers, recorded: str | None
) -> Recovery:
    """
    Decide how the swarm of a site is brought back.

    site, managers, recorded
        As for :func:`standing`.
    answers
        What the managers and all other members said of themselves.

    With a survivor services, networks and secrets stay, and workers come back by themselves. Where
    none is left, all nodes leave, and a new swarm is begun from the description.

    .. code-block:: python

        recovery("glasgow", ["pi0", "pi14", "pi28"], answers, "abc").survivor
    """
    now = standing(site, managers, answers, recorded)
    if not (now.lost or now.unheard):
        return Recovery(f"there is nothing to recover: {now.words}")
    if len(now.silent) == len(managers):
        return Recovery(f"{now.words}. Let one of them answer first")
    words = [f"{now.words[:1].upper()}{now.words[1:]}."]
    if now.silent:
        words.append(
            f"Make sure that {', '.join(now.silent)} cannot come back with the card of before: a"
            " majority of managers that only cannot be reached goes on with a swarm of its own."
        )
    inside = [name for name, one in answers.items() if one and one.get("state") != "inactive"]
    if now.survivors:
        survivor = now.survivors[0]
        leave = tuple(name for name in now.survivors if name != survivor)
        words.append(f"{survivor} goes on alone with what the swarm has; the others join it.")
        return Recovery("", survivor, leave, tuple(words))
    words.append(
        "A new swarm is begun: all nodes leave the old one, which stops their services, and what is"
        " described is started again."
    )
    return Recovery("", None, tuple(inside), tuple(words))
