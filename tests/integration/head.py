"""A master with the shipped configuration and the engine in it, which a test may kill and start."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import picloud_salt
import psutil
import pytest
import salt.config
import salt.loader
import yaml
from picloud_rejoin.keys import KeyStore
from picloud_rejoin.sweep import LISTENED

REPO = Path(__file__).resolve().parents[2]
ROLES = "  pi: {default: true, parts: [base, boot, salt_minion]}\n  docker: {parts: [docker]}\n"
#: Short times, so that a test sees what comes after them.
QUICK = """\
rejoin:
  backoff_s: 1
  sweep_s: 5
  limits_s: {alive: 3, start: 60, evidence: 30, converge: 120}
"""


def free_ports(count):
    """Return ports of loopback that nobody uses now."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


def describe(folder, policy=QUICK):
    """Write a tiny cloud whose nodes get no parts: the machine of the tests is not changed."""
    shutil.copytree(REPO / "tests/data/tiny", folder)
    text = (folder / "cloud.sls").read_text()
    bare = ROLES.replace("[base, boot, salt_minion]", "[]").replace("[docker]", "[]")
    (folder / "cloud.sls").write_text(text.replace(ROLES, bare))
    (folder / "rejoin.sls").write_text(policy)
    return folder


class Head:
    """
    A master as processes of this machine, with the shipped configuration.

    description
        The folder of its cloud.
    more
        Further options of the master.
    """

    def __init__(self, description, **more):
        # Paths of sockets may have 107 characters: pytest's own folders are too long for them.
        self._folder = tempfile.TemporaryDirectory(prefix="head-")
        self.root = Path(self._folder.name)
        text = (REPO / "master" / "master.d" / "picloud.conf").read_text()
        text = text.replace("/srv/picloud/pillar/cloud", str(description))
        ports = free_ports(2)
        config = yaml.safe_load(text.replace("/srv/picloud", str(REPO))) | {
            "root_dir": str(self.root),
            "interface": "127.0.0.1",
            "publish_port": ports[0],
            "ret_port": ports[1],
            "user": getpass.getuser(),
            "log_file": "master.log",
            "log_level_logfile": "info",
            **more,
        }
        (self.root / "etc").mkdir()
        (self.root / "etc" / "master").write_text(yaml.safe_dump(config))
        self.opts = salt.config.master_config(str(self.root / "etc" / "master"))
        self.port = ports[1]
        self.ledger = picloud_salt.ledger(self.opts)
        self._log = Path(self.opts["log_file"])
        self._process = None

    @property
    def pid(self):
        """The process that all others of it come from."""
        return self._process.pid

    def start(self, engine=True):
        """Start it, and wait until it answers and the engine, if it has one, listens."""
        before = self.ledger.marks.at(LISTENED) if engine else 0.0
        program = str(Path(sys.executable).with_name("salt-master"))
        with (self.root / "master.out").open("ab") as out:
            self._process = subprocess.Popen(
                [program, "-c", str(self.root / "etc")],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.wait(self._answers, 150)
        self.keys = KeyStore(self.opts)  # its folders are there now
        if engine:
            # Its process is there before it hears anything; its first round ends with a sweep.
            self.wait(lambda: self.ledger.marks.at(LISTENED) != before, 150)

    def kill(self):
        """Pull the plug: no process of it lives on."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def engine(self):
        """Return the process of the engine, None while there is none."""
        for one in psutil.Process(self._process.pid).children(recursive=True):
            try:
                named = [word for word in one.cmdline() if word.startswith("Engine")]
                # Salt names a process that it starts again without its engine.
                if named and "reactor" not in named[0]:
                    return one
            except psutil.NoSuchProcess:
                continue
        return None

    @property
    def log(self):
        """What it said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def card(self, folder, **wanted):
        """Prepare a card; return the folder of its seed."""
        made = salt.loader.runner(self.opts)["card.prepare"](directory=str(folder), **wanted)
        assert "cards" in made, made
        return Path([card["seed"] for card in made["cards"].values()][-1])

    def run(self, function, **wanted):
        """Run a runner, as ``salt-run`` does."""
        return salt.loader.runner(self.opts)[function](**wanted)

    def wait(self, there, seconds=60, pause=0.2):
        """Wait until something is so, and look every ``pause`` seconds; return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := there():
                return found
            time.sleep(pause)
        rows, refused = self.ledger.rejoins.all(), self.ledger.strangers.list()[:3]
        pytest.fail(f"not within {seconds} s; {rows}; {refused}; {self.log[-2000:]}")

    def step(self, node, step, since=0.0, seconds=60):
        """Wait until a node is at a step that it reached after a time; return its row."""

        def there():
            row = self.ledger.rejoins.get(node)
            return row if row is not None and row.step == step and row.step_at > since else None

        return self.wait(there, seconds)

    def refused(self, name, seconds=30):
        """Wait until somebody was refused; return who it was, and why."""
        return self.wait(
            lambda: next((one for one in self.ledger.strangers.list() if one.name == name), None),
            seconds,
        )

    def quiet(self, seconds=20):
        """Wait until the engine has looked at all that it heard."""
        time.sleep(1)  # what is on the bus now is heard within a round
        self.wait(lambda: not self.ledger.journal.waiting(1), seconds)

    def _answers(self):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0
