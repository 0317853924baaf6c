"""
What was said by hand of workloads and nodes, as the master's ledger has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import picloud_salt
from picloud.ledger import Ledger
from picloud.ledger.overrides import Drain, Scale
from picloud.rollout.guarded import WORKLOADS, rescaled
from picloud.workloads import overrides


def said(opts: Mapping[str, Any]) -> tuple[dict[str, Scale], dict[str, Drain]]:
    """
    Return the scales by workload and the drains by node.

    opts
        The master's options.

    Raises StorageError when the ledger cannot be read.
    """
    ledger = picloud_salt.ledger(dict(opts))
    if not exists(ledger):
        return {}, {}
    return ledger.overrides.scales(), ledger.overrides.drains()


def exists(ledger: Ledger) -> bool:
    """
    Return whether there is a ledger: to look makes none.

    ledger
        The ledger.
    """
    database = ledger.database
    return not database.sqlite or Path(database.url.database or "").exists()


def lay(opts: Mapping[str, Any], store: Any, view: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what of a manager's view is another because of what was said by hand.

    opts, store
        The master's options, and the store of its description.
    view
        The manager's view, with ``workloads``.

    ``workloads``, with other numbers of replicas, where there are any; and ``drained``, nodes of
    its site that are to be empty, where there are some.

    Raises StorageError when the ledger cannot be read.
    """
    scales, drains = said(opts)
    if not scales and not drains:
        return {}
    cloud, _faults = store.cloud()
    if cloud is None:
        return {}
    site, found = view["site"]["name"], {}
    if scales:
        work = overrides.told(cloud, {name: one.replicas for name, one in scales.items()})
        if site in work:
            told = json.loads(work[site])
            # Which builds images stand for was decided before.
            told["images"] |= view[WORKLOADS]["images"]
            waits = WORKLOADS in view.get("waiting", ())
            found["workloads"] = rescaled(view[WORKLOADS], told, scales) if waits else told
    nodes = map(cloud.node, drains)
    if drained := sorted(node.id for node in nodes if node is not None and node.site == site):
        found["drained"] = drained
    return found
