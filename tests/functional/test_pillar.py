"""The ext_pillar through Salt's real loader: each minion its own view, and _errors that stop it."""

import logging
import shutil
from pathlib import Path

import msgpack
import picloud_salt
import pytest
import salt.config
import salt.pillar
from picloud.ledger import Rejoin
from picloud.ledger.overrides import Drain, Scale
from picloud.ledger.swarms import Swarm, Token
from saltfactories.utils.functional import Loaders


@pytest.fixture
def cloud(repo, tmp_path):
    """A copy of the shipped description that a test may break."""
    return shutil.copytree(repo / "pillar" / "cloud", tmp_path / "cloud")


@pytest.fixture
def settings(repo, cloud, tmp_path):
    """What a master and a masterless minion alike need for the ext_pillar."""
    (tmp_path / "pillar").mkdir()
    (tmp_path / "pillar" / "top.sls").write_text("base: {'*': [plain]}\n")
    (tmp_path / "pillar" / "plain.sls").write_text("ordinary: pillar\n")
    return {
        "pillar_dirs": [str(repo / "_pillar")],
        "utils_dirs": [str(repo / "_utils")],
        "pillar_roots": {"base": [str(tmp_path / "pillar")]},
        "ext_pillar": [{"picloud": {"path": str(cloud)}}],
        "picloud_database": f"sqlite:///{tmp_path}/ledger.db",
    }


@pytest.fixture
def compile_pillar(settings, tmp_path):
    """Compile the pillar of a minion as a master does."""
    opts = salt.config.master_config(None)
    opts.update(settings, cachedir=str(tmp_path / "cache"))
    opts["file_roots"] = opts["pillar_roots"]

    def _compile(minion_id, grains=None):
        compiler = salt.pillar.Pillar(opts, grains or {}, minion_id, "base")
        return compiler.compile_pillar()

    return _compile


def break_it(cloud, faults=1):
    lines = (cloud / "racks" / "rack1.sls").read_text().splitlines(keepends=True)
    nodes = [number for number, line in enumerate(lines) if "{id: pi" in line]
    for number in nodes[:faults]:
        lines[number] = lines[number].replace("address:", "adress:")
    (cloud / "racks" / "rack1.sls").write_text("".join(lines))


def mend(cloud):
    text = (cloud / "racks" / "rack1.sls").read_text()
    (cloud / "racks" / "rack1.sls").write_text(text.replace("adress:", "address:"))


def test_a_node_gets_its_view_beside_ordinary_pillar(compile_pillar):
    pillar = compile_pillar("pi3")
    assert pillar["ordinary"] == "pillar"
    view = pillar["picloud"]
    assert view["node"]["id"] == "pi3"
    assert view["board"]["arch"] == "armel"
    assert view["parts"] == ["base", "boot", "salt_minion", "docker", "swarm"]
    assert set(view["parts"]) <= set(view)
    assert len(view["modules_digest"]) == 64


def test_the_pillar_is_plain_data_that_travels(compile_pillar):
    view = compile_pillar("pi3")["picloud"]
    assert msgpack.unpackb(msgpack.packb(view)) == view


def test_no_other_rack_shows_in_a_view(compile_pillar):
    seen = compile_pillar("pi3")["picloud"]
    # The addresses of managers: Docker Engine tells them to every node of a swarm.
    assert seen["swarm"].pop("managers") == ["10.80.1.1", "10.80.2.1", "10.80.3.1"]
    view = str(seen)
    assert "pi14" not in view
    assert "10.80.2." not in view
    assert "rack2" not in view


