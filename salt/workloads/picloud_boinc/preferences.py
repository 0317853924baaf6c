"""
How much BOINC takes: it sees the whole node, and the container is given a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class PreferencesError(Exception):
    """The environment is not right; the text has one line for each fault."""


class Preferences(NamedTuple):
    """
    What BOINC may take.

    cpus
        How many tasks run at a time.
    memory_mb
        Memory of all of them: less than the container's limit, of which BOINC itself takes 20 MB.
    disk_gb
        Most that the volume takes.
    """

    cpus: int
    memory_mb: int
    disk_gb: int


def preferences(env: Mapping[str, str]) -> Preferences:
    """
    Return what BOINC may take; PreferencesError names all faults.

    env
        The environment: ``CPUS`` (1), ``MEMORY_MB`` (100) and ``DISK_GB`` (2).

    >>> preferences({"MEMORY_MB": "400"})
    Preferences(cpus=1, memory_mb=400, disk_gb=2)
    """
    faults = []
    found = []
    for name, default in (("CPUS", "1"), ("MEMORY_MB", "100"), ("DISK_GB", "2")):
        text = env.get(name, default)
        if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
            faults.append(f"{name} is {text!r}; give a whole number from 1 to 999999")
        else:
            found.append(int(text))
    if faults:
        raise PreferencesError("\n".join(faults))
    return Preferences(*found)


def override(wanted: Preferences, total_mb: float) -> str:
    """
    Return ``global_prefs_override.xml``, which goes before what the project's pages say. Work goes
    on while others use the node's processor: the container has its limit and the lowest priority.

    wanted
        What BOINC may take.
    total_mb
        The node's memory: BOINC counts in percent of that.
    """
    percent = min(100.0, 100 * wanted.memory_mb / total_mb)
    return (
        "<global_preferences>\n"
        "  <run_on_batteries>1</run_on_batteries>\n"
        "  <run_if_user_active>1</run_if_user_active>\n"
        "  <suspend_cpu_usage>0</suspend_cpu_usage>\n"
        f"  <ram_max_used_busy_pct>{percent:.3f}</ram_max_used_busy_pct>\n"
        f"  <ram_max_used_idle_pct>{percent:.3f}</ram_max_used_idle_pct>\n"
        f"  <disk_max_used_gb>{wanted.disk_gb}</disk_max_used_gb>\n"
        "</global_preferences>\n"
    )


def configuration(wanted: Preferences) -> str:
    """
    Return ``cc_config.xml``.

    wanted
        What BOINC may take.
    """
    return (
        f"<cc_config>\n  <options>\n    <ncpus>{wanted.cpus}</ncpus>\n  </options>\n</cc_config>\n"
    )


def total_mb(meminfo: str) -> float:
    """
    Return the memory of a node.

    meminfo
        ``/proc/meminfo``; ValueError when it is not.

    >>> total_mb("MemTotal:  262144 kB\\n")
    256.0
    """
    found = re.search(r"^MemTotal:\s+([0-9]+) kB$", meminfo, re.MULTILINE)
    if found is None or not int(found[1]):
        raise ValueError("/proc/meminfo does not say how much memory there is")
    return int(found[1]) / 1024
