"""What tests of kept data share."""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.apart import Apart


def highstate(lab: Apart, node: str) -> dict:
    """Apply the highstate to a node; its states by id, failing with the comments of bad ones."""
    states = lab.salt(node, "state.highstate", "queue=True")
    assert isinstance(states, dict), states
    bad = {one["__id__"]: one["comment"] for one in states.values() if one["result"] is False}
    assert not bad, bad
    return {one["__id__"]: one for one in states.values()}


@contextmanager
def keeping(lab: Apart, node: str, *paths: str) -> Iterator[None]:
    """Have a node keep some paths for a while, as an admin would: by the description."""
    rack = lab.checkout / "pillar" / "cloud" / "racks" / "rack1.sls"
    before = rack.read_text("utf-8")
    after = before.replace(f"id: {node},", f"id: {node}, keep: [{', '.join(paths)}],")
    assert after != before
    rack.write_text(after, "utf-8")
    try:
        highstate(lab, node)
        yield
    finally:
        rack.write_text(before, "utf-8")
        highstate(lab, node)
