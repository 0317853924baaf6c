"""``salt-run keep`` and the way in the pillar, with Salt's own loaders; no Borg is there."""

import shutil

import pytest
import salt.config
import salt.loader
import salt.pillar

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"


@pytest.fixture
def opts(repo, master, tmp_path):
    """Options of a master whose pi3 keeps something."""
    cloud = shutil.copytree(repo / "pillar" / "cloud", tmp_path / "cloud")
    rack = cloud / "racks" / "rack1.sls"
    rack.write_text(rack.read_text().replace("id: pi3,", "id: pi3, keep: [/srv/data],"))
    (tmp_path / "key.pub").write_text(f"{HOST_KEY} picloud-keep\n")
    places = {
        "repositories": str(tmp_path / "held"),
        "records": str(tmp_path / "records"),
        "host_key": str(tmp_path / "key.pub"),
    }
    return master(cloud, picloud_keep=places)


@pytest.fixture
def run(salt_run):
    """Run a function of the runner; what it returned, and its exit status."""
    return lambda function, **arguments: salt_run(f"keep.{function}", **arguments)


def test_a_node_learns_the_way_from_its_pillar(opts, tmp_path):
    def pillar(node):
        return salt.pillar.Pillar(opts, {}, node, "base").compile_pillar()["picloud"]

    keep = pillar("pi3")["keep"]
    assert keep["host_key"] == HOST_KEY
    assert keep["repositories"] == str(tmp_path / "held")
    assert (keep["port"], keep["paths"]) == (4507, ["/srv/data"])
    assert "keep" not in pillar("pi4")


def test_who_keeps_something_is_listed_before_the_first_copy(run):
    answer, status = run("status")
    assert answer["rows"] == [["pi3", "-", "0", "0.0 MB", "/srv/data", "nothing was copied yet"]]
    assert (list(answer["nodes"]), status) == (["pi3"], 0)


def test_a_repository_that_cannot_be_read_is_named_and_the_status_fails(run, tmp_path):
    (tmp_path / "held" / "pi4").mkdir(parents=True)
    (tmp_path / "held" / "pi4" / "config").touch()
    answer, status = run("status")
    assert "error" in answer["nodes"]["pi4"]
    assert "keeps nothing any more" in answer["rows"][1][-1]
    assert status == 1


def test_the_archives_of_a_node_that_keeps_nothing_any_more_all_stay(run, tmp_path):
    (tmp_path / "held" / "pi4").mkdir(parents=True)
    (tmp_path / "held" / "pi4" / "config").touch()
    answer, status = run("prune")
    assert (answer["deleted"], status) == ({"pi4": []}, 0)


@pytest.mark.parametrize("function", ["now", "accept"])
def test_a_node_without_kept_data_is_refused(run, function):
    answer, status = run(function, node="pi4")
    assert "pi4" in answer["message"]
    assert status == 1


def test_a_node_that_was_never_let_in_cannot_be_asked(run):
    answer, status = run("now", node="pi3")
    assert "no accepted key" in answer["message"]
    assert status == 1
