"""Parts of an analysis and their results: split, sent as text, read again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picloud_chess import tasks, uci
from picloud_chess.positions import START
from picloud_chess.tasks import Look, Result, Task
from picloud_chess.uci import Found, Score

moves = st.from_regex(r"[a-h][1-8][a-h][1-8][nbrq]?", fullmatch=True)
numbers = st.integers()
lines = st.lists(moves).map(tuple)
scores = st.builds(Score, numbers, st.none()) | st.builds(Score, st.none(), numbers)
founds = st.builds(Found, scores, lines, numbers, numbers) | st.builds(
    Look, lines, st.booleans(), st.booleans()
)


def test_a_position_is_split_by_its_moves():
    split = tasks.of_position(START, ["e2e4", "d2d4"], 9)
    assert split == [
        Task("search", START, ("e2e4",), 8),
        Task("search", START, ("d2d4",), 8),
    ]


def test_a_game_is_split_by_its_positions():
    split = tasks.of_game(START, ["e2e4", "e7e5"], 9)
    assert [task.moves for task in split] == [(), ("e2e4",), ("e2e4", "e7e5")]
    assert {task.depth for task in split} == {9}


@given(lines, numbers)
def test_a_part_is_read_as_it_was_written(made, depth):
    task = Task("search", START, made, depth)
    assert tasks.task_of(task.text) == task
    assert tasks.task_of(task.text).key == task.key


def test_other_work_has_another_name():
    split = [
        *tasks.of_game(START, ["e2e4"], 9),
        *tasks.of_game(START, ["e2e4"], 10),
        *tasks.of_position(START, ["d2d4"], 9),
        tasks.look(START),
    ]
    assert len({task.key for task in split}) == len(split)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "shell"},
        {"fen": "startpos\nquit"},
        {"fen": 7},
        {"moves": ["e2e4 quit"]},
        {"moves": [5]},
        {"moves": None},
        {"depth": "9"},
        {"depth": True},
    ],
)
def test_nothing_goes_to_an_engine_that_is_no_part(change):
    good = json.loads(tasks.look(START).text)
    assert tasks.task_of(json.dumps(good))
    with pytest.raises(ValueError, match="not a task"):
        tasks.task_of(json.dumps({**good, **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"kind": "look"}'])
def test_rubbish_is_neither_a_part_nor_a_result(text):
    with pytest.raises(ValueError, match="not a task"):
        tasks.task_of(text)
    with pytest.raises(ValueError, match="not a result"):
        tasks.result_of(text)


@given(founds)
def test_a_result_is_read_as_it_was_written(found):
    result = Result("pi3", 1.5, found)
    assert tasks.result_of(result.text) == result


def test_a_failure_is_read_as_it_was_written():
    result = Result("pi3", 0.0, error="lost")
    assert tasks.result_of(result.text) == result


def test_better_scores_rank_higher():
    best_first = [
        Score(mate=1),
        Score(mate=4),
        Score(cp=2000),
        Score(cp=0),
        Score(cp=-1),
        Score(mate=-7),
        Score(mate=-1),
        Score(mate=0),
    ]
    assert sorted(best_first, key=lambda score: score.rank, reverse=True) == best_first


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (Score(cp=30), Score(cp=-30)),
        (Score(cp=0), Score(cp=0)),
        (Score(mate=0), Score(mate=1)),  # the move mates
        (Score(mate=-2), Score(mate=3)),  # the move, and two more
        (Score(mate=1), Score(mate=-1)),  # the move lets the other side mate
    ],
)
def test_a_move_has_the_score_of_what_comes_after_it(after, wanted):
    assert after.before == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "info depth 9 seldepth 12 multipv 1 score cp -25 nodes 70 nps 7 time 1 pv e7e5 g1f3",
            Found(Score(cp=-25), ("e7e5", "g1f3"), 9, 70),
        ),
        (
            "info depth 5 score mate -2 nodes 7 pv a7a8q",
            Found(Score(mate=-2), ("a7a8q",), 5, 7),
        ),
        ("info depth 0 score mate 0", Found(Score(mate=0), (), 0, 0)),
        ("info depth 5 score cp 3 lowerbound nodes 7 pv e2e4", None),
        ("info string NNUE evaluation using score", None),
        ("info depth 5 currmove e2e4", None),
        ("info depth x score cp 3", None),
        ("info depth 5 score cp", None),
        ("info depth 5 score elo 5 pv e2e4", None),
        ("info depth 5 score cp 5 pv e2e4 what", None),
        ("bestmove e2e4", None),
        ("", None),
    ],
)
def test_a_line_of_a_search_is_read(line, wanted):
    assert uci.info(line) == wanted


@pytest.mark.parametrize("data", [None, 7, {}, {"cp": 1, "mate": 2}, {"cp": "1"}, {"elo": 1}])
def test_what_is_no_score_is_refused(data):
    with pytest.raises(ValueError, match="is no score"):
        uci.score_of(data)
