"""
What a master already knows of its nodes: keys, connections, grains, highstates.

Everything here only reads what the master keeps anyway; no node is asked anything, so a page about
10,000 nodes costs the master no bus traffic. The job cache is read newest first and no further than
needed: a job is opened only while some node's last highstate is still looked for.
"""

import calendar
import heapq
import logging
import os
import time
from typing import NamedTuple

import salt.cache
import salt.client
import salt.key
import salt.utils.files
import salt.utils.msgpack
import salt.utils.network
from picloud import highstate
from picloud.status import Key
from salt.exceptions import CommandExecutionError, SaltCacheError, SaltClientError

log = logging.getLogger(__name__)

#: No more jobs than this are opened, however long the cache is. 20,000 are a day of highstates
#: that 830 nodes start by themselves each hour, and take about 2 s to look through.
MOST_JOBS = 20_000


class Keys(NamedTuple):
    """Who has which key on the master; ``denied`` ids may have an accepted key as well."""

    accepted: frozenset
    pending: frozenset
    rejected: frozenset
    denied: frozenset

    def of(self, node):
        """
        Return what the master holds of a node's key.

        node
            The id to look up.
        """
        if node in self.accepted:
            return Key.ACCEPTED
        if node in self.pending:
            return Key.PENDING
        return Key.REJECTED if node in self.rejected else Key.NONE


class Record(NamedTuple):
    """What the job cache says of one node: its last highstate, and a newer one not yet back."""

    last: highstate.Highstate | None = None
    awaited_at: float | None = None


def keys(opts):
    """
    Read the master's keys, all of them in one pass.

    opts
        The master's options.
    """
    found = salt.key.get_key(opts).list_keys()
    return Keys(
        accepted=frozenset(found.get("minions", ())),
        pending=frozenset(found.get("minions_pre", ())),
        rejected=frozenset(found.get("minions_rejected", ())),
        denied=frozenset(found.get("minions_denied", ())),
    )


def grains(opts, nodes):
    """
    Read the grains the nodes last sent, and when that was.

    opts
        The master's options.
    nodes
        The ids to read.

    Returns a mapping of id to ``(grains, seconds since 1970)``, without nodes that never sent any.
    """
    if not opts.get("minion_data_cache", True):
        return {}
    cache = salt.cache.factory(opts)
    known = set(cache.list("grains") or ())
    found = {}
    for node in nodes:
        if node not in known:
            continue
        try:
            told = cache.fetch("grains", node)
            if told:
                found[node] = (told, cache.updated("grains", node))
        except SaltCacheError as err:
            log.warning("Cannot read the cached grains of %s: %s", node, err)
    return found


def fetched(opts, nodes=None):
    """
    Tell when each node last fetched its pillar, which it does whenever its minion starts.

    opts
        The master's options.
    nodes
        The ids to look up; None for all there are.

    Returns a mapping of id to seconds since 1970; empty when the master caches no grains. The time
    is that of the cached grains, which come with the request (salt/master.py, ``_pillar``).
    """
    if not opts.get("minion_data_cache", True):
        return {}
    cache = salt.cache.factory(opts)
    names = cache.list("grains") or () if nodes is None else nodes
    found = {
        name: cache.updated("grains", name) for name in names if cache.contains("grains", name)
    }
    return {name: at for name, at in found.items() if at}


def connected(opts, told):
    """
    Tell which nodes hold a connection to the master, from its own sockets.

    opts
        The master's options.
    told
        What :func:`grains` returned: the addresses a node has are in its grains.

    Returns a set of ids; None when the master cannot tell because it caches no grains.
    A board whose plug was pulled keeps its connection until TCP gives up on it (minutes); to know
    now, ask: :func:`answering`.
    """
    if not opts.get("minion_data_cache", True):
        return None
    remote = set(salt.utils.network.local_port_tcp(int(opts["publish_port"])))
    if remote & {"127.0.0.1", "::1"}:
        remote |= set(salt.utils.network.ip_addrs()) | set(salt.utils.network.ip_addrs6())
    return {node for node, (facts, _) in told.items() if not remote.isdisjoint(_addresses(facts))}


def _addresses(facts):
    """All addresses in a node's grains but those of loopback."""
    every = [*facts.get("ipv4", ()), *facts.get("ipv6", ())]
    return {address for address in every if address not in ("127.0.0.1", "::1")}


def answering(opts, nodes, timeout=5):
    """
    Ask nodes whether they are there, with one ``test.ping`` to exactly these.

    opts
        The master's options.
    nodes
        Ids that have an accepted key; others would each cost a scan of all keys.
    timeout
        Seconds to wait.
    """
    if not nodes:
        return set()
    try:
        with salt.client.get_local_client(mopts=opts) as client:
            answers = client.cmd(sorted(nodes), "test.ping", tgt_type="list", timeout=timeout)
    except SaltClientError as err:
        raise CommandExecutionError(
            f"Cannot ask the nodes: {err}; is salt-master running?"
        ) from err
    return {node for node, answer in answers.items() if answer is True}


