"""
What a manager says of its swarm: read without belief. Texts are on one line, short, and without
anything that could steer a terminal; what is not of the right shape is refused as a whole.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from picloud.rejoin.words import plain

#: States of tasks that take a node's room, or will.
ALIVE = (
    "assigned",
    "accepted",
    "preparing",
    "ready",
    "starting",
    "running",
)
#: States of tasks that no node has yet.
WAITING = ("new", "allocated", "pending")
#: What tasks are to become that nobody counts on: those of a node that is down still "run".
GIVEN_UP = ("shutdown", "remove")
#: States of tasks that ended badly.
FAILED = ("failed", "rejected", "orphaned")

#: Characters of a line of logs, and of the name of an image, at most.
LONGEST = 2000

Said = Annotated[str, BeforeValidator(plain)]
Number = Annotated[int, Field(ge=0, le=10**9)]


def _reference(value: object) -> str:
    return plain(value, LONGEST)


#: A name of an image: what it ends with is its digest, so it may be long.
Image = Annotated[str, BeforeValidator(_reference)]


class Answer(BaseModel):
    """Part of an answer; what is not known of it is passed over."""

    model_config = ConfigDict(frozen=True)


class Node(Answer):
    """
    A node of the swarm: its id there, its name, whether it is there, what it may run, and when the
    swarm last had something new of it, such as that it is back.
    """

    id: Said
    hostname: Said
    state: Said
    availability: Said
    at: Said = ""


class Service(Answer):
    """
    A service, its tasks counted, what differs from its description, its last change, and the image
    that it had before that, while Swarm could go back to it.
    """

    image: Image
    mode: Said
    wanted: Number
    running: Number
    complete: Number = 0
    outdated: Number = 0
    update: Said = ""
    message: Said = ""
    described: bool = True
    changes: dict[Said, tuple[Said, Said]] = Field(default_factory=dict, max_length=100)
    error: Said = ""
    at: Said = ""
    previous: Image = ""

    @property
    def taken_back(self) -> bool:
        """
        Whether Swarm itself took the last update back: it keeps nothing to go back to then. After
        a rollback by hand it does.
        """
        return self.update.startswith("rollback") and not self.previous


class Task(Answer):
    """A task: the one of a replica's slot that runs or waits, or one before it."""

    service: Said
    slot: Number = 0
    node: Said = ""
    state: Said
    desired: Said = ""
    at: Said = ""
    error: Said = ""

    @property
    def runs(self) -> bool:
        """Whether it runs, and is to: not on a node that is down."""
        return self.state == "running" and self.desired not in GIVEN_UP

    @property
    def seconds(self) -> float:
        """When it came into its state, in seconds since 1970; 0 where that is not said."""
        return seconds(self.at)


class Seen(Answer):
    """
    A swarm as one of its managers has it.

    nodes
        Its nodes.
    services
        Services by name: described ones, and those that were.
    missing
        Services that are described and are not there.
    refused
        Why services that are described are not applied now, by name.
    tasks
        Tasks of the services.
    members
        Names of the nodes that differ from their description.
    unchanged
        Whether what is described for it is what was last applied in full.
    """

    nodes: tuple[Node, ...] = Field(max_length=20_000)
    services: dict[Said, Service] = Field(max_length=5_000)
    missing: tuple[Said, ...] = Field(max_length=5_000)
    refused: dict[Said, Said] = Field(default_factory=dict, max_length=5_000)
    tasks: tuple[Task, ...] = Field(max_length=100_000)
    members: tuple[Said, ...] = Field(default=(), max_length=20_000)
    unchanged: bool = False

    def names(self) -> dict[str, str]:
        """Return the names of the nodes by id."""
        return {node.id: node.hostname for node in self.nodes}

    def ids(self, name: str) -> set[str]:
        """Return the ids that a node has, those of cards that it had before with it."""
        return {node.id for node in self.nodes if node.hostname == name}

    def digests(self) -> set[str]:
        """Return the digests of the images that services have, and that Swarm would go back to."""
        images = [one for each in self.services.values() for one in (each.image, each.previous)]
        return {digest for _, _, digest in (image.partition("@") for image in images) if digest}

    def node(self, name: str) -> Node | None:
        """Return a node by name, the entry that is not down where there are several."""
        found = [node for node in self.nodes if node.hostname == name]
        return next((node for node in found if node.state != "down"), found[-1] if found else None)


def _text(value: object) -> str:
    return plain(str(value).expandtabs(8), LONGEST)


class Line(Answer):
    """A line that a task said."""

    at: Said
    node: Said
    task: Said
    text: Annotated[str, BeforeValidator(_text)]


class Logs(Answer):
    """
    The last lines of a service.

    lines
        The lines, the oldest first.
    trouble
        What could not be read, in words.
    """

    lines: tuple[Line, ...] = Field(max_length=10_000)
    trouble: tuple[Said, ...] = Field(max_length=100)


Known = TypeVar("Known", Seen, Logs)


def read(answer: Any, kind: type[Known]) -> Known:
    """
    Return what a manager says.

    answer
        What ``swarmwork.look`` or ``swarmwork.logs`` returned there.
    kind
        ``Seen`` for the first, ``Logs`` for the second.

    Raises ValueError when it is nothing that these functions return.
    """
    try:
        return kind.model_validate(answer)
    except ValidationError as err:
        first = err.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "all of it"
        raise ValueError(f"{plain(where, 80)}: {plain(first['msg'], 120)}") from None


def seconds(text: str) -> float:
    """
    Return the seconds since 1970 of a time as Docker writes it; 0 for none.

    >>> seconds("1970-01-01T00:01:00.5Z"), seconds("yesterday")
    (60.5, 0.0)
    """
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
