"""
Grain ``pi``: which board a node runs on and which card it booted from.

Quick and never in the way: files are read, no process is started, and what cannot be read is
None. Everything here is a claim of the node, good for showing and for evidence; no grain decides
who gets pillar or keys.
"""

import importlib.util
import json
from pathlib import Path

CARD = "etc/picloud/card.json"


def _hardware():
    """The module piboard, which lies beside this one (in the checkout and where Salt syncs to):
    grains have no __salt__."""
    here = Path(__file__).parent
    path = here.with_name(here.name.replace("grains", "modules")) / "piboard.py"
    spec = importlib.util.spec_from_file_location("picloud_grain_piboard", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _card(root):
    try:
        card = json.loads((root / CARD).read_text(encoding="utf-8"))["card"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return card if isinstance(card, str) else None


def pi(root=None, card_root="/"):
    """
    Return ``{"pi": {...}}``: serial, model, model_name, revision, ram_mb, mac, card_cid, card_id.

    root
        The folder with the board's ``proc`` and ``sys``; default: minion option
        ``picloud_board_root``, else ``/``.
    card_root
        The folder ``etc/picloud/card.json`` is under.

    Example: ``salt 'pi*' grains.get pi:serial``
    """
    names = (
        "serial",
        "model",
        "model_name",
        "revision",
        "ram_mb",
        "mac",
        "card_cid",
    )
    try:
        board = _hardware().board(root or __opts__.get("picloud_board_root") or "/")
    except (
        Exception
    ):  # a grain that raises would take all other grains of this file's loader with it
        board = {}
    return {"pi": {**{name: board.get(name) for name in names}, "card_id": _card(Path(card_root))}}
