"""
One look at the workloads of a master's sites: what is described, what was said by hand, and what
the managers of the swarms say.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Mapping
from typing import Any

import picloud_overrides
import picloud_salt
import picloud_watch
from picloud.workloads import fleet, overrides, placement, tasks
from picloud.workloads.overrides import Overrides
from picloud.workloads.seen import Known, Logs, Seen, read
from picloud_managers import ASK_S, Managers
from picloud_watch import INTERRUPTS, NoAnswerError


class Work:
    """
    The workloads of a master.

    opts
        The master's options.

    NoAnswerError when there is no description in force.
    """

    def __init__(self, opts: Mapping[str, Any]) -> None:
        self.cloud, self.faults = picloud_salt.store(dict(opts)).cloud()
        if self.cloud is None:
            raise NoAnswerError("\n".join(map(str, self.faults)))
        self.ledger = picloud_salt.ledger(dict(opts))
        self.scales, self.drains = picloud_overrides.said(opts)
        self.workloads = self.cloud.common.workloads
        self.swarms = fleet.swarms(self.cloud, self.workloads)
        self.managers = Managers(opts, self.swarms, self._clusters())
        self.now = time.time()

    def _clusters(self) -> dict[str, str]:
        if not picloud_overrides.exists(self.ledger):
            return {}
        known = {site: self.ledger.swarms.get(site) for site in self.swarms}
        return {site: one.cluster for site, one in known.items() if one and one.cluster}

    @property
    def said(self) -> Overrides:
        """What was said by hand."""
        return Overrides({name: one.replicas for name, one in self.scales.items()}, self.drains)

    def plan(self, said: Overrides | None = None) -> placement.Plan:
        """
        Return what would run where.

        said
            What is said by hand; what the ledger has when left out.
        """
        before = overrides.plan(self.cloud, Overrides()).where
        return overrides.plan(self.cloud, self.said if said is None else said, before)

    def workload(self, name: Any, also: Any = ()) -> str:
        """
        Return the name of a workload; NoAnswerError, with the nearest name, for another one.

        name
            What somebody wrote.
        also
            Names that will do beside those of the description.
        """
        known = {*self.workloads, *also}
        return str(name) if str(name) in known else picloud_watch.refuse(name, known, "workload")

    def host(self, name: Any) -> tuple[str, str]:
        """
        Return the id of a node that is in a swarm, and its site.

        name
            What somebody wrote; NoAnswerError when it is no such node.
        """
        found = self.cloud.node(str(name))
        if found is None:
            picloud_watch.refuse(name, self.cloud.nodes, "node")
        here = self.swarms.get(found.site)
        if here is None or found.id not in {host.node for host in here.hosts}:
            raise NoAnswerError(
                f"{found.id} is in no swarm:"
                + (
                    f" it has no part {fleet.PART}."
                    if here is not None
                    else f" no node of {found.site} has the role {fleet.MANAGER}."
                )
            )
        return found.id, found.site

    def sites(self, name: str, said: Overrides | None = None) -> list[str]:
        """
        Return the sites at which a workload runs.

        name
            The workload.
        said
            What is said by hand; what the ledger has when left out.
        """
        found = self.tasks(self.said if said is None else said)
        return [task.site for task in found if task.name == name and task.site]

    def names(self, site: str) -> list[str]:
        """
        Return the workloads that are to run at a site.

        site
            The site.
        """
        return [task.name for task in self.tasks(self.said) if task.site == site]

    def tasks(self, said: Overrides) -> list[tasks.Task]:
        """
        Return what is to run, each workload at each site.

        said
            What is said by hand.
        """
        whole = overrides.laid(self.cloud, said.scales)
        return tasks.tasks(whole, whole.common.workloads, self.swarms)

    def some_swarm(self) -> None:
        """Raise NoAnswerError when no site has a swarm."""
        if not self.swarms:
            raise NoAnswerError(
                f"No site has a swarm: no node with Docker has the role {fleet.MANAGER}; give it to"
                " one, three or five nodes of a site (docs/workloads.md)"
            )

    def ask(self, site: str, function: str, *arguments: Any, **named: Any) -> Any:
        """See :meth:`picloud_managers.Managers.ask`."""
        return self.managers.ask(site, function, *arguments, **named)

    def look(self, site: str) -> Seen:
        """Return what a manager of a site says of its swarm."""
        return self._read(site, Seen, "swarmwork.look")

    def logs(self, site: str, name: str, lines: int) -> Logs:
        """Return the last lines of a workload at a site."""
        return self._read(site, Logs, "swarmwork.logs", name, lines, seconds=2 * ASK_S)

    def _read(
        self, site: str, kind: type[Known], function: str, *arguments: Any, **named: Any
    ) -> Known:
        try:
            return read(self.ask(site, function, *arguments, **named), kind)
        except ValueError as err:
            raise NoAnswerError(
                f"{self.managers.via(site)} answered {function} with what no manager says: {err}"
            ) from err

    def settle(self, site: str, name: str, seconds: int) -> Any:
        """
        Have a site's swarm do with a workload what the ledger has now; what changed there.

        site, name
            Where, and which one.
        seconds
            How long to wait until all its tasks run.
        """
        try:
            return self.ask(
                site, "swarmwork.settle", name, timeout=seconds, seconds=seconds + 2 * ASK_S
            )
        except (NoAnswerError, *INTERRUPTS) as err:
            reason = "Interrupted." if isinstance(err, INTERRUPTS) else err
            raise NoAnswerError(
                f"{reason}\nThe number of replicas of {name} is recorded all the same; it holds"
                " from the next highstate of the managers on, and workload.status shows what runs."
            ) from err

    def looks(self) -> tuple[dict[str, Seen], dict[str, str]]:
        """Return what the swarms say that can be asked, and why others cannot, by site."""
        found: dict[str, Seen] = {}
        silent: dict[str, str] = {}
        for site in self.swarms:
            try:
                found[site] = self.look(site)
            except NoAnswerError as err:
                silent[site] = str(err)
        return found, silent

    def notices(self) -> list[str]:
        """Return what belongs to every page: that the description has faults."""
        if not self.faults:
            return []
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) > 1 else "")
        return [
            f"The description has {count}; what is shown is the last good one."
            " See them with: salt-run picloud.validate"
        ]


def who() -> str:
    """Return who is at the keyboard, for the record."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
