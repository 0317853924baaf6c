"""
Jobs for nodes: exact lists of ids, published without waiting.
"""

import logging

import salt.client
from salt.exceptions import SaltClientError

log = logging.getLogger(__name__)

#: Ids in one publication: 200 cost the master hardly more than one.
MOST = 200


class Jobs:
    """
    What the engine asks of nodes.

    opts
        The master's options.
    """

    def __init__(self, opts):
        self._opts = opts
        self._client = None

    def send(self, nodes, function, *arguments):
        """
        Publish a job for nodes whose keys are accepted; others would each cost a scan of all keys.

        nodes
            Their ids.
        function, arguments
            What to run; a list of functions, and a list of arguments for each.

        Returns the ids that it was published for.
        """
        sent = []
        for begin in range(0, len(nodes), MOST):
            some = list(nodes[begin : begin + MOST])
            try:
                if self._client is None:
                    self._client = salt.client.get_local_client(mopts=self._opts)
                self._client.pub(some, function, arguments, tgt_type="list", listen=False)
            except (SaltClientError, OSError) as err:
                # The limits of the steps bring it back.
                log.warning("Cannot send %s to %d nodes: %s", function, len(some), err)
                self._client = None
            else:
                sent += some
        return sent
