"""
A lab apart for the tests: a copy of the checkout on 10.81.0.0/16, removed in the end.

``lab`` is up and converged when a test gets it, with nodes pi0, pi1 and pi2; see
:class:`lab.apart.Apart` for what it can do. A test that breaks something puts it right again.

A second run beside this one on the same machine needs another name and subnet:
``PICLOUD_TEST_LAB=mine PICLOUD_TEST_SUBNET=10.91.``
"""

import os

import pytest

from lab import host
from lab.apart import Apart

# Rows of the table part x run, filled by test_parts.
REPORT: dict[str, dict[str, str]] = {}


#: What a test changes by hand, the master would put right in the middle of the test.
UNSCHEDULED = """\
schedule:
  picloud-swarm-mend: {function: swarm.mend, minutes: 5, enabled: false}
"""


@pytest.fixture(scope="session", autouse=True)
def machine():
    """Install and start what the lab needs, as ``make up`` does; every test here uses it."""
    if os.geteuid() != 0:
        pytest.fail("the lab needs root: run make test as root or with sudo")
    host.install_tools()
    host.start_engine()


@pytest.fixture(scope="session")
def lab(repo, tmp_path_factory):
    """Return a lab of three nodes in one rack: one manager of the swarm, two workers."""
    name = os.environ.get("PICLOUD_TEST_LAB", "picloud-test")
    subnet = os.environ.get("PICLOUD_TEST_SUBNET", "10.81.")
    apart = Apart(name, repo, tmp_path_factory.mktemp("lab") / "checkout", subnet)
    with apart.running("pi0,pi1,pi2") as running:
        write = f"cat >/etc/salt/master.d/tests.conf <<'END'\n{UNSCHEDULED}END\n"
        running.execute("head", "sh", "-ec", f"{write}systemctl restart salt-master")
        for node in ("pi0", "pi1", "pi2"):
            running.wait(
                "it answers", lambda node=node: running.salt(node, "test.ping", timeout=10)
            )
        yield running


@pytest.fixture(scope="session")
def part_report():
    """Return the table part x run, printed when all tests are done."""
    return REPORT


def pytest_terminal_summary(terminalreporter):
    """Print the table part x run."""
    if not REPORT:
        return
    runs = list(next(iter(REPORT.values())))
    terminalreporter.section("part x run, on a real node")
    width = max(len(part) for part in REPORT) + 2
    terminalreporter.write_line(" " * width + "  ".join(f"{run:>12}" for run in runs))
    for part, cells in REPORT.items():
        line = "  ".join(f"{cells.get(run, 'not run'):>12}" for run in runs)
        terminalreporter.write_line(f"{part:<{width}}{line}")
