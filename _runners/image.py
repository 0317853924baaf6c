"""
Container images: build them from Debian's packages or copy them from other registries, and look
after the registry that nodes pull from.
"""

import contextlib
import fcntl
import functools
import logging
import time
from pathlib import Path

import picloud_salt
import picloud_watch
import picloud_workload
from picloud.rejoin import pages
from picloud.rollout.guarded import WORKLOADS
from picloud.status import ago
from picloud.watch import find
from picloud.workloads import recipe, seal
from picloud.workloads.archs import narrowed
from picloud.workloads.overrides import Overrides
from picloud_images import build as making
from picloud_images import copied, layers, machine
from picloud_images import orders as planning
from picloud_images.registry import Registry
from picloud_pages import page

log = logging.getLogger(__name__)
__func_alias__ = {"list_": "list"}

#: One process at a time writes to the registry.
LOCK = "/run/lock/picloud-image.lock"


@page
def registry(absent=False):
    """
    Set up the registry of this master, or renew what has run out: packages, certificate, login,
    service (``salt/registry``). Nodes learn of it with their next highstate.

    absent
        Take it away instead: service, certificate and login. Images stay in its folder.

    CLI Example:

    .. code-block:: bash

        salt-run image.registry
    """
    common = _common()
    held, names = Registry(__opts__), {site.master for site in common.sites.values()}
    if not names:
        raise picloud_watch.NoAnswerError("The description has no site, so nodes know no master.")
    part = "registry.absent" if absent else "registry"
    proxy = machine.apt_options(_cache(common)).get("Acquire::http::Proxy")
    emulate = not machine.is_native(machine.architectures(__opts__))
    changed = held.apply(picloud_salt.CHECKOUT, names, part, proxy, emulate=emulate)
    where = " and ".join(f"{name}:{held.port}" for name in sorted(names))
    done = f"changed: {', '.join(changed)}" if changed else "nothing had to be changed"
    text = f"{'No registry is served any more' if absent else f'Served at {where}'}; {done}."
    return {"show": "message", "message": text, "changed": changed}


@page
def build(name=None, force=False):
    """
    Build images for all their architectures, or copy those of other registries (``copy_of``), and
    push them to the registry. An image of which nothing has changed, neither in the description nor
    in Debian's archive or the other registry, is left as it is.

    name
        Only this entry of ``container_images``, or several with commas between.
    force
        Build also what has not changed.

    The exit status is 1 when an image was not built; the others are.

    CLI Example:

    .. code-block:: bash

        salt-run image.build
        salt-run image.build web
    """
    held, common = Registry(__opts__), _common()
    held.require()
    chosen = _chosen(common, name)
    options = machine.apt_options(_cache(common))
    cards, only = list(common.images.values()), machine.architectures(__opts__)
    orders, faults = planning.orders(chosen, cards, options, only)
    if faults:
        # Copies hold up nothing, and are looked at when it is their turn: there is none now.
        faults += copied.faults(chosen)
        raise picloud_watch.NoAnswerError("\n".join(["Nothing was built:", *faults]))
    ledger = picloud_salt.ledger(__opts__)
    todo = {order.entry: functools.partial(_make, order, options) for order in orders}
    todo |= {
        entry: functools.partial(_copy, entry, image)
        for entry, image in chosen.items()
        if image.copy_of
    }
    data, rows, failed = {}, [], []
    with _alone():
        layers.tidy()
        for entry, image in chosen.items():
            began, ask = time.time(), seal.wanted(entry, image)
            last = ledger.builds.newest(ask["name"], ask["tag"])
            try:
                made, done = todo[entry](last, held, force)
            except picloud_watch.NoAnswerError as err:
                log.error("Image %s: %s", entry, err)
                failed.append(str(err))
                continue
            if made is not last:
                ledger.builds.put(made)
            took = time.time() - began
            data[entry] = _shown(made) | {"done": done, "seconds": round(took, 1)}
            full = f"{made.name}:{made.tag}"
            rows.append((full, done, f"{took:.0f}", " ".join(made.platforms), made.digest))
    count = f"{len(rows)} of {len(todo)} image{'' if len(todo) == 1 else 's'}"
    summary = "\n".join([f"{count} in the registry.", *failed])
    table = pages.table(("image", "done", "s", "architectures", "digest"), rows, summary)
    return table | {"images": data, "failed": failed, "retcode": int(bool(failed))}


