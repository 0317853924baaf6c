"""
The managers of the sites' swarms, asked through Salt: any one that answers will do.

What comes back is whatever a node sends: callers check it before they use it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import picloud_ask
from picloud.rejoin.words import plain
from picloud.workloads.fleet import MANAGER, Swarm
from picloud_rejoin.keys import KeyStore
from picloud_watch import NoAnswerError

#: Seconds for a manager to answer a question, and to say that it is one.
ASK_S, INFO_S = 30, 15
#: How many times as long one may take that says that it is still at it.
LONGEST = 4


class Managers:
    """
    The managers of all sites.

    opts
        The master's options.
    swarms
        The swarms by site, as described.
    clusters
        Ids of the swarms that sites are known to have, by site; no other one is asked there.

    .. code-block:: python

        Managers(__opts__, swarms, {}).ask("glasgow", "swarmwork.look")
    """

    def __init__(
        self, opts: Mapping[str, Any], swarms: Mapping[str, Swarm], clusters: Mapping[str, str]
    ) -> None:
        self._opts, self._swarms, self._clusters = opts, swarms, clusters
        self._keys = KeyStore(opts)
        self._via: dict[str, str] = {}

    def via(self, site: str) -> str:
        """
        Return a manager of a site's swarm that answers; NoAnswerError when there is none.

        site
            The site.
        """
        if site not in self._via:
            self._via[site] = self._found(site)
        return self._via[site]

    def _found(self, site: str) -> str:
        if site not in self._swarms:
            raise NoAnswerError(
                f"{site} has no swarm: no node with Docker there has the role {MANAGER}; give it"
                " to one, three or five nodes"
            )
        named = list(self._swarms[site].managers)
        asked = [name for name in named if self._keys.accepted(name) is not None]
        silent, inactive = dict.fromkeys(asked), []
        for name, said, failed in picloud_ask.asked(
            self._opts, asked, "swarm.info", timeout=INFO_S, longest=LONGEST * INFO_S
        ):
            if name not in silent:
                continue
            del silent[name]
            facts = said if isinstance(said, dict) and not failed else {}
            cluster = facts.get("cluster")
            if facts.get("state") == "active" and facts.get("role") == "manager":
                if self._clusters.get(site) in (None, cluster):
                    return name
                inactive.append(f"{name} is in another swarm")
            elif not facts:
                inactive.append(f"{name}: {plain(said)}")
            else:
                inactive.append(f"{name} manages none: {plain(facts.get('state'), 20)}")
        if inactive and not silent:
            raise NoAnswerError(
                f"There is no swarm at {site} yet ({'; '.join(inactive)}). A highstate of its"
                f" managers makes it: salt -L {','.join(asked)} state.highstate"
            )
        unknown = [f"{name} has no accepted key" for name in named if name not in asked]
        no_answer = [f"{name} does not answer" for name in silent]
        raise NoAnswerError(
            f"No manager of the swarm of {site} can be reached:"
            f" {'; '.join([*no_answer, *unknown, *inactive])}. What runs goes on running."
        )

    def ask(
        self, site: str, function: str, *arguments: Any, seconds: int = ASK_S, **named: Any
    ) -> Any:
        """
        Run a function on a manager of a site, and return what it returned.

        site, function, arguments, named
            Where, what, and its arguments.
        seconds
            How long it may take; a manager that says that it is still at it, four times as long.

        NoAnswerError when there is no manager, or when it fails there, in its words.
        """
        name = self.via(site)
        began = time.monotonic()
        for _name, said, failed in picloud_ask.asked(
            self._opts,
            [name],
            function,
            arguments,
            timeout=seconds,
            longest=LONGEST * seconds,
            kwarg=named,
        ):
            if failed:
                raise NoAnswerError(f"{name}: {_words(said, function, name)}")
            return said
        self._via.pop(site, None)
        waited = math.ceil(time.monotonic() - began)
        raise NoAnswerError(f"{name} did not say within {waited} s what came of {function}")


def _words(said: Any, function: str, name: str) -> str:
    """What a manager said of a failure, on one line."""
    text = str(said).strip()
    if "is not available" in text:
        return f"has no {function} yet; bring it the modules: salt {name} saltutil.sync_all"
    last = text.splitlines()[-1] if text else "no word"
    return plain(last.removeprefix("ERROR: "), 1500)
