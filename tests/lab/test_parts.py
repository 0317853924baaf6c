"""Every part on a real node: test mode, apply, apply again, absent, and back."""

from contextlib import nullcontext

import pytest

from tests.conftest import REPO
from tests.lab.keeping import keeping

# The master has the registry, and no node: test_images.py. Who is to be in a swarm again needs a
# token from its master, which applying a part does not bring: test_swarm_part.py.
ELSEWHERE = {"registry", "swarm"}
PARTS = sorted({path.parent.name for path in (REPO / "salt").glob("*/absent.sls")} - ELSEWHERE)
RUNS = ("absent", "absent again", "test", "harmless", "apply", "again", "test again")
# Not the manager of the swarm: it would end with its Docker Engine.
NODE = "pi1"
# There while the minion is being restarted.
UNIT = "/etc/systemd/system/picloud-minion-switch.service"

# Everything a state may touch; what daemons write by themselves is left out.
SNAPSHOT = """
find /etc /boot /home /root /usr /var/spool /var/swap* /opt -xdev \
  -not -path '*/__pycache__*' -not -path '/etc/docker/key.json' -not -name '*.pyc' \
  -printf '%p %y %m %u %g %s %T@ %l\\n' 2>/dev/null | sort
dpkg-query -W -f '${Package} ${Version} ${Status}\\n'
apt-mark showhold
"""


def apply(lab, sls, **options):
    """Apply an SLS; the states that changed, failing with the comments of those that failed."""
    arguments = [f"{name}={value}" for name, value in options.items()]
    states = lab.salt(NODE, "state.apply", sls, "queue=True", *arguments)
    assert isinstance(states, dict), f"{sls}: {states}"
    bad = {
        state["__id__"]: state["comment"] for state in states.values() if state["result"] is False
    }
    assert not bad, bad
    return {state["__id__"] for state in states.values() if state["changes"]}


def settle(lab):
    """Wait until the minion answers: the salt_minion part may restart it after the job."""

    def restarted():
        return lab.execute(NODE, "test", "!", "-e", UNIT, check=False).returncode == 0

    lab.wait(f"{NODE} restarted its minion", restarted, 300)
    lab.wait(f"{NODE} answers", lambda: lab.salt(NODE, "test.ping", timeout=10) is True, 120)


@pytest.fixture
def picked(lab, part):
    """See to it that the node has a part that no shipped role picks; its name."""
    with keeping(lab, NODE, "/srv/kept") if part == "keep" else nullcontext():
        yield part
    if part == "docker":
        # Its place in the swarm went with its Docker Engine.
        said = lab.run("swarm.join", f"nodes={NODE}")
        assert said == {"members": {"glasgow": [NODE]}, "refused": {}}


@pytest.mark.parametrize("part", PARTS)
def test_part(lab, picked, part, part_report):
    row = part_report.setdefault(part, dict.fromkeys(RUNS, "not run"))

    def run(name, check):
        row[name] = "FAILED"
        row[name] = check() or "ok"

    def removed():
        assert apply(lab, f"{part}.absent"), "there was nothing to undo: was it applied?"
        settle(lab)

    def removed_before():
        assert apply(lab, f"{part}.absent") == set()
        return "0 changes"

    def planned():
        plan.update(apply(lab, part, test=True))
        assert plan
        return f"{len(plan)} planned"

    def harmless():
        assert lab.execute(NODE, "sh", "-c", SNAPSHOT).stdout == before

    def applied():
        done = apply(lab, part)
        assert done == plan
        settle(lab)
        return f"{len(done)} changes"

    def applied_before():
        assert apply(lab, part) == set()
        return "0 changes"

    def planned_before():
        assert apply(lab, part, test=True) == set()
        return "0 planned"

    plan = set()
    run("absent", removed)
    run("absent again", removed_before)
    before = lab.execute(NODE, "sh", "-c", SNAPSHOT).stdout
    run("test", planned)
    run("harmless", harmless)
    run("apply", applied)
    run("again", applied_before)
    run("test again", planned_before)