def _make(order, options, last, held, force):
    """Build an image unless nothing has changed; the build, and what was done."""
    if not force and planning.unchanged(order, last, held):
        return last, "unchanged"
    if force:
        layers.forget(order.entry)
    made = making.make(order, options, held)
    return made, "rebuilt, the same" if _same(last, made) else "built"


def _copy(entry, image, last, held, force):
    """Copy an image unless it is as it was; the build, and what was done."""
    made = copied.copy(entry, image, None if force else last, held)
    return made, "unchanged" if made is last else "copied"


@page
def list_():
    """
    List images that are built or copied here: what was made, for what, how big, and what remains to
    be done.

    CLI Example:

    .. code-block:: bash

        salt-run image.list
    """
    held, common, now = Registry(__opts__), _common(), time.time()
    builds = picloud_salt.ledger(__opts__).builds
    data, rows = {}, []
    for entry, image in _chosen(common, None).items():
        ask = seal.wanted(entry, image)
        last = builds.newest(ask["name"], ask["tag"])
        remark = _remark(entry, image, last, held)
        full = f"{ask['name']}:{ask['tag']}"
        data[entry] = {"image": full, "remark": remark} | (_shown(last) if last else {})
        rows.append(
            (
                full,
                " ".join(last.platforms) if last else "-",
                _sizes(last) if last else "-",
                ago(last.at, now) if last else "-",
                last.digest[:19] if last else "-",
                remark,
            )
        )
    heads = ("image", "architectures", "MB", "built", "digest", "remark")
    count = f"{len(rows)} image{'' if len(rows) == 1 else 's'}"
    size = f"; the registry takes {held.size() / 2**20:.0f} MB" if held.ready else ""
    return pages.table(heads, rows, f"{count}{size}") | {"images": data}


@page
def show(name):
    """
    Show what an image was built from: its digests, and the version of each package in it.

    name
        Its entry of ``container_images``.

    CLI Example:

    .. code-block:: bash

        salt-run image.show web
    """
    common = _common()
    ((entry, image),) = _chosen(common, name).items()
    ask = seal.wanted(entry, image)
    last = picloud_salt.ledger(__opts__).builds.newest(ask["name"], ask["tag"])
    if last is None:
        raise picloud_watch.NoAnswerError(
            f"{ask['name']}:{ask['tag']} was not {ask['made']}: salt-run image.build {entry}"
        )
    archs = sorted(last.packages)
    names = sorted({name for packages in last.packages.values() for name in packages})
    rows = [(name, *(last.packages[arch].get(name, "-") for arch in archs)) for name in names]
    said = [f"{last.name}:{last.tag}@{last.digest}"]
    said += [f"{arch}: {one['digest']}" for arch, one in sorted(last.platforms.items())]
    table = pages.table(("package", *archs), rows, "\n".join(said))
    return table | {"image": _shown(last), "packages": dict(last.packages)}


