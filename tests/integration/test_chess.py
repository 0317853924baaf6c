"""The chess analysis as it runs in its containers: a real Redis, real workers with Stockfish, and a
front on loopback. Whatever is lost in the middle, the answer is the same."""

import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from picloud_chess import ask, pages, tasks
from picloud_chess.positions import START

from tests.integration.programs import free_port, get, until

PYTHON = "/usr/bin/python3"
PACKAGES = "redis-server, stockfish, pgn-extract, python3-redis"
# Positions that take a few seconds with two workers, long enough to break something meanwhile.
MIDDLE = "r1bq1rk1/pp2bppp/2n1pn2/3p4/3P4/2NB1N2/PP3PPP/R1BQ1RK1 w - - 0 10"
ENDING = "8/5pk1/4p1p1/3pP2p/3P1P1P/4K1P1/8/8 b - - 3 40"
PGN = '[White "A"]\n[Black "B"]\n[Result "0-1"]\n\n1. f3 ; weak\ne5 2. g4 {worse} Qh4# 0-1\n'


class Cluster:
    """Programs of one analysis, each ended with its children when the test ends."""

    def __init__(self, stack, folder, checkout):
        self.stack, self.folder = stack, folder
        self.env = {
            **os.environ,
            "PYTHONPATH": str(checkout / "salt/workloads"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "QUEUE": f"unix://{folder}/redis.sock",
            "LEASE": "2",
        }
        self.redis = self.start_redis()
        self.workers, self.fronts = {}, {}

    def start(self, *command, **env):
        log = self.stack.enter_context(open(f"{self.folder}/log", "a"))  # noqa: SIM115
        process = subprocess.Popen(
            command,
            env={**self.env, **env},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.stack.callback(self.kill, process)
        return process

    @staticmethod
    def kill(process):
        """What a node does to its processes when it loses its power."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def start_redis(self):
        options = ["--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", ""]
        process = self.start("/usr/bin/redis-server", *options, "--appendonly", "no")
        until(lambda: self.redis_cli("ping", check=False) == "PONG")
        return process

    def redis_cli(self, *words, check=True):
        command = ["/usr/bin/redis-cli", "-s", f"{self.folder}/redis.sock", *words]
        done = subprocess.run(command, check=check, capture_output=True, text=True)
        return done.stdout.strip()

    def worker(self, node, **env):
        module = [PYTHON, "-m", "picloud_chess.worker"]
        self.workers[node] = self.start(*module, NODE=node, WORKER=f"{node}.1", **env)
        return self.workers[node]

    def front(self, patience="30"):
        port = free_port()
        where = {"ADDRESS": "127.0.0.1", "PORT": str(port), "PATIENCE": patience}
        url = f"http://127.0.0.1:{port}"
        self.fronts[url] = self.start(PYTHON, "-m", "picloud_chess.front", **where)
        until(lambda: get(f"{url}/health")[0] == 200)
        return url

    def holder(self):
        """Which part some worker has just now, with the worker's name; or nothing."""
        return self.redis_cli("xpending", "chess:parts", "workers", "-", "+", "1", check=False)

    def wait_for_part(self, node):
        until(lambda: f"{node}.1" in self.holder())


@contextmanager
def running(checkout):
    # A short path: the name of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="chess-") as folder, ExitStack() as stack:
        yield Cluster(stack, folder, checkout)


@pytest.fixture(scope="session", autouse=True)
def packages():
    needed = ("redis-server", "redis-cli", "../games/stockfish", "../games/pgn-extract")
    missing = [name for name in needed if not Path("/usr/bin", name).exists()]
    assert not missing, f"install {PACKAGES}: make test does it"


@pytest.fixture
def cluster(repo):
    with running(repo) as made:
        yield made


@pytest.fixture(scope="module")
def calm(repo):
    """Two workers and a front that nothing happens to, and the front's address."""
    with running(repo) as made:
        made.worker("pi1")
        made.worker("pi2")
        yield made.front()


def asked(url, **fields):
    status, _, text = get(f"{url}/analysis", urlencode(fields).encode())
    assert status == 200, text
    return json.loads(text)


def essence(answer):
    """What follows from the question alone."""
    return {key: value for key, value in answer.items() if key != "work"}


class Asking:
    """A question that is being answered."""

    def __init__(self, cluster, url, fen, depth):
        self.process = subprocess.Popen(
            [PYTHON, "-m", "picloud_chess.ask", "--json", url, fen, "--depth", str(depth)],
            env=cluster.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        cluster.stack.callback(self.process.kill)

    def answer(self):
        out, _ = self.process.communicate(timeout=240)
        assert self.process.returncode == 0
        return json.loads(out)


@pytest.fixture(scope="module")
def wanted(calm):
    """The answer to the question that the tests below disturb."""
    return essence(asked(calm, fen=MIDDLE, depth=12))


def test_all_moves_of_a_position_are_searched_on_both_nodes(calm):
    answer = asked(calm, fen="startpos", depth=10)
    assert len(answer["moves"]) == 20
    assert answer["best"]["move"] in ("e4", "d4", "c4", "Nf3", "g3", "Nc3")
    assert answer["best"] == answer["moves"][0]
    assert [one["node"] for one in answer["work"]["nodes"]] == ["pi1", "pi2"]
    assert sum(one["parts"] for one in answer["work"]["nodes"]) == 21
    assert answer["work"]["searched"] > 1000
    assert "White to move. Best:" in pages.text(answer)


def test_the_only_good_move_is_found(calm):
    """A rook that gives mate at once; black to move, so white sees a negative score."""
    answer = asked(calm, fen="r5k1/8/8/8/8/8/5PPP/6K1 b - -", depth=6)
    assert answer["best"]["move"] == "Ra1#"
    assert answer["best"]["score"] == {"mate": -1}


@pytest.mark.parametrize(
    ("fen", "how"),
    [("R3k3/8/4K3/8/8/8/8/8 b - -", "checkmate"), ("7k/5Q2/6K1/8/8/8/8/8 b - -", "stalemate")],
)
def test_a_finished_game_is_over(calm, fen, how):
    assert asked(calm, fen=fen)["over"] == how


def test_each_move_of_a_game_is_judged(calm):
    answer = asked(calm, pgn=PGN, depth=10)
    assert [move["move"] for move in answer["moves"]] == ["f3", "e5", "g4", "Qh4#"]
    assert [move["mark"] for move in answer["moves"]][2:] == ["blunder", ""]
    assert answer["moves"][2]["score"] == {"mate": -1}
    assert answer["tags"] == {"White": "A", "Black": "B", "Result": "0-1"}
    assert "2. g4??" in pages.text(answer)
    status, _, text = get(f"{calm}/analysis?depth=10", PGN.encode(), Content_Type="text/plain")
    assert status == 200
    assert essence(json.loads(text)) == essence(answer)


def test_a_browser_gets_pages(calm):
    status, kind, text = get(f"{calm}/")
    assert (status, kind) == (200, "text/html")
    assert 'action="/analysis"' in text
    page = get(f"{calm}/analysis?fen={quote(ENDING)}&depth=4", Accept="text/html")
    assert page[:2] == (200, "text/html")
    assert "<td>" in page[2]
    refused = get(f"{calm}/analysis?fen=%3Cb%3E", Accept="text/html")
    assert refused[:2] == (400, "text/html")
    assert "<b>" not in refused[2]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "give a position"),
        ({"fen": "8/8/8/8/8/8/8/8 w - - 0 1"}, "white has 0 kings instead of 1; black has 0"),
        ({"fen": "4k3/8/8/8/4R3/8/8/4K3 w - -"}, "the side to move could take the king"),
        ({"fen": "4k3/4K3/8/8/8/8/8/8 w - -"}, "the side to move could take the king"),
        ({"fen": "startpos", "depth": "99"}, 'the depth is "99" instead of 2 to 22'),
        ({"pgn": PGN.replace("2. g4", "2. g5")}, "line 6: 2. g5 is not a legal move"),
        ({"pgn": PGN.replace("1. f3", "1. f5")}, "line 5: 1. f5 is not a legal move"),
        ({"pgn": PGN + "\n" + PGN}, "the PGN holds 2 games; give one"),
        ({"pgn": "hello"}, "is not part of a game"),
        ({"pgn": "*"}, "the PGN holds no moves"),
        ({"pgn": '[FEN "x"]\n\n1. e4 *'}, "the FEN has 1 fields instead of 6"),
        ({"pgn": "1. Nf3 Nf6 2. Ng1 Ng8 " * 101}, "the game has 404 half moves; at most 400"),
    ],
)
def test_a_bad_question_gets_one_error_with_the_reason(calm, fields, reason):
    status, kind, text = get(f"{calm}/analysis", urlencode(fields).encode())
    assert (status, kind) == (400, "application/json")
    assert reason in json.loads(text)["error"]


