"""
What one node's pillar costs the master: in a cloud of 10,000 nodes and of 56, against an empty
pillar, and the way people do it without this: the whole fleet as YAML and a lookup.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import salt.config
import salt.pillar
import yaml
from picloud.cloud import build
from picloud.ledger import Ledger
from picloud.load import read

from bench.frame import Figure, cpu_medians
from bench.generate import cloud

REPO = Path(__file__).resolve().parent.parent
SMALL, BIG = 56, 10_000
NODE = "pi33"
ROUNDS, PLAIN_ROUNDS = 15, 3

PLAIN_SLS = """\
{% import_yaml "fleet.yaml" as fleet %}
picloud: {{ fleet[opts.id] | json }}
"""


def figures() -> Iterator[Figure]:
    """Yield the figures of this bench."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = _ours(folder, SMALL)
        big = _ours(folder, BIG)
        empty = _compiler(folder, "empty", {"top.sls": "base: {}\n"})
        of_small, of_big, of_empty = cpu_medians([small, big, empty], ROUNDS)
        yield Figure("pillar_cpu_10000_vs_56", of_big / of_small, "x", _ms(SMALL, of_small))
        yield Figure("pillar_cpu_vs_empty", of_big / of_empty, "x", _ms("empty", of_empty))
        sizes = [len(msgpack.packb(made()["picloud"])) for made in (small, big)]
        basis = f"{SMALL} nodes: {sizes[0]} bytes"
        yield Figure("pillar_bytes_10000_vs_56", sizes[1] / sizes[0], "x", basis)

        plain_small, plain_big = _plain(folder, SMALL), _plain(folder, BIG)
        of_plain_small, of_plain_big = cpu_medians([plain_small, plain_big], PLAIN_ROUNDS)
        yield Figure(
            "pillar_plain_cpu_10000_vs_56",
            of_plain_big / of_plain_small,
            "x",
            f"fleet YAML and lookup, {_ms(SMALL, of_plain_small)}",
        )
        yield Figure(
            "pillar_plain_cpu_vs_ours",
            of_plain_big / of_big,
            "x",
            f"{BIG} nodes, ours: {of_big * 1000:.0f} ms",
        )


def _ms(nodes: object, seconds: float) -> str:
    return (
        f"{nodes} nodes: {seconds * 1000:.1f} ms"
        if nodes != "empty"
        else (f"empty pillar: {seconds * 1000:.1f} ms")
    )


def _compiler(
    folder: Path, name: str, files: dict[str, str], **settings: Any
) -> Callable[[], dict[str, Any]]:
    """Return what compiles the pillar of one node with a master's options."""
    pillar = folder / name
    pillar.mkdir()
    for file, text in files.items():
        (pillar / file).write_text(text)
    opts = salt.config.master_config(None)
    roots = {"base": [str(pillar)]}
    opts.update(
        cachedir=str(folder / f"{name}-cache"),
        pillar_roots=roots,
        file_roots=roots,
        pillar_dirs=[str(REPO / "_pillar")],
        utils_dirs=[str(REPO / "_utils")],
        **settings,
    )

    def compile_pillar() -> dict[str, Any]:
        made: dict[str, Any] = salt.pillar.Pillar(opts, {}, NODE, "base").compile_pillar()
        if "_errors" in made:
            raise RuntimeError(made["_errors"])
        return made

    return compile_pillar


def _ours(folder: Path, nodes: int) -> Callable[[], dict[str, Any]]:
    root = cloud(folder / f"cloud{nodes}", nodes)
    database = f"sqlite:///{folder}/ledger{nodes}.db"
    settings = {
        "ext_pillar": [{"picloud": {"path": str(root)}}],
        "picloud_database": database,
    }
    made = _compiler(folder, f"ours{nodes}", {"top.sls": "base: {}\n"}, **settings)
    # As on a master that runs: it is on record what the node has of Docker, which is guarded.
    Ledger(database).rollouts.pin([(NODE, "docker", made()["picloud"]["docker"])])
    return made


def _plain(folder: Path, nodes: int) -> Callable[[], dict[str, Any]]:
    """The same content for each node, in one YAML file from which a template takes its part."""
    described = build(read(folder / f"cloud{nodes}"))
    keep = ("node", "rack")  # what differs between nodes; the rest would be one file beside it
    fleet = {
        node: {key: value for key, value in described.view(node).items() if key in keep}
        for node in described.nodes
    }
    for entry in fleet.values():
        entry["rack"] = entry["rack"]["name"]
    files = {
        "top.sls": "base: {'*': [picloud]}\n",
        "picloud.sls": PLAIN_SLS,
        "fleet.yaml": yaml.dump(fleet, Dumper=yaml.CSafeDumper),
    }
    return _compiler(folder, f"plain{nodes}", files)
