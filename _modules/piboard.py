"""
The board a node runs on: what it is, how it feels, whether it waits for a reboot.

Readings take files of the kernel (device tree, ``/proc``, ``/sys``) under the folder named by the
minion option ``picloud_board_root``; a real Pi has them at ``/``. No process is started. The
files it boots with: module ``piboot``.
"""

import contextlib
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "piboard"

# Tables: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#raspberry-pi-revision-codes
OLD_CODES = {
    0x02: ("pi1b", "1.0", 256, "Egoman"),
    0x03: ("pi1b", "1.0", 256, "Egoman"),
    0x04: ("pi1b", "2.0", 256, "Sony UK"),
    0x05: ("pi1b", "2.0", 256, "Qisda"),
    0x06: ("pi1b", "2.0", 256, "Egoman"),
    0x07: ("pi1a", "2.0", 256, "Egoman"),
    0x08: ("pi1a", "2.0", 256, "Sony UK"),
    0x09: ("pi1a", "2.0", 256, "Qisda"),
    0x0D: ("pi1b", "2.0", 512, "Egoman"),
    0x0E: ("pi1b", "2.0", 512, "Sony UK"),
    0x0F: ("pi1b", "2.0", 512, "Egoman"),
    0x10: ("pi1bplus", "1.2", 512, "Sony UK"),
    0x11: ("cm1", "1.0", 512, "Sony UK"),
    0x12: ("pi1aplus", "1.1", 256, "Sony UK"),
    0x13: ("pi1bplus", "1.2", 512, "Embest"),
    0x14: ("cm1", "1.0", 512, "Embest"),
    0x15: ("pi1aplus", "1.1", None, "Embest"),  # sold with 256 and with 512 MB
}
TYPES = {
    0x00: "pi1a",
    0x01: "pi1b",
    0x02: "pi1aplus",
    0x03: "pi1bplus",
    0x04: "pi2b",
    0x05: "alpha",
    0x06: "cm1",
    0x08: "pi3b",
    0x09: "zero",
    0x0A: "cm3",
    0x0C: "zerow",
    0x0D: "pi3bplus",
    0x0E: "pi3aplus",
    0x10: "cm3plus",
    0x11: "pi4b",
    0x12: "zero2w",
    0x13: "pi400",
    0x14: "cm4",
    0x15: "cm4s",
    0x17: "pi5",
    0x18: "cm5",
    0x19: "pi500",
    0x1A: "cm5lite",
    0x1B: "cm0",
}
NAMES = {
    "alpha": "Raspberry Pi Alpha",
    "cm0": "Compute Module 0",
    "cm1": "Compute Module 1",
    "cm3": "Compute Module 3",
    "cm3plus": "Compute Module 3+",
    "cm4": "Compute Module 4",
    "cm4s": "Compute Module 4S",
    "cm5": "Compute Module 5",
    "cm5lite": "Compute Module 5 Lite",
    "pi1a": "Raspberry Pi 1 Model A",
    "pi1aplus": "Raspberry Pi 1 Model A+",
    "pi1b": "Raspberry Pi 1 Model B",
    "pi1bplus": "Raspberry Pi 1 Model B+",
    "pi2b": "Raspberry Pi 2 Model B",
    "pi2b12": "Raspberry Pi 2 Model B v1.2",
    "pi3aplus": "Raspberry Pi 3 Model A+",
    "pi3b": "Raspberry Pi 3 Model B",
    "pi3bplus": "Raspberry Pi 3 Model B+",
    "pi400": "Raspberry Pi 400",
    "pi4b": "Raspberry Pi 4 Model B",
    "pi5": "Raspberry Pi 5",
    "pi500": "Raspberry Pi 500/500+",
    "zero": "Raspberry Pi Zero",
    "zero2w": "Raspberry Pi Zero 2 W",
    "zerow": "Raspberry Pi Zero W",
}
MAKERS = ("Sony UK", "Egoman", "Embest", "Sony Japan", "Embest", "Stadium")
SOCS = ("BCM2835", "BCM2836", "BCM2837", "BCM2711", "BCM2712")
RAM_MB = (256, 512, 1024, 2048, 4096, 8192, 16384)

# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
THROTTLED = {
    0: "under_voltage",
    1: "frequency_capped",
    2: "throttled",
    3: "soft_temperature_limit",
}

REBOOT_NEEDED = "/run/picloud/reboot-needed"


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "piboard: Raspberry Pi boards run Linux here"
    return __virtualname__


def _root(root):
    return Path(root or __opts__.get("picloud_board_root") or "/")


def _text(path):
    """Text of a kernel file without the NUL and newline at its end; None if it is not there."""
    try:
        return Path(path).read_bytes().decode("utf-8", "replace").strip("\0\n ") or None
    except OSError:
        return None


def _cpuinfo(root):
    text = _text(root / "proc/cpuinfo") or ""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, sep, value in pairs if sep}


def decode_revision(code):
    """
    Say what a board is from its revision code.

    code
        The code as text of hexadecimal digits (``a02082``, ``0x000e``) or as a number. Both
        styles are known: the sequential codes of the first boards and the bit fields since the Pi
        2. Warranty and over-voltage bits are not part of the answer's model; the warranty bit is
        given as ``warranty_void``.

    Returns a dict of ``code``, ``style``, ``model`` (our name, as in ``boards`` of the
    description), ``name``, ``pcb``, ``ram_mb``, ``maker``, ``soc``, ``warranty_void``. What the
    code does not tell is ``None``.

    Raises ``SaltInvocationError`` for text that is no code and for codes the tables do not know.

    The tables are those of the Raspberry Pi documentation, "Raspberry Pi revision codes"
    (documentation/asciidoc/computers/raspberry-pi/revision-codes.adoc in
    raspberrypi/documentation).

    CLI Example:

    .. code-block:: bash

        salt-call --local piboard.decode_revision a02082
    """
    try:
        number = code if isinstance(code, int) else int(str(code).strip(), 16)
    except ValueError as err:
        raise SaltInvocationError(f"{code!r} is no revision code (hexadecimal digits)") from err
    if number < 0 or number > 0xFFFFFFFF:
        raise SaltInvocationError(f"{code!r} is no revision code (32 bits)")
    if number >> 23 & 1:
        kind, chip, maker, memory = (
            number >> 4 & 0xFF,
            number >> 12 & 0xF,
            number >> 16 & 0xF,
            number >> 20 & 7,
        )
        model, pcb = TYPES.get(kind), f"1.{number & 0xF}"
        ram = RAM_MB[memory] if memory < len(RAM_MB) else None
        made_by = MAKERS[maker] if maker < len(MAKERS) else None
        soc = SOCS[chip] if chip < len(SOCS) else None
        style, void = "new", bool(number >> 25 & 1)
    else:
        # Overclocking beyond the warranty set bit 24 on these boards ("100000e").
        model, pcb, ram, made_by = OLD_CODES.get(number & 0xFFFF, (None, None, None, None))
        soc, style, void = "BCM2835", "old", bool(number >> 24)
    if model == "pi2b" and soc == "BCM2837":
        model = "pi2b12"  # the last Pi 2 has the processor of the Pi 3, and runs arm64
    if model is None:
        raise SaltInvocationError(
            f"Revision code {number:04x} is not in the table; a newer board? "
            "Add its type to _modules/piboard.py"
        )
    return {
        "code": f"{number:04x}" if style == "old" else f"{number:x}",
        "style": style,
        "model": model,
        "name": NAMES[model],
        "pcb": pcb,
        "ram_mb": ram,
        "maker": made_by,
        "soc": soc,
        "warranty_void": void,
    }


