"""
The swarm of a lab as Docker's own client on its managers has it: also while the master is away.
"""

import subprocess
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lab import cluster, shell
from lab.apart import Apart

#: Seconds for a manager to answer, and between two looks.
ANSWER_S, LOOK_S = 20, 0.5
#: Longest that managers take to elect one that leads, on a busy machine too.
LEADER_S = 60
READY = ("Ready", "Ready Leader", "Ready Reachable")
LABEL = "com.docker.swarm.service.name"


class Swarm:
    """
    A lab's swarm.

    lab
        The lab, which runs.
    managers
        Managers to ask, in this order; the first that answers will do.

    What does not come in time is an AssertionError that says how it is instead.

    Example::

        swarm = Swarm(lab, ["pi0"])
        seconds = swarm.heal(["pi1"], {"web": 3})
    """

    def __init__(self, lab: Apart, managers: Sequence[str]) -> None:
        self.lab, self.managers = lab, tuple(managers)

    def ask(self, *command: str) -> str:
        """Run the docker client on a manager that answers; AssertionError when none does."""
        said = []
        for name in self.managers:
            full = ["docker", "exec", self.lab.settings.container(name), "docker", *command]
            try:
                done = subprocess.run(
                    shell.program(full),
                    capture_output=True,
                    text=True,
                    timeout=ANSWER_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                said.append(f"{name}: nothing within {ANSWER_S} s")
                continue
            if done.returncode == 0:
                return done.stdout
            said.append(f"{name}: {done.stderr.strip()}")
        raise AssertionError(f"no manager answers docker {command[0]}: {'; '.join(said)}")

    def nodes(self) -> dict[str, str]:
        """State of each node, ``Ready`` or ``Down``; of managers ``Ready Leader`` and the like."""
        form = "{{.Hostname}}\t{{.Status}} {{.ManagerStatus}}"
        lines = self.ask("node", "ls", "--format", form).splitlines()
        return {name: state.strip() for name, state in (line.split("\t") for line in lines)}

    def leader(self) -> str:
        """The manager that leads; while managers elect one, that is waited for."""
        found: str = self.lab.wait("a manager leads", self._leader, LEADER_S)
        return found

    def _leader(self) -> str:
        try:
            found = [name for name, state in self.nodes().items() if state == "Ready Leader"]
        except AssertionError:
            return ""
        return found[0] if found else ""

    def running(self, service: str) -> Counter[str]:
        """How many tasks of a service run, by node; those of a node not known to be down count."""
        form = ("--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}")
        lines = (line.split() for line in self.ask("service", "ps", *form, service).splitlines())
        return Counter(words[0] for words in lines if words[1:2] == ["Running"])

    def is_full(self, wanted: Mapping[str, int], without: Collection[str] = ()) -> bool:
        """
        Whether all tasks run.

        wanted
            Number of tasks by service.
        without
            Nodes on which none is to run.
        """
        found = {name: self.running(name) for name in wanted}
        return all(
            found[name].total() == number and not any(found[name][node] for node in without)
            for name, number in wanted.items()
        )

    def until_full(
        self, wanted: Mapping[str, int], without: Collection[str] = (), seconds: float = 120
    ) -> float:
        """
        Wait until all tasks run; how many seconds that took.

        wanted, without
            See :meth:`is_full`.
        seconds
            How long to wait.
        """
        begin = time.monotonic()
        trouble = ""
        while (taken := time.monotonic() - begin) < seconds:
            try:
                if self.is_full(wanted, without):
                    return taken
                trouble = "; ".join(f"{name}: {dict(self.running(name))}" for name in wanted)
            except AssertionError as err:  # managers elect another leader
                trouble = str(err)
            time.sleep(LOOK_S)
        raise AssertionError(f"{dict(wanted)} do not all run after {seconds:.0f} s: {trouble}")

    def heal(
        self, victims: Collection[str], wanted: Mapping[str, int], seconds: float = 120
    ) -> float:
        """
        Kill nodes at once, and wait until all tasks run on others; how many seconds that took.

        victims
            The nodes.
        wanted, seconds
            See :meth:`until_full`.
        """
        self.lab.docker("kill", *map(self.lab.settings.container, victims))
        return self.until_full(wanted, victims, seconds)

    def start(self, names: Collection[str], seconds: float = 180) -> None:
        """
        Start nodes, and wait until the swarm has them again.

        names
            The nodes.
        seconds
            How long to wait.
        """
        settings = self.lab.settings
        self.lab.docker("start", *map(settings.container, names))
        since = dict.fromkeys(names, time.monotonic())

        def ready() -> bool:
            left = self._unready(names)
            for name in left:
                # 1 of 56 containers boots without its units.
                if cluster.is_stuck(settings, name, time.monotonic() - since[name]):
                    self.lab.docker("restart", settings.container(name))
                    since[name] = time.monotonic()
            return not left

        self.lab.wait(f"{', '.join(names)} are ready", ready, seconds)

    def until_ready(self, names: Collection[str], seconds: float = 180) -> None:
        """
        Wait until nodes are ready, and those that are managers can be reached.

        names
            The nodes.
        seconds
            How long to wait.
        """
        what = f"{', '.join(names)} are ready"
        self.lab.wait(what, lambda: not self._unready(names), seconds)

    def _unready(self, names: Collection[str]) -> list[str]:
        """Those of some nodes that the swarm has not."""
        try:
            found = self.nodes()
        except AssertionError:  # managers elect another leader
            return list(names)
        return [name for name in names if found.get(name) not in READY]

    def containers(self, node: str, service: str) -> set[str]:
        """
        Containers of a service that run on a node, whatever the managers know of it.

        node, service
            Which ones.
        """
        command = ("docker", "ps", "--quiet", "--filter", f"label={LABEL}={service}")
        return set(self.lab.execute(node, *command).stdout.split())

    def describe(self, text: str) -> None:
        """
        Have the description say other workloads than the shipped ones, in the lab's own checkout.

        text
            YAML with ``container_images`` and ``workloads``.
        """
        folder = self.lab.checkout / "pillar" / "cloud"
        for path in folder.glob("workloads/**/*.sls"):
            path.unlink()
        (folder / "workloads.sls").write_text(text, "utf-8")

    def apply(self) -> dict[str, Any]:
        """Bring what is described into force; what changed, by id of the state."""
        states = self.lab.salt(self.leader(), "state.apply", "swarm", "queue=True")
        assert isinstance(states, dict), states
        bad = {one["__id__"]: one["comment"] for one in states.values() if not one["result"]}
        assert not bad, bad
        return {one["__id__"]: one["changes"] for one in states.values() if one["changes"]}
