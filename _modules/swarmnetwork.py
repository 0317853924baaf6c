"""
Networks that span a Docker swarm. Runs on a manager.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "swarmnetwork"
__func_alias__ = {"list_": "list"}

#: Options that Docker sets by itself.
OWN_OPTIONS = ("com.docker.network.driver.overlay.vxlanid_list",)
#: How long the leading manager may take for a new network.
SETUP_SECONDS = 30


def __virtual__():
    if "swarm.ask" not in __salt__:
        return False, "swarmnetwork: the execution module swarm is not loaded"
    return __virtualname__


def list_():
    """
    Return the networks of the swarm by name: id, driver, attachable, internal, ipv6, subnets,
    gateways, options (without those that Docker sets by itself) and labels.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnetwork.list
    """
    found = {}
    for network in __salt__["swarm.ask"]("networks"):
        if network.get("Scope") != "swarm":
            continue
        pools = (network.get("IPAM") or {}).get("Config") or ()
        options = network.get("Options") or {}
        found[network["Name"]] = {
            "id": network["Id"],
            "driver": network["Driver"],
            "attachable": bool(network.get("Attachable")),
            "internal": bool(network.get("Internal")),
            "ipv6": bool(network.get("EnableIPv6")),
            "subnets": sorted(pool["Subnet"] for pool in pools if pool.get("Subnet")),
            "gateways": sorted(pool["Gateway"] for pool in pools if pool.get("Gateway")),
            "options": {key: val for key, val in options.items() if key not in OWN_OPTIONS},
            "labels": network.get("Labels") or {},
        }
    return found


def create(name, **settings):
    """
    Make a network and wait until it can be used.

    name
        Its name.
    settings
        ``driver`` (by default ``overlay``), ``attachable`` (plain containers may join too),
        ``internal`` (no way out), ``ipv6``, ``subnets``, ``gateways`` (one per subnet, in the
        same order), ``options`` of the driver and ``labels``.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnetwork.create web subnets='[10.200.0.0/24]'
    """
    subnets, gateways = settings.get("subnets") or [], settings.get("gateways") or []
    pools = [
        {"Subnet": subnet, **({"Gateway": gateways[number]} if number < len(gateways) else {})}
        for number, subnet in enumerate(subnets)
    ]
    __salt__["swarm.ask"](
        "create_network",
        name,
        driver=settings.get("driver") or "overlay",
        options=settings.get("options") or None,
        ipam={"Driver": "default", "Config": pools} if pools else None,
        check_duplicate=True,
        internal=bool(settings.get("internal")),
        labels=settings.get("labels") or {},
        enable_ipv6=bool(settings.get("ipv6")),
        attachable=bool(settings.get("attachable")),
        scope="swarm",
    )
    # Swarm answers before it has chosen subnets and set up the driver.
    deadline = time.monotonic() + SETUP_SECONDS
    while not list_()[name]["driver"]:
        if time.monotonic() > deadline:
            raise CommandExecutionError(f"Network {name} was made, but no manager sets it up")
        time.sleep(0.2)


def remove(name):
    """
    Remove a network of the swarm. Docker refuses while a service uses it.

    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt pi0 swarmnetwork.remove web
    """
    found = list_().get(name)
    if found:
        __salt__["swarm.ask"]("remove_network", found["id"])
