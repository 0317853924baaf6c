"""``salt-run workload`` with Salt's own loader and the shipped description."""

import shutil

import pytest
from picloud import tables


@pytest.fixture
def web(repo, tmp_path):
    """The shipped description with one workload, ``web``."""
    ignored = shutil.ignore_patterns("workloads")
    return shutil.copytree(repo / "pillar/cloud", tmp_path / "cloud", ignore=ignored)


@pytest.fixture
def opts(master, web):
    return master(web)


@pytest.fixture
def run(salt_run):
    """Run a function; what it says, and its exit status."""
    return salt_run


@pytest.fixture
def copy(web, tmp_path):
    """A working copy of the description, and what edits its workloads."""
    root = shutil.copytree(web, tmp_path / "copy")

    def edit(old, new):
        file = root / "workloads.sls"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return str(root)

    return edit


def test_all_shipped_workloads_fit(run, repo):
    said, code = run("workload.plan", path=str(repo / "pillar/cloud"))
    assert code == 0
    assert {"web", "chess"} <= set(said["workloads"])
    assert "all fit" in said["summary"]


def test_the_workloads_of_the_master_fit_and_nothing_changes(run):
    said, code = run("workload.plan")
    assert (code, said["outputter"], said["show"]) == (0, "picloud", "table")
    web = said["workloads"]["web"]
    assert (web["wanted"], web["placed"], web["changes"], web["reasons"]) == (3, 3, [], [])
    assert said["sites"]["glasgow"]["mbps"] == {"taken": 30, "total": 5600}
    assert said["sites"]["glasgow"]["uplink"] == {"taken": 15, "total": 100}
    text = tables.render(said)
    assert "all fit" in text
    assert "glasgow: 0.3 of 56 CPU, memory 48 of 7168 MB" in text
    assert said["notices"][-1].startswith("Changes are told against the description in force")


def test_a_working_copy_shows_what_it_changes(run, copy):
    said, code = run("workload.plan", path=copy("replicas: 3", "replicas: 5"))
    assert code == 0
    changes = said["workloads"]["web"]["changes"]
    assert [(one["old"], one["new"]) for one in changes] == [(0, 1), (0, 1)]
    assert said["rows"][0][4] == "+2"


def test_an_edit_of_the_service_itself_is_shown_in_words(run, copy):
    said, code = run(
        "workload.plan", path=copy("    replicas: 3", "    replicas: 3\n    user: web")
    )
    web = said["workloads"]["web"]
    assert (code, web["changes"], web["edits"]) == (0, [], ["user nothing -> web"])
    assert said["rows"][0][4] == "edited"
    assert "web is edited: user nothing -> web" in tables.render(said)


def test_a_workload_that_goes_is_shown_as_gone(run, copy):
    said, _ = run("workload.plan", path=copy("  web:\n    image: web", "  www:\n    image: web"))
    assert said["workloads"]["web"]["mode"] == "gone"
    assert {row[0]: row[4] for row in said["rows"]} == {"web": "-3", "www": "+3"}


def test_what_does_not_fit_is_explained_and_fails(run, copy):
    said, code = run("workload.plan", path=copy("memory_mb: 16", "memory_mb: 200"))
    assert code == 1
    assert said["workloads"]["web"]["placed"] == 0
    (reason,) = said["workloads"]["web"]["reasons"]
    assert "a replica takes 200 MB, and pi0 has most left, 128 MB, so 72 MB are missing" in reason
    assert reason in tables.render(said)
    assert said["summary"] == "1 workload: 1 does not fit."


def test_any_other_fault_is_a_message(run, copy):
    said, code = run("workload.plan", path=copy("image: web", "image: wob"))
    assert code == 1
    assert (
        'workloads.sls:25: workloads.web.image: "wob" is not in container_images' in said["message"]
    )


def test_a_folder_that_is_not_there(run, tmp_path):
    said, code = run("workload.plan", path=str(tmp_path / "nowhere"))
    assert code == 1
    assert "There is no folder" in said["message"]


def test_without_a_manager_the_plan_says_who_is_missing(run, copy):
    root = copy("replicas: 3", "replicas: 3")
    for number in (1, 2, 3):
        file = f"{root}/racks/rack{number}.sls"
        with open(file) as handle:
            text = handle.read()
        with open(file, "w") as handle:
            handle.write(text.replace(", roles: [swarm-manager]", ""))
    said, code = run("workload.plan", path=root)
    assert code == 1
    assert "no node with Docker has the role swarm-manager" in said["notices"][0]
