"""Specifications of services: checked with all faults at once, put into Docker's words, back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError

from _modules import swarmspec, swarmvalues
from tests.unit.swarm.spec import LOADED

IMAGE = {"image": "picloud/web:1"}


@pytest.fixture
def configure_loader_modules():
    return LOADED


def build(**spec):
    return swarmspec.service("web", {**IMAGE, **spec})


def task(**spec):
    return build(**spec)["TaskTemplate"]


def container(**spec):
    return task(**spec)["ContainerSpec"]


def test_the_least():
    assert build() == {
        "Labels": {},
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": "picloud/web:1"}},
        "Mode": {"Replicated": {"Replicas": 1}},
    }


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        ({"replicas": 3}, {"Replicated": {"Replicas": 3}}),
        ({"replicas": 0}, {"Replicated": {"Replicas": 0}}),
        ({"mode": "global"}, {"Global": {}}),
        ({"mode": "global-job"}, {"GlobalJob": {}}),
        (
            {"mode": "replicated-job", "replicas": 4},
            {"ReplicatedJob": {"MaxConcurrent": 4, "TotalCompletions": 4}},
        ),
        (
            {"mode": "replicated-job", "replicas": 4, "max_concurrent": 2},
            {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 4}},
        ),
    ],
)
def test_modes(spec, mode):
    assert build(**spec)["Mode"] == mode


def test_jobs_end():
    assert task(mode="global-job")["RestartPolicy"] == {"Condition": "on-failure"}
    once = {"condition": "none"}
    assert task(mode="global-job", restart_policy=once)["RestartPolicy"] == {"Condition": "none"}


@pytest.mark.parametrize(
    ("spec", "docker"),
    [
        ({"command": "sh -c 'a b'"}, {"Command": ["sh", "-c", "a b"]}),
        ({"args": ["a", "b"]}, {"Args": ["a", "b"]}),
        ({"env": {"B": "x=y", "A": 1, "E": ""}}, {"Env": ["A=1", "B=x=y", "E="]}),
        ({"user": 1000}, {"User": "1000"}),
        ({"stop_grace_period": "1m30s"}, {"StopGracePeriod": 90 * 10**9}),
        ({"stop_grace_period": 2}, {"StopGracePeriod": 2 * 10**9}),
        ({"cap_add": ["net_admin"]}, {"CapabilityAdd": ["CAP_NET_ADMIN"]}),
        ({"init": False}, {"Init": False}),
        ({"healthcheck": {"test": "NONE"}}, {"Healthcheck": {"Test": ["NONE"]}}),
        ({"healthcheck": {"test": "a b"}}, {"Healthcheck": {"Test": ["CMD-SHELL", "a b"]}}),
        (
            {"healthcheck": {"test": ["a", "b"], "interval": "10s", "retries": 2}},
            {"Healthcheck": {"Test": ["CMD", "a", "b"], "Interval": 10**10, "Retries": 2}},
        ),
        (
            {"mounts": [{"source": "d", "target": "/d", "volume": {"driver": "local"}}]},
            {
                "Mounts": [
                    {
                        "Type": "volume",
                        "Source": "d",
                        "Target": "/d",
                        "VolumeOptions": {"DriverConfig": {"Name": "local"}},
                    }
                ]
            },
        ),
        (
            {
                "mounts": [
                    {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1M", "mode": "0700"}}
                ]
            },
            {
                "Mounts": [
                    {
                        "Type": "tmpfs",
                        "Target": "/t",
                        "TmpfsOptions": {"SizeBytes": 2**20, "Mode": 0o700},
                    }
                ]
            },
        ),
        (
            {"configs": ["web", {"source": "web", "target": "/x", "mode": "0440", "uid": 1}]},
            {
                "Configs": [
                    {
                        "File": {"Name": "/web", "UID": "0", "GID": "0", "Mode": 0o444},
                        "ConfigID": "web",
                        "ConfigName": "web",
                    },
                    {
                        "File": {"Name": "/x", "UID": "1", "GID": "0", "Mode": 0o440},
                        "ConfigID": "web",
                        "ConfigName": "web",
                    },
                ]
            },
        ),
        (
            {"secrets": ["pw"]},
            {
                "Secrets": [
                    {
                        "File": {"Name": "pw", "UID": "0", "GID": "0", "Mode": 0o444},
                        "SecretID": "pw",
                        "SecretName": "pw",
                    }
                ]
            },
        ),
    ],
)
def test_the_container(spec, docker):
    assert container(**spec) == {"Image": "picloud/web:1", **docker}


def test_resources():
    found = task(
        resources={
            "limits": {"cpus": 0.5, "memory": "64M", "pids": 10},
            "reservations": {"cpus": 1, "memory": 2**20, "generic": {"mbps": 40}},
        }
    )["Resources"]
    assert found == {
        "Limits": {"NanoCPUs": 5 * 10**8, "MemoryBytes": 2**26, "Pids": 10},
        "Reservations": {
            "NanoCPUs": 10**9,
            "MemoryBytes": 2**20,
            "GenericResources": [{"DiscreteResourceSpec": {"Kind": "mbps", "Value": 40}}],
        },
    }


def test_placement():
    found = task(
        placement={
            "constraints": ["node.role != manager", "node.labels.rack==rack 1"],
            "spread": ["node.labels.site", "node.labels.rack"],
            "max_replicas_per_node": 1,
            "platforms": ["linux/arm64"],
        }
    )["Placement"]
    assert found == {
        "Constraints": ["node.labels.rack==rack 1", "node.role!=manager"],
        "Preferences": [
            {"Spread": {"SpreadDescriptor": "node.labels.site"}},
            {"Spread": {"SpreadDescriptor": "node.labels.rack"}},
        ],
        "MaxReplicas": 1,
        "Platforms": [{"OS": "linux", "Architecture": "arm64"}],
    }


def test_policies_say_their_parallelism():
    found = build(
        update_config={"delay": "1s", "failure_action": "rollback"},
        rollback_config={"parallelism": 0},
    )
    assert found["UpdateConfig"] == {
        "Parallelism": 1,
        "Delay": 10**9,
        "FailureAction": "rollback",
    }
    assert found["RollbackConfig"] == {"Parallelism": 0}
    assert "UpdateConfig" not in build()


def test_ports():
    found = build(
        publish=[{"target": 80, "published": 8080, "mode": "host"}, {"target": 81}],
    )["EndpointSpec"]
    assert found == {
        "Ports": [
            {"Protocol": "tcp", "PublishMode": "host", "TargetPort": 80, "PublishedPort": 8080},
            {"Protocol": "tcp", "PublishMode": "ingress", "TargetPort": 81},
        ]
    }


def test_names_are_looked_up():
    known = {
        "networks": {"net": {"id": "n1", "name": "net"}},
        "configs": {"web": {"id": "c2", "name": "web-v2"}},
        "secrets": {},
    }
    spec = {**IMAGE, "networks": [{"name": "net", "aliases": ["a"]}], "configs": ["web"]}
    found = swarmspec.service("web", spec, known)["TaskTemplate"]
    assert found["Networks"] == [{"Target": "n1", "Aliases": ["a"]}]
    assert found["ContainerSpec"]["Configs"][0]["ConfigID"] == "c2"
    assert found["ContainerSpec"]["Configs"][0]["ConfigName"] == "web-v2"
    bad = {**IMAGE, "networks": ["nett"], "configs": ["wib"], "secrets": ["pw"]}
    with pytest.raises(SaltInvocationError) as err:
        swarmspec.service("web", bad, known)
    for words in (
        'networks[0].name: there is no network nett in this swarm; did you mean "net"?',
        'configs[0].source: there is no config wib in this swarm; did you mean "web"?',
        "secrets[0].source: there is no secret pw in this swarm; there are: -",
    ):
        assert words in str(err.value)


BAD = [
    ({"image": 5}, "image: must be the name of an image, is 5"),
    ({"image": None}, "image: is missing"),
    ({"imag": "x"}, 'imag: there is no such field; did you mean "image"?'),
    ({"ports": []}, 'ports: there is no such field; did you mean "publish"?'),
    ({"environment": {}}, 'environment: there is no such field; did you mean "env"?'),
    ({"qqqqq": 1}, "qqqqq: there is no such field; known: mode, "),
    ({"mode": "swarm"}, "mode: must be one of replicated, global, "),
    ({"replicas": "two"}, "replicas: must be a whole number, 0 or more, is 'two'"),
    ({"replicas": True}, "replicas: must be a whole number"),
    ({"replicas": -1}, "replicas: must be a whole number"),
    ({"mode": "global", "replicas": 2}, "replicas: a global service runs once on every node"),
    ({"max_concurrent": 2}, "max_concurrent: a replicated service has none"),
    ({"command": [1]}, "command: must be a list of words"),
    ({"command": "sh 'a"}, "command: must be a list of words"),
    ({"env": {"A": True}}, "env: must be names with texts"),
    ({"env": {"A B": "1"}}, "env: A B: names of variables have no blanks"),
    ({"env": ["A=1"]}, "env: must be names with texts"),
    ({"labels": {"a": None}}, "labels: must be names with texts"),
    ({"init": "yes"}, "init: must be true or false, is 'yes'"),
    ({"stop_grace_period": "5 s"}, "stop_grace_period: must be a duration"),
    ({"stop_grace_period": -5}, "stop_grace_period: must be a duration"),
    ({"resources": {"limits": {"cpu": 1}}}, "resources.limits.cpu: there is no such field; did"),
    ({"resources": {"limits": {"cpus": 0}}}, "resources.limits.cpus: must be a number above 0"),
    ({"resources": {"limits": {"memory": "64X"}}}, "resources.limits.memory: must be a size"),
    ({"resources": {"limits": {"generic": {}}}}, "resources.limits.generic: there is no such"),
    ({"resources": {"reservation": {}}}, "resources.reservation: there is no such field; did you"),
    (
        {"resources": {"reservations": {"generic": {"mbps": "40"}}}},
        "resources.reservations.generic: must be names with whole numbers",
    ),
    ({"placement": ["node.role == worker"]}, "placement: must be a mapping of fields"),
    ({"placement": {"constraints": ["rack1"]}}, "placement.constraints: must be a list such as"),
    ({"placement": {"platforms": ["arm64"]}}, "placement.platforms: must be a list such as"),
    (
        {"mode": "global", "placement": {"max_replicas_per_node": 1}},
        "placement.max_replicas_per_node: a global service runs once per node",
    ),
    ({"publish": {"target": 80}}, "publish: must be a list"),
    ({"publish": [{"published": 80}]}, "publish[0].target: is missing"),
    ({"publish": [{"target": 70000}]}, "publish[0].target: must be a port"),
    (
        {"publish": [{"target": 80}], "endpoint_mode": "dnsrr"},
        "publish[0].mode: must be host where endpoint_mode is dnsrr",
    ),
    (
        {"publish": [{"target": 80, "published": 1}, {"target": 81, "published": 1}]},
        "publish[1].published: 1/tcp is published twice",
    ),
    ({"mounts": "x"}, "mounts: must be a list, is 'x'"),
    ({"mounts": [{"source": "d"}]}, "mounts[0].target: must be an absolute path"),
    ({"mounts": [{"source": "d", "target": "d"}]}, "mounts[0].target: must be an absolute path"),
    ({"mounts": [{"type": "bind", "target": "/d"}]}, "mounts[0].source: must be an absolute path"),
    (
        {"mounts": [{"type": "tmpfs", "source": "d", "target": "/d"}]},
        "mounts[0].source: a tmpfs has none",
    ),
    (
        {"mounts": [{"source": "d", "target": "/d", "tmpfs": {"size": 1}}]},
        "mounts[0].tmpfs: is for mounts of type tmpfs, this one is a volume",
    ),
    ({"healthcheck": {"interval": "x"}}, "healthcheck.interval: must be a duration"),
    ({"networks": [{}]}, "networks[0].name: is missing"),
    ({"networks": [3]}, "networks[0]: must be a mapping of fields, is 3"),
    ({"secrets": [{"target": "x"}]}, "secrets[0].source: is missing"),
    ({"secrets": [{"source": "x", "mode": "0999"}]}, "secrets[0].mode: must be permissions"),
    ({"configs": [{"source": "x", "uid": "root"}]}, "configs[0].uid: must be a numeric id"),
    ({"update_config": {"delays": 1}}, "update_config.delays: there is no such field; did you"),
    (
        {"update_config": {"max_failure_ratio": 2}},
        "update_config.max_failure_ratio: must be a number from 0 to 1",
    ),
    (
        {"rollback_config": {"failure_action": "rollback"}},
        "rollback_config.failure_action: must be pause or continue",
    ),
    ({"mode": "global-job", "update_config": {"delay": 1}}, "update_config: a job has none"),
    (
        {"mode": "global-job", "restart_policy": {"condition": "any"}},
        "restart_policy.condition: must be none or on-failure for a job",
    ),
    ({"log_driver": {"name": 1}}, "log_driver.name: must be a text"),
]


@pytest.mark.parametrize(("spec", "words"), BAD, ids=[words.split(":")[0] for _, words in BAD])
def test_each_fault_names_its_field(spec, words):
    with pytest.raises(SaltInvocationError) as err:
        build(**spec)
    assert f"\n  {words}" in str(err.value)


def test_all_faults_at_once():
    with pytest.raises(SaltInvocationError) as err:
        swarmspec.service("we b", {"replicas": "two", "mounts": "x", "imag": "y"})
    lines = str(err.value).splitlines()
    assert lines[0] == "Service we b:"
    assert len(lines) == 6


@pytest.mark.parametrize("spec", [None, [], "x", 5])
def test_what_is_no_specification(spec):
    with pytest.raises(SaltInvocationError, match="spec: must be a mapping"):
        swarmspec.service("web", spec)


@pytest.mark.parametrize(
    ("text", "size"), [("64M", 2**26), ("1.5GiB", 3 * 2**29), ("10kb", 10240), (7, 7), ("7", 7)]
)
def test_sizes(text, size):
    assert swarmvalues.size(text) == size


@pytest.mark.parametrize("text", ["", "M", "1 X", -1, True, None, "1M2"])
def test_no_sizes(text):
    with pytest.raises(SaltInvocationError):
        swarmvalues.size(text)


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", -1, True, None, "1h 2m"])
def test_no_durations(text):
    with pytest.raises(SaltInvocationError):
        swarmvalues.duration(text)


@given(st.integers(0, 10**15))
def test_what_is_shown_of_durations_and_sizes_can_be_read(number):
    assert swarmvalues.duration(swarmvalues.show("time", number)) == number
    assert swarmvalues.size(swarmvalues.show("size", number)) == number


def test_named_and_counted_generic_resources():
    assert swarmvalues.generic(None) == {}
    assert swarmvalues.generic(
        [
            {"DiscreteResourceSpec": {"Kind": "mbps", "Value": 40}},
            {"NamedResourceSpec": {"Kind": "gpu", "Value": "a"}},
            {"NamedResourceSpec": {"Kind": "gpu", "Value": "b"}},
        ]
    ) == {"mbps": 40, "gpu": ["a", "b"]}
