"""
The registry of a master: Debian's docker-registry, with what the part ``salt/registry`` keeps.

What nodes reach takes no writes. To push or delete, a second registry over the same folder is
started for that moment: on the loopback, with a login that is made for it and lost after it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from picloud_watch import NoAnswerError

from picloud_images import programs

#: Where nodes reach the registry of their master.
PORT = 5000
#: Who runs it (Debian's package), and as whom nodes log in.
USER, LOGIN = "docker-registry", "picloud"
START_S = 20
PUSH_S = 1800
SWEEP_S = 1800


class Registry:
    """
    The registry of this master.

    opts
        The master's options; ``picloud_registry: {folder: ..., storage: ..., port: ...}`` where
        settings, storage or port are not the usual ones.

    Methods raise ``NoAnswerError`` with the remedy.
    """

    def __init__(self, opts: Mapping[str, Any]) -> None:
        given = opts.get("picloud_registry")
        options = given if isinstance(given, Mapping) else {}
        self.folder = Path(options.get("folder") or "/etc/picloud/registry")
        self.storage = Path(options.get("storage") or "/var/lib/docker-registry")
        self.port = int(options.get("port") or PORT)

    @property
    def ready(self) -> bool:
        """Whether this master has one."""
        return all((self.folder / name).exists() for name in ("ca.crt", "password"))

    def require(self) -> None:
        """Raise unless this master has one."""
        if not self.ready:
            raise NoAnswerError("This master has no registry yet: salt-run image.registry")

    def way(self, master: str) -> dict[str, str] | None:
        """
        Return what a node has to know to pull: ``address``, ``ca``, ``user``, ``password``. None
        while there is no registry.

        master
            The name by which the node knows its master.
        """
        try:
            ca = (self.folder / "ca.crt").read_text(encoding="ascii")
            password = (self.folder / "password").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return {"address": f"{master}:{self.port}", "ca": ca, "user": LOGIN, "password": password}

    def has(self, name: str, digest: str) -> bool:
        """
        Return whether a manifest is there.

        name, digest
            Its name without a tag, and its digest.
        """
        kind, _, number = digest.partition(":")
        revisions = f"docker/registry/v2/repositories/{name}/_manifests/revisions"
        link = self.storage / revisions / kind / number / "link"
        return link.is_file() and self._blob(digest).is_file()

    def listed(self, digest: str) -> list[str]:
        """
        Return the digests of the manifests that an index lists; none of what is not there.

        digest
            The digest of the index.
        """
        try:
            said = json.loads(self._blob(digest).read_bytes())
            return [str(one["digest"]) for one in said.get("manifests", ())]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return []

    def _blob(self, digest: str) -> Path:
        kind, _, number = digest.partition(":")
        return self.storage / f"docker/registry/v2/blobs/{kind}/{number[:2]}/{number}/data"

    def push(self, layout: Path, name: str, tag: str, digest: str) -> None:
        """
        Push an image with all its architectures.

        layout
            The folder of images (OCI) that holds it.
        name, tag
            What it is to be called.
        digest
            The digest that it has.
        """
        self.copy(f"oci:{layout}", name, tag, digest)

    def copy(self, origin: str, name: str, tag: str, digest: str) -> None:
        """
        Copy an image with all its architectures.

        origin
            Where from, in the words of ``skopeo``.
        name, tag, digest
            As for :meth:`push`.
        """
        with (
            self._writable() as (address, login),
            tempfile.TemporaryDirectory(dir="/var/tmp") as folder,
        ):
            auth = Path(folder) / "auth.json"
            _write(auth, json.dumps({"auths": {address: {"auth": login}}}))
            said = programs.skopeo(
                "copy",
                "--quiet",
                "--all",
                "--preserve-digests",
                "--dest-tls-verify=false",
                f"--dest-authfile={auth}",
                origin,
                f"docker://{address}/{name}:{tag}",
                timeout=PUSH_S,
            )
        if not self.has(name, digest):
            raise NoAnswerError(f"{name}:{tag} was pushed, and {digest} is not there: {said}")

    def delete(self, manifests: Iterable[tuple[str, str]]) -> None:
        """
        Delete manifests; what only they used stays on the disk until ``sweep``.

        manifests
            Names and digests. What is not there is no fault.
        """
        with self._writable() as (address, login):
            for name, digest in manifests:
                _request("DELETE", f"http://{address}/v2/{name}/manifests/{digest}", login, (404,))

    def sweep(self) -> int:
        """Free the room of what no manifest uses, and of pushes cut short; the bytes freed."""
        root = self.storage / "docker/registry/v2"
        if not (root / "blobs").is_dir():
            return 0
        before = self.size()
        for uploads in list((root / "repositories").rglob("_uploads")):
            shutil.rmtree(uploads, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            config = _config(self.storage, {})
            path = _shared(Path(folder), "config.yml", yaml.safe_dump(config))
            programs.run(
                *_as_user("docker-registry", "garbage-collect", str(path)), timeout=SWEEP_S
            )
        return max(0, before - self.size())

    def size(self) -> int:
        """Return how many bytes the registry takes."""
        return sum(
            os.stat(os.path.join(root, name)).st_size
            for root, _, names in os.walk(self.storage)
            for name in names
        )

    @contextlib.contextmanager
    def _writable(self) -> Iterator[tuple[str, str]]:
        """Run a registry that takes writes; its address, and the login as HTTP wants it."""
        password = secrets.token_urlsafe(24)
        line = programs.run("htpasswd", "-niB", LOGIN, given=password).strip()
        address = f"127.0.0.1:{_free_port()}"
        with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
            folder = Path(temporary)
            users = _shared(folder, "users", f"{line}\n")
            http = {
                "http": {"addr": address, "secret": secrets.token_hex(16)},
                "auth": {"htpasswd": {"realm": "picloud", "path": str(users)}},
            }
            config = _shared(folder, "config.yml", yaml.safe_dump(_config(self.storage, http)))
            log = folder / "log"
            with log.open("wb") as said:
                served = subprocess.Popen(
                    _as_user("docker-registry", "serve", str(config)), stdout=said, stderr=said
                )
                try:
                    login = base64.b64encode(f"{LOGIN}:{password}".encode()).decode()
                    _await(served, address, login, log)
                    yield address, login
                finally:
                    served.terminate()
                    served.wait()

    def apply(
        self,
        checkout: Path,
        names: Iterable[str],
        part: str = "registry",
        proxy: str | None = None,
        *,
        emulate: bool = True,
    ) -> list[str]:
        """
        Bring this machine to what the part ``registry`` says; what was changed, one line each.

        checkout
            The repository with ``salt/``.
        names
            Names by which nodes know this master.
        part
            ``registry``, or ``registry.absent`` to take it away.
        proxy
            Where Debian's packages are fetched from, if not straight from the mirror.
        emulate
            Whether images are made for other architectures than that of this machine, too.
        """
        given = {
            "names": sorted(set(names)),
            "port": self.port,
            "folder": str(self.folder),
            "storage": str(self.storage),
            "user": LOGIN,
            "emulate": emulate,
        }
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            root = Path(folder)
            minion = {
                "id": "registry",
                "file_client": "local",
                "file_roots": {"base": [str(checkout / "salt")]},
                "cachedir": f"{folder}/cache",
                "pki_dir": f"{folder}/pki",
                "log_file": f"{folder}/log",
                "enable_legacy_startup_events": False,
                "fileserver_followsymlinks": False,
            }
            _write(root / "minion", yaml.safe_dump(minion))
            said = programs.run(
                programs.beside("salt-call"),
                "--local",
                f"--config-dir={folder}",
                "--out=json",
                "--log-level=quiet",
                "state.apply",
                part,
                f"pillar={json.dumps({'registry': given})}",
                timeout=PUSH_S,
                codes=(0, 1, 2),
                env={"http_proxy": proxy} if proxy else {},
            )
        return _changed(said)


def _changed(said: str) -> list[str]:
    """What states changed, or NoAnswerError with why they did not."""
    try:
        states = json.loads(said)["local"]
    except (ValueError, KeyError) as err:
        raise NoAnswerError(f"salt-call said: {said.strip()[-500:] or 'nothing'}") from err
    if not isinstance(states, dict):
        raise NoAnswerError("; ".join(map(str, states)))
    ordered = sorted(states.values(), key=lambda one: one["__run_num__"])
    bad = [
        f"{one['__id__']}: {one['comment']}"
        for one in ordered
        if one["result"] is False and "requisite failed" not in str(one["comment"])
    ]
    if bad:
        raise NoAnswerError("The registry is not as it should be:\n  " + "\n  ".join(bad))
    return list(dict.fromkeys(one["__id__"] for one in ordered if one["changes"]))


def _config(storage: Path, more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        **more,
    }


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else may read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)


def _shared(folder: Path, name: str, text: str) -> Path:
    """Write a file that the registry's user may read too."""
    path = folder / name
    _write(path, text)
    try:
        for one in (folder, path):
            shutil.chown(one, USER)
    except LookupError as err:
        raise NoAnswerError(f"There is no user {USER}: salt-run image.registry") from err
    return path


def _as_user(*command: str) -> list[str]:
    """A command of the registry's user that ends with whoever began it, killed or not."""
    user = ("--reuid", USER, "--regid", USER, "--init-groups")
    return ["setpriv", *user, "--pdeathsig", "KILL", "--", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(served: subprocess.Popen[bytes], address: str, login: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            _request("GET", f"http://{address}/v2/", login)
        except NoAnswerError as err:
            if served.poll() is not None or time.monotonic() > deadline:
                words = " ".join(log.read_text(errors="replace").strip().splitlines()[-2:])
                raise NoAnswerError(f"docker-registry did not start: {words or err}") from err
            time.sleep(0.1)
        else:
            return


def _request(method: str, url: str, login: str, expected: Collection[int] = ()) -> None:
    asked = urllib.request.Request(url, method=method, headers={"Authorization": f"Basic {login}"})
    # The loopback is never reached by way of a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=60):
            return
    except urllib.error.HTTPError as err:
        if err.code not in expected:
            raise NoAnswerError(f"the registry refuses {method} {url}: {err}") from err
    except OSError as err:
        raise NoAnswerError(f"the registry does not answer: {err}") from err