def revision(root=None):
    """
    Return the board's revision code as hexadecimal text, or None where there is none.

    root
        The folder the kernel's files are under; default: option ``picloud_board_root``, else ``/``.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboard.revision
    """
    root = _root(root)
    with contextlib.suppress(OSError):
        raw = (root / "proc/device-tree/system/linux,revision").read_bytes()
        if len(raw) == 4:  # a big-endian cell of the device tree
            return f"{int.from_bytes(raw, 'big'):04x}"
    return _cpuinfo(root).get("Revision")


def serial(root=None):
    """
    Return the board's serial number (16 hexadecimal digits), or None where there is none.

    root
        As in ``piboard.revision``.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboard.serial
    """
    root = _root(root)
    number = _text(root / "proc/device-tree/serial-number") or _cpuinfo(root).get("Serial")
    return number.lower() if number else None


def board(root=None):
    """
    Return all that identifies the board: serial, revision, decoded model, MAC, CID of the card.

    root
        As in ``piboard.revision``. Parts that cannot be read are None.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboard.board
    """
    root = _root(root)
    facts = {"model": None, "ram_mb": None, "maker": None, "pcb": None, "soc": None}
    code = revision(root)
    if code:
        with contextlib.suppress(SaltInvocationError):
            decoded = decode_revision(code)
            facts = {name: decoded[name] for name in facts}
    return {
        **facts,
        "serial": serial(root),
        "revision": code,
        "model_name": _text(root / "proc/device-tree/model") or NAMES.get(facts["model"]),
        "mac": _text(root / "sys/class/net/eth0/address"),
        "card_cid": _text(root / "sys/block/mmcblk0/device/cid"),
    }


def throttled(root=None):
    """
    Say whether the board is short of power or too hot, now and since it booted.

    root
        As in ``piboard.revision``.

    Returns ``{"now": [...], "since_boot": [...], "under_voltage": bool}`` with the names
    ``under_voltage``, ``frequency_capped``, ``throttled``, ``soft_temperature_limit``. Raises
    ``CommandExecutionError`` where the firmware's flags cannot be read.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboard.throttled
    """
    path = _root(root) / "sys/devices/platform/soc/soc:firmware/get_throttled"
    text = _text(path)
    try:
        flags = int(text or "", 16)
    except ValueError as err:
        raise CommandExecutionError(f"Cannot read throttle flags from {path}: {text!r}") from err
    return {
        "now": [name for bit, name in THROTTLED.items() if flags >> bit & 1],
        "since_boot": [name for bit, name in THROTTLED.items() if flags >> 16 + bit & 1],
        "under_voltage": bool(flags & 1),
    }


def temperature(root=None):
    """
    Return the temperature of the processor in degrees Celsius.

    root
        As in ``piboard.revision``. Raises ``CommandExecutionError`` where there is no sensor.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboard.temperature
    """
    path = _root(root) / "sys/class/thermal/thermal_zone0/temp"
    text = _text(path)
    try:
        return int(text or "") / 1000
    except ValueError as err:
        raise CommandExecutionError(f"Cannot read the temperature from {path}: {text!r}") from err


def reboot_needed(path=REBOOT_NEEDED):
    """
    Return the reasons why this node should be rebooted; empty: none.

    path
        The list of reasons; in ``/run``, so that a reboot empties it.

    CLI Example:

    .. code-block:: bash

        salt 'pi*' piboard.reboot_needed
    """
    return (_text(path) or "").splitlines()


def need_reboot(reason, path=REBOOT_NEEDED):
    """
    Note that the node should be rebooted. Nothing reboots by itself; the same reason is noted once.

    reason
        One line that says what changed.
    path
        As in ``piboard.reboot_needed``.

    CLI Example:

    .. code-block:: bash

        salt pi3 piboard.need_reboot 'boot: new kernel'
    """
    reasons = reboot_needed(path)
    if reason in reasons:
        return
    try:
        Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with Path(path).open("a", encoding="utf-8") as handle:
            handle.write(f"{reason}\n")
    except OSError as err:
        raise CommandExecutionError(f"Cannot note that a reboot is needed: {err}") from err
