"""
What a node says of itself to the master when it is asked who it is, signed with its own key.

The master's bus and job cache can be written by any minion that is accepted; a signature cannot.
A report carries the nonce of the question, so an old one is of no use.
"""

import base64
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "pirejoin"

# Services that a part of the description needs; salt-minion is up if it answers.
SERVICES = {"docker": "docker", "base": "ssh", "keep": "picloud-keep.timer"}

# State runs that may be under way when a node is verified: more than there ever are.
QUEUE = 100


def __virtual__():
    if __grains__.get("kernel") != "Linux":
        return False, "pirejoin: nodes run Linux"
    return __virtualname__


def evidence(nonce):
    """
    Return which board and card this node runs on, signed.

    nonce
        What the master wants to find in the report.

    CLI Example:

    .. code-block:: bash

        salt pi3 pirejoin.evidence 0123abcd
    """
    return _signed(_facts(nonce))


def verify(nonce):
    """
    Return whether this node is what its pillar says, signed: a highstate in test mode, services,
    room on the card, what is still under way; a manager also, how the workloads of its swarm do.

    nonce
        What the master wants to find in the report.

    CLI Example:

    .. code-block:: bash

        salt pi3 pirejoin.verify 0123abcd
    """
    usage = shutil.disk_usage("/")
    parts = __pillar__.get("picloud", {}).get("parts", [])
    wanted = {unit for part, unit in SERVICES.items() if part in parts}
    report = _facts(nonce) | {
        "highstate": _highstate(),
        "busy": _busy(),
        "services": {unit: __salt__["service.status"](unit) for unit in sorted(wanted)},
        "disk_free_mb": usage.free // 2**20,
        "disk_writable": _writable(),
    }
    if "workloads" in __pillar__.get("picloud", {}):
        report["workloads"] = _workloads()
    return _signed(report | {"at": time.time()})


def become(node):
    """
    Take a node's name, as the master tells a spare card. The minion restarts after its answer.

    node
        The id of the node.

    CLI Example:

    .. code-block:: bash

        salt card-0123456789ab pirejoin.become pi3
    """
    card = _card()
    if card is None or card.get("node") not in (None, node):
        raise SaltInvocationError(f"this is no spare card: {card}")
    config = Path(__opts__["conf_file"]).parent
    drop = config / "minion.d" / "00-card.conf"
    written = __salt__["pifile.look"](str(drop)).get("contents", "").splitlines()
    if not any(line.startswith("id:") for line in written):
        raise CommandExecutionError(f"{drop} names no id; was this card written by firstboot?")
    lines = [f"id: {node}" if line.startswith("id:") else line for line in written]
    # card.json comes last: until it names the node, the master can ask again.
    label = json.dumps({"card": card["card"], "node": node}) + "\n"
    for path, text in (
        (drop, "".join(f"{line}\n" for line in lines)),
        (config / "minion_id", node),
        (Path(_etc(), "card.json"), label),
    ):
        __salt__["pifile.put"](str(path), {"contents": text, "mode": "0644"})
    # Not at once: the answer to the master has to go out first.
    __salt__["cmd.run"](
        ["systemd-run", "--quiet", "--on-active=1", "systemctl", "restart", "salt-minion"],
        python_shell=False,
        raise_err=True,
    )
    return True


def _facts(nonce):
    board = __salt__["piboard.board"]()
    names = ("serial", "mac", "model", "revision", "ram_mb")
    # The first thing that a highstate leaves behind, see salt/sync.sls.
    fresh = not Path(_etc(), "parts").exists()
    return {
        "nonce": str(nonce),
        "id": __opts__["id"],
        "at": time.time(),
        "card": (_card() or {}).get("card"),
        "fresh": fresh,
        # Those of its seed may be of another day than the master's.
        "modules": __salt__["pinode.synced_digest"]() if fresh else None,
        "minion_s": _minion_s(),
        "board": {name: board.get(name) for name in names} | {"cid": board.get("card_cid")},
    }


def _minion_s():
    """
    Seconds since the minion started: a job's process is a child of its. By the kernel's own clock,
    which does not jump when a Pi learns the time. Field 22 of proc_pid_stat(5).
    """
    try:
        fields = Path(f"/proc/{os.getppid()}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        uptime = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
        return round(uptime - int(fields.split()[19]) / os.sysconf("SC_CLK_TCK"), 2)
    except (OSError, ValueError, IndexError):
        return None


def _signed(report):
    """A report as text, and the signature over exactly that text."""
    text = json.dumps(report, sort_keys=True)
    pem = Path(__opts__["pki_dir"], "minion.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"report": text, "signature": base64.b64encode(signature).decode()}


def _highstate():
    """What the highstate would still do here."""
    # A number waits for state runs that are under way. True does not wait here: Salt 3008.3 then
    # leaves the highstate to the minion as a job of its own, and returns no states at all.
    found = __salt__["state.highstate"](test=True, queue=QUEUE)
    if not isinstance(found, dict):
        return {"error": "; ".join(str(line) for line in found), "states": 0}
    # The mark of an earlier failure in test mode must not fail the report itself.
    __context__.pop("retcode", None)
    results = {state.get("__id__", tag): state.get("result") for tag, state in found.items()}
    return {
        "error": None,
        "states": len(results),
        "failed": sorted(name for name, result in results.items() if result is False),
        "would": sorted(name for name, result in results.items() if result is None),
    }


def _busy():
    """What goes on after the highstate that began it, in words."""
    switching = "saltminion.is_switching" in __salt__ and __salt__["saltminion.is_switching"]()
    return ["Salt is being restarted"] if switching else []


def _workloads():
    """How the services of the swarm do that this node manages."""
    try:
        look = __salt__["swarmwork.look"]()
    except (CommandExecutionError, KeyError) as err:
        return {"error": str(err)}
    return {key: look[key] for key in ("services", "missing", "refused")}


def _writable():
    """Whether the card takes a file and keeps it."""
    try:
        with tempfile.NamedTemporaryFile(dir=_etc()) as handle:
            handle.write(b"picloud")
            handle.flush()
            os.fsync(handle.fileno())
    except OSError:
        return False
    return True


def _card():
    try:
        return json.loads(Path(_etc(), "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _etc():
    return __opts__.get("picloud_etc", "/etc/picloud")
