"""Part keep through Salt's real loader: what its map makes of a view, and what comes first."""

import configparser
import shlex

import pytest
from saltfactories.utils.functional import Loaders

KEEP = {
    "paths": ["/etc/app.conf", "/srv/data"],
    "every_min": 30,
    "quota_mb": 100,
    "archives": {"hours": 1},
    "port": 4507,
    "repositories": "/var/lib/picloud-keep",
    "host_key": "ssh-ed25519 AAAA",
}
UNIT = "/etc/systemd/system/picloud-keep"


@pytest.fixture(scope="module")
def loaders(salt_factories, repo, tmp_path_factory):
    overrides = {
        "file_client": "local",
        "file_roots": {"base": [str(repo / "salt")]},
        "pillar_roots": {"base": [str(tmp_path_factory.mktemp("pillar"))]},
        "picloud_etc": str(tmp_path_factory.mktemp("etc")),
    }
    minion = salt_factories.salt_minion_daemon("pi3", overrides=overrides)  # not started
    loaders = Loaders(minion.config.copy())
    loaders.modules.saltutil.sync_all()
    return loaders


@pytest.fixture
def shown(loaders):
    """Render an SLS for a view; return the arguments of each state, in order."""

    def show(sls, **keep):
        view = {
            "node": {"id": "pi3"},
            "site": {"master": "head.pi.example"},
            "parts": ["keep"],
            "keep": {**KEEP, **keep},
        }
        states = loaders.modules.state.show_sls(sls, pillar={"picloud": view})
        assert isinstance(states, dict), states
        found = {}
        for name, state in sorted(states.items(), key=lambda item: _order(item[1])):
            ((_, entries),) = [item for item in state.items() if not item[0].startswith("__")]
            found[name] = {
                k: v for entry in entries if isinstance(entry, dict) for k, v in entry.items()
            }
        return found

    return show


def _order(state):
    ((_, entries),) = [item for item in state.items() if not item[0].startswith("__")]
    return next(entry["order"] for entry in entries if isinstance(entry, dict) and "order" in entry)


def unit(text):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text)
    return parser


def test_no_copy_is_made_before_the_card_has_its_data(shown):
    states = shown("keep")
    assert list(states) == [
        "keep-packages",
        "keep-way",
        "keep-restored",
        "keep-units",
        "keep-timer",
    ]
    assert states["keep-units"]["require"] == [{"pikeep": "keep-restored"}]
    assert states["keep-restored"]["require"] == [{"pifile": "keep-way"}]
    assert states["keep-restored"]["paths"] == KEEP["paths"]
    service = unit(shown("keep")["keep-units"]["files"][UNIT + ".service"]["contents"])
    assert service["Unit"]["ConditionPathExists"] == "/var/lib/picloud/keep.json"


def test_the_units_copy_what_is_kept_as_often_as_said(shown):
    files = shown("keep")["keep-units"]["files"]
    service, timer = (unit(files[UNIT + end]["contents"]) for end in (".service", ".timer"))
    words = shlex.split(service["Service"]["ExecStart"])
    assert words[:2] == ["/usr/bin/borg", "create"]
    assert words[-3:] == ["::{utcnow}", *KEEP["paths"]]
    assert timer["Timer"]["OnUnitActiveSec"] == "1800"
    assert timer["Timer"]["RandomizedDelaySec"] == "180"


def test_the_way_is_to_one_host_with_one_key_only(shown, loaders):
    files = shown("keep")["keep-way"]["files"]
    lines = files["/etc/picloud/keep/ssh_config"]["contents"].splitlines()
    options = dict(line.split(None, 1) for line in lines if line.startswith("    "))
    assert options["HostName"] == "head.pi.example"
    assert options["StrictHostKeyChecking"] == "yes"
    assert options["IdentitiesOnly"] == options["BatchMode"] == "yes"
    assert options["IdentityFile"] == loaders.modules.config.option("pki_dir") + "/minion.pem"
    known = files["/etc/picloud/keep/known_hosts"]["contents"]
    assert known == "picloud-keep ssh-ed25519 AAAA\n"
    environment = shlex.split(files["/etc/picloud/keep/environment"]["contents"], comments=True)
    assert "BORG_REPO=ssh://picloud-keep/var/lib/picloud-keep/pi3" in environment


def test_a_master_without_host_key_is_no_render_error(shown):
    states = shown("keep", host_key=None)
    assert states["keep-restored"]["host_key"] is None


def test_undoing_it_names_neither_data_nor_archives(shown):
    states = shown("keep.absent")
    assert list(states) == ["keep-timer-absent", "keep-units-absent", "keep-way-absent"]
    assert "/srv/data" not in str(states)


@pytest.mark.parametrize("test", [True, False])
def test_the_state_runs_in_the_real_loader(loaders, test):
    ret = loaders.states.pikeep.restored("x", paths=["/srv/data"], host_key=None, test=test)
    assert ret.result is False
    assert "picloud-keep-sshd" in ret.comment
