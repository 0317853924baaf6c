"""
Questions to nodes through Salt that come to an end: Salt itself waits for a node as long as that
says that it is still at it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import salt.client
from picloud_watch import NoAnswerError
from salt.exceptions import SaltException

log = logging.getLogger(__name__)

#: What Salt raises where nobody can be asked: no bus, no right to use it.
FAULTS = (SaltException, OSError)
#: Seconds between two looks at what came in.
LOOK_S = 0.05


def answers(
    client: salt.client.LocalClient,
    nodes: Collection[str],
    function: str,
    arguments: Sequence[Any],
    *,
    timeout: int,
    longest: int,
    kwarg: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, Any, bool]]:
    """
    Yield the node, what it returned, and whether that is a failure, as answers come in; none of a
    node that was not asked.

    client
        Salt's client.
    nodes, function, arguments, kwarg
        Who is asked, what, and with which arguments.
    timeout
        Seconds after which a node that said nothing is asked whether it is still at it.
    longest
        Seconds after which nodes that are still at it are waited for no more.

    NoAnswerError when the master does not let this user ask.

    .. code-block:: python

        for node, said, failed in answers(client, ["pi0"], "swarm.info", [], timeout=15, longest=60)
    """
    end = time.monotonic() + longest
    for part in client.cmd_iter_no_block(
        list(nodes), function, arguments, timeout=timeout, tgt_type="list", kwarg=dict(kwarg or {})
    ):
        if part == {}:
            log.warning("Salt sent %s to none of %s", function, ", ".join(nodes))
        if _is_refused(part):
            why = str(part["error"].get("message")).rstrip(".")
            raise NoAnswerError(
                f"Cannot ask {function} of {', '.join(nodes)}: {why}. Run this as the user of the"
                " master, or as one in its publisher_acl"
            )
        for node, said in (part or {}).items():
            if node in nodes and isinstance(said, dict) and "ret" in said:
                yield node, said["ret"], bool(said.get("retcode"))
        if time.monotonic() > end:
            return
        if not part:
            time.sleep(LOOK_S)


def _is_refused(part: Any) -> bool:
    """Whether this is Salt's word that nobody is asked, and no answer of a node of that name."""
    error = part.get("error") if isinstance(part, dict) else None
    return isinstance(error, dict) and "name" in error and "ret" not in error


def asked(
    opts: Mapping[str, Any],
    nodes: Collection[str],
    function: str,
    arguments: Sequence[Any] = (),
    *,
    timeout: int,
    longest: int,
    kwarg: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, Any, bool]]:
    """
    Ask with a client of one's own; see :func:`answers`. Nobody is asked when there is no node.

    opts
        The master's options.

    NoAnswerError when the master's bus is not there, or does not let this user ask.
    """
    if not nodes:
        return
    try:
        with salt.client.get_local_client(mopts=opts) as client:
            yield from answers(
                client, nodes, function, arguments, timeout=timeout, longest=longest, kwarg=kwarg
            )
    except FAULTS as err:
        raise NoAnswerError(f"Cannot ask the nodes: {err}; is salt-master running?") from err