def test_what_is_no_question_is_refused(calm):
    assert get(f"{calm}/etc/passwd")[0] == 404
    assert get(f"{calm}/", b"x")[0] == 404
    assert get(f"{calm}/analysis", b"x" * 300_000)[0] == 413


def test_a_question_asked_again_costs_nothing(calm, wanted):
    start = time.monotonic()
    assert essence(asked(calm, fen=MIDDLE, depth=12)) == wanted
    assert time.monotonic() - start < 2


def test_a_node_that_loses_its_power_changes_nothing_but_the_time(cluster, wanted):
    cluster.worker("pi1")
    url = cluster.front()
    question = Asking(cluster, url, fen=MIDDLE, depth=12)
    cluster.wait_for_part("pi1")
    cluster.kill(cluster.workers["pi1"])
    assert "pi1.1" in cluster.holder()
    cluster.worker("pi2")
    answer = question.answer()
    assert essence(answer) == wanted
    assert "pi2" in [one["node"] for one in answer["work"]["nodes"]]


def test_a_worker_that_is_asked_to_end_gives_its_part_back_at_once(cluster, wanted):
    cluster.env["LEASE"] = "300"
    worker = cluster.worker("pi1")
    url = cluster.front()
    question = Asking(cluster, url, fen=MIDDLE, depth=12)
    cluster.wait_for_part("pi1")
    worker.terminate()
    assert worker.wait(10) == 0
    cluster.worker("pi2")
    assert essence(question.answer()) == wanted


