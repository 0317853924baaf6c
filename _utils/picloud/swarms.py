"""
Who belongs to the swarm of a site, and what is to be done so that everybody is in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from picloud.cloud import Cloud
from picloud.records import Node
from picloud.workloads import fleet

#: The part that makes a node a member, and the role that makes a member a manager.
PART, MANAGER = "swarm", "swarm-manager"
#: Where managers listen (Docker's default).
PORT = 2377

#: What ``swarm.info`` on a node returned; None when it did not answer.
Answers = Mapping[str, Mapping[str, Any] | None]


class Member(NamedTuple):
    """A node that belongs to the swarm of its site: its address, whether it manages, its labels."""

    node: str
    address: str | None
    manager: bool
    labels: Mapping[str, str]

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
        A manager that is asked for tokens, None when there is none.
    cluster
        The id of the swarm.
    join
        Roles of the nodes that are to join, by id.
    refused
        Why nothing can be done for a node, by id.
    """

    begin: str | None = None
    via: str | None = None
    cluster: str | None = None
    join: Mapping[str, str] = {}
    refused: Mapping[str, str] = {}


def belongs(node: Node) -> bool:
    """Return whether a node is to be in the swarm of its site."""
    return PART in node.parts


def members(cloud: Cloud, site: str) -> list[Member]:
    """
    Return the members of a site's swarm, in the order of the description.

    cloud, site
        The description, and the name of the site.

    .. code-block:: python

        [one.node for one in members(cloud, "glasgow") if one.manager]
    """
    uplink = cloud.common.sites[site].uplink_mbps if site in cloud.common.sites else None
    return [
        Member(node.id, node.address, MANAGER in node.roles, _labels(cloud, node, uplink))
        for node in cloud.nodes.values()
        if node.site == site and belongs(node)
    ]


def _labels(cloud: Cloud, node: Node, uplink: int | None) -> dict[str, str]:
    labels = {
        "site": node.site,
        "rack": node.rack,
        "tower": node.tower,
        "model": node.model,
        "arch": cloud.common.boards[node.model].arch,
    }
    lane = fleet.lane_label(cloud.common.workloads, cloud.racks[node.rack], node)
    return (
        labels
        | ({"uplink": str(uplink)} if uplink else {})
        | ({"lane": lane} if lane is not None else {})
    )


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
        name: f"{name} has no part {PART}, so it is in no swarm"
        for name in wanted
        if name not in by_id
    }
    if not managers:
        why = f"no node of {site} has the role {MANAGER}; give it to one, three or five nodes"
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
        return Plan(begin, None, recorded, {}, refused | {one.node: why for one in left})
    via, cluster = next(iter(clusters.items()))
    doors = {f"{one.address}:{PORT}" for one in managers if one.address}
    join = {}
    for one in mine:
        answer = answers.get(one.node)
        if answer is None:
            refused[one.node] = f"{one.node} does not say whether it is in a swarm"
        elif not _member(answer, cluster, doors):
            join[one.node] = one.role
    return Plan(None, via, cluster, join, refused)


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
