"""
Settings of rejoin: who gets in by itself, how many at once, how long a step may take.

The docstring under a field is its documentation: it goes into the JSON Schema and the reference.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picloud import formats as f
from picloud.parts import Model

Seconds = Annotated[int, Field(ge=1, le=86400)]


class AtOnce(Model):
    """How many nodes may be converged at the same time."""

    rack: f.Positive = 14
    """In one rack."""
    hub: f.Positive = 7
    """On one hub: boards draw most while they boot and install."""
    site: f.Positive = 56
    """At one site: they share its uplink and its master."""


class Limits(Model):
    """How long a step may take, in seconds."""

    alive: Seconds = 4
    """A card that has its place taken has so long to say that it is still there; none when the
    master sees that its connection is gone."""
    start: Seconds = 600
    """From being let in to the first word of salt-minion."""
    evidence: Seconds = 120
    """Saying which board and card it is; then it is asked again, `tries` times in all. A Pi 1 takes
    a minute to get its modules on its first day."""
    converge: Seconds = 3600
    """The highstate and its verification; the first one of a Pi 1 takes most of an hour."""


class Rejoin(Model):
    """What the master does by itself when a node comes back."""

    admit: Literal["issued", "nobody"] = "issued"
    """`issued`: cards that were prepared here get in by themselves, once; `nobody`: an admin adopts
    each."""
    boards: Literal["learn", "confirm"] = "learn"
    """`learn`: another board in a node's slot is taken as the node's; `confirm`: an admin adopts
    it."""
    at_once: AtOnce = AtOnce()
    """How many nodes at the same time."""
    limits_s: Limits = Limits()
    """How long a step may take, in seconds."""
    tries: Annotated[int, Field(ge=1, le=100)] = 3
    """After so many failures a node is set aside."""
    backoff_s: Seconds = 20
    """Seconds before the second try; doubled for each further one."""
    backoff_max_s: Seconds = 600
    """Most seconds between two tries."""
    gather_s: Annotated[int, Field(ge=0, le=60)] = 1
    """Seconds in which a second board with the same key may answer too."""
    sweep_s: Seconds = 60
    """Seconds between two looks for what was missed."""
    disk_free_mb: Annotated[int, Field(ge=0)] = 64
    """Space that a verified node has left on its card, in MB."""
    clock_s: Annotated[int, Field(ge=1)] = 30
    """Most seconds by which the clock of a verified node is wrong."""
