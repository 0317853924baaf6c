"""
This node's place in a Docker swarm: a new swarm, joining and leaving one, its join tokens.

Talks to Docker Engine through the Docker SDK for Python. What only a manager can do (nodes,
networks, configs, secrets, services) is in ``swarmnode``, ``swarmnetwork``, ``swarmdata`` and
``swarmservice``.

**Join tokens** leave a manager sealed only: :py:func:`join_token` encrypts the token with the
minion key of the node that is to join, and nobody but that node can open it. A job return, the
master's job cache, an event or a pillar that carries it gives nothing away.
"""

import base64
import binascii
import importlib.util
import os
import time

import salt.utils.args
import salt.utils.files
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "swarm"
__func_alias__ = {"set_": "set"}

SOCKET = "unix:///run/docker.sock"
ROLES = ("worker", "manager")
#: What Docker Engine answers in clear and nobody is told.
KEPT = ("JoinTokens", "UnlockKey")
#: Docker Engine gives up waiting for a manager after 20 s and goes on in the background.
JOIN_SECONDS = 60


def __virtual__():
    if importlib.util.find_spec("docker") is None:
        return False, "swarm: the Docker SDK for Python (docker, python3-docker) is not installed"
    return __virtualname__


def _client():
    # Imported when needed: it costs a Pi 1 more than a second.
    import docker  # noqa: PLC0415

    if "swarm.client" not in __context__:
        url = __salt__["config.get"]("docker.url", SOCKET)
        __context__["swarm.client"] = docker.APIClient(base_url=url, version="auto")
    return __context__["swarm.client"]


def ask(function, *args, **kwargs):
    """
    Call a function of the SDK's ``docker.APIClient`` and return its answer; None where
    ``inspect_...`` finds nothing. What fails is a ``CommandExecutionError`` in Docker's words.

    function
        Its name, such as ``inspect_service``.
    args, kwargs
        Its arguments.

    Join tokens and the unlock key are left out: see :py:func:`join_token`.

    Docker Engine is asked on the minion's option ``docker.url``, by default its own socket.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.ask inspect_network web
    """
    said = _ask(function, *args, **kwargs)
    # Whatever is returned goes over the bus and into the job cache of the master.
    return {k: v for k, v in said.items() if k not in KEPT} if isinstance(said, dict) else said


def _ask(function, *args, **kwargs):
    from docker.errors import APIError, DockerException, NotFound  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        # From a command line Salt adds arguments of its own.
        return getattr(_client(), function)(*args, **salt.utils.args.clean_kwargs(**kwargs))
    except NotFound as err:
        if function.startswith("inspect_"):
            return None
        raise CommandExecutionError(f"Docker Engine refuses: {err.explanation}") from err
    except APIError as err:
        raise CommandExecutionError(f"Docker Engine refuses: {err.explanation}") from err
    except (DockerException, RequestException) as err:
        raise CommandExecutionError(f"Docker Engine does not answer: {err}") from err


def info():
    """
    Return what this node knows of its swarm:

    - ``state``: ``inactive``, ``pending``, ``active``, ``locked`` or ``error``, and ``error``
    - ``role``: ``manager``, ``worker`` or None
    - ``leads``: whether it is the manager that leads now; nobody does without a majority of them
    - ``node_id``, ``address``: its id in the swarm and the address it is known by
    - ``managers``: the addresses of the managers it knows, with ports
    - ``cluster``: the swarm's id; only managers know it, None on others
    - ``live_restore``: whether Docker Engine has live-restore on, which swarms refuse
    - ``resources``: the generic resources this node offers, such as ``{mbps: 100}``

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.info
    """
    facts = ask("info")
    swarm = facts.get("Swarm") or {}
    state = swarm.get("LocalNodeState") or "inactive"
    role = None
    if state not in ("inactive", "locked"):
        role = "manager" if swarm.get("ControlAvailable") else "worker"
    return {
        "state": state,
        "error": swarm.get("Error") or "",
        "role": role,
        "leads": role == "manager" and _leads(swarm.get("NodeID")),
        "node_id": swarm.get("NodeID") or None,
        "address": swarm.get("NodeAddr") or None,
        "managers": sorted(item["Addr"] for item in swarm.get("RemoteManagers") or ()),
        "cluster": (swarm.get("Cluster") or {}).get("ID") or None,
        "live_restore": bool(facts.get("LiveRestoreEnabled")),
        "resources": __salt__["swarmvalues.generic"](facts.get("GenericResources")),
    }


def _leads(node_id):
    try:
        found = ask("inspect_node", node_id)
    except CommandExecutionError:
        return False
    return bool(((found or {}).get("ManagerStatus") or {}).get("Leader"))


