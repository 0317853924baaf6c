"""
Which cards are surely gone: those whose connection to the master could be seen, and is not there.
"""

import random

import picloud_jobs

#: Most nodes looked up in one sweep: each costs the master the reading of its cached grains.
MOST = 1000


class Connections:
    """
    The connections that nodes hold to the master's publish port, as its own sockets show them.

    opts
        The master's options.

    A node is told by the addresses in its grains. Behind a translated address it cannot be told, so
    that no connection says nothing; nor does it after a restart of the master, when all of them
    have yet to come back. So a node can be gone only when it was seen before, by this same engine.
    """

    def __init__(self, opts):
        self._opts = opts
        self._seen = set()

    def learn(self, names):
        """
        Look which nodes can be seen.

        names
            Ids of nodes that should be there.
        """
        new = sorted(set(names) - self._seen)
        some = random.sample(new, min(len(new), MOST))
        if some:
            told = picloud_jobs.grains(self._opts, some)
            self._seen |= picloud_jobs.connected(self._opts, told) or set()

    def gone(self, name):
        """
        Tell whether a node that could be seen has no connection now.

        name
            Its id.
        """
        if name not in self._seen:
            return False
        told = picloud_jobs.grains(self._opts, [name])
        return bool(told) and picloud_jobs.connected(self._opts, told) == set()
