"""
The regular look at the swarms of all sites: who lost the majority of its managers, what somebody
changed by hand, and which replicas are crowded since nodes came back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import salt.utils.event
from picloud.ledger.swarms import Watched
from picloud.swarms import Standing
from picloud.workloads import mend
from picloud.workloads.seen import Seen
from picloud_swarm import Swarms
from picloud_watch import NoAnswerError
from picloud_workload import Work
from salt.exceptions import SaltException

log = logging.getLogger(__name__)

#: What keeps the nodes of a swarm on the manager that leads.
NODES = "swarm.leader"


class Looked(NamedTuple):
    """
    What came of a look at the swarm of a site.

    words
        How it stands, and what was done, in sentences.
    mended
        What was put right.
    spread
        Workloads that were dealt out anew.
    begun
        Workloads whose update waited for a lost node, and was begun again.
    failed
        Whether the swarm does not work, or something could not be put right.
    """

    words: tuple[str, ...]
    mended: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    failed: bool = False


class Mender:
    """
    Puts swarms right.

    opts
        The master's options.
    work, swarms
        The workloads and the swarms of the master.
    """

    def __init__(self, opts: Mapping[str, Any], work: Work, swarms: Swarms) -> None:
        self._opts, self._work, self._swarms = opts, work, swarms
        self._watch = work.ledger.swarms
        self._tasks = work.tasks(work.said)

    def look(self, site: str) -> Looked:
        """
        Look at the swarm of a site once, put right what is to be, and record what was found.

        site
            The name of the site.
        """
        words: tuple[str, ...] = ()
        # What is in the way at one site is no reason not to look at the others.
        try:
            now = self._swarms.standing(site)
            words = (f"{now.words}.",)
            self._told(self._watch.watched().get(site, Watched(site)), now)
            if not now.works or now.leads is None:
                return Looked(words, failed=now.lost or now.unheard)
            return self._mended(site, now.leads, now.words)
        except (NoAnswerError, SaltException, OSError) as err:
            return Looked((*words, f"{site}: {err}"), failed=True)

    def _told(self, known: Watched, now: Standing) -> None:
        """Record how a swarm stands, and tell when that is another way than before."""
        if now.unheard and known.lost_at is not None:
            # It was lost; nobody says that it is not any more.
            return
        lost_at = (known.lost_at or time.time()) if now.lost else None
        new = known._replace(lost_at=lost_at, words=now.words)
        if new != known:
            self._watch.watch(new)
        if now.unheard and now.words != known.words:
            log.warning("Swarm: %s", now.words)
        if (known.lost_at is None) == (lost_at is None):
            return
        site, state = known.site, "works" if lost_at is None else "lost"
        log.warning("Swarm: %s", now.words)
        with salt.utils.event.get_master_event(
            self._opts, self._opts["sock_dir"], listen=False
        ) as bus:
            bus.fire_event({"site": site, "words": now.words}, f"picloud/swarm/{state}/{site}")

    def _mended(self, site: str, leads: str, words: str) -> Looked:
        seen = self._look(site)
        found = mend.differences(seen)
        begun = mend.stuck(seen)
        for name in begun:
            log.warning("Swarm of %s: the update of %s waited for a lost node", site, name)
            self._work.ask(site, "swarmservice.restart", name)
        looked = self._put_right(site, leads, words, seen, found)
        more = [f"{site}: the update of {n} waited for a lost node: begun again." for n in begun]
        more += [f"{site}: left as it is: {name}: {why}." for name, why in found.left.items()]
        return looked._replace(words=(*looked.words, *more), begun=tuple(begun))

    def _put_right(
        self, site: str, leads: str, words: str, seen: Seen, found: mend.Differences
    ) -> Looked:
        said = "; ".join(found.words)
        if not said:
            return self._spread(site, seen, words)
        if not seen.unchanged:
            todo = "what is described came later: the next highstate of its managers brings it"
            return Looked((f"{words}.", f"{site}: {said}; {todo}."))
        log.warning("Swarm of %s is put right, somebody changed it: %s", site, said)
        # No more than what was found: what Swarm took back would be tried again otherwise.
        failed = []
        for name in found.services:
            try:
                self._work.ask(site, "swarmwork.settle", name)
            except NoAnswerError as err:
                failed.append(str(err))
        if found.nodes and (why := self._swarms.lead(site, leads, NODES)):
            failed.append(why)
        if failed:
            told = f"{site}: {said}; not put right: {'; '.join(failed)}."
            return Looked((f"{words}.", told), failed=True)
        return Looked((f"{words}.", f"{site}: put right: {said}."), tuple(found.words))

    def _look(self, site: str) -> Seen:
        """What a manager says, after the nodes were asked whose ids are not known there."""
        seen = self._work.look(site)
        known = self._watch.members(site)
        there = {node.id for node in seen.nodes}
        ready = {node.hostname for node in seen.nodes if node.state == "ready"}
        hosts = [host.node for host in self._work.swarms[site].hosts if host.node in ready]
        new = [name for name in hosts if known.get(name) not in there]
        return self._work.look(site) if new and self._swarms.know(site, new) else seen

    def _spread(self, site: str, seen: Seen, words: str) -> Looked:
        """Deal out anew one workload that is crowded: the next look takes the next one."""
        work = self._work
        names = mend.crowded(work.workloads, self._tasks, work.swarms[site], seen, time.time())
        if not names:
            return Looked((f"{words}.",))
        name, *rest = names
        log.info("Swarm of %s: nodes are back, %s is dealt out anew", site, name)
        work.ask(site, "swarmservice.restart", name)
        later = f"; at the next looks: {', '.join(rest)}" if rest else ""
        told = f"{site}: nodes are back, dealt out anew: {name}{later}."
        return Looked((f"{words}.", told), spread=(name,))
