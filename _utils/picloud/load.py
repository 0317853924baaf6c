"""
Read the files of a description: text, then plain data, each file once.

The good path makes one pass of libyaml per file and keeps no places; ``locate`` finds lines again
when there is a fault to name. ``parse`` is a pure function of a text, so its result can be kept:
``read`` takes a ``Cache`` whose keys are content digests and whose values are JSON bytes made here.
A store that keeps them makes a second read cost no YAML at all for files that did not change:

.. code-block:: python

    source = load.read(Path("pillar/cloud"), load.plain, cache)
    cloud = build(source, cache)

Values in a cache are never decrypted: data stages (``Rendered.after``, such as gpg) run after it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from picloud.faults import Problem
from picloud.folder import walk
from picloud.yamltext import parse

#: Part of every cache key: changed when the meaning of cached values changes.
CACHE_VERSION = "2"

#: What must not stand outside a folder named ``secrets``: OpenPGP messages (RFC 9580, 6.2), private
#: keys (RFC 7468, 10; OpenSSH), and password hashes (crypt(5)).
SECRET = re.compile(
    r"-----BEGIN PGP MESSAGE-----|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\$(?:[156]|2[abxy]|y|gy|7|argon2id?)\$[^\s\"']{8}"
    r"|\A#!.*\bgpg\b"
)


@dataclass(frozen=True)
class Rendered:
    """
    The text of a file after every renderer before ``yaml``.

    text
        YAML.
    after
        What the data stages after ``yaml`` do with the data (``#!jinja|yaml|gpg``), or None.
    static
        Whether the text follows from this file alone: it has no template in it. Such a file is not
        even opened again while its time and size stay the same.
    """

    text: str
    after: Callable[[Any], Any] | None = None
    static: bool = False


class RenderError(Exception):
    """
    A file that cannot be rendered.

    message
        Why, in words.
    line
        The line in the source file, from 1; 0 where it is not known.
    remedy
        What to do about it.
    """

    def __init__(self, message: str, line: int = 0, remedy: str = "correct the template") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.remedy = remedy


Render = Callable[[Path], Rendered]


class Cache(Protocol):
    """Where results are kept between builds: bytes by key. A dict has the same manner."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept under ``key``, or None."""

    def __setitem__(self, key: str, value: bytes) -> None:
        """Keep ``value`` under ``key``."""


def plain(path: Path) -> Rendered:
    """Render nothing: the file is YAML as it stands. A first line ``#!...`` is a YAML comment."""
    return Rendered(path.read_text(encoding="utf-8"), static=True)


class Reader(Protocol):
    """Where a description comes from."""

    def names(self) -> Iterator[str]:
        """Return the names of its files, in order."""

    def raw(self, name: str) -> str:
        """Return a file as written."""

    def rendered(self, name: str) -> Rendered:
        """Return a file after the renderers before ``yaml``."""

    def stamp(self, name: str) -> str:
        """Return what changes whenever the file is written; empty where nothing tells."""


@dataclass(frozen=True)
class Folder:
    """A description in a folder: every file of it whose name ends in ``.sls``."""

    root: Path
    render: Render

    def names(self) -> Iterator[str]:
        names = walk(str(self.root))
        yield from sorted(name for name in names if name.endswith((".sls", ".yaml", ".yml")))

    def stamp(self, name: str) -> str:
        found = self._stat(name)
        times = f"{found.st_mtime_ns}:{found.st_ctime_ns}"
        return f"{name}:{times}:{found.st_size}:{found.st_ino}"

    def _stat(self, name: str) -> os.stat_result:
        """Look at a file; what is none (a FIFO waits for ever to be read) is an error."""
        found = os.stat(f"{self.root}/{name}")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a file")
        return found

    def raw(self, name: str) -> str:
        self._stat(name)
        return (self.root / name).read_text(encoding="utf-8")

    def rendered(self, name: str) -> Rendered:
        return self.render(self.root / name)


@dataclass(frozen=True)
class Texts:
    """A description held in memory: texts by file name."""

    texts: Mapping[str, str]

    def names(self) -> Iterator[str]:
        yield from sorted(self.texts)

    def raw(self, name: str) -> str:
        return self.texts[name]

    def rendered(self, name: str) -> Rendered:
        return Rendered(self.texts[name])

    def stamp(self, name: str) -> str:
        return ""


class Kept(Mapping[str, Any]):
    """
    The data of a file that holds nothing but racks, as a cache keeps it: decoded when looked at.

    names
        The names of its racks.
    """

    def __init__(self, names: Sequence[str], text: bytes) -> None:
        self.names = names
        self._text = text

    @cached_property
    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self._text)
        return data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


@dataclass(frozen=True)
class SourceFile:
    """
    One file, read.

    name
        Its path in the description.
    digest
        SHA-256 of what its data depend on: its text after rendering, or the data themselves where
        there are data stages.
    data
        Its content; empty when it has faults.
    problems
        What is wrong with the file itself.
    decrypted
        Whether data stages ran on it, so that it may hold what was encrypted.
    """

    name: str
    digest: str
    data: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    decrypted: bool = False

    @property
    def secret(self) -> bool:
        """Whether nothing that stands in it may be said: not to nodes, and not in a log."""
        outside = any(problem.rule == "secret-outside" for problem in self.problems)
        named = isinstance(self.data, dict) and "secrets" in self.data
        return self.decrypted or outside or named or in_secrets(self.name)


