"""
One look at the cloud for the ``picloud`` runner: the description in force and what is seen of it.
"""

import time
from pathlib import Path

import picloud_jobs
import picloud_salt
import salt.version
from picloud import status, watch
from picloud.identity import CardState
from picloud.ledger import StorageError
from picloud.rejoin import lobby
from picloud.rejoin.steps import Step
from picloud.rollout import change, pages
from picloud.workloads import fleet

#: A hint that nobody looked at for so many seconds: the engine looks several times a second.
UNHEARD_S = 60
#: A card that was refused and has not knocked for so many seconds has gone: a minion tries again
#: every ten seconds (``acceptance_wait_time``), or when systemd starts it again.
GONE_S = 600
#: Those who were refused in so many seconds are counted on the page of the whole cloud.
DAY_S = 86400


#: How Ctrl-C and SIGTERM arrive in a runner: salt-run answers them with SystemExit.
INTERRUPTS = (KeyboardInterrupt, SystemExit)


class NoAnswerError(Exception):
    """A question that cannot be answered, with the message for whoever asked."""


def refuse(name, known, what):
    """
    Raise :class:`NoAnswerError` for a name that is not known, with the one probably meant.

    name, known
        The name asked for, and those there are.
    what
        What they name, in the singular.
    """
    raise NoAnswerError(watch.find(str(name), known, what))


def unheard(ledger, now):
    """
    Return a line when the engine does not look at what it should, else nothing.

    ledger
        The ledger.
    now
        The time, in seconds since 1970.
    """
    first = next(iter(ledger.journal.waiting(1)), None)
    if first is None or now - first.at < UNHEARD_S:
        return []
    return [
        f"The engine has not looked at {first.node} for {status.span(now - first.at)}. Does"
        " salt-master run, with the engine rejoin (master/master.d/picloud.conf)? See its log."
    ]


def lost(ledger, cloud, now):
    """
    Return a line for each swarm that did not work when it was last looked at.

    ledger, cloud
        The ledger and the description.
    now
        The time, in seconds since 1970.
    """
    swarms = fleet.swarms(cloud, {})
    return [
        f"For {status.span(now - one.lost_at)} {one.words}. See what to do:"
        f" salt-run swarm.recover site={one.site}"
        for one in ledger.swarms.watched().values()
        if one.lost_at is not None and one.site in swarms
    ]


def unrolled(ledger, cloud):
    """
    Return a line for each part whose change waits for a rollout.

    ledger, cloud
        The ledger, and the description in force.
    """
    if not cloud.rollout.parts:
        return []
    return pages.waiting(change.waiting(cloud, ledger.rollouts.pins(), ledger.builds.heads()))


