"""
What all runners of this project share: data for scripts, a page for people, one clear message for
what cannot be done.
"""

import functools
import inspect

from picloud import arguments
from picloud.faults import DescriptionError
from picloud.ledger import StorageError
from picloud_watch import INTERRUPTS, NoAnswerError
from salt.utils.args import clean_kwargs


def page(function):
    """
    Give what a runner returns to the ``picloud`` outputter; make a message of what stops it.

    function
        The function; it returns a mapping, or raises NoAnswerError, DescriptionError or
        StorageError. One without ``show`` is printed as Salt prints data. The exit status is its
        ``retcode``, 1 for a message, and so for arguments that it does not take. It may be
        interrupted at any time; where something stays of it, it says so with NoAnswerError.

    .. code-block:: python

        @page
        def nodes():
            return {"show": "nodes", "nodes": {}}
    """

    signature = inspect.signature(function)

    @functools.wraps(function)
    def answer(*args, **kwargs):
        # Salt puts __context__ and __opts__ into the module of the runner, not into this one.
        dunders = function.__globals__
        # Salt's scheduler adds what it knows of the job, as __pub_jid.
        kwargs = clean_kwargs(**kwargs)
        try:
            if said := arguments.faults(_name(function), signature, args, kwargs):
                raise NoAnswerError(said)
            data = function(*args, **kwargs)
        except (NoAnswerError, DescriptionError, StorageError) as err:
            data = {"show": "message", "message": str(err), "retcode": 1}
        except INTERRUPTS:
            # Salt would print a traceback of its own signal handler.
            said = f"{_name(function)} was interrupted before its end; run it again"
            data = {"show": "message", "message": said, "retcode": 1}
        dunders["__context__"]["retcode"] = data.get("retcode", 0)
        # A format asked for on the command line gets the data without the outputter's name in it.
        plain = dunders["__opts__"].get("output") or "show" not in data
        return data if plain else {**data, "outputter": "picloud"}

    # Salt looks through a wrapper at what the function takes, refuses the rest in words of its own,
    # and prints the whole help text for what is missing, with exit status 0.
    del answer.__wrapped__
    return answer


def _name(function):
    """What a runner's function is called by: ``card.list``, not ``list_``."""
    aliases = function.__globals__.get("__func_alias__", {})
    name = aliases.get(function.__name__, function.__name__)
    return f"{function.__module__.rpartition('.')[2]}.{name}"
