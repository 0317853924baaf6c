"""
The swarms of a master's sites: what nodes see of theirs, and how they get into it.

Who is in which swarm is asked of the nodes each time; the ledger only remembers that a site has a
swarm, so that no second one is begun, and the tokens that nodes are given through their pillar.
"""

import contextlib
import fcntl
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import picloud_ask
import salt.client
from picloud import swarms
from picloud.ledger.swarms import Swarm, Token
from picloud.rejoin.words import plain
from picloud.workloads import fleet
from picloud_rejoin.keys import KeyStore
from picloud_watch import NoAnswerError, refuse

log = logging.getLogger(__name__)

#: Seconds until nodes that have not answered are asked whether they are still at it.
ASK_S = 10
#: Seconds after which nodes that are still at it are waited for no more: at a question, and at
#: applying states.
QUESTION_S, LONGEST_S = 60, 1800
#: Nodes that join the swarm of a site at once: Docker Engine gives up a joining after 20 s, which
#: managers on small boards may need for many.
AT_ONCE = 8
#: How often a manager too busy to answer is told to lay labels on who joined: nobody else does.
TRIES = 3
SLS = "swarm.init"


class Recorded(NamedTuple):
    """What is on record of a node's swarm: the swarm, the node's token, and ids of its nodes."""

    swarm: Swarm | None = None
    token: Token | None = None
    ids: Mapping[str, str] = {}


def recorded(ledger, view):
    """
    Look up what is on record of a node's swarm.

    ledger, view
        The ledger, and the node's view as compiled.
    """
    site, name = view["site"]["name"], view["node"]["id"]
    ids = ledger.swarms.members(site) if "nodes" in view["members"] else {}
    return Recorded(ledger.swarms.get(site), ledger.swarms.token(name), ids)


def pillar(view, known):
    """
    Return what a node sees of its swarm.

    view, known
        The node's view with what was said by hand, and what is on record; None while nobody knows.

    ``settings`` of part ``swarm``; ``role``; ``managers``, their addresses, first the one to join
    through; ``begin``, whether the node is the one that begins the swarm; ``token``, sealed for
    this node, while it is to join; and for managers ``nodes``: role, labels, availability and, as
    far as it is known, ``id`` of every member.
    """
    told, (swarm, token, ids) = view["members"], known or Recorded()
    first = told["managers"].get(swarm.manager) if swarm else None
    addresses = [one for one in told["managers"].values() if one is not None]
    found = {
        "settings": {k: v for k, v in view["swarm"].items() if v not in (None, [])},
        "role": "manager" if "nodes" in told else "worker",
        "managers": sorted(addresses, key=lambda address: address != first),
        "begin": bool(swarm) and swarm.cluster is None and swarm.manager == view["node"]["id"],
        "token": token.token if token else None,
    }
    # While nobody knows which nodes are to be empty, and which entry is whose, all stays as it is.
    if "nodes" in told and known is not None:
        drained = view.get("drained", ())
        found["nodes"] = {
            node: {
                **one,
                "availability": "drain" if node in drained else "active",
                **({"id": ids[node]} if node in ids else {}),
            }
            for node, one in told["nodes"].items()
        }
    return found


class Outcome(NamedTuple):
    """What became of nodes that were to be in the swarm of a site, each with the reason."""

    site: str
    members: list
    refused: dict


