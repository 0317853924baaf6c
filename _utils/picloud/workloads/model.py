"""
What a workload may say: a container image that runs on a site's Docker swarm.

The words are those of Docker's services; amounts carry their unit in the name, as everywhere in a
description. The docstring under a field is its documentation: it goes into the JSON Schema and the
reference.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picloud import formats as f
from picloud.parts import Arch, Model

#: Swarm counts cores by the thousandth, and Docker starts no container with less than 6 MB.
Cpus = Annotated[float, Field(ge=0.001, le=64)]
Memory = Annotated[int, Field(strict=True, ge=6, le=10**6)]
Megabytes = Annotated[int, Field(strict=True, ge=1, le=10**6)]
Seconds = Annotated[float, Field(ge=0, le=86400)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class Resources(Model):
    """What each replica is given: the plan and Swarm put it on no node that has less to spare."""

    cpus: Cpus = 0.1
    """Cores."""
    memory_mb: Memory = 32
    """Memory in MB; a replica that takes more is stopped, unless `limits.memory_mb` says more."""
    mbps: f.Count = 0
    """Share of the node's network in Mb/s."""
    uplink_mbps: f.Count = 0
    """Share of the site's uplink in Mb/s, of which all replicas at the site take theirs."""


class ResourceLimits(Model):
    """What a replica can take at most."""

    cpus: Cpus | None = None
    """Cores; no limit when left out."""
    memory_mb: Memory | None = None
    """Memory in MB, `resources.memory_mb` when left out."""
    pids: f.Positive | None = None
    """Processes and threads; no limit when left out."""


class Placement(Model):
    """Where replicas may run. What is left out does not matter."""

    models: f.Many[f.Name] = ()
    """Models of `boards` that it runs on."""
    archs: f.Many[Arch] = ()
    """Architectures that it runs on, of those that its image is made for."""
    racks: f.Many[f.Name] = ()
    """Racks that it runs in."""
    sites: f.Many[f.Name] = ()
    """Sites that it runs at."""
    spread: Literal["rack", "site"] = "rack"
    """What gets the same share of the replicas: each rack, or each site and its racks then."""
    max_per_node: f.Positive | None = None
    """Most replicas on one node."""
    anti_affinity: f.Many[f.ServiceName] = ()
    """Workloads with which it never shares a node."""
    rebalance_s: Annotated[int, Field(ge=0, le=10**6)] = 600
    """When a node is back and others run its share, all replicas are dealt out anew, which replaces
    each: once in so many seconds at most. 0 for never."""


class Port(Model):
    """A port of the container that can be reached from outside."""

    published: PortNumber
    """The port outside."""
    target: PortNumber | None = None
    """The port in the container, the same when left out."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """TCP or UDP."""
    mode: Literal["host", "ingress"] = "host"
    """`host`: on the nodes that run a replica; `ingress`: on every node of the swarm, which needs
    a kernel with IPVS."""


class Mount(Model):
    """A folder in the container that is not the image's."""

    target: f.AbsolutePath
    """The folder in the container, not `/` itself."""
    type: Literal["volume", "bind", "tmpfs"] = "volume"
    """`volume`: Docker keeps it on the node; `bind`: a folder of the node; `tmpfs`: in memory."""
    source: f.Word | None = None
    """Name of the volume, or path of the node's folder."""
    read_only: bool = False
    """Whether the container cannot write there."""
    size_mb: Megabytes | None = None
    """Most that a tmpfs takes, in MB."""


class Healthcheck(Model):
    """How Docker sees that a replica works: one that does not is replaced."""

    test: Annotated[f.Many[f.Text], Field(min_length=1)]
    """The command itself, word by word, as in `[sh, -c, "wget -q localhost"]`; it ends with 0 when
    all is well."""
    interval_s: Seconds = 30
    """Seconds between two checks."""
    timeout_s: Seconds = 30
    """Seconds after which a check counts as failed; a slow board needs many."""
    start_s: Seconds = 60
    """Seconds after the start in which failures do not count."""
    retries: f.Positive = 3
    """Failures in a row that make a replica unhealthy."""


class Rollback(Model):
    """How replicas are put back to what ran before."""

    parallelism: f.Count = 1
    """How many at the same time; 0 for all."""
    delay_s: Seconds = 0
    """Seconds between two groups."""
    failure_action: Literal["pause", "continue"] = "pause"
    """What happens when that fails as well."""
    monitor_s: Seconds = 5
    """Seconds for which each replica is watched."""
    max_failure_ratio: Annotated[float, Field(ge=0, le=1)] = 0
    """Share of replicas that may fail, 0 to 1."""
    order: Literal["stop-first", "start-first"] = "stop-first"
    """`start-first` needs room for both on the nodes."""