@dataclass(frozen=True)
class Source:
    """
    A description, read but not checked.

    files
        Its files, in order.
    reader
        Where they came from; places of faults are looked up there.
    """

    files: tuple[SourceFile, ...]
    reader: Reader = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and contents."""
        lines = "".join(f"{file.name}\0{file.digest}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()


def read(root: Path, render: Render = plain, cache: Cache | None = None) -> Source:
    """
    Read every file of a description. Never raises: what is wrong with files is kept with them.

    root
        The folder of the description.
    render
        What turns a path into YAML text.
    cache
        Where parsed files are kept from one read to the next.

    .. code-block:: python

        source = read(Path("pillar/cloud"))
    """
    return _read(Folder(root, render), cache)


def from_texts(texts: Mapping[str, str]) -> Source:
    """
    Make a source of texts in memory.

    texts
        YAML by file name.

    .. code-block:: python

        source = from_texts({"cloud.sls": "cloud: {name: lab, domain: pi.example}"})
    """
    return _read(Texts(texts), None)


def _read(reader: Reader, cache: Cache | None) -> Source:
    return Source(tuple(read_file(reader, name, cache) for name in reader.names()), reader)


def read_file(reader: Reader, name: str, cache: Cache | None = None) -> SourceFile:
    """Read one file: render, parse (or find it in the cache), run the data stages."""
    if not name.endswith(".sls"):
        advice = "name it .sls, or move it elsewhere"
        return _broken(name, "wrong-extension", "is not read", advice)
    try:
        return _read_file(reader, name, cache)
    except RenderError as error:
        problem = f"cannot be rendered: {error.message}"
        return _broken(name, "template", problem, error.remedy, error.line)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _broken(name, "unreadable-file", "is not UTF-8 text", "save it as UTF-8", line)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        return _broken(name, "unreadable-file", problem, "correct its owner and mode, or remove it")


def _read_file(reader: Reader, name: str, cache: Cache | None) -> SourceFile:
    stamp = reader.stamp(name) if cache is not None else ""
    known = _known(name, f"stat:{CACHE_VERSION}:{stamp}", cache) if stamp else None
    if known is not None:
        return known
    secrets = _secrets(name, reader.raw(name))
    rendered = reader.rendered(name)
    file = _parsed(name, rendered.text, cache)
    if file.problems or secrets:
        return replace(file, problems=(*secrets, *file.problems))
    if rendered.after is not None:
        return _after(file, rendered.after)
    if rendered.static and cache is not None and stamp and stamp == reader.stamp(name):
        cache[f"stat:{CACHE_VERSION}:{stamp}"] = file.digest.encode()
    return file


def _known(name: str, key: str, cache: Cache | None) -> SourceFile | None:
    """Return a file that was not written since it was read, or None."""
    digest = cache.get(key) if cache is not None else None
    if cache is None or digest is None:
        return None
    kept = cache.get(f"file:{CACHE_VERSION}:{digest.decode()}")
    return None if kept is None else SourceFile(name, digest.decode(), _unpacked(kept))


def _parsed(name: str, text: str, cache: Cache | None) -> SourceFile:
    digest = hashlib.sha256(text.encode()).hexdigest()
    key = f"file:{CACHE_VERSION}:{digest}"
    kept = cache.get(key) if cache is not None else None
    if kept is not None:
        return SourceFile(name, digest, _unpacked(kept))
    data, problems = parse(text)
    if cache is not None and not problems:
        cache[key] = _packed(data)
    return SourceFile(name, digest, data, tuple(one._replace(file=name) for one in problems))


def _packed(data: Mapping[str, Any]) -> bytes:
    """Return data as two lines: the names of racks when there is nothing else, and all of it."""
    racks = data.get("racks") if len(data) == 1 else None
    names = list(racks) if isinstance(racks, dict) else None
    return b"\n".join(json.dumps(one, separators=(",", ":")).encode() for one in (names, data))


def _unpacked(kept: bytes) -> Mapping[str, Any]:
    first, _, text = kept.partition(b"\n")
    names = json.loads(first)
    if names is not None:
        return Kept(names, text)
    data: dict[str, Any] = json.loads(text)
    return data


def _after(file: SourceFile, after: Callable[[Any], Any]) -> SourceFile:
    """Return a file after its data stages, such as gpg."""
    try:
        data = after(dict(file.data))
        digest = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    except Exception as error:
        problem, advice = f"cannot be decrypted: {error}", "see that the master has the key"
        return _broken(file.name, "data-stage", problem, advice)
    return replace(file, data=data, digest=digest, decrypted=True)


def in_secrets(name: str) -> bool:
    """Say whether a file lies in a folder named ``secrets``."""
    return "secrets" in name.split("/")[:-1]


def _broken(name: str, rule: str, problem: str, advice: str, line: int = 0) -> SourceFile:
    what = Problem((), rule, problem, advice, file=name, line=-line or -1)
    return SourceFile(name, hashlib.sha256(str(what).encode()).hexdigest(), {}, (what,))


def _secrets(name: str, text: str) -> tuple[Problem, ...]:
    if in_secrets(name):
        return ()
    if not ("-----BEGIN" in text or "$" in text or text.startswith("#!")):
        return ()
    found = SECRET.search(text)
    if found is None:
        return ()
    line = text.count("\n", 0, found.start()) + 1
    problem = "holds a secret outside a folder named secrets"
    remedy = f"move it to secrets/{name.rsplit('/', 1)[-1]} and encrypt it there"
    return (Problem((), "secret-outside", problem, remedy, file=name, line=-line),)
