"""
The kinds of text that a description holds: a pattern, the rule it stands for, and what to say.

Patterns are checked by pydantic's regular expressions (no look-around), so that ten thousand nodes
cost little; what a pattern cannot say is said in ``checks``.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field, Strict, StringConstraints

Item = TypeVar("Item")


class Format(NamedTuple):
    """A kind of text: the slug of its rule, what it should be, and how to write it."""

    rule: str
    what: str
    remedy: str


#: One label of a host name: RFC 1123, section 2.1, in lower case (minion ids are case-sensitive).
LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
#: Host name of several labels.
HOST = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
#: Names of our own things: models, designs, roles, images.
NAME = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
#: The same names, of images: who writes what ``docker run`` takes is told where that belongs.
ENTRY = r"^[a-z0-9][a-z0-9._-]{0,62}$"
MAC = r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$"
#: Serials have 16 digits in the device tree; boxes and old tools show the last 8.
SERIAL = r"^([0-9A-Fa-f]{8}|[0-9A-Fa-f]{16})$"
SLOT = r"^[a-z0-9][a-z0-9_-]{0,30}/[1-9][0-9]?$"
OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"^{OCTET}(\.{OCTET}){{3}}$"
SUBNET = rf"^{OCTET}(\.{OCTET}){{3}}/([12]?[0-9]|3[0-2])$"
IPV6 = r"^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$"
IPV6_SUBNET = r"^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*/[0-9]{1,3}$"
IP = rf"^({OCTET}(\.{OCTET}){{3}}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$"
URL = r"^https?://[A-Za-z0-9.\[\]:_-]+(/[^\s]*)?$"
LOCALE = r"^([a-z]{2,3}_[A-Z]{2}(@[a-z]+)?\.UTF-8|C\.UTF-8)$"
TIMEZONE = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
USER = r"^[a-z_][a-z0-9_-]{0,30}$"
SSH_KEY = (
    r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|"
    r"sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]{32,}={0,3}( .*)?$"
)
PATH = r"^/[^\s]*$"
#: A path that needs no quotes in a unit of systemd, nor in a list of Borg.
KEPT_PATH = r"^(/[A-Za-z0-9_.+@=,-]+)+$"
#: Paths by pattern, in which a shell finds nothing but `*` to do.
GLOB = r"^(/[A-Za-z0-9_.+@=,*-]+)+$"
#: Debian package names: Policy, section 5.6.1.
PACKAGE = r"^[a-z0-9][a-z0-9+.-]+$"
#: A requirement of pip that can be nothing but what it says.
REQUIREMENT = (
    r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*( --hash=sha256:[0-9a-f]{64})+$"
)
#: A Debian version, with `*` and `?` for what the pin leaves open.
VERSION = r"^[0-9A-Za-z*?][0-9A-Za-z.+:~*?-]*$"
#: Salt names its versions year-free since 3000: `3008.3`, with a release candidate's suffix.
SALT_VERSION = r"^[0-9]{4}(\.[0-9]+)?(rc[0-9]+)?$"
TAG = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
#: A file name without folders.
FILE = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}$"
IMAGE = r"^[a-z0-9]+([._/:-]+[a-z0-9]+)*$"
#: An image with its registry and tag or digest. No short name: whose it is depends on who asks.
REFERENCE = (
    r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$"
)
#: Names of services, secrets and configs. Docker has 64 characters for each: two names of ours, a
#: character between them, and the number of a version, must fit into that.
SERVICE = r"^[a-z0-9]([a-z0-9-]{0,26}[a-z0-9])?$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
FILE_MODE = r"^0[0-7]{3}$"
OPTION = r"^[a-z0-9_]+(:[0-9])?$"
WORD = r"^[^\s\x00]+$"
LINE = r"^[^\r\n\x00]*$"
#: Any text that can be an argument or a variable of a process.
TEXT = r"^[^\x00]*$"

#: What a whole number is at most, where nothing else is said: what any C program takes.
MOST = 2**31 - 1

FORMATS: dict[str, Format] = {
    LABEL: Format(
        "bad-name",
        "is not a host name",
        "use 1 to 63 of a-z, 0-9 and -, with no - at either end",
    ),
    HOST: Format(
        "bad-host",
        "is not a full host name",
        "write lower-case labels of a-z, 0-9 and - joined by dots: head.pi.example",
    ),
    NAME: Format(
        "bad-name", "is not a name", "use a-z, 0-9, _, . and -, beginning with a letter or digit"
    ),
    ENTRY: Format(
        "bad-name",
        "is not an entry of container_images",
        "describe the image there (copy_of: docker.io/library/redis:7 copies one), and name it",
    ),
    MAC: Format(
        "bad-mac",
        "is not a MAC address",
        'write six pairs of hex digits in quotes: "b8:27:eb:c1:d2:e4"',
    ),
    SERIAL: Format(
        "bad-serial",
        "is not a board serial",
        'write the 16 (or last 8) hex digits in quotes: "10000000a3c1d2e4"',
    ),
    SLOT: Format("bad-slot", "is not a slot", "write tower/position: left/1"),
    IPV4: Format("bad-address", "is not an IPv4 address", "write four numbers: 10.80.1.1"),
    SUBNET: Format("bad-subnet", "is not an IPv4 subnet", "write address/prefix: 10.80.0.0/16"),
    IPV6: Format("bad-address", "is not an IPv6 address", 'write it in quotes: "fd00:c10d::1"'),
    IPV6_SUBNET: Format(
        "bad-subnet", "is not an IPv6 prefix", 'write address/prefix in quotes: "fd00:c10d::/48"'
    ),
    IP: Format("bad-address", "is not an IP address", "write 10.80.1.1, or an IPv6 address"),
    URL: Format("bad-url", "is not a web address", "write http://host:port/path"),
    LOCALE: Format("bad-locale", "is not a UTF-8 locale", "write it like en_GB.UTF-8"),
    TIMEZONE: Format("bad-timezone", "is not a time zone", "write it like Europe/London"),
    USER: Format(
        "bad-user", "is not a user name", "use a-z, 0-9, _ and -, beginning with a letter"
    ),
    SSH_KEY: Format(
        "bad-ssh-key",
        "is not an SSH public key",
        "paste one line of a .pub file: ssh-ed25519 AAAA... jane@laptop",
    ),
    PATH: Format("bad-path", "is not an absolute path", "begin it with / and leave out spaces"),
    KEPT_PATH: Format(
        "bad-path",
        "is not a path that can be kept",
        "begin it with /, end it without, and use letters, digits and _ . + @ = , -",
    ),
    GLOB: Format(
        "bad-path",
        "is not a path, with * for any text",
        "begin it with /, end it without, and use letters, digits and _ . + @ = , - *",
    ),
    PACKAGE: Format("bad-package", "is not a package name", "write the name apt knows: docker.io"),
    VERSION: Format(
        "bad-version", "is not a package version", 'write what apt shows, * for any: "20.10.24*"'
    ),
    REQUIREMENT: Format(
        "bad-requirement",
        "is not a pinned package of PyPI",
        "write name==version --hash=sha256:..., with the hash that PyPI shows for the file",
    ),
    SALT_VERSION: Format("bad-version", "is not a Salt version", 'write it like "3008.3"'),
    TAG: Format("bad-tag", "is not an image tag", 'write it like "1.35"'),
    FILE: Format("bad-file-name", "is not a file name", "write it without folders"),
    IMAGE: Format("bad-image", "is not an image name", "write it like picloud/busybox"),
    REFERENCE: Format(
        "bad-image",
        "is not an image with its registry and tag",
        "write it like docker.io/library/redis:7.2",
    ),
    SERVICE: Format(
        "bad-name",
        "is not a short name",
        "use 1 to 28 of a-z, 0-9 and -, with no - at either end",
    ),
    DIGEST: Format("bad-digest", "is not a digest", "write sha256: and 64 hex digits"),
    VARIABLE: Format(
        "bad-variable", "is not the name of a variable", "use A-Z, a-z, 0-9 and _: LOG_LEVEL"
    ),
    FILE_MODE: Format("bad-mode", "is not a file mode", 'write it in quotes: "0440"'),
    OPTION: Format("bad-option", "is not a config.txt option", "write it like arm_freq"),
    WORD: Format("bad-word", "holds white space", "write it without white space"),
    LINE: Format("bad-line", "is more than one line", "write it in one line"),
    TEXT: Format("bad-text", "holds a NUL character", "take it out"),
}


def _text(pattern: str, lower: bool = False) -> StringConstraints:
    return StringConstraints(strict=True, pattern=pattern, to_lower=lower or None)


Label = Annotated[str, _text(LABEL)]
Host = Annotated[str, _text(HOST)]
Name = Annotated[str, _text(NAME)]
Entry = Annotated[str, _text(ENTRY)]
Mac = Annotated[str, _text(MAC, lower=True)]
Serial = Annotated[str, _text(SERIAL, lower=True)]
Slot = Annotated[str, _text(SLOT)]
Address = Annotated[str, _text(IPV4)]
Subnet = Annotated[str, _text(SUBNET)]
Ipv6 = Annotated[str, _text(IPV6)]
Ipv6Subnet = Annotated[str, _text(IPV6_SUBNET)]
AnyAddress = Annotated[str, _text(IP)]
Url = Annotated[str, _text(URL)]
Locale = Annotated[str, _text(LOCALE)]
Timezone = Annotated[str, _text(TIMEZONE)]
User = Annotated[str, _text(USER)]
SshKey = Annotated[str, _text(SSH_KEY)]
AbsolutePath = Annotated[str, _text(PATH)]
KeptPath = Annotated[str, _text(KEPT_PATH)]
Glob = Annotated[str, _text(GLOB)]
Package = Annotated[str, _text(PACKAGE)]
Requirement = Annotated[str, _text(REQUIREMENT)]
Version = Annotated[str, _text(VERSION)]
SaltVersion = Annotated[str, _text(SALT_VERSION)]
Tag = Annotated[str, _text(TAG)]
FileName = Annotated[str, _text(FILE)]
ImageName = Annotated[str, _text(IMAGE)]
ImageReference = Annotated[str, _text(REFERENCE)]
ServiceName = Annotated[str, _text(SERVICE)]
Digest = Annotated[str, _text(DIGEST)]
Variable = Annotated[str, _text(VARIABLE)]
FileMode = Annotated[str, _text(FILE_MODE)]
Text = Annotated[str, _text(TEXT)]
Contents = Annotated[str, _text(TEXT), Field(min_length=1)]
Option = Annotated[str, _text(OPTION)]
Word = Annotated[str, _text(WORD)]
Line = Annotated[str, _text(LINE)]
Count = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Positive = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Many = Annotated[tuple[Item, ...], Strict(False)]
