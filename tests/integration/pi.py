"""A Pi in a folder: a card written by first boot, a made-up board, a real salt-minion process."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import boards

REPO = Path(__file__).resolve().parents[2]
#: What a minion of a test does not have to wait for.
CONFIG = """\
master: 127.0.0.1
master_port: {port}
user: root
root_dir: {root}
pidfile: {root}/minion.pid
picloud_board_root: {root}/board
picloud_etc: {root}/etc/picloud
picloud_run: {root}/run/picloud
autoload_dynamic_modules: false
start_event_grains: [pi, picloud]
enable_legacy_startup_events: false
rejected_retry: true
acceptance_wait_time: 1
acceptance_wait_time_max: 2
random_reauth_delay: 1
recon_default: 200
recon_max: 1000
auth_timeout: 5
auth_tries: 1000
master_tries: -1
log_level_logfile: info
file_client: remote
"""

#: Stands for systemd's program, as the minion calls it: a test restarts the minion itself.
SYSTEMD_RUN = """\
#!/bin/sh
test "$*" = "--quiet --on-active=1 systemctl restart salt-minion" && touch {root}/restart
"""


class Pi:
    """
    One Pi: a board, and a card in it.

    board
        A :class:`lab.boards.Board`.
    port
        The master's ``ret_port``.
    """

    def __init__(self, board, port):
        # Paths of sockets may have 107 characters: pytest's own folders are too long for them.
        self._folder = tempfile.TemporaryDirectory(prefix="pi-")
        self.root, self.port = Path(self._folder.name), port
        self._process = None
        self.put(board)

    def put(self, board):
        """Put the card into a board."""
        for path in sorted((self.root / "board").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        boards.write(self.root / "board", board)

    def first_boot(self, seed):
        """Copy a seed to the boot partition and boot for the first time."""
        target = self.root / "boot/firmware/picloud-seed"
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.root / "etc/ssh").mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(seed), str(target)], check=True)
        program = str(REPO / "firstboot" / "picloud-firstboot")
        subprocess.run([sys.executable, program, "--root", str(self.root)], check=True)
        config = CONFIG.format(port=self.port, root=self.root)
        (self.root / "etc/salt/minion.d/99-test.conf").write_text(config)
        (self.root / "etc/salt/minion").write_text("")
        shim = self.root / "bin/systemd-run"
        shim.parent.mkdir()
        shim.write_text(SYSTEMD_RUN.format(root=self.root))
        shim.chmod(0o755)

    def start(self):
        """Start salt-minion."""
        program = str(Path(sys.executable).with_name("salt-minion"))
        path = f"{self.root}/bin:{os.environ['PATH']}"
        with (self.root / "minion.out").open("ab") as out:
            self._process = subprocess.Popen(
                [program, "-c", str(self.root / "etc/salt"), "--disable-keepalive"],
                stdout=out,
                stderr=out,
                env={**os.environ, "PATH": path},
                start_new_session=True,
            )

    def kill(self):
        """Pull the plug."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def restart_if_asked(self):
        """Restart its minion if that was asked for."""
        asked = self.root / "restart"
        if asked.exists():
            asked.unlink()
            self.kill()
            self.start()

    @property
    def log(self):
        """What its minion logged."""
        path = self.root / "var/log/salt/minion"
        return path.read_text() if path.exists() else ""