def test_managers_of_a_swarm_see_its_workloads_as_they_are_now_and_nobody_else_does(
    compile_pillar, cloud
):
    (cloud / "secrets").mkdir()
    (cloud / "secrets" / "web.sls").write_text("secrets: {web-key: {contents: hush}}\n")
    assert compile_pillar("pi0")["picloud"]["workloads"]["services"]["web"]["replicas"] == 3
    file = cloud / "workloads.sls"
    key = "replicas: 4\n    secrets: [{source: web-key}]"
    file.write_text(file.read_text().replace("replicas: 3", key))
    for manager in ("pi0", "pi14"):
        seen = compile_pillar(manager)["picloud"]["workloads"]
        assert seen["services"]["web"]["replicas"] == 4
        assert seen["secrets"]["web-key"] == "hush"
    other = compile_pillar("pi3")["picloud"]
    assert "workloads" not in other
    assert "hush" not in str(other)


def test_a_number_said_by_hand_of_what_is_global_by_now_does_not_count(
    compile_pillar, settings, cloud
):
    picloud_salt.ledger(settings).overrides.scale(Scale("web", 2, "jane", 1.0))
    assert compile_pillar("pi0")["picloud"]["workloads"]["services"]["web"]["replicas"] == 2
    file = cloud / "workloads.sls"
    text = file.read_text().replace("replicas: 3", "mode: global")
    text = text.replace("placement: {max_per_node: 2}", "placement: {}")
    file.write_text(text.replace("uplink_mbps: 5", "uplink_mbps: 0"))
    (cloud / "workloads" / "sensors.sls").unlink()
    work = compile_pillar("pi0")["picloud"]["workloads"]
    assert "replicas" not in work["services"]["web"]


def test_the_digest_of_what_is_described_knows_edits_and_nothing_said_by_hand(
    compile_pillar, settings, cloud
):
    def described():
        return compile_pillar("pi0")["picloud"]["workloads"]["described"]

    ledger, before = picloud_salt.ledger(settings), described()
    for number in (5, 1, 0):
        ledger.overrides.scale(Scale("web", number, "jane", 1.0))
        assert described() == before
    assert "web" not in compile_pillar("pi0")["picloud"]["workloads"]["services"]
    file = cloud / "workloads.sls"
    text = file.read_text()
    file.write_text(text.replace("replicas: 3", "replicas: 4"))
    assert described() != before
    (cloud / "secrets").mkdir()
    key = "replicas: 3\n    secrets: [{source: web-key}]"
    file.write_text(text.replace("replicas: 3", key))
    found = set()
    for word in ("hush", "hushed"):
        contents = f"secrets: {{web-key: {{contents: {word}}}}}\n"
        (cloud / "secrets" / "web.sls").write_text(contents)
        assert compile_pillar("pi0")["picloud"]["workloads"]["services"] is not None
        found.add(described())
    assert len(found) == 1
    assert before not in found


def test_a_node_is_told_of_its_swarm_what_is_on_record(compile_pillar, settings):
    ledger = picloud_salt.ledger(settings)
    nobody = compile_pillar("pi0")["picloud"]["swarm"]
    assert (nobody["role"], nobody["begin"], nobody["token"]) == ("manager", False, None)
    assert nobody["settings"]["default_addr_pool"] == ["10.128.0.0/9"]
    assert "subnet_size" not in nobody["settings"]
    ledger.swarms.begin("glasgow", "pi14", 1.0)
    begins = {name: compile_pillar(name)["picloud"]["swarm"]["begin"] for name in ("pi0", "pi14")}
    assert begins == {"pi0": False, "pi14": True}
    ledger.swarms.put(Swarm("glasgow", "pi14", "cluster", 2.0))
    ledger.swarms.give(Token("pi3", "worker", "sealed:x", 3.0))
    worker, manager = (compile_pillar(name)["picloud"]["swarm"] for name in ("pi3", "pi14"))
    assert (worker["role"], worker["begin"], worker["token"]) == ("worker", False, "sealed:x")
    assert worker["managers"][0] == "10.80.2.1"
    assert "nodes" not in worker
    assert (manager["begin"], manager["token"]) == (False, None)
    assert manager["nodes"]["pi3"]["labels"]["rack"] == "rack1"
    ledger.overrides.drain(Drain("pi3", "jane", 4.0))
    said = compile_pillar("pi14")["picloud"]["swarm"]["nodes"]
    assert (said["pi3"]["availability"], said["pi4"]["availability"]) == ("drain", "active")


