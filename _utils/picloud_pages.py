"""
What all runners of this project share: data for scripts, a page for people, one clear message for
what cannot be done.
"""

import functools

from picloud.faults import DescriptionError
from picloud.ledger import StorageError
from picloud_watch import NoAnswerError


def page(function):
    """
    Give what a runner returns to the ``picloud`` outputter; make a message of what stops it.

    function
        The function; it returns a mapping with ``show``, or raises NoAnswerError,
        DescriptionError or StorageError. The exit status is its ``retcode``, 1 for a message.

    .. code-block:: python

        @page
        def nodes():
            return {"show": "nodes", "nodes": {}}
    """

    @functools.wraps(function)
    def answer(*args, **kwargs):
        # Salt puts __context__ and __opts__ into the module of the runner, not into this one.
        dunders = function.__globals__
        try:
            data = function(*args, **kwargs)
        except (NoAnswerError, DescriptionError, StorageError) as err:
            data = {"show": "message", "message": str(err), "retcode": 1}
        dunders["__context__"]["retcode"] = data.get("retcode", 0)
        # A format asked for on the command line gets the data without the outputter's name in it.
        return data if dunders["__opts__"].get("output") else {**data, "outputter": "picloud"}

    return answer
