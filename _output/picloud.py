"""
Print what the ``picloud`` runner returns: tables and rack pictures, in colour on a terminal.

The runner asks for this outputter by itself; ``--out=json`` and the like print the bare data
instead, ``--no-color`` and a pipe print the same page without colours.
"""

import shutil
import sys

from picloud import tables

__virtualname__ = "picloud"


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the page for what a runner function returned.

    data
        What the function returned; ``show`` names the page.

    CLI Example:

    .. code-block:: bash

        salt-run picloud.rack rack1
    """
    if not isinstance(data, dict) or "show" not in data:
        return str(data)
    if data["show"] == "yaml":
        for line in data["faults"]:
            print(line, file=sys.stderr)
        return data["yaml"]
    return tables.render(
        data,
        colour=bool(__opts__.get("color")),
        unicode=_unicode(),
        width=shutil.get_terminal_size().columns if sys.stdout.isatty() else 0,
    )


def _unicode():
    """Whether whoever reads standard output can read more than ASCII."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") in ("utf8", "utf16", "utf32")
