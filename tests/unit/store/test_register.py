"""Looking nodes up one at a time gives what the whole cloud says."""

import pytest
from picloud.database import StorageError
from picloud.store import Store


@pytest.fixture(params=["pillar/cloud", "examples/pi2-14"])
def store(request, repo, tmp_path):
    return Store(repo / request.param, tmp_path / "cache" / "description.db")


def test_every_node_is_found_as_the_cloud_has_it(store):
    cloud, _ = store.cloud()
    register = store.register()[0]
    assert register.rejoin == cloud.rejoin
    assert [register.node(name) for name in cloud.nodes] == list(cloud.nodes.values())
    assert sorted(register.each()) == sorted(cloud.each())
    for by in ("by_serial", "by_mac", "by_port"):
        known = getattr(cloud, by)
        assert {key: getattr(register, by).get(key) for key in known} == known
    assert len(cloud.by_port) == len(cloud.nodes)


def test_who_is_not_described_is_not_found(store):
    register = store.register()[0]
    assert register.node("") is None
    assert register.node("pi' OR 1=1 --") is None
    assert register.by_serial.get("") is None
    assert register.by_mac.get("") is None
    assert register.by_port.get(("rack1", 99)) is None
    assert register.by_port.get(("", 0)) is None


@pytest.fixture
def edited(repo, tmp_path):
    """Return a store of a tiny cloud, and what edits its rack."""
    root = tmp_path / "cloud"
    root.mkdir()
    for file in (repo / "tests/data/tiny").rglob("*.sls"):
        target = root / file.relative_to(repo / "tests/data/tiny")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    rack = next(file for file in root.rglob("*.sls") if "id: pi0" in file.read_text())

    def edit(old, new):
        text = rack.read_text()
        assert old in text
        rack.write_text(text.replace(old, new))

    return Store(root, tmp_path / "cache" / "description.db", apart=True), edit


def test_an_edit_is_seen_and_a_fault_keeps_the_last_good_one(edited):
    store, edit = edited
    assert store.register()[0].node("pi0") is not None
    edit("id: pi0", "id: pi9")
    register = store.register()[0]
    assert register.node("pi0") is None
    assert register.node("pi9").id == "pi9"
    edit("id: pi9", "id: [broken")
    register, faults = store.register()
    assert register.node("pi9").id == "pi9"
    assert faults


def test_without_a_good_description_there_is_none(tmp_path):
    found, faults = Store(tmp_path / "none", tmp_path / "description.db").register()
    assert found is None
    assert [fault.rule for fault in faults] == ["no-description"]


def test_without_its_file_lookups_say_so_and_the_next_register_serves_from_memory(edited):
    store, _ = edited
    register, folder = store.register()[0], store._database.path.parent
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("no folder any more")
    with pytest.raises(StorageError, match=r"description\.db cannot be used"):
        register.node("pi0")
    assert store.register()[0].node("pi0").id == "pi0"
