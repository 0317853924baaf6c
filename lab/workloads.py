"""Workloads on a lab: the master builds their images and serves them, the nodes start them."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from picloud.cloud import Cloud
from picloud.workloads.fleet import Whole, swarms

from lab import cluster, converge, shell
from lab.errors import LabError
from lab.settings import Settings

#: Seconds for all images.
BUILD_S = 1800


def images(cloud: Cloud, names: Iterable[str]) -> list[str]:
    """
    Return the images of some workloads that are built here, each once.

    cloud, names
        The description, and its workloads.
    """
    used = dict.fromkeys(cloud.common.workloads[name].image for name in names)
    return [name for name in used if cloud.common.container_images[name].build is not None]


def build(settings: Settings, wanted: Sequence[str]) -> dict[str, Any]:
    """
    Have the master build images and serve them; what came of each. LabError when one fails.

    wanted
        Their names in the description.
    """
    runner(settings, "image.registry")
    made: dict[str, Any] = runner(settings, "image.build", ",".join(wanted))["images"]
    return made


def managers(cloud: Cloud, names: Iterable[str]) -> list[str]:
    """
    Return those of some nodes that lead a swarm.

    cloud
        The description.
    names
        The nodes.
    """
    found = swarms(Whole(cloud.common, cloud.racks), cloud.common.workloads).values()
    leading = {name for swarm in found for name in swarm.managers}
    return [name for name in names if name in leading]


def start(settings: Settings, names: Sequence[str]) -> None:
    """
    Apply the highstate on nodes: managers start what is described; LabError when it fails.

    names
        The nodes.
    """
    outcomes = list(converge.highstate(settings, names))
    if bad := [one for one in outcomes if one.failed]:
        raise LabError(
            f"the highstate of {bad[0].node} failed: {bad[0].failed[0]}",
            f'see: make salt ARGS="{bad[0].node} state.highstate"',
        )


def addresses(settings: Settings) -> dict[str, str]:
    """Return the addresses of the lab's running nodes by name."""
    names = [name for name, state in cluster.containers(settings).items() if state == "running"]
    nodes = [name for name in names if name not in ("head", "aptcache")]
    if not nodes:
        return {}
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    shown = shell.run(
        ["docker", "inspect", "--format", form, *map(settings.container, nodes)],
        what="docker inspect failed",
    )
    return dict(zip(nodes, shown.split(), strict=True))


def runner(settings: Settings, function: str, *arguments: str) -> dict[str, Any]:
    """
    Run a runner on the master and return its data; LabError when it fails.

    settings, function, arguments
        The lab, its name, and what it is given.
    """
    command = ["docker", "exec", settings.head, "salt-run", "--out=json", function, *arguments]
    shell.note(f"+ {' '.join(command)}")
    what, remedy = (
        f"{function} failed",
        "correct it and run the same command again; make up BARE=1 does without images",
    )
    try:
        done = subprocess.run(
            shell.program(command), capture_output=True, text=True, timeout=BUILD_S, check=False
        )
        shell.note(f"{done.stdout}\n{done.stderr}")
        said: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as err:
        raise LabError(f"{what}: no end after {BUILD_S} s", remedy) from err
    except ValueError as err:
        raise LabError(f"{what}: it said no JSON", remedy) from err
    if done.returncode:
        raise LabError(
            f"{what}: {'; '.join(said.get('failed') or [said.get('message', '')])}", remedy
        )
    return said
