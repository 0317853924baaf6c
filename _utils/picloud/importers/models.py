"""
What other tools call the board models of the description.
"""

from __future__ import annotations

import functools
import re

from picloud import suggest

#: What is left of a model's name without maker, "Model", revision and RAM -> the key in `boards`.
#: Names: the firmware's model string (/proc/device-tree/model), NetBox's device-type library,
#: and the short forms that inventories use (rpi3, Pi 4B, 3B+).
NAMES = {
    "a": "pi1a",
    "1a": "pi1a",
    "a+": "pi1aplus",
    "1a+": "pi1aplus",
    "b": "pi1b",
    "1": "pi1b",
    "1b": "pi1b",
    "b+": "pi1bplus",
    "1b+": "pi1bplus",
    "2": "pi2b",
    "2b": "pi2b",
    "2b12": "pi2b12",
    "3": "pi3b",
    "3b": "pi3b",
    "3a+": "pi3aplus",
    "3b+": "pi3bplus",
    "4": "pi4b",
    "4b": "pi4b",
    "400": "pi400",
    "5": "pi5",
    "5b": "pi5",
    "zero": "zero",
    "zerow": "zerow",
    "zero2": "zero2w",
    "zero2w": "zero2w",
}
#: Every model that has a name here. A test holds it against pillar/cloud/boards.
MODELS = frozenset(NAMES.values())

#: A name that only says the generation: which of its models is meant is a guess.
GUESSES = {"1", "2", "3", "4"}

_RAM = re.compile(r"\b(\d{1,5})\s*-?\s*(gb|mb|gib|mib|g)\b")
_REVISION = re.compile(r"\brev(?:ision)?\.?\s*\d+(?:\.\d+)?")
_MAKER = re.compile(r"raspberry|raspi|rpi|pi(?=\d|\b)|model|\d-mod(?=\d)|mod(?=[ab])|[\s_().,/-]+")
_V12 = re.compile(r"\bv\s?1\.2\b")
_ZERO = re.compile(r"^z(?=$|w|2|13)")


def short(text: str) -> str:
    """
    Return what tells a model from others in the name somebody gave it.

    >>> short("Raspberry Pi 4 Model B Rev 1.4"), short("RPI3-MODBP-1GB"), short("rpi3")
    ('4b', '3b+', '3')
    """
    low = _REVISION.sub(" ", _RAM.sub(" ", text.lower().replace("plus", "+")))
    low = _V12.sub("12", low)
    low = re.sub(r"(?<=mod[ab])p\b", "+", low)
    low = _MAKER.sub("", low)
    return _ZERO.sub("zero", low).replace("zero13", "zero")


def find(text: str) -> str | None:
    """
    Return the key in ``boards`` that a model's name stands for, or None.

    >>> find("Raspberry Pi 3 Model B Plus Rev 1.3"), find("rpi4"), find("Rock 5B")
    ('pi3bplus', 'pi4b', None)
    """
    key = text.strip().lower()
    if key in MODELS:
        return key
    return NAMES.get(short(text))


def guessed(text: str) -> bool:
    """Tell whether a name says no more than the generation, so that the model is a guess."""
    return text.strip().lower() not in MODELS and short(text) in GUESSES


def ram_mb(text: str) -> int | None:
    """
    Return the RAM that a model's name states, in MB, or None.

    >>> ram_mb("Raspberry Pi 4 Model B 4GB"), ram_mb("rpi4")
    (4096, None)
    """
    found = _RAM.search(text.lower())
    if not found:
        return None
    size = int(found.group(1))
    return size if found.group(2).startswith("m") else size * 1024


@functools.cache
def remedy(text: str) -> str:
    """Say what to write instead of a model that is not known."""
    near = suggest.closest(text.lower(), MODELS) or NAMES.get(
        suggest.closest(short(text), NAMES) or ""
    )
    if near:
        return f'did you mean "{near}"?'
    return f"describe the board under boards, or use one of {', '.join(sorted(MODELS))}"
