"""
The fields of a Swarm service, as data: what each is called in Docker's API, what it may be, and
what Docker does where it is left out. ``swarmspec`` and ``swarmdiff`` read them.
"""

__virtualname__ = "swarmfields"

SECOND = 10**9
#: The tables by name. In a table: our field, and of it Docker's field, its kind, and what Docker
#: does where it is left out. A kind is a name of ``swarmvalues.KINDS``, or words to choose from.
TABLES = {
    "container": {
        "image": ("Image", "image", None),
        "command": ("Command", "words", None),
        "args": ("Args", "words", None),
        "workdir": ("Dir", "text", None),
        "user": ("User", "user", None),
        "hostname": ("Hostname", "text", None),
        "init": ("Init", "flag", False),
        "read_only": ("ReadOnly", "flag", False),
        "stop_signal": ("StopSignal", "text", None),
        "stop_grace_period": ("StopGracePeriod", "time", 10 * SECOND),
        "cap_add": ("CapabilityAdd", "capabilities", None),
        "cap_drop": ("CapabilityDrop", "capabilities", None),
        "sysctls": ("Sysctls", "map", None),
        "container_labels": ("Labels", "map", None),
    },
    "healthcheck": {
        "test": ("Test", "test", None),
        "interval": ("Interval", "time", None),
        "timeout": ("Timeout", "time", None),
        "start_period": ("StartPeriod", "time", None),
        "retries": ("Retries", "positive", None),
    },
    "limits": {
        "cpus": ("NanoCPUs", "cpus", None),
        "memory": ("MemoryBytes", "size", None),
        "pids": ("Pids", "positive", None),
    },
    "reservations": {
        "cpus": ("NanoCPUs", "cpus", None),
        "memory": ("MemoryBytes", "size", None),
        "generic": ("GenericResources", "generic", None),
    },
    "restart_policy": {
        "condition": ("Condition", ("none", "on-failure", "any"), "any"),
        "delay": ("Delay", "time", 5 * SECOND),
        "max_attempts": ("MaxAttempts", "count", 0),
        "window": ("Window", "time", 0),
    },
    "update_policy": {
        # Left out by itself Docker reads it as 0, all at once.
        "parallelism": ("Parallelism", "count", 1),
        "delay": ("Delay", "time", 0),
        "failure_action": ("FailureAction", ("pause", "continue", "rollback"), "pause"),
        "monitor": ("Monitor", "time", 5 * SECOND),
        "max_failure_ratio": ("MaxFailureRatio", "ratio", 0.0),
        "order": ("Order", ("stop-first", "start-first"), "stop-first"),
    },
    "placement": {
        "constraints": ("Constraints", "constraints", None),
        "spread": ("Preferences", "spread", None),
        "max_replicas_per_node": ("MaxReplicas", "positive", None),
        "platforms": ("Platforms", "platforms", None),
    },
    "log_driver": {"name": ("Name", "text", None), "options": ("Options", "map", None)},
    "port": {
        "target": ("TargetPort", "port", None),
        "published": ("PublishedPort", "port", None),
        "protocol": ("Protocol", ("tcp", "udp", "sctp"), "tcp"),
        "mode": ("PublishMode", ("ingress", "host"), "ingress"),
    },
    "mount": {
        "type": ("Type", ("bind", "volume", "tmpfs"), "volume"),
        "source": ("Source", "text", None),
        "target": ("Target", "text", None),
        "read_only": ("ReadOnly", "flag", False),
    },
    "bind": {"propagation": ("Propagation", "text", None)},
    "volume": {"no_copy": ("NoCopy", "flag", False), "labels": ("Labels", "map", None)},
    "volume_driver": {
        "driver": ("Name", "text", None),
        "driver_options": ("Options", "map", None),
    },
    "tmpfs": {"size": ("SizeBytes", "size", None), "mode": ("Mode", "permissions", None)},
    "file": {
        "target": ("Name", "text", None),
        "uid": ("UID", "owner", "0"),
        "gid": ("GID", "owner", "0"),
        "mode": ("Mode", "permissions", 0o444),
    },
    "network": {"name": ("Target", "text", None), "aliases": ("Aliases", "words", None)},
}


def __virtual__():
    return __virtualname__


def tables():
    """
    Return the tables by name: our field, and of it Docker's field, its kind, and what Docker does
    where it is left out.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmfields.tables
    """
    return TABLES
