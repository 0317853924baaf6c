"""What tests of rollouts in the lab share: parts that are guarded, and how a rollout goes on."""

from lab.apart import Apart

NODES = ("pi0", "pi1", "pi2")


class Guarded:
    """A lab in which changes of some parts go from node to node."""

    def __init__(self, lab: Apart):
        self.lab = lab
        self.folder = lab.checkout / "pillar" / "cloud"
        self.changed = NODES
        self.before = {path: path.read_text() for path in self.folder.glob("*.sls")}

    def guard(self, part, canary, tries):
        """Guard a part; what nodes have of it is on record then."""
        (self.folder / "rollout.sls").write_text(
            f"rollout: {{parts: [{part}], canaries: [{canary}], at_once: 1, soak_s: 3,"
            f" tries: {tries}}}\n"
        )
        self.lab.wait(
            "it is on record what nodes have",
            lambda: self.lab.run("rollout.plan", f"part={part}").get("part") == part,
            60,
        )

    def describe(self, name, text):
        """Write a file of the description that is not there yet."""
        (self.folder / name).write_text(text)

    def edit(self, name, old, new):
        text = (self.folder / name).read_text()
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))

    def status(self):
        """The rollout as it is; None while the master does not answer."""
        try:
            found = self.lab.run("rollout.status")
        except AssertionError:
            return None
        return found if "step" in found else None

    def states(self):
        nodes = self.status()["nodes"]
        return {node: nodes[node]["state"] for node in NODES}

    def until(self, *steps, wave=None, seconds=400):
        """Wait until the rollout is at a step; its status then."""

        def reached():
            found = self.status()
            at = found and (found["step"] in steps and wave in (None, found["wave"]))
            return found if at else None

        return self.lab.wait(f"the rollout is {' or '.join(steps)}", reached, seconds)

    def restore(self):
        """Put the description back, and all nodes to what it says."""
        self.lab.run("rollout.abort", "back=false")
        for path in self.folder.glob("*.sls"):
            if self.before.get(path) is None:
                path.unlink()
            elif path.read_text() != self.before[path]:
                path.write_text(self.before[path])
        self.lab.wait(
            "nothing waits for a rollout",
            lambda: not any(self.lab.run("rollout.status", "number=all")["open"].values()),
        )
        for node in self.changed:
            states = self.lab.salt(node, "state.highstate", "queue=True", timeout=900)
            assert all(state["result"] for state in states.values()), states
