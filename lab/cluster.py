"""Containers of a lab: network, apt cache, master, nodes."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence

from lab import boards, host, hostapt, shell
from lab.description import Node, Site
from lab.errors import LabError
from lab.settings import LABEL, Settings

SEEDS = "/var/cache/salt/master/picloud/seeds"
UNITS = ("picloud-firstboot", "salt-minion", "docker")


def docker(*arguments: str, what: str, remedy: str = "read the log, then run it again") -> str:
    """Run the docker client; LabError when it fails."""
    return shell.run(["docker", *arguments], what=what, remedy=remedy)


def execute(container: str, *command: str, what: str, timeout: float = 600) -> str:
    """Run a program in a container and return its output."""
    return shell.run(["docker", "exec", container, *command], what=what, timeout=timeout)


def containers(settings: Settings) -> dict[str, str]:
    """Containers of the lab by short name (``head``, ``pi3``), with their state."""
    listed = docker(
        "ps",
        "--all",
        "--filter",
        f"label={LABEL}={settings.name}",
        "--format",
        "{{.Names}} {{.State}}",
        what="docker ps failed",
    )
    prefix = len(settings.name) + 1
    return {name[prefix:]: state for name, state in (line.split() for line in listed.splitlines())}


def outdated(settings: Settings, names: Sequence[str], image: str) -> list[str]:
    """Nodes whose container was made from an image that is not the one of now."""
    form = "{{.Name}} {{.Config.Image}}"
    containers_of = [settings.container(name) for name in names]
    shown = docker("inspect", "--format", form, *containers_of, what="docker inspect failed")
    prefix = len(settings.name) + 2
    pairs = (line.split() for line in shown.splitlines())
    return [name[prefix:] for name, made_from in pairs if made_from != image]


def ensure_network(settings: Settings, site: Site) -> str:
    """The site's subnet as a Docker network, gateway .1."""
    name = settings.name
    found = docker(
        "network",
        "ls",
        "--filter",
        f"name=^{name}$",
        "--format",
        "{{.Name}}",
        what="docker network ls failed",
    ).split()
    if found:
        config = json.loads(
            docker("network", "inspect", name, what="docker network inspect failed")
        )
        subnet = config[0]["IPAM"]["Config"][0]["Subnet"]
        if subnet != site.subnet:
            raise LabError(
                f"this lab runs in {subnet}, the description now says {site.subnet}",
                "run: make down, then make up",
            )
        return f"{subnet} is there"
    try:
        docker(
            "network",
            "create",
            "--driver",
            "bridge",
            "--subnet",
            site.subnet,
            "--gateway",
            site.gateway,
            "--label",
            f"{LABEL}={name}",
            "--opt",
            f"com.docker.network.bridge.name={settings.bridge}",
            name,
            what=f"cannot make the network {site.subnet}",
        )
    except LabError as err:
        others = docker(
            "network",
            "ls",
            "--filter",
            "driver=bridge",
            "--format",
            "{{.Name}}",
            what="docker network ls failed",
        ).split()
        raise LabError(
            f"{err.what}; networks that are there: {', '.join(others)}, and see: ip route",
            f"end what uses {site.subnet} (another lab: make down), or give the site another "
            "subnet in pillar/cloud/cloud.sls and the racks",
        ) from err
    return f"{site.subnet}, gateway {site.gateway}"


def ensure_apt_cache(settings: Settings, site: Site, image: str) -> str:
    """apt-cacher-ng on the gateway address, for nodes that reach no mirror themselves."""
    if site.cache_port is None:
        return "none described"
    if containers(settings).get("aptcache") == "running":
        return "is up"
    name = settings.container("aptcache")
    remove([name])
    suite, described = site.image["suite"], site.image["mirror"]
    options = [
        f"BindAddress={site.gateway}",
        f"Port={site.cache_port}",
        "CacheDir=/var/cache/apt-cacher-ng",
        "LogDir=/var/log/apt-cacher-ng",
        "PassThroughPattern=.*",
        "VerboseLog=0",
    ]
    upstream = hostapt.mirror(described, suite)
    if upstream != described.rstrip("/"):
        options.append(f"Remap-debrep={described} ; {upstream}")
    if proxy := hostapt.proxy():
        options.append(f"Proxy={proxy}")
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--label",
        f"{LABEL}={settings.name}",
        "--network",
        "host",
        "--volume",
        "/etc/ssl/certs:/etc/ssl/certs:ro",
        image,
        "/usr/sbin/apt-cacher-ng",
        "-c",
        "/etc/apt-cacher-ng",
        "ForeGround=1",
        *options,
        what="the apt cache did not start",
    )
    wait_for_port(
        site.gateway,
        site.cache_port,
        20,
        LabError(
            f"the apt cache does not answer on {site.gateway}:{site.cache_port}",
            f"see: docker logs {name}; another program may have the port",
        ),
    )
    return f"http://{site.gateway}:{site.cache_port}"


