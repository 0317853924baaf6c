"""
What ``make up`` shows at once: the shipped web service behind its balancer. The master builds the
images, the nodes pull and run them, and the balancer is asked as anybody would.
"""

import hashlib
import http.client
import json
import re
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from picloud.cloud import Cloud

from lab import description, workloads
from lab.errors import LabError
from lab.settings import Settings

#: Workloads of the description: the one that is asked, and the one that answers.
BALANCER, WEB = "web-balancer", "web"
#: Seconds for the balancer's first answer: nodes pull, and health checks pass.
ANSWER_S = 180
#: Environment without the proxies of this machine: nodes are on a network of its own.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def images(cloud: Cloud) -> list[str]:
    """
    Return the images that the web service needs and that are built here.

    cloud
        The description. One without the web service or its balancer needs none.
    """
    if not {BALANCER, WEB} <= set(cloud.common.workloads):
        return []
    return workloads.images(cloud, (WEB, BALANCER))


def urls(cloud: Cloud, addresses: Mapping[str, str]) -> list[str]:
    """
    Return where the balancer may answer: Swarm chooses on which nodes it runs.

    cloud
        The description, which tells the port.
    addresses
        Addresses of the running nodes by name.

    There is none when the description has no balancer, or none of the nodes leads a swarm.

    Example: ``urls(cloud, {"pi0": "10.80.1.1"}) == ["http://10.80.1.1/"]``
    """
    common = cloud.common
    balancer = common.workloads.get(BALANCER)
    if balancer is None or not balancer.publish or not workloads.managers(cloud, addresses):
        return []
    port = balancer.publish[0].published
    end = "" if port == 80 else f":{port}"
    return [f"http://{address}{end}/" for address in addresses.values()]


def prepare(settings: Settings, made_from: str) -> str:
    """
    Have the master build the images and serve them; what came of it, in words. Nothing is done
    when that was done before, from the same files.

    made_from
        See ``converge.fingerprint``.
    """
    wanted = images(_cloud(settings))
    if not wanted:
        return "the description has no web service behind a balancer"
    known = _known(settings)
    if known.get("made_from") == made_from and known.get("images", {}).keys() == set(wanted):
        return f"{', '.join(wanted)}: unchanged"
    made = workloads.build(settings, wanted)
    digests = {name: one["digest"] for name, one in made.items()}
    _notes(settings).write_text(json.dumps({"made_from": made_from, "images": digests}), "utf-8")
    return ", ".join(f"{name}: {one['done']}" for name, one in made.items())


def built(settings: Settings) -> str:
    """Return a digest of the images that the nodes are told of; empty when there are none."""
    known = _known(settings).get("images")
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest() if known else ""


def forget(settings: Settings) -> None:
    """Note that the master has no images: its registry was taken away."""
    _notes(settings).unlink(missing_ok=True)


def answer(settings: Settings) -> str:
    """
    Return where the balancer answers, and what the web service says there, having started both
    where need be. Empty when nothing is to run in this lab; LabError when nothing answers within
    ANSWER_S.
    """
    if not built(settings):
        return ""
    cloud, running = _cloud(settings), workloads.addresses(settings)
    if not (found := urls(cloud, running)):
        return ""
    try:
        return ask(found, 0)
    except LabError:
        # A manager that made the swarm in its first highstate starts workloads in the next one.
        workloads.start(settings, workloads.managers(cloud, running))
    return ask(found, ANSWER_S)


def ask(addresses: Sequence[str], seconds: float) -> str:
    """
    Return the first of some addresses that answers, and what it says; LabError when none does.

    addresses
        See ``urls``.
    seconds
        How long to go on asking.
    """
    deadline, said = time.monotonic() + seconds, "nothing"
    while True:
        for url in addresses:
            try:
                with _DIRECT.open(url, timeout=5) as page:
                    return f"{url} {_text(page.read().decode('utf-8', 'replace'))}"
            except (OSError, http.client.HTTPException) as err:
                said = f"{url} {getattr(err, 'reason', err)}"
        if time.monotonic() > deadline:
            raise LabError(
                f"the web service does not answer after {seconds:.0f} s, the last said: {said}",
                "see: make run ARGS=workload.status",
            )
        time.sleep(1)


def _cloud(settings: Settings) -> Cloud:
    return description.cloud_of(settings.checkout / "pillar" / "cloud")


def _text(page: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def _notes(settings: Settings) -> Path:
    return settings.state / "web.json"


def _known(settings: Settings) -> dict[str, Any]:
    try:
        found = json.loads(_notes(settings).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
