"""Where ``make chess`` asks, and what it says when it cannot."""

from pathlib import Path

import pytest
from picloud.cloud import build
from picloud.load import from_texts

from lab import chess
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