def settings():
    """
    Return the settings of the swarm that can be compared: ``task_history_limit``,
    ``heartbeat_s``, ``default_addr_pool``, ``subnet_size`` and ``data_path_port``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.settings
    """
    swarm = ask("inspect_swarm")
    spec = swarm["Spec"]
    return {
        "task_history_limit": spec["Orchestration"]["TaskHistoryRetentionLimit"],
        "heartbeat_s": spec["Dispatcher"]["HeartbeatPeriod"] / 10**9,
        "default_addr_pool": sorted(swarm.get("DefaultAddrPool") or ()),
        "subnet_size": swarm.get("SubnetSize"),
        "data_path_port": swarm.get("DataPathPort"),
    }


def initialise(
    advertise_addr=None,
    default_addr_pool=None,
    subnet_size=None,
    data_path_port=None,
    force_new_cluster=False,
):
    """
    Make a swarm with this node as its manager. Return the node's id in it.

    advertise_addr
        The address (or interface) that other nodes reach this one by.
    default_addr_pool
        Address ranges that overlay networks get their subnets from.
    subnet_size
        Length of those subnets' prefix.
    data_path_port
        UDP port of the overlay traffic.
    force_new_cluster
        Make the only manager of a swarm out of one of several, whose others are lost for good.
        Services, networks and secrets stay.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.initialise advertise_addr=10.80.1.1
    """
    pool = [default_addr_pool] if isinstance(default_addr_pool, str) else default_addr_pool
    # Not passed where it is not given: the SDK before version 6 does not know it.
    port = {} if data_path_port is None else {"data_path_port": data_path_port}
    return ask(
        "init_swarm",
        advertise_addr=advertise_addr,
        default_addr_pool=pool,
        subnet_size=subnet_size,
        force_new_cluster=force_new_cluster,
        **port,
    )


def set_(task_history_limit=None, heartbeat_s=None):
    """
    Change settings of the swarm.

    task_history_limit
        How many ended tasks are remembered per slot of a service.
    heartbeat_s
        Seconds between the heartbeats of nodes; a node that misses three is down.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.set task_history_limit=2
    """
    swarm = ask("inspect_swarm")
    spec = swarm["Spec"]
    if task_history_limit is not None:
        spec["Orchestration"]["TaskHistoryRetentionLimit"] = int(task_history_limit)
    if heartbeat_s is not None:
        spec["Dispatcher"]["HeartbeatPeriod"] = int(heartbeat_s * 10**9)
    ask("update_swarm", version=swarm["Version"]["Index"], swarm_spec=spec)


def join(managers, token, advertise_addr=None, timeout=JOIN_SECONDS):
    """
    Join a swarm and wait until this node is active in it. The token decides whether it becomes
    a worker or a manager.

    managers
        Addresses of one manager or several, each with or without the port (2377).
    token
        A join token sealed for this node, see :py:func:`join_token`.
    advertise_addr
        The address (or interface) that other nodes reach this one by.
    timeout
        Seconds to wait.

    CLI Example:

    .. code-block:: bash

        salt pi1 swarm.join '[10.80.1.1]' 'sealed:...' advertise_addr=10.80.1.2
    """
    secret = _open(token).partition(" ")[0]
    try:
        addresses = [addr_port(item) for item in managers]
        ask("join_swarm", addresses, secret, advertise_addr=advertise_addr)
    except CommandExecutionError as err:
        text = str(err).replace(secret, "(the token)")
        if "Timeout was reached" not in text:
            raise CommandExecutionError(text) from None
    wait_active(timeout)


def wait_active(timeout=JOIN_SECONDS):
    """
    Wait until this node is active in its swarm.

    timeout
        Seconds to wait; then a ``CommandExecutionError`` says what is in the way.

    CLI Example:

    .. code-block:: bash

        salt pi1 swarm.wait_active timeout=30
    """
    deadline = time.monotonic() + timeout
    while (now := info())["state"] != "active":
        if now["state"] != "pending" or time.monotonic() >= deadline:
            known = ", ".join(now["managers"]) or "none"
            raise CommandExecutionError(
                f"This node is not active in the swarm but {now['state']}: "
                f"{now['error'] or 'no manager answers'} (managers it knows: {known})"
            )
        time.sleep(1)


def leave(force=False):
    """
    Leave the swarm. The node's containers of services are stopped; volumes stay.

    force
        Leave as a manager too. The others must do without its vote: demote it first where there
        are others, and force only the last one or one that has lost the others.

    CLI Example:

    .. code-block:: bash

        salt pi1 swarm.leave
    """
    ask("leave_swarm", force=force)