class Update(Model):
    """How replicas are replaced when the workload changes."""

    parallelism: f.Count = 1
    """How many at the same time; 0 for all."""
    delay_s: Seconds = 0
    """Seconds between two groups."""
    failure_action: Literal["rollback", "pause", "continue"] = "rollback"
    """What happens when replicas fail: back to what ran before, stop, or go on."""
    monitor_s: Seconds = 15
    """Seconds for which each replica is watched."""
    max_failure_ratio: Annotated[float, Field(ge=0, le=1)] = 0
    """Share of replicas that may fail, 0 to 1."""
    order: Literal["stop-first", "start-first"] = "stop-first"
    """`start-first` needs room for both on the nodes."""


class Restart(Model):
    """What Swarm does with a replica that ends."""

    condition: Literal["any", "on-failure", "none"] = "any"
    """When it is started again; for a job `any` means `on-failure`."""
    delay_s: Seconds = 5
    """Seconds before it is."""
    max_attempts: f.Count = 0
    """How often; 0 for ever."""


class SecretFile(Model):
    """A secret that the container finds as a file."""

    source: f.ServiceName
    """One of `secrets`."""
    target: f.Word | None = None
    """Path of the file, or its name in `/run/secrets`; that of the secret when left out."""
    uid: f.Count = 0
    """Number of its owner."""
    gid: f.Count = 0
    """Number of its group."""
    mode: f.FileMode = "0444"
    """Its permissions, in quotes."""


class ConfigFile(Model):
    """A small file that the container finds, and that is no secret."""

    target: f.AbsolutePath
    """Path of the file."""
    contents: f.Contents
    """What it holds, less than 500 kB."""
    uid: f.Count = 0
    """Number of its owner."""
    gid: f.Count = 0
    """Number of its group."""
    mode: f.FileMode = "0444"
    """Its permissions, in quotes."""


class Workload(Model):
    """A containerised service, on the swarm of each site that it may run at."""

    image: f.Entry
    """One of `container_images`."""
    command: f.Many[f.Text] = ()
    """What runs instead of the image's entrypoint, word by word."""
    args: f.Many[f.Text] = ()
    """What the entrypoint is told, word by word."""
    env: dict[f.Variable, f.Text] = Field(default_factory=dict)
    """Environment variables."""
    user: f.Word | None = None
    """Who it runs as, `1000:1000`."""
    workdir: f.AbsolutePath | None = None
    """Folder that it starts in."""
    read_only: bool = False
    """Whether it cannot write but in its mounts."""
    init: bool = True
    """Whether a small init is its process 1, which hands signals on and buries zombies."""
    cap_add: f.Many[f.Word] = ()
    """Linux capabilities that it has beside Docker's usual ones, such as `NET_ADMIN`, or `ALL`."""
    cap_drop: f.Many[f.Word] = ()
    """Linux capabilities that it has not, or `ALL`."""
    stop_grace_s: Seconds = 10
    """Seconds from being asked to stop to being killed."""
    mode: Literal["replicated", "global", "job"] = "replicated"
    """`replicated`: so many replicas; `global`: one on every node that it may run on; `job`: so
    many runs that come to an end."""
    replicas: f.Count | None = None
    """How many replicas or runs, over all sites; 1 when left out."""
    max_concurrent: f.Positive | None = None
    """How many runs of a job at the same time; all when left out."""
    resources: Resources = Resources()
    """What each replica is given."""
    limits: ResourceLimits = ResourceLimits()
    """What a replica can take at most."""
    placement: Placement = Placement()
    """Where replicas may run."""
    publish: f.Many[Port] = ()
    """Ports that can be reached from outside."""
    mounts: f.Many[Mount] = ()
    """Folders that are not the image's."""
    healthcheck: Healthcheck | None = None
    """How Docker sees that a replica works; that of the image when left out."""
    update: Update = Update()
    """How replicas are replaced when the workload changes."""
    rollback: Rollback = Rollback()
    """How replicas are put back to what ran before."""
    restart: Restart = Restart()
    """What Swarm does with a replica that ends."""
    secrets: f.Many[SecretFile] = ()
    """Secrets that it finds as files."""
    configs: dict[f.ServiceName, ConfigFile] = Field(default_factory=dict)
    """Small files that it finds."""
    networks: f.Many[f.ServiceName] = ()
    """Overlay networks that it is in, each one of `overlays`; workloads in the same one reach each
    other by name."""


class Overlay(Model):
    """A network between containers of one site, on whatever nodes they are."""

    encrypted: bool = False
    """Whether what goes over the cables is encrypted; a small board is slow at that."""
    attachable: bool = False
    """Whether containers beside the swarm's may join it."""
    internal: bool = False
    """Whether it has no way out."""
    subnet: f.Subnet | None = None
    """Its IPv4 subnet, from /8 to /29, which no site and no other overlay uses; chosen by Docker
    when left out."""


class Secret(Model):
    """What only the containers that name it may read. Stands in a folder named `secrets`."""

    contents: f.Contents
    """What the file holds, less than 500 kB."""