@page
def collect():
    """
    Delete images that are described no more, and builds of which newer ones are there, from the
    registry. The newest build of each described image stays, and the one before it; so do builds
    that a site keeps until a rollout of workloads, and those that swarms run, or would go back to:
    their managers are asked first. Of a site whose managers do not answer, all images stay that its
    workloads have, and those that are described no more.

    Nodes can pull meanwhile.

    CLI Example:

    .. code-block:: bash

        salt-run image.collect
    """
    held, common = Registry(__opts__), _common()
    held.require()
    ledger = picloud_salt.ledger(__opts__)
    builds, work = ledger.builds, picloud_workload.Work(__opts__)
    with _alone():
        seen, silent = work.looks()
        known = builds.all()
        ours = _built(common)
        asked = [seal.wanted(entry, image) for entry, image in ours.items()]
        pinned = {
            (ask["name"], ask["tag"], ask.get("build"))
            for kept in ledger.rollouts.in_use(WORKLOADS)
            for ask in kept["images"].values()
        }
        digests = {digest for one in seen.values() for digest in one.digests()}
        tasks = [*work.tasks(Overrides()), *work.tasks(work.said)]
        used = {common.workloads[one.name].image for one in tasks if one.site in silent}
        unsure = seal.unsure(ours, used, known) if silent else set()
        pinned |= seal.in_use(known, digests, unsure)
        gone = seal.surplus(known, [(ask["name"], ask["tag"]) for ask in asked], pinned)
        held.delete(seal.manifests(gone, known, held.listed))
        builds.forget(gone)
        freed = held.sweep()
    names = [f"{one.name}:{one.tag}@{one.digest}" for one in gone]
    lines = [f"deleted {name}" for name in names]
    if silent:
        lines += [f"{site} does not say what it runs: {why}" for site, why in silent.items()]
        lines.append(f"So all builds stay of: {' '.join(sorted(unsure)) or 'nothing'}")
    text = "\n".join([*lines, f"{freed / 2**20:.1f} MB freed"])
    done = {"deleted": names, "freed": freed, "silent": silent}
    return {"show": "message", "message": text, **done}


def _common():
    """The description but for its racks."""
    cloud, faults = picloud_salt.store(__opts__).cloud()
    if cloud is None:
        raise picloud_watch.NoAnswerError("\n".join(map(str, faults)))
    return cloud.common


def _built(common):
    """Entries of ``container_images`` for our registry, for the architectures of the nodes."""
    only = machine.architectures(__opts__)
    return {
        entry: image.model_copy(update={"archs": narrowed(image.archs, only)})
        for entry, image in common.container_images.items()
        if image.is_ours
    }


def _chosen(common, names):
    """The entries that were asked for, or all of them."""
    images = _built(common)
    if names is None:
        return images
    wanted = [one.strip() for one in str(names).split(",") if one.strip()]
    faults = [
        f"{one} comes from elsewhere: it has neither build nor copy_of in container_images."
        if one in common.container_images
        else find(one, images, "image that is built or copied here")
        for one in wanted
        if one not in images
    ]
    if faults:
        raise picloud_watch.NoAnswerError("\n".join(faults))
    return {one: images[one] for one in wanted}


def _cache(common):
    """The cache for Debian packages, if a site has one, as a master without DNS reaches it."""
    caches = (site.apt_cache for site in common.sites.values() if site.apt_cache)
    return recipe.by_address(next(caches, None), common.network.hosts)


@contextlib.contextmanager
def _alone():
    """Let one process at a time build or collect."""
    path = Path(LOCK)
    try:
        handle = path.open("w")
    except OSError as err:
        raise picloud_watch.NoAnswerError(f"{path} cannot be opened: {err.strerror}") from err
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise picloud_watch.NoAnswerError(
                "Another image.build or image.collect is at work; try again when it is done."
            ) from None
        yield


def _same(last, made):
    return last is not None and last.digest == made.digest


def _remark(entry, image, last, held):
    """What remains to be done for an image, in words."""
    again = f"salt-run image.build {entry}"
    files, faults = planning.read_files(entry, image)
    refused = seal.seal(seal.wanted(entry, image), last, "registry").refused
    if not held.ready:
        return "this master has no registry: salt-run image.registry"
    if refused or faults:
        return "; ".join(filter(None, [refused, *faults]))
    if recipe.described(image, files) != last.described:
        return f"described otherwise since: {again}"
    return "" if held.has(last.name, last.digest) else f"gone from the registry: {again}"


def _shown(build):
    """A build as data."""
    return {
        "name": build.name,
        "tag": build.tag,
        "digest": build.digest,
        "platforms": dict(build.platforms),
        "at": build.at,
    }


def _sizes(build):
    """What the smallest and the biggest architecture take to download."""
    sizes = sorted({f"{one['size'] / 2**20:.1f}" for one in build.platforms.values()}, key=float)
    return sizes[0] if len(sizes) == 1 else f"{sizes[0]}-{sizes[-1]}"
