"""The daemon: its configuration is put back when refused; images come once. Both modes."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError
from salt.modules import cmdmod, cp
from saltext.dockermod.states import docker_image

from _modules import dockerdaemon as dockerdaemon_mod
from _states import dockerdaemon

LOAD = "salt://docker/images/busybox-1.35-armhf.tar"


class Daemon:
    """A daemon that has images and may refuse a configuration."""

    def __init__(self):
        self.alive, self.enabled, self.refuses, self.starts = True, True, "", 0
        self.replaced, self.broken = False, False
        self.images = set()

    def restart(self):
        self.starts += 1
        if self.broken:
            raise CommandExecutionError("Docker Engine does not start: exec format error")
        self.replaced = False
        if self.refuses and self.refuses in self.config_file.read_text():
            raise CommandExecutionError("systemctl restart failed; it says: unknown option")
        self.alive = True

    def enable(self):
        self.enabled = True

    def load(self, name=None, tag=None, load=None):
        self.images.add((name, tag))
        return {"name": name, "result": True, "changes": {"Layers": 1}, "comment": "loaded"}


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon()
    daemon.config_file = tmp_path / "daemon.json"
    return daemon


@pytest.fixture
def run():
    answer = {"retcode": 0, "stdout": "", "stderr": ""}
    return create_autospec(cmdmod.run_all, return_value=answer)


@pytest.fixture
def configure_loader_modules(daemon, files, tmp_path, run):
    def spec(function, effect):
        return create_autospec(function, side_effect=effect)

    cached = tmp_path / "cached.tar"
    cached.write_text("tar")
    daemon.cached = cached
    salt = {
        **files,
        "dockerdaemon.is_running": spec(
            dockerdaemon_mod.is_running, lambda *_args, **_more: daemon.alive
        ),
        "dockerdaemon.is_replaced": spec(
            dockerdaemon_mod.is_replaced, lambda *_args, **_more: daemon.replaced
        ),
        "dockerdaemon.is_enabled": spec(
            dockerdaemon_mod.is_enabled, lambda *_args, **_more: daemon.enabled
        ),
        "dockerdaemon.enable": spec(dockerdaemon_mod.enable, daemon.enable),
        "dockerdaemon.restart": spec(dockerdaemon_mod.restart, daemon.restart),
        "dockerdaemon.image_id": spec(
            dockerdaemon_mod.image_id, lambda name, tag: (name, tag) in daemon.images or None
        ),
        "cp.hash_file": create_autospec(cp.hash_file, return_value={"hsum": "1"}),
        "cp.is_cached": create_autospec(cp.is_cached, return_value=str(cached)),
    }
    states = {"docker_image.present": spec(docker_image.present, daemon.load)}
    log = create_autospec(cmdmod.run_stdout, return_value="unable to configure: x\nlevel=info ok")
    return {
        dockerdaemon: {"__opts__": {"test": False}, "__salt__": salt, "__states__": states},
        dockerdaemon_mod: {"__salt__": {"cmd.run_all": run, "cmd.run_stdout": log}},
    }


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(dockerdaemon.__opts__, {"test": request.param}):
        yield request.param


@pytest.fixture
def running(daemon, tmp_path):
    def apply(config):
        return dockerdaemon.running(
            "docker", config, str(daemon.config_file), str(tmp_path / "run/due")
        )

    return apply


def test_an_engine_that_was_upgraded_is_restarted_once(daemon, running, testmode):
    daemon.config_file.write_text("{}\n")
    daemon.replaced = True
    ret = running({})
    assert ret["result"] is (None if testmode else True)
    assert set(ret["changes"]) == {"restarted"}
    assert daemon.starts == (0 if testmode else 1)
    if not testmode:
        assert running({})["changes"] == {}


def test_an_upgraded_engine_that_does_not_start_fails(daemon, running, testmode):
    daemon.config_file.write_text("{}\n")
    daemon.replaced = daemon.broken = True
    ret = running({})
    assert ret["result"] is (None if testmode else False)
    if not testmode:
        assert ret["comment"] == "Docker Engine does not start: exec format error"


@pytest.mark.parametrize(
    ("target", "expected"), [("/usr/sbin/dockerd", False), ("/usr/sbin/dockerd (deleted)", True)]
)
def test_a_program_whose_file_is_gone_was_replaced(tmp_path, target, expected):
    (tmp_path / "docker.pid").write_text("7")
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "exe").symlink_to(target)
    found = dockerdaemon_mod.is_replaced(str(tmp_path / "docker.pid"), str(tmp_path / "proc"))
    assert found is expected
    assert dockerdaemon_mod.is_replaced(str(tmp_path / "none"), str(tmp_path / "proc")) is False


def test_a_new_configuration_restarts_once(daemon, running, testmode):
    ret = running({"live-restore": True})
    assert ret["result"] is (None if testmode else True)
    assert set(ret["changes"]) == {"config", "restarted"}
    assert daemon.starts == (0 if testmode else 1)
    assert daemon.config_file.exists() is not testmode
    if not testmode:
        assert json.loads(daemon.config_file.read_text()) == {"live-restore": True}
        assert running({"live-restore": True})["changes"] == {}
        assert daemon.starts == 1


def test_a_refused_configuration_is_put_back(daemon, running, tmp_path):
    running({"live-restore": True})
    daemon.refuses = "no-such-option"
    ret = running({"no-such-option": 1})
    assert ret["result"] is False
    assert ret["changes"] == {}
    assert "runs with the old one" in ret["comment"]
    assert "unknown option" in ret["comment"]
    assert json.loads(daemon.config_file.read_text()) == {"live-restore": True}
    assert not (tmp_path / "run/due").exists()


def test_a_run_cut_short_before_the_restart_is_finished(daemon, running, tmp_path, testmode):
    daemon.config_file.write_text(json.dumps({"a": 1}, indent=2) + "\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/due").touch()
    ret = running({"a": 1})
    assert set(ret["changes"]) == {"restarted"}
    assert daemon.starts == (0 if testmode else 1)
    assert (tmp_path / "run/due").exists() is testmode


def test_a_daemon_that_is_down_and_off_is_started(daemon, running, testmode):
    daemon.config_file.write_text("{}\n")
    daemon.alive = daemon.enabled = False
    ret = running({})
    assert set(ret["changes"]) == {"enabled", "running"}
    assert daemon.enabled is not testmode


def test_an_image_is_loaded_once_and_its_cached_copy_dropped(daemon, testmode):
    ret = dockerdaemon.image("picloud/busybox", "1.35", LOAD)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"picloud/busybox:1.35": {"old": "", "new": "loaded"}}
    assert daemon.cached.exists() is testmode
    if not testmode:
        assert dockerdaemon.image("picloud/busybox", "1.35", LOAD)["changes"] == {}


def test_an_image_without_an_archive_is_pulled(daemon):
    ret = dockerdaemon.image("busybox", "1.35")
    assert ret["changes"] == {"busybox:1.35": {"old": "", "new": "pulled"}}
    assert daemon.cached.exists()


def test_an_archive_that_the_master_lacks_is_told_in_both_modes(testmode):
    none = create_autospec(cp.hash_file, return_value={})
    with patch.dict(dockerdaemon.__salt__, {"cp.hash_file": none}):
        ret = dockerdaemon.image("picloud/busybox", "1.35", LOAD)
    assert ret["result"] is False
    assert LOAD in ret["comment"]


def test_an_archive_with_another_image_is_told(daemon):
    other = create_autospec(docker_image.present, return_value={"result": True, "comment": ""})
    with patch.dict(dockerdaemon.__states__, {"docker_image.present": other}):
        ret = dockerdaemon.image("picloud/busybox", "1.35", LOAD)
    assert ret["result"] is False
    assert "holds no picloud/busybox:1.35" in ret["comment"]


def test_a_missing_extension_is_told():
    with patch.object(dockerdaemon, "__states__", {}):
        ret = dockerdaemon.image("picloud/busybox", "1.35", LOAD)
    assert ret["result"] is False
    assert "saltext-dockermod" in ret["comment"]


def test_a_node_without_a_daemon(daemon, testmode):
    daemon.alive = False
    ret = dockerdaemon.image("picloud/busybox", "1.35", LOAD)
    assert ret["result"] is (None if testmode else False)


def test_is_running_by_pid_file(tmp_path):
    pid_file = tmp_path / "docker.pid"
    proc = tmp_path / "proc"
    (proc / "7").mkdir(parents=True)
    assert dockerdaemon_mod.is_running(str(pid_file), str(proc)) is False
    pid_file.write_text("7")
    (proc / "7/comm").write_text("dockerd\n")
    assert dockerdaemon_mod.is_running(str(pid_file), str(proc)) is True
    (proc / "7/comm").write_text("sshd\n")
    assert dockerdaemon_mod.is_running(str(pid_file), str(proc)) is False
    pid_file.write_text("")
    assert dockerdaemon_mod.is_running(str(pid_file), str(proc)) is False


def test_a_failing_restart_speaks_with_the_daemons_words(run):
    run.side_effect = lambda command, **_more: {
        "retcode": int("restart" in command),
        "stdout": "",
        "stderr": "Job failed",
    }
    with pytest.raises(CommandExecutionError, match="does not start: unable to configure: x"):
        dockerdaemon_mod.restart()


ANSWERS = {
    "/images/picloud/busybox%3A1.35/json": {"Id": "sha256:1"},
    "/containers/json": [{"Id": "a", "Names": ["/web"]}],
    "/info": {"Containers": 2, "ContainersRunning": 1, "Images": 3},
}


class Handler(BaseHTTPRequestHandler):
    """Docker's own interface, as far as it is asked."""

    def answer(self):
        data = ANSWERS.get(self.path)
        if data is None and self.command == "POST" and self.path.startswith("/containers/a/stop"):
            data = {}
        body = json.dumps(data if data is not None else {"message": "no such image"}).encode()
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_args):
        pass


@pytest.fixture
def engine(tmp_path, monkeypatch):
    class Server(HTTPServer):
        address_family = 1  # socket.AF_UNIX

        def server_bind(self):
            self.socket.bind(self.server_address)

        def get_request(self):
            request, _ = self.socket.accept()
            return request, ("docker", 0)

    path = str(tmp_path / "docker.sock")
    server = Server(path, Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    ask = dockerdaemon_mod._ask
    monkeypatch.setattr(
        dockerdaemon_mod, "_ask", lambda *args, **more: ask(*args, **{**more, "sock": path})
    )
    yield Path(path)
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_socket_is_asked(engine):
    assert dockerdaemon_mod.image_id("picloud/busybox", "1.35") == "sha256:1"
    assert dockerdaemon_mod.image_id("picloud/busybox", "9") is None
    assert dockerdaemon_mod.contents() == {"containers": 2, "running": 1, "images": 3}
    assert dockerdaemon_mod.stop_containers() == 1


def test_a_socket_that_is_not_there(tmp_path):
    with pytest.raises(CommandExecutionError, match="does not answer"):
        dockerdaemon_mod._ask("GET", "/_ping", sock=str(tmp_path / "none"))