def test_a_worker_that_is_frozen_loses_its_part_and_does_no_harm_later(cluster, wanted):
    frozen = cluster.worker("pi1")
    url = cluster.front()
    question = Asking(cluster, url, fen=MIDDLE, depth=12)
    cluster.wait_for_part("pi1")
    os.killpg(frozen.pid, signal.SIGSTOP)
    cluster.worker("pi2")
    assert essence(question.answer()) == wanted
    os.killpg(frozen.pid, signal.SIGCONT)
    answer = asked(url, fen=ENDING, depth=11)
    assert answer["best"]
    until(lambda: cluster.redis_cli("xlen", "chess:parts") == "0")
    assert frozen.poll() is None


def test_a_queue_that_is_lost_with_all_it_holds_changes_nothing_but_the_time(cluster, wanted):
    cluster.worker("pi1")
    cluster.worker("pi2")
    url = cluster.front()
    question = Asking(cluster, url, fen=MIDDLE, depth=12)
    cluster.wait_for_part("pi1")
    cluster.kill(cluster.redis)
    time.sleep(1)
    cluster.start_redis()
    assert essence(question.answer()) == wanted
    assert all(worker.poll() is None for worker in cluster.workers.values())


def test_a_front_that_is_lost_is_replaced_by_another(cluster, wanted):
    cluster.worker("pi1")
    first, second = cluster.front(), cluster.front()
    question = Asking(cluster, f"{first},{second}", fen=MIDDLE, depth=12)
    cluster.wait_for_part("pi1")
    cluster.kill(cluster.fronts[first])
    assert essence(question.answer()) == wanted


def test_an_engine_that_ends_ends_its_worker_and_another_does_the_part(cluster):
    folder = Path(cluster.folder)
    engine = folder / "stockfish"
    engine.write_text("#!/bin/sh\necho uciok\nread a\nread b\nread c\nexit 3\n")
    engine.chmod(0o755)
    url = cluster.front()
    question = Asking(cluster, url, fen=ENDING, depth=8)
    bad = cluster.worker("pi1", ENGINE=str(engine))
    assert bad.wait(20) == 1
    assert "the engine" in (folder / "log").read_text()
    cluster.worker("pi2")
    assert [one["node"] for one in question.answer()["work"]["nodes"]] == ["pi2"]


def test_a_part_over_which_every_worker_is_lost_is_given_up(cluster):
    url = cluster.front()
    look = tasks.look(START)
    cluster.redis_cli("xgroup", "create", "chess:parts", "workers", "0", "mkstream")
    place = cluster.redis_cli("xadd", "chess:parts", "*", "key", look.key, "task", look.text)
    cluster.redis_cli("hset", "chess:queued", look.key, place)
    cluster.redis_cli("xreadgroup", "group", "workers", "gone", "streams", "chess:parts", ">")
    claim = ["xclaim", "chess:parts", "workers", "gone", "0", place]
    cluster.redis_cli(*claim, "idle", "99999", "retrycount", "5")
    cluster.worker("pi1")
    status, _, text = get(f"{url}/analysis?fen=startpos")
    assert status == 500
    assert json.loads(text) == {"error": "5 workers were lost over one part"}
    assert cluster.redis_cli("xlen", "chess:parts") == "0"


def test_rubbish_in_the_queue_is_taken_out(cluster):
    cluster.worker("pi1")
    until(lambda: cluster.redis_cli("exists", "chess:parts") == "1")
    cluster.redis_cli("xadd", "chess:parts", "*", "key", "x", "task", '{"kind": "quit"}')
    cluster.redis_cli("xadd", "chess:parts", "*", "other", "x")
    until(lambda: cluster.redis_cli("xlen", "chess:parts") == "0")
    assert asked(cluster.front(), fen=ENDING, depth=4)["best"]


def test_without_a_worker_the_reason_is_given(cluster):
    url = cluster.front(patience="1")
    status, _, text = get(f"{url}/analysis?fen=startpos")
    assert status == 503
    assert "none of 1 parts was finished for 1 s; does a worker run?" in text
    cluster.kill(cluster.redis)
    status, _, text = get(f"{url}/analysis?fen=startpos")
    assert status == 503
    assert "the queue cannot be used" in text


def test_a_user_without_any_front_gets_the_reason(cluster, capsys):
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ask.AskError, match="refused"):
        ask.ask([nobody], {"fen": "startpos"}, patience=1)
    assert ask.main([cluster.front(), "nonsense"]) == 1
    assert "no analysis: the FEN has 1 fields" in capsys.readouterr().err
