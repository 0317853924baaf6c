"""
What a node says of itself to the master: parts applied, modules it has, why it needs a reboot.

.. code-block:: yaml

    picloud:
      parts: [base, boot, salt_minion, docker]
      modules_digest: 5f0c...
      reboot_needed: ["config.txt changed: gpu_mem"]

The folders are the minion options ``picloud_etc`` (default ``/etc/picloud``) and ``picloud_run``
(default ``/run/picloud``, gone after a reboot).
"""

import os


def _lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return [line.strip() for line in handle if line.strip()]
    except OSError:
        return []


def picloud():
    """
    Return the grain ``picloud``; empty values where nothing is recorded yet.
    """
    etc = __opts__.get("picloud_etc", "/etc/picloud")
    run = __opts__.get("picloud_run", "/run/picloud")
    return {
        "picloud": {
            "parts": _lines(os.path.join(etc, "parts")),
            "modules_digest": "".join(_lines(os.path.join(etc, "modules_digest"))[:1]),
            "reboot_needed": _lines(os.path.join(run, "reboot-needed")),
        }
    }
