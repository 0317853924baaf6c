"""
Settings of the parts: what ``base``, ``boot``, ``docker``, ``salt_minion``, ``keep`` and ``swarm``
may say.

The docstring under a field is its documentation: it goes into the JSON Schema and the reference.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from picloud import formats as f

Arch = Literal["amd64", "arm64", "armel", "armhf"]
Part = Literal["base", "boot", "docker", "salt_minion", "swarm"]
PARTS: tuple[str, ...] = ("base", "boot", "docker", "salt_minion", "keep", "swarm")

Scalar = bool | int | float | str


class Model(BaseModel):
    """The manner of every model: strict types, no unknown keys, no changes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Admin(Model):
    """A person who may log in on every node."""

    keys: f.Many[f.SshKey] = Field(min_length=1)
    """SSH public keys, one line each as in a `.pub` file."""
    sudo: bool = True
    """Whether the person may become root without a password."""
    comment: f.Line = ""
    """The full name, for the user database."""


class Journal(Model):
    """The system journal; it stays in memory, because cards wear out."""

    ram_mb: Annotated[int, Field(ge=1, le=1024)] = 16
    """Most memory that the journal takes, in MB."""
    forward_to_syslog: bool = False
    """Whether entries also go to a syslog daemon, if one is installed."""


class Log(Model):
    """Log files; small and few, because cards are."""

    max_mb: Annotated[int, Field(ge=1, le=1024)] = 1
    """Size in MB at which a log file is rotated."""
    keep: Annotated[int, Field(ge=0, le=100)] = 2
    """How many old files of Salt's own logs are kept."""


class Ssh(Model):
    """The SSH server."""

    shared_host_keys: f.Many[f.Word] = ()
    """Fingerprints (`SHA256:...`) of host keys that several nodes have: they are replaced."""


class Base(Model):
    """Part `base`: the operating system of a node."""

    admins: dict[f.User, Admin] = Field(default_factory=dict)
    """Who may log in, by user name."""
    swap_mb: f.Count = 0
    """Size of the swap file in MB; 0 for none."""
    journal: Journal = Journal()
    """The system journal."""
    log: Log = Log()
    """Log files."""
    ssh: Ssh = Ssh()
    """The SSH server."""
    packages: f.Many[f.Package] = ()
    """Packages to install beside those of the image."""


class Boot(Model):
    """Part `boot`: what the firmware and the kernel are told at boot."""

    directory: f.AbsolutePath = "/boot/firmware"
    """Where the boot partition is mounted."""
    gpu_mem: Annotated[int, Field(ge=16, le=944)] = 16
    """Memory for the graphics processor in MB; 16 is the least that boots."""
    cgroup_memory: bool = True
    """Whether the kernel counts memory per control group; Docker's memory limits need it."""
    overclock: dict[f.Option, int] = Field(default_factory=dict)
    """Clock options, such as `arm_freq: 900`; within the board's `max_overclock`."""
    config: dict[f.Option, Scalar] = Field(default_factory=dict)
    """Any other option of `config.txt`."""
    cmdline: f.Many[f.Word] = ()
    """Words added to the kernel's command line."""


class BlockedVersion(Model):
    """Versions of Docker that must not be installed."""

    version: f.Version
    """The version; `*` stands for any text."""
    archs: f.Many[Arch] = Field(min_length=1)
    """Architectures on which it is blocked."""
    reason: f.Line
    """Why: users read it."""
    use: f.Line
    """What to use instead."""


class DockerImage(Model):
    """A container image that nodes keep."""

    name: f.ImageName
    """Its name, without a tag."""
    tag: f.Tag
    """Its tag."""
    archive: f.FileName | None = None
    """File `salt://docker/images/<archive>-<architecture>.tar` that it is loaded from; without it
    the image is pulled from its registry or a mirror of `daemon`."""


class Docker(Model):
    """Part `docker`: Docker Engine, pinned and held."""

    package: f.Package = "docker.io"
    """The package that brings the Engine."""
    version: f.Version
    """The version to install and hold, as `apt-cache policy` shows it; `*` stands for any text."""
    blocked: f.Many[BlockedVersion] = ()
    """Versions that are refused, with the reason."""
    daemon: dict[f.Word, Any] = Field(default_factory=dict)
    """The content of `daemon.json`."""
    images: f.Many[DockerImage] = ()
    """Images kept on the node."""


class SaltMinion(Model):
    """Part `salt_minion`: Salt on the node itself."""

    version: f.SaltVersion
    """The version to install and hold."""
    config: dict[f.Word, Any] = Field(default_factory=dict)
    """Options of the minion's configuration."""


class Archives(Model):
    """Which archives of a node stay at the master: the newest of each of so many periods."""

    hours: f.Count = 24
    """Hours of which the newest archive stays."""
    days: f.Count = 7
    """Days of which the newest archive stays."""
    weeks: f.Count = 4
    """Weeks of which the newest archive stays."""
    months: f.Count = 6
    """Months of which the newest archive stays."""


class Keep(Model):
    """Part `keep`: data of a node, copied to the master and given back to a new card. A node has
    the part when it, or a role of it, names paths to keep."""

    every_min: Annotated[int, Field(ge=5, le=10080)] = 60
    """Minutes from one copy to the next."""
    quota_mb: f.Positive = 4096
    """Room that the archives of one node may take at the master, in MB."""
    archives: Archives = Archives()
    """Which archives stay; the newest one always does."""


class Swarm(Model):
    """Part `swarm`: the node in the Docker swarm of its site. One with the role `swarm-manager`
    manages it."""

    default_addr_pool: f.Many[f.Subnet] = ()
    """Ranges that overlay networks get their subnets from; Docker's own when empty. Fixed once the
    swarm has begun, like the next two."""
    subnet_size: Annotated[int, Field(ge=8, le=29)] | None = None
    """Length of the prefix of those subnets."""
    data_path_port: Annotated[int, Field(ge=1024, le=49151)] | None = None
    """UDP port of the traffic between containers; 4789 when left out."""
    task_history_limit: Annotated[int, Field(ge=1, le=100)] = 2
    """How many ended tasks of each replica are remembered."""
    heartbeat_s: Annotated[int, Field(ge=1, le=60)] = 5
    """Seconds between two signs of life of a node; one that misses three is down."""


class Overrides(Model):
    """Parts of the global sections, laid over them: boards, then sites, racks, nodes."""

    base: dict[str, Any] | None = None
    """Keys of `base` that differ here."""
    boot: dict[str, Any] | None = None
    """Keys of `boot` that differ here."""
    docker: dict[str, Any] | None = None
    """Keys of `docker` that differ here."""
    salt_minion: dict[str, Any] | None = None
    """Keys of `salt_minion` that differ here."""
    keep: dict[str, Any] | None = None
    """Keys of `keep` that differ here."""
    swarm: dict[str, Any] | None = None
    """Keys of `swarm` that differ here."""
