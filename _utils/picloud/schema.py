"""
What a description may hold: the one place that names its sections, keys and types.

The docstring under a field is its documentation: it goes into the JSON Schema and the reference.
Models are frozen and refuse unknown keys; what one entry cannot know about the others is checked in
``checks``. Settings of the parts are in ``parts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from picloud import formats as f
from picloud.parts import (
    PARTS,
    Arch,
    Base,
    Boot,
    Docker,
    Keep,
    Model,
    Overrides,
    Part,
    SaltMinion,
    Swarm,
)
from picloud.policy import Rejoin
from picloud.rollout.policy import Rollout
from picloud.workloads.images import ContainerImage
from picloud.workloads.model import Overlay, Secret, Workload

__all__ = ["PARTS", "Base", "Boot", "Docker", "Keep", "Model", "Overrides", "SaltMinion", "Swarm"]

#: Sections of later versions: their names are kept free.
RESERVED = ("courses",)


class Named(Model):
    """The names of the whole cloud."""

    name: f.Label
    """The name of the cloud."""
    domain: f.Host
    """The domain of its nodes: a node's full name is `<id>.<domain>`."""
    timezone: f.Timezone = "Etc/UTC"
    """The time zone, as in `/usr/share/zoneinfo`."""
    locale: f.Locale = "C.UTF-8"
    """The locale of every node."""


class Site(Model):
    """A place with one uplink and one master."""

    master: f.Host
    """Full name of the master, one of `network.hosts` or a node of the cloud."""
    subnet: f.Subnet
    """The site's IPv4 subnet; subnets of sites do not overlap."""
    ipv6: f.Ipv6Subnet | None = None
    """The site's IPv6 prefix."""
    gateway: f.Address | None = None
    """Address of the router, in the subnet."""
    uplink_mbps: f.Positive | None = None
    """Speed of the uplink in Mb/s."""
    apt_cache: f.Url | None = None
    """A cache for Debian packages at the site; leave it out where there is none."""
    overrides: Overrides = Overrides()
    """Settings that differ at this site."""


class Network(Model):
    """Names and time for every node."""

    nameservers: f.Many[f.AnyAddress] = ()
    """DNS servers, in the order in which they are asked."""
    search: f.Many[f.Host] = ()
    """Domains searched for short names; the cloud's own domain when left out."""
    ntp: f.Many[f.Host] = ()
    """Time servers."""
    hosts: dict[f.Host, f.AnyAddress] = Field(default_factory=dict)
    """Full names that every node knows without DNS, with their addresses."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


_Sizes = Annotated[f.Many[f.Positive], Field(min_length=1)]


class Board(Model):
    """A model of Raspberry Pi."""

    name: f.Line
    """The name on the box."""
    soc: f.Word
    """The chip: BCM2835."""
    arch: Arch
    """Debian's architecture that runs on it."""
    ram_mb: Annotated[_Sizes, BeforeValidator(_listed, json_schema_input_type=f.Positive | _Sizes)]
    """The sizes of memory it was sold with, in MB; the least counts for a node that names none."""
    cpus: f.Positive
    """Number of cores."""
    ghz: Annotated[float, Field(gt=0, le=10)]
    """Clock of the cores in GHz."""
    nic_mbps: f.Count
    """Speed of its wired network in Mb/s; 0 when it has none."""
    system_mb: f.Count = 128
    """Memory that firmware, Debian, Salt and Docker take for themselves, in MB; workloads get the
    rest."""
    peak_ma: f.Positive
    """Most current it draws by itself at 5 V, in mA."""
    poe: bool = False
    """Whether it can be powered over its network cable (with a HAT where it needs one)."""
    max_overclock: dict[f.Option, int] = Field(default_factory=dict)
    """Highest value of each clock option that may be set; what is not named here is refused."""
    source: f.Line = ""
    """Where the figures come from."""
    overrides: Overrides = Overrides()
    """Settings that differ on this model."""


class Switch(Model):
    """A model of network switch."""

    name: f.Line = ""
    """The name on the box."""
    ports: f.Positive
    """Number of ports."""
    mbps: f.Positive
    """Speed of a port in Mb/s."""
    managed: bool = False
    """Whether it can be asked which MAC is at which port."""
    poe_watts: Annotated[float, Field(ge=0)] = 0
    """Power it gives over its cables, all ports together; 0 for none."""
    source: f.Line = ""
    """Where the figures come from."""