class Swarms:
    """
    The swarms of a master.

    opts, ledger, store
        The master's options, its ledger, and the store of its description.
    """

    def __init__(self, opts, ledger, store):
        self._opts, self._ledger, self._store = opts, ledger, store
        self._keys = KeyStore(opts)

    def join(self, nodes):
        """
        Get nodes into the swarms of their sites; those that are in one stay as they are.

        nodes
            Ids; those without part ``swarm`` are passed over.

        Returns an :class:`Outcome` for each site.
        """
        sites = {}
        for name in nodes:
            view, _faults = self._store.view(name)
            if view is not None and "members" in view:
                sites.setdefault(view["site"]["name"], []).append(view)
        return [self._site(site, views) for site, views in sorted(sites.items())]

    def standing(self, site):
        """
        Ask the managers of a site how its swarm stands.

        site
            The name of the site.

        Returns a :class:`picloud.swarms.Standing`.
        """
        managers = list(self._swarm(site).managers)
        return swarms.standing(site, managers, self._asked(managers), self._recorded(site))

    def recovery(self, site):
        """
        Ask all nodes of a swarm, and decide how it is brought back.

        site
            The name of the site.

        Returns a :class:`picloud.swarms.Recovery`, the ids of the members that are there to join
        again, and the addresses of the managers by id.
        """
        swarm = self._swarm(site)
        answers = self._asked([host.node for host in swarm.hosts])
        found = swarms.recovery(site, list(swarm.managers), answers, self._recorded(site))
        there = [name for name, one in answers.items() if one is not None]
        return found, there, swarm.managers

    def forget(self, site):
        """
        Forget the swarm of a site: the next nodes that join begin a new one.

        site
            The name of the site.
        """
        self._ledger.swarms.forget(site)

    def sites(self):
        """Return the names of the sites that have a swarm by their description."""
        cloud = self._cloud()
        return list(fleet.swarms(cloud, cloud.common.workloads))

    def _swarm(self, site):
        """The swarm of a site as described; a message when there is none."""
        cloud = self._cloud()
        found = fleet.swarms(cloud, cloud.common.workloads)
        if site not in cloud.common.sites:
            refuse(site, cloud.common.sites, "site")
        if site not in found:
            raise NoAnswerError(f"No node of {site} has the role {fleet.MANAGER}, so no swarm.")
        return found[site]

    def _cloud(self):
        cloud, faults = self._store.cloud()
        if cloud is None:
            raise NoAnswerError("\n".join(map(str, faults)))
        return cloud

    def _recorded(self, site):
        known = self._ledger.swarms.get(site)
        return known.cluster if known else None

    def _asked(self, names):
        """What nodes say of themselves; None for those that do not answer."""
        accepted = [name for name in names if self._keys.accepted(name) is not None]
        said = self._run(accepted, "swarm.info", [])
        answers = {name: said.get(name) for name in names}
        return {name: one if isinstance(one, dict) else None for name, one in answers.items()}

    def _site(self, site, views):
        wanted = [view["node"]["id"] for view in views]
        members = swarms.members(views)
        # Several batches of nodes may be here on the first day: one begins, the others wait for it.
        with self._alone(site):
            plan, answers = self._plan(site, members, wanted)
            if plan.begin is not None:
                self._begin(site, plan.begin)
                plan, answers = self._plan(site, members, wanted)
        if plan.via is None:
            return Outcome(site, [], dict(plan.refused))
        known = self._ledger.swarms.get(site)
        if known is None or (known.manager, known.cluster) != (plan.via, plan.cluster):
            self._ledger.swarms.put(Swarm(site, plan.via, plan.cluster, time.time()))
        refused = dict(plan.refused)
        given = self._give(plan, refused)
        failed = {}
        for begin in range(0, len(given), AT_ONCE):
            with self._alone(site):
                failed |= self._apply(given[begin : begin + AT_ONCE])
        refused |= failed
        self._ledger.swarms.taken([name for name in given if name not in failed])
        joined = [name for name in given if name not in failed]
        here = {name: answers[name] for name in wanted if name not in refused and name in answers}
        self._know(site, here | self._asked(joined) if joined else here)
        if given or plan.changed:
            # Who leads lays labels on who joined, and takes away what was there before a new card.
            self.lead(site, plan.via)
        return Outcome(site, [name for name in wanted if name not in refused], refused)

    def _begin(self, site, manager):
        """Let a manager begin the swarm, and then keep what a manager that leads does."""
        first = self._ledger.swarms.begin(site, manager, time.time())
        self._apply([first.manager])
        self.know(site, [first.manager])
        self.lead(site, first.manager)

    def know(self, site, nodes):
        """
        Record which ids nodes have in the swarm of their site: only they can tell, for the swarm
        believes each node whatever name it gives itself.

        site, nodes
            The site, and ids of nodes that are in its swarm.

        Returns whether anything is known now that was not.
        """
        return self._know(site, self._asked(nodes))

    def _know(self, site, answers):
        before = self._ledger.swarms.members(site)
        new = {
            name: one["node_id"]
            for name, one in answers.items()
            if one
            and one.get("state") == "active"
            and isinstance(one.get("node_id"), str)
            and one["node_id"] != before.get(name)
        }
        refused = self._ledger.swarms.know(site, new) if new else []
        for name in refused:
            log.warning("Swarm of %s: %s says to be %s, another node", site, name, new[name])
        return len(new) > len(refused)

    def lead(self, site, manager, sls=SLS):
        """
        Have a manager do what one that leads does.

        site, manager
            The site, and the manager that leads its swarm.
        sls
            What to apply.

        Returns why that failed, nothing when it did not.
        """
        failed = self._apply([manager], TRIES, sls)
        for name, why in failed.items():
            log.warning("Swarm of %s: %s: %s", site, name, why)
        return "; ".join(failed.values())

    @contextlib.contextmanager
    def _alone(self, site):
        """Let one process or thread of this master at a time decide about a site, or change it."""
        path = Path(self._opts["cachedir"], "picloud", f"swarm-{site}.lock")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _plan(self, site, members, wanted):
        asked = {*wanted, *(one.node for one in members if one.manager)}
        accepted = sorted(name for name in asked if self._keys.accepted(name) is not None)
        answers = {}
        for name, said in self._returns(accepted, "swarm.info", []):
            answers[name] = said if isinstance(said, dict) else None
            # A manager that is off is not waited for once another one leads.
            leads = any((one or {}).get("leads") for one in answers.values())
            if leads and answers.keys() >= set(wanted) & set(accepted):
                break
        return swarms.plan(site, members, answers, wanted, self._recorded(site)), answers

    def _give(self, plan, refused):
        """Ask a manager for tokens that only the node each is for can open; who has one now."""
        asked = {
            name: {"role": role, "node_id": plan.ids.get(name), "public_key": public}
            for name, role in plan.join.items()
            if (public := self._keys.accepted(name)) is not None
        }
        said = self._run([plan.via] if asked else [], "swarm.join_tokens", [asked]).get(plan.via)
        given = []
        for name in plan.join:
            sealed = said.get(name) if isinstance(said, dict) else None
            if isinstance(sealed, str) and sealed.startswith("sealed:"):
                token = Token(name, plan.join[name], sealed, time.time())
                self._ledger.swarms.give(token)
                given.append(name)
            else:
                # An answer that is no sealed token is not shown: it may be an open one.
                why = plain(said) if isinstance(said, str) else "no answer"
                refused[name] = f"{plan.via} gave no token for {name}: {why}"
        return given

    def _apply(self, nodes, tries=1, sls=SLS):
        """Apply part ``swarm`` on nodes, again on those that do not say; why it failed, by node."""
        said = {}
        for _ in range(tries):
            left = [name for name in nodes if not isinstance(said.get(name), dict)]
            said |= self._run(left, "state.apply", [sls], longest=LONGEST_S, kwarg={"queue": True})
        failed = {}
        for name in nodes:
            states = said.get(name)
            if not isinstance(states, dict):
                why = plain(states) if states else "no answer"
                failed[name] = f"{name} did not say what it did: {why}"
            elif wrong := [one for one in states.values() if _has_failed(one)]:
                failed[name] = plain("; ".join(str(one.get("comment")) for one in wrong))
        return failed

    def _run(self, nodes, function, arguments, **more):
        """Run a function on exactly these nodes; what they returned, by node."""
        return dict(self._returns(nodes, function, arguments, **more))

    def _returns(self, nodes, function, arguments, longest=QUESTION_S, **more):
        """Run a function on exactly these nodes; yield what they return, as it comes."""
        if not nodes:
            return
        try:
            # Options of an orchestration that a reactor began name "Reactor" as the user, who has
            # no key to publish with: those of the master are read anew.
            with salt.client.get_local_client(self._opts["conf_file"]) as client:
                for name, said, _failed in picloud_ask.answers(
                    client, nodes, function, arguments, timeout=ASK_S, longest=longest, **more
                ):
                    yield name, said
        except (*picloud_ask.FAULTS, NoAnswerError) as err:
            log.warning("Cannot ask %s of %d nodes: %s", function, len(nodes), err)


def _has_failed(state):
    return isinstance(state, dict) and state.get("result") is False