def wait_for_port(address: str, port: int, seconds: float, error: LabError) -> None:
    """Wait until a TCP port answers, or raise the error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection((address, port), timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise error from None
            time.sleep(0.3)


def ensure_master(settings: Settings, site: Site, image: str) -> str:
    """The master, with the checkout at /srv/picloud."""
    name, state = settings.head, containers(settings).get("head")
    if state == "running":
        return "is up"
    if state is not None:
        docker("start", name, what="the master's container does not start")
    else:
        docker(
            "run",
            "--detach",
            "--name",
            name,
            "--label",
            f"{LABEL}={settings.name}",
            "--hostname",
            site.master,
            "--network",
            settings.name,
            "--ip",
            site.master_address,
            "--volume",
            f"{settings.checkout}:/srv/picloud",
            "--volume",
            f"{settings.checkout}/lab/master.conf:/etc/salt/master.d/lab.conf:ro",
            *host.container_flags(),
            image,
            what="the master's container does not start",
        )
    for port in (4505, 4506):
        wait_for_port(
            site.master_address,
            port,
            90,
            LabError(
                "salt-master does not answer after 90 s",
                f"see: docker exec {name} journalctl -u salt-master",
            ),
        )
    return f"{site.master} {site.master_address}"


def create_nodes(settings: Settings, site: Site, nodes: Sequence[Node], image: str) -> int:
    """
    Make the containers that are missing, each with its board and a prepared card, not started.

    Returns how many were made.
    """
    have = containers(settings)
    half_made = [node.id for node in nodes if have.get(node.id) == "created"]
    remove([settings.container(name) for name in half_made])
    new = [node for node in nodes if node.id not in have or node.id in half_made]
    if not new:
        return 0
    seeds = prepare_cards(settings, [node.id for node in new])
    for node in new:
        create_node(settings, site, node, image)
        insert_card(settings, node.id, seeds[node.id])
    return len(new)


def prepare_cards(settings: Settings, names: Sequence[str]) -> dict[str, str]:
    """Have the master issue a card for each node; the folders of their seeds on it, by node."""
    said = execute(
        settings.head,
        *("salt-run", "--out=json", "card.prepare"),
        *(f"node={','.join(names)}", f"directory={SEEDS}"),
        what="the cards were not prepared",
    )
    return {card["node"]: card["seed"] for card in json.loads(said)["cards"].values()}


def prepare_spare(settings: Settings) -> str:
    """Have the master issue a card for any node; the folder of its seed on it."""
    said = execute(
        settings.head,
        *("salt-run", "--out=json", "card.prepare", "spare=true", f"directory={SEEDS}"),
        what="no spare card was prepared",
    )
    return str(next(iter(json.loads(said)["cards"].values()))["seed"])


def create_node(settings: Settings, site: Site, node: Node, image: str, hostname: str = "") -> None:
    """
    Make the container of a node with an empty card, not started.

    Its board is the one that was written before, or made up. ``hostname`` is for a Pi that calls
    itself another node.
    """
    board = settings.state / "boards" / node.id
    if not board.exists():
        boards.write(board, boards.make(settings.name, node))
    name = settings.container(node.id)
    address = ["--ip", node.address] if node.address else []
    docker(
        "create",
        "--name",
        name,
        "--label",
        f"{LABEL}={settings.name}",
        "--hostname",
        hostname or node.id,
        "--network",
        settings.name,
        *address,
        "--mac-address",
        boards.read_mac(board),
        "--stop-timeout",
        "5",
        "--volume",
        f"{board}:/run/picloud-board:ro",
        "--volume",
        "/var/lib/docker",
        *host.container_flags(),
        image,
        what=f"cannot make the container of {node.id}",
        remedy=f"another machine may have {node.address}; see: docker network inspect "
        f"{settings.name}",
    )


def insert_card(settings: Settings, node: str, folder: str) -> None:
    """Copy a seed of the master to the boot partition of a container that does not run yet."""
    seed = f"{settings.head}:{folder}"
    target = f"{settings.container(node)}:/boot/firmware"
    shell.note(f"+ docker cp {seed} - | docker cp - {target}")
    with subprocess.Popen(
        shell.program(["docker", "cp", seed, "-"]), stdout=subprocess.PIPE
    ) as source:
        done = subprocess.run(
            shell.program(["docker", "cp", "-", target]),
            stdin=source.stdout,
            check=False,
            capture_output=True,
        )
    if source.returncode or done.returncode:
        raise LabError(f"the card of {node} could not be written", "run make up again")


def start_nodes(settings: Settings, names: Sequence[str], wave: int = 8) -> Iterator[str]:
    """
    Start nodes in waves, and yield each when its units are active and its minion is at the master.

    A container that booted with its units inactive (1 of 56 does) is started again, twice at most.
    """
    for begin in range(0, len(names), wave):
        todo = list(names[begin : begin + wave])
        docker("start", *(settings.container(name) for name in todo), what="nodes do not start")
        tries = dict.fromkeys(todo, 0)
        since = dict.fromkeys(todo, time.monotonic())
        while todo:
            time.sleep(0.5)
            for name in tuple(todo):
                if is_ready(settings, name):
                    todo.remove(name)
                    yield name
                elif is_stuck(settings, name, time.monotonic() - since[name]):
                    tries[name] += 1
                    if tries[name] > 2:
                        raise LabError(
                            f"{name} was started three times, its units do not come up",
                            f"see: make logs NODE={name}; most often the machine is out of memory",
                        )
                    shell.note(f"{name}: units inactive, starting it again")
                    docker("restart", settings.container(name), what=f"{name} does not start")
                    since[name] = time.monotonic()


def _in_node(settings: Settings, name: str, script: str) -> bool:
    command = ["docker", "exec", settings.container(name), "sh", "-c", script]
    return shell.succeeds(command, timeout=30)


def is_master_up(settings: Settings) -> bool:
    """True when salt-master runs in its container."""
    unit = ["systemctl", "is-active", "-q", "salt-master"]
    return shell.succeeds(["docker", "exec", settings.head, *unit], timeout=30)


def is_ready(settings: Settings, name: str) -> bool:
    """True when first boot is done, Docker Engine is active and the minion is at the master."""
    at_master = "ss -Htn dport = :4505 | grep -q ESTAB"
    return _in_node(settings, name, f"systemctl is-active -q {' '.join(UNITS)} && {at_master}")


def wait_for_switch(settings: Settings, names: Sequence[str], seconds: float = 90) -> None:
    """
    Wait until minions are back that a highstate left to restart with another configuration.

    ``picloud-minion-switch`` is the unit that does so after the job ended. One that takes longer
    is left to what asks the nodes next.
    """
    deadline = time.monotonic() + seconds
    for name in names:
        while time.monotonic() < deadline and not (
            _in_node(settings, name, "! systemctl is-active -q picloud-minion-switch")
            and is_ready(settings, name)
        ):
            time.sleep(0.5)


def is_stuck(settings: Settings, name: str, seconds: float) -> bool:
    """True when a node has booted without its units, or does not get anywhere."""
    if seconds < 20:
        return False
    booted = "systemctl is-system-running | grep -qE '^(running|degraded)'"
    inactive = f"! systemctl is-active -q {' '.join(UNITS)}"
    return seconds > 300 or _in_node(settings, name, f"{booted} && {inactive}")


def forget_seeds(settings: Settings, names: Sequence[str]) -> None:
    """Delete the private halves that are in use from the master."""
    if names:
        execute(
            settings.head,
            "rm",
            "-rf",
            *(f"{SEEDS}/{name}" for name in names),
            what="the used seeds were not deleted",
        )


def remove(names: Sequence[str]) -> None:
    """Remove containers with their volumes; those that are not there are fine."""
    present = [name for name in names if shell.succeeds(["docker", "container", "inspect", name])]
    if present:
        docker("rm", "--force", "--volumes", *present, what="containers were not removed")