def test_without_a_ledger_a_node_gets_no_token_and_the_rest(compile_pillar, tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"this is not SQLite at all, " * 100)
    found = compile_pillar("pi0")["picloud"]["swarm"]
    assert (found["begin"], found["token"]) == (False, None)
    assert found["managers"][0] == "10.80.1.1"
    # Nobody knows which nodes are to be empty, nor which entry of the swarm is whose.
    assert (found["role"], "nodes" in found) == ("manager", False)


@pytest.mark.parametrize("name", ["stranger", "pi", "pi3\n", "*", "pi3.pi.example", "PI3"])
def test_an_unknown_minion_gets_nothing(compile_pillar, name):
    pillar = compile_pillar(name)
    assert "picloud" not in pillar
    assert "_errors" not in pillar


def test_a_spare_card_in_the_lobby_sees_that_it_waits_and_nothing_else(compile_pillar, settings):
    ledger = picloud_salt.ledger(settings)
    ledger.rejoins.put([Rejoin("card-0123456789ab", "lobby", reason="who is it?", step_at=5.0)])
    waits = {"card": "card-0123456789ab", "since": 5.0, "reason": "who is it?"}
    everybody = {"ordinary": "pillar"}
    assert compile_pillar("card-0123456789ab") == {**everybody, "picloud_lobby": waits}
    assert compile_pillar("card-000000000000") == everybody
    ledger.rejoins.put([Rejoin("card-0123456789ab", "bound")])
    assert compile_pillar("card-0123456789ab") == everybody


def test_grains_decide_nothing(compile_pillar):
    claims = {"id": "pi4", "pi": {"serial": "1"}, "picloud": {"parts": ["x"]}, "host": "pi4"}
    assert compile_pillar("pi3", claims) == compile_pillar("pi3")
    assert "picloud" not in compile_pillar("stranger", claims)


def test_a_broken_description_keeps_the_last_good_view_and_adds_errors(compile_pillar, cloud):
    good = compile_pillar("pi3")["picloud"]
    break_it(cloud)
    pillar = compile_pillar("pi3")
    assert pillar["picloud"] == {**good, "last_good": True}
    assert pillar["ordinary"] == "pillar"
    (reason,) = pillar["_errors"]
    assert "racks/rack1.sls:12: racks.rack1.nodes.left/1.adress" in reason
    assert "keys are known (unknown-key)" in reason
    assert "salt-run picloud.validate" in reason
    mend(cloud)
    assert "_errors" not in compile_pillar("pi3")


def test_a_node_is_told_five_faults_and_how_many_more(compile_pillar, cloud):
    compile_pillar("pi3")
    break_it(cloud, faults=9)
    (reason,) = compile_pillar("pi3")["_errors"]
    assert reason.count("(unknown-key)") == 5
    assert "and 4 more" in reason


@pytest.mark.parametrize("name", ["pi3", "stranger"])
def test_without_a_good_description_nobody_is_known_and_nobody_gets_anything(
    compile_pillar, cloud, name
):
    break_it(cloud)
    assert compile_pillar(name) == {"ordinary": "pillar"}


