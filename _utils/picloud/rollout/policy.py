"""
Settings of rollouts: which parts change that way, who is first, and what is healthy enough.

The docstring under a field is its documentation: it goes into the JSON Schema and the reference.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picloud import formats as f
from picloud.parts import Model, Part
from picloud.policy import Seconds

#: What can be guarded: parts, and the workloads of the sites.
Guarded = Literal[Part, "workloads"]


class Rollout(Model):
    """How changed settings of parts reach nodes: canaries first, then rack by rack and site by
    site, and no further when nodes do not get well."""

    parts: f.Many[Guarded] = ()
    """Parts whose changed settings reach nodes by `salt-run rollout.start` only. A node keeps what
    it has until then, whatever is described. `workloads` are those of each site, site by site."""
    canaries: f.Many[f.Label] = ()
    """Nodes that are first; one of each model when left out."""
    at_once: f.Positive = 56
    """Most nodes in one wave; a rack or site with more is taken in several."""
    healthy_percent: Annotated[int, Field(ge=1, le=100)] = 90
    """Share of a wave's nodes that has to be healthy before the next wave begins. Of the canaries
    it is all."""
    soak_s: Annotated[int, Field(ge=0, le=604800)] = 300
    """Seconds that a converged wave is left to run before it is looked at once more."""
    tries: Annotated[int, Field(ge=1, le=100)] = 2
    """A node that failed so often counts as not healthy."""
    limit_s: Seconds = 7200
    """Most seconds in which a wave converges; who is not ready then counts as not healthy."""
    one_way: f.Many[Guarded] = ()
    """Parts that are never put back to what they were by themselves: nodes stay as they are then,
    and an admin looks at them."""
