"""The bench frame: figures in the form that others read, and clouds that are sound."""

import pytest
from picloud.cloud import build
from picloud.load import read

from bench import __main__ as program
from bench.frame import Figure, cpu_medians
from bench.generate import cloud


def test_a_figure_is_one_line_of_four_fields():
    line = str(Figure("pillar_cpu_10000_vs_56", 1.07654, "x", "56 nodes: 40 ms"))
    assert line.split("\t") == ["pillar_cpu_10000_vs_56", "1.08", "x", "56 nodes: 40 ms"]


def test_large_figures_are_not_shown_in_powers_of_ten():
    assert str(Figure("lab_up_s", 12345.6, "s", "")).split("\t")[1] == "12346"


def test_calls_are_measured_in_turns_after_a_first_one():
    order = []
    seconds = cpu_medians([lambda: order.append("a"), lambda: order.append("b")], rounds=2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert len(seconds) == 2


@pytest.mark.parametrize("nodes", [14, 30, 3600])
def test_generated_clouds_are_sound(tmp_path, nodes):
    made = build(read(cloud(tmp_path / "cloud", nodes)))
    assert len(made.nodes) == len(made.by_mac) == nodes


def test_the_benches_are_found_by_name():
    assert {"pillar", "compile"} <= set(program.names())
    assert "frame" not in program.names()


def test_an_unknown_bench_is_refused_with_the_known_ones(capsys):
    assert program.main(["nosuch"]) == 2
    assert "pillar" in capsys.readouterr().err


def test_a_bench_that_fails_does_not_stop_the_others(monkeypatch, capsys):
    class Good:
        @staticmethod
        def figures():
            return [Figure("good", 1, "x", "one")]

    class Bad:
        @staticmethod
        def figures():
            raise RuntimeError("no")

    benches = {"bench.good": Good, "bench.bad": Bad}
    monkeypatch.setattr(program, "names", lambda: ["bad", "good"])
    monkeypatch.setattr(program.importlib, "import_module", benches.__getitem__)
    assert program.main([]) == 1
    shown = capsys.readouterr()
    assert shown.out == "good\t1\tx\tone\n"
    assert "bench bad failed" in shown.err