class Watch:
    """
    One look at the cloud. The description is read at once, the rest for the nodes asked for.

    opts
        The master's options.
    ping
        Ask the accepted nodes whether they are there, rather than to trust their connections.
    """

    def __init__(self, opts, ping=False):
        self.opts = opts
        self.ping = ping
        self.now = time.time()
        self.notices = []
        self.store = picloud_salt.store(opts)
        self.cloud, self.faults = self.store.cloud()
        self.state = self.store.state()
        if self.cloud is None:
            raise NoAnswerError(
                "\n".join(map(str, self.faults))
                + "\nThere is no description in force, because there never was one without faults."
            )
        if self.state["storage"]:
            self.notices.append(self.state["storage"])
        if not any("picloud" in entry for entry in opts.get("ext_pillar") or ()):
            self.notices.append(
                "This master has no ext_pillar picloud, so no node gets a pillar from it;"
                " see master/master.d/picloud.conf."
            )
        self.changed_at = self._changed_at()
        self.keys = picloud_jobs.keys(opts)
        self.ways, self.guests, self.spares, self.refused = {}, [], set(), {}
        try:
            self._read_ledger()
        except StorageError as err:
            self.notices.append(f"Nothing is known of nodes on their way back: {err}")

    def _changed_at(self):
        """Return when the description in force was last edited, as far as can be told."""
        if self.faults:
            return self.state["compiled_at"]
        root = picloud_salt.description(self.opts)
        times = [path.stat().st_mtime for path in root.rglob("*.sls") if path.is_file()]
        return min(max(times, default=0.0), self.state["compiled_at"])

    def _read_ledger(self):
        """Read who is on the way back, who waits in the lobby, and who was refused lately."""
        ledger = picloud_salt.ledger(self.opts)
        if ledger.database.sqlite and not Path(ledger.database.url.database or "").exists():
            return  # no card was issued yet, and to look makes nothing
        issued = ledger.cards.list(state=CardState.ISSUED)
        self.spares = {card.card for card in issued if card.node is None}
        rows = ledger.rejoins.at(set(Step) - {Step.CONVERGED})
        waiting = [row for row in rows if row.step == Step.LOBBY]
        self.guests = lobby.guests(waiting, ledger, self.cloud)
        self.ways = {
            one.node: status.Way(Step.LOBBY, one.reason, one.since, card=one.card)
            for one in self.guests
            if one.node
        } | {
            row.node: status.Way(row.step, row.reason, row.step_at, row.tries)
            for row in rows
            if row.step != Step.LOBBY
        }
        for one in ledger.strangers.list():
            self.refused.setdefault(one.name, one)
        self.notices += unheard(ledger, self.now)
        self.notices += unrolled(ledger, self.cloud)
        self.notices += lost(ledger, self.cloud, self.now)

    def node(self, name):
        """
        Return a declared node.

        name
            Its id; :class:`NoAnswerError` when there is none.
        """
        found = self.cloud.node(name)
        return found if found is not None else refuse(name, self.cloud.nodes, "node")

    def rack(self, name):
        """
        Return a declared rack.

        name
            Its name; :class:`NoAnswerError` when there is none.
        """
        found = self.cloud.racks.get(str(name))
        return found if found is not None else refuse(name, self.cloud.racks, "rack")

    def rows(self, nodes):
        """
        Return what is known of some nodes, by id, in their order.

        nodes
            The nodes as declared.
        """
        nodes = list(nodes)
        accepted = {node.id for node in nodes if node.id in self.keys.accepted}
        told = picloud_jobs.grains(self.opts, [node.id for node in nodes])
        if self.ping:
            there = picloud_jobs.answering(self.opts, accepted)
        else:
            there = picloud_jobs.connected(self.opts, told)
        records, notices = picloud_jobs.highstates(self.opts, accepted)
        self.notices += notices
        if there is None:
            self.notices.append(
                "The master caches no grains (minion_data_cache: false): whether a node is"
                " connected is only known with ping=true."
            )
        modules = self.modules()
        return {
            node.id: watch.row(node, self._seen(node.id, told, there, records), modules, self.now)
            for node in nodes
        }

    def _seen(self, name, told, there, records):
        """What the master knows of one node."""
        grains, heard = told.get(name, ({}, None))
        record = records.get(name, picloud_jobs.Record())
        awaited = record.awaited_at
        refused = self.refused.get(name)
        knocks = refused is not None and self.now - refused.at <= GONE_S
        evidence = status.Evidence(
            key=self.keys.of(name),
            denied=name in self.keys.denied or knocks,
            refused=refused.reason if knocks else "",
            connected=None if there is None else name in there,
            last=record.last,
            awaited=None if awaited is None else self.now - awaited,
            seen_at=max(filter(None, (heard, record.last and record.last.at)), default=None),
            changed_at=self.changed_at,
            way=self.ways.get(name),
        )
        return watch.Seen(evidence, grains)

    def modules(self):
        """Return the digest of the modules that the master offers its nodes."""
        return picloud_salt.modules_digest()

    def status(self):
        """Return the whole cloud on one page, as data."""
        rows = self.rows(self.cloud.nodes.values())
        guests = {one.card for one in self.guests}
        strangers = watch.strangers(self.cloud, set().union(*self.keys) - guests - self.spares)
        return {
            "show": "status",
            "description": {
                "folder": str(picloud_salt.description(self.opts)),
                "nodes": len(self.cloud.nodes),
                "racks": len(self.cloud.racks),
                "compiled_at": self.state["compiled_at"],
                "faults": [str(fault) for fault in self.faults],
                "broken_at": self.state["broken_since"] or None,
            },
            "master": {
                "id": self.opts["id"].removesuffix("_master"),
                "salt": salt.version.__version__,
                "modules": self.modules(),
            },
            "keys": {name: len(ids) for name, ids in self.keys._asdict().items()},
            "strangers": strangers,
            "lobby": sorted(guests),
            "spares": sorted(self.spares - guests),
            "refused": sum(self.now - one.at <= DAY_S for one in self.refused.values()),
            "connected": sum(bool(row["connected"]) for row in rows.values()),
            "reboot_needed": [
                name
                for name, row in rows.items()
                if row["reboot_needed"] and row["connected"] is not False
            ],
            "old_modules": [name for name, row in rows.items() if row["modules"] == watch.OLD],
            "counts": status.counts(row["state"] for row in rows.values()),
            "concerns": {row["id"]: _short(row) for row in status.concerns(rows.values())},
        }

    def answer(self, data):
        """
        Return a page's data with the time and the notices that belong to it.

        data
            The page's own data.
        """
        notices = list(self.notices)
        if self.faults and data["show"] != "status":
            count = f"{len(self.faults)} fault" + ("s" if len(self.faults) > 1 else "")
            notices.append(
                f"The description has {count}; what is shown is the last good one."
                " See them with: salt-run picloud.validate"
            )
        return {**data, "now": self.now, "notices": notices}


def _short(row):
    """What a page about the whole cloud needs of one node."""
    names = ("id", "state", "reason", "slot", "connected", "notes", "differs", "reboot_needed")
    return {name: row[name] for name in names}
