"""
The benchmark of nodes: processor, memory, card, network, containers per second. Results are kept in
the ledger and compared over time, per node and per model.

All functions return data; on a terminal the ``picloud`` outputter makes a page of it,
``--out=json`` prints the data itself.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from pathlib import Path

import picloud_benchmark
import picloud_salt
import picloud_watch
from picloud.benchmark import measures, pages, plot, results, turns
from picloud.workloads import seal
from picloud.workloads.archs import narrowed
from picloud_images import machine
from picloud_images.registry import Registry
from picloud_pages import page
from picloud_watch import NoAnswerError

#: The image with the programs, in the description.
IMAGE = "benchmark"
#: Measuring at the same time would be measuring each other.
LOCK = "/run/lock/picloud-benchmark.lock"
MOST_TIMES, MOST_MB, MOST_PER_RACK = 9, 256, 4

__func_alias__ = {"table_": "table", "plot_": "plot"}


@page
def run(nodes=None, model=None, rack=None, tests=None, times=3, size_mb=64, per_rack=1):  # noqa: PLR0917
    """
    Measure nodes, and record what came of it. One node of each rack at a time: what runs on the
    others goes on undisturbed.

    nodes
        Their ids, with commas between them. Default: all of the cloud.
    model
        Only nodes with this model of board.
    rack
        Only nodes of this rack.
    tests
        Some of ``cpu``, ``memory``, ``card``, ``network``, ``containers``, with commas. Default:
        all of them.
    times
        How often everything is measured; the middle counts.
    size_mb
        MB that are written on the card each time, and read from it.
    per_rack
        How many nodes of a rack at the same time.

    Nodes that are not as described are left out, with the reason. The exit status is 1 when a node
    was left out or something could not be measured.

    CLI Example:

    .. code-block:: bash

        salt-run benchmark.run nodes=pi3
        salt-run benchmark.run model=pi4b tests=card times=5
    """
    faults, numbers = [], []
    for name, value, most in (
        ("times", times, MOST_TIMES),
        ("size_mb", size_mb, MOST_MB),
        ("per_rack", per_rack, MOST_PER_RACK),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
            faults.append(f"{name}: must be a whole number from 1 to {most}, not {value!r}")
        numbers.append(value)
    try:
        wanted_tests = measures.chosen(tests)
    except ValueError as err:
        faults.append(str(err))
    view = picloud_watch.Watch(__opts__)
    try:
        wanted = _wanted(view.cloud, nodes, model, rack)
    except NoAnswerError as err:
        faults.append(str(err))
    if faults:
        raise NoAnswerError("\n".join(faults))
    times, size_mb, per_rack = numbers
    racks = {view.cloud.node(name).rack for name in wanted}
    rows = view.rows(node for one in racks for node in view.cloud.racks[one].nodes.values())
    good, left = turns.fit(rows)
    left = {name: [why] for name, why in left.items() if name in wanted}
    measured = [name for name in wanted if name in good]
    if not measured:
        raise NoAnswerError("\n".join(["No node can be measured:", *_said(left)]))
    build, images = _image(view.cloud)
    ledger = picloud_salt.ledger(__opts__)
    models = {name: rows[name]["seen"].get("model") or rows[name]["model"] for name in measured}
    found, wrong = [], {}
    with _alone():
        for site, image in images.items():
            here = [name for name in measured if view.cloud.node(name).site == site]
            order = picloud_benchmark.Order(image, build, wanted_tests, times, size_mb, models)
            for turn in turns.turns(here, good, rows, per_rack):
                fresh, failed = picloud_benchmark.Bench(__opts__, order).measure(turn)
                ledger.benchmarks.put(fresh)
                found += fresh
                wrong |= failed
    faults = left | wrong
    done = list(dict.fromkeys(one.node for one in found))
    data = pages.by_node(ledger.benchmarks.all(done), time.time(), measured)
    summary = "\n".join(filter(None, [data["summary"] if done else "", *_said(faults)]))
    more = {"lines": [results.data(one) for one in found], "faults": faults}
    return data | more | {"summary": summary, "retcode": int(bool(faults))}


@page
def table_(by="node", nodes=None, model=None, rack=None):
    """
    Show the last results, and how they have changed since the ones before.

    by
        ``node``, or ``model``: the middle of its nodes, and from which to which they go.
    nodes, model, rack
        Only these nodes, as for ``benchmark.run``.

    A change is shown when no try of one run reaches any of the other, of three at least. Results
    are compared only if they were measured with the same versions of the programs.

    CLI Example:

    .. code-block:: bash

        salt-run benchmark.table
        salt-run benchmark.table by=model
    """
    found, names = _results(nodes, model, rack)
    if _by(by) == "model":
        return pages.by_model(found, time.time())
    return pages.by_node(found, time.time(), names)


@page
def history(node):
    """
    Show how a node did over time, and what was changed on it between two runs: board, card, kernel,
    Docker Engine, the programs of the benchmark.

    node
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-run benchmark.history node=pi3
    """
    found, _names = _results(node, None, None)
    return pages.history(str(node), found)


@page
def plot_(file, by="model", nodes=None, model=None, rack=None):
    """
    Draw all results over time: a panel for each measure, a line for each node or model.

    file
        The SVG to write.
    by
        ``model`` or ``node``.
    nodes, model, rack
        Only these nodes, as for ``benchmark.run``.

    CLI Example:

    .. code-block:: bash

        salt-run benchmark.plot file=/root/benchmark.svg
        salt-run benchmark.plot file=/root/pi3.svg by=node nodes=pi3
    """
    found, _names = _results(nodes, model, rack)
    if not found:
        raise NoAnswerError("Nothing was measured yet: salt-run benchmark.run")
    if _by(by) == "model":
        found = results.by_model(found)
    path = Path(str(file))
    try:
        _write(path, plot.svg(found, f"Benchmark by {by}"))
    except OSError as err:
        raise NoAnswerError(f"{path} cannot be written: {err.strerror}") from err
    return {"show": "message", "message": f"Written to {path}", "file": str(path)}


@page
def export(nodes=None, model=None, rack=None):
    """
    Print all results as lines of JSON, for other programs: ``node``, ``model``, ``at``, ``name``,
    ``unit``, ``value``, ``samples``, ``versions``.

    nodes, model, rack
        Only these nodes, as for ``benchmark.run``.

    CLI Example:

    .. code-block:: bash

        salt-run benchmark.export > benchmark.jsonl
    """
    found, _names = _results(nodes, model, rack)
    return {"show": "message", "message": "\n".join(map(results.line, found))}


def _results(nodes, model, rack):
    """What the ledger has of some nodes, and the order of all of the description."""
    store = picloud_salt.store(__opts__)
    cloud, faults = store.cloud()
    if cloud is None:
        raise NoAnswerError("\n".join(map(str, faults)))
    ledger = picloud_salt.ledger(__opts__)
    if nodes is None and model is None and rack is None:
        # Nodes that are described no more were measured all the same.
        return ledger.benchmarks.all(), list(cloud.nodes)
    names = _wanted(cloud, nodes, model, rack)
    return ledger.benchmarks.all(names), names


def _wanted(cloud, nodes, model, rack):
    """The nodes that were asked for, in the order of the description."""
    asked = [name.strip() for name in str(nodes).split(",")] if nodes is not None else None
    for known, values, what in (
        (cloud.nodes, asked or (), "node"),
        (cloud.common.boards, () if model is None else (model,), "model"),
        (cloud.racks, () if rack is None else (rack,), "rack"),
    ):
        for value in values:
            if str(value) not in known:
                picloud_watch.refuse(value, known, what)
    found = [
        node.id
        for node in cloud.nodes.values()
        if (asked is None or node.id in asked)
        and (model is None or node.model == str(model))
        and (rack is None or node.rack == str(rack))
    ]
    if not found:
        raise NoAnswerError("No node of the description is all of what was asked for.")
    return found


def _by(by):
    if by not in pages.BY:
        picloud_watch.refuse(by, pages.BY, "table")
    return by


def _image(cloud):
    """How the image was built, and as what the nodes of each site pull it."""
    described = cloud.common.container_images.get(IMAGE)
    if described is None or described.build is None:
        raise NoAnswerError(
            f"container_images.{IMAGE} is not described; copy it from the shipped"
            " pillar/cloud/workloads/benchmark.sls"
        )
    held, ask = Registry(__opts__), seal.wanted(IMAGE, described)
    held.require()
    ask["archs"] = narrowed(ask["archs"], machine.architectures(__opts__))
    build = picloud_salt.ledger(__opts__).builds.newest(ask["name"], ask["tag"])
    images = {}
    for name, site in cloud.common.sites.items():
        found = seal.seal(ask, build, f"{site.master}:{held.port}")
        if found.image is None:
            raise NoAnswerError(str(found.refused))
        images[name] = found.image
    return build, images


@contextlib.contextmanager
def _alone():
    """Let one process at a time measure."""
    path = Path(LOCK)
    try:
        handle = path.open("w")
    except OSError as err:
        raise NoAnswerError(f"{path} cannot be opened: {err.strerror}") from err
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoAnswerError("Another benchmark.run is at work; wait until it ends.") from None
        yield


def _write(path, text):
    """Write a file, whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def _said(faults):
    """What stands in the way of nodes, one line each."""
    return [f"{name}: {'; '.join(why)}" for name, why in faults.items()]
