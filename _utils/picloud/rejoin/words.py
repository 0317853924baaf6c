"""
Text that others wrote, made fit for one line of a log, a table or an event.
"""

from __future__ import annotations

#: What takes the place of the end of a text that is too long.
CUT = "..."
#: Characters that the reason an admin gives may have.
REASON = 500


def plain(text: object, most: int = 300) -> str:
    r"""
    Return a text on one line, without anything that could steer a terminal, and not too long.

    text
        What somebody else said; no text is turned into one.
    most
        Characters it may have at most, once what cannot be printed is written as in source code.

    >>> plain("pi3\n\x1b[2J is fine")
    'pi3\\n\\x1b[2J is fine'
    >>> plain("a" * 400, 8)
    'aaaaa...'
    """
    said = str(text)
    # Cut first: what comes from a node may be megabytes. Nothing gets shorter below.
    clean = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in said[: most + 1]
    )
    return clean if len(clean) <= most else clean[: most - len(CUT)] + CUT
