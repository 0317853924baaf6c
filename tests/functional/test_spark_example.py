"""The example of Spark in a cloud that has boards for it, and in one that has not."""

import shutil

import pytest
import salt.loader


@pytest.fixture
def plan(repo, master, tmp_path):
    """Plan the shipped cloud with the example, rack 1 with boards of another model."""

    def plan(model):
        folder = shutil.copytree(repo / "pillar/cloud", tmp_path / model)
        shutil.copy(repo / "examples/spark.sls", folder / "workloads/spark.sls")
        rack = folder / "racks/rack1.sls"
        rack.write_text(rack.read_text().replace("model: pi1b", f"model: {model}"))
        context = {}
        runner = salt.loader.runner(master(folder), context=context)
        said = runner["workload.plan"](path=str(folder))
        return said, context["retcode"]

    return plan


def test_it_runs_on_boards_with_a_gigabyte_and_64_bits(plan):
    said, code = plan("pi2b12")
    assert code == 0, said
    for name, number in (("spark-master", 1), ("spark-worker", 2), ("spark-count", 1)):
        assert said["workloads"][name]["placed"] == number
        assert set(said["workloads"][name]["nodes"]) <= {f"pi{number}" for number in range(14)}


def test_it_says_why_it_does_not_run_on_others(plan):
    said, code = plan("pi2b")
    assert code == 1
    (reason,) = said["workloads"]["spark-master"]["reasons"]
    assert "arch" in reason