def addr_port(address, port=2377):
    """
    Return an address with the port of swarm managers, unless it has one.

    address
        A name, IPv4 or IPv6 address, with or without a port.
    port
        The port to add.

    CLI Example:

    .. code-block:: bash

        salt pi1 swarm.addr_port 10.80.1.1
    """
    text = str(address)
    if text.startswith("["):
        return text if "]:" in text else f"{text}:{port}"
    if text.count(":") > 1:
        return f"[{text}]:{port}"
    return text if ":" in text else f"{text}:{port}"


def join_token(role, public_key, node_id=None):
    """
    Return the join token of a role, sealed: encrypted with RSA-OAEP (SHA-256) for one node. It
    starts with ``sealed:`` and may be logged, cached and put into pillar.

    role
        ``worker`` or ``manager``.
    public_key
        The public half of the minion key of the node that is to join, in PEM, as the master has
        it among its accepted keys (``key.key_str`` of the wheel). Whoever calls this vouches
        that the key is the node's.
    node_id
        The id that the node believes to have in the swarm (``swarm.info`` there). Where the
        managers have no such node, the sealed text says so: a node that was removed while it was
        off waits for its managers for ever, and only this tells it from one that is cut off.

    How a node gets its token: a runner on the master asks a manager for
    ``swarm.join_token <role> <accepted key of the node>`` and lays what comes back into the
    pillar of that node; its state ``swarm.joined`` opens it with the minion's private key.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.join_token worker public_key="$(cat /etc/salt/pki/master/minions/pi1)"
    """
    return join_tokens({"": {"role": role, "public_key": public_key, "node_id": node_id}})[""]


def join_tokens(nodes):
    """
    Return join tokens for several nodes, see :py:func:`join_token`: sealed texts by name.

    nodes
        Names with ``role``, ``public_key`` and ``node_id`` each.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.join_tokens '{pi1: {role: worker, public_key: "...", node_id: null}}'
    """
    for name, one in nodes.items():
        if one["role"] not in ROLES:
            whose = f"{name}: " if name else ""
            known = ", ".join(ROLES)
            raise SaltInvocationError(f"{whose}role: must be one of {known}, is {one['role']!r}")
    tokens = _ask("inspect_swarm")["JoinTokens"]
    known = {node["ID"] for node in ask("nodes")}
    found = {}
    for name, one in nodes.items():
        text, node_id = tokens[one["role"].capitalize()], one.get("node_id")
        # Ids are never given twice, so this stays true however old the text gets.
        text = f"{text} {node_id}" if node_id and node_id not in known else text
        found[name] = _seal(text, one["public_key"])
    return found


def is_forgotten(token):
    """
    Return whether a sealed token says that the managers have this node no more.

    token
        A join token sealed for this node, see :py:func:`join_token`.

    CLI Example:

    .. code-block:: bash

        salt pi1 swarm.is_forgotten 'sealed:...'
    """
    gone = _open(token).partition(" ")[2]
    return bool(gone) and gone == info()["node_id"]


def rotate_join_token(role):
    """
    Make the join token of a role void; nodes that joined with it stay.

    role
        ``worker`` or ``manager``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarm.rotate_join_token worker
    """
    if role not in ROLES:
        raise SaltInvocationError(f"role: must be one of {', '.join(ROLES)}, is {role!r}")
    swarm = ask("inspect_swarm")
    ask(
        "update_swarm",
        version=swarm["Version"]["Index"],
        swarm_spec=swarm["Spec"],
        **{f"rotate_{role}_token": True},
    )


def _padding():
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=b"swarm join token")


def _seal(secret, public_key):
    try:
        key = serialization.load_pem_public_key(str(public_key).strip().encode())
        sealed = key.encrypt(secret.encode(), _padding())
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as err:
        raise SaltInvocationError(f"public_key: is no RSA public key in PEM: {err}") from err
    return f"sealed:{base64.b64encode(sealed).decode()}"


def _open(token):
    head, _, text = str(token or "").partition(":")
    if head != "sealed":
        # Not shown: it may be the token itself.
        raise SaltInvocationError(
            "token: is not sealed. swarm.join_token on a manager gives it, sealed for this node"
        )
    path = os.path.join(__opts__["pki_dir"], "minion.pem")
    try:
        with salt.utils.files.fopen(path, "rb") as handle:
            key = serialization.load_pem_private_key(handle.read(), None)
        return key.decrypt(base64.b64decode(text, validate=True), _padding()).decode()
    except OSError as err:
        raise CommandExecutionError(f"Cannot read {path}: {err}") from err
    except (ValueError, TypeError, binascii.Error) as err:
        raise CommandExecutionError(
            "token: was not sealed for the key this node has now; after a swap of its card it "
            "needs a new one (swarm.join_token on a manager)"
        ) from err
