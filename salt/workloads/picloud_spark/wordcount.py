"""
Count the words of files on all workers: ``python3 -m picloud_spark.wordcount '/srv/text/*.txt'``.

The files are where this runs; Spark brings them to the workers. Environment: ``MASTER`` and
``SPARK_LOCAL_IP``, see ``start``; ``DRIVER_MEMORY`` and ``EXECUTOR_MEMORY`` (512m, the least that
Spark works with); ``NODE`` of a worker, by which it is called in what was found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from operator import add
from pathlib import Path
from typing import Any

from picloud_spark import start, words
from picloud_spark.words import Part

#: Java on a small board: one thread to collect garbage, and no more code than is run often.
JAVA_OPTIONS = "-XX:+UseSerialGC -XX:ReservedCodeCacheSize=48m -Xss512k"
#: Memory of Python beside Java's; a worker that needs more spills to the card.
PYTHON_MEMORY = "64m"


def settings(own: str, environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return Spark's settings.

    own
        The container's address, see ``start.address``.
    environment
        The variables.
    """
    return {
        "spark.app.name": "wordcount",
        "spark.master": environment.get("MASTER", start.MASTER),
        "spark.driver.host": own,
        "spark.driver.bindAddress": own,
        "spark.driver.memory": environment.get("DRIVER_MEMORY", "512m"),
        "spark.executor.memory": environment.get("EXECUTOR_MEMORY", "512m"),
        "spark.driver.extraJavaOptions": JAVA_OPTIONS,
        "spark.executor.extraJavaOptions": JAVA_OPTIONS,
        "spark.python.worker.memory": PYTHON_MEMORY,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def of_part(part: Part) -> Iterator[tuple[tuple[str, str], int]]:
    """
    Yield what an executor found in a part: ``(("word", word), times)``, and who did it.

    part
        The part.
    """
    from pyspark import SparkFiles  # noqa: PLC0415 - where there is Spark

    found = words.count(Path(SparkFiles.get(part.name)), part.start, part.end)
    yield ("node", os.environ.get("NODE", "?")), 1
    for word, number in found.items():
        yield ("word", word), number


def count(paths: Sequence[Path], most: int, settings: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the words of files: ``words`` and ``different``, how many; ``top``, the most frequent
    ones; ``nodes``, how many parts each counted.

    paths, most
        The files, and how many words are listed.
    settings
        See ``settings``.
    """
    from pyspark import SparkConf, SparkContext, StorageLevel  # noqa: PLC0415

    split = words.parts([(path.name, path.stat().st_size) for path in paths])
    with SparkContext(conf=SparkConf().setAll(list(settings.items()))) as spark:
        spark.setLogLevel("ERROR")
        for path in paths:
            spark.addFile(str(path))
        pieces = spark.parallelize(split, max(1, len(split))).flatMap(of_part)
        # Of gigabytes there are thousands of parts; as many sums are enough as there are cores.
        counted = pieces.reduceByKey(add, spark.defaultParallelism)
        counted.persist(StorageLevel.MEMORY_AND_DISK)
        nodes = counted.filter(lambda one: one[0][0] == "node").collect()
        only = counted.filter(lambda one: one[0][0] == "word")
        top = only.takeOrdered(most, key=lambda one: (-one[1], one[0][1]))
        return {
            "files": len(paths),
            "words": only.values().sum(),
            "different": only.count(),
            "top": {word: number for (_, word), number in top},
            "nodes": {node: number for (_, node), number in sorted(nodes)},
        }


def text(found: dict[str, Any]) -> str:
    """
    Return what was found, for people.

    found
        See ``count``; with ``seconds``.
    """
    wide = max(map(len, found["top"]), default=0)
    rows = [f"{word.ljust(wide)}  {number:,}" for word, number in found["top"].items()]
    nodes = ", ".join(f"{node} {number}" for node, number in found["nodes"].items())
    summary = (
        f"{found['words']:,} words, {found['different']:,} different ones, in"
        f" {found['files']:,} files, after {found['seconds']:.1f} s; parts by node: {nodes or '-'}"
    )
    return "\n".join([*rows, summary])


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="wordcount", description=__doc__)
    parser.add_argument("files", nargs="+", help="paths, with * for any text")
    parser.add_argument("--top", type=int, default=20, help="how many words are listed")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args(arguments)
    paths, faults = words.files(given.files)
    if given.top < 1:
        faults.append("--top: must be 1 or more")
    if faults:
        print("\n".join(["Nothing was counted:", *faults]), file=sys.stderr)
        return 2
    began = time.monotonic()
    found = count(paths, given.top, settings(start.address(os.environ), os.environ))
    found["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(found) if given.json else text(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