class Hub(Model):
    """A model of USB hub that powers boards."""

    name: f.Line = ""
    """The name on the box."""
    ports: f.Positive
    """Number of ports."""
    supply_ma: f.Positive
    """Current of its supply at 5 V, in mA."""
    source: f.Line = ""
    """Where the figures come from."""


class Design(Model):
    """How a rack is built; slot `left/3` is the third place of tower `left`, from the bottom."""

    name: f.Line = ""
    """What people call it."""
    towers: dict[f.Name, Annotated[int, Field(ge=1, le=99)]] = Field(min_length=1)
    """Towers and the number of places in each, in order."""
    switch: f.Name
    """The switch, one of `switches`."""
    hubs: f.Many[f.Name] = ()
    """The hubs, each one of `hubs`; with wiring `by-slot` hub n feeds tower n."""
    wiring: Literal["by-slot", "declared"] = "by-slot"
    """`by-slot`: switch port = running number of the slot, hub port = position; `declared`: each
    node says its `port`, `hub` and `hub_port`."""
    power: Literal["hub", "poe", "supply"] = "hub"
    """What powers the boards: the hubs, the switch, or a supply for each board."""
    source: f.Line = ""
    """Where the design comes from."""


class Image(Model):
    """What is written on cards."""

    suite: f.Name
    """Debian's release: bookworm."""
    archs: f.Many[Arch] = Field(min_length=1)
    """Architectures it is made for."""
    mirror: f.Url
    """Where its packages come from."""
    security_mirror: f.Url
    """Where its security updates come from."""
    components: f.Many[f.Name] = ("main",)
    """Sections of the archive."""
    packages: f.Many[f.Package] = ()
    """Packages on the card beside Debian's essential ones."""


class Role(Model):
    """What a node is for: a set of parts."""

    default: bool = False
    """Whether every node has it."""
    parts: f.Many[Part] = ()
    """Parts of `salt/` that the role brings."""
    keep: f.Many[f.KeptPath] = ()
    """Files and folders that its nodes keep when their card is swapped."""
    count: Literal["any", "odd", "one"] = "any"
    """How many nodes have it, over the whole cloud: any number, an odd number, exactly one."""
    spread: Literal["none", "rack"] = "none"
    """`rack`: its nodes are spread over the racks as evenly as can be."""


class Node(Model):
    """A position in the cloud; it outlives its board and its card."""

    id: f.Label
    """Its name, which is its minion id too."""
    address: f.Address | None = None
    """IPv4 address in the site's subnet."""
    ipv6: f.Ipv6 | None = None
    """IPv6 address in the site's prefix."""
    mac: f.Mac | None = None
    """MAC address of the board; learned when left out."""
    serial: f.Serial | None = None
    """Serial of the board; learned when left out."""
    model: f.Name | None = None
    """One of `boards`, where it differs from the rack's."""
    ram_mb: f.Positive | None = None
    """Memory of the board in MB, one of the sizes that its model has."""
    image: f.Name | None = None
    """One of `images`, where it differs from the rack's."""
    roles: f.Many[f.Name] = ()
    """Roles beside the rack's and the default ones."""
    keep: f.Many[f.KeptPath] = ()
    """Files and folders that it keeps when its card is swapped, beside those of its roles."""
    port: f.Positive | None = None
    """Port of the rack's switch, where it differs from the wiring."""
    hub: f.Positive | None = None
    """Which of the rack's hubs powers it, counted from 1."""
    hub_port: f.Positive | None = None
    """Port of that hub."""
    overrides: Overrides = Overrides()
    """Settings that differ on this node."""


class Rack(Model):
    """A rack of boards. What it says of model, image and roles holds for its nodes."""

    site: f.Name
    """Where it stands, one of `sites`."""
    design: f.Name
    """How it is built, one of `designs`."""
    model: f.Name | None = None
    """What its nodes are, one of `boards`."""
    image: f.Name | None = None
    """What is on their cards, one of `images`."""
    roles: f.Many[f.Name] = ()
    """Roles of all its nodes."""
    nodes: dict[f.Slot, Node] = Field(default_factory=dict)
    """Nodes by slot: `left/1`."""
    overrides: Overrides = Overrides()
    """Settings that differ in this rack."""


