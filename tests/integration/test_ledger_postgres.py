"""The tests of the ledger once more, on a PostgreSQL server of Debian that is only for them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.ledger.test_ledger import *  # noqa: F403 - all of them, with another database

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="module")
def server():
    """Start a server in a folder of its own, on a socket only; it ends with the tests."""
    assert PROGRAMS, "Debian's postgresql is not installed: make test does it"
    # A folder that its user can reach; pytest's own are for root only.
    folder = tempfile.mkdtemp(prefix="picloud-pg-")
    try:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)

        def run(program, *arguments):
            command = [str(PROGRAMS[-1] / program), *arguments]
            demote = {"user": user.pw_uid, "group": user.pw_gid} if os.geteuid() == 0 else {}
            done = subprocess.run(
                command, check=False, cwd=folder, capture_output=True, text=True, **demote
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

        data = f"{folder}/data"
        run("initdb", "--auth=trust", "--username=picloud", "--no-sync", data)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "--pgdata", data, "--log", f"{folder}/log", "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://picloud@/postgres?host={folder}"
        finally:
            run("pg_ctl", "--pgdata", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def url(server):
    """Return the URL of an empty database."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("drop database if exists ledger with (force)"))
        connection.execute(sa.text("create database ledger"))
    engine.dispose()
    return server.replace("/postgres?", "/ledger?")


def test_this_is_postgresql(ledger):
    with ledger.database.read() as connection:
        said = connection.execute(sa.text("select version()")).scalar_one()
    assert said.startswith("PostgreSQL")


def test_no_text_breaks_a_row(ledger):
    name = "x" * 500 + "\u20ac"
    ledger.decisions.add(DecisionRow("pi3", 1.0, "a", "b", name))  # noqa: F405
    assert ledger.decisions.of("pi3")[0].reason == name
