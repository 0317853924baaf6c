"""Where ``make chess`` asks, and what it says when it cannot."""

import http.server
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from picloud.cloud import build
from picloud.load import from_texts

from lab import chess, description, lock, workloads
from lab.errors import LabError
from lab.settings import Settings
from tests.unit.workloads.world import texts


def cloud(**workloads):
    return build(from_texts(texts({"r1": ["small"] * 3}, workloads)), fitting=False)


def test_every_running_node_may_have_a_front():
    made = cloud(chess={"publish": [{"published": 8010, "target": 8080}]})
    found = chess.fronts(made, {"n0": "10.0.0.1", "n2": "10.0.0.3"})
    assert found == ["http://10.0.0.1:8010", "http://10.0.0.3:8010"]


@pytest.mark.parametrize(
    "workloads", [{}, {"chess": {}}, {"web": {"publish": [{"published": 80}]}}]
)
def test_without_a_front_in_the_description_the_reason_is_given(workloads):
    with pytest.raises(LabError, match="no workload chess with a published port"):
        chess.fronts(cloud(**workloads), {"n0": "10.0.0.1"})


@pytest.mark.parametrize(
    ("fen", "pgn", "reason"),
    [
        ("", "", "neither a position nor a game is given"),
        ("startpos", "game.pgn", "both are given"),
        ("", "/nowhere/game.pgn", "there is no file /nowhere/game.pgn"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(tmp_path, fen, pgn, reason):
    settings = Settings("lab", Path.cwd(), tmp_path)
    with pytest.raises(LabError, match=reason):
        chess.run(settings, fen, pgn, "")


@pytest.fixture
def front():
    """Serve a front whose queue is away at first; return its address."""
    statuses = [503, 200]

    class Front(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.path == "/health"
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()

        def log_message(self, *_words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_front_answers_once_its_queue_is_there(front):
    assert not chess.answers(["http://127.0.0.1:1"], 0)
    assert not chess.answers([front], 0)
    assert chess.answers(["http://127.0.0.1:1", front], 10)


@pytest.mark.parametrize("answering", [[True], [False, True], [False, False]])
def test_what_does_not_run_is_built_and_started_before_it_is_asked(
    repo, tmp_path, monkeypatch, answering
):
    done, wanted = [], iter(answering)
    monkeypatch.setattr(workloads, "addresses", lambda _: {"pi0": "10.80.1.1"})
    monkeypatch.setattr(
        workloads,
        "build",
        lambda _, names: done.append(tuple(names)) or {"chess": {"done": "built"}},
    )
    monkeypatch.setattr(workloads, "start", lambda _, nodes: done.append(tuple(nodes)))
    monkeypatch.setattr(lock, "nodes", lambda *_: nullcontext())
    monkeypatch.setattr(chess, "answers", lambda *_: next(wanted))
    monkeypatch.setattr(chess, "_ask", lambda *_: done.append("asked") or 0)
    settings = Settings("lab", repo, tmp_path)
    if answering[-1]:
        chess.run(settings, "startpos", "", "")
    else:
        with pytest.raises(LabError, match="no front answers after 180 s"):
            chess.run(settings, "startpos", "", "")
    started = [] if answering[0] else [("chess", "redis"), ("pi0",)]
    assert done == started + ["asked"] * answering[-1]


def test_the_shipped_chess_is_made_of_what_make_chess_starts(repo):
    cloud = description.cloud_of(repo / "pillar" / "cloud")
    named = {name for name in cloud.common.workloads if name.startswith("chess")}
    assert named == {chess.WORKLOAD, *chess.NEEDED}
