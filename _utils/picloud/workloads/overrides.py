"""
What admins say by hand of workloads, laid over the description until they take it back: another
number of replicas, and nodes that are to be empty.

The description stays the only truth: an override is kept in the ledger, shown by every page about
workloads, and holds only as long as the description has what it names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from picloud.workloads import service
from picloud.workloads.fleet import Described, Swarm, Whole, swarms
from picloud.workloads.placement import NOTHING, Misfit, Plan, Where, foretell
from picloud.workloads.tasks import tasks

if TYPE_CHECKING:
    from picloud.workloads.model import Workload


class Overrides(NamedTuple):
    """
    What was said by hand.

    scales
        Replicas by workload.
    drained
        Nodes that run no tasks.
    """

    scales: Mapping[str, int] = {}
    drained: Collection[str] = ()


#: The word for "as described" in the place of a number of replicas.
DESCRIBED = "described"
#: Most replicas of one workload that somebody can ask for by hand.
MOST = 100_000


def number(text: object) -> int | None:
    """
    Return the number of replicas that somebody wrote; None for ``described``.

    text
        What was written.

    Raises ValueError with the fault in words.

    >>> number("5"), number("described")
    (5, None)
    """
    said = str(text).strip()
    if said == DESCRIBED:
        return None
    if isinstance(text, bool) or not (said.isascii() and said.isdigit()) or len(said) > 9:
        raise ValueError(f'replicas: must be a number such as 5, or {DESCRIBED}; it is "{said}"')
    if int(said) > MOST:
        raise ValueError(f"replicas: {said} are more than {MOST}, the most of one workload")
    return int(said)


def refusal(name: str, workload: Workload) -> str | None:
    """
    Say why a workload cannot be scaled; None when it can.

    name, workload
        The workload.
    """
    if workload.mode == "global":
        return (
            f"{name} is global: it runs once on every node that it may run on. To have it on fewer"
            " nodes, edit its placement in the description."
        )
    if workload.mode == "job":
        return (
            f"{name} is a job: its runs come to an end, and another number of them would start it"
            " anew. Edit its replicas in the description."
        )
    return None


def scaled(workloads: Mapping[str, Workload], scales: Mapping[str, int]) -> dict[str, Workload]:
    """
    Return workloads with the numbers of replicas that were said by hand.

    workloads
        Workloads as described, by name.
    scales
        Replicas by workload; those of a workload that is not described, or that has no replicas,
        do not count.
    """
    return {
        name: one.model_copy(update={"replicas": scales[name]})
        if name in scales and refusal(name, one) is None
        else one
        for name, one in workloads.items()
    }


def laid(cloud: Described, scales: Mapping[str, int]) -> Whole:
    """
    Return a cloud whose workloads have the numbers of replicas that were said by hand.

    cloud
        The cloud.
    scales
        Replicas by workload.
    """
    workloads = scaled(cloud.common.workloads, scales)
    return Whole(cloud.common.model_copy(update={"workloads": workloads}), cloud.racks)


def told(cloud: Described, scales: Mapping[str, int]) -> dict[str, str]:
    """
    Return what ``service.work`` does, with what was said by hand.

    cloud, scales
        As for :func:`laid`.

    .. code-block:: python

        json.loads(told(cloud, {"web": 5})["glasgow"])["services"]["web"]["replicas"]
    """
    whole = laid(cloud, scales)
    return service.work(whole, swarms(whole, whole.common.workloads))


def without(known: Mapping[str, Swarm], drained: Collection[str]) -> dict[str, Swarm]:
    """
    Return swarms without the nodes that are drained.

    known
        The swarms by site.
    drained
        Ids of nodes.
    """
    out = set(drained)
    return {
        site: Swarm(site, [host for host in swarm.hosts if host.node not in out], swarm.managers)
        for site, swarm in known.items()
    }


def plan(cloud: Described, said: Overrides, current: Where = NOTHING) -> Plan:
    """
    Return what would run where, with what was said by hand.

    cloud
        The cloud.
    said
        What was said.
    current
        What runs now.

    A drained node changes nothing in how the replicas are shared between sites.
    """
    whole = laid(cloud, said.scales)
    known = swarms(whole, whole.common.workloads)
    wanted = tasks(whole, whole.common.workloads, known)
    left = without(known, said.drained) if said.drained else known
    return foretell(whole, whole.common.workloads, left, wanted, current)


def worse(before: Plan, after: Plan) -> list[Misfit]:
    """
    Return what does not fit in a plan and did, or did better, in another one.

    before, after
        The plans.
    """
    missing = {(one.workload, one.site): one.wanted - one.placed for one in before.misfits}
    return [
        one
        for one in after.misfits
        if one.wanted - one.placed > missing.get((one.workload, one.site), 0)
    ]
