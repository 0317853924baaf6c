"""A PostgreSQL server of Debian that is only for the tests, and that a test may stop and start."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import sqlalchemy as sa

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Postgres:
    """
    A server in a folder of its own.

    port
        Its port on loopback; left out, it is on a socket only.
    url
        The URL of the database that it has from the beginning.
    """

    def __init__(self, port=None):
        assert PROGRAMS, "Debian's postgresql is not installed: make test does it"
        # A folder that its user can reach; pytest's own are for root only.
        self.folder = tempfile.mkdtemp(prefix="picloud-pg-")
        self.port = port
        host = f"127.0.0.1&port={port}" if port else self.folder
        self.url = f"postgresql+psycopg://picloud@/postgres?host={host}"
        self._user = pwd.getpwnam("postgres")
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._data = f"{self.folder}/data"
        self._run("initdb", "--auth=trust", "--username=picloud", "--no-sync", self._data)

    def start(self):
        """Start it, and wait until it answers."""
        listen = (
            f"-c listen_addresses=127.0.0.1 -p {self.port}" if self.port else "-c listen_addresses="
        )
        options = f"{listen} -c unix_socket_directories={self.folder} -c fsync=off"
        log = f"{self.folder}/log"
        self._run("pg_ctl", "--pgdata", self._data, "--log", log, "-w", "-o", options, "start")

    def stop(self):
        """Stop it at once, as a crash does."""
        self._run("pg_ctl", "--pgdata", self._data, "-m", "immediate", "stop")

    def remove(self):
        """Stop it if it runs, and remove its folder."""
        if Path(self._data, "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)

    def database(self, name):
        """Return the URL of an empty database."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"drop database if exists {name} with (force)"))
            connection.execute(sa.text(f"create database {name}"))
        engine.dispose()
        return self.url.replace("/postgres?", f"/{name}?")

    def _run(self, program, *arguments):
        command = [str(PROGRAMS[-1] / program), *arguments]
        user = {"user": self._user.pw_uid, "group": self._user.pw_gid}
        demote = user if os.geteuid() == 0 else {}
        done = subprocess.run(
            command, check=False, cwd=self.folder, capture_output=True, text=True, **demote
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
