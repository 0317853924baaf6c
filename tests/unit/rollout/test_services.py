"""How the services do that a change is about."""

import pytest
from picloud.rollout.services import faults


def said(refused=None, missing=(), **more):
    web = {"image": "web:2", "mode": "replicated", "wanted": 2, "running": 2, **more}
    services = {"web": web, "other": web | {"running": 0}}
    return {"services": services, "missing": list(missing), "refused": refused or {}}


BACK = {"update": "rollback_completed", "message": "update rolled back due to failure"}


@pytest.mark.parametrize(
    ("report", "wrong", "busy"),
    [
        (said(), [], []),
        (said(update="completed"), [], []),
        (said(update="updating", running=1), [], ["web: updating"]),
        (said(running=1), ["web: 1 of 2 tasks run"], []),
        (
            said(changes={"image": ["web:1", "web:2"]}, **BACK),
            [
                "web: is not as described: image; update rollback completed: update rolled back"
                " due to failure"
            ],
            [],
        ),
        (said(**BACK), [], []),
        (said(update="paused"), ["web: update paused"], []),
        (said(update="rollback_started"), ["web: update rollback started"], []),
        (said(mode="replicated-job", running=0), [], []),
        (said(error="no such network"), ["web: no such network"], []),
        (
            said(refused={"web": "not in the registry"}),
            ["web is not applied: not in the registry"],
            [],
        ),
        (
            {"services": {}, "missing": ["web"], "refused": {}},
            ["web is not there"],
            [],
        ),
        ({"error": "no leader"}, [], ["its swarm cannot be asked: no leader"]),
        (None, ["it says nothing of its workloads"], []),
        (
            {"services": 1, "missing": []},
            [
                "it says of its workloads what no manager says: services: Input should be a valid"
                " dictionary"
            ],
            [],
        ),
    ],
)
def test_what_a_manager_says_of_the_services_of_a_change(report, wrong, busy):
    assert faults(report, {"web"}) == (wrong, busy)