class EntryName(Model):
    """The name of an entry in a table."""

    name: f.Name
    """Letters, digits, `_`, `.` and `-`."""


class ShortName(Model):
    """The name of an entry that Docker is told: of a workload, overlay or secret."""

    name: f.ServiceName
    """1 to 28 letters, digits and `-`."""


class Common(Model):
    """All of a description but its racks: small, and needed to check each of them."""

    cloud: Named
    """The names of the whole cloud."""
    sites: dict[f.Name, Site] = Field(default_factory=dict)
    """Places with an uplink and a master each."""
    network: Network = Network()
    """Names and time for every node."""
    boards: dict[f.Name, Board] = Field(default_factory=dict)
    """Models of Raspberry Pi."""
    switches: dict[f.Name, Switch] = Field(default_factory=dict)
    """Models of switches."""
    hubs: dict[f.Name, Hub] = Field(default_factory=dict)
    """Models of USB hubs."""
    designs: dict[f.Name, Design] = Field(default_factory=dict)
    """Designs of racks."""
    images: dict[f.Name, Image] = Field(default_factory=dict)
    """What is written on cards."""
    roles: dict[f.Name, Role] = Field(default_factory=dict)
    """What nodes are for."""
    base: Base | None = None
    """Part `base`: the operating system of a node."""
    boot: Boot | None = None
    """Part `boot`: what firmware and kernel are told at boot."""
    docker: Docker | None = None
    """Part `docker`: Docker Engine."""
    salt_minion: SaltMinion | None = None
    """Part `salt_minion`: Salt on the node itself."""
    keep: Keep | None = None
    """Part `keep`: data of a node, copied to the master and given back to a new card."""
    swarm: Swarm | None = None
    """Part `swarm`: the Docker swarm of a site."""
    rejoin: Rejoin = Rejoin()
    """What the master does by itself when a node comes back."""
    rollout: Rollout = Rollout()
    """How changed settings of parts reach nodes."""
    container_images: dict[f.Name, ContainerImage] = Field(default_factory=dict)
    """What containers are started from."""
    overlays: dict[f.ServiceName, Overlay] = Field(default_factory=dict)
    """Networks between containers."""
    secrets: dict[f.ServiceName, Secret] = Field(default_factory=dict)
    """What only some containers may read."""
    workloads: dict[f.ServiceName, Workload] = Field(default_factory=dict)
    """What runs on the sites' swarms."""


class Description(Common):
    """A whole description, as its files make it together."""

    racks: dict[f.Name, Rack] = Field(default_factory=dict)
    """Racks and the nodes in them."""


#: Sections made of entries by name; each file may add entries.
TABLES: Mapping[str, type[Model]] = {
    "sites": Site,
    "boards": Board,
    "switches": Switch,
    "hubs": Hub,
    "designs": Design,
    "images": Image,
    "roles": Role,
    "container_images": ContainerImage,
    "overlays": Overlay,
    "secrets": Secret,
    "workloads": Workload,
    "racks": Rack,
}
#: Names of entries, where they are not plain ones.
NAMES: Mapping[str, type[Model]] = dict.fromkeys(("overlays", "secrets", "workloads"), ShortName)
#: Sections that no rack is checked against: nothing but the views of nodes in a swarm needs them.
WORK = ("container_images", "overlays", "secrets", "workloads")
#: Sections that are one mapping of settings.
SINGLES: Mapping[str, type[Model]] = {
    "cloud": Named,
    "network": Network,
    "rejoin": Rejoin,
    "rollout": Rollout,
    "base": Base,
    "boot": Boot,
    "docker": Docker,
    "salt_minion": SaltMinion,
    "keep": Keep,
    "swarm": Swarm,
}
#: Settings of the parts, which can be overridden.
PART_MODELS: Mapping[str, type[Model]] = {
    "base": Base,
    "boot": Boot,
    "docker": Docker,
    "salt_minion": SaltMinion,
    "keep": Keep,
    "swarm": Swarm,
}
SECTIONS = tuple(Description.model_fields)
