"""What can be done about a task that does not run."""

from __future__ import annotations

import pytest
from picloud.workloads import reasons

HERE = "head.pi.example:5000/picloud/web:1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            f"No such image: {HERE}",
            f"pi3 has no image {HERE} and could not pull it from head.pi.example:5000; what that"
            f" says: salt pi3 cmd.run 'docker pull {HERE}'",
        ),
        (
            "No such image: picloud/web:1'; reboot '",
            "pi3 has no image picloud/web:1 and could not pull it from docker.io; what that says:"
            " salt pi3 cmd.run 'docker pull picloud/web:1'",
        ),
        (
            "write /var/lib/docker/containers/ab/config.v2.json: no space left on device",
            "the card of pi3 is full; what takes the room: salt pi3 cmd.run 'df -h /var/lib/docker;"
            " docker system df'",
        ),
        (
            "task: non-zero exit (3)",
            "it ended by itself on pi3; what it said: salt-run workload.logs workload=web",
        ),
        (
            "task: non-zero exit (137): unhealthy container",
            "its health check failed on pi3; what it said: salt-run workload.logs workload=web",
        ),
        (
            "task: non-zero exit (137)",
            "it was killed on pi3, for more memory than its limit or by somebody; what it said:"
            " salt-run workload.logs workload=web",
        ),
        (
            "task: non-zero exit (255)",
            "it ended with its node pi3, or by itself; what it said: salt-run workload.logs"
            " workload=web",
        ),
        ("no suitable node (host-mode port already in use on 2 nodes)", ""),
        ("", ""),
    ],
)
def test_what_can_be_done(error: str, said: str) -> None:
    assert reasons.remedy(error, "web", "pi3") == said


@pytest.mark.parametrize(
    ("workload", "node"), [("web", "pi3; reboot"), ("web", ""), ("$(reboot)", "pi3")]
)
def test_no_name_gets_into_a_command_that_is_none(workload: str, node: str) -> None:
    assert reasons.remedy("task: non-zero exit (3)", workload, node) == ""


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        (HERE, "head.pi.example:5000"),
        ("registry.example/web", "registry.example"),
        ("localhost/web", "localhost"),
        ("picloud/web:1", "docker.io"),
        ("web:1.35", "docker.io"),
    ],
)
def test_where_an_image_comes_from(image: str, registry: str) -> None:
    assert reasons.registry(image) == registry
