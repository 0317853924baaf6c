"""
Which cards are surely gone: those whose connection to the master could be seen, and is not there.
"""

import picloud_jobs

#: Most nodes looked up at once: each costs the master the reading of its cached grains.
MOST = 1000
#: Seconds between two looks at the sockets.
PACE_S = 5.0


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
        self._seen, self._expected = set(), set()
        self._looked = 0.0

    def expect(self, names):
        """
        Take in who should be there.

        names
            Ids of nodes.
        """
        self._expected.update(set(names) - self._seen)

    def look(self, now):
        """
        Look which of those that should be there can be seen; the others are left out.

        now
            The time, in seconds since 1970.
        """
        if not self._expected or 0 <= now - self._looked < PACE_S:
            return
        self._looked = now
        some = [self._expected.pop() for _ in range(min(len(self._expected), MOST))]
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