def test_a_fault_tells_a_node_nothing_of_another(compile_pillar, cloud):
    compile_pillar("pi3")
    file = cloud / "racks" / "rack1.sls"
    file.write_text(file.read_text().replace("id: pi2,", 'id: pi2, serial: "hush-0001",'))
    (reason,) = compile_pillar("pi3")["_errors"]
    assert "board serials are well-formed (bad-serial)" in reason
    assert "hush" not in reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("secrets/s.sls", "base: {admins: {jane: {keys: [HUNTER2SECRET]}}}\n"),
        ("secrets/s.sls", "base: {HUNTER2SECRET: 1}\n"),
        ("secrets/s.sls", "HUNTER2SECRET: 1\n"),
        ("secrets/s.sls", "base: {swap_mb: HUNTER2SECRET\n"),
        ("secrets/s.sls", "HUNTER2SECRET: {\nHUNTER2SECRET\n"),
        ("secrets/s.sls", "base: {{ HUNTER2SECRET }}\n"),
        ("secrets/s.sls", 'network: {hosts: {head.pi.example: "HUNTER2SECRET"}}\n'),
        ("open.sls", "base: {swap_mb: HUNTER2SECRET, x: $6$abcdefghij}\n"),
        ("open.sls", "#!yaml|gpg\nbase: {swap_mb: HUNTER2SECRET}\n"),
    ],
)
def test_a_secret_with_a_fault_is_said_nowhere(compile_pillar, cloud, caplog, name, text):
    compile_pillar("pi3")
    (cloud / "base.sls").unlink()
    (cloud / name).parent.mkdir(exist_ok=True)
    (cloud / name).write_text(text)
    with caplog.at_level(logging.DEBUG):
        (reason,) = compile_pillar("pi3")["_errors"]
    assert f"{name}:" in reason
    assert "HUNTER2SECRET" not in reason
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("tests")]
    assert f"{name}:" in "".join(logged)
    assert "HUNTER2SECRET" not in "".join(logged)


def test_a_stranger_learns_nothing_of_a_broken_description(compile_pillar, cloud):
    compile_pillar("pi3")
    break_it(cloud)
    assert compile_pillar("stranger") == {"ordinary": "pillar"}


def test_the_log_says_it_once_per_change_and_not_once_per_minion(compile_pillar, cloud, caplog):
    def said():
        return [r for r in caplog.records if "last good one stays in force" in r.getMessage()]

    compile_pillar("pi3")
    break_it(cloud)
    with caplog.at_level(logging.ERROR):
        for node in ("pi3", "pi4", "pi40"):
            compile_pillar(node)
        assert len(said()) == 1
        assert "(unknown-key)" in said()[0].getMessage()
        break_it(cloud, faults=2)
        compile_pillar("pi3")
    assert len(said()) == 2


def test_an_edit_shows_in_the_next_compile(compile_pillar, cloud):
    compile_pillar("pi3")
    file = cloud / "base.sls"
    file.write_text(file.read_text().replace("packages: []", "packages: [htop]"))
    assert compile_pillar("pi3")["picloud"]["base"]["packages"] == ["htop"]


@pytest.fixture
def loaders(salt_factories, settings, tmp_path):
    """A minion that compiles its pillar itself, with one state to apply."""
    states = tmp_path / "states"
    states.mkdir()
    (states / "top.sls").write_text("base: {'*': [one]}\n")
    (states / "one.sls").write_text(
        "{{ pillar['picloud']['node']['slot'] }}:\n  test.succeed_with_changes: []\n"
    )
    overrides = {**settings, "file_client": "local", "file_roots": {"base": [str(states)]}}
    minion = salt_factories.salt_minion_daemon("pi3", overrides=overrides)
    return Loaders(minion.config.copy())


def reload(loaders, tmp_path):
    """Load everything anew; the loaders of the tests empty the cache then, which no master does."""
    cache = Path(loaders.opts["cachedir"]) / "picloud"
    kept = shutil.copytree(cache, tmp_path / "kept")
    loaders.reload_all()
    shutil.copytree(kept, cache, dirs_exist_ok=True)


def test_errors_stop_highstates_and_single_state_files_with_the_reason(loaders, cloud, tmp_path):
    ways = [("highstate",), ("apply",), ("apply", "one")]

    def run(function, *names):
        return getattr(loaders.modules.state, function)(*names)

    for way in ways:
        assert [state.id for state in run(*way)] == ["rack1/left/4"], way
    break_it(cloud)
    loaders.modules.saltutil.refresh_pillar()
    reload(loaders, tmp_path)
    for way in ways:
        stopped = run(*way)
        assert stopped.failed, way
        assert "racks.rack1.nodes.left/1.adress" in str(stopped.errors), way
        assert "salt-run picloud.validate" in str(stopped.errors), way
