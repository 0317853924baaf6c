"""
Look after what nodes keep at the master: their archives, and which of them stay.
"""

import logging
import time

import picloud_salt
import picloud_watch
import salt.client
from picloud import kept
from picloud.rejoin import pages
from picloud.status import ago
from picloud_keep import Repositories
from picloud_pages import page
from picloud_rejoin.keys import KeyStore

log = logging.getLogger(__name__)

#: A copy may take so many seconds before ``now`` stops to wait for it; the node goes on.
PATIENCE_S = 3600


@page
def status(node=None):
    """
    List what the master has of each node that keeps something, or did.

    node
        Only this node.

    Exit status 1 when archives that the master has seen are gone, or a repository cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-run keep.status
    """
    held, now = Repositories(__opts__), time.time()
    keeping, rows = _keeping(), {}
    for name in _chosen(node, {*keeping, *held.nodes()}):
        row = {"keeps": keeping.get(name, {}).get("paths", [])}
        if name in held.nodes():
            try:
                row |= _shown(held.look(name))
            except picloud_watch.NoAnswerError as err:
                row["error"] = str(err)
        rows[name] = row
    cells = [_cells(name, row, now) for name, row in rows.items()]
    heads = ("node", "last copy", "archives", "room", "keeps", "remark")
    count = f"{len(rows)} node{'' if len(rows) == 1 else 's'} with kept data"
    bad = any(row.get("gone") or row.get("error") for row in rows.values())
    return pages.table(heads, cells, count) | {"nodes": rows, "retcode": int(bad)}


@page
def prune(node=None):
    """
    Delete archives that need not stay by ``keep.archives`` of the description, and free their room.

    Where archives are gone that only the node can have deleted, nothing is freed: they can still be
    brought back (docs/keep.md). A node that keeps nothing any more keeps all its archives.

    node
        Only this node.

    CLI Example:

    .. code-block:: bash

        salt-run keep.prune
    """
    held, keeping = Repositories(__opts__), _keeping()
    lines, data, bad = [], {}, False
    for name in _chosen(node, held.nodes()):
        if name not in keeping:
            data[name] = []
            continue
        try:
            look, data[name] = held.prune(name, keeping[name]["archives"])
        except picloud_watch.NoAnswerError as err:
            bad = True
            log.error("Kept data: %s", err)
            lines.append(str(err))
            continue
        if look.gone:
            bad = True
            names = ", ".join(sorted(seen.name for seen in look.gone))
            text = f"{name} has deleted archives itself: {names}; nothing is freed (docs/keep.md)"
            log.error("Kept data: %s", text)
            lines.append(text)
        elif data[name]:
            lines.append(f"{name}: {len(data[name])} deleted, {len(look.known)} stay")
    text = "\n".join(lines) or "Every archive stays."
    return {"show": "message", "message": text, "deleted": data, "retcode": int(bad)}


@page
def now(node):
    """
    Have a node copy what it keeps now, and wait for it.

    node
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-run keep.now node=pi3
    """
    (name,) = _chosen(node, _keeping())
    if KeyStore(__opts__).accepted(name) is None:
        raise picloud_watch.NoAnswerError(f"{name} has no accepted key, so it cannot be asked")
    client = salt.client.get_local_client(mopts=__opts__)
    wanted = {"tgt_type": "list", "timeout": PATIENCE_S, "full_return": True}
    said = client.cmd([name], "pikeep.create", **wanted).get(name)
    if not said:
        raise picloud_watch.NoAnswerError(f"{name} does not answer")
    if said.get("retcode"):
        raise picloud_watch.NoAnswerError(f"{name}: {said['ret']}")
    return {
        "show": "message",
        "message": f"{name}: {said['ret']} is copied",
        "archive": said["ret"],
    }


@page
def accept(node):
    """
    Take it that a node has deleted archives, so that room is freed again. Without this they can be
    brought back (docs/keep.md); after it they cannot for long.

    node
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-run keep.accept node=pi3
    """
    held = Repositories(__opts__)
    (name,) = _chosen(node, held.nodes())
    gone = held.accept(name)
    text = f"{name}: {', '.join(gone)} given up" if gone else f"{name}: no archive is gone"
    return {"show": "message", "message": text, "gone": gone}


def _keeping():
    """Nodes that keep something, with the settings of their part ``keep``."""
    cloud, faults = picloud_salt.store(__opts__).cloud()
    if cloud is None:
        raise picloud_watch.NoAnswerError("\n".join(map(str, faults)))
    return {
        node.id: cloud.settings(node)[kept.PART]
        for node in cloud.nodes.values()
        if kept.PART in node.parts
    }


def _chosen(node, names):
    """All names, or the one that was asked for."""
    names = sorted(names)
    if node is None:
        return names
    return [node] if node in names else picloud_watch.refuse(node, names, "node with kept data")


def _shown(look):
    newest = look.newest
    return {
        "newest": newest.name if newest else None,
        "newest_at": newest.at if newest else None,
        "archives": len(look.known),
        "bytes": look.size,
        "gone": sorted(seen.name for seen in look.gone),
    }


def _cells(name, row, now):
    """The row of a node, in words."""
    remarks = [row["error"]] if "error" in row else []
    if row.get("gone"):
        remarks.append(f"the node has deleted {', '.join(row['gone'])}: see docs/keep.md")
    if not row["keeps"]:
        remarks.append("keeps nothing any more; its archives stay")
    elif "error" not in row and not row.get("archives"):
        remarks.append("nothing was copied yet")
    at = row.get("newest_at")
    return (
        name,
        ago(at, now) if at else "-",
        str(row.get("archives", 0)),
        f"{row.get('bytes', 0) / 2**20:.1f} MB",
        " ".join(row["keeps"]) or "-",
        "; ".join(remarks),
    )
