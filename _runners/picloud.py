"""
The whole cloud at a glance: is the description sound, and is every node what it says?

All functions only read. They return data; on a terminal the ``picloud`` outputter makes a table or
a picture of it, ``--out=json`` prints the data itself. What cannot be answered comes back as a
message, with exit status 1 in a shell and as a failed state in an orchestration.
"""

import logging
from pathlib import Path

import picloud_overrides
import picloud_salt
import picloud_watch
from picloud import cloud as clouds
from picloud import importers, load, status, watch
from picloud.faults import DescriptionError
from picloud.ledger import StorageError
from picloud_pages import page

log = logging.getLogger(__name__)

__func_alias__ = {"import_": "import"}


@page
def validate(path=None):
    """
    Check a description and print every fault in it, one per line.

    path
        Folder of the description. Default: the one this master uses, from ``ext_pillar``.

    The exit status is 1 when there are faults; in an orchestration the state fails.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.validate
        salt-run picloud.validate path=/home/jane/picloud/pillar/cloud
    """
    root = Path(path) if path else picloud_salt.description(__opts__)
    if not root.is_dir():
        raise picloud_watch.NoAnswerError(
            f"There is no folder {root}; name the folder that holds cloud.sls."
        )
    try:
        cloud = clouds.build(load.read(root, picloud_salt.render(__opts__, root)))
    except DescriptionError as err:
        faults = [str(fault) for fault in err.faults]
        summary = f"{_count(len(faults), 'fault')} in {root}; mend them, then run this again."
        return {"show": "faults", "faults": faults, "summary": summary, "retcode": 1}
    summary = (
        f"{root} is sound: {_count(len(cloud.nodes), 'node')} in"
        f" {_count(len(cloud.racks), 'rack')} at {_count(len(cloud.common.sites), 'site')}."
    )
    notices = _unrolled(cloud) if root == picloud_salt.description(__opts__) else []
    return {"show": "faults", "faults": [], "summary": summary, "notices": notices}


@page
def import_(source, format):
    """
    Print a description made from what a lab already has.

    source
        The file to read.
    format
        ``rpiaas`` (its ``config.json``), ``ansible`` (an inventory in INI or YAML), ``netbox``
        (device types in YAML) or ``csv`` (with a header).

    The description goes to standard output, faults (what could not be mapped, with its place) to
    standard error; with faults the exit status is 1.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.import source=inventory.ini format=ansible > ~/mycloud/imported.sls
    """
    if format not in importers.FORMATS:
        picloud_watch.refuse(format, importers.FORMATS, "format")
    try:
        text = Path(source).read_text(encoding="utf-8-sig")
    except OSError as err:
        raise picloud_watch.NoAnswerError(f"Cannot read {source}: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise picloud_watch.NoAnswerError(
            f"Cannot read {source}: it is not UTF-8 text ({err})"
        ) from err
    made = importers.convert(text, source, format)
    faults = [str(fault) for fault in made.faults]
    for fault in faults:
        log.info("Import of %s: %s", source, fault)
    data = {"show": "yaml", "yaml": made.description_yaml, "faults": faults}
    return {**data, "retcode": 1} if faults else data


@page
def nodes(rack=None, state=None, ping=False):
    """
    List the nodes: declared against seen, their state and what is wrong, one line each.

    rack
        Only nodes of this rack.
    state
        Only nodes in this state: ``converged``, ``drifted``, ``rejoining``, ``silent`` or
        ``unknown``; several with commas.
    ping
        Ask every accepted node whether it is there, rather than to trust its connection.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.nodes
        salt-run picloud.nodes rack=rack1 state=drifted,silent
        salt-run picloud.nodes --out=json
    """
    wanted = _states(state)
    view = picloud_watch.Watch(__opts__, ping)
    declared = view.rack(rack).nodes.values() if rack else view.cloud.nodes.values()
    rows = view.rows(declared)
    shown = {name: row for name, row in rows.items() if not wanted or row["state"] in wanted}
    counts = status.counts(row["state"] for row in rows.values())
    if not rows:
        summary = "The description has no nodes yet; add them under racks.<rack>.nodes."
    else:
        summary = f"No node of {len(rows)} is {' or '.join(wanted)}."
    return view.answer({"show": "nodes", "nodes": shown, "counts": counts, "summary": summary})


@page
def node(name, ping=False):
    """
    Show one node: declared against seen, and every state of its last highstate that is not right.

    name
        The node's id.
    ping
        Ask the node whether it is there, rather than to trust its connection.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.node pi3
    """
    view = picloud_watch.Watch(__opts__, ping)
    declared = view.node(str(name))
    return view.answer({"show": "node", "node": view.rows([declared])[declared.id]})


@page
def rack(name="all", ping=False):
    """
    Draw a rack as it stands: its towers, hubs and switch, and an LED for each node.

    name
        The rack's name, or ``all``.
    ping
        Ask every accepted node whether it is there, rather than to trust its connection.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.rack rack1
        salt-run picloud.rack all
    """
    view = picloud_watch.Watch(__opts__, ping)
    racks = list(view.cloud.racks.values()) if name == "all" else [view.rack(name)]
    if not racks:
        raise picloud_watch.NoAnswerError(
            "The description has no racks yet; add one under pillar/cloud/racks."
        )
    rows = view.rows(node for rack in racks for node in rack.nodes.values())
    drawn = {rack.name: watch.rack(rack, view.cloud, rows) for rack in racks}
    counts = status.counts(row["state"] for row in rows.values())
    return view.answer({"show": "racks", "racks": drawn, "counts": counts})


@page
def status_(ping=False):
    """
    Show the state of the whole cloud: the description in force, its faults, keys, and nodes.

    ping
        Ask every accepted node whether it is there, rather than to trust its connections.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.status
    """
    view = picloud_watch.Watch(__opts__, ping)
    return view.answer(view.status())


__func_alias__["status_"] = "status"


def _states(text):
    """The states named in a filter, checked."""
    names = [name.strip() for name in str(text).split(",")] if text else []
    known = [str(state) for state in status.State]
    for name in names:
        if name not in known:
            picloud_watch.refuse(name, known, "state")
    return names


def _unrolled(cloud):
    """What of a description waits for a rollout; nothing while the ledger cannot be read."""
    try:
        ledger = picloud_salt.ledger(__opts__)
        return picloud_watch.unrolled(ledger, cloud) if picloud_overrides.exists(ledger) else []
    except StorageError as err:
        return [f"Nobody knows what waits for a rollout: {err}"]


def _count(number, noun):
    """A number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
