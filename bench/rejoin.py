"""
How long a node with a new card takes to be itself again: from the start of its container until the
master has verified it, against a plain ``salt-call state.apply`` on a card as empty.

The plain way: Salt's own defaults, and a key that the master accepts already; nobody asks whether
the old card still answers, who it is, and whether it became what it should. Both sides boot the
same image with the same board, get the same states and pillar from the same master, and are taken
in turns; both clocks start with the container. Part ``swarm`` is left out of both: nobody hands a
join token to a card that was put in by hand, so the plain side could not be what it should.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from bench.frame import SUBNET, Figure
from lab import cluster, description, rejoin
from lab.apart import Apart

CHECKOUT = Path(__file__).resolve().parent.parent
NODE, OTHER = "pi3", "pi0"
ROUNDS = 3
#: Laid over the plain side's empty card. Its minion stays off, and its configuration is Salt's own,
#: which fetches modules before the states do: so the state that would fetch them again has nothing
#: to do, as its record says.
PLAIN = {
    "etc/systemd/system/salt-minion.service.d/off.conf": "[Unit]\nConditionPathExists=/nowhere\n",
    "etc/salt/minion.d/picloud.conf": "# Salt's defaults\n",
    "etc/picloud/modules_digest": "{digest}\n",
}
#: Waits for first boot as salt-minion.service does, applies the states, and prints them.
COLD_CALL = """\
until systemctl is-active --quiet picloud-firstboot 2>/dev/null; do sleep 0.1; done
date +%s.%N
exec salt-call --out=json --out-indent=-1 --log-level=quiet state.apply
"""


def started(lab: Apart) -> float:
    """When the node's container was started, in seconds since 1970."""
    form = ("--format", "{{.State.StartedAt}}", lab.settings.container(NODE))
    return datetime.fromisoformat(lab.docker("inspect", *form).strip()).timestamp()


def swap(lab: Apart) -> dict[str, float]:
    """Put a new card into the node; seconds of each step, and of all of it (``all``)."""
    lab.make("swap", NODE)
    row = rejoin.rows(lab.settings)[NODE]
    begin = started(lab)
    if row["step"] != "converged" or row["kind"] != "new card" or row["tries"]:
        raise RuntimeError(f"{NODE} is not back with its new card as it should be: {row}")
    let_in = next(
        line["at"] for line in rejoin.decisions(lab.settings, NODE) if line["action"] == "admit"
    )
    return {
        "boot": row["since"] - begin,
        "admit": let_in - row["since"],
        **row["seconds"],
        "all": row["step_at"] - begin,
    }


def cold_call(lab: Apart) -> dict[str, float]:
    """Boot an empty card and apply the states to it by hand; seconds of both, and ``all``."""
    site = description.read(lab.checkout)
    digest = lab.salt(OTHER, "pillar.get", "picloud:modules_digest")
    image = lab.docker(
        "inspect", "--format", "{{.Config.Image}}", lab.settings.container(NODE)
    ).strip()
    cluster.remove([lab.settings.container(NODE)])
    lab.execute("head", "salt-key", "--yes", f"--delete={NODE}")
    seed = cluster.prepare_cards(lab.settings, [NODE])[NODE]
    node = next(node for node in site.nodes if node.id == NODE)
    cluster.create_node(lab.settings, site, node, image)
    cluster.insert_card(lab.settings, NODE, seed)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PLAIN.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(digest=digest))
        lab.docker("cp", f"{folder}/.", f"{lab.settings.container(NODE)}:/")
    lab.docker("start", lab.settings.container(NODE))
    said = lab.execute(NODE, "sh", "-c", COLD_CALL).stdout
    end, begin = time.time(), started(lab)
    called, _, returned = said.partition("\n")
    states = json.loads(returned)["local"]
    if not isinstance(states, dict):
        raise RuntimeError(f"the plain way has no states: {states}")
    if failed := [state["__id__"] for state in states.values() if state["result"] is False]:
        raise RuntimeError(f"the plain way fails: {failed}")
    cluster.forget_seeds(lab.settings, [NODE])
    return {"boot": float(called) - begin, "call": end - float(called), "all": end - begin}


def without_swarm(lab: Apart) -> None:
    """Take part ``swarm`` off all roles of the lab's copy of the description."""
    roles = lab.checkout / "pillar" / "cloud" / "roles.sls"
    text = roles.read_text("utf-8")
    if "docker, swarm]" not in text:
        raise RuntimeError(f"{roles} has no part swarm to take off")
    roles.write_text(text.replace("docker, swarm]", "docker]"), "utf-8")
    (roles.parent / "workloads.sls").unlink()
    shutil.rmtree(roles.parent / "workloads")


def figures() -> Iterator[Figure]:
    """Yield ``rejoin_vs_cold_call``, and ``rejoin_<step>_s`` of each step."""
    ours: list[dict[str, float]] = []
    plain: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Apart("bench", CHECKOUT, Path(folder) / "checkout", SUBNET).running(
            f"{OTHER},{NODE}"
        ) as lab,
    ):
        without_swarm(lab)
        for _ in range(ROUNDS):
            plain.append(cold_call(lab))
            ours.append(swap(lab))
    took = {name: statistics.median(one[name] for one in ours) for name in ours[0]}
    cold = {name: statistics.median(one[name] for one in plain) for name in plain[0]}
    yield Figure(
        "rejoin_vs_cold_call",
        took["all"] / cold["all"],
        "x",
        f"boot {cold['boot']:.1f} s, salt-call state.apply {cold['call']:.1f} s",
    )
    for name, seconds in took.items():
        yield Figure(f"rejoin_{name}_s", seconds, "s", f"{ROUNDS} swaps of one node")
