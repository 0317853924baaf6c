"""
What the description needs of Salt: its renderers, and where a master keeps things.

The core (``picloud``) knows nothing of Salt; the ext_pillar, the runners and ``make validate``
reach it through here. Works in a daemon and in a plain script alike.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import salt.config
from picloud import load
from picloud.ledger import Ledger
from picloud.store import Store
from salt.exceptions import SaltRenderError

log = logging.getLogger(__name__)

#: Where a checkout lies when it is not told otherwise: this file is ``<checkout>/_utils/...``.
CHECKOUT = Path(__file__).resolve().parent.parent

#: What a text holds when Jinja has something to do in it (Jinja's default delimiters).
_JINJA = re.compile(r"\{[{%#]")
_LINE_OPTIONS = ("line_statement_prefix", "line_comment_prefix")
#: What Swarm fills in itself, in the words of its own templates, and Jinja cannot read.
_SWARMS = re.compile(r"\{\{-?\s*\.")
#: Messages of gpg that go on with what the file holds.
_GPG_SHOWS = re.compile(
    r"\b(armor header|unexpected armor|escaped line|radix64 character|invalid packet)\b.*"
)
_CONTEXT = {"_pillar_rend": True}
#: Salt's loggers of failed renderings.
_LOUD = ("salt.utils.templates", "salt.loaded.int.render.gpg")

#: What ``saltutil.sync_all`` brings to the nodes.
SYNCED = ("_grains", "_modules", "_states")

_stores: dict[tuple[Path, Path], Store] = {}
#: A database connection must not be shared with a child process.
_ledgers: dict[tuple[int, str], Ledger] = {}
_digests: dict[Path, tuple[tuple[object, ...], str]] = {}


def default_opts() -> dict[str, Any]:
    """
    Return the options of the master of this machine, or Salt's own where there is none.

    .. code-block:: python

        opts = picloud_salt.default_opts()
    """
    return dict(salt.config.master_config("/etc/salt/master"))


def description(opts: dict[str, Any]) -> Path:
    """
    Return the folder of the description that a master serves.

    opts
        The master's options; the folder is the ``path`` of its ext_pillar ``picloud``. Without one
        it is ``pillar/cloud`` of the checkout this file lies in.
    """
    for entry in opts.get("ext_pillar") or ():
        configured = entry.get("picloud") if isinstance(entry, dict) else None
        if isinstance(configured, dict) and configured.get("path"):
            return Path(configured["path"])
    return CHECKOUT / "pillar" / "cloud"


def database(opts: dict[str, Any]) -> Path:
    """
    Return where a master keeps its compiled description.

    opts
        The master's options, of which ``cachedir`` counts.
    """
    return Path(opts["cachedir"]) / "picloud" / "description.db"


def store(opts: dict[str, Any], path: str | Path | None = None, apart: bool = False) -> Store:
    """
    Return the store of the compiled description; one object a process and folder.

    opts
        The master's options.
    path
        The folder of the description, where it is not the one that ``opts`` names.
    apart
        Whether to compile in a process of its own, see :class:`picloud.store.Store`.

    .. code-block:: python

        view, faults = picloud_salt.store(__opts__).view("pi3")
    """
    root = Path(path) if path else description(opts)
    key = (root, database(opts))
    if key not in _stores:
        _stores[key] = Store(root, key[1], render(opts, root), apart=apart)
    return _stores[key]


def ledger(opts: dict[str, Any]) -> Ledger:
    """
    Return the ledger of a master: cards, boards, and nodes on their way back; one object a process.

    opts
        The master's options. ``picloud_database`` is its URL; without one it is SQLite in
        ``var/lib/picloud/ledger.db`` below ``root_dir``.

    .. code-block:: python

        picloud_salt.ledger(__opts__).cards.in_use("pi3")
    """
    default = Path(opts.get("root_dir") or "/", "var", "lib", "picloud", "ledger.db")
    url = str(opts.get("picloud_database") or f"sqlite:///{default}")
    key = (os.getpid(), url)
    if key not in _ledgers:
        _ledgers[key] = Ledger(url)
    return _ledgers[key]


def modules(checkout: Path = CHECKOUT) -> dict[str, str]:
    """
    Return all modules that nodes get: text by path in a minion's cache, as ``modules/pirejoin.py``.

    checkout
        The folder with ``_modules``, ``_states`` and the like.
    """
    return {
        path.relative_to(checkout).as_posix().removeprefix("_"): path.read_text("utf-8")
        for path in _synced(checkout)
    }


def modules_digest(checkout: Path = CHECKOUT) -> str:
    """
    Return the SHA-256 of all modules that nodes get, by which a node sees that it has to sync.

    checkout
        The folder with ``_modules``, ``_states`` and the like. Files are read again only when their
        time or size changed.
    """
    paths = _synced(checkout)
    stats = [path.stat() for path in paths]
    stamp = tuple((str(p), s.st_mtime_ns, s.st_size) for p, s in zip(paths, stats, strict=True))
    if _digests.get(checkout, ((), ""))[0] != stamp:
        digest = hashlib.sha256()
        for path in paths:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(checkout).as_posix()} {content}\n".encode())
        _digests[checkout] = (stamp, digest.hexdigest())
    return _digests[checkout][1]


def _synced(checkout: Path) -> list[Path]:
    return [
        path
        for folder in SYNCED
        for path in sorted((checkout / folder).rglob("*.py"))
        if path.is_file()
    ]


def render(opts: dict[str, Any], root: Path | None = None) -> load.Render:
    """
    Return what turns a file of a description into YAML text, with the renderers of Salt.

    opts
        Options of Salt. ``renderer`` names the default pipe (``jinja|yaml``), the renderers of a
        file's own first line (``#!jinja|yaml|gpg``) go before it.
    root
        The folder of the description: ``{% import %}`` finds files from here.

    Jinja sees no pillar and no grains, because the description is compiled once for all nodes.

    .. code-block:: python

        source = load.read(root, picloud_salt.render(opts, root))
    """
    return _Renderer(opts, root or description(opts))


class _Renderer:
    """Renders one file after the other; Salt's loaders are made when a file first needs them."""

    def __init__(self, opts: dict[str, Any], root: Path) -> None:
        self._root = root
        self._loaded: Any = None
        # What a loader hands out works only while it calls; the dict in it works later too.
        self._opts = opts = opts.value() if hasattr(opts, "value") else opts
        lines = {**(opts.get("jinja_env") or {}), **(opts.get("jinja_sls_env") or {})}
        self._jinja_by_line = any(lines.get(option) for option in _LINE_OPTIONS)

    def __call__(self, path: Path) -> load.Rendered:
        text = path.read_text(encoding="utf-8")
        stages = self._stages(text)
        names = [name for name, _ in stages]
        if "yaml" not in names:
            pipe = "|".join(names) or "nothing"
            raise load.RenderError(f"{pipe} makes no YAML; end the first line with |yaml", 1)
        place, static = names.index("yaml"), True
        for name, argument in stages[:place]:
            if name != "jinja" or self._jinja_by_line or _JINJA.search(text):
                text = self._run(name, argument, io.StringIO(text), path)
                static = False
        after = stages[place + 1 :]
        if not after:
            return load.Rendered(text, static=static)
        return load.Rendered(text, lambda data: self._data(after, data, path))

    def _stages(self, text: str) -> list[tuple[str, str]]:
        """Return the renderers of a file with their arguments, as Salt reads its first line."""
        first = text.partition("\n")[0].strip()
        own = first.startswith("#!") and not first.startswith("#!/")
        pipe = first[2:] if own else self._opts.get("renderer") or "jinja|yaml"
        pipe = {"yaml_jinja": "jinja|yaml", "yaml_mako": "mako|yaml"}.get(pipe, pipe)
        stages = []
        for part in pipe.split("|"):
            name, _, argument = part.strip().partition(" ")
            allowed = self._opts.get("renderer_whitelist") or [name]
            if name in (self._opts.get("renderer_blacklist") or ()) or name not in allowed:
                raise load.RenderError(f"the renderer {name} is forbidden by the configuration", 1)
            stages.append((name, argument.strip()))
        return stages

    def _run(self, name: str, argument: str, given: Any, path: Path) -> Any:
        """Run one renderer of Salt and return what it makes: text, or data."""
        renderers = self._renderers()
        if name not in renderers:
            raise load.RenderError(f"there is no renderer {name}", 1)
        options: dict[str, Any] = {"argline": argument} if argument else {}
        sls = ".".join(path.relative_to(self._root).with_suffix("").parts)
        try:
            with _quiet():
                made = renderers[name](
                    given,
                    "base",
                    sls,
                    renderers=renderers,
                    tmplpath=str(path),
                    context=dict(_CONTEXT),
                    **options,
                )
        except SaltRenderError as error:
            raise _render_error(error, path) from error
        return made.read() if hasattr(made, "read") else made

    def _data(self, stages: list[tuple[str, str]], data: Any, path: Path) -> Any:
        for name, argument in stages:
            data = self._run(name, argument, data, path)
        return data

    def _renderers(self) -> Any:
        if self._loaded is None:
            import salt.loader  # noqa: PLC0415 - slow, and most descriptions never need it

            roots = {"base": [str(self._root)]}
            opts = dict(
                self._opts,
                id="picloud",
                file_client="local",
                file_roots=roots,
                pillar_roots=roots,
                pillar={},
                grains={},
                gpg_decrypt_must_succeed=True,
            )
            functions = salt.loader.minion_mods(opts)
            self._loaded = salt.loader.render(opts, functions, pillar={})
        return self._loaded


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep out of the log what becomes a fault with file and line: tracebacks, ciphertext."""
    loggers = [logging.getLogger(name) for name in _LOUD]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _render_error(error: SaltRenderError, path: Path) -> load.RenderError:
    """Say in one line what a renderer could not do; ciphertext is left out."""
    text = str(error.error if isinstance(error.error, str) else error)
    if "GPG unavailable" in text:
        return load.RenderError("gpg is not installed on the master (apt-get install gnupg)")
    said = re.findall(r"gpg: ((?:(?!\\n).)*)", text)
    if said:
        lines = (_GPG_SHOWS.sub(r"\1", line).strip(" '\"") for line in said)
        return load.RenderError("; ".join(dict.fromkeys(lines)))
    line = error.line_num if isinstance(error.line_num, int) else 0
    if isinstance(error.__context__, jinja2.TemplateNotFound):
        missing = error.__context__.name
        return load.RenderError(f"there is no {missing} in the folder of the description", line)
    message = text.partition("\n")[0].partition("; line ")[0].strip()
    written = path.read_text(encoding="utf-8").splitlines()
    if 0 < line <= len(written) and _SWARMS.search(written[line - 1]):
        remedy = "write what Swarm is to fill in as {% raw %}{{.Node.Hostname}}{% endraw %}"
        return load.RenderError(message, line, remedy)
    return load.RenderError(message, line)
