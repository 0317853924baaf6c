"""A node that is verified waits for state runs that are under way, with Salt's own queue."""

from unittest.mock import patch

import pytest
import salt.modules.state
import salt.utils.state
from salt.exceptions import CommandExecutionError

from _modules import pirejoin

RUNNING = {"fun": "state.highstate", "jid": "20200101000000000000", "pid": 1}


@pytest.fixture
def runs(tmp_path):
    """State runs that are under way: as many looks as there are entries find one."""
    runs = [RUNNING] * 3
    opts = {"cachedir": str(tmp_path), "id": "pi3", "sock_dir": str(tmp_path)}

    def is_running(_fun):
        return [runs.pop()] if runs else []

    dunders = {"__salt__": {"saltutil.is_running": is_running}, "__opts__": opts, "__context__": {}}
    with patch.multiple(salt.modules.state, create=True, **dunders):
        yield runs


def highstate(**given):
    """The queue of state.highstate, and a highstate that finds nothing to do."""
    conflict = salt.modules.state._check_queue(given.pop("queue"), given)
    return conflict if conflict is not None else {"file_|-a_|-a_|-managed": {"result": True}}


def test_a_verification_waits_until_the_highstate_is_over(runs):
    with patch.multiple(
        pirejoin, create=True, __salt__={"state.highstate": highstate}, __context__={}
    ):
        found = pirejoin._highstate()
    assert runs == []
    assert found == {"error": None, "states": 1, "failed": [], "would": []}


def dunders(**salt):
    return patch.multiple(pirejoin, create=True, __salt__=salt)


@pytest.mark.parametrize(
    ("switching", "said"), [(None, []), (False, []), (True, ["Salt is being restarted"])]
)
def test_a_node_says_what_is_still_under_way(switching, said):
    given = {} if switching is None else {"saltminion.is_switching": lambda: switching}
    with dunders(**given):
        assert pirejoin._busy() == said


def test_a_manager_says_how_its_services_do():
    look = {"services": {"web": {}}, "missing": [], "refused": {}, "nodes": [1], "tasks": [2]}
    with dunders(**{"swarmwork.look": lambda: look}):
        assert pirejoin._workloads() == {"services": {"web": {}}, "missing": [], "refused": {}}


def test_a_manager_whose_swarm_has_no_leader_says_so():
    def look():
        raise CommandExecutionError("The swarm does not have a leader")

    with dunders(**{"swarmwork.look": look}):
        assert pirejoin._workloads() == {"error": "The swarm does not have a leader"}