def highstates(opts, nodes, most=MOST_JOBS):
    """
    Find the last highstate of each node in the master's job cache.

    opts
        The master's options.
    nodes
        The ids to look for.
    most
        How many jobs to open at most.

    Returns ``(records, notices)``: a mapping of id to :class:`Record` for each node of which
    something was found, and lines that say what could not be looked at.
    """
    if opts.get("ext_job_cache") or opts.get("master_job_cache", "local_cache") != "local_cache":
        other = opts.get("ext_job_cache") or opts.get("master_job_cache")
        return {}, [f"Job returns go to {other!r}; only Salt's own local_cache is read."]
    if not opts.get("job_cache", True):
        return {}, ["The master keeps no job cache (job_cache: false), so no highstate is known."]
    return _search(_Cache(opts), set(nodes), most)


def published(opts, function, since):
    """
    Tell who was sent what, from the master's job cache; a job is there before it is published.

    opts
        The master's options.
    function, since
        The function, and how old its jobs may be, in seconds since 1970.

    Returns a set of ``(id, first argument)``.
    """
    cache, found = _Cache(opts), set()
    for changed, folder in cache.newest_first():
        if changed < since:
            break
        load = _load(os.path.join(folder, ".load.p"))
        if isinstance(load, dict) and load.get("fun") == function and load.get("arg"):
            found |= {(node, load["arg"][0]) for node in load.get("tgt") or ()}
    return found


def _search(cache, nodes, most):
    """Go through the jobs from the newest on, until every node is found."""
    last, awaited = {}, {}
    opened, oldest = 0, 0.0
    for changed, folder in cache.newest_first():
        # A folder changes last when a return comes in, so its job is never newer than that:
        # once every node has a highstate newer than this, nothing newer can follow.
        if changed < oldest:
            break
        if opened >= most:
            return _records(last, awaited), [
                f"Only the newest {most} jobs of the cache were looked through."
            ]
        opened += 1
        job = cache.job(folder)
        if job is None:
            continue
        jid, at, returned = job
        for node in nodes.intersection(returned):
            if node in last and last[node].at >= at:
                continue
            answer = cache.answer(folder, node)
            if answer is not None and not highstate.is_busy(answer):
                last[node] = highstate.read(jid, at, answer)
                if len(last) == len(nodes):
                    oldest = min(found.at for found in last.values())
        for node in nodes.intersection(cache.targets(folder)).difference(returned):
            awaited[node] = max(at, awaited.get(node, 0.0))
    return _records(last, awaited), []


def _records(last, awaited):
    """Join what was found; a highstate is awaited only if none newer came back."""
    records = {}
    for node in last.keys() | awaited.keys():
        found, sent = last.get(node), awaited.get(node)
        if found and sent and sent < found.at:
            sent = None
        records[node] = Record(found, sent)
    return records


class _Cache:
    """Salt's local job cache, as files: ``jobs/<2 hex>/<rest>/{jid,.load.p,.minions.p,<id>/}``.

    Source of the layout: salt/returners/local_cache.py of Salt 3008.
    """

    def __init__(self, opts):
        self.root = os.path.join(opts["cachedir"], "jobs")

    def newest_first(self):
        """Yield ``(changed, folder)`` of every job, the last changed first."""
        heap = []
        for top in _folders(self.root):
            for entry in _folders(top.path):
                try:
                    heap.append((-entry.stat().st_mtime, entry.path))
                except OSError:
                    continue  # the master cleaned it up meanwhile
        heapq.heapify(heap)
        while heap:
            changed, folder = heapq.heappop(heap)
            yield -changed, folder

    def job(self, folder):
        """Return ``(jid, time, ids that returned)`` if the job is a highstate, else None."""
        load = _load(os.path.join(folder, ".load.p"))
        if not isinstance(load, dict):
            return None
        arguments = load.get("arg") or load.get("fun_args") or []
        if not highstate.is_highstate(str(load.get("fun", "")), arguments):
            return None
        jid = str(load.get("jid", ""))
        return jid, _time(jid), {entry.name for entry in _folders(folder)}

    def answer(self, folder, node):
        """Return what a node sent back, None when it cannot be read."""
        data = _load(os.path.join(folder, node, "return.p"))
        return data.get("return") if isinstance(data, dict) else None

    def targets(self, folder):
        """Return the ids a job was sent to."""
        listed = _load(os.path.join(folder, ".minions.p"))
        return listed if isinstance(listed, list) else []


def _folders(path):
    """The folders in a folder; none if it is not there."""
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _load(path):
    """A file of the cache, None when it is missing, half written or not readable."""
    try:
        with salt.utils.files.fopen(path, "rb") as handle:
            return salt.utils.msgpack.unpackb(
                handle.read(), raw=False, strict_map_key=False, unicode_errors="replace"
            )
    except (OSError, ValueError, salt.utils.msgpack.exceptions.UnpackException) as err:
        log.debug("Cannot read %s: %s", path, err)
        return None


def _time(jid):
    """The time a job id stands for: ``YYYYMMDDhhmmssffffff`` in UTC."""
    try:
        return calendar.timegm(time.strptime(jid[:14], "%Y%m%d%H%M%S")) + int(jid[14:20]) / 1e6
    except ValueError:
        return 0.0
